//! The panel: tiles tell what the device has said, and nothing else.

use std::path::Path;
use std::time::Duration;

use mqtt::{Qos, ReasonCode};
use tests::{Bridge, Mosquitto, Process, keys};

use crate::stage::{DEVICE, Device, PHONE, SOON, Stage, Tile, demo_device, selector};

fn tile(state: &str, value: &str, checked: &str) -> Tile {
    Tile { state: state.to_owned(), value: value.to_owned(), checked: checked.to_owned() }
}

#[test]
fn the_first_minute_shows_the_demo_device_whole() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    for n in 0..12 {
        stage.wait_for_tile(&format!("output/{n}"), "confirmed", "OFF");
    }
    let script = "return ['input', 'counter'].every(kind => [...Array(12).keys()].every(n => {
        const t = document.querySelector(`[data-tile=\"wut-0a4711/${kind}/${n}\"]`);
        return t && t.dataset.state === 'confirmed' && t.dataset.value; }))";
    stage.browser.wait_for("all inputs and counters have their values", SOON, script);
    // Counters count by themselves.
    let count = |t: &Stage| t.tile("counter/0").value;
    let before = count(&stage);
    let moved =
        format!("return document.querySelector('{}').dataset.value !== '{before}'", selector("counter/0"));
    stage.browser.wait_for("counter 0 moves by itself", Duration::from_secs(30), &moved);
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_tap_is_pending_in_the_same_frame_and_on_when_the_device_confirms() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    assert_eq!(
        stage.tap_and_look("output/3"),
        tile("pending", "OFF", "false"),
        "the old value is still the fact"
    );
    stage.wait_for_tile("output/3", "confirmed", "ON");
    assert_eq!(stage.tile("output/3"), tile("confirmed", "ON", "true"));
    assert_eq!(stage.tap_and_look("output/3"), tile("pending", "ON", "true"));
    stage.wait_for_tile("output/3", "confirmed", "OFF");
}

#[test]
fn a_change_from_mosquitto_pub_moves_the_tile() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    for value in ["ON", "OFF"] {
        let (port, topic) = (stage.bridge.tcp.port().to_string(), format!("{DEVICE}/set/output/3"));
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-t", &topic, "-m", value];
        assert!(Process::start(Path::new("mosquitto_pub"), &arguments).wait(SOON).success());
        stage.wait_for_tile("output/3", "confirmed", value);
    }
}

#[test]
fn a_command_is_qos_1_not_retained_and_expires_in_time() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    stage.tap("output/3");
    let (topic, command) = device.command();
    assert_eq!((topic.as_str(), command.payload), ("set/output/3", b"ON".as_slice()));
    assert_eq!((command.delivery.qos(), command.retain), (Qos::AtLeastOnce, false));
    assert!(
        command.properties.message_expiry_s.is_some_and(|s| (1..=5).contains(&s)),
        "{:?}",
        command.properties
    );
    assert_eq!(stage.tile("output/3"), tile("pending", "OFF", "false"), "sent is not confirmed");
    // The answer of another output does not confirm this one.
    device.say("output/4", "ON");
    stage.wait_for_tile("output/4", "confirmed", "ON");
    assert_eq!(stage.tile("output/3").state, "pending");
    device.say("output/3", "ON");
    stage.wait_for_tile("output/3", "confirmed", "ON");
    device.0.expect_nothing();
}

#[test]
fn a_device_that_says_otherwise_is_believed() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/0", "confirmed", "OFF");
    stage.tap("output/0");
    device.command();
    device.say("output/0", "OFF");
    stage.wait_for_tile("output/0", "confirmed", "OFF");
    assert_eq!(stage.tile("output/0").checked, "false");
}

#[test]
fn a_device_that_does_not_answer_is_timed_out_and_never_shown_as_switched() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/0", "confirmed", "OFF");
    stage.tap("output/0");
    device.command();
    stage.wait_for_tile("output/0", "timeout", "OFF");
    assert_eq!(stage.tile("output/0").checked, "false");
    // The answer that comes late is still the truth.
    device.say("output/0", "ON");
    stage.wait_for_tile("output/0", "confirmed", "ON");
}

#[test]
fn a_counter_is_set_to_zero_by_its_button() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    device.say("counter/5", "1432");
    let stage = Stage::new(bridge);
    stage.wait_for_tile("counter/5", "confirmed", "1432");
    stage.tap("counter/5");
    let (topic, command) = device.command();
    assert_eq!((topic.as_str(), command.payload, command.retain), ("set/counter/5", b"0".as_slice(), false));
    stage.wait_for_tile("counter/5", "pending", "1432");
    device.say("counter/5", "0");
    stage.wait_for_tile("counter/5", "confirmed", "0");
}

#[test]
fn a_device_whose_plug_is_pulled_is_offline_with_its_time() {
    let bridge = Bridge::start();
    let mut device = demo_device(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    device.kill();
    stage.wait_for_tile("output/3", "offline", "OFF");
    let script =
        "return [...document.querySelectorAll('[data-tile]')].every(t => t.dataset.state === 'offline')";
    stage.browser.wait_for("every tile of it", SOON, script);
    let words = stage.words();
    let time = words.split("Offline since ").nth(1).unwrap_or_else(|| panic!("since when? {words}"));
    let time = time.lines().next().unwrap_or_default();
    let is_time = |time: &str| {
        let (hour, rest) = time.split_once(':')?;
        let (minute, half) = rest.split_once('\u{202f}')?;
        let [hour, minute] = [hour, minute].map(|digits| digits.parse::<u8>().ok());
        Some((1..=12).contains(&hour?) && minute? < 60 && matches!(half, "AM" | "PM"))
    };
    assert_eq!(is_time(time), Some(true), "{time:?}");
    // A tap on what is away asks for nothing.
    let tapped = stage.tap_and_look("output/3");
    assert_eq!(tapped, tile("offline", "OFF", "false"));
    // Plugged in again, it is back by itself, and no command was kept for it.
    let _device = demo_device(stage.bridge.tcp);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    stage.wait_for_stale("output/3", false);
}

#[test]
fn the_keyboard_reaches_a_switch_and_toggles_it() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    stage.wait_for_tile("output/0", "confirmed", "OFF");
    for _ in 0..10 {
        stage.browser.press(keys::TAB);
        let focused =
            stage.browser.run("return document.activeElement?.getAttribute('aria-label') ?? ''", &[]);
        if focused == "Output 0" {
            break;
        }
    }
    let at = stage.browser.run(
        "const e = document.activeElement; return [e.getAttribute('role'), e.getAttribute('aria-label'),
         e.matches(':focus-visible') && getComputedStyle(e.closest('[data-tile]')).outlineStyle + getComputedStyle(e).outlineStyle]",
        &[],
    );
    assert_eq!(
        (at[0].as_str(), at[1].as_str()),
        (Some("switch"), Some("Output 0")),
        "ten times Tab reach the first switch"
    );
    assert!(at[2].as_str().is_some_and(|styles| styles != "nonenone"), "the focus is seen: {at}");
    stage.browser.press(keys::SPACE);
    stage.wait_for_tile("output/0", "confirmed", "ON");
    stage.browser.press(keys::ENTER);
    stage.wait_for_tile("output/0", "confirmed", "OFF");
}

#[test]
fn the_page_works_at_a_real_mosquitto() {
    let mosquitto = Mosquitto::start();
    let _device = demo_device(mosquitto.tcp);
    let path = format!("/?broker=ws://{}", mosquitto.websocket);
    let stage = Stage::at(Bridge::start(), PHONE, &path);
    stage.wait_for_link("online");
    stage.wait_for_tile("output/7", "confirmed", "OFF");
    // The page draws all devices that describe themselves at once; a tap is drawn in its frame when that is over.
    let others = "const is = id => document.querySelector(`[data-tile=\"${id}\"]`)?.dataset.state === 'confirmed';
        return ['tasmota_DEMO01/power', 'shellyplus1pm-demo02/switch:0', 'shelly1-DE0003/relay/0', 'zigbee2mqtt/Lying plug/state',
            'homie/5/desk-lamp/light/power', 'homie/garden/air/rain'].every(is)";
    stage.browser.wait_for("the other devices are there", SOON, others);
    let is_idle = "const done = arguments[arguments.length - 1]; requestIdleCallback(() => done(true));";
    assert_eq!(stage.browser.run_async(is_idle, &[]), true, "nothing is left to draw");
    assert_eq!(stage.tap_and_look("output/7").state, "pending");
    stage.wait_for_tile("output/7", "confirmed", "ON");
    assert_eq!(stage.tile("output/7").checked, "true");
}

#[test]
fn a_device_that_comes_later_appears_by_itself() {
    let stage = Stage::new(Bridge::start());
    let absent = stage.tile("output/0");
    assert_eq!(absent.state, "absent");
    let mut device = Device::plug_in(stage.bridge.tcp);
    stage.wait_for_tile("output/0", "confirmed", "OFF");
    let region = "return [...document.querySelectorAll('section, [role=region]')].map(e => e.getAttribute('aria-label') ?? '')";
    let names = crate::stage::texts(&stage.browser.run(region, &[]));
    assert!(names.iter().any(|name| name.contains(DEVICE)), "a labelled region: {names:?}");
    assert_eq!(device.0.publish("wut-0a4711/get/output/0", b"ON", Qos::AtLeastOnce), ReasonCode::Success);
    stage.wait_for_tile("output/0", "confirmed", "ON");
}
