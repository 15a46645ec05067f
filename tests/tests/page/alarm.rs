//! Alarms that people set on their tiles: told on every screen of an open page, and over by themselves.

use serde_json::json;
use tests::Bridge;

use crate::stage::{Device, PHONE, Stage, wait};

const LAYOUT: &str = "switchboard/layouts/home";
const TILE: &str = "document.querySelector('.place [data-tile$=\"counter/0\"]')";

/// A page of a layout whose first counter has these alarms.
fn stage(alarm: &str) -> (Stage, Device) {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let layout = format!(
        "{{\"switchboard\":\"layout 1\",\"version\":1,\"id\":\"1\",\"author\":\"A\",\"pages\":[{{\"title\":\"Hall\",\
          \"tiles\":[{{\"device\":\"wut-0a4711\",\"key\":\"counter/0\"{alarm}}}]}}]}}"
    );
    device.0.retain(LAYOUT, layout.as_bytes(), mqtt::Qos::AtLeastOnce);
    let stage = Stage::at(bridge, PHONE, "/");
    wait(&stage, "the tile", &format!("return {TILE}?.dataset.value === '0'"));
    (stage, device)
}

/// What was said aloud last.
fn wait_for_said(stage: &Stage, words: &str) {
    let script = format!(
        "return document.querySelector('[role=alert][data-alarm-said]')?.innerText.includes('{words}')"
    );
    wait(stage, words, &script);
}

#[test]
fn a_limit_is_told_on_every_screen_marked_on_its_tile_and_over_by_itself() {
    let (stage, mut device) = stage(",\"alarm\":{\"above\":30,\"margin\":5,\"offline\":true}");
    stage.browser.run(
        "window.told = []; window.Notification = class { static permission = 'granted';
            static requestPermission() { window.asked = true; return Promise.resolve('granted'); }
            constructor(title, options) { window.told.push(options.body); } }",
        &[],
    );
    device.say("counter/0", "31");
    wait_for_said(&stage, "Counter 0 is above 30");
    wait(&stage, "the mark", &format!("return {TILE}.closest('.place').innerText.includes('Alarm')"));
    wait(
        &stage,
        "the banner",
        "return document.querySelector('.alarms').innerText.includes('is above 30, since ')",
    );
    let told = stage.browser.run("return [window.told, window.asked ?? false]", &[]);
    assert_eq!(
        told,
        json!([["wut-0a4711: Counter 0 is above 30"], false]),
        "told once, and nobody was asked"
    );

    let go = |path: &str| {
        let script = format!("document.querySelector('nav.bar a[href^=\"{path}\"]').click()");
        stage.browser.run(&script, &[]);
    };
    go("/settings");
    wait(
        &stage,
        "it lies over the settings",
        "return !!document.querySelector('[data-screen=Settings]') && !!document.querySelector('.alarms[data-on]')",
    );
    let beside = "const box = s => document.querySelector(s).getBoundingClientRect();
        return box('.head').bottom <= box('.alarms').top && box('.alarms').bottom <= box('main').top";
    wait(&stage, "it has room of its own", beside);
    device.say("counter/0", "26");
    device.say("counter/1", "1");
    device.say("counter/0", "25");
    let over = "const a = document.querySelector('.alarms');
        return a && !('on' in a.dataset) && /was above 30 from \\d+:\\d\\d.[AP]M to \\d+:\\d\\d.[AP]M/.test(a.innerText)";
    wait(&stage, "it is over, and when", over);
    stage.browser.run("document.querySelector('.alarms button').click()", &[]);
    wait(&stage, "it is closed", "return !document.querySelector('.alarms')");

    go("/");
    drop(device);
    wait_for_said(&stage, "wut-0a4711 is offline");
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_person_sets_it_while_arranging_and_every_page_has_it() {
    let (stage, mut device) = stage("");
    stage.browser.run("document.querySelector('.head button[aria-label=Arrange]').click()", &[]);
    wait(&stage, "the place", "return !!document.querySelector('.choose')");
    stage.browser.run("document.querySelector('.choose').click()", &[]);
    wait(&stage, "the form", "return !!document.querySelector('details.alarm')");
    stage.browser.run("document.querySelector('details.alarm').open = true", &[]);
    let write = |name: &str, text: &str| {
        let script = format!(
            "const i = document.querySelector('details.alarm input[name={name}]'); i.value = '{text}';
             i.dispatchEvent(new Event('change', {{ bubbles: true }})); return i.value"
        );
        stage.browser.run(&script, &[])
    };
    assert_eq!(write("above", "29,5"), "29.5", "a comma is as good as a point");
    wait(
        &stage,
        "what it is about",
        "return document.querySelector('details.alarm summary').innerText.includes('above 29.5')",
    );
    assert_eq!(write("above", "warm"), "29.5", "what is no number changes nothing");
    stage.browser.click(&stage.browser.element("details.alarm input[name=silent]"));
    wait(
        &stage,
        "both",
        "return document.querySelector('details.alarm summary').innerText.includes('above 29.5, when offline')",
    );
    let fits = "return document.documentElement.scrollWidth <= innerWidth
        && [...document.querySelectorAll('.chosen button')].every(b => b.getBoundingClientRect().right <= innerWidth)";
    assert_eq!(stage.browser.run(fits, &[]), true, "nothing is cut off on a phone");
    stage.browser.run("document.querySelector('.bench .primary').click()", &[]);
    wait(
        &stage,
        "saved",
        "return document.querySelector('[data-said]').innerText.includes('Saved as version 2')",
    );
    device.say("counter/0", "30");
    wait_for_said(&stage, "Counter 0 is above 29.5");
}
