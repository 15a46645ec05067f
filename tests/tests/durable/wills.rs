//! What Clients were promised that did not get so far: wills of those that were there, and retained messages that new
//! subscriptions owed.

use std::collections::BTreeSet;

use mqtt::packet::{Connect, ConnectWill};
use mqtt::{Message, Qos, ReasonCode, Version, Will};
use tests::{Bridge, Client, Wire};

use crate::clients::{client, lasting, plain};

/// A device of 3.1.1 with a clean session, whose will says that it is gone. It says that it is there.
fn device(wire: Wire, name: &str) -> Client {
    let topic = format!("status/{name}");
    let message = Message::new(topic.parse().expect("a topic"), "offline").with_qos(Qos::AtLeastOnce);
    let will = Will { message: message.with_retain(true), delay_s: 0 };
    let mut connect = Connect::new(Version::V3_1_1, name);
    connect.will = Some(ConnectWill::of(&will));
    let mut client = Client::new(wire, Version::V3_1_1);
    assert_eq!(client.connect(&connect).reason, ReasonCode::Success);
    assert_eq!(client.retain(&topic, b"online", Qos::AtLeastOnce), ReasonCode::Success);
    client
}

/// What is retained of these devices.
fn statuses(bridge: &Bridge, names: &[&str]) -> Vec<String> {
    let mut reader = plain(bridge, "reader");
    let status = |name: &&str| {
        let _ = reader.subscribe(&format!("status/{name}"), Qos::AtMostOnce);
        format!("{name} {}", String::from_utf8_lossy(reader.receive_payload()))
    };
    names.iter().map(status).collect()
}

#[test]
fn no_device_stays_online_that_was_lost_with_the_broker() {
    let mut bridge = Bridge::keeping("");
    let mut watcher = client(&bridge, &lasting("watcher"));
    assert_eq!(watcher.subscribe("status/+", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
    watcher.disconnect();
    let lost = [device(Wire::tcp(bridge.tcp), "tcp"), device(Wire::websocket(bridge.http), "websocket")];
    device(Wire::tcp(bridge.tcp), "left").disconnect();
    // After this what was said before is durable, with its consequences.
    assert!(!plain(&bridge, "last").retain("last", b"x", Qos::AtLeastOnce).is_error());
    bridge.kill();
    drop(lost);
    bridge.restart();
    let names = ["tcp", "websocket", "left"];
    assert_eq!(statuses(&bridge, &names), ["tcp offline", "websocket offline", "left online"]);
    let mut watcher = client(&bridge, &lasting("watcher"));
    let said: BTreeSet<_> = (0..5)
        .map(|_| {
            let publish = watcher.receive();
            let topic = publish.topic.map_or("", |topic| topic.text()).to_owned();
            format!("{topic} {}", String::from_utf8_lossy(publish.payload))
        })
        .collect();
    assert_eq!(said.len(), 5, "three times online, twice offline: {said:?}");
    watcher.expect_nothing();
    // They are sent once, and those of a stop are sent when it stops.
    let mut back = device(Wire::tcp(bridge.tcp), "tcp");
    back.sync();
    assert_eq!(bridge.process.terminate().code(), Some(0));
    bridge.restart();
    assert_eq!(statuses(&bridge, &names), ["tcp offline", "websocket offline", "left online"]);
    let mut watcher = client(&bridge, &lasting("watcher"));
    assert_eq!(watcher.receive_payload(), b"online");
    assert_eq!(watcher.receive_payload(), b"offline");
    watcher.expect_nothing();
}

#[test]
fn retained_messages_that_were_promised_come_though_the_broker_was_killed() {
    let mut bridge = Bridge::keeping("");
    let mut publisher = plain(&bridge, "publisher");
    for n in 0..5 {
        let reason = publisher.retain(&format!("value/{n}"), b"x", Qos::AtLeastOnce);
        assert!(!reason.is_error(), "{reason:?}");
    }
    let mut connect = lasting("reader");
    connect.properties.receive_maximum = Some(1);
    let mut reader = client(&bridge, &connect);
    assert_eq!(reader.subscribe("value/+", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
    let _ = reader.receive_only();
    bridge.kill();
    bridge.restart();
    let mut reader = client(&bridge, &connect);
    let topics: Vec<_> = (0..5).map(|_| reader.receive().topic.map_or("", |topic| topic.text())).collect();
    assert_eq!(topics, ["value/0", "value/1", "value/2", "value/3", "value/4"]);
    reader.expect_nothing();
}
