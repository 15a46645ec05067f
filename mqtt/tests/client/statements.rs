//! What the standards ask of a Client on the wire, to the byte where bytes are what they ask for.

use mqtt::client::{Config, Ended, Input, Password};
use mqtt::packet::{Ack, Connack, ConnackProperties, Packet, Publish, SubscriptionOptions};
use mqtt::{Delivery, PacketId, Qos, ReasonCode, Version, Will};

use crate::bytes::bytes;
use crate::pair::{Pair, VERSIONS, config, durable, filter, id, message, publish};

const QOS_1: Qos = Qos::AtLeastOnce;
const QOS_2: Qos = Qos::ExactlyOnce;

/// The bytes that a Client with this configuration sends first.
fn connect_bytes(config: Config) -> Vec<u8> {
    let mut pair = Pair::new(config);
    pair.client.start(pair.now);
    pair.drain();
    pair.open();
    pair.writes.concat()
}

/// What stands before the Client Identifier, with these flags.
fn head(version: Version, flags: &str) -> String {
    match version {
        Version::V3_1 => format!("'MQIsdp' 03 {flags} 001e"),
        Version::V3_1_1 => format!("'MQTT' 04 {flags} 001e"),
        Version::V5 => format!("'MQTT' 05 {flags} 001e [ 21 0100 27 00100000 22 0020 ]"),
    }
}

fn ack(n: u16) -> Ack<'static> {
    Ack::new(id(n), ReasonCode::Success)
}

/// [MQTT-3.1.0-1], [MQTT3-3.1.0-1], [MQTT-3.1.2-1], [MQTT-3.1.2-11], [MQTT-3.1.2-13], [MQTT-3.1.2-16], [MQTT-3.1.2-18],
/// [MQTT-3.1.3-3], [MQTT3-3.1.2-11], [MQTT3-3.1.2-13], [MQTT3-3.1.2-15], [MQTT3-3.1.2-18], [MQTT3-3.1.2-20],
/// [MQTT3-3.1.3-3], [MQTT3-7.0.0-2]
#[test]
fn connect_comes_first_and_says_nothing_it_was_not_told() {
    for version in VERSIONS {
        let expected = bytes(&format!("10 [ {} 'c' ]", head(version, "02")));
        assert_eq!(connect_bytes(config(version)), expected, "{version:?}");
    }
}

/// [MQTT-3.1.2-9], [MQTT-3.1.2-12], [MQTT-3.1.2-17], [MQTT-3.1.2-19], [MQTT-3.1.3-1], [MQTT3-3.1.2-9], [MQTT3-3.1.2-14],
/// [MQTT3-3.1.2-19], [MQTT3-3.1.2-21], [MQTT3-3.1.3-1]
#[test]
fn connect_has_flags_and_fields_for_what_it_was_told_in_their_order() {
    for version in VERSIONS {
        let told = Config {
            user_name: Some("u".into()),
            password: Some(Password::from("p")),
            will: Some(Will { message: message("gone", QOS_1).with_retain(true), delay_s: 5 }),
            ..config(version)
        };
        let properties = if version.is_5() { "[ 18 00000005 ]" } else { "" };
        let rest = format!("'c' {properties} 't' 'gone' 'u' 'p'");
        let expected = bytes(&format!("10 [ {} {rest} ]", head(version, "ee")));
        assert_eq!(connect_bytes(told), expected, "{version:?}");
    }
}

/// [MQTT3-3.1.2-22]: where a password needs a name, there is an empty one.
#[test]
fn a_password_goes_without_a_user_name_in_5_0_only() {
    for version in VERSIONS {
        let told = Config { password: Some(Password::from("p")), ..config(version) };
        let (flags, rest) = if version.is_5() { ("42", "'c' 'p'") } else { ("c2", "'c' '' 'p'") };
        assert_eq!(connect_bytes(told), bytes(&format!("10 [ {} {rest} ]", head(version, flags))));
    }
}

/// [MQTT-2.2.1-2], [MQTT-2.2.2-1], [MQTT-2.1.3-1], [MQTT-3.3.1-2], [MQTT-3.3.4-6], [MQTT-3.8.1-1], [MQTT-3.10.1-1],
/// [MQTT-3.14.1-1], [MQTT3-2.2.2-1], [MQTT3-2.3.1-5], [MQTT3-3.3.1-2], [MQTT3-3.8.1-1], [MQTT3-3.10.1-1]: a Client has no
/// way to say a subscription identifier in PUBLISH.
#[test]
fn packets_of_a_client_are_these_bytes() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        pair.writes.clear();
        for qos in [Qos::AtMostOnce, QOS_1, QOS_2] {
            pair.publish(message("x", qos));
        }
        pair.client.subscribe(pair.now, &[(filter("a/+"), SubscriptionOptions::at(QOS_2))], None);
        pair.client.unsubscribe(pair.now, &[filter("a/+")]);
        pair.client.stop(pair.now, ReasonCode::Success);
        pair.drain();
        let none = if version.is_5() { "00" } else { "" };
        let expected = [
            format!("30 [ 't' {none} \"x\" ]"),
            format!("32 [ 't' 0001 {none} \"x\" ]"),
            format!("34 [ 't' 0002 {none} \"x\" ]"),
            format!("82 [ 0003 {none} 'a/+' 02 ]"),
            format!("a2 [ 0004 {none} 'a/+' ]"),
            "e0 00".to_owned(),
        ];
        assert_eq!(pair.writes.concat(), bytes(&expected.join(" ")), "{version:?}");
    }
}

/// [MQTT-2.2.1-3], [MQTT-4.3.2-1], [MQTT-4.3.3-1], [MQTT3-2.3.1-1], [MQTT3-2.3.1-2], [MQTT3-2.3.1-3], [MQTT3-4.3.2-1]
#[test]
fn an_identifier_is_not_zero_and_used_again_only_when_it_is_free() {
    for version in [Version::V3_1_1, Version::V5] {
        let mut pair = Pair::connected(config(version));
        pair.publish(message("kept", QOS_1));
        pair.packets();
        let mut last = 1;
        for _ in 0..70_000 {
            pair.client.subscribe(pair.now, &[(filter("a"), SubscriptionOptions::at(QOS_1))], None);
            pair.drain();
            let sent = pair.writes.concat();
            pair.writes.clear();
            // The identifier stands behind the two bytes of the header.
            last = u16::from_be_bytes([sent[2], sent[3]]);
            assert!(last > 1, "1 is in use, and 0 is none");
            let reasons = vec![ReasonCode::GrantedQos1];
            let answer = mqtt::packet::SubscriptionAck::new(PacketId::new(last).unwrap(), reasons);
            pair.server(&Packet::Suback(answer));
            if last == u16::MAX {
                break;
            }
        }
        assert_eq!(last, u16::MAX, "all were used in a row");
        pair.publish(message("waits", QOS_1));
        assert_eq!(pair.publishes(), [], "the only identifiers left follow one that is in use");
        pair.server(&Packet::Puback(ack(1)));
        assert_eq!(pair.publishes(), [("waits".to_owned(), Some(1), false)]);
    }
}

/// [MQTT-3.3.4-1], [MQTT-4.5.0-2], [MQTT-4.6.0-2], [MQTT-4.6.0-3], [MQTT-2.2.1-5], [MQTT-4.3.2-4], [MQTT-4.3.3-8],
/// [MQTT-4.3.3-11], [MQTT3-3.3.4-1], [MQTT3-4.5.0-2], [MQTT3-4.6.0-2], [MQTT3-4.6.0-3], [MQTT3-2.3.1-6],
/// [MQTT3-4.3.2-2], [MQTT3-4.3.3-2]; and no answer has words: [MQTT-3.4.2-2], [MQTT-3.4.2-3], [MQTT-3.5.2-2],
/// [MQTT-3.5.2-3], [MQTT-3.7.2-2], [MQTT-3.7.2-3]
#[test]
fn every_message_is_answered_in_its_order_though_nobody_asked_for_it() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        pair.writes.clear();
        let one = |n| publish("x", Delivery::AtLeastOnce { packet_id: id(n), dup: false });
        let two = |n| publish("x", Delivery::ExactlyOnce { packet_id: id(n), dup: false });
        let mut all = Vec::new();
        for packet in [two(9), one(5), two(3), publish("x", Delivery::AtMostOnce), one(4), two(1)] {
            packet.encode(version, &mut all).unwrap();
        }
        pair.input(Input::Received(&all));
        let expected = "50 [ 0009 ] 40 [ 0005 ] 50 [ 0003 ] 40 [ 0004 ] 50 [ 0001 ]";
        assert_eq!(pair.writes.concat(), bytes(expected));
        pair.writes.clear();
        for n in [3, 1, 9] {
            pair.server(&Packet::Pubrel(ack(n)));
        }
        assert_eq!(pair.writes.concat(), bytes("70 [ 0003 ] 70 [ 0001 ] 70 [ 0009 ]"));
    }
}

/// [MQTT-4.6.0-4], [MQTT3-4.6.0-4], [MQTT-3.6.1-1], [MQTT3-3.6.1-1], [MQTT-3.6.2-2], [MQTT-3.6.2-3]
#[test]
fn pubrel_keeps_the_order_of_pubrec() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        for payload in ["1", "2", "3"] {
            pair.publish(message(payload, QOS_2));
        }
        pair.writes.clear();
        for n in [2, 3, 1] {
            pair.server(&Packet::Pubrec(ack(n)));
        }
        assert_eq!(pair.writes.concat(), bytes("62 [ 0002 ] 62 [ 0003 ] 62 [ 0001 ]"));
    }
}

/// [MQTT-4.3.2-5], [MQTT-4.3.3-12], [MQTT3-4.3.2-2], [MQTT3-4.3.3-2]
#[test]
fn an_identifier_that_was_acknowledged_to_the_end_is_a_new_message_whatever_dup_says() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        for payload in ["a", "b"] {
            pair.server(&publish(payload, Delivery::AtLeastOnce { packet_id: id(7), dup: true }));
        }
        for payload in ["c", "d"] {
            pair.server(&publish(payload, Delivery::ExactlyOnce { packet_id: id(7), dup: true }));
            pair.server(&Packet::Pubrel(ack(7)));
        }
        assert_eq!(pair.messages(), ["a", "b", "c", "d"]);
    }
}

/// [MQTT-4.3.3-10], [MQTT-4.3.3-8], [MQTT3-4.3.3-2]
#[test]
fn a_message_of_qos_2_that_comes_again_before_pubrel_is_answered_and_not_handed_on() {
    for version in VERSIONS {
        let mut pair = Pair::connected(durable(version));
        pair.packets();
        for dup in [false, true] {
            pair.server(&publish("once", Delivery::ExactlyOnce { packet_id: id(7), dup }));
            assert_eq!(pair.packets(), [Packet::Pubrec(ack(7))], "{version:?}");
        }
        pair.cut_and_reopen();
        pair.accept(true);
        pair.packets();
        pair.server(&publish("once", Delivery::ExactlyOnce { packet_id: id(7), dup: true }));
        assert_eq!(pair.packets(), [Packet::Pubrec(ack(7))], "on the next connection too, {version:?}");
        assert_eq!(pair.messages(), ["once"], "{version:?}");
    }
}

/// [MQTT-4.4.0-2]
#[test]
fn what_the_server_refused_is_not_sent_again() {
    let mut pair = Pair::connected(durable(Version::V5));
    pair.publish(message("1", QOS_1));
    pair.publish(message("2", QOS_2));
    let refused = |n| Ack::new(id(n), ReasonCode::QuotaExceeded);
    pair.server(&Packet::Puback(refused(1)));
    pair.server(&Packet::Pubrec(refused(2)));
    pair.cut_and_reopen();
    pair.accept(true);
    assert_eq!(pair.packets(), []);
}

/// [MQTT-3.3.4-8], [MQTT-4.9.0-1], [MQTT-4.9.0-2], [MQTT-4.9.0-3]
#[test]
fn a_closed_window_holds_up_messages_and_nothing_else() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    let properties = ConnackProperties { receive_maximum: Some(1), ..ConnackProperties::default() };
    pair.accept_with(Connack { properties, ..Connack::new(ReasonCode::Success) });
    pair.publish(message("1", QOS_2));
    pair.publish(message("2", QOS_1));
    assert_eq!(pair.publishes(), [("1".to_owned(), Some(1), false)]);
    pair.client.subscribe(pair.now, &[(filter("a"), SubscriptionOptions::at(QOS_1))], None);
    pair.drain();
    assert!(matches!(pair.packet(), Packet::Subscribe(_)));
    pair.client.unsubscribe(pair.now, &[filter("a")]);
    pair.drain();
    assert!(matches!(pair.packet(), Packet::Unsubscribe(_)));
    pair.server(&publish("x", Delivery::AtLeastOnce { packet_id: id(9), dup: false }));
    assert_eq!(pair.packet(), Packet::Puback(ack(9)));
    pair.input(Input::Wake);
    assert_eq!(pair.packet(), Packet::Pingreq);
    pair.server(&Packet::Pubrec(ack(1)));
    assert_eq!(pair.packet(), Packet::Pubrel(ack(1)));
    pair.server(&Packet::Pubcomp(ack(1)));
    assert!(matches!(pair.packet(), Packet::Publish(Publish { payload: b"2", .. })));
}

/// [MQTT3-4.8.0-2], [MQTT-3.1.2-23], [MQTT-3.1.3-2], [MQTT-4.1.0-1], [MQTT3-3.1.2-4], [MQTT3-3.1.3-2], [MQTT3-4.1.0-1],
/// [MQTT3-4.1.0-2]
#[test]
fn a_session_outlives_a_transport_that_fails() {
    for version in [Version::V3_1_1, Version::V5] {
        let mut pair = Pair::connected(durable(version));
        pair.publish(message("1", QOS_1));
        pair.server(&publish("x", Delivery::ExactlyOnce { packet_id: id(9), dup: false }));
        assert_eq!(pair.messages(), ["x"]);
        pair.packets();
        pair.cut();
        assert_eq!(pair.ended().0, Ended::TransportClosed { why: "cut".into() });
        pair.pass_s(60);
        pair.open();
        let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
        assert_eq!((connect.client_id, connect.clean_start), ("c", false));
        let connack = Connack { session_present: true, ..Connack::new(ReasonCode::Success) };
        pair.server(&Packet::Connack(Box::new(connack)));
        assert_eq!(pair.publishes(), [("1".to_owned(), Some(1), true)]);
        pair.server(&publish("x", Delivery::ExactlyOnce { packet_id: id(9), dup: true }));
        assert_eq!(pair.messages(), [""; 0], "it was handed on before");
    }
}

/// [MQTT-3.1.2-4], [MQTT3-3.1.2-6]
#[test]
fn a_clean_session_begins_with_nothing_of_the_one_before() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut pair = Pair::connected(config(version));
        pair.server(&publish("x", Delivery::ExactlyOnce { packet_id: id(9), dup: false }));
        pair.publish(message("1", QOS_2));
        pair.packets();
        pair.cut_and_reopen();
        pair.messages();
        pair.open();
        let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
        assert!(connect.clean_start);
        pair.server(&Packet::Connack(Box::new(Connack::new(ReasonCode::Success))));
        assert_eq!(pair.publishes(), [], "its handshake ended with the session");
        pair.server(&publish("y", Delivery::ExactlyOnce { packet_id: id(9), dup: false }));
        assert_eq!(pair.messages(), ["y"], "the identifier is a new message");
    }
}

/// [MQTT-4.8.2-1], [MQTT-4.8.2-2], [MQTT-3.8.3-4]
#[test]
fn a_shared_filter_without_name_or_filter_is_not_asked_for_in_5_0() {
    for bad in ["$share/g", "$share/", "$share//a", "$share/+/a", "$share/#", "$share/g/"] {
        for version in VERSIONS {
            let mut pair = Pair::connected(config(version));
            pair.packets();
            pair.client.subscribe(pair.now, &[(filter(bad), SubscriptionOptions::default())], None);
            pair.drain();
            assert_eq!(pair.packets().is_empty(), version.is_5(), "{bad} in {version:?}");
        }
    }
}

/// [MQTT-3.8.3-4]
#[test]
fn no_local_is_not_asked_for_on_a_shared_subscription() {
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    for (text, is_sent) in [("$share/g/a", false), ("a", true)] {
        let mut pair = Pair::connected(config(Version::V5));
        pair.packets();
        pair.client.subscribe(pair.now, &[(filter(text), no_local)], None);
        pair.drain();
        assert_eq!(pair.packets().is_empty(), !is_sent, "{text}");
    }
}
