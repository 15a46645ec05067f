//! Slow readers, full queues, windows: what is bounded, and what the others notice of it.

use mqtt::packet::{ConnectProperties, Unsubscribe};
use mqtt::{MessageProperties, SessionExpiry};

use super::*;

fn publishes(packets: &[String]) -> Vec<&str> {
    packets.iter().filter(|p| p.contains('=')).map(String::as_str).collect()
}

#[test]
fn a_slow_reader_misses_qos_0_and_nobody_else_does() {
    let mut w = World::new(Config { max_output_bytes: 200, ..Config::default() });
    let (slow, quick, publisher) = (w.client("slow"), w.client("quick"), w.client("p"));
    w.subscribe(slow, "a", Qos::AtMostOnce);
    w.subscribe(quick, "a", Qos::AtMostOnce);
    w.wire[slow].is_stalled = true;
    for n in 0..100 {
        w.publish(publisher, &message("a", &format!("{n:020}"), Qos::AtMostOnce));
    }
    assert_eq!(publishes(&w.take(quick)).len(), 100);
    let got = publishes(&w.take(slow)).len();
    assert!((5..15).contains(&got), "{got} within 200 bytes");
    assert_eq!(w.broker.counters().dropped_slow_reader, 100 - got as u64);
}

#[test]
fn a_slow_reader_with_a_subscription_identifier_is_bounded_too() {
    let mut w = World::new(Config { max_output_bytes: 200, ..Config::default() });
    let (slow, publisher) = (w.client("slow"), w.client("p"));
    w.subscribe_with(slow, &["a"], SubscriptionOptions::default(), Some(5));
    w.wire[slow].is_stalled = true;
    for n in 0..100 {
        w.publish(publisher, &message("a", &format!("{n:020}"), Qos::AtMostOnce));
    }
    let got = publishes(&w.take(slow)).len();
    assert!((5..15).contains(&got), "{got} within 200 bytes");
    assert_eq!(w.broker.counters().dropped_slow_reader, 100 - got as u64);
}

#[test]
fn a_slow_reader_gets_qos_1_when_it_reads_again_in_order() {
    let mut w = World::new(Config { max_output_bytes: 200, max_inflight: 1000, ..Config::default() });
    let (slow, publisher) = (w.client("slow"), w.client("p"));
    w.subscribe(slow, "a", Qos::AtLeastOnce);
    w.take(slow);
    w.wire[slow].is_stalled = true;
    for n in 0..100 {
        w.publish(publisher, &message("a", &n.to_string(), Qos::AtLeastOnce));
    }
    let first = publishes(&w.take(slow)).len();
    assert!(first < 40, "{first} fit");
    w.drain(slow);
    let expected: Vec<_> = (first..100).map(|n| format!("a={n} q1")).collect();
    assert_eq!(w.take(slow), expected);
}

#[test]
fn mqtt_3_3_4_9_no_more_is_in_flight_than_the_client_takes() {
    let mut w = World::new(Config::default());
    let mut connect = Connect::new(Version::V5, "c");
    connect.properties.receive_maximum = Some(3);
    let (id, publisher) = (w.connect(&connect), w.client("p"));
    w.subscribe(id, "a", Qos::AtLeastOnce);
    w.take(id);
    for n in 0..7 {
        w.publish(publisher, &message("a", &n.to_string(), Qos::AtLeastOnce));
    }
    assert_eq!(w.take(id), ["a=0 q1", "a=1 q1", "a=2 q1"]);
    w.puback(id, 2);
    w.puback(id, 1);
    assert_eq!(w.take(id), ["a=3 q1", "a=4 q1"]);
}

/// A client whose Session stays, and the publisher has sent it `payloads` at QoS 1 that it has not acknowledged.
fn in_flight<'a>(w: &mut World, payloads: &[&str]) -> Connect<'a> {
    let mut connect = Connect::new(Version::V5, "c");
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::After(60);
    let (id, publisher) = (w.connect(&connect), w.client("p"));
    w.subscribe(id, "a", Qos::AtLeastOnce);
    for payload in payloads {
        w.publish(publisher, &message("a", payload, Qos::AtLeastOnce));
    }
    w.cut(id);
    connect
}

#[test]
fn mqtt_3_3_4_9_what_is_sent_again_keeps_to_the_window_of_the_new_connection() {
    let mut w = World::new(Config::default());
    let mut connect = in_flight(&mut w, &["1", "2", "3", "4", "5"]);
    connect.properties.receive_maximum = Some(2);
    let id = w.open(Version::V5);
    w.send(id, &Packet::Connect(Box::new(connect)));
    assert_eq!(w.take(id), ["Connack 00 present", "a=1 q1 dup", "a=2 q1 dup"]);
    let publisher = w.client("p2");
    w.publish(publisher, &message("a", "new", Qos::AtLeastOnce));
    assert_eq!(w.take(id), [] as [&str; 0]);
    for (packet_id, next) in [(1, "a=3 q1 dup"), (2, "a=4 q1 dup"), (3, "a=5 q1 dup"), (4, "a=new q1")] {
        w.puback(id, packet_id);
        assert_eq!(w.take(id), [next]);
    }
}

#[test]
fn what_is_sent_again_waits_for_a_slow_reader() {
    let mut w = World::new(Config { max_output_bytes: 100, ..Config::default() });
    let long = "x".repeat(60);
    let connect = in_flight(&mut w, &[&long, &long, &long, &long, &long]);
    let id = w.open(Version::V5);
    w.wire[id].is_stalled = true;
    w.send(id, &Packet::Connect(Box::new(connect)));
    assert_eq!(publishes(&w.take(id)).len(), 2);
    w.drain(id);
    assert_eq!(publishes(&w.take(id)).len(), 3);
}

#[test]
fn mqtt_3_1_2_25_what_is_too_large_to_be_sent_again_takes_no_place_in_the_window() {
    let mut w = World::new(Config::default());
    let mut connect = in_flight(&mut w, &[&"x".repeat(100), "y"]);
    connect.properties.maximum_packet_size = Some(60);
    connect.properties.receive_maximum = Some(1);
    let id = w.open(Version::V5);
    w.send(id, &Packet::Connect(Box::new(connect)));
    assert_eq!(publishes(&w.take(id)), ["a=y q1 dup"]);
    let publisher = w.client("p2");
    w.publish(publisher, &message("a", "new", Qos::AtLeastOnce));
    w.puback(id, 2);
    assert_eq!(w.take(id), ["a=new q1"]);
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_it() {
    let mut w = World::new(Config { max_queued_messages: 5, ..Config::default() });
    let mut connect = Connect::new(Version::V3_1_1, "c");
    connect.clean_start = false;
    connect.properties =
        ConnectProperties { session_expiry: SessionExpiry::Never, ..ConnectProperties::default() };
    let (id, publisher) = (w.connect(&connect), w.client("p"));
    w.subscribe(id, "a", Qos::AtLeastOnce);
    w.cut(id);
    for n in 0..8 {
        w.publish(publisher, &message("a", &n.to_string(), Qos::AtLeastOnce));
    }
    assert_eq!(w.broker.counters().dropped_queue_full, 3);
    let again = w.open(Version::V3_1_1);
    w.send(again, &Packet::Connect(Box::new(connect)));
    assert_eq!(publishes(&w.take(again)), ["a=0 q1", "a=1 q1", "a=2 q1", "a=3 q1", "a=4 q1"]);
}

#[test]
fn whoever_publishes_what_nobody_has_room_for_is_told() {
    let mut w = World::new(Config { max_queued_messages: 1, ..Config::default() });
    let mut connect = Connect::new(Version::V5, "c");
    connect.properties.session_expiry = SessionExpiry::Never;
    let (id, publisher, old) =
        (w.connect(&connect), w.client("p"), w.connect(&Connect::new(Version::V3_1_1, "o")));
    w.subscribe(id, "a", Qos::ExactlyOnce);
    w.cut(id);
    for answer in ["Puback 00", "Puback 97"] {
        w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
        assert_eq!(w.take(publisher), [answer]);
    }
    w.publish(publisher, &message("a", "x", Qos::AtLeastOnce).with_retain(true));
    assert_eq!(w.take(publisher), ["Puback 00"], "it is kept, if not for the one who waits");
    w.publish(old, &message("a", "x", Qos::AtLeastOnce));
    assert_eq!(w.take(old), ["Puback 00"], "3.1.1 has no other word");
    let other = w.client("other");
    w.subscribe(other, "a", Qos::AtMostOnce);
    w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
    assert_eq!(w.take(publisher), ["Puback 00"], "somebody got it");
}

#[test]
fn mqtt_3_3_2_5_what_has_expired_in_a_full_queue_makes_room() {
    let mut w = World::new(Config { max_queued_messages: 3, ..Config::default() });
    let connect = in_flight(&mut w, &[]);
    let publisher = w.client("p2");
    for (payload, secs) in [("old", 5), ("young", 50), ("old", 5)] {
        w.publish(publisher, &message("a", payload, Qos::AtLeastOnce).with_expiry(secs));
    }
    w.pass(secs(10));
    for payload in ["1", "2", "3"] {
        w.publish(publisher, &message("a", payload, Qos::AtLeastOnce));
    }
    let id = w.open(Version::V5);
    w.send(id, &Packet::Connect(Box::new(connect)));
    assert_eq!(publishes(&w.take(id)), ["a=young q1 expires 40", "a=1 q1", "a=2 q1"]);
    let c = w.broker.counters();
    assert_eq!((c.dropped_expired, c.dropped_queue_full), (2, 1));
}

#[test]
fn a_queue_is_bounded_also_when_messages_are_made_of_empty_properties() {
    let mut w = World::new(Config { max_queued_bytes: 100_000, ..Config::default() });
    in_flight(&mut w, &[]);
    let publisher = w.client("p2");
    let properties = MessageProperties {
        user_properties: vec![("".into(), "".into()); 1000],
        ..MessageProperties::default()
    };
    let sent = Message { properties: Some(Box::new(properties)), ..message("a", "", Qos::AtLeastOnce) };
    for _ in 0..10 {
        w.publish(publisher, &sent);
    }
    assert_eq!(w.broker.counters().dropped_queue_full, 7, "a pair takes 32 bytes");
}

#[test]
fn mqtt_3_1_2_25_a_message_too_large_for_one_is_dropped_for_that_one_only() {
    let mut w = World::new(Config::default());
    let mut connect = Connect::new(Version::V5, "small");
    connect.properties.maximum_packet_size = Some(60);
    let (small, large, publisher) = (w.connect(&connect), w.client("large"), w.client("p"));
    for id in [small, large] {
        w.subscribe(id, "a", Qos::AtLeastOnce);
        w.take(id);
    }
    w.publish(publisher, &message("a", &"x".repeat(100), Qos::AtLeastOnce));
    w.publish(publisher, &message("a", "y", Qos::AtLeastOnce));
    assert_eq!(w.take(small), ["a=y q1"]);
    assert_eq!(w.take(large).len(), 2);
    assert_eq!(w.broker.counters().dropped_too_large, 1);
}

#[test]
fn retained_messages_are_replayed_as_the_reader_takes_them() {
    let mut w = World::new(Config { max_output_bytes: 300, ..Config::default() });
    let publisher = w.client("p");
    for n in 0..500 {
        w.publish(publisher, &message(&format!("a/{n:03}"), "old", Qos::AtMostOnce).with_retain(true));
    }
    let id = w.client("c");
    w.wire[id].is_stalled = true;
    w.subscribe(id, "a/#", Qos::AtMostOnce);
    let first = publishes(&w.take(id)).len();
    assert!(first < 40, "{first} at first");
    w.publish(publisher, &message("a/499", "new", Qos::AtMostOnce).with_retain(true));
    w.drain(id);
    let rest = w.take(id);
    assert_eq!(publishes(&rest).len() + first, 500, "all are replayed");
    assert_eq!(rest.last().map(String::as_str), Some("a/499=new q0 retain"), "with the value of that moment");
}

#[test]
fn a_search_through_many_retained_messages_lets_others_have_a_turn() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    for n in 0..10_000 {
        w.publish(publisher, &message(&format!("a/{n:05}/x"), "v", Qos::AtMostOnce).with_retain(true));
    }
    w.publish(publisher, &message("a/99999/y", "found", Qos::AtMostOnce).with_retain(true));
    let id = w.client("c");
    for filter in ["a/+/z", "a/+/y"] {
        w.subscribe(id, filter, Qos::AtMostOnce);
    }
    assert_eq!(w.take(id), ["SUBACK", "SUBACK"], "2000 of 10 000 topics were looked at");
    w.pass(Duration::from_millis(8));
    assert_eq!(w.take(id), [] as [&str; 0]);
    w.pass(Duration::from_millis(4));
    assert_eq!(w.take(id), ["a/99999/y=found q0 retain"]);
    assert_eq!(w.deadline, None, "no timer is left");
}

#[test]
fn fifty_thousand_filters_cost_no_more_each_than_ten() {
    let mut w = World::new(Config::default());
    let id = w.client("c");
    w.wire[id].is_stalled = true;
    let names: Vec<String> = (0..50_000).map(|n| format!("{n:05}")).collect();
    let filters: Vec<&str> = names.iter().map(String::as_str).collect();
    let publisher = w.client("p");
    w.publish(publisher, &message("00000", &"x".repeat(2 << 20), Qos::AtMostOnce).with_retain(true));
    let options = SubscriptionOptions::default();
    w.subscribe_with(id, &filters, options, None); // their replays wait behind the large one
    w.subscribe_with(id, &filters, options, None);
    let backwards: Vec<TopicFilter<&str>> =
        filters.iter().rev().map(|filter| TopicFilter::new(*filter).unwrap()).collect();
    let unsubscribe =
        Unsubscribe { packet_id: PacketId::new(1).unwrap(), filters: backwards, user_properties: vec![] };
    w.send(id, &Packet::Unsubscribe(unsubscribe));
    assert_eq!(w.broker.counters().subscriptions, 0);
}

#[test]
fn the_limit_of_subscriptions_does_not_hold_up_one_that_is_there() {
    let mut w = World::new(Config { max_subscriptions: 1, ..Config::default() });
    let (id, publisher) = (w.client("c"), w.client("p"));
    for filter in ["a", "b", "a"] {
        w.subscribe(id, filter, Qos::AtLeastOnce);
    }
    w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
    assert_eq!(w.broker.counters().subscriptions, 1);
    assert_eq!(publishes(&w.take(id)), ["a=x q1"]);
}

#[test]
fn mqtt_4_4_0_retained_messages_of_qos_1_are_not_lost_with_the_connection() {
    let mut w = World::new(Config { max_inflight: 2, ..Config::default() });
    let publisher = w.client("p2");
    for n in 0..4 {
        w.publish(publisher, &message(&format!("r/{n}"), "x", Qos::AtLeastOnce).with_retain(true));
    }
    let mut connect = Connect::new(Version::V5, "c");
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::After(60);
    let id = w.connect(&connect);
    w.subscribe(id, "r/#", Qos::AtLeastOnce);
    assert_eq!(publishes(&w.take(id)), ["r/0=x q1 retain", "r/1=x q1 retain"]);
    w.cut(id);
    let id = w.open(Version::V5);
    w.send(id, &Packet::Connect(Box::new(connect)));
    assert_eq!(publishes(&w.take(id)), ["r/0=x q1 dup retain", "r/1=x q1 dup retain"]);
    w.puback(id, 1);
    w.puback(id, 2);
    assert_eq!(w.take(id), ["r/2=x q1 retain", "r/3=x q1 retain"]);
}

#[test]
fn retained_messages_have_a_bound_that_is_told_to_the_publisher() {
    let mut w = World::new(Config { max_retained_messages: 2, ..Config::default() });
    let publisher = w.client("p");
    for (topic, answer) in [("a", "Puback 10"), ("b", "Puback 10"), ("c", "Puback 97"), ("b", "Puback 10")] {
        w.publish(publisher, &message(topic, "x", Qos::AtLeastOnce).with_retain(true));
        assert_eq!(w.take(publisher), [answer], "{topic}");
    }
}

#[test]
fn properties_travel_unaltered_and_not_to_older_versions() {
    let mut w = World::new(Config::default());
    let (new, old, publisher) =
        (w.client("new"), w.connect(&Connect::new(Version::V3_1_1, "old")), w.client("p"));
    for id in [new, old] {
        w.subscribe(id, "a", Qos::AtMostOnce);
        w.take(id);
    }
    let properties = MessageProperties {
        content_type: Some("text/plain".into()),
        user_properties: vec![("b".into(), "1".into()), ("a".into(), "2".into())],
        ..MessageProperties::default()
    };
    let sent =
        Message { properties: Some(Box::new(properties.clone())), ..message("a", "x", Qos::AtMostOnce) };
    w.publish(publisher, &sent);
    let bytes = std::mem::take(&mut w.wire[new].bytes);
    let Some((Packet::Publish(got), _)) = Deframer::client(Version::V5, 1000).next(&bytes).unwrap() else {
        panic!("a PUBLISH")
    };
    assert_eq!(MessageProperties::from_packet(&got.properties).as_deref(), Some(&properties));
    assert_eq!(w.take(old), ["a=x q0"]);
}

/// [MQTT-3.3.4-7]: what was taken on connections before counts no more, but makes no room for more either.
#[test]
fn the_receive_maximum_does_not_widen_from_connection_to_connection() {
    let mut w = World::new(Config { receive_maximum: 3, ..Config::default() });
    let mut connect = Connect::new(Version::V5, "c");
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::After(60);
    let publish = |w: &mut World, id: usize, packet_id: u16| {
        let message = message("a", "x", Qos::ExactlyOnce);
        let packet_id = PacketId::new(packet_id).unwrap();
        let delivery = Delivery::ExactlyOnce { packet_id, dup: false };
        w.send(id, &Packet::Publish(Publish::of(&message, delivery)));
        w.take(id).pop().unwrap()
    };
    let first = w.connect(&connect);
    assert_eq!([1, 2, 3].map(|n| publish(&mut w, first, n)), ["PUBREC"; 3]);
    w.cut(first);
    let id = w.connect(&connect);
    assert_eq!(publish(&mut w, id, 4), "PUBREC", "those from before do not count");
    for n in [1, 2, 3] {
        w.send(id, &Packet::Pubrel(Ack::new(PacketId::new(n).unwrap(), ReasonCode::Success)));
    }
    assert_eq!([5, 6].map(|n| publish(&mut w, id, n)), ["PUBREC"; 2]);
    assert_eq!(publish(&mut w, id, 4), "PUBREC", "again, which is no more");
    assert_eq!(publish(&mut w, id, 7), "Disconnect 93", "and those that are done make no room");
}
