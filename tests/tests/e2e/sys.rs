//! What the broker tells of itself: `$SYS` to its clients and `/metrics` to Prometheus.

use std::collections::BTreeMap;

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use tests::{Bridge, Client, Deadline, PATIENCE, Request, Wire};

fn connect(bridge: &Bridge, version: Version, id: &str) -> Client {
    let mut client = Client::new(Wire::tcp(bridge.tcp), version);
    client.connect(&Connect::new(version, id));
    client
}

type Wanted = fn(f64) -> bool;

/// Reads values of `$SYS` until each of these is as wanted; in between they may come in any order.
fn wait_for(watcher: &mut Client, wanted: &[(&str, Wanted)]) {
    let deadline = Deadline::after(PATIENCE);
    let mut values = BTreeMap::new();
    while !wanted.iter().all(|(name, is_so)| values.get(*name).is_some_and(|&value| is_so(value))) {
        assert!(deadline.left().is_some(), "the values do not get there: {values:#?}");
        let publish = watcher.receive();
        let text = std::str::from_utf8(publish.payload).expect("a value is text");
        let name = publish.topic.and_then(|topic| topic.text().strip_prefix("$SYS/broker/"));
        let number = text.split(' ').next().and_then(|word| word.parse().ok());
        values.insert(name.expect("a topic of the broker"), number.unwrap_or(f64::NAN));
    }
}

/// [MQTT-4.7.2-1]
#[test]
fn sys_is_told_to_its_watchers_and_to_no_one_else() {
    let bridge = Bridge::configured("[limits]\nsys_interval_s = 1\n");
    for version in [Version::V3_1_1, Version::V5] {
        let mut nosy = connect(&bridge, version, "nosy");
        nosy.subscribe("#", Qos::AtMostOnce);
        nosy.subscribe("+/broker/#", Qos::AtMostOnce);
        let mut client = connect(&bridge, version, "client");
        for _ in 0..3 {
            client.publish("a", b"12345", Qos::AtLeastOnce);
            nosy.receive();
        }
        let mut watcher = connect(&bridge, version, "watcher");
        watcher.subscribe("$SYS/#", Qos::AtLeastOnce);
        wait_for(
            &mut watcher,
            &[
                ("publish/messages/received", |n| n >= 3.0),
                ("publish/bytes/received", |n| n >= 15.0),
                ("clients/connected", |n| (n - 3.0).abs() < 0.1),
                ("bytes/received", |n| n >= 100.0),
                ("bytes/sent", |n| n >= 100.0),
                ("load/publish/received/1min", |n| n > 0.0),
                ("uptime", |n| n > 0.0),
            ],
        );
        nosy.expect_nothing();
        watcher.cut(); // it may still be told something
        client.disconnect();
        nosy.disconnect();
    }
}

#[test]
fn sys_has_what_does_not_change_as_retained_messages() {
    let bridge = Bridge::start();
    let mut watcher = connect(&bridge, Version::V5, "watcher");
    let mut tell = || {
        watcher.subscribe("$SYS/broker/version", Qos::AtMostOnce);
        watcher.next_until(Deadline::after(std::time::Duration::from_millis(100)))
    };
    let deadline = Deadline::after(PATIENCE);
    let packet = std::iter::from_fn(|| deadline.left().map(|_| tell())).flatten().next();
    let Some(mqtt::Packet::Publish(publish)) = packet else { panic!("{packet:?}") };
    assert!(publish.payload.starts_with(b"switchboard version "), "{publish:?}");
}

/// One metric's samples by their labels, as the text form says them.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    has_help: bool,
    samples: BTreeMap<String, f64>,
}

fn is_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// A parser as strict as the text form: each line is HELP, TYPE or a sample of the family that was just announced.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    assert!(text.ends_with('\n'), "the last line ends");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (Some(what), Some(name), Some(said)) = (words.next(), words.next(), words.next()) else {
                panic!("half a comment: {line}")
            };
            assert!(is_name(name) && !said.is_empty(), "{line}");
            let family = families.entry(name.to_owned()).or_default();
            match what {
                "HELP" => assert!(!std::mem::replace(&mut family.has_help, true), "{line}: once"),
                "TYPE" => {
                    assert!(matches!(said, "counter" | "gauge"), "{line}");
                    assert!(family.kind.is_empty() && family.samples.is_empty(), "{line}: once, and first");
                    family.kind = said.to_owned();
                }
                _ => panic!("neither HELP nor TYPE: {line}"),
            }
            current = name.to_owned();
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let (name, labels) = match name.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("labels end")),
            None => (name, ""),
        };
        assert_eq!(name, current, "samples stand below their TYPE");
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (key, value) = label.split_once('=').unwrap_or_else(|| panic!("no label: {line}"));
            assert!(is_name(key) && value.len() >= 2 && value.starts_with('"') && value.ends_with('"'));
        }
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let family = families.get_mut(name).expect("it was announced");
        assert!(family.samples.insert(labels.to_owned(), value).is_none(), "twice: {line}");
    }
    families
}

#[test]
fn metrics_are_lines_that_prometheus_reads() {
    let bridge = Bridge::start();
    let mut client = connect(&bridge, Version::V5, "client");
    client.subscribe("a", Qos::AtMostOnce);
    client.publish("a", b"12345", Qos::AtLeastOnce);
    client.receive();
    client.sync();
    let response = Request::get("/metrics").send(bridge.http);
    assert_eq!(response.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let families = parse(response.text());
    for (name, family) in &families {
        assert!(name.starts_with("switchboard_") && family.has_help && !family.samples.is_empty(), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name}");
    }
    let value = |name: &str, labels: &str| families[&format!("switchboard_{name}")].samples[labels];
    assert_eq!(value("packets_received_total", ""), 4.0, "CONNECT, SUBSCRIBE, PUBLISH, PINGREQ");
    assert_eq!(value("packets_sent_total", ""), 5.0, "their answers and the message");
    assert_eq!(value("payload_received_bytes_total", ""), 5.0);
    assert_eq!(value("payload_sent_bytes_total", ""), 5.0);
    assert!(value("received_bytes_total", "") > 30.0 && value("sent_bytes_total", "") > 30.0);
    for cause in ["slow_reader", "queue_full", "too_large", "expired"] {
        assert_eq!(value("messages_dropped_total", &format!("cause=\"{cause}\"")), 0.0, "{cause}");
    }
}
