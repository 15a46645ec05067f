//! The page in parts: what is not needed is not loaded, and what does not come is said and tried again.

use serde_json::json;
use tests::Bridge;

use crate::stage::{DESKTOP, Device, SOON, Stage, texts};

/// The parts that were loaded so far, by the beginning of their files.
fn loaded(stage: &Stage) -> Vec<String> {
    let script = "return performance.getEntriesByType('resource').filter(e => e.name.endsWith('.wasm'))
        .map(e => e.name.split('/').pop().split('-')[0]).sort()";
    texts(&stage.browser.run(script, &[]))
}

/// Lets nothing of this name through.
fn block(stage: &Stage, names: &[&str]) {
    stage.browser.devtools("Network.enable", &json!({}));
    stage.browser.devtools("Network.setBlockedURLs", &json!({ "urls": names }));
}

#[test]
fn a_web_io_takes_no_more_than_the_first_part() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    device.say("output/3", "ON");
    stage.wait_for_tile("output/3", "confirmed", "ON");
    assert_eq!(loaded(&stage), ["panel"]);
}

/// With all that comes when the page is at rest: the lines of its counters.
#[test]
fn a_first_visit_to_a_web_io_weighs_less_than_150_kilobytes() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("counter/0", "confirmed", "0");
    stage.browser.wait_for(
        "what lines are drawn with",
        SOON,
        "return !!document.querySelector('link[href=\"/lines.css\"]')?.sheet",
    );
    for count in ["1", "2"] {
        device.say("counter/0", count);
        stage.wait_for_tile("counter/0", "confirmed", count);
    }
    stage.browser.wait_for("a line", SOON, "return !!document.querySelector('.spark path')");
    let script = "return ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))
        .map((e) => [e.encodedBodySize, e.name.split('/').pop()])";
    let came = stage.browser.run(script, &[]);
    let sizes = came.as_array().expect("a list").iter().filter_map(|entry| entry[0].as_u64());
    let sum: u64 = sizes.sum();
    assert!((100_000..=150_000).contains(&sum), "{sum} bytes: {came}");
}

#[test]
fn devices_that_wait_for_their_part_appear_when_it_comes_at_last() {
    let bridge = Bridge::start_with(&["--demo"]);
    let stage = Stage::at(bridge, DESKTOP, "/health");
    block(&stage, &["*/conventions-*"]);
    stage.browser.open(&format!("http://{}/", stage.bridge.http));
    stage.wait_for_link("online");
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    let says = "return document.body.innerText.includes('Not all devices can be shown')";
    stage.browser.wait_for("it says what is missing", SOON, says);
    let plug = "document.querySelector('[data-tile=\"tasmota_DEMO01/power\"]')?.dataset.state";
    assert_eq!(stage.browser.run(&format!("return {plug} ?? null"), &[]), json!(null));
    block(&stage, &[]);
    stage.browser.wait_for("the others are there", SOON, &format!("return {plug} === 'confirmed'"));
    stage.browser.wait_for("nothing is missing", SOON, &format!("return !({})", &says["return ".len()..]));
}

#[test]
fn lines_come_without_what_arranges_pages() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    stage.browser.wait_for("a line", SOON, "return !!document.querySelector('.spark')");
    let parts = loaded(&stage);
    assert!(parts.contains(&"extras".to_owned()), "{parts:?}");
    assert!(!parts.iter().any(|part| part == "pages" || part == "screens"), "{parts:?}");
}

#[test]
fn a_panel_that_was_left_is_whole_again_when_somebody_returns() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    let cards = "document.querySelectorAll('[data-tile]').length";
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    stage.browser.wait_for("all cards", SOON, &format!("return {cards} > 60"));
    for (place, shows) in
        [("/explorer", "!!document.querySelector('.explorer')"), ("/", &format!("{cards} > 60"))]
    {
        stage.browser.run(&format!("document.querySelector('nav a[href=\"{place}\"]').click()"), &[]);
        stage.browser.wait_for(place, SOON, &format!("return {shows}"));
    }
}

#[test]
fn a_screen_that_does_not_come_is_there_after_another_try() {
    comes_after_another_try("*/screens-*");
}

#[test]
fn a_screen_without_its_style_is_not_shown_and_is_there_after_another_try() {
    comes_after_another_try("*/later.css");
}

fn comes_after_another_try(missing: &str) {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let stage = Stage::at(bridge, DESKTOP, "/health");
    block(&stage, &[missing]);
    stage.browser.open(&format!("http://{}/explorer", stage.bridge.http));
    let button =
        "const b = [...document.querySelectorAll('button')].find(b => b.innerText === 'Try now'); return !!b";
    stage.browser.wait_for("it offers another try", SOON, button);
    assert!(stage.words().contains("A part of this page did not load"), "{}", stage.words());
    block(&stage, &[]);
    stage.browser.run(&button.replace("return !!b", "b.click()"), &[]);
    let row = "return !!document.querySelector('[role=treeitem][data-topic=\"wut-0a4711\"]')";
    stage.browser.wait_for("what was said before is there", SOON, row);
}
