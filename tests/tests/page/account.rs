//! The pages that need no program in the browser, and the panel behind them: a server is claimed, left and entered again.

use serde_json::{Value, json};
use tests::{Bridge, Browser, TempFolder, own_address};

use crate::stage::{DESKTOP, SOON, texts};

const PHONE: (u32, u32) = (412, 823);
const PASSWORD: &str = "correct horse";

fn unclaimed() -> (Bridge, String) {
    let bridge = Bridge::open_in(TempFolder::new("account"), "");
    let start = format!("http://{}:{}/claim#", own_address(), bridge.http.port());
    let link = bridge.process.stdout.find("a link to claim it", |line| {
        line.split_once(&start).map(|(_, token)| format!("{start}{}", token.trim()))
    });
    (bridge, link)
}

/// Fills fields in by their names, as a person does, and presses the form's button.
fn fill_in(browser: &Browser, fields: &[(&str, &str)]) {
    for (name, text) in fields {
        let field = browser.element(&format!("form [name={name}]"));
        browser.click(&field);
        browser.type_into(&field, text);
    }
    browser.click(&browser.element("form [type=submit]"));
}

fn wait_for_path(browser: &Browser, path: &str) {
    browser.wait_for(path, SOON, &format!("return location.pathname + location.search === '{path}'"));
}

fn wait_for_link(browser: &Browser, state: &str) {
    let script = format!("return document.documentElement.dataset.link === '{state}'");
    browser.wait_for(&format!("the link is {state}"), SOON, &script);
}

fn wait_for_words(browser: &Browser, words: &str) {
    let script = format!("return document.body.innerText.includes({})", json!(words));
    browser.wait_for(words, SOON, &script);
}

/// What is wrong with a page as such: in its structure, for a finger, for a screen reader, or beside the screen.
fn flaws(browser: &Browser) -> Vec<String> {
    let script = "const wrong = [], seen = e => e.getClientRects().length > 0;
        if (document.querySelectorAll('main').length !== 1 || document.querySelectorAll('h1').length !== 1) wrong.push('not one main and one h1');
        if (!document.documentElement.lang || !document.title) wrong.push('no language or title');
        if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the screen');
        for (const e of [...document.querySelectorAll('input, select')].filter(seen)) {
            if (!e.labels?.length) wrong.push(`${e.name} has no label`);
            if ((e.closest('label') ?? e).getBoundingClientRect().height < 44) wrong.push(`${e.name} is small`);
        }
        for (const e of [...document.querySelectorAll('button, a')].filter(seen))
            if (e.getBoundingClientRect().height < 44) wrong.push(`${e.textContent} is small`);
        const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
        if (new Set(ids).size !== ids.length) wrong.push('an id twice');
        return wrong;";
    texts(&browser.run(script, &[]))
}

/// The contrast of all words with what is behind them (WCAG 1.4.3), where that is one colour.
fn pale_words(browser: &Browser) -> Vec<String> {
    let script = r"const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const rgb = text => (text.match(/[\d.]+/g) ?? []).map(n => text.startsWith('color(') ? n * 255 : Number(n));
        const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] >= 1) return c; } return [255, 255, 255]; };
        const pale = [];
        for (const e of document.querySelectorAll('h1, h2, p, a, button, span, strong, small, b')) {
            if (!e.getClientRects().length || !e.textContent.trim()) continue;
            const [one, other] = [light(rgb(getComputedStyle(e).color)), light(back(e))].sort((a, b) => b - a);
            if ((one + 0.05) / (other + 0.05) < 4.5) pale.push(`${e.textContent.trim()}: ${(one + 0.05) / (other + 0.05)}`);
        }
        return pale;";
    texts(&browser.run(script, &[]))
}

/// Looks at a page on a phone and on a desk, in light and in dark.
fn look_over(browser: &Browser, page: &str) {
    for (width, height) in [DESKTOP, PHONE] {
        browser.resize(width, height);
        for theme in ["dark", "light"] {
            // Without motion the colours are there at once.
            let features = json!([
                { "name": "prefers-color-scheme", "value": theme },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ]);
            browser.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
            assert_eq!(flaws(browser), [] as [&str; 0], "{page} at {width} in {theme}");
            assert_eq!(pale_words(browser), [] as [&str; 0], "{page} at {width} in {theme}");
        }
    }
}

#[test]
fn the_plain_pages_speak_the_language_that_the_browser_asks_for() {
    let (bridge, link) = unclaimed();
    let home = Bridge::from_afar(bridge.http);
    let browser = Browser::start(PHONE.0, PHONE.1);
    let agent = browser.run("return navigator.userAgent", &[]);
    let languages = json!({ "userAgent": agent, "acceptLanguage": "nl,de-CH,en" });
    browser.devtools("Emulation.setUserAgentOverride", &languages);
    browser.open(&link);
    wait_for_words(&browser, "Dieses Switchboard gehört noch niemandem.");
    assert_eq!(browser.attribute("html", "lang").as_deref(), Some("de"));
    look_over(&browser, "claim");
    fill_in(&browser, &[("name", "alice"), ("password", PASSWORD)]);
    wait_for_path(&browser, "/");
    for (path, words, shown) in [
        ("account", "Gruppen: admin", "(dieser hier)"),
        ("users", "Nutzer hinzufügen oder ändern", "Ändern"),
        ("permissions", "Darf jemand etwas?", "senden an"),
    ] {
        browser.open(&format!("http://{home}/{path}"));
        wait_for_words(&browser, words);
        wait_for_words(&browser, shown);
        look_over(&browser, path);
    }
    // What was chosen in the panel counts more.
    browser.run("localStorage.setItem('switchboard-language', 'en')", &[]);
    browser.open(&format!("http://{home}/permissions"));
    wait_for_words(&browser, "May somebody do something?");
    assert_eq!(browser.attribute("html", "lang").as_deref(), Some("en"));
    assert_eq!(browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_server_is_claimed_left_and_entered_again() {
    let (bridge, link) = unclaimed();
    let home = Bridge::from_afar(bridge.http);
    let browser = Browser::start(PHONE.0, PHONE.1);
    browser.open(&link);
    wait_for_words(&browser, "Nobody owns this Switchboard yet");
    browser.wait_for(
        "the code is out of the address",
        SOON,
        "return location.hash === '' && document.querySelector('[data-code]').hidden",
    );
    look_over(&browser, "claim");
    fill_in(&browser, &[("name", "alice"), ("password", PASSWORD)]);
    wait_for_path(&browser, "/");
    wait_for_link(&browser, "online");
    bridge.process.stderr.expect(&["connected", "user=\"alice\""]);
    // The way out is in the settings.
    browser.open(&format!("http://{home}/settings"));
    wait_for_link(&browser, "online");
    browser.click(&browser.element("a[href='/account']"));
    wait_for_words(&browser, "Groups: admin");
    look_over(&browser, "account");
    browser.click(&browser.element("[data-logout]"));
    wait_for_path(&browser, "/login");
    assert_eq!(browser.complaints(), [] as [&str; 0], "the console is quiet");
    // Without it every page of the panel leads here, and back.
    browser.open(&format!("http://{home}/explorer"));
    wait_for_path(&browser, "/login?back=/explorer");
    look_over(&browser, "login");
    fill_in(&browser, &[("name", "alice"), ("password", "wrong")]);
    wait_for_words(&browser, "The user name or the password is wrong.");
    browser.run("document.querySelector('form').elements.password.value = ''", &[]);
    fill_in(&browser, &[("password", PASSWORD)]);
    wait_for_path(&browser, "/explorer");
    wait_for_link(&browser, "online");
    // And never to another place.
    for back in ["//evil.example/", "https://evil.example/", "/\\\\evil.example", "javascript:alert(1)"] {
        browser.open(&format!("http://{home}/login?back={back}"));
        browser.wait_for(
            back,
            SOON,
            &format!("return location.host === '{home}' && location.pathname !== '/login'"),
        );
    }
}

#[test]
fn a_page_that_is_logged_out_elsewhere_leads_to_the_login() {
    let (_bridge, link) = unclaimed();
    let browser = Browser::start(PHONE.0, PHONE.1);
    browser.open(&link);
    fill_in(&browser, &[("name", "alice"), ("password", PASSWORD)]);
    wait_for_path(&browser, "/");
    wait_for_link(&browser, "online");
    // As from another device of hers: the page itself does nothing but lose its connection.
    let script = "const done = arguments[arguments.length - 1];
        fetch('/api/logout', { method: 'POST' }).then((answer) => done(answer.status), (e) => done(String(e)));";
    assert_eq!(browser.run_async(script, &[]), Value::from(204));
    wait_for_link(&browser, "refused");
    let login = browser.element(".empty a[href='/login'], .trouble a[href='/login']");
    browser.click(&login);
    wait_for_path(&browser, "/login");
}

#[test]
fn an_admin_adds_users_and_asks_what_they_may() {
    let (bridge, link) = unclaimed();
    let home = Bridge::from_afar(bridge.http);
    let browser = Browser::start(PHONE.0, PHONE.1);
    browser.open(&link);
    fill_in(&browser, &[("name", "alice"), ("password", PASSWORD)]);
    wait_for_path(&browser, "/");
    browser.open(&format!("http://{home}/users"));
    wait_for_words(&browser, "Who may log in");
    let name = "<b>bob</b> & \"co\"";
    fill_in(&browser, &[("name", name), ("password", PASSWORD), ("groups", "house, garden")]);
    wait_for_words(&browser, "house, garden");
    let shown = "return [...document.querySelectorAll('[data-users] strong')].map((e) => e.textContent)";
    assert_eq!(browser.run(shown, &[]), json!([name, "alice"]), "names are text");
    look_over(&browser, "users");
    browser.open(&format!("http://{home}/permissions"));
    fill_in(&browser, &[("user", "alice"), ("topic", "a/b")]);
    wait_for_words(&browser, "alice may publish to a/b: there are no rules, so everything is allowed");
    look_over(&browser, "permissions");
    browser.open(&format!("http://{home}/users"));
    let remove = "[data-users] li:first-child button:last-child";
    browser.click(&browser.element(remove));
    wait_for_words(&browser, "Really?");
    browser.click(&browser.element(remove));
    let gone = "return document.querySelectorAll('[data-users] li').length === 1";
    browser.wait_for("one user is left", SOON, gone);
    assert_eq!(browser.complaints(), [] as [&str; 0], "the console is quiet");
}
