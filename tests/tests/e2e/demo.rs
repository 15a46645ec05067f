//! The simulated Web-IO on the wire: an ordinary client that does what the device's manual says.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use tests::{Bridge, Client, Deadline, PATIENCE, Process, Wire, now, program};

const DEVICE: &str = "wut-0a4711";

fn listener(bridge: &Bridge, filters: &[&str]) -> Client {
    let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    client.connect(&Connect::new(Version::V5, "listener"));
    for filter in filters {
        client.subscribe(&format!("{DEVICE}/{filter}"), Qos::AtLeastOnce);
    }
    client
}

/// The next message of a topic, and how long it took to come.
fn next_of(client: &mut Client, topic: &str) -> (Vec<u8>, Duration) {
    let (start, deadline) = (now(), Deadline::after(PATIENCE));
    while deadline.left().is_some() {
        let publish = client.receive();
        if publish.topic.is_some_and(|t| t.text() == format!("{DEVICE}/{topic}")) {
            return (publish.payload.to_vec(), start.elapsed());
        }
    }
    panic!("nothing at {topic}");
}

#[test]
fn it_says_all_its_values_retained_and_that_it_is_online() {
    let bridge = Bridge::start_with(&["--demo"]);
    bridge.process.stderr.expect(&["connected", DEVICE]);
    let mut client = listener(&bridge, &["#"]);
    let mut values = BTreeMap::new();
    while values.len() < 37 {
        let publish = client.receive();
        let topic = publish.topic.expect("a topic").text();
        let payload = String::from_utf8(publish.payload.to_vec()).expect("text");
        values.insert(topic.trim_start_matches(DEVICE).to_owned(), payload);
    }
    assert_eq!(values["/status"], "online");
    for n in 0..12 {
        for kind in ["input", "output"] {
            assert!(matches!(&*values[&format!("/get/{kind}/{n}")], "ON" | "OFF"), "{values:?}");
        }
        assert!(values[&format!("/get/counter/{n}")].parse::<u32>().is_ok(), "{values:?}");
    }
}

#[test]
fn an_output_follows_its_command_after_a_relays_time() {
    let bridge = Bridge::start_with(&["--demo"]);
    let mut client = listener(&bridge, &["get/output/3"]);
    assert_eq!(next_of(&mut client, "get/output/3").0, b"OFF");
    for (command, value) in [("ON", "ON"), ("OFF", "OFF"), ("TOGGLE", "ON"), ("TOGGLE", "OFF")] {
        client.publish(&format!("{DEVICE}/set/output/3"), command.as_bytes(), Qos::AtLeastOnce);
        let (got, took) = next_of(&mut client, "get/output/3");
        assert_eq!(got, value.as_bytes(), "{command}");
        assert!(took >= Duration::from_millis(45), "a relay takes its time: {took:?}");
    }
}

#[test]
fn what_is_no_command_moves_nothing() {
    let bridge = Bridge::start_with(&["--demo"]);
    let mut client = listener(&bridge, &["get/output/+"]);
    for _ in 0..12 {
        client.receive();
    }
    for (topic, payload) in [
        ("set/output/3", "on"),
        ("set/output/3", ""),
        ("set/output/12", "ON"),
        ("set/output/-1", "ON"),
        ("set/output/03x", "ON"),
        ("set/input/3", "ON"),
        ("SET/output/3", "ON"),
    ] {
        client.publish(&format!("{DEVICE}/{topic}"), payload.as_bytes(), Qos::AtLeastOnce);
    }
    client.publish(&format!("{DEVICE}/set/output/0"), b"ON", Qos::AtLeastOnce);
    // Commands never overtake each other: when output 0 has moved, the others would have.
    let first = client.receive();
    assert_eq!(first.topic.map(|t| t.text()), Some("wut-0a4711/get/output/0"));
}

#[test]
fn counters_count_by_themselves_and_are_set() {
    let bridge = Bridge::start_with(&["--demo"]);
    let mut client = listener(&bridge, &["get/counter/0"]);
    let count = |payload: Vec<u8>| {
        String::from_utf8(payload).ok().and_then(|text| text.parse::<u32>().ok()).expect("digits")
    };
    let before = count(next_of(&mut client, "get/counter/0").0);
    let after = count(next_of(&mut client, "get/counter/0").0);
    assert!(after > before, "{before}, then {after}");
    client.publish(&format!("{DEVICE}/set/counter/0"), b"5000", Qos::AtLeastOnce);
    while count(next_of(&mut client, "get/counter/0").0) < 5000 {}
    client.publish(&format!("{DEVICE}/set/counter/0"), b"0", Qos::AtLeastOnce);
    while count(next_of(&mut client, "get/counter/0").0) >= 5000 {}
}

#[test]
fn its_plug_is_pulled_and_its_will_says_so_and_it_comes_back() {
    let mut bridge = Bridge::start();
    let start = |bridge: &Bridge| {
        Process::start(&program(), &["demo", "-h", "127.0.0.1", "-p", &bridge.tcp.port().to_string()])
    };
    let mut client = listener(&bridge, &["status"]);
    let mut device = start(&bridge);
    assert_eq!(client.receive_payload(), b"online");
    device.kill();
    assert_eq!(client.receive_payload(), b"offline");
    let _device = start(&bridge);
    assert_eq!(client.receive_payload(), b"online");
    // A bridge that returns without memory hears all values again.
    bridge.restart();
    let mut client = listener(&bridge, &["status", "get/output/11"]);
    assert_eq!(next_of(&mut client, "get/output/11").0, b"OFF");
}
