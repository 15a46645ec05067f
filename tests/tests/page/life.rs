//! The life of a page: it is left and come back to, and shows what is true then.

use tests::Bridge;

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
