//! Rules at every way in and out: also for what waits when a right is taken away (CVE-2018-12546, CVE-2021-34434, CVE-2026-33217).

use std::sync::Arc;

use mqtt::packet::ConnectWill;
use mqtt::{SessionExpiry, TopicName};

use super::*;
use crate::broker::{Access, Anonymous, Rule, Rules, Users};

fn rule(allows: bool, (publish, subscribe): (bool, bool), client_id: &str, topic: &str) -> Rule {
    Rule {
        allows,
        publish,
        subscribe,
        user: None,
        group: None,
        client_id: Some(client_id.into()),
        topics: vec![topic.parse().unwrap()],
        max_qos: Qos::ExactlyOnce,
        retain: true,
        line: 1,
    }
}

/// Everything for everyone but what `denied` say first.
fn rules(denied: &[(&str, &str, (bool, bool))]) -> Arc<Rules> {
    let deny = denied.iter().map(|&(client_id, topic, about)| rule(false, about, client_id, topic));
    let allow = [rule(true, (true, true), "*", "#"), rule(true, (false, true), "*", "$SYS/#")];
    Rules::new(deny.chain(allow).collect()).into()
}

const PUBLISH: (bool, bool) = (true, false);
const READ: (bool, bool) = (false, true);

fn world(denied: &[(&str, &str, (bool, bool))]) -> World {
    World::new(Config { rules: rules(denied), ..Config::default() })
}

impl World {
    fn change_rules(&mut self, denied: &[(&str, &str, (bool, bool))]) {
        let (anonymous, users) = (Anonymous::FromLoopback, Arc::new(Users::default()));
        self.handle(Input::Access(Access { anonymous, users, rules: rules(denied) }));
    }

    fn lasting(&mut self, client_id: &str) -> usize {
        let mut connect = Connect { clean_start: false, ..Connect::new(Version::V5, client_id) };
        connect.properties.session_expiry = SessionExpiry::from_secs(1000);
        let id = self.connect_only(&connect);
        assert!(self.wire[id].bytes.starts_with(&[0x20]), "a CONNACK");
        id
    }
}

#[test]
fn a_publication_without_a_right_reaches_nobody_and_its_publisher_is_told() {
    let mut w = world(&[("mallory", "a", PUBLISH)]);
    let (reader, mallory, alice) = (w.client("reader"), w.client("mallory"), w.client("alice"));
    w.subscribe(reader, "#", Qos::ExactlyOnce);
    w.take(reader);
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        w.publish(mallory, &message("a", "1", qos));
        w.publish(mallory, &message("a", "1", qos).with_retain(true));
    }
    assert_eq!(w.take(mallory), ["Puback 87", "Puback 87", "PUBREC", "PUBREC"]);
    assert_eq!(w.take(reader), [] as [&str; 0]);
    assert_eq!(w.broker.counters().publications_refused, 6);
    assert_eq!(w.broker.counters().retained, 0);
    w.publish(mallory, &message("b", "2", Qos::AtMostOnce));
    w.publish(alice, &message("a", "3", Qos::AtMostOnce));
    assert_eq!(w.take(reader), ["b=2 q0", "a=3 q0"]);
}

#[test]
fn a_message_reaches_none_who_may_not_read_it_and_the_others_as_they_may() {
    let mut w = world(&[("mallory", "secret", READ)]);
    let (mallory, alice) = (w.client("mallory"), w.client("alice"));
    for id in [mallory, alice] {
        w.subscribe(id, "#", Qos::AtMostOnce);
        w.take(id);
    }
    w.subscribe(mallory, "secret", Qos::AtMostOnce);
    assert_eq!(w.take(mallory), ["SUBACK [87]"]);
    w.subscribe(mallory, "$share/g/secret", Qos::AtMostOnce);
    assert_eq!(w.take(mallory), ["SUBACK [87]"]);
    w.publish(alice, &message("secret", "1", Qos::AtMostOnce));
    w.publish(alice, &message("open", "2", Qos::AtMostOnce));
    assert_eq!(w.take(mallory), ["open=2 q0"]);
    assert_eq!(w.take(alice), ["secret=1 q0", "open=2 q0"]);
}

#[test]
fn limits_of_what_is_allowed_hold_both_ways() {
    let limited = Rule { max_qos: Qos::AtLeastOnce, retain: false, ..rule(true, (true, true), "*", "#") };
    let mut w = World::new(Config { rules: Rules::new(vec![limited]).into(), ..Config::default() });
    let id = w.client("a");
    w.publish(id, &message("a", "1", Qos::AtLeastOnce).with_retain(true));
    w.publish(id, &message("a", "1", Qos::AtLeastOnce));
    assert_eq!(w.take(id), ["Puback 87", "Puback 10"]);
    w.publish(id, &message("a", "1", Qos::ExactlyOnce));
    assert_eq!(w.take(id).len(), 1);
    assert_eq!(w.broker.counters().publications_refused, 2);
    let reads = Rule { max_qos: Qos::AtMostOnce, retain: false, ..rule(true, READ, "*", "#") };
    let writes = rule(true, PUBLISH, "*", "#");
    let mut w = World::new(Config { rules: Rules::new(vec![reads, writes]).into(), ..Config::default() });
    let id = w.client("a");
    w.publish(id, &message("a", "kept", Qos::AtLeastOnce).with_retain(true));
    w.take(id);
    w.subscribe(id, "a", Qos::ExactlyOnce);
    assert_eq!(w.take(id), ["SUBACK"], "nothing that is retained");
    w.publish(id, &message("a", "1", Qos::AtLeastOnce));
    assert_eq!(w.take(id), ["a=1 q0", "Puback 00"]);
}

#[test]
fn what_is_retained_is_not_sent_to_who_may_not_read_it() {
    let mut w = world(&[("mallory", "secret", READ)]);
    let alice = w.client("alice");
    for topic in ["open", "secret"] {
        w.publish(alice, &message(topic, "1", Qos::AtMostOnce).with_retain(true));
    }
    let mallory = w.client("mallory");
    w.subscribe(mallory, "#", Qos::AtMostOnce);
    assert_eq!(w.take(mallory), ["SUBACK", "open=1 q0 retain"]);
}

#[test]
fn what_is_queued_is_not_sent_when_the_right_to_it_is_gone() {
    let mut w = world(&[]);
    let (alice, away) = (w.client("alice"), w.lasting("mallory"));
    w.subscribe(away, "#", Qos::AtLeastOnce);
    w.cut(away);
    w.publish(alice, &message("secret", "1", Qos::AtLeastOnce));
    w.publish(alice, &message("open", "2", Qos::AtLeastOnce));
    w.change_rules(&[("mallory", "secret", READ)]);
    let back = w.lasting("mallory");
    assert_eq!(w.take(back), ["Connack 00 present", "open=2 q1"]);
    assert_eq!(w.broker.counters().dropped_denied, 1);
}

#[test]
fn what_is_in_flight_is_not_sent_again_when_the_right_to_it_is_gone() {
    let mut w = world(&[]);
    let (alice, mallory) = (w.client("alice"), w.lasting("mallory"));
    w.subscribe(mallory, "#", Qos::ExactlyOnce);
    w.publish(alice, &message("secret", "1", Qos::AtLeastOnce));
    w.publish(alice, &message("open", "2", Qos::AtLeastOnce));
    assert_eq!(w.take(mallory), ["Connack 00", "SUBACK", "secret=1 q1", "open=2 q1"]);
    w.cut(mallory);
    w.change_rules(&[("mallory", "secret", READ)]);
    let back = w.lasting("mallory");
    assert_eq!(w.take(back), ["Connack 00 present", "open=2 q1 dup"]);
    assert_eq!(w.broker.counters().dropped_denied, 1);
}

#[test]
fn rights_that_are_taken_or_given_count_at_once() {
    let mut w = world(&[]);
    let (alice, mallory) = (w.client("alice"), w.client("mallory"));
    w.subscribe(mallory, "#", Qos::AtMostOnce);
    w.take(mallory);
    let say = |w: &mut World| {
        w.publish(alice, &message("secret", "1", Qos::AtMostOnce));
        w.take(mallory).len()
    };
    assert_eq!(say(&mut w), 1);
    w.change_rules(&[("mallory", "secret", READ)]);
    assert_eq!(say(&mut w), 0);
    w.change_rules(&[("alice", "secret", PUBLISH)]);
    assert_eq!(say(&mut w), 0);
    w.change_rules(&[]);
    assert_eq!(say(&mut w), 1);
}

#[test]
fn a_shared_subscription_goes_by_who_may_not_read() {
    let mut w = world(&[("mallory", "s/secret", READ)]);
    let (alice, mallory, bob) = (w.client("alice"), w.client("mallory"), w.client("bob"));
    for id in [mallory, bob] {
        w.subscribe(id, "$share/g/s/#", Qos::AtMostOnce);
        assert_eq!(w.take(id), ["SUBACK"]);
    }
    for n in 0..6 {
        w.publish(alice, &message(if n < 3 { "s/secret" } else { "s/open" }, "1", Qos::AtMostOnce));
    }
    let (hers, his) = (w.take(mallory), w.take(bob));
    assert!(hers.iter().all(|line| line == "s/open=1 q0") && !hers.is_empty(), "{hers:?}");
    assert_eq!((his.iter().filter(|line| *line == "s/secret=1 q0").count(), hers.len() + his.len()), (3, 6));
    w.cut(bob);
    w.publish(alice, &message("s/secret", "1", Qos::AtMostOnce));
    assert_eq!(w.take(mallory), [] as [&str; 0], "rather nobody");
}

#[test]
fn a_will_needs_a_right_when_it_is_left_and_when_it_is_sent() {
    let will = || {
        let topic = TopicName::new("status").unwrap();
        let (payload, properties) = (&b"gone"[..], Default::default());
        Some(ConnectWill { topic, payload, qos: Qos::AtMostOnce, retain: false, delay_s: 0, properties })
    };
    let mut w = world(&[("mallory", "status", PUBLISH)]);
    let reader = w.client("reader");
    w.subscribe(reader, "#", Qos::AtMostOnce);
    w.take(reader);
    let refused = w.connect_only(&Connect { will: will(), ..Connect::new(Version::V5, "mallory") });
    assert_eq!(w.take(refused), ["Connack 87"]);
    let without = w.connect(&Connect { will: will(), ..Connect::new(Version::V3_1_1, "mallory") });
    w.cut(without);
    assert_eq!(w.take(reader), [] as [&str; 0]);
    let alice = w.connect(&Connect { will: will(), ..Connect::new(Version::V5, "alice") });
    w.cut(alice);
    assert_eq!(w.take(reader), ["status=gone q0"]);
    let alice = w.connect(&Connect { will: will(), ..Connect::new(Version::V5, "alice") });
    w.change_rules(&[("alice", "status", PUBLISH)]);
    w.cut(alice);
    assert_eq!(w.take(reader), [] as [&str; 0]);
}

#[test]
fn what_the_server_tells_is_for_those_who_may_read_it() {
    let config = Config { rules: rules(&[("mallory", "$SYS/broker/version", READ)]), ..Config::default() };
    let mut w = World::with_sys(Config { sys_interval_s: 1, ..config });
    w.handle(Input::Tick);
    w.pass(secs(1));
    let (mallory, alice) = (w.client("mallory"), w.client("alice"));
    for id in [mallory, alice] {
        w.subscribe(id, "$SYS/broker/+", Qos::AtMostOnce);
        w.pass(secs(2));
    }
    let version = |lines: &[String]| lines.iter().filter(|line| line.contains("/version=")).count();
    let uptime = |lines: &[String]| lines.iter().any(|line| line.contains("/uptime="));
    let (hers, his) = (w.take(mallory), w.take(alice));
    assert_eq!((version(&hers), version(&his)), (0, 1));
    assert!(uptime(&hers) && uptime(&his), "also what changes");
}

/// A Session's place is used again, and so is its name.
#[test]
fn what_is_remembered_of_one_client_is_not_said_of_the_next() {
    let mut w = world(&[("mallory", "a", PUBLISH)]);
    for _ in 0..3 {
        for (client_id, answer) in [("alice", "Puback 10"), ("mallory", "Puback 87")] {
            let id = w.client(client_id);
            for _ in 0..2 {
                w.publish(id, &message("a", "1", Qos::AtLeastOnce));
                assert_eq!(w.take(id), [answer]);
            }
            w.send(id, &Packet::Disconnect(mqtt::packet::Disconnect::new(ReasonCode::Success)));
            w.cut(id);
        }
    }
}
