//! Flow control (4.9), topic aliases (3.3.2.3.4) and packet sizes (3.1.2.11.4).

use mqtt::packet::{Connect, Publish};
use mqtt::{Packet, Qos, ReasonCode};
use tests::{Client, Scenario, delivery, message, on_all, on_v5};

fn with_receive_maximum(s: &Scenario, window: u16) -> Client {
    let mut connect = s.hello("client");
    connect.properties.receive_maximum = Some(window);
    s.connect_with(&connect).0
}

/// [MQTT-4.9.0-1], [MQTT-4.9.0-2]
/// [MQTT-3.3.4-10], [MQTT-4.9.0-3]
#[test]
fn no_more_is_sent_than_the_client_takes_at_once_mqtt_3_3_4_9() {
    on_v5(|s| {
        let mut publisher = s.connect("publisher");
        for level in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let mut client = with_receive_maximum(s, 3);
            client.subscribe("a", level);
            for n in 0..10 {
                publisher.publish("a", &[n], level);
            }
            let mut window: Vec<_> = (0..3).map(|_| client.receive_only()).collect();
            client.expect_nothing();
            // QoS 0 is not counted [MQTT-3.3.4-9] and does not wait behind what is.
            publisher.publish("a", b"free", Qos::AtMostOnce);
            assert_eq!(client.receive_payload(), b"free");
            for n in 3..10 {
                client.acknowledge(&window.remove(0));
                let next = client.receive_only();
                assert_eq!(next.payload, [n], "one acknowledgement makes room for one");
                client.expect_nothing();
                window.push(next);
            }
            client.disconnect();
        }
    });
}

#[test]
fn more_than_our_receive_maximum_ends_the_connection_mqtt_3_3_4_7() {
    on_v5(|s| {
        let mut client = s.connect("client");
        // QoS 1 is acknowledged at once and takes no room; QoS 2 holds it until PUBREL.
        let packets: Vec<_> = (1..=257)
            .map(|n| {
                let id = mqtt::PacketId::new(n).expect("not zero");
                Packet::Publish(Publish { delivery: delivery(Qos::ExactlyOnce, id), ..message("a", b"") })
            })
            .collect();
        client.send_all(&packets);
        for n in 1..=256 {
            client.ack("PUBREC", mqtt::PacketId::new(n).expect("not zero"));
        }
        assert_eq!(client.end().reason, Some(ReasonCode::ReceiveMaximumExceeded), "0x93");
    });
}

/// [MQTT-3.3.4-7]
#[test]
fn qos_1_counts_for_our_receive_maximum_too_and_a_new_connection_counts_from_nothing() {
    on_v5(|s| {
        let (mut client, _) = s.resume("client");
        let unfinished = |n: u16, qos| {
            let id = mqtt::PacketId::new(n).expect("not zero");
            Packet::Publish(Publish { delivery: delivery(qos, id), ..message("a", b"") })
        };
        let packets =
            |from: u16| (from..from + 256).map(|n| unfinished(n, Qos::ExactlyOnce)).collect::<Vec<_>>();
        for from in [1, 1000] {
            client.send_all(&packets(from));
            for n in from..from + 256 {
                client.ack("PUBREC", mqtt::PacketId::new(n).expect("not zero"));
            }
            client.cut();
            client = s.resume("client").0;
        }
        client.send(&unfinished(5000, Qos::AtLeastOnce));
        client.ack("PUBACK", mqtt::PacketId::new(5000).expect("not zero"));
        client.send_all(&packets(6000));
        for n in 6000..6256 {
            client.ack("PUBREC", mqtt::PacketId::new(n).expect("not zero"));
        }
        client.send(&unfinished(7000, Qos::AtLeastOnce));
        assert_eq!(client.end().reason, Some(ReasonCode::ReceiveMaximumExceeded), "0x93");
    });
}

#[test]
fn an_older_client_that_knows_no_receive_maximum_is_not_held_to_it() {
    on_all(|s| {
        if s.is_5() {
            return;
        }
        let mut client = s.connect("client");
        for n in 1..=400 {
            let id = mqtt::PacketId::new(n).expect("not zero");
            client.send(&Packet::Publish(Publish {
                delivery: delivery(Qos::ExactlyOnce, id),
                ..message("a", b"")
            }));
            client.ack("PUBREC", id);
        }
        client.expect_nothing();
    });
}

/// [MQTT-3.3.2-12]
#[test]
fn a_topic_alias_stands_for_its_topic_and_not_for_long_3_3_2_3_4() {
    on_v5(|s| {
        let (mut publisher, mut client) = (s.connect("publisher"), s.connect("client"));
        client.subscribe("#", Qos::AtLeastOnce);
        let mut send = |topic: &str, alias: u16, payload: &[u8]| {
            let mut publish = message("a", payload);
            publish.topic = (!topic.is_empty()).then(|| mqtt::TopicName::new(topic).expect("a topic"));
            publish.properties.topic_alias = Some(alias);
            publisher.publish_with(&publish, Qos::AtLeastOnce);
            let got = client.receive();
            assert_eq!(got.payload, payload);
            assert_eq!(got.properties.topic_alias, None, "the alias is between the publisher and us");
            got.topic.expect("a topic").text()
        };
        assert_eq!(send("long/topic", 1, b"1"), "long/topic");
        assert_eq!(send("", 1, b"2"), "long/topic");
        assert_eq!(send("other", 32, b"3"), "other");
        assert_eq!(send("", 1, b"4"), "long/topic");
        assert_eq!(send("moved", 1, b"5"), "moved");
        assert_eq!(send("", 1, b"6"), "moved");
    });
}

/// [MQTT-3.3.2-9]
#[test]
fn a_topic_alias_out_of_range_or_never_set_ends_the_connection_mqtt_3_3_2_8_and_9() {
    on_v5(|s| {
        for (alias, topic, reason) in [
            (0, true, ReasonCode::TopicAliasInvalid),
            (33, true, ReasonCode::TopicAliasInvalid),
            (5, false, ReasonCode::ProtocolError),
        ] {
            let mut client = s.connect("client");
            let mut publish = message("a", b"1");
            publish.properties.topic_alias = Some(alias);
            publish.topic = publish.topic.filter(|_| topic);
            client.send(&Packet::Publish(publish));
            assert_eq!(client.end().reason, Some(reason), "alias {alias}");
        }
    });
}

#[test]
fn an_alias_does_not_outlive_its_connection_mqtt_3_3_2_7() {
    on_v5(|s| {
        let (mut client, _) = s.resume("client");
        let mut publish = message("a", b"1");
        publish.properties.topic_alias = Some(1);
        client.publish_with(&publish, Qos::AtLeastOnce);
        client.cut();
        let (mut client, present) = s.resume("client");
        assert!(present);
        publish.topic = None;
        client.send(&Packet::Publish(publish));
        assert_eq!(client.end().reason, Some(ReasonCode::ProtocolError));
    });
}

/// [MQTT-3.1.2-24]
#[test]
fn a_packet_too_large_for_one_client_is_dropped_for_that_one_only_mqtt_3_1_2_25() {
    on_v5(|s| {
        let mut publisher = s.connect("publisher");
        let mut connect = s.hello("small");
        connect.properties.maximum_packet_size = Some(200);
        let (mut small, _) = s.connect_with(&connect);
        let mut large = s.connect("large");
        for level in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            small.subscribe("a", level);
            large.subscribe("a", level);
            publisher.publish("a", &[7; 300], level);
            publisher.publish("a", b"small", level);
            assert_eq!(small.receive_payload(), b"small");
            assert_eq!((large.receive_payload().len(), large.receive_payload()), (300, &b"small"[..]));
            small.expect_nothing();
        }
    });
}

#[test]
fn connack_fits_a_client_that_takes_little() {
    on_v5(|s| {
        let mut connect: Connect<'_> = s.hello("tiny");
        connect.properties.maximum_packet_size = Some(20);
        let mut client = s.open();
        let connack = client.connect(&connect);
        let size = client.encode(&[Packet::Connack(Box::new(connack))]).len();
        assert!(size <= 20, "{size} bytes");
        client.expect_nothing();
    });
}

#[test]
fn a_packet_over_our_maximum_is_refused_by_its_length_alone_mqtt_3_2_2_15() {
    on_all(|s| {
        let mut client = s.connect("client");
        // A PUBLISH that announces 1 MiB and one byte: refused before any of it has to come.
        client.send_bytes(&[0x30, 0x81, 0x80, 0x40]);
        assert_eq!(client.end().reason, s.either(Some(ReasonCode::PacketTooLarge), None), "0x95 in 5.0");
    });
}
