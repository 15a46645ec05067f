//! Pages that people arrange: by mouse, touch and keyboard, saved for everyone, two people at once.

use std::fs;

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use serde_json::{Value, json};
use tests::{Bridge, Client, TempFile, Wire, keys};

use crate::stage::{DESKTOP, DEVICE, Device, PHONE, SOON, Stage, texts};

const TOPIC: &str = "switchboard/layouts/home";

fn client(bridge: &Bridge) -> Client {
    let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    client.connect(&Connect::new(Version::V5, "witness"));
    client
}

/// Presses the button with these words.
pub(crate) fn press(stage: &Stage, words: &str) {
    let script = format!(
        "const b = [...document.querySelectorAll('main button:not(.whole), .head button')]
            .find(b => (b.innerText.trim() || b.ariaLabel) === '{words}' && !b.disabled);
         if (!b) return false; b.click(); return true;"
    );
    stage.browser.wait_for(&format!("a button {words}"), SOON, &script);
}

/// The tiles of the page in their order, as numbers of outputs.
fn order(stage: &Stage) -> String {
    let script = "return [...document.querySelectorAll('.placed > .place')]
        .map(p => p.querySelector('[data-tile]')?.dataset.tile.split('/').pop() ?? '?').join(' ')";
    stage.browser.run(script, &[]).as_str().unwrap_or_default().to_owned()
}

fn wait_for_order(stage: &Stage, wanted: &str) {
    let script = format!(
        "return [...document.querySelectorAll('.placed > .place')]
            .map(p => p.querySelector('[data-tile]')?.dataset.tile.split('/').pop() ?? '?').join(' ') === '{wanted}'"
    );
    stage.browser.wait_for(&format!("the tiles {wanted}"), SOON, &script);
}

fn said(stage: &Stage) -> String {
    stage
        .browser
        .run("return document.querySelector('[data-said]').innerText", &[])
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// A page with these outputs on it, being arranged.
fn arranging(bridge: Bridge, size: (u32, u32), outputs: &[u32]) -> Stage {
    let stage = Stage::at(bridge, size, "/");
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    press(&stage, "Arrange");
    for n in outputs {
        pick(&stage, &format!("Output {n}"));
    }
    press(&stage, "Close list");
    stage
}

/// Takes a tile off the list, the first of this name.
pub(crate) fn pick(stage: &Stage, words: &str) {
    stage.browser.element(".shelf");
    press(stage, words);
}

pub(crate) fn save(stage: &Stage) {
    press(stage, "Save");
    stage.browser.wait_for(
        "it is saved",
        SOON,
        "return document.querySelector('[data-said]').innerText.startsWith('Saved as version')",
    );
}

/// What the broker keeps.
pub(crate) fn kept(bridge: &Bridge) -> Value {
    let mut client = client(bridge);
    client.subscribe(TOPIC, Qos::AtLeastOnce);
    let publish = client.receive();
    assert!(publish.retain);
    serde_json::from_slice(publish.payload).expect("a layout is JSON")
}

#[test]
fn a_tile_is_found_by_its_name_among_many_devices() {
    let bridge = Bridge::start();
    let mut site = client(&bridge);
    for n in 0..7 {
        let config = format!(
            r#"{{"name":"Air {n}","uniq_id":"u{n}","stat_t":"r{n}/air","dev":{{"ids":["r{n}"],"name":"Room {n}"}}}}"#
        );
        site.retain(&format!("homeassistant/sensor/air{n}/config"), config.as_bytes(), Qos::AtLeastOnce);
        site.retain(&format!("r{n}/air"), b"20", Qos::AtLeastOnce);
    }
    let stage = Stage::at(bridge, PHONE, "/");
    stage.browser.wait_for(
        "all rooms",
        SOON,
        "return document.querySelectorAll('section.device, [data-tile]').length >= 7",
    );
    press(&stage, "Arrange");
    let field = stage.browser.element(".shelf input[type=search]");
    let picks = "return [...document.querySelectorAll('.shelf .picks')].map(p => p.innerText.replace(/\\s+/g, ' ')).join('|')";
    for (text, found) in [("AIR 3", "Room 3 Air 3"), ("room 5 ", "Room 5 Air 5")] {
        let empty = "const field = document.querySelector('.shelf input'); field.value = '';
            field.dispatchEvent(new Event('input', { bubbles: true }))";
        stage.browser.run(empty, &[]);
        stage.browser.type_into(&field, text);
        stage.browser.wait_for(found, SOON, &format!("{picks} === '{found}'"));
    }
    stage.browser.type_into(&field, "x");
    stage.browser.wait_for(
        "nothing",
        SOON,
        "return document.querySelector('.shelf').innerText.includes('Nothing is called like that.')",
    );
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn tiles_are_arranged_by_mouse_touch_keyboard_and_buttons() {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let stage = arranging(bridge, DESKTOP, &[0, 1, 2, 3]);
    assert_eq!(order(&stage), "0 1 2 3");
    let at = |n: usize, what: &str| stage.browser.element(&format!("[data-place=\"{n}\"] {what}"));
    stage.browser.drag("mouse", &at(0, ".grip"), &at(2, ".choose"));
    wait_for_order(&stage, "1 2 0 3");
    assert_eq!(said(&stage), "Output 0 moved to place 3 of 4.");
    stage.browser.drag("touch", &at(3, ".grip"), &at(0, ".choose"));
    wait_for_order(&stage, "3 1 2 0");
    stage.browser.drag("touch", &at(1, ".grip"), &at(1, ".grip"));
    wait_for_order(&stage, "3 1 2 0");
    // The keyboard: the tile that has the focus goes, and keeps it.
    stage.browser.run("document.querySelector('[data-place=\"0\"] .choose').focus()", &[]);
    for (key, wanted) in [(keys::RIGHT, "1 3 2 0"), (keys::RIGHT, "1 2 3 0"), (keys::LEFT, "1 3 2 0")] {
        stage.browser.press(key);
        wait_for_order(&stage, wanted);
    }
    assert_eq!(said(&stage), "Output 3 moved to place 2 of 4.");
    // Buttons do all that a drag does.
    press(&stage, "Later");
    wait_for_order(&stage, "1 2 3 0");
    press(&stage, "Earlier");
    press(&stage, "Earlier");
    wait_for_order(&stage, "3 1 2 0");
    stage.browser.run("document.querySelector('[data-place=\"1\"] .choose').focus()", &[]);
    stage.browser.press(keys::DELETE);
    wait_for_order(&stage, "3 2 0");
    for wanted in ["3 1 2 0", "1 3 2 0"] {
        press(&stage, "Take back");
        wait_for_order(&stage, wanted);
    }
    press(&stage, "Do again");
    wait_for_order(&stage, "3 1 2 0");
    save(&stage);
    let kept = kept(&stage.bridge);
    assert_eq!((&kept["version"], &kept["pages"][0]["title"]), (&json!(1), &json!("Home")));
    let keys: Vec<_> =
        kept["pages"][0]["tiles"].as_array().expect("tiles").iter().map(|t| t["key"].clone()).collect();
    assert_eq!(keys, ["output/3", "output/1", "output/2", "output/0"]);
    press(&stage, "Done");
    wait_for_order(&stage, "3 1 2 0");
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn every_phone_shows_what_was_saved_and_its_tiles_work() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let stage = arranging(bridge, PHONE, &[5, 4]);
    save(&stage);
    press(&stage, "Done");
    let http = stage.bridge.http;
    let other = tests::Browser::start(PHONE.0, PHONE.1);
    other.open(&format!("http://{http}/"));
    let two = "return document.querySelectorAll('.placed [data-tile]').length === 2";
    other.wait_for("the page of two tiles", SOON, two);
    stage.tap("output/5");
    assert_eq!(device.command().0, "set/output/5");
    device.say("output/5", "ON");
    stage.wait_for_tile("output/5", "confirmed", "ON");
    // All devices are one tap away, and the address leads back to the page.
    press(&stage, "All devices");
    stage.browser.element("[data-tile=\"wut-0a4711/output/11\"]");
    press(&stage, "Home");
    wait_for_order(&stage, "5 4");
    assert_eq!(stage.browser.run("return location.search", &[]), "?page=Home");
    // What hangs on the wall shows nothing but tiles.
    stage.browser.open(&format!("http://{http}/?kiosk"));
    stage.browser.wait_for("the page of two tiles", SOON, two);
    let bare =
        "return ['.head', '.bar', '.pages'].every(s => !document.querySelector(s).getClientRects().length)";
    assert_eq!(stage.browser.run(bare, &[]), true);
}

#[test]
fn two_people_who_arrange_at_once_are_asked() {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let mine = arranging(bridge, DESKTOP, &[0, 1]);
    save(&mine);
    let other = tests::Browser::start(DESKTOP.0, DESKTOP.1);
    other.open(&format!("http://{}/", mine.bridge.http));
    let click = |words: &str| {
        let script = format!(
            "const b = [...document.querySelectorAll('main button, .head button')].find(b => (b.innerText.trim() || b.ariaLabel) === '{words}' && !b.disabled);
             if (!b) return false; b.click(); return true;"
        );
        other.wait_for(words, SOON, &script);
    };
    other.element(".placed");
    click("Arrange");
    click("Add tiles");
    click("Output 7");
    // The first saves; the second's draft is not taken from under the hand.
    press(&mine, "Add tiles");
    pick(&mine, "Output 8");
    press(&mine, "Save");
    mine.browser.wait_for(
        "it is saved",
        SOON,
        "return document.querySelector('[data-said]').innerText === 'Saved as version 2.'",
    );
    let draft = "return !!document.querySelector('.placed [data-tile$=\"output/7\"]')";
    assert_eq!(other.run(draft, &[]), true);
    click("Save");
    other.element(".question");
    assert_eq!(kept(&mine.bridge)["version"], 2, "nothing was written over");
    let asked = "return document.activeElement?.matches('.question [data-keep=mine]')";
    other.wait_for("the question has the focus", SOON, asked);
    pick(&mine, "Output 9");
    click("Mine");
    wait_for_order(&mine, "0 1 8 9");
    other.wait_for(
        "it is saved",
        SOON,
        "return document.querySelector('[data-said]').innerText === 'Saved as version 3.'",
    );
    let now = kept(&mine.bridge);
    assert_eq!((&now["version"], now["pages"][0]["tiles"].as_array().map(Vec::len)), (&json!(3), Some(3)));
    assert_eq!(now["pages"][0]["tiles"][2]["key"], "output/7");
    // And the other way: who gives in has what everybody has.
    press(&mine, "Save");
    mine.browser.element(".question");
    press(&mine, "Theirs");
    wait_for_order(&mine, "0 1 7");
    assert_eq!(kept(&mine.bridge)["version"], 3);
    // Now it has nothing to save, and goes along.
    click("Output 10");
    click("Save");
    wait_for_order(&mine, "0 1 7 10");
}

#[test]
fn a_draft_outlives_its_page() {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let stage = arranging(bridge, PHONE, &[2, 6]);
    stage.browser.open(&format!("http://{}/health", stage.bridge.http));
    stage.browser.open(&format!("http://{}/", stage.bridge.http));
    wait_for_order(&stage, "2 6");
    assert!(said(&stage).contains("unsaved changes"), "{}", said(&stage));
    press(&stage, "Discard");
    stage.browser.element("[data-tile=\"wut-0a4711/output/11\"]");
    stage.browser.open(&format!("http://{}/", stage.bridge.http));
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    assert_eq!(stage.browser.run("return !!document.querySelector('.desk')", &[]), false, "it is gone");
}

#[test]
fn a_layout_goes_to_a_file_and_comes_from_one() {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let stage = arranging(bridge, DESKTOP, &[2, 6]);
    press(&stage, "New page");
    stage.browser.run("document.querySelector('.file').open = true", &[]);
    let href = stage.browser.run(
        "return decodeURIComponent(document.querySelector('.file a').href.split(',').slice(1).join(','))",
        &[],
    );
    let text = href.as_str().expect("a file").to_owned();
    let file: Value = serde_json::from_str(&text).expect("a layout is JSON");
    assert_eq!(file["pages"].as_array().map(Vec::len), Some(2));
    assert_eq!(stage.browser.attribute(".file a", "download").as_deref(), Some("switchboard-home.json"));
    press(&stage, "Discard");

    let changed = text.replace("output/6", "output/9");
    let other = TempFile::new("layout.json", &changed);
    press(&stage, "Arrange");
    stage.browser.run("document.querySelector('.file').open = true", &[]);
    let input = stage.browser.element(".file input[type=file]");
    stage.browser.type_into(&input, &other.0.to_string_lossy());
    wait_for_order(&stage, "2 9");
    press(&stage, "Take back");
    fs::write(&other.0, "{\"a\":1}").expect("a temporary file");
    stage.browser.type_into(&stage.browser.element(".file input[type=file]"), &other.0.to_string_lossy());
    stage.browser.wait_for("it says so", SOON, "return document.body.innerText.includes('holds no layout')");
}

#[test]
fn one_place_stands_for_all_devices_of_a_model() {
    let bridge = Bridge::start_with(&["--demo"]);
    let stage = Stage::at(bridge, DESKTOP, "/");
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    press(&stage, "Arrange");
    pick(&stage, "Output 3");
    press(&stage, "Close list");
    stage.browser.click(&stage.browser.element("[data-place=\"0\"] .choose"));
    press(&stage, "For all like it");
    save(&stage);
    let place = kept(&stage.bridge)["pages"][0]["tiles"][0].clone();
    assert!(
        place["model"].as_str().is_some_and(|model| !model.is_empty()) && place["device"].is_null(),
        "{place}"
    );
    press(&stage, "Done");
    let one = "return document.querySelectorAll('.placed [data-tile]').length";
    assert_eq!(stage.browser.run(one, &[]), 1);
    let mut twin = client(&stage.bridge);
    for n in 0..4 {
        twin.retain(&format!("wut-0a4712/get/output/{n}"), b"ON", Qos::AtLeastOnce);
        twin.retain(&format!("wut-0a4712/get/input/{n}"), b"ON", Qos::AtLeastOnce);
    }
    stage.browser.wait_for("the twin's tile", SOON, &format!("{one} === 2"));
}

#[test]
fn a_save_that_is_not_allowed_says_so_and_keeps_the_draft() {
    let rules = "[[auth.rule]]\ndeny = \"publish\"\ntopics = [\"switchboard/#\"]\n[[auth.rule]]\nallow = \"all\"\ntopics = [\"#\"]\n";
    let bridge = Bridge::configured(rules);
    let _device = Device::plug_in(bridge.tcp);
    let stage = arranging(bridge, PHONE, &[2, 6]);
    press(&stage, "Save");
    stage.browser.element(".desk .wrong");
    wait_for_order(&stage, "2 6");
    let words = texts(&stage.browser.run("return [document.querySelector('.desk .wrong').innerText]", &[]));
    assert!(words[0].contains("refused"), "{words:?}");
    press(&stage, "Save");
}

#[test]
fn who_arranges_by_keyboard_keeps_their_place_and_sees_the_chosen_tile() {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let stage = Stage::at(bridge, PHONE, "/");
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    let focus = |selector: &str| {
        let script = format!("return !!document.activeElement?.matches(`{selector}`)");
        stage.browser.wait_for(&format!("the focus at {selector}"), SOON, &script);
    };
    let enter = |selector: &str| {
        stage.browser.run("document.querySelector(arguments[0]).focus()", &[selector.into()]);
        stage.browser.press(keys::ENTER);
    };
    stage.browser.element(".head .round");
    enter(".head .round");
    focus(".pages [aria-current]");
    for n in 0..5 {
        pick(&stage, &format!("Output {n}"));
    }
    press(&stage, "Close list");
    // The tools of a tile lie at the lower edge; what they are about is seen above them.
    for at in [0, 4] {
        enter(&format!("[data-place='{at}'] .choose"));
        let seen = "const at = s => document.querySelector(s)?.getBoundingClientRect();
            return at('[data-chosen]')?.bottom <= at('.chosen')?.top";
        stage.browser.wait_for("the chosen tile above its tools", SOON, seen);
        enter(".chosen .close");
        focus(&format!("[data-place=\"{at}\"] .choose"));
    }
    enter("[data-place='1'] .choose");
    stage.browser.press(keys::DELETE);
    wait_for_order(&stage, "0 2 3 4");
    focus("[data-place=\"1\"] .choose");
    enter(".bench .primary");
    focus(".bench button:not(.primary)");
    assert_eq!(said(&stage), "Saved as version 1.");
    press(&stage, "Done");
    focus(".pages [aria-current]");
}

#[test]
fn what_is_being_written_stays_while_devices_speak() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let stage = arranging(bridge, PHONE, &[0]);
    let title = "document.querySelector('.bench [name=title]')";
    stage.browser.run(&format!("{title}.closest('details').open = true; {title}.select()"), &[]);
    for key in ["H", "a", "l", "l"] {
        stage.browser.press(key);
    }
    device.0.retain(&format!("{DEVICE}/status"), b"offline", Qos::AtLeastOnce);
    let heard = "return !!document.querySelector('.head .chip')";
    stage.browser.wait_for("the device is said to be offline", SOON, heard);
    let frames = "const done = arguments[arguments.length - 1];
        requestAnimationFrame(() => requestAnimationFrame(() => done(true)));";
    stage.browser.run_async(frames, &[]);
    assert_eq!(stage.browser.run(&format!("return {title}.value"), &[]), "Hall");
    stage.browser.press(keys::TAB);
    let renamed = "return document.querySelector('.page[aria-current]').innerText === 'Hall'";
    stage.browser.wait_for("the page has its name", SOON, renamed);
    stage.browser.element(".placed [data-state=offline]");
}
