//! The page over https, with the certificate that the program makes by itself, and the page that leads people through trusting it.

use std::fs;

use base64ct::{Base64, Encoding as _};
use rcgen::{KeyPair, PublicKeyData as _};
use sha2::{Digest as _, Sha256};
use tests::{Bridge, Browser};

use crate::stage::{Device, PHONE, Stage};

pub(crate) const LISTEN: &str = "[listen]\nhttps = [\"127.0.0.1:0\"]\n";

/// The key of a bridge's own certificate, as browsers are told to trust it.
pub(crate) fn fingerprint(bridge: &Bridge) -> String {
    let key = fs::read_to_string(bridge.data().join("tls/own.key")).expect("it made one");
    let key = KeyPair::from_pem(&key).expect("a key").subject_public_key_info();
    Base64::encode_string(&Sha256::digest(key))
}

#[test]
fn the_panel_works_over_https() {
    let bridge = Bridge::keeping(LISTEN);
    let browser = Browser::trusting(PHONE.0, PHONE.1, &fingerprint(&bridge));
    let mut device = Device::plug_in(bridge.tcp);
    browser.open(&format!("https://localhost:{}/", bridge.listens("https").port()));
    let stage = Stage { browser, bridge };
    stage.wait_for_link("online");
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    stage.tap("output/3");
    assert_eq!(device.command().0, "set/output/3");
    device.say("output/3", "ON");
    stage.wait_for_tile("output/3", "confirmed", "ON");
    assert_eq!(stage.browser.run("return [isSecureContext, location.protocol].join()", &[]), "true,https:");
    assert_eq!(stage.browser.complaints(), Vec::<String>::new());
    stage.browser.open(&format!("https://localhost:{}/trust", stage.bridge.listens("https").port()));
    assert!(stage.words().contains("this device trusts it already"));
}

#[test]
fn a_browser_that_trusts_nobody_is_told_what_to_do_over_plain_http() {
    let bridge = Bridge::keeping(LISTEN);
    let stage = Stage::at(bridge, PHONE, "/trust");
    let words = stage.words();
    for platform in ["iPhone", "Android", "Windows", "macOS", "Linux"] {
        assert!(words.contains(platform), "{platform}: {words}");
    }
    let log =
        stage.bridge.process.stderr.find("the fingerprint", |line| {
            line.split_once("sha256=\"")?.1.split('"').next().map(str::to_owned)
        });
    assert!(words.contains(&log), "{words}");
    let fits = "return document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(stage.browser.run(fits, &[]), true, "nothing is wider than a phone");
    let style = "return getComputedStyle(document.querySelector('.button')).minHeight";
    assert_eq!(stage.browser.run(style, &[]), "48px", "its style is not refused");
    assert_eq!(stage.browser.complaints(), Vec::<String>::new());
}
