//! PUBLISH and its acknowledgements (3.3 to 3.7, 4.3).

use mqtt::packet::{Ack, Publish, SubscriptionOptions};
use mqtt::{Delivery, Packet, Qos, ReasonCode};
use tests::{Deadline, delivery, message, on_all, on_v5, qos};

/// [MQTT-3.3.4-1], [MQTT-4.3.2-4], [MQTT-4.3.3-8], [MQTT-4.3.3-11], [MQTT-4.3.3-4], [MQTT3-3.8.4-6],
/// [MQTT3-3.3.4-1], [MQTT3-4.3.1-1]
#[test]
fn each_pair_of_qos_arrives_at_the_lower_one_mqtt_3_8_4_8() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        for subscribed in 0..3 {
            let mut subscriber = s.connect(&format!("subscriber-{subscribed}"));
            subscriber.subscribe(&format!("to/{subscribed}"), qos(subscribed));
            for published in 0..3 {
                let payload = [subscribed, published];
                publisher.publish(&format!("to/{subscribed}"), &payload, qos(published));
                let message = subscriber.receive();
                assert_eq!(message.payload, payload);
                assert_eq!(message.delivery.qos().level(), subscribed.min(published));
                assert!(!message.delivery.dup(), "[MQTT-4.3.1-1], [MQTT-4.3.2-2], [MQTT-4.3.3-2]");
                assert!(!message.retain);
            }
            subscriber.expect_nothing();
        }
    });
}

#[test]
fn a_payload_arrives_byte_for_byte_whatever_its_size() {
    on_all(|s| {
        let mut client = s.connect("alice");
        client.subscribe("a", Qos::AtLeastOnce);
        for size in [0, 1, 117, 118, 125, 126, 127, 128, 16_375, 16_384, 65_535, 65_536, 300_000, 1_048_000] {
            let payload: Vec<u8> = (0..size).map(|n: usize| (n * 31 % 251) as u8).collect();
            client.publish("a", &payload, Qos::AtLeastOnce);
            assert!(client.receive_payload() == payload, "{size} bytes");
        }
    });
}

/// [MQTT-4.6.0-6], [MQTT3-4.6.0-5], [MQTT3-4.6.0-6]
#[test]
fn messages_of_one_topic_keep_their_order_mqtt_4_6_0_5() {
    on_all(|s| {
        let (mut publisher, mut subscriber) = (s.connect("publisher"), s.connect("subscriber"));
        for level in 0..3 {
            subscriber.subscribe(&format!("{level}"), qos(level));
            for n in 0..100_u8 {
                publisher.publish(&format!("{level}"), &[n], qos(level));
            }
            for n in 0..100 {
                assert_eq!(subscriber.receive_payload(), [n], "QoS {level}");
            }
        }
    });
}

/// [MQTT-4.3.3-12], [MQTT-4.3.3-8], [MQTT-4.3.3-11], [MQTT3-4.3.3-2]
#[test]
fn a_repeated_qos_2_publish_is_delivered_once_mqtt_4_3_3_10() {
    on_all(|s| {
        let mut client = s.connect("alice");
        client.subscribe("a", Qos::AtMostOnce);
        let id = client.new_id();
        for dup in [false, true, true] {
            let delivery = Delivery::ExactlyOnce { packet_id: id, dup };
            client.send(&Packet::Publish(Publish { delivery, ..message("a", b"once") }));
            assert!(!client.ack("PUBREC", id).reason.is_error());
        }
        for _ in 0..2 {
            client.send(&Packet::Pubrel(Ack::new(id, ReasonCode::Success)));
            client.ack("PUBCOMP", id);
        }
        assert_eq!(client.receive_payload(), b"once");
        client.expect_nothing();
        // After PUBCOMP the identifier is free for another message.
        client.send(&Packet::Publish(Publish {
            delivery: delivery(Qos::ExactlyOnce, id),
            ..message("a", b"more")
        }));
        client.ack("PUBREC", id);
        assert_eq!(client.receive_payload(), b"more");
    });
}

/// [MQTT-4.3.2-4], [MQTT3-4.3.2-2]
#[test]
fn a_repeated_qos_1_publish_is_delivered_and_acknowledged_again_mqtt_4_3_2_5() {
    on_all(|s| {
        let mut client = s.connect("alice");
        client.subscribe("a", Qos::AtLeastOnce);
        let id = client.new_id();
        for dup in [false, true] {
            let delivery = Delivery::AtLeastOnce { packet_id: id, dup };
            client.send(&Packet::Publish(Publish { delivery, ..message("a", b"again") }));
            client.ack("PUBACK", id);
            let publish = client.receive();
            assert!(!publish.delivery.dup(), "DUP is not passed on [MQTT-3.3.1-3], [MQTT3-3.3.1-3]");
        }
    });
}

#[test]
fn acknowledgements_for_unknown_identifiers_have_their_reason_3_7_2_1() {
    on_all(|s| {
        let mut client = s.connect("alice");
        let id = client.new_id();
        client.send(&Packet::Pubrel(Ack::new(id, ReasonCode::Success)));
        let expected = s.either(ReasonCode::PacketIdentifierNotFound, ReasonCode::Success);
        assert_eq!(client.ack("PUBCOMP", id).reason, expected, "0x92 in 5.0");
        client.send(&Packet::Pubrec(Ack::new(id, ReasonCode::Success)));
        assert_eq!(client.ack("PUBREL", id).reason, expected, "0x92 in 5.0");
        client.send(&Packet::Puback(Ack::new(id, ReasonCode::Success)));
        client.send(&Packet::Pubcomp(Ack::new(id, ReasonCode::Success)));
        client.expect_nothing();
    });
}

#[test]
fn a_publisher_is_told_when_nobody_listens_3_4_2_1() {
    on_v5(|s| {
        let mut client = s.connect("alice");
        assert_eq!(client.publish("nobody", b"1", Qos::AtLeastOnce), ReasonCode::NoMatchingSubscribers);
        assert_eq!(client.publish("nobody", b"1", Qos::ExactlyOnce), ReasonCode::NoMatchingSubscribers);
        client.subscribe("alice", Qos::AtMostOnce);
        assert_eq!(client.publish("alice", b"1", Qos::AtLeastOnce), ReasonCode::Success);
    });
}

/// [MQTT-4.7.2-1], [MQTT3-4.7.2-1]
#[test]
fn clients_use_other_topics_with_a_dollar_and_wildcards_do_not_lead_there() {
    on_all(|s| {
        let mut client = s.connect("alice");
        for filter in ["#", "+/a", "$own/#"] {
            client.subscribe(filter, Qos::AtMostOnce);
        }
        let mut watcher = s.connect("watcher");
        for filter in ["#", "+/a", "+/#"] {
            watcher.subscribe(filter, Qos::AtMostOnce);
        }
        client.retain("$own/a", b"1", Qos::AtLeastOnce);
        assert_eq!(client.receive_payload(), b"1");
        client.expect_nothing();
        watcher.expect_nothing();
        watcher.subscribe("#", Qos::AtMostOnce);
        watcher.expect_nothing();
        watcher.subscribe("$own/+", Qos::AtMostOnce);
        assert_eq!(watcher.receive_payload(), b"1");
    });
}

#[test]
fn topics_of_the_server_are_not_published_to_4_7_2() {
    on_all(|s| {
        let mut client = s.connect("alice");
        let mut watcher = s.connect("watcher");
        watcher.subscribe("$SYS/uptime", Qos::AtMostOnce);
        watcher.sync();
        let expected = s.either(ReasonCode::NotAuthorized, ReasonCode::Success);
        for level in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            assert_eq!(client.publish("$SYS/uptime", b"lie", level), expected, "[MQTT3-3.3.5-2]");
            assert_eq!(client.publish("$share/g/a", b"lie", level), expected);
        }
        client.publish("$SYS/uptime", b"lie", Qos::AtMostOnce);
        watcher.expect_nothing();
        s.bridge.process.stderr.expect(&["refused", "alice", "$SYS/uptime"]);
    });
}

/// [MQTT-3.3.2-4], [MQTT-3.3.2-16], [MQTT-3.3.2-17], [MQTT-3.3.2-18], [MQTT-3.3.2-20]
#[test]
fn properties_of_a_message_travel_unaltered_mqtt_3_3_2_15_to_20() {
    on_v5(|s| {
        let mut client = s.connect("alice");
        client.subscribe("a", Qos::ExactlyOnce);
        let mut publish = message("a", b"{}");
        let p = &mut publish.properties;
        p.payload_is_utf8 = Some(true);
        p.content_type = Some("application/json");
        p.response_topic = Some("answers/1");
        p.correlation_data = Some(&[0, 1, 255]);
        p.user_properties = vec![("b", "1"), ("a", "2"), ("b", "3"), ("", "")];
        for level in 0..3 {
            client.publish_with(&publish, qos(level));
            let got = client.receive();
            assert_eq!(got.properties, publish.properties, "in order and with nothing added, QoS {level}");
        }
        client.publish("a", b"plain", Qos::AtLeastOnce);
        assert_eq!(client.receive().properties, Default::default(), "no property nobody gave");
    });
}

#[test]
fn a_message_waits_no_longer_than_it_may_live_mqtt_3_3_2_5() {
    on_v5(|s| {
        let (mut publisher, (sleeper, _)) = (s.connect("publisher"), s.resume("sleeper"));
        let mut sleeper = sleeper;
        sleeper.subscribe("a", Qos::AtLeastOnce);
        sleeper.disconnect();
        let mut send = |payload: &[u8], seconds: u32| {
            let mut publish = message("a", payload);
            publish.properties.message_expiry_s = Some(seconds);
            publisher.publish_with(&publish, Qos::AtLeastOnce);
        };
        send(b"short", 1);
        send(b"long", 100);
        // Time itself is what is waited for: the second in which the first message expires.
        publisher.next_until(Deadline::after(std::time::Duration::from_millis(1100)));
        let (mut sleeper, _) = s.resume("sleeper");
        let got = sleeper.receive();
        assert_eq!(got.payload, b"long", "the other one has expired");
        let left = got.properties.message_expiry_s.expect("[MQTT-3.3.2-6]");
        assert!(
            (90..=99).contains(&left),
            "what remains of 100 s after more than one: {left} [MQTT-3.3.2-6]"
        );
        sleeper.expect_nothing();
    });
}

#[test]
fn no_local_leaves_out_ones_own_messages_mqtt_3_8_3_3() {
    on_v5(|s| {
        let (mut here, mut there) = (s.connect("here"), s.connect("there"));
        here.subscribe_with(
            "a",
            SubscriptionOptions { no_local: true, ..SubscriptionOptions::at(Qos::AtLeastOnce) },
            None,
        );
        there.subscribe("a", Qos::AtLeastOnce);
        here.publish("a", b"mine", Qos::AtLeastOnce);
        there.publish("a", b"theirs", Qos::AtLeastOnce);
        assert_eq!(here.receive_payload(), b"theirs");
        here.expect_nothing();
        assert_eq!((there.receive_payload(), there.receive_payload()), (&b"mine"[..], &b"theirs"[..]));
    });
}

/// [MQTT-1.5.4-3], [MQTT-4.7.3-4], [MQTT3-1.5.3-3], [MQTT3-4.7.3-4]
#[test]
fn a_topic_may_be_any_utf_8_but_wildcards_and_null() {
    on_all(|s| {
        let mut client = s.connect("alice");
        client.subscribe("#", Qos::AtMostOnce);
        for topic in ["/", "//", "a b", " ", "Ä/ö/ß", "日本/温度", "🌡", "a/$b", "\u{feff}x", "\u{1}"]
        {
            client.publish(topic, b"1", Qos::AtLeastOnce);
            assert_eq!(client.receive().topic.map(|t| t.text()), Some(topic));
        }
    });
}
