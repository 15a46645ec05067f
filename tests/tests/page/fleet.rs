//! The demo's fleet on the page: every convention is there by itself, and every kind of control tells the truth.

use std::time::Duration;

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use serde_json::json;
use tests::{Bridge, Client, Wire, keys};

use crate::stage::{DESKTOP, PHONE, SOON, Stage};

const ROOM: &str = "de0000000006";
const PLUG: &str = "tasmota_DEMO01/power";

fn stage() -> Stage {
    let stage = Stage::at(Bridge::start_with(&["--demo"]), DESKTOP, "/");
    stage.wait_for_link("online");
    stage
}

fn wait(stage: &Stage, tile: &str, state: &str, value: &str, limit: Duration) {
    let script = format!(
        "const t = document.querySelector('[data-tile=\"{tile}\"]');
         return !!t && t.dataset.state === '{state}' && (t.dataset.value ?? '') === '{value}'"
    );
    stage.browser.wait_for(&format!("{tile} is {state} {value:?}"), limit, &script);
}

#[test]
fn a_slider_asks_once_when_the_keys_rest() {
    let stage = stage();
    let tile = "homie/5/desk-lamp/light/brightness";
    wait(&stage, tile, "confirmed", "0", SOON);
    let mut witness = Client::new(Wire::tcp(stage.bridge.tcp), Version::V5);
    witness.connect(&Connect::new(Version::V5, "witness"));
    witness.subscribe("homie/5/desk-lamp/light/brightness/set", Qos::AtLeastOnce);
    stage.browser.run(&format!("document.querySelector('[data-tile=\"{tile}\"] input').focus()"), &[]);
    stage.browser.press_often(keys::RIGHT, 5);
    assert_eq!(witness.receive().payload, b"25", "five steps of five");
    wait(&stage, tile, "confirmed", "25", SOON);
    witness.expect_nothing();
}

fn click(stage: &Stage, tile: &str, inside: &str) {
    let control = stage.browser.element(&format!("[data-tile=\"{tile}\"] {inside}"));
    stage.browser.click(&control);
}

/// Sets an input or a select as a person does, and gives the state of its tile as soon as that is pending, and the value
/// it shows then.
fn set(stage: &Stage, tile: &str, value: &str) -> (String, String) {
    let script = "const done = arguments[arguments.length - 1];
        const t = document.querySelector(arguments[0]), i = t.querySelector('input, select');
        i.value = arguments[1];
        i.dispatchEvent(new Event('change', { bubbles: true }));
        // A busy machine may need more than one frame to draw so many tiles.
        const look = left => t.dataset.state === 'pending' || !left ? done([t.dataset.state, i.value])
            : requestAnimationFrame(() => look(left - 1));
        look(30);";
    let seen = stage.browser.run_async(script, &[json!(format!("[data-tile=\"{tile}\"]")), json!(value)]);
    let text = |n: usize| seen[n].as_str().unwrap_or_default().to_owned();
    (text(0), text(1))
}

fn pending(value: &str) -> (String, String) {
    ("pending".to_owned(), value.to_owned())
}

#[test]
fn every_convention_is_there_by_itself_and_nothing_stays_unknown() {
    let stage = stage();
    for (tile, value) in [
        ("wut-0a4711/output/3", "OFF"),
        (PLUG, "OFF"),
        ("shellyplus1pm-demo02/switch:0", "OFF"),
        ("shelly1-DE0003/relay/0", "OFF"),
        ("zigbee2mqtt/Colour lamp/state", "ON"),
        ("zigbee2mqtt/Lying plug/state", "OFF"),
        (&format!("{ROOM}/climate/living-room/heating"), "21"),
        (&format!("{ROOM}/cover/living-room/blind"), "open"),
        (&format!("{ROOM}/lock/living-room/door"), "ON"),
        ("homie/5/desk-lamp/light/power", "OFF"),
        ("homie/garden/air/rain", "OFF"),
    ] {
        wait(&stage, tile, "confirmed", value, SOON);
    }
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn the_slow_one_is_pending_for_three_seconds() {
    let stage = stage();
    wait(&stage, PLUG, "confirmed", "OFF", SOON);
    click(&stage, PLUG, "[role=switch]");
    wait(&stage, PLUG, "pending", "OFF", Duration::from_secs(2));
    wait(&stage, PLUG, "confirmed", "ON", SOON);
}

#[test]
fn the_one_that_refuses_says_why_and_the_liar_is_believed() {
    let stage = stage();
    let hot = "shellyplus1pm-demo02/switch:0";
    wait(&stage, hot, "confirmed", "OFF", SOON);
    click(&stage, hot, "[role=switch]");
    wait(&stage, hot, "refused", "OFF", SOON);
    assert!(stage.words().contains("Too hot: 88 °C"), "in the device's words");
    let liar = "zigbee2mqtt/Lying plug/state";
    wait(&stage, liar, "confirmed", "OFF", SOON);
    click(&stage, liar, "[role=switch]");
    let script = format!(
        "const t = document.querySelector('[data-tile=\"{liar}\"]');
         return t.dataset.state === 'confirmed' && t.dataset.value === 'OFF' && 'otherwise' in t.dataset"
    );
    stage.browser.wait_for("it says otherwise, and is shown so", SOON, &script);
    assert!(stage.words().contains("Device says off"));
}

#[test]
fn sliders_colours_selects_and_steps_show_the_old_value_until_the_new_one_is_confirmed() {
    let stage = stage();
    let brightness = "zigbee2mqtt/Colour lamp/brightness";
    wait(&stage, brightness, "confirmed", "64.2", SOON);
    assert_eq!(set(&stage, brightness, "20"), pending("64"), "the knob stays where the fact is");
    wait(&stage, brightness, "confirmed", "20.1", SOON);
    let colour = "zigbee2mqtt/Colour lamp/color";
    assert_eq!(set(&stage, colour, "#0000ff").0, "pending");
    wait(&stage, colour, "confirmed", "240,100", SOON);
    let scene = format!("{ROOM}/select/living-room/scene");
    wait(&stage, &scene, "confirmed", "Day", SOON);
    assert_eq!(set(&stage, &scene, "Night"), pending("Day"));
    wait(&stage, &scene, "confirmed", "Night", SOON);
    let heating = format!("{ROOM}/climate/living-room/heating");
    wait(&stage, &heating, "confirmed", "21", SOON);
    click(&stage, &heating, "button[aria-label=\"Raise Heating\"]");
    wait(&stage, &heating, "confirmed", "21.5", SOON);
}

#[test]
fn what_travels_is_pending_until_it_is_there_and_a_door_is_locked_by_its_own_word() {
    let stage = stage();
    let (blind, position) =
        (format!("{ROOM}/cover/living-room/blind"), format!("{ROOM}/cover/living-room/blind/position"));
    wait(&stage, &position, "confirmed", "100", SOON);
    assert_eq!(set(&stage, &position, "70"), pending("100"));
    wait(&stage, &position, "confirmed", "70", SOON);
    click(&stage, &blind, "button[aria-label=\"Close Blind\"]");
    wait(&stage, &blind, "confirmed", "closing", SOON);
    wait(&stage, &blind, "confirmed", "closed", SOON);
    let door = format!("{ROOM}/lock/living-room/door");
    click(&stage, &door, "[role=switch]");
    wait(&stage, &door, "confirmed", "OFF", SOON);
    let lamp = "homie/5/desk-lamp/light/brightness";
    assert_eq!(set(&stage, lamp, "80"), pending("0"));
    wait(&stage, lamp, "pending", "40", SOON);
    wait(&stage, lamp, "confirmed", "80", SOON);
    let restart = format!("{ROOM}/button/living-room/restart");
    click(&stage, &restart, "button");
    wait(&stage, &restart, "assumed", "", SOON);
}

#[test]
fn a_pair_of_topics_is_told_and_asked_once_somebody_did() {
    let bridge = Bridge::start();
    let mut maker = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    maker.connect(&Connect::new(Version::V5, "maker"));
    maker.retain("hall/lamp/state", b"off", Qos::AtLeastOnce);
    maker.retain("hall/temperature/state", b"21.5", Qos::AtLeastOnce);
    maker.subscribe("hall/lamp/set", Qos::AtLeastOnce);
    let stage = Stage::new(bridge);
    wait(&stage, "hall/lamp", "confirmed", "OFF", SOON);
    wait(&stage, "hall/temperature", "confirmed", "21.5", SOON);
    let control = "return !!document.querySelector('[data-tile=\"hall/lamp\"] [role=switch]')";
    assert_eq!(stage.browser.run(control, &[]), json!(false), "nobody was heard to ask for it");
    maker.publish("hall/lamp/set", b"off", Qos::AtLeastOnce);
    assert_eq!(maker.receive_payload(), b"off");
    stage.browser.wait_for("it can be asked", SOON, control);
    click(&stage, "hall/lamp", "[role=switch]");
    assert_eq!(maker.receive_payload(), b"on");
    wait(&stage, "hall/lamp", "pending", "OFF", SOON);
    maker.retain("hall/lamp/state", b"on", Qos::AtLeastOnce);
    wait(&stage, "hall/lamp", "confirmed", "ON", SOON);
}

#[test]
fn what_is_being_written_for_a_display_stays_while_it_speaks() {
    let bridge = Bridge::start();
    let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    client.connect(&Connect::new(Version::V5, "sign"));
    let config = r#"{"name":"Sign","stat_t":"sign","cmd_t":"sign/set"}"#;
    client.retain("homeassistant/text/sign/config", config.as_bytes(), Qos::AtLeastOnce);
    client.retain("sign", b"a", Qos::AtLeastOnce);
    let stage = Stage::at(bridge, PHONE, "/");
    let shows = |value: &str, written: &str| {
        let script = format!(
            "const t = document.querySelector('[data-tile$=\"text/sign\"]');
             return t?.dataset.value === '{value}' && t.querySelector('input').value === '{written}'"
        );
        stage.browser.wait_for(&format!("{value}, and {written} in the field"), SOON, &script);
    };
    shows("a", "a");
    stage.browser.run("document.querySelector('[data-tile$=\"text/sign\"] input').select()", &[]);
    stage.browser.press("x");
    client.retain("sign", b"b", Qos::AtLeastOnce);
    shows("b", "x");
    stage.browser.run("document.activeElement.value = 'a'; document.activeElement.blur()", &[]);
    client.retain("sign", b"c", Qos::AtLeastOnce);
    shows("c", "c");
}
