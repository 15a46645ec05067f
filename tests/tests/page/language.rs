//! The page in the language of whoever reads it.

use mqtt::Qos;
use serde_json::json;
use tests::Bridge;

use crate::stage::{DEVICE, Device, PHONE, SOON, Stage, selector};

#[test]
fn it_speaks_what_the_browser_asks_for_and_what_was_chosen() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    assert!(stage.words().contains("Settings"), "{}", stage.words());

    let agent = stage.browser.run("return navigator.userAgent", &[]);
    stage.browser.devtools(
        "Emulation.setUserAgentOverride",
        &json!({ "userAgent": agent, "acceptLanguage": "nl,de-CH,en" }),
    );
    let open = |path: &str| stage.browser.open(&format!("http://{}{path}", stage.bridge.http));
    open("/");
    // What the page remembers may stand there before the broker has spoken: then ON would be what was there all along.
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    stage.wait_for_stale("output/3", false);
    device.say("output/3", "ON");
    stage.wait_for_tile("output/3", "confirmed", "ON");
    let words = stage.words();
    assert!(words.contains("Einstellungen") && words.contains("Ein · gerade eben"), "{words}");
    assert_eq!(stage.browser.attribute("html", "lang").as_deref(), Some("de"));
    assert!(words.contains("12 Ausg. · 12 Eing. · 12 Zähler"), "{words}");

    open("/explorer");
    stage.browser.wait_for("the explorer", SOON, "return !!document.querySelector('[role=treeitem]')");
    let words = stage.words();
    assert!(
        ["Beobachten", "Senden", "Themen", "Nachrichten"].iter().all(|word| words.contains(word)),
        "{words}"
    );
    assert!(!["Watch", "Publish", "Topic", "Message"].iter().any(|word| words.contains(word)), "{words}");

    open("/settings");
    stage.browser.click(&stage.browser.element("button[lang=en]"));
    stage.browser.wait_for(
        "English",
        SOON,
        "return !!document.querySelector('button[lang=en][aria-pressed=true]')",
    );
    assert!(stage.words().contains("Settings"), "{}", stage.words());
    assert_eq!(stage.browser.attribute("html", "lang").as_deref(), Some("en"));
    stage.browser.click(&stage.browser.element("button[lang=de]"));
    stage.browser.wait_for("German", SOON, "return document.body.innerText.includes('Einstellungen')");
    stage.browser.resize(PHONE.0, PHONE.1);
    let wide = "return document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(stage.browser.run(wide, &[]), true, "its words have room");

    open("/");
    stage.browser.click(&stage.browser.element("button.round[aria-label=Anordnen]"));
    let inside = "const b = document.querySelector('.bench'), end = b?.getBoundingClientRect().right;
        return !!b && [...b.querySelectorAll('button')].every(b => b.getBoundingClientRect().right < end)";
    stage.browser.wait_for("the tools stay where they stand", SOON, inside);
}

#[test]
fn numbers_and_times_are_written_as_it_is_done_where_the_browser_is() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    device.say("counter/0", "1234567");
    device.0.retain(&format!("{DEVICE}/status"), b"offline", Qos::AtLeastOnce);
    let stage = Stage::new(bridge);
    let agent = stage.browser.run("return navigator.userAgent", &[]);
    for (languages, number, time) in [
        ("en-US", "1,234,567", r"Offline, before \d{1,2}:\d\d\u202f[AP]M"),
        ("en-GB", "1,234,567", r"Offline, before \d\d:\d\d(?!\u202f)"),
        ("de-CH,en-US", r"1[\u2019\u0027]234[\u2019\u0027]567", r"Offline, schon vor \d\d:\d\d(?!\u202f)"),
        ("fr-FR,de-DE", r"1\.234\.567", r"Offline, schon vor \d\d:\d\d(?!\u202f)"),
        ("fr-FR", r"1\u202f234\u202f567", r"Offline, before \d\d:\d\d(?!\u202f)"),
    ] {
        stage.browser.devtools(
            "Emulation.setUserAgentOverride",
            &json!({ "userAgent": agent, "acceptLanguage": languages }),
        );
        stage.browser.open(&format!("http://{}/", stage.bridge.http));
        let script = format!(
            "const t = document.querySelector('{}');
             return /{number}/.test(t?.innerText) && /{time}/.test(document.body.innerText)",
            selector("counter/0")
        );
        stage.browser.wait_for(&format!("{number} for {languages}"), SOON, &script);
    }
    // What the page knows of places by itself is what the browser would have told it.
    for tag in ["en-US", "en-GB", "de", "de-DE"] {
        stage.browser.devtools(
            "Emulation.setUserAgentOverride",
            &json!({ "userAgent": agent, "acceptLanguage": tag }),
        );
        stage.browser.open(&format!("http://{}/", stage.bridge.http));
        let script = format!(
            "const t = document.querySelector('{}'), day = new Intl.DateTimeFormat('{tag}', {{ hour: 'numeric' }});
             const half = hour => day.formatToParts(new Date(2020, 0, 1, hour)).find(p => p.type === 'dayPeriod')?.value;
             const since = /\\d:\\d\\d(?:\\u202f([AP]M))?/.exec(document.body.innerText);
             return !!t?.innerText.includes(new Intl.NumberFormat('{tag}').format(1234567)) && !!since
                 && (half(9) ? [half(9), half(21)].includes(since[1]) : since[1] === undefined)",
            selector("counter/0")
        );
        stage.browser.wait_for(&format!("the manners of {tag}"), SOON, &script);
    }
}
