//! Limits an operator sets, and how clients are told of them.

use mqtt::packet::{Connect, ConnectWill, Publish, PublishProperties};
use mqtt::{Packet, Qos, ReasonCode, TopicName, Version};
use tests::{Bridge, Client, PATIENCE, Wire, delivery, message, now};

fn open(bridge: &Bridge, version: Version) -> Client {
    Client::new(Wire::tcp(bridge.tcp), version)
}

fn connect(bridge: &Bridge, version: Version, id: &str) -> Client {
    let mut client = open(bridge, version);
    assert_eq!(client.connect(&Connect::new(version, id)).reason, ReasonCode::Success);
    client
}

#[test]
fn a_keep_alive_over_the_limit_is_replaced_mqtt_3_2_2_21() {
    let bridge = Bridge::configured("[limits]\nmax_keep_alive_s = 1\n");
    for asked in [0, 600] {
        let mut client = open(&bridge, Version::V5);
        let hello = Connect { keep_alive_s: asked, ..Connect::new(Version::V5, "alice") };
        assert_eq!(client.connect(&hello).properties.server_keep_alive_s, Some(1));
        assert_eq!(client.end().reason, Some(ReasonCode::KeepAliveTimeout), "and it is the one that counts");
    }
}

#[test]
fn what_is_not_offered_is_announced_and_refused() {
    let bridge = Bridge::configured(
        "[limits]\nmax_qos = 1\nretain_available = false\nwildcard_subscriptions = false\nmax_packet_bytes = 2000\n",
    );
    let hello = Connect::new(Version::V5, "alice");
    let connack = open(&bridge, Version::V5).connect(&hello);
    let p = &connack.properties;
    assert_eq!((p.maximum_qos, p.maximum_packet_size), (Qos::AtLeastOnce, Some(2000)));
    assert!(!p.retain_available && !p.wildcard_subscription_available);
    let mut client = connect(&bridge, Version::V5, "alice");
    assert_eq!(client.subscribe("a/#", Qos::AtMostOnce), ReasonCode::WildcardSubscriptionsNotSupported);
    assert_eq!(client.subscribe("a", Qos::ExactlyOnce), ReasonCode::GrantedQos1, "[MQTT-3.2.2-9]");
    let id = client.new_id();
    let cases = [
        (
            Publish { delivery: delivery(Qos::ExactlyOnce, id), ..message("a", b"1") },
            ReasonCode::QosNotSupported,
        ),
        (Publish { retain: true, ..message("a", b"1") }, ReasonCode::RetainNotSupported),
        (message("a", &[0; 2000]), ReasonCode::PacketTooLarge),
    ];
    for (publish, reason) in cases {
        let mut client = connect(&bridge, Version::V5, "alice");
        client.send(&Packet::Publish(publish));
        assert_eq!(client.end().reason, Some(reason));
    }
}

#[test]
fn a_version_that_is_switched_off_is_refused() {
    let bridge = Bridge::configured("[limits]\nversions = [\"5.0\"]\n");
    connect(&bridge, Version::V5, "alice");
    let mut old = open(&bridge, Version::V3_1_1);
    assert_eq!(
        old.connect(&Connect::new(Version::V3_1_1, "old")).reason,
        ReasonCode::UnsupportedProtocolVersion
    );
}

#[test]
fn a_connection_without_connect_does_not_stay() {
    let bridge = Bridge::configured("[limits]\nconnect_timeout_s = 1\n");
    let start = now();
    let mut silent = open(&bridge, Version::V5);
    silent.end();
    // Half a CONNECT is none either.
    let mut half = open(&bridge, Version::V5);
    half.send_bytes(&[0x10, 20, 0]);
    half.end();
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    bridge.process.stderr.expect(&["no CONNECT in time", &silent.local().to_string()]);
}

#[test]
fn connections_over_the_limit_are_refused_with_a_reason() {
    let bridge = Bridge::configured("[limits]\nmax_connections = 2\n");
    let (_a, b) = (connect(&bridge, Version::V5, "a"), connect(&bridge, Version::V5, "b"));
    let refused = open(&bridge, Version::V5).connect(&Connect::new(Version::V5, "c"));
    assert_eq!(refused.reason, ReasonCode::QuotaExceeded, "0x97");
    b.disconnect();
    connect(&bridge, Version::V5, "c");
}

#[test]
fn retained_messages_over_the_limit_are_refused_and_old_ones_stay() {
    let bridge = Bridge::configured("[limits]\nmax_retained_messages = 2\n");
    let mut client = connect(&bridge, Version::V5, "alice");
    client.retain("a", b"1", Qos::AtLeastOnce);
    client.retain("b", b"1", Qos::AtLeastOnce);
    assert_eq!(client.retain("c", b"1", Qos::AtLeastOnce), ReasonCode::QuotaExceeded, "0x97");
    assert!(!client.retain("a", b"2", Qos::AtLeastOnce).is_error(), "replacing takes no room");
    client.retain("b", b"", Qos::AtLeastOnce);
    assert!(!client.retain("c", b"1", Qos::AtLeastOnce).is_error(), "clearing makes room");
    client.subscribe("#", Qos::AtMostOnce);
    assert_eq!((client.receive_payload(), client.receive_payload()), (&b"2"[..], &b"1"[..]));
}

/// [MQTT3-3.8.3-2], [MQTT3-3.9.3-2]
#[test]
fn wildcards_that_are_not_offered_are_refused_in_the_one_word_of_3_1_1() {
    let bridge = Bridge::configured("[limits]\nwildcard_subscriptions = false\n");
    let mut client = connect(&bridge, Version::V3_1_1, "alice");
    for filter in ["#", "a/+", "+/a/#"] {
        assert_eq!(client.subscribe(filter, Qos::AtLeastOnce), ReasonCode::UnspecifiedError, "0x80");
    }
    assert_eq!(client.subscribe("a/b", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
    client.publish("a/b", b"1", Qos::AtLeastOnce);
    assert_eq!(client.receive_payload(), b"1");
}

/// [MQTT3-3.2.2-6]
#[test]
fn a_will_that_3_1_1_has_no_return_code_for_closes_without_connack() {
    let bridge = Bridge::configured("[limits]\nmax_qos = 1\nretain_available = false\n");
    let will = |qos, retain| ConnectWill {
        topic: TopicName::new("will").expect("a topic"),
        payload: b"gone",
        qos,
        retain,
        delay_s: 0,
        properties: PublishProperties::default(),
    };
    for (qos, retain) in [(Qos::ExactlyOnce, false), (Qos::AtMostOnce, true)] {
        let mut client = open(&bridge, Version::V3_1_1);
        let hello = Connect { will: Some(will(qos, retain)), ..Connect::new(Version::V3_1_1, "mortal") };
        client.send(&Packet::Connect(Box::new(hello)));
        assert_eq!(client.end().reason, None);
    }
}

/// [MQTT3-4.8.0-2]
#[test]
fn what_may_go_well_another_time_closes_a_connection_of_3_1_1() {
    let bridge = Bridge::configured("[limits]\nmax_retained_messages = 1\n");
    connect(&bridge, Version::V3_1_1, "first").retain("a", b"1", Qos::AtLeastOnce);
    for level in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let mut client = connect(&bridge, Version::V3_1_1, "alice");
        let publish =
            Publish { retain: true, delivery: delivery(level, client.new_id()), ..message("b", b"1") };
        client.send(&Packet::Publish(publish));
        assert_eq!(client.end().reason, None, "not acknowledged");
    }
    // The same again, when there is room, is taken.
    let mut client = connect(&bridge, Version::V3_1_1, "alice");
    client.retain("a", b"", Qos::AtLeastOnce);
    assert_eq!(client.retain("b", b"1", Qos::ExactlyOnce), ReasonCode::Success);
}
