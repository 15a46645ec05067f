//! Shared Subscriptions (4.8.2): who gets what, and what becomes of it when a member leaves.

use mqtt::packet::{Disconnect, RetainHandling, Unsubscribe};
use mqtt::{MessageProperties, SessionExpiry};

use super::*;

fn keeping(client_id: &str) -> Connect<'_> {
    let mut connect = Connect::new(Version::V5, client_id);
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::After(600);
    connect
}

impl World {
    /// A member of `$share/g/a` at QoS 1 whose Session stays.
    fn member(&mut self, client_id: &str) -> usize {
        let id = self.connect(&keeping(client_id));
        self.subscribe(id, "$share/g/a", Qos::AtLeastOnce);
        self.take(id);
        id
    }

    /// A member whose Session ends with its connection.
    fn passing_member(&mut self, client_id: &str, qos: Qos) -> usize {
        let id = self.client(client_id);
        self.subscribe(id, "$share/g/a", qos);
        self.take(id);
        id
    }

    fn back(&mut self, client_id: &str) -> Vec<String> {
        let id = self.open(Version::V5);
        self.send(id, &Packet::Connect(Box::new(keeping(client_id))));
        self.take(id)
    }

    fn publish_each(&mut self, id: usize, qos: Qos, payloads: std::ops::Range<u32>) {
        for n in payloads {
            self.publish(id, &message("a", &n.to_string(), qos));
        }
        self.take(id);
    }

    fn pubrec(&mut self, id: usize, packet_id: u16, reason: ReasonCode) {
        self.send(id, &Packet::Pubrec(Ack::new(PacketId::new(packet_id).unwrap(), reason)));
    }

    fn unsubscribe(&mut self, id: usize, filter: &str) -> Vec<String> {
        let filters = vec![TopicFilter::new(filter).unwrap()];
        let packet_id = PacketId::new(998).unwrap();
        self.send(id, &Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties: vec![] }));
        self.take(id)
    }
}

/// [MQTT-4.8.2-3]: at the QoS granted to the member.
#[test]
fn members_take_turns_each_at_its_own_qos() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    let members = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce]
        .map(|qos| w.passing_member(&format!("{qos:?}"), qos));
    w.publish_each(publisher, Qos::ExactlyOnce, 0..1);
    w.publish_each(publisher, Qos::AtLeastOnce, 1..6);
    assert_eq!(w.take(members[0]), ["a=0 q0", "a=3 q0"]);
    assert_eq!(w.take(members[1]), ["a=1 q1", "a=4 q1"]);
    assert_eq!(w.take(members[2]), ["a=2 q1", "a=5 q1"]);
}

#[test]
fn three_point_one_one_takes_part_too() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    let new = w.passing_member("new", Qos::AtLeastOnce);
    let old = w.connect(&Connect::new(Version::V3_1_1, "old"));
    w.subscribe(old, "$share/g/a", Qos::AtLeastOnce);
    assert_eq!(w.take(old), ["SUBACK"]);
    w.publish_each(publisher, Qos::AtMostOnce, 0..4);
    assert_eq!(
        (w.take(new), w.take(old)),
        (vec!["a=0 q0".into(), "a=2 q0".into()], vec!["a=1 q0".into(), "a=3 q0".into()])
    );
    w.subscribe(old, "$share/g", Qos::AtLeastOnce);
    assert_eq!(w.take(old), ["SUBACK [80]"], "a share without a filter");
}

/// [MQTT-4.8.2-1], [MQTT-4.8.2-2], and the answer of all filters whose form is wrong.
#[test]
fn mqtt_4_8_2_1_a_share_needs_a_name_without_wildcards_and_a_filter() {
    for bad in ["$share", "$share/", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/#"] {
        let mut w = World::new(Config::default());
        let id = w.client("c");
        w.subscribe_with(id, &["b", bad], SubscriptionOptions::default(), None);
        assert_eq!(w.take(id), ["Disconnect 8f"], "{bad}");
        let id = w.client("c");
        assert_eq!(w.unsubscribe(id, bad), ["Disconnect 8f"], "{bad}");
    }
    let mut w = World::new(Config::default());
    let id = w.client("c");
    for good in ["$share/g//", "$share/$g/#", "$share/g/$SYS/+", "$shared/g", "$sharee"] {
        w.subscribe(id, good, Qos::AtMostOnce);
        assert_eq!(w.take(id), ["SUBACK"], "{good}");
    }
}

#[test]
fn mqtt_3_8_3_4_no_local_on_a_shared_subscription_is_a_protocol_error() {
    let mut w = World::new(Config::default());
    let id = w.client("c");
    let options = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    w.subscribe_with(id, &["$share/g/a"], options, None);
    assert_eq!(w.take(id), ["Disconnect 82"]);
}

#[test]
fn what_is_switched_off_is_refused_as_announced() {
    let mut w = World::new(Config { shared_subscriptions: false, ..Config::default() });
    let id = w.open(Version::V5);
    w.send(id, &Packet::Connect(Box::new(Connect::new(Version::V5, "c"))));
    let bytes = std::mem::take(&mut w.wire[id].bytes);
    let Some((Packet::Connack(connack), _)) = Deframer::client(Version::V5, 1000).next(&bytes).unwrap()
    else {
        panic!("a CONNACK")
    };
    assert!(!connack.properties.shared_subscription_available, "Shared Subscription Available (3.2.2.3.13)");
    w.subscribe(id, "$share/g/a", Qos::AtLeastOnce);
    assert_eq!(w.take(id), ["SUBACK [9e]"]);
    let mut w = World::new(Config { wildcard_subscriptions: false, ..Config::default() });
    let id = w.client("c");
    w.subscribe(id, "$share/g/a/+", Qos::AtLeastOnce);
    assert_eq!(w.take(id), ["SUBACK [a2]"]);
}

#[test]
fn retained_messages_are_not_sent_for_a_shared_subscription() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    w.publish(publisher, &message("a", "old", Qos::AtLeastOnce).with_retain(true));
    let id = w.client("c");
    let options =
        SubscriptionOptions { retain_handling: RetainHandling::Send, ..SubscriptionOptions::default() };
    w.subscribe_with(id, &["$share/g/a"], options, None);
    assert_eq!(w.take(id), ["SUBACK"]);
}

#[test]
fn a_client_with_both_subscriptions_gets_both_copies_each_with_its_identifier() {
    let mut w = World::new(Config::default());
    let id = w.client("c");
    let options = SubscriptionOptions::at(Qos::AtLeastOnce);
    w.subscribe_with(id, &["a"], options, Some(7));
    w.subscribe_with(id, &["$share/g/a", "$share/h/#"], options, Some(8));
    w.take(id);
    let publisher = w.client("p");
    w.publish_each(publisher, Qos::AtMostOnce, 0..1);
    let mut got = w.take(id);
    got.sort();
    assert_eq!(got, ["a=0 q0 ids [7]", "a=0 q0 ids [8]", "a=0 q0 ids [8]"], "[MQTT-3.3.4-3]");
}

#[test]
fn a_subscription_that_is_repeated_replaces_the_one_before() {
    let mut w = World::new(Config { max_subscriptions: 1, ..Config::default() });
    let (id, publisher) = (w.client("c"), w.client("p"));
    w.subscribe_with(id, &["$share/g/a"], SubscriptionOptions::at(Qos::AtMostOnce), Some(1));
    w.subscribe_with(id, &["$share/g/a"], SubscriptionOptions::at(Qos::AtLeastOnce), Some(2));
    w.subscribe(id, "$share/h/a", Qos::AtMostOnce);
    assert_eq!(w.take(id), ["SUBACK", "SUBACK", "SUBACK [97]"], "shared ones count");
    w.publish_each(publisher, Qos::AtLeastOnce, 0..1);
    assert_eq!(w.take(id), ["a=0 q1 ids [2]"]);
    assert_eq!(w.broker.counters().subscriptions, 1);
    assert_eq!(w.unsubscribe(id, "$share/g/a"), ["UNSUBACK"]);
    assert_eq!(w.unsubscribe(id, "$share/g/a"), ["UNSUBACK [11]"]);
    assert_eq!(w.broker.counters().subscriptions, 0);
}

#[test]
fn a_publisher_is_told_when_no_member_can_have_its_message() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    let id = w.connect(&keeping("away"));
    w.subscribe(id, "$share/g/a", Qos::AtMostOnce);
    w.cut(id);
    w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
    assert_eq!(w.take(publisher), ["Puback 10"]);
}

#[test]
fn those_who_are_away_are_passed_over_until_nobody_is_there() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    let [a, b, c] = ["a", "b", "c"].map(|name| w.member(name));
    w.cut(a);
    w.publish_each(publisher, Qos::AtLeastOnce, 0..4);
    assert_eq!((w.take(b).len(), w.take(c).len()), (2, 2));
    w.cut(b);
    w.cut(c);
    w.publish_each(publisher, Qos::AtLeastOnce, 4..10);
    w.publish_each(publisher, Qos::AtMostOnce, 10..11);
    for name in ["a", "b", "c"] {
        let got = w.back(name);
        let new = got.iter().filter(|p| p.starts_with("a=") && !p.contains("dup")).count();
        assert_eq!(new, 2, "{name}: {got:?}");
    }
}

#[test]
fn a_turn_goes_by_where_the_window_is_full() {
    let mut w = World::new(Config { max_inflight: 2, ..Config::default() });
    let publisher = w.client("p");
    let (slow, quick) = (w.member("slow"), w.member("quick"));
    let mut got = 0;
    for n in 0..10 {
        w.publish_each(publisher, Qos::AtLeastOnce, n..n + 1);
        for _ in w.take(quick) {
            got += 1;
            w.puback(quick, got);
        }
    }
    assert_eq!((w.take(slow).len(), got), (2, 8));
}

#[test]
fn a_turn_goes_by_where_the_socket_is_full() {
    let mut w = World::new(Config { max_output_bytes: 20, ..Config::default() });
    let publisher = w.client("p");
    let (slow, quick) =
        (w.passing_member("slow", Qos::AtMostOnce), w.passing_member("quick", Qos::AtMostOnce));
    w.wire[slow].is_stalled = true;
    w.publish_each(publisher, Qos::AtMostOnce, 0..50);
    let got = w.take(slow).len();
    assert!((1..10).contains(&got), "{got}");
    assert_eq!(w.take(quick).len() + got, 50, "nothing is dropped while one reads");
    assert_eq!(w.broker.counters().dropped_slow_reader, 0);
}

#[test]
fn a_session_that_ends_gives_what_it_did_not_acknowledge_to_others_in_order() {
    let mut w = World::new(Config { max_inflight: 2, ..Config::default() });
    let publisher = w.client("p");
    let first = w.passing_member("first", Qos::AtLeastOnce);
    w.publish_each(publisher, Qos::AtLeastOnce, 0..5);
    w.puback(first, 1);
    assert_eq!(w.take(first), ["a=0 q1", "a=1 q1", "a=2 q1"]);
    let second = w.member("second");
    w.send(first, &Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
    assert_eq!(w.take(second), ["a=1 q1", "a=2 q1"]);
    w.puback(second, 1);
    w.puback(second, 2);
    assert_eq!(w.take(second), ["a=3 q1", "a=4 q1"]);
}

#[test]
fn a_session_that_expires_or_is_begun_anew_gives_its_messages_away_too() {
    for begins_anew in [true, false] {
        let mut w = World::new(Config::default());
        let publisher = w.client("p");
        let first = w.member("first");
        w.publish_each(publisher, Qos::AtLeastOnce, 0..2);
        w.cut(first);
        let second = w.member("second");
        w.pass(secs(500));
        assert_eq!(w.take(second), [] as [&str; 0], "what was sent waits for its member");
        if begins_anew {
            w.client("first");
        } else {
            w.pass(secs(101));
        }
        assert_eq!(w.take(second), ["a=0 q1", "a=1 q1"]);
    }
}

#[test]
fn what_was_never_sent_goes_to_others_as_soon_as_its_member_is_cut() {
    let mut w = World::new(Config { max_inflight: 1, ..Config::default() });
    let publisher = w.client("p");
    let first = w.member("first");
    w.subscribe(first, "own", Qos::AtLeastOnce);
    w.publish_each(publisher, Qos::AtLeastOnce, 0..2);
    w.publish(publisher, &message("own", "x", Qos::AtLeastOnce));
    w.publish_each(publisher, Qos::AtLeastOnce, 2..3);
    let second = w.member("second");
    w.cut(first);
    assert_eq!(w.take(second), ["a=1 q1"]);
    w.puback(second, 1);
    assert_eq!(w.take(second), ["a=2 q1"]);
    assert_eq!(w.back("first"), ["Connack 00 present", "a=0 q1 dup"]);
    let first = w.wire.len() - 1;
    w.puback(first, 1);
    assert_eq!(w.take(first), ["own=x q1"], "what is the Session's own stays");
}

#[test]
fn mqtt_3_10_4_3_who_unsubscribes_completes_what_it_was_sent_and_leaves_the_rest() {
    let mut w = World::new(Config { max_inflight: 1, ..Config::default() });
    let publisher = w.client("p");
    let first = w.member("first");
    w.publish_each(publisher, Qos::AtLeastOnce, 0..3);
    assert_eq!(w.take(first), ["a=0 q1"]);
    let second = w.member("second");
    assert_eq!(w.unsubscribe(first, "$share/g/a"), ["UNSUBACK"]);
    assert_eq!(w.take(second), ["a=1 q1"]);
    w.publish_each(publisher, Qos::AtLeastOnce, 3..4);
    w.puback(first, 1);
    assert_eq!(w.take(first), [] as [&str; 0]);
    w.puback(second, 1);
    w.puback(second, 2);
    assert_eq!(w.take(second), ["a=2 q1", "a=3 q1"]);
}

#[test]
fn the_last_member_that_unsubscribes_gets_what_was_queued_for_it() {
    let mut w = World::new(Config { max_inflight: 1, ..Config::default() });
    let publisher = w.client("p");
    let only = w.member("only");
    w.publish_each(publisher, Qos::AtLeastOnce, 0..2);
    assert_eq!(w.unsubscribe(only, "$share/g/a"), ["a=0 q1", "UNSUBACK"]);
    w.puback(only, 1);
    assert_eq!(w.take(only), ["a=1 q1"]);
}

#[test]
fn mqtt_4_8_2_4_what_was_begun_at_qos_2_is_completed_with_the_same_client() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    let first = w.connect(&keeping("first"));
    w.subscribe(first, "$share/g/a", Qos::ExactlyOnce);
    w.take(first);
    for n in ["0", "1"] {
        w.publish(publisher, &message("a", n, Qos::ExactlyOnce));
        w.send(publisher, &Packet::Pubrel(Ack::new(PacketId::new(7).unwrap(), ReasonCode::Success)));
    }
    w.pubrec(first, 1, ReasonCode::Success);
    assert_eq!(w.take(first), ["a=0 q2", "a=1 q2", "PUBREL"]);
    let second = w.passing_member("second", Qos::ExactlyOnce);
    w.cut(first);
    w.pass(secs(300));
    assert_eq!(w.back("first"), ["Connack 00 present", "PUBREL", "a=1 q2 dup"]);
    assert_eq!(w.take(second), [] as [&str; 0]);
}

#[test]
fn mqtt_4_8_2_5_what_was_begun_at_qos_2_goes_to_nobody_else_when_the_session_ends() {
    let mut w = World::new(Config { max_inflight: 1, ..Config::default() });
    let publisher = w.client("p");
    let first = w.passing_member("first", Qos::ExactlyOnce);
    for n in ["begun", "never sent"] {
        w.publish(publisher, &message("a", n, Qos::ExactlyOnce));
        w.send(publisher, &Packet::Pubrel(Ack::new(PacketId::new(7).unwrap(), ReasonCode::Success)));
    }
    assert_eq!(w.take(first), ["a=begun q2"]);
    let second = w.passing_member("second", Qos::ExactlyOnce);
    w.cut(first);
    assert_eq!(w.take(second), ["a=never sent q2"]);
}

#[test]
fn mqtt_4_8_2_6_a_message_that_a_member_refuses_goes_to_nobody() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    let (first, second) = (w.passing_member("1", Qos::ExactlyOnce), w.passing_member("2", Qos::ExactlyOnce));
    w.publish(publisher, &message("a", "x", Qos::ExactlyOnce));
    w.send(publisher, &Packet::Pubrel(Ack::new(PacketId::new(7).unwrap(), ReasonCode::Success)));
    w.publish(publisher, &message("a", "y", Qos::AtLeastOnce));
    assert_eq!((w.take(first), w.take(second)), (vec!["a=x q2".into()], vec!["a=y q1".into()]));
    w.pubrec(first, 1, ReasonCode::QuotaExceeded);
    w.send(second, &Packet::Puback(Ack::new(PacketId::new(1).unwrap(), ReasonCode::UnspecifiedError)));
    w.cut(first);
    assert_eq!(w.take(second), [] as [&str; 0]);
    w.cut(second);
    let third = w.passing_member("3", Qos::ExactlyOnce);
    assert_eq!(w.take(third), [] as [&str; 0]);
}

/// [MQTT-4.8.2-3]: at the QoS granted to the one who gets it.
#[test]
fn a_message_that_is_passed_on_keeps_what_the_publisher_gave_and_gets_the_new_identifier() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    let first = w.passing_member("first", Qos::AtLeastOnce);
    let second = w.client("second");
    let properties = MessageProperties { content_type: Some("x".into()), ..MessageProperties::default() };
    let sent = Message { properties: Some(Box::new(properties)), ..message("a", "m", Qos::AtLeastOnce) };
    w.publish(publisher, &sent.with_expiry(100).with_retain(true));
    assert_eq!(w.take(first), ["a=m q1 expires 100"]);
    let options =
        SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::at(Qos::AtMostOnce) };
    w.subscribe_with(second, &["$share/g/a"], options, Some(9));
    w.take(second);
    w.pass(secs(30));
    w.cut(first);
    assert_eq!(w.take(second), ["a=m q0 retain expires 70 ids [9]"]);
}

#[test]
fn nothing_is_left_of_a_share_when_all_its_members_have_gone() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    let members = [w.member("first"), w.passing_member("second", Qos::AtLeastOnce)];
    w.publish_each(publisher, Qos::AtLeastOnce, 0..4);
    members.into_iter().for_each(|id| w.cut(id));
    w.cut(publisher);
    assert_eq!(w.broker.counters().subscriptions, 1);
    w.pass(secs(601));
    let c = w.broker.counters();
    assert_eq!((c.sessions, c.subscriptions), (0, 0));
}

#[test]
fn a_message_goes_to_the_member_whose_queue_has_room_for_it() {
    let mut w = World::new(Config { max_queued_bytes: 100, ..Config::default() });
    let (a, b, publisher) = (w.member("a"), w.member("b"), w.client("p"));
    w.cut(a);
    w.cut(b);
    let long = "x".repeat(90);
    w.publish(publisher, &message("a", &long, Qos::AtLeastOnce));
    w.publish(publisher, &message("a", "short", Qos::AtLeastOnce));
    // The turn is that of the one with the long message.
    w.publish(publisher, &message("a", &"y".repeat(80), Qos::AtLeastOnce));
    assert_eq!(w.broker.counters().dropped_queue_full, 0);
}
