//! What happens when time passes.

use mqtt::packet::{ConnectProperties, ConnectWill, Disconnect};
use mqtt::{SessionExpiry, Will};

use super::*;

fn keeping(client_id: &str, secs: u32) -> Connect<'_> {
    let mut connect = Connect::new(Version::V5, client_id);
    connect.clean_start = false;
    connect.properties =
        ConnectProperties { session_expiry: SessionExpiry::from_secs(secs), ..ConnectProperties::default() };
    connect
}

#[test]
fn mqtt_3_1_4_a_connection_that_says_nothing_is_closed_after_ten_seconds() {
    let mut w = World::new(Config::default());
    let id = w.open(Version::V5);
    w.pass(secs(9));
    assert!(!w.wire[id].is_closed);
    w.pass(secs(2));
    assert!(w.wire[id].is_closed);
}

#[test]
fn mqtt_3_1_2_22_silence_of_one_and_a_half_keep_alives_ends_the_connection() {
    let mut w = World::new(Config::default());
    let mut connect = Connect::new(Version::V5, "c");
    connect.keep_alive_s = 10;
    let id = w.connect(&connect);
    for _ in 0..5 {
        w.pass(secs(14));
        w.send(id, &Packet::Pingreq);
    }
    assert_eq!(w.take(id), ["PINGRESP"; 5]);
    w.pass(Duration::from_millis(14_999));
    assert!(!w.wire[id].is_closed);
    w.pass(Duration::from_millis(2));
    assert_eq!(w.take(id), ["Disconnect 8d"]);
    assert!(w.wire[id].is_closed);
}

#[test]
fn mqtt_3_1_2_23_a_session_ends_when_its_expiry_has_passed_and_not_before() {
    for (away, expected) in [(59, "Connack 00 present"), (61, "Connack 00")] {
        let mut w = World::new(Config::default());
        let id = w.connect(&keeping("c", 60));
        w.subscribe(id, "a", Qos::AtLeastOnce);
        w.cut(id);
        w.pass(secs(away));
        let again = w.open(Version::V5);
        w.send(again, &Packet::Connect(Box::new(keeping("c", 60))));
        assert_eq!(w.take(again), [expected], "after {away} s");
    }
}

#[test]
fn disconnect_may_shorten_the_session_but_not_begin_one() {
    let mut w = World::new(Config::default());
    let id = w.connect(&keeping("c", 60));
    let mut bye = Disconnect::new(ReasonCode::Success);
    bye.session_expiry = Some(SessionExpiry::AtDisconnect);
    w.send(id, &Packet::Disconnect(bye.clone()));
    assert_eq!(w.broker.counters().sessions, 0);
    let id = w.connect(&keeping("c", 0));
    bye.session_expiry = Some(SessionExpiry::After(5));
    w.send(id, &Packet::Disconnect(bye));
    assert_eq!(w.take(id), ["Disconnect 82"]);
}

#[test]
fn mqtt_3_3_2_6_a_message_is_forwarded_with_what_remains_of_its_time_or_not_at_all() {
    let mut w = World::new(Config::default());
    let id = w.connect(&keeping("c", 600));
    w.subscribe(id, "a", Qos::AtLeastOnce);
    w.cut(id);
    let publisher = w.client("p");
    w.publish(publisher, &message("a", "short", Qos::AtLeastOnce).with_expiry(10));
    w.publish(publisher, &message("a", "long", Qos::AtLeastOnce).with_expiry(100));
    w.publish(publisher, &message("a", "for ever", Qos::AtLeastOnce));
    w.pass(secs(30));
    let again = w.open(Version::V5);
    w.send(again, &Packet::Connect(Box::new(keeping("c", 600))));
    assert_eq!(w.take(again), ["Connack 00 present", "a=long q1 expires 70", "a=for ever q1"]);
    assert_eq!(w.broker.counters().dropped_expired, 1);
}

#[test]
fn a_retained_message_is_not_replayed_after_its_time() {
    let mut w = World::new(Config::default());
    let publisher = w.client("p");
    w.publish(publisher, &message("a/1", "x", Qos::AtMostOnce).with_retain(true).with_expiry(5));
    w.publish(publisher, &message("a/2", "y", Qos::AtMostOnce).with_retain(true));
    w.pass(secs(6));
    let id = w.client("c");
    w.subscribe(id, "a/#", Qos::AtMostOnce);
    assert_eq!(w.take(id), ["SUBACK", "a/2=y q0 retain"]);
}

#[test]
fn a_retained_message_whose_time_is_over_makes_room() {
    let mut w = World::new(Config { max_retained_messages: 2, ..Config::default() });
    let publisher = w.client("p");
    let retain = |w: &mut World, topic: &str, expiry: Option<u32>| {
        let kept = message(topic, "x", Qos::AtLeastOnce).with_retain(true);
        let kept = expiry.map_or_else(|| kept.clone(), |secs| kept.clone().with_expiry(secs));
        w.publish(publisher, &kept);
        w.take(publisher)
    };
    assert_eq!(retain(&mut w, "a", Some(5)), ["Puback 10"]);
    assert_eq!(retain(&mut w, "b", Some(5)), ["Puback 10"]);
    assert_eq!(retain(&mut w, "b", None), ["Puback 10"], "in place of one that would have expired");
    assert_eq!(retain(&mut w, "c", None), ["Puback 97"]);
    w.pass(secs(6));
    assert_eq!(w.broker.counters().retained, 1);
    assert_eq!(retain(&mut w, "c", None), ["Puback 10"]);
    assert_eq!(w.deadline, None, "no timer is left");
}

fn dying(client_id: &'static str, will: &'static Will, session_s: u32) -> Connect<'static> {
    let mut connect = keeping(client_id, session_s);
    connect.will = Some(ConnectWill::of(will));
    connect
}

fn will(delay_s: u32) -> &'static Will {
    Box::leak(Box::new(Will { message: message("gone", "c", Qos::AtMostOnce), delay_s }))
}

/// [MQTT-3.1.2-8], [MQTT-3.1.2-10]
#[test]
fn mqtt_3_1_3_9_a_will_waits_for_its_delay_or_the_end_of_the_session() {
    for (delay, session, before, after) in [(0, 60, 0, 0), (5, 60, 4, 6), (60, 5, 4, 6), (5, 0, 0, 0)] {
        let mut w = World::new(Config::default());
        let watcher = w.client("w");
        w.subscribe(watcher, "gone", Qos::AtMostOnce);
        w.take(watcher);
        let id = w.connect(&dying("c", will(delay), session));
        w.cut(id);
        if before > 0 {
            w.pass(secs(before));
            assert_eq!(w.take(watcher), [] as [&str; 0], "delay {delay}, session {session}");
        }
        w.pass(secs(after - before));
        assert_eq!(w.take(watcher), ["gone=c q0"], "delay {delay}, session {session}");
        w.pass(secs(100));
        assert_eq!(w.take(watcher), [] as [&str; 0], "a will is sent once");
    }
}

#[test]
fn mqtt_3_1_3_9_a_client_that_is_back_in_time_takes_its_will_back() {
    let mut w = World::new(Config::default());
    let watcher = w.client("w");
    w.subscribe(watcher, "gone", Qos::AtMostOnce);
    w.take(watcher);
    let id = w.connect(&dying("c", will(5), 60));
    w.cut(id);
    w.pass(secs(3));
    let back = w.connect(&keeping("c", 60));
    w.pass(secs(100));
    assert_eq!(w.take(watcher), [] as [&str; 0]);
    // It is gone for good: the next end, of a connection without a will, sends none.
    w.cut(back);
    w.pass(secs(1000));
    assert_eq!(w.take(watcher), [] as [&str; 0]);
}

#[test]
fn nothing_is_left_when_all_have_gone() {
    let mut w = World::new(Config::default());
    for n in 0..20 {
        let name = format!("c{n}");
        let mut connect = keeping(&name, n * 3);
        connect.keep_alive_s = 100;
        let id = w.connect(&connect);
        w.subscribe(id, &format!("a/{n}/+"), Qos::AtLeastOnce);
        w.cut(id);
    }
    w.pass(secs(60));
    let c = w.broker.counters();
    assert_eq!((c.sessions, c.subscriptions, c.connections), (0, 0, 0));
    assert_eq!(w.deadline, None, "no timer is left");
}

/// [MQTT-4.3.3-7]
#[test]
fn a_message_that_was_sent_is_sent_again_though_it_has_expired_since() {
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let mut w = World::new(Config::default());
        let id = w.connect(&keeping("c", 600));
        w.subscribe(id, "a", qos);
        w.take(id);
        let publisher = w.client("p");
        w.publish(publisher, &message("a", "x", qos).with_expiry(5));
        let level = qos.level();
        assert_eq!(w.take(id), [format!("a=x q{level} expires 5")]);
        w.pass(secs(10));
        w.cut(id);
        let again = w.open(Version::V5);
        w.send(again, &Packet::Connect(Box::new(keeping("c", 600))));
        assert_eq!(w.take(again), ["Connack 00 present".to_owned(), format!("a=x q{level} dup expires 1")]);
    }
}

/// [MQTT-4.3.3-13]
#[test]
fn a_handshake_goes_on_though_its_message_has_expired() {
    let mut w = World::new(Config::default());
    let (publisher, id) = (w.client("p"), w.client("c"));
    w.subscribe(id, "a", Qos::ExactlyOnce);
    w.take(id);
    w.publish(publisher, &message("a", "x", Qos::ExactlyOnce).with_expiry(5));
    assert_eq!(
        (w.take(publisher), w.take(id)),
        (vec!["PUBREC".to_owned()], vec!["a=x q2 expires 5".to_owned()])
    );
    w.pass(secs(10));
    let step = |n| Ack::new(PacketId::new(n).unwrap(), ReasonCode::Success);
    w.send(publisher, &Packet::Pubrel(step(7)));
    assert_eq!(w.take(publisher), ["PUBCOMP"]);
    w.send(id, &Packet::Pubrec(step(1)));
    assert_eq!(w.take(id), ["PUBREL"]);
}

/// [MQTT-4.1.0-1], [MQTT3-4.1.0-2]
#[test]
fn a_session_lasts_as_long_as_its_connection_whatever_its_expiry() {
    for version in [Version::V5, Version::V3_1_1] {
        let mut w = World::new(Config::default());
        let id = w.connect(&Connect::new(version, "c"));
        w.subscribe(id, "a", Qos::AtLeastOnce);
        w.take(id);
        w.pass(secs(365 * 24 * 3600));
        let publisher = w.client("p");
        w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
        assert_eq!(w.take(id), ["a=x q1"], "{}", version.name());
    }
}

/// [MQTT-4.1.0-1], [MQTT3-4.1.0-2]
#[test]
fn what_was_left_of_a_session_does_not_run_out_while_its_client_is_back() {
    for version in [Version::V5, Version::V3_1_1] {
        let mut w = World::new(Config { max_session_expiry_s: 60, ..Config::default() });
        let connect = Connect { version, ..keeping("c", 60) };
        let id = w.connect(&connect);
        w.subscribe(id, "a", Qos::AtLeastOnce);
        w.cut(id);
        w.pass(secs(30));
        let again = w.connect(&connect);
        w.pass(secs(3600));
        let publisher = w.client("p");
        w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
        assert_eq!(w.take(again), ["a=x q1"], "{}", version.name());
    }
}
