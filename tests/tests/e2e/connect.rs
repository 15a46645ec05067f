//! CONNECT, CONNACK and DISCONNECT (3.1, 3.2, 3.14).

use mqtt::packet::{Connect, Disconnect};
use mqtt::{Packet, Qos, ReasonCode, SessionExpiry, Version};
use tests::{Client, Wire, on_all, on_v3_1_1, on_v5};

/// [MQTT-3.1.4-5], [MQTT-3.2.0-2], [MQTT3-3.12.4-1], [MQTT3-3.1.4-4], [MQTT3-3.2.2-3]
#[test]
fn a_client_is_let_in_and_pings_are_answered_mqtt_3_12_4_1() {
    on_all(|s| {
        let mut client = s.open();
        let connack = client.connect(&s.hello("alice"));
        assert_eq!((connack.reason, connack.session_present), (ReasonCode::Success, false));
        client.send_all(&[Packet::Pingreq, Packet::Pingreq, Packet::Pingreq]);
        for _ in 0..3 {
            assert_eq!(client.next(), Packet::Pingresp);
        }
        client.disconnect();
        s.bridge.process.stderr.expect(&["connected", "alice", s.kind.version.name()]);
        s.bridge.process.stderr.expect(&["disconnected by the client", "alice"]);
    });
}

#[test]
fn connack_says_what_the_server_grants() {
    on_v5(|s| {
        let connack = s.open().connect(&s.hello("alice"));
        let p = &connack.properties;
        assert_eq!(p.receive_maximum, Some(256));
        assert_eq!(p.maximum_packet_size, Some(1 << 20));
        assert_eq!((p.authentication_method, p.authentication_data), (None, None), "[MQTT-4.12.0-6]");
        assert_eq!(p.topic_alias_maximum, 32);
        assert_eq!(p.maximum_qos, Qos::ExactlyOnce);
        assert!(p.retain_available && p.wildcard_subscription_available && p.subscription_id_available);
        assert_eq!((p.assigned_client_id, p.server_keep_alive_s, p.session_expiry), (None, None, None));
    });
}

#[test]
fn a_session_expiry_over_the_limit_is_lowered_and_said_3_2_2_3_2() {
    on_v5(|s| {
        let mut connect = s.hello("alice");
        connect.properties.session_expiry = SessionExpiry::Never;
        let connack = s.open().connect(&connect);
        assert_eq!(connack.properties.session_expiry, Some(SessionExpiry::After(7 * 24 * 3600)));
    });
}

/// [MQTT3-3.1.3-6]
#[test]
fn a_client_without_an_identifier_is_given_one_mqtt_3_1_3_6() {
    on_all(|s| {
        if s.kind.version == Version::V3_1 {
            return; // it is refused there
        }
        let mut ids = Vec::new();
        for _ in 0..2 {
            let mut client = s.open();
            let connack = client.connect(&s.hello(""));
            assert_eq!((connack.reason, connack.session_present), (ReasonCode::Success, false));
            ids.push(connack.properties.assigned_client_id);
            client.sync();
        }
        if s.is_5() {
            assert!(ids.iter().all(|id| id.is_some_and(|id| !id.is_empty())), "[MQTT-3.2.2-16]: {ids:?}");
            assert_ne!(ids[0], ids[1], "[MQTT-3.1.3-6]");
        }
    });
}

/// [MQTT-3.1.3-7]
#[test]
fn an_assigned_identifier_leads_back_to_its_session() {
    on_v5(|s| {
        let mut client = s.open();
        let mut connect = s.hello("");
        connect.properties.session_expiry = SessionExpiry::After(100);
        let id = client.connect(&connect).properties.assigned_client_id.expect("[MQTT-3.2.2-16]");
        client.disconnect();
        assert!(s.resume(id).1, "the session is there under the assigned identifier");
    });
}

/// [MQTT3-3.2.2-5]
#[test]
fn a_kept_session_without_an_identifier_is_refused_mqtt3_3_1_3_8() {
    on_v3_1_1(|s| {
        let mut client = s.open();
        let connack = client.connect(&Connect { clean_start: false, ..s.hello("") });
        assert_eq!(connack.reason, ReasonCode::ClientIdentifierNotValid, "return code 2 [MQTT3-3.1.3-9]");
        client.end();
    });
}

#[test]
fn clients_of_both_versions_talk_to_each_other() {
    on_all(|s| {
        let mut here = s.connect("here");
        let other = s.either(Version::V3_1_1, Version::V5);
        let mut there = Client::new(Wire::tcp(s.bridge.tcp), other);
        there.connect(&Connect::new(other, "there"));
        here.subscribe("to/here", Qos::AtLeastOnce);
        there.subscribe("to/there", Qos::AtLeastOnce);
        here.publish("to/there", b"hello", Qos::AtLeastOnce);
        there.publish("to/here", b"hello back", Qos::AtLeastOnce);
        assert_eq!(there.receive_payload(), b"hello");
        assert_eq!(here.receive_payload(), b"hello back");
    });
}

/// [MQTT3-3.1.4-2]
#[test]
fn a_takeover_ends_the_older_connection_mqtt_3_1_4_3() {
    on_all(|s| {
        let mut first = s.connect("alice");
        let mut second = s.connect("alice");
        let end = first.end();
        assert_eq!(end.reason, s.either(Some(ReasonCode::SessionTakenOver), None), "0x8E in 5.0");
        second.expect_nothing();
        let log = s.bridge.process.stderr.expect(&["connection ended by us", "alice", "0x8e"]);
        assert!(log.contains(&first.local().to_string()), "the log says which connection: {log}");
        // And round again: the newest always wins.
        let mut third = s.connect("alice");
        second.end();
        third.expect_nothing();
    });
}

#[test]
fn a_disconnect_ends_the_connection_and_is_not_answered() {
    on_all(|s| {
        s.connect("alice").disconnect();
        s.connect("alice").disconnect_with(&Disconnect::new(ReasonCode::Success));
    });
}

#[test]
fn what_follows_a_disconnect_is_not_read() {
    on_all(|s| {
        let mut watcher = s.connect("watcher");
        watcher.subscribe("#", Qos::AtMostOnce);
        let mut client = s.connect("alice");
        let goodbye = Packet::Disconnect(Disconnect::new(ReasonCode::Success));
        client.send_all(&[goodbye, Packet::Publish(tests::message("late", b"1"))]);
        client.end();
        watcher.expect_nothing();
    });
}

#[test]
fn a_disconnect_cannot_begin_to_keep_a_session_3_14_2_2_2() {
    on_v5(|s| {
        let mut client = s.connect("alice");
        let mut disconnect = Disconnect::new(ReasonCode::Success);
        disconnect.session_expiry = Some(SessionExpiry::After(10));
        client.send(&Packet::Disconnect(disconnect));
        assert_eq!(client.end().reason, Some(ReasonCode::ProtocolError));
    });
}

/// [MQTT3-3.1.2-2], [MQTT3-3.2.2-5], [MQTT-3.2.2-7], [MQTT-4.13.2-1]
#[test]
fn an_unknown_version_is_refused_in_words_it_may_know_mqtt_3_1_2_2() {
    on_all(|s| {
        let mut client = s.open();
        let mut bytes = client.encode(&[Packet::Connect(Box::new(s.hello("alice")))]);
        let name = s.kind.version.protocol_name();
        bytes[4 + name.len()] = s.either(6, 2); // the protocol level
        client.send_bytes(&bytes);
        let end = client.end();
        assert_eq!(end.reason, Some(ReasonCode::UnsupportedProtocolVersion), "0x84, or return code 1");
    });
}

#[test]
fn extended_authentication_is_refused_with_its_reason() {
    on_v5(|s| {
        let mut client = s.open();
        let mut connect = s.hello("alice");
        connect.properties.authentication_method = Some("SCRAM-SHA-256");
        client.send(&Packet::Connect(Box::new(connect)));
        assert_eq!(client.end().reason, Some(ReasonCode::BadAuthenticationMethod));
    });
}

#[test]
fn a_server_that_stops_says_so_and_exits_with_zero() {
    on_all(|s| {
        let mut client = s.connect("alice");
        let status = s.bridge.process.terminate();
        assert_eq!(client.end().reason, s.either(Some(ReasonCode::ServerShuttingDown), None), "0x8B in 5.0");
        assert_eq!(status.code(), Some(0), "0: stopped on request");
    });
}

/// [MQTT-3.1.3-5], [MQTT3-3.1.3-5]
#[test]
fn client_ids_of_letters_and_digits_are_taken() {
    on_all(|s| {
        let all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for id in ["a", "Z", "0", &all[..23], &all[20..43], &all[39..]] {
            s.connect(id).disconnect();
        }
    });
}

/// Each field stands where the standard says: a reader of another order would take one for another.
/// [MQTT-3.1.3-1], [MQTT-3.1.2-9], [MQTT-3.1.2-17], [MQTT-3.1.2-19], [MQTT3-3.1.3-1], [MQTT3-3.1.2-19], [MQTT3-3.1.2-21]
#[test]
fn a_connect_may_say_all_there_is_to_say() {
    on_all(|s| {
        let mut watcher = s.connect("watcher");
        watcher.subscribe("will/topic", Qos::ExactlyOnce);
        let text = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
        let five: &[u8] = s.either(&[0], &[]);
        let fields = [
            text("alice"),
            five.to_vec(),
            text("will/topic"),
            text("will payload"),
            text("user"),
            text("secret"),
        ];
        // Name, level, all flags (clean start, will at QoS 2, retained, password, user name), keep alive, properties.
        let head = [text("MQTT"), vec![s.either(5, 4), 0b1111_0110, 0, 60], five.to_vec()].concat();
        let body = [head, fields.concat()].concat();
        let mut client = s.open();
        client.send_bytes(&[vec![0x10, body.len() as u8], body].concat());
        assert_eq!(client.connack().reason, ReasonCode::Success);
        s.bridge.process.stderr.expect(&["connected", "alice"]);
        client.cut();
        assert_eq!(watcher.receive_payload(), b"will payload");
    });
}

/// [MQTT3-3.1.2-22]
#[test]
fn a_password_without_a_user_name_is_refused_in_3_1_1() {
    on_v3_1_1(|s| {
        let mut client = s.open();
        client.send_bytes(b"\x10\x13\0\x04MQTT\x04\x42\0\0\0\x01x\0\x04pass");
        assert_eq!(client.end().reason, None, "without a CONNACK [MQTT3-3.1.4-1]");
    });
}

/// [MQTT-3.1.4-2], [MQTT-3.1.4-6], [MQTT-3.1.3-8], [MQTT-3.2.2-7], [MQTT3-3.1.4-5], [MQTT3-3.2.2-4]
#[test]
fn what_follows_a_refused_connect_is_not_read() {
    on_all(|s| {
        let mut watcher = s.connect("watcher");
        watcher.subscribe("#", Qos::AtMostOnce);
        let mut client = s.open();
        let mut hello = s.hello(s.either("alice", ""));
        hello.clean_start = s.is_5();
        hello.properties.authentication_method = s.either(Some("unknown"), None);
        let publish = Packet::Publish(tests::message("early", b"1"));
        client.send_all(&[Packet::Connect(Box::new(hello)), publish, Packet::Pingreq]);
        let connack = client.connack();
        let expected = s.either(ReasonCode::BadAuthenticationMethod, ReasonCode::ClientIdentifierNotValid);
        assert_eq!((connack.reason, connack.session_present), (expected, false));
        client.end();
        watcher.expect_nothing();
    });
}
