//! The life of a page: it is left and come back to, and shows what is true then.

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use tests::{Bridge, Client, Wire};

use crate::stage::{Device, Stage};

#[test]
fn a_page_that_is_come_back_to_shows_what_changed_meanwhile() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    stage.browser.open(&format!("http://{}/health", stage.bridge.http));
    device.say("output/3", "ON");
    stage.browser.run("history.back()", &[]);
    stage.wait_for_link("online");
    stage.wait_for_tile("output/3", "confirmed", "ON");
    stage.tap("output/4");
    assert_eq!(device.command().0, "set/output/4", "it is as good as before");
}

#[test]
fn a_page_shows_at_once_what_was_said_before_it_was_opened_and_that_it_is_old() {
    let bridge = Bridge::configured("[limits]\nmax_last_values = 100\n");
    let mut device = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    device.connect(&Connect::new(Version::V5, "wut-0a4711"));
    device.publish("wut-0a4711/get/output/3", b"ON", Qos::AtLeastOnce);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/3", "confirmed", "ON");
    stage.wait_for_stale("output/3", true);
    assert!(stage.words().contains("On · heard "), "it says when: {}", stage.words());
    device.publish("wut-0a4711/get/output/3", b"ON", Qos::AtLeastOnce);
    stage.wait_for_stale("output/3", false);
    device.publish("wut-0a4711/get/output/3", b"OFF", Qos::AtLeastOnce);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
}
