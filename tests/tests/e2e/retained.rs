//! Retained messages (3.3.1.3) and how subscriptions ask for them (3.8.3.1).

use std::time::Duration;

use mqtt::packet::{Publish, RetainHandling, SubscriptionOptions};
use mqtt::{Qos, ReasonCode};
use tests::{Deadline, message, on_all, on_v5, qos};

/// [MQTT-3.3.1-8], [MQTT-3.3.1-9], [MQTT-3.8.4-4], [MQTT3-3.3.1-5], [MQTT3-3.3.1-6], [MQTT3-3.3.1-8],
/// [MQTT3-3.3.1-12]
#[test]
fn the_last_retained_message_greets_a_new_subscription_mqtt_3_3_1_5_and_8() {
    on_all(|s| {
        let (mut publisher, mut client) = (s.connect("publisher"), s.connect("client"));
        publisher.retain("a", b"old", Qos::AtLeastOnce);
        publisher.retain("a", b"new", Qos::ExactlyOnce);
        publisher.publish("a", b"passing", Qos::AtLeastOnce);
        for level in 0..3 {
            client.subscribe("a", qos(level));
            let got = client.receive();
            assert_eq!((got.payload, got.retain, got.delivery.qos()), (&b"new"[..], true, qos(level)));
            client.expect_nothing();
        }
    });
}

/// [MQTT3-3.3.1-9]
#[test]
fn a_live_message_has_no_retain_flag_mqtt_3_3_1_12() {
    on_all(|s| {
        let mut client = s.connect("client");
        client.subscribe("a", Qos::AtLeastOnce);
        client.retain("a", b"live", Qos::AtLeastOnce);
        assert!(!client.receive().retain);
    });
}

/// [MQTT-3.3.1-7], [MQTT3-3.3.1-10], [MQTT3-3.3.1-11]
#[test]
fn an_empty_payload_clears_mqtt_3_3_1_6_and_7() {
    on_all(|s| {
        let (mut publisher, mut client) = (s.connect("publisher"), s.connect("client"));
        publisher.retain("a", b"1", Qos::AtMostOnce);
        client.subscribe("a", Qos::AtMostOnce);
        assert_eq!(client.receive_payload(), b"1");
        publisher.retain("a", b"", Qos::AtMostOnce);
        assert_eq!(client.receive_payload(), b"", "those who listen are told");
        client.subscribe("a", Qos::AtMostOnce);
        client.expect_nothing();
    });
}

#[test]
fn wildcards_find_the_retained_messages_they_match() {
    on_all(|s| {
        let (mut publisher, mut client) = (s.connect("publisher"), s.connect("client"));
        for topic in ["a", "a/b", "a/b/c", "a/c", "b", "/a"] {
            publisher.retain(topic, topic.as_bytes(), Qos::AtLeastOnce);
        }
        let mut found = |filter: &str| {
            client.subscribe(filter, Qos::AtMostOnce);
            let mut topics = Vec::new();
            client.send(&mqtt::Packet::Pingreq);
            while let mqtt::Packet::Publish(publish) = client.next() {
                topics.push(publish.topic.map(|t| t.text()).unwrap_or_default());
            }
            client.unsubscribe(filter);
            topics.sort_unstable();
            topics
        };
        assert_eq!(found("a/#"), ["a", "a/b", "a/b/c", "a/c"]);
        assert_eq!(found("a/+"), ["a/b", "a/c"]);
        assert_eq!(found("+"), ["a", "b"]);
        assert_eq!(found("/+"), ["/a"]);
        assert_eq!(found("+/b/#"), ["a/b", "a/b/c"]);
        assert_eq!(found("#"), ["/a", "a", "a/b", "a/b/c", "a/c", "b"]);
    });
}

#[test]
fn each_filter_of_one_subscribe_brings_its_retained_messages() {
    on_all(|s| {
        let mut client = s.connect("client");
        client.retain("a", b"a", Qos::AtLeastOnce);
        client.retain("b", b"b", Qos::AtLeastOnce);
        let plain = SubscriptionOptions::at(Qos::AtLeastOnce);
        client.subscribe_all(&[("a", plain), ("b", plain), ("c", plain)], None);
        let mut got = [client.receive_payload(), client.receive_payload()];
        got.sort_unstable();
        assert_eq!(got, [b"a", b"b"]);
        client.expect_nothing();
    });
}

/// [MQTT-3.3.1-10], [MQTT-3.3.1-11]
#[test]
fn retain_handling_says_when_they_come_mqtt_3_3_1_9_to_11() {
    on_v5(|s| {
        let mut client = s.connect("client");
        client.retain("a", b"1", Qos::AtLeastOnce);
        let at = |retain_handling| SubscriptionOptions {
            retain_handling,
            ..SubscriptionOptions::at(Qos::AtLeastOnce)
        };
        client.subscribe_with("a", at(RetainHandling::DoNotSend), None);
        client.expect_nothing();
        client.subscribe_with("a", at(RetainHandling::SendIfNew), None);
        client.expect_nothing();
        client.subscribe_with("a", at(RetainHandling::Send), None);
        assert_eq!(client.receive_payload(), b"1");
        client.unsubscribe("a");
        client.subscribe_with("a", at(RetainHandling::SendIfNew), None);
        assert_eq!(client.receive_payload(), b"1");
        client.expect_nothing();
    });
}

#[test]
fn retain_as_published_keeps_the_flag_mqtt_3_3_1_13() {
    on_v5(|s| {
        let mut client = s.connect("client");
        let kept =
            SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::at(Qos::AtLeastOnce) };
        client.subscribe_with("a", kept, None);
        client.retain("a", b"1", Qos::AtLeastOnce);
        assert!(client.receive().retain);
        client.publish("a", b"2", Qos::AtLeastOnce);
        assert!(!client.receive().retain);
    });
}

#[test]
fn a_retained_message_expires_and_says_what_remains() {
    on_v5(|s| {
        let (mut publisher, mut client) = (s.connect("publisher"), s.connect("client"));
        for (topic, seconds) in [("short", 1), ("long", 1000)] {
            let mut publish = Publish { retain: true, ..message(topic, b"1") };
            publish.properties.message_expiry_s = Some(seconds);
            publisher.publish_with(&publish, Qos::AtLeastOnce);
        }
        // Time itself is what is waited for.
        publisher.next_until(Deadline::after(Duration::from_millis(1100)));
        client.subscribe("+", Qos::AtLeastOnce);
        let got = client.receive();
        assert_eq!(got.topic.map(|t| t.text()), Some("long"));
        let left = got.properties.message_expiry_s.expect("[MQTT-3.3.2-6]");
        assert!((900..=999).contains(&left), "what remains of 1000 s after more than one: {left}");
        client.expect_nothing();
    });
}

#[test]
fn ten_thousand_retained_messages_all_arrive_at_qos_1() {
    on_all(|s| {
        let (mut publisher, mut client) = (s.connect("publisher"), s.connect("client"));
        const COUNT: usize = 10_000;
        for part in 0..COUNT / 100 {
            let topics: Vec<_> = (0..100).map(|n| format!("t/{}", part * 100 + n)).collect();
            let packets: Vec<_> = topics
                .iter()
                .map(|topic| {
                    mqtt::Packet::Publish(Publish { retain: true, ..message(topic, topic.as_bytes()) })
                })
                .collect();
            publisher.send_all(&packets);
        }
        publisher.sync();
        assert_eq!(client.subscribe("t/#", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..COUNT {
            let got = client.receive();
            assert!(got.retain && seen.insert(got.payload), "each once");
        }
        client.expect_nothing();
    });
}

/// [MQTT3-3.1.2-7]
#[test]
fn it_outlives_the_session_of_its_publisher() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        publisher.retain("a", b"1", Qos::AtLeastOnce);
        publisher.disconnect();
        let mut client = s.connect("publisher");
        client.subscribe("a", Qos::AtMostOnce);
        assert_eq!(client.receive_payload(), b"1");
    });
}

/// [MQTT-3.3.1-5], [MQTT3-3.3.1-7]
#[test]
fn one_at_qos_0_takes_the_place_of_another() {
    on_all(|s| {
        let mut client = s.connect("client");
        client.retain("a", b"sure", Qos::ExactlyOnce);
        client.retain("a", b"light", Qos::AtMostOnce);
        client.subscribe("a", Qos::ExactlyOnce);
        let got = client.receive();
        assert_eq!((got.payload, got.retain, got.delivery.qos()), (&b"light"[..], true, Qos::AtMostOnce));
        client.expect_nothing();
    });
}
