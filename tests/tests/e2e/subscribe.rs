//! SUBSCRIBE, UNSUBSCRIBE and Topic Filters (3.8 to 3.11, 4.7).

use mqtt::packet::{SubscriptionOptions, Unsubscribe};
use mqtt::{Packet, Qos, ReasonCode, TopicFilter};
use tests::{on_all, on_v3_1_1, on_v5, qos};

/// [MQTT-3.8.4-1], [MQTT-3.8.4-5], [MQTT-3.8.4-7], [MQTT-3.9.3-1], [MQTT3-3.8.4-1], [MQTT3-3.8.4-4],
/// [MQTT3-3.8.4-5], [MQTT3-3.9.3-1]
#[test]
fn each_filter_is_answered_with_what_it_was_granted_mqtt_3_8_4_6() {
    on_all(|s| {
        let mut client = s.connect("alice");
        let filters: Vec<_> =
            ["a", "b/+", "c/#"].into_iter().zip((0..3).map(|n| SubscriptionOptions::at(qos(n)))).collect();
        let granted = client.subscribe_all(&filters, None);
        assert_eq!(granted, [ReasonCode::Success, ReasonCode::GrantedQos1, ReasonCode::GrantedQos2]);
    });
}

/// [MQTT-3.3.2-3], [MQTT-4.7.3-4], [MQTT3-3.3.2-3], [MQTT3-4.7.3-4]
#[test]
fn filters_match_as_chapter_4_7_says() {
    on_all(|s| {
        let mut client = s.connect("alice");
        let cases: [(&str, &[&str], &[&str]); 10] = [
            (
                "sport/tennis/player1/#",
                &["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/a/b"],
                &["sport/tennis", "sport/tennis/player2"],
            ),
            ("sport/#", &["sport", "sport/", "sport//"], &["sports", "Sport"]),
            (
                "sport/tennis/+",
                &["sport/tennis/player1", "sport/tennis/"],
                &["sport/tennis", "sport/tennis/player1/ranking"],
            ),
            ("sport/+", &["sport/"], &["sport"]),
            ("+/+", &["/finance", "a/b", "/"], &["finance", "a/b/c"]),
            ("/+", &["/finance"], &["finance", "//"]),
            ("+", &["finance", " "], &["/finance"]),
            ("+/monitor/Clients", &["a/monitor/Clients", "/monitor/Clients"], &["monitor/Clients"]),
            ("a/+/c/#", &["a/b/c", "a//c/d"], &["a/b/d/c"]),
            ("A", &["A"], &["a"]),
        ];
        for (filter, matching, others) in cases {
            client.subscribe(filter, Qos::AtMostOnce);
            for topic in others.iter().chain(matching) {
                client.publish(topic, topic.as_bytes(), Qos::AtLeastOnce);
            }
            for topic in matching {
                assert_eq!(client.receive_payload(), topic.as_bytes(), "{filter} matches");
            }
            client.expect_nothing();
            client.unsubscribe(filter);
        }
    });
}

/// [MQTT3-3.3.5-1]
#[test]
fn overlapping_subscriptions_bring_one_message_at_the_highest_qos_mqtt_3_3_4_2() {
    on_all(|s| {
        let mut client = s.connect("alice");
        client.subscribe("a/+", Qos::AtMostOnce);
        client.subscribe("a/#", Qos::ExactlyOnce);
        client.subscribe("a/b", Qos::AtLeastOnce);
        client.publish("a/b", b"1", Qos::ExactlyOnce);
        let got = client.receive();
        assert_eq!((got.payload, got.delivery.qos()), (&b"1"[..], Qos::ExactlyOnce));
        client.expect_nothing();
    });
}

#[test]
fn subscription_identifiers_say_which_subscriptions_brought_it_mqtt_3_3_4_3_to_5() {
    on_v5(|s| {
        let mut client = s.connect("alice");
        let plain = SubscriptionOptions::at(Qos::AtLeastOnce);
        client.subscribe_with("a/+", plain, Some(1));
        client.subscribe_with("a/#", plain, Some(268_435_455));
        client.subscribe_with("a/b", plain, None);
        client.retain("a/b", b"1", Qos::AtLeastOnce);
        client.retain("a/b/c", b"2", Qos::AtLeastOnce);
        let mut both = client.receive().properties.subscription_ids.clone();
        both.sort_unstable();
        assert_eq!(both, [1, 268_435_455]);
        assert_eq!(client.receive().properties.subscription_ids, [268_435_455]);
        // The same filter again replaces its identifier [MQTT-3.8.4-3]; retained messages carry it too.
        client.subscribe_with("a/+", plain, Some(7));
        assert_eq!(client.receive().properties.subscription_ids, [7]);
        client.expect_nothing();
    });
}

/// [MQTT3-3.8.4-3]
#[test]
fn subscribing_again_replaces_the_subscription_mqtt_3_8_4_3() {
    on_all(|s| {
        let mut client = s.connect("alice");
        client.subscribe("a", Qos::ExactlyOnce);
        client.subscribe("a", Qos::AtMostOnce);
        client.publish("a", b"1", Qos::ExactlyOnce);
        assert_eq!(client.receive().delivery.qos(), Qos::AtMostOnce);
        client.expect_nothing();
        client.unsubscribe("a");
        client.publish("a", b"2", Qos::ExactlyOnce);
        client.expect_nothing();
    });
}

/// [MQTT-3.10.4-2]
#[test]
fn unsubscribe_takes_the_filter_that_is_the_same_character_by_character_mqtt_3_10_4_1() {
    on_v5(|s| {
        let mut client = s.connect("alice");
        client.subscribe("a/+", Qos::AtMostOnce);
        assert_eq!(client.unsubscribe("a/b").reasons, [ReasonCode::NoSubscriptionExisted], "0x11");
        assert_eq!(client.unsubscribe("A/+").reasons, [ReasonCode::NoSubscriptionExisted]);
        client.publish("a/b", b"1", Qos::AtMostOnce);
        assert_eq!(client.receive_payload(), b"1");
        assert_eq!(client.unsubscribe("a/+").reasons, [ReasonCode::Success]);
        assert_eq!(client.unsubscribe("a/+").reasons, [ReasonCode::NoSubscriptionExisted]);
        client.publish("a/b", b"2", Qos::AtMostOnce);
        client.expect_nothing();
    });
}

/// [MQTT3-3.10.4-5]
#[test]
fn unsubscribe_is_answered_also_when_nothing_was_subscribed_mqtt_3_10_4_5() {
    on_v3_1_1(|s| {
        let mut client = s.connect("alice");
        assert!(client.unsubscribe("never").reasons.is_empty(), "3.1.1 has no reasons in UNSUBACK");
        client.expect_nothing();
    });
}

#[test]
fn members_of_a_shared_subscription_take_turns() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let mut members: Vec<_> = (0..3).map(|n| s.connect(&format!("member-{n}"))).collect();
        for member in &mut members {
            assert_eq!(member.subscribe("$share/group/a/+", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
        }
        for n in 0..9_u8 {
            publisher.publish("a/b", &[n], Qos::AtLeastOnce);
        }
        publisher.sync();
        let mut all = Vec::new();
        for member in &mut members {
            let got: Vec<_> = (0..3).map(|_| member.receive_payload()).collect();
            assert!(got.is_sorted(), "{got:?}");
            all.extend(got);
            member.expect_nothing();
        }
        all.sort();
        assert_eq!(all, (0..9).map(|n| [n]).collect::<Vec<_>>(), "each came to one of them");
    });
}

/// [MQTT-4.5.0-1], [MQTT3-4.5.0-1]
#[test]
fn a_message_reaches_every_subscriber_once() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let mut subscribers: Vec<_> = (0..30).map(|n| s.connect(&format!("subscriber-{n}"))).collect();
        for (n, subscriber) in subscribers.iter_mut().enumerate() {
            subscriber.subscribe(["a", "+", "#"][n % 3], qos((n % 3) as u8));
        }
        for level in 0..3 {
            publisher.publish("a", &[level], qos(level));
        }
        for subscriber in &mut subscribers {
            for level in 0..3 {
                assert_eq!(subscriber.receive_payload(), [level]);
            }
            subscriber.expect_nothing();
        }
    });
}

/// [MQTT-3.10.4-1], [MQTT-3.10.4-2], [MQTT3-3.10.4-1], [MQTT3-3.10.4-2]
#[test]
fn unsubscribe_ends_the_same_filter_and_no_other() {
    on_all(|s| {
        let mut client = s.connect("alice");
        client.subscribe("a/+", Qos::AtMostOnce);
        for other in ["a/b", "A/+", "a/#", "+/+", "a/+/", "#"] {
            client.unsubscribe(other);
        }
        client.publish("a/b", b"1", Qos::AtLeastOnce);
        assert_eq!(client.receive_payload(), b"1");
        client.unsubscribe("a/+");
        client.publish("a/b", b"2", Qos::AtLeastOnce);
        client.expect_nothing();
    });
}

/// [MQTT-3.10.4-6], [MQTT-3.11.3-1], [MQTT-3.11.3-2], [MQTT3-3.10.4-6]
#[test]
fn several_filters_are_unsubscribed_with_one_answer() {
    on_all(|s| {
        let mut client = s.connect("alice");
        for filter in ["a", "b", "c"] {
            client.subscribe(filter, Qos::AtMostOnce);
        }
        let packet_id = client.new_id();
        let filters = ["a", "never", "c"].map(|text| TopicFilter::new(text).expect("a filter")).to_vec();
        client.send(&Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties: Vec::new() }));
        let Packet::Unsuback(ack) = client.next() else { panic!("UNSUBACK comes first") };
        let reasons = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted, ReasonCode::Success];
        assert_eq!((ack.packet_id, ack.reasons.as_slice()), (packet_id, s.either(&reasons[..], &[])));
        for topic in ["a", "b", "c"] {
            client.publish(topic, topic.as_bytes(), Qos::AtLeastOnce);
        }
        assert_eq!(client.receive_payload(), b"b");
        client.expect_nothing();
    });
}

/// Replacing a subscription brings what is retained again, and loses none of what is published meanwhile.
/// [MQTT-3.8.4-3], [MQTT-3.8.4-4], [MQTT3-3.8.4-3]
#[test]
fn nothing_is_lost_while_a_subscription_is_replaced() {
    on_all(|s| {
        let (mut publisher, mut client) = (s.connect("publisher"), s.connect("client"));
        publisher.retain("kept", b"kept", Qos::AtLeastOnce);
        client.subscribe("#", Qos::AtLeastOnce);
        assert_eq!(client.receive_payload(), b"kept");
        for n in 0..50_u8 {
            publisher.publish("live", &[n], Qos::AtLeastOnce);
            client.subscribe("#", Qos::AtLeastOnce);
        }
        let all: Vec<_> = (0..100).map(|_| client.receive()).collect();
        let live: Vec<_> = all.iter().filter(|got| !got.retain).map(|got| got.payload[0]).collect();
        assert_eq!(live, (0..50).collect::<Vec<_>>(), "each once, in order");
        assert_eq!(all.len() - live.len(), 50, "and what is retained each time");
        client.expect_nothing();
    });
}
