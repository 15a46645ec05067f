//! CONNECT, CONNACK and refusals.

use std::time::Duration;

use mqtt::client::{Config, Ended, Event, Input, Misbehaviour, Password};
use mqtt::codec::DecodeError;
use mqtt::packet::{Auth, Connack, ConnackProperties, Disconnect, Packet};
use mqtt::{Qos, ReasonCode, SessionExpiry, Version, Will};

use crate::pair::{Pair, VERSIONS, config, durable, message};

#[test]
fn connect_says_all_that_the_configuration_says_in_every_version() {
    for version in VERSIONS {
        let will = Will { message: message("gone", Qos::AtLeastOnce).with_retain(true), delay_s: 5 };
        let mut pair = Pair::new(Config {
            user_name: Some("u".into()),
            password: Some(Password::from("p")),
            will: Some(will),
            keep_alive_s: 77,
            session_expiry: SessionExpiry::After(60),
            user_properties: vec![("k".into(), "v".into())],
            ..config(version)
        });
        pair.client.start(pair.now);
        pair.drain();
        assert_eq!(pair.opens, 1);
        pair.open();
        let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
        assert_eq!(connect.version, version);
        assert!(connect.clean_start);
        assert_eq!((connect.client_id, connect.keep_alive_s), ("c", 77));
        assert_eq!((connect.user_name, connect.password), (Some("u"), Some(&b"p"[..])));
        let will = connect.will.unwrap();
        assert_eq!(
            (will.topic.as_str(), will.payload, will.qos, will.retain),
            ("t", &b"gone"[..], Qos::AtLeastOnce, true)
        );
        if version.is_5() {
            assert_eq!(will.delay_s, 5);
            assert_eq!(connect.properties.session_expiry, SessionExpiry::After(60));
            assert_eq!(connect.properties.receive_maximum, Some(256));
            assert_eq!(connect.properties.user_properties, [("k", "v")]);
        }
    }
}

#[test]
fn the_event_says_what_the_server_granted() {
    let mut pair = Pair::new(Config { client_id: String::new(), ..config(Version::V5) });
    pair.client.start(pair.now);
    pair.drain();
    pair.accept_with(Connack {
        properties: ConnackProperties {
            assigned_client_id: Some("auto-1"),
            server_keep_alive_s: Some(5),
            receive_maximum: Some(3),
            maximum_qos: Qos::AtLeastOnce,
            maximum_packet_size: Some(99),
            retain_available: false,
            session_expiry: Some(SessionExpiry::After(9)),
            ..ConnackProperties::default()
        },
        ..Connack::new(ReasonCode::Success)
    });
    let [Event::Connected(granted)] = &pair.events()[..] else { panic!("Connected alone") };
    assert_eq!(granted.client_id, "auto-1");
    assert_eq!((granted.keep_alive_s, granted.receive_maximum), (5, 3));
    assert_eq!((granted.maximum_qos, granted.max_packet_bytes), (Qos::AtLeastOnce, Some(99)));
    assert!(!granted.retain_available);
    assert_eq!(granted.session_expiry, SessionExpiry::After(9));
}

#[test]
fn an_assigned_client_identifier_is_kept_for_the_reconnect() {
    let mut pair = Pair::new(Config { client_id: String::new(), ..durable(Version::V5) });
    pair.client.start(pair.now);
    pair.drain();
    let properties = ConnackProperties { assigned_client_id: Some("auto-1"), ..ConnackProperties::default() };
    pair.accept_with(Connack { properties, ..Connack::new(ReasonCode::Success) });
    pair.cut_and_reopen();
    pair.open();
    let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
    assert_eq!(connect.client_id, "auto-1");
}

/// [MQTT3-3.1.3-7]
#[test]
fn a_client_of_3_x_without_identifier_makes_one_up() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let pair = Pair::new(Config { client_id: String::new(), ..config(version) });
        assert!((1..=23).contains(&pair.client.client_id().len()), "{}", pair.client.client_id());
    }
}

/// [MQTT-3.1.2-4]
#[test]
fn only_the_first_connection_asks_for_a_clean_start() {
    let mut pair = Pair::new(Config { clean_start: true, ..durable(Version::V5) });
    pair.client.start(pair.now);
    pair.drain();
    for clean in [true, false, false] {
        pair.open();
        let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
        assert_eq!(connect.clean_start, clean);
        pair.server(&Packet::Connack(Box::new(Connack {
            session_present: !clean,
            ..Connack::new(ReasonCode::Success)
        })));
        pair.cut_and_reopen();
    }
}

/// [MQTT-4.13.2-1]
#[test]
fn a_refusal_that_waiting_cannot_cure_ends_for_good() {
    for reason in [
        ReasonCode::BadUserNameOrPassword,
        ReasonCode::NotAuthorized,
        ReasonCode::Banned,
        ReasonCode::ClientIdentifierNotValid,
        ReasonCode::BadAuthenticationMethod,
        ReasonCode::UseAnotherServer,
    ] {
        let mut pair = Pair::new(config(Version::V5));
        pair.client.start(pair.now);
        pair.drain();
        let properties = ConnackProperties { reason_string: Some("no"), ..ConnackProperties::default() };
        pair.accept_with(Connack { properties, ..Connack::new(reason) });
        let (why, retry_at) = pair.ended();
        let Ended::Refused(farewell) = why else { panic!("{why:?}") };
        assert_eq!((farewell.reason, farewell.reason_string.as_deref()), (reason, Some("no")));
        assert_eq!((retry_at, pair.wait, pair.closes), (None, None, 1));
        pair.input(Input::Wake);
        assert_eq!(pair.opens, 1, "waking cures nothing either");
        pair.client.start(pair.now);
        pair.drain();
        assert_eq!(pair.opens, 2, "but being asked again does");
    }
}

#[test]
fn a_refusal_that_may_pass_is_tried_again() {
    for reason in [ReasonCode::ServerBusy, ReasonCode::ServerUnavailable, ReasonCode::ConnectionRateExceeded]
    {
        let mut pair = Pair::new(config(Version::V5));
        pair.client.start(pair.now);
        pair.drain();
        pair.accept_with(Connack::new(reason));
        let (_, retry_at) = pair.ended();
        assert!(retry_at.unwrap() <= pair.now + Duration::from_secs(1));
        pair.pass_s(1);
        assert_eq!(pair.opens, 2);
    }
}

#[test]
fn a_server_without_5_0_is_spoken_to_in_3_1_1_at_once_and_only_once() {
    // As a 3.1.1 Server says it, and as one says it that knows the form of 5.0.
    for refusal in [&[0x20, 2, 0, 1][..], &[0x20, 3, 0, 0x84, 0]] {
        let mut pair = Pair::new(config(Version::V5));
        pair.client.start(pair.now);
        pair.drain();
        pair.open();
        pair.packets();
        pair.input(Input::Received(refusal));
        let (why, retry_at) = pair.ended();
        assert!(
            matches!(why, Ended::Refused(farewell) if farewell.reason == ReasonCode::UnsupportedProtocolVersion)
        );
        assert_eq!(retry_at, Some(pair.now));
        assert_eq!((pair.closes, pair.opens), (1, 2));
        pair.version = Version::V3_1_1;
        pair.open();
        let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
        assert_eq!(connect.version, Version::V3_1_1);
        pair.input(Input::Received(&[0x20, 2, 0, 1]));
        assert_eq!(pair.ended().1, None, "there is nothing left to fall back to");
    }
}

#[test]
fn a_client_that_may_not_fall_back_does_not() {
    let mut pair = Pair::new(Config { fall_back: false, ..config(Version::V5) });
    pair.client.start(pair.now);
    pair.drain();
    pair.accept_with(Connack::new(ReasonCode::UnsupportedProtocolVersion));
    assert_eq!((pair.ended().1, pair.opens), (None, 1));
}

#[test]
fn the_connect_timeout_counts_from_opening_the_transport_to_connack() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    pair.pass(Duration::from_millis(9_000));
    pair.open();
    pair.pass(Duration::from_millis(999));
    assert!(pair.events().is_empty());
    pair.pass(Duration::from_millis(1));
    let (why, retry_at) = pair.ended();
    assert_eq!((why, pair.closes), (Ended::ConnectTimeout, 1));
    assert!(retry_at.is_some());
}

#[test]
fn mqtt_3_2_0_1_a_server_that_begins_with_anything_but_connack_is_left() {
    let auth = Packet::Auth(Auth::new(ReasonCode::ContinueAuthentication));
    for (packet, why) in
        [(Packet::Pingresp, Misbehaviour::NoConnack), (auth, Misbehaviour::Unexpected("AUTH"))]
    {
        let mut pair = Pair::new(config(Version::V5));
        pair.client.start(pair.now);
        pair.drain();
        pair.open();
        pair.server(&packet);
        assert_eq!(pair.ended().0, Ended::Misbehaved(why));
        assert_eq!(pair.closes, 1);
    }
}

#[test]
fn mqtt_3_2_2_4_session_present_after_a_clean_start_is_not_believed() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    pair.accept(true);
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::SessionAfterCleanStart));
}

#[test]
fn malformed_bytes_are_answered_with_their_reason_and_end_the_connection() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.input(Input::Received(&[0x36, 3, 0, 1, b't'])); // QoS 3
    let Packet::Disconnect(disconnect) = pair.packet() else { panic!("DISCONNECT") };
    assert_eq!(disconnect.reason, ReasonCode::MalformedPacket);
    let (why, retry_at) = pair.ended();
    assert!(matches!(why, Ended::Malformed(DecodeError::Malformed(_))), "{why:?}");
    assert!(retry_at.is_some());
    assert_eq!(pair.closes, 1);
}

/// 3.1.1 has no words for it: the connection closes. [MQTT3-4.8.0-1]
#[test]
fn a_server_of_3_1_1_that_breaks_the_rules_is_left_without_a_word() {
    let bad: [&[u8]; 4] = [&[0x36, 3, 0, 1, b't'], &[0xc0, 0], &[0x20, 2, 0, 0], &[0x90, 3, 0, 99, 0x03]];
    for bytes in bad {
        let mut pair = Pair::connected(config(Version::V3_1_1));
        pair.packets();
        pair.input(Input::Received(bytes));
        assert_eq!((pair.packets(), pair.closes), (vec![], 1), "{bytes:x?}");
        assert!(matches!(pair.ended().0, Ended::Malformed(_) | Ended::Misbehaved(_)), "{bytes:x?}");
    }
}

#[test]
fn a_packet_larger_than_was_agreed_ends_the_connection() {
    let mut pair = Pair::connected(Config { max_packet_bytes: 10, ..config(Version::V5) });
    pair.input(Input::Received(&[0x30, 9]));
    let Packet::Disconnect(disconnect) = pair.packet() else { panic!("DISCONNECT") };
    assert_eq!(disconnect.reason, ReasonCode::PacketTooLarge);
}

#[test]
fn packets_only_clients_send_end_the_connection() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        pair.server(&Packet::Pingreq);
        assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::Unexpected("PINGREQ")));
    }
}

#[test]
fn being_taken_over_is_told_apart_and_not_fought() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.server(&Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver)));
    let (why, retry_at) = pair.ended();
    assert!(matches!(why, Ended::TakenOver(_)));
    assert_eq!(retry_at, None);
    assert!(pair.writes.is_empty(), "nothing follows the server's DISCONNECT");
}

#[test]
fn a_server_that_shuts_down_is_come_back_to() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.server(&Packet::Disconnect(Disconnect::new(ReasonCode::ServerShuttingDown)));
    let (why, retry_at) = pair.ended();
    assert!(
        matches!(why, Ended::Disconnected(farewell) if farewell.reason == ReasonCode::ServerShuttingDown)
    );
    assert!(retry_at.is_some());
}

/// [MQTT-3.14.4-1], [MQTT-3.14.4-2], [MQTT3-3.14.4-1], [MQTT3-3.14.4-2]
#[test]
fn stopping_says_goodbye_after_all_that_was_published_and_stays_stopped() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        pair.client.publish(pair.now, message("last", Qos::AtMostOnce)).unwrap();
        pair.client.stop(pair.now, ReasonCode::Success);
        pair.drain();
        assert_eq!(pair.writes.len(), 1, "one write");
        assert!(matches!(pair.packets()[..], [Packet::Publish(_), Packet::Disconnect(_)]));
        assert_eq!(pair.ended(), (Ended::Stopped, None));
        assert_eq!((pair.closes, pair.wait), (1, None));
        pair.server(&crate::pair::publish(
            "late",
            mqtt::Delivery::AtLeastOnce { packet_id: crate::pair::id(1), dup: false },
        ));
        assert_eq!(pair.packets(), [], "nothing after DISCONNECT");
        pair.input(Input::Wake);
        assert_eq!(pair.opens, 1);
    }
}

#[test]
fn stopping_with_the_will_sends_no_goodbye_in_3_1_1() {
    let mut pair = Pair::connected(config(Version::V3_1_1));
    pair.client.stop(pair.now, ReasonCode::DisconnectWithWill);
    pair.drain();
    assert!(pair.packets().is_empty());
    assert_eq!(pair.closes, 1);
}

#[test]
fn a_field_that_fits_no_packet_is_our_own_fault() {
    let mut pair = Pair::new(Config { client_id: "x".repeat(70_000), ..config(Version::V5) });
    pair.client.start(pair.now);
    pair.drain();
    pair.open();
    assert_eq!(pair.ended(), (Ended::Unsendable, None));
    assert!(pair.writes.is_empty());
}

#[test]
fn what_the_driver_reports_late_is_ignored() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.client.stop(pair.now, ReasonCode::Success);
    pair.drain();
    pair.events();
    for input in
        [Input::Opened, Input::Received(&[0xd0, 0]), Input::Closed { why: "late".into() }, Input::Tick]
    {
        pair.input(input);
    }
    assert!(pair.events().is_empty());
}

/// [MQTT-4.2-1], [MQTT3-7.1.2-1]: of the transport it is asked that bytes keep their order, not that they keep together.
#[test]
fn bytes_may_be_cut_anywhere() {
    for version in [Version::V5, Version::V3_1_1, Version::V3_1] {
        let mut pair = Pair::new(config(version));
        pair.client.start(pair.now);
        pair.drain();
        pair.open();
        let mut bytes = Vec::new();
        Packet::Connack(Box::new(Connack::new(ReasonCode::Success))).encode(version, &mut bytes).unwrap();
        for payload in ["one", "two", "three"] {
            crate::pair::publish(payload, mqtt::Delivery::AtMostOnce).encode(version, &mut bytes).unwrap();
        }
        for byte in bytes {
            pair.input(Input::Received(&[byte]));
        }
        assert_eq!(pair.messages(), ["one", "two", "three"], "{version:?}");
    }
}
