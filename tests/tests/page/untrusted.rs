//! What the browser itself forbids: a certificate that it does not trust, and a plain connection from a page that came by https.
//! It says neither; the client finds it out.

use serde_json::{Value, json};
use tests::{Bridge, Browser};

use crate::npm::{self, site};
use crate::reasons::open_page;
use crate::secure::{LISTEN, fingerprint};
use crate::stage::{PHONE, SOON, Stage};

/// A name that is not taken for this machine, and is.
const ELSEWHERE: &str = "--host-resolver-rules=MAP broker.test 127.0.0.1";

/// How an attempt ends: the code with which it is rejected, what is found out of its cause, and in which words.
fn attempt(stage: &npm::Stage, address: &str) -> Value {
    stage.play(&format!(
        "let tell;
         const found = new Promise((resolve) => void (tell = resolve));
         const [, ours, code] = await rejection(mqtt.connect('{address}', {{ on: {{ why: tell }} }}));
         const {{ reason, words }} = await found;
         return [ours, code, reason, words];"
    ))
}

fn secure_address(bridge: &Bridge, name: &str) -> String {
    format!("wss://{name}:{}/mqtt", bridge.listens("https").port())
}

fn says(words: &str) -> String {
    format!("return document.body.innerText.includes({})", json!(words))
}

#[test]
fn a_certificate_that_the_browser_does_not_trust_is_told_from_a_server_that_is_gone() {
    let mut bridge = Bridge::keeping(LISTEN);
    let address = secure_address(&bridge, "localhost");
    let stage = npm::Stage::new("/example.js");
    open_page(&stage, "127.0.0.1", site());
    let words = "the server answers, but has no certificate that this browser trusts";
    assert_eq!(attempt(&stage, &address), json!([true, "tls-untrusted", "tls-untrusted", words]));

    // The same page in a browser that trusts it.
    let trusting = Browser::trusting(PHONE.0, PHONE.1, &fingerprint(&bridge));
    let stage = stage.seen_by(trusting);
    open_page(&stage, "127.0.0.1", site());
    let state = stage.play(&format!("return (await mqtt.connect('{address}')).state;"));
    assert_eq!(state, json!("connected"));
    bridge.kill();
    let words = "nothing answers at this address, or nothing whose certificate this browser trusts";
    assert_eq!(attempt(&stage, &address), json!([true, "unreachable", "unreachable", words]));
}

#[test]
fn a_plain_connection_from_a_secure_page_is_named_as_what_it_is() {
    let stage = npm::Stage::secure("/example.js", &[ELSEWHERE]);
    let port = stage.bridge.http.port();
    let words = "the browser does not let a page that came by https use a ws:// address";
    let plain = attempt(&stage, &format!("ws://broker.test:{port}/mqtt"));
    assert_eq!(plain, json!([true, "mixed-content", "mixed-content", words]));
    // The own machine may be asked plainly, and so may whom the page came from by TLS.
    for address in [format!("ws://127.0.0.1:{port}/mqtt"), "/mqtt".to_owned()] {
        let state = stage.play(&format!("return (await mqtt.connect('{address}')).state;"));
        assert_eq!(state, json!("connected"), "{address}");
    }
}

/// The panel's own policy lets it ask no other host: the words leave open what it cannot know.
#[test]
fn the_panel_says_what_the_browser_forbids_and_what_to_do() {
    let bridge = Bridge::keeping(LISTEN);
    let trust = format!("--ignore-certificate-errors-spki-list={}", fingerprint(&bridge));
    let browser = Browser::start_with(PHONE.0, PHONE.1, &[ELSEWHERE.to_owned(), trust]);
    let plain = format!("ws://broker.test:{}/mqtt", bridge.http.port());
    browser.open(&format!("https://localhost:{}/?broker={plain}", bridge.listens("https").port()));
    let words = [
        format!("The browser does not let a secure page use {plain}."),
        "Use the broker's wss:// address, or open this page by http://.".to_owned(),
    ];
    words.iter().for_each(|words| browser.wait_for(words, SOON, &says(words)));

    let stranger = Bridge::keeping(LISTEN);
    let address = secure_address(&stranger, "localhost");
    let stage = Stage::at(bridge, PHONE, &format!("/?broker={address}"));
    let words = [
        format!("No connection to {address}."),
        "Check the address, and that this browser trusts the broker's certificate.".to_owned(),
    ];
    words.iter().for_each(|words| stage.browser.wait_for(words, SOON, &says(words)));
}
