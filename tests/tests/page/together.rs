//! Two open pages: each shows what the other has asked for, and neither takes it for a fact.

use serde_json::Value;
use tests::{Bridge, Browser, Mosquitto};

use crate::stage::{DEVICE, Device, PHONE, SOON, Stage, selector};

/// The pages of two people, both of which show the device.
fn both(bridge: Bridge, path: &str) -> (Stage, Browser) {
    let stage = Stage::at(bridge, PHONE, path);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    let other = Browser::start(PHONE.0, PHONE.1);
    other.open(&format!("http://{}{path}", stage.bridge.http));
    wait_for(&other, "output/3", "confirmed", "");
    (stage, other)
}

fn wait_for(page: &Browser, key: &str, state: &str, words: &str) {
    let script = format!(
        "const t = document.querySelector('{}');
         return t?.dataset.state === '{state}' && t.dataset.value === 'OFF' && t.innerText.includes('{words}')",
        selector(key)
    );
    page.wait_for(&format!("{key} is {state} with {words:?} on the other page"), SOON, &script);
}

/// What its switch shows as the fact.
fn checked(page: &Browser) -> Value {
    let script = format!(
        "return document.querySelector('{} [role=switch]').getAttribute('aria-checked')",
        selector("output/3")
    );
    page.run(&script, &[])
}

const HEARSAY: &str = "Another page is switching this";

#[test]
fn what_one_page_asks_the_other_shows_as_pending_until_the_device_answers() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let (stage, other) = both(bridge, "/");
    stage.tap("output/3");
    device.command();
    wait_for(&other, "output/3", "pending", HEARSAY);
    assert_eq!(checked(&other), "false", "hearsay is no fact");
    wait_for(&other, "output/4", "confirmed", "");
    device.say("output/3", "ON");
    stage.wait_for_tile("output/3", "confirmed", "ON");
    let script = format!(
        "const t = document.querySelector('{}'); return t.dataset.state === 'confirmed' && t.dataset.value === 'ON'",
        selector("output/3")
    );
    other.wait_for("the device's word counts on both", SOON, &script);
    device.0.expect_nothing();
}

#[test]
fn it_ends_on_the_other_page_when_nobody_answers_and_its_person_may_ask_meanwhile() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let (stage, other) = both(bridge, "/");
    stage.tap("output/3");
    device.command();
    wait_for(&other, "output/3", "pending", HEARSAY);
    stage.wait_for_tile("output/3", "timeout", "OFF");
    wait_for(&other, "output/3", "confirmed", "");
    // What another page asks takes nobody's switch away.
    stage.tap("output/3");
    device.command();
    wait_for(&other, "output/3", "pending", HEARSAY);
    other.click(&other.element(&format!("{} [role=switch]", selector("output/3"))));
    assert_eq!(device.command().0, "set/output/3");
    wait_for(&other, "output/3", "pending", "Switching on");
}

#[test]
fn that_nobody_listens_to_a_command_is_still_known_while_other_pages_are_open() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    device.0.unsubscribe(&format!("{DEVICE}/set/+/+"));
    let (stage, other) = both(bridge, "/");
    stage.tap("output/3");
    stage.wait_for_tile("output/3", "refused", "OFF");
    wait_for(&other, "output/3", "confirmed", "");
}

#[test]
fn any_broker_carries_it() {
    let mosquitto = Mosquitto::start();
    let mut device = Device::plug_in(mosquitto.tcp);
    let path = format!("/?broker=ws://{}", mosquitto.websocket);
    let (stage, other) = both(Bridge::start(), &path);
    stage.tap("output/3");
    device.command();
    wait_for(&other, "output/3", "pending", HEARSAY);
    device.say("output/3", "OFF");
    wait_for(&other, "output/3", "confirmed", "");
}
