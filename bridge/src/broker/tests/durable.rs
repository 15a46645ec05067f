//! What a broker keeps, given to another one after some time.

use mqtt::packet::{ConnectWill, Disconnect, Unsubscribe};
use mqtt::{SessionExpiry, Will};

use super::*;
use crate::broker::change::{Change, Key};

fn kept() -> Config {
    Config { keeps_state: true, ..Config::default() }
}

/// A Client whose Session lasts for so many seconds.
fn lasting(client_id: &str, secs: u32) -> Connect<'_> {
    let mut connect = Connect::new(Version::V5, client_id);
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::from_secs(secs);
    connect
}

impl World {
    /// The power goes out, and comes back after a while.
    pub(super) fn restart(self, config: Config, after: Duration) -> Self {
        let mut next = Self::new(config);
        next.now = self.now + after;
        let mut restore = next.broker.restore(next.now);
        self.disk.puts().for_each(|change| restore.take(change));
        restore.finish();
        next.disk = self.disk;
        while let Output::Store(change) = next.broker.poll() {
            let mut rows = Rows::default();
            rows.apply(change);
            next.disk.absorb(&rows);
        }
        next.handle(Input::Tick);
        next
    }

    /// Connects a Client, and says what it is sent.
    fn come(&mut self, connect: &Connect<'_>) -> (usize, Vec<String>) {
        let id = self.open(connect.version);
        self.send(id, &Packet::Connect(Box::new(connect.clone())));
        (id, self.take(id))
    }

    fn ack(&mut self, id: usize, packet_id: u16, packet: fn(Ack<'static>) -> Packet<'static>) {
        self.send(id, &packet(Ack::new(PacketId::new(packet_id).unwrap(), ReasonCode::Success)));
    }

    fn messages_kept(&self) -> usize {
        self.disk.iter().filter(|(key, _)| matches!(key, Key::Message(_))).count()
    }
}

#[test]
fn what_no_session_must_keep_comes_out_as_no_change() {
    let mut w = World::new(kept());
    let sub = w.client("sub");
    w.subscribe(sub, "#", Qos::ExactlyOnce);
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        w.publish(sub, &message("a", "x", qos));
    }
    let lasting = w.connect(&lasting("lasting", 60));
    w.subscribe(lasting, "b", Qos::ExactlyOnce);
    w.take(lasting);
    w.changes = 0;
    w.publish(lasting, &message("b", "x", Qos::AtMostOnce));
    w.publish(lasting, &message("c", "x", Qos::AtLeastOnce));
    assert_eq!((w.changes, w.take_held(sub).len()), (0, 0));
}

#[test]
fn acknowledgements_wait_for_what_they_claim_and_deliveries_only_at_qos_2() {
    let mut w = World::new(kept());
    let sub = w.connect(&lasting("sub", 60));
    w.subscribe(sub, "a/#", Qos::ExactlyOnce);
    assert_eq!(w.take_held(sub), ["SUBACK"]);
    let publisher = w.client("pub");
    w.publish(publisher, &message("a/1", "x", Qos::AtLeastOnce));
    assert_eq!(w.take_held(publisher).len(), 1, "PUBACK");
    assert_eq!(w.take_held(sub).len(), 0, "QoS 1 may be sent twice");
    w.publish(publisher, &message("a/2", "x", Qos::ExactlyOnce));
    assert_eq!(w.take_held(publisher).len(), 1, "PUBREC");
    assert_eq!(w.take_held(sub).len(), 1, "QoS 2 may not");
    w.ack(sub, 2, Packet::Pubrec);
    assert_eq!(w.take_held(sub).len(), 1, "PUBREL");
    w.publish(publisher, &message("b", "x", Qos::AtLeastOnce).with_retain(true));
    assert_eq!(w.take_held(publisher).len(), 1, "PUBACK of what is retained");
    w.publish(publisher, &message("b", "", Qos::AtLeastOnce).with_retain(true));
    assert_eq!(w.take_held(publisher).len(), 1, "PUBACK of what is cleared");
    w.cut(sub);
    let again = w.open(Version::V5);
    w.send(again, &Packet::Connect(Box::new(lasting("sub", 60))));
    assert_eq!(w.take_held(again), ["Connack 00 present"]);
    for _ in 0..2 {
        let anew = w.connect_only(&Connect::new(Version::V5, "sub"));
        assert_eq!(w.take_held(anew), ["Connack 00"], "the end of the old session may not be durable yet");
    }
}

#[test]
fn a_session_goes_on_where_it_was() {
    let mut w = World::new(kept());
    let mut connect = lasting("sub", 60);
    connect.properties.receive_maximum = Some(2);
    let sub = w.connect(&connect);
    w.subscribe(sub, "a", Qos::ExactlyOnce);
    let publisher = w.client("pub");
    for (payload, qos) in [("1", Qos::AtLeastOnce), ("2", Qos::ExactlyOnce), ("3", Qos::AtLeastOnce)] {
        w.publish(publisher, &message("a", payload, qos));
    }
    w.take(sub);
    w.ack(sub, 2, Packet::Pubrec);
    assert_eq!(w.messages_kept(), 2, "what is the receiver's is nobody's here");
    let mut w = w.restart(kept(), secs(5));
    let (sub, got) = w.come(&connect);
    assert_eq!(got, ["Connack 00 present", "a=1 q1 dup", "PUBREL"]);
    w.puback(sub, 1);
    w.ack(sub, 2, Packet::Pubcomp);
    assert_eq!(w.take(sub).len(), 1, "the third, which had to wait");
    w.puback(sub, 3);
    assert_eq!(w.messages_kept(), 0);
    let publisher = w.client("pub");
    w.publish(publisher, &message("a", "4", Qos::AtLeastOnce));
    assert_eq!(w.take(sub).len(), 1, "the subscription is there");
}

#[test]
fn a_message_of_qos_2_is_taken_once_though_its_publisher_repeats_it() {
    let mut w = World::new(kept());
    let sub = w.connect(&lasting("sub", 60));
    w.subscribe(sub, "a", Qos::AtLeastOnce);
    let publisher = w.connect(&lasting("pub", 60));
    w.publish(publisher, &message("a", "x", Qos::ExactlyOnce));
    let mut w = w.restart(kept(), secs(1));
    let (publisher, _) = w.come(&lasting("pub", 60));
    w.publish(publisher, &message("a", "x", Qos::ExactlyOnce));
    assert_eq!(w.messages_kept(), 1);
    w.take(publisher);
    w.ack(publisher, 7, Packet::Pubrel);
    assert_eq!(w.take_held(publisher).len(), 1, "before the identifier is used again");
    w.publish(publisher, &message("a", "y", Qos::ExactlyOnce));
    assert_eq!(w.messages_kept(), 2);
}

#[test]
fn what_passed_meanwhile_is_over_and_wills_fall_due() {
    for (away, sessions, wills) in [(5, 3, 0), (30, 3, 1), (61, 1, 1)] {
        let mut w = World::new(kept());
        let watcher = w.connect(&lasting("watcher", 10_000));
        w.subscribe(watcher, "will", Qos::AtLeastOnce);
        let mut with_will = lasting("lost", 60);
        let text = message("will", "lost", Qos::AtLeastOnce);
        let will = Will { message: text, delay_s: 20 };
        with_will.will = Some(ConnectWill::of(&will));
        let lost = w.connect(&with_will);
        let gone = w.connect(&lasting("gone", 60));
        let value = message("value", "x", Qos::AtMostOnce).with_retain(true).with_expiry(40);
        w.publish(gone, &value);
        for id in [lost, gone, watcher] {
            w.cut(id);
        }
        let w = w.restart(kept(), secs(away));
        assert_eq!(w.broker.counters().sessions, sessions, "after {away} s");
        assert_eq!(w.messages_kept(), wills, "after {away} s");
        assert_eq!(w.broker.counters().retained, u64::from(away < 40), "after {away} s");
    }
}

#[test]
fn the_will_of_a_client_that_was_there_when_the_power_went_out_is_sent() {
    for (comes_back, wills) in [(false, 1), (true, 0)] {
        let mut w = World::new(kept());
        let watcher = w.connect(&lasting("watcher", 10_000));
        w.subscribe(watcher, "will", Qos::AtLeastOnce);
        let will = Will { message: message("will", "lost", Qos::AtLeastOnce), delay_s: 20 };
        let mut connect = lasting("lost", 60);
        connect.will = Some(ConnectWill::of(&will));
        w.connect(&connect);
        let mut w = w.restart(kept(), secs(5));
        w.pass(secs(19));
        assert_eq!(w.messages_kept(), 0);
        if comes_back {
            w.come(&connect);
        }
        w.pass(secs(2));
        assert_eq!(w.messages_kept(), wills);
    }
}

/// One whose Session ends with its connection, and that has a will.
fn lone<'a>(client_id: &'a str, will: &'a Will) -> Connect<'a> {
    let mut connect = Connect::new(Version::V3_1_1, client_id);
    connect.will = Some(ConnectWill::of(will));
    connect
}

fn lone_wills(w: &World) -> usize {
    w.disk.iter().filter(|(key, _)| matches!(key, Key::LoneWill(_))).count()
}

#[test]
fn a_will_is_kept_as_long_as_the_session_that_ends_with_its_connection() {
    let will = Will { message: message("will", "lost", Qos::AtLeastOnce), delay_s: 0 };
    let mut w = World::new(kept());
    let watcher = w.client("watcher");
    w.subscribe(watcher, "will", Qos::AtLeastOnce);
    assert_eq!((w.changes, lone_wills(&w)), (0, 0), "nothing for a Client without a will");
    for is_lost in [false, true] {
        let device = w.connect_only(&lone("device", &will));
        w.take(device);
        assert_eq!(lone_wills(&w), 1);
        if is_lost {
            w.cut(device);
        } else {
            w.send(device, &Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
        }
        assert_eq!(lone_wills(&w), 0);
    }
    assert_eq!(w.take(watcher), ["SUBACK", "will=lost q1"], "of the one that was lost");
    let first = w.connect(&lone("device", &will));
    w.connect(&lone("device", &will));
    assert!(w.wire[first].is_closed);
    assert_eq!(lone_wills(&w), 1, "one has taken over from the other");
    w.handle(Input::Shutdown);
    assert_eq!(lone_wills(&w), 0, "a stop sends them");
}

#[test]
fn a_will_is_sent_when_the_process_ends_before_the_session_that_ends_with_its_connection() {
    let text = message("status", "offline", Qos::AtLeastOnce).with_retain(true);
    let will = Will { message: text, delay_s: 20 };
    let mut w = World::new(kept());
    let watcher = w.connect(&lasting("watcher", 10_000));
    w.subscribe(watcher, "status", Qos::AtLeastOnce);
    let device = w.connect(&lone("device", &will));
    w.publish(device, &message("status", "online", Qos::AtLeastOnce).with_retain(true));
    let mut w = w.restart(kept(), secs(1)); // its delay is no longer than its Session
    assert_eq!(lone_wills(&w), 0);
    assert_eq!(w.broker.counters().sessions, 1, "the watcher's");
    let (_, got) = w.come(&lasting("watcher", 10_000));
    assert_eq!(got, ["Connack 00 present", "status=online q1 dup", "status=offline q1"]);
    let reader = w.client("reader");
    w.subscribe(reader, "status", Qos::AtMostOnce);
    assert_eq!(w.take(reader).last().map(String::as_str), Some("status=offline q0 retain"));
    let w = w.restart(kept(), secs(1));
    assert_eq!(w.messages_kept(), 2, "it is sent once");
}

#[test]
fn who_comes_back_at_the_moment_of_the_restart_finds_its_will_sent_and_no_session() {
    let will = Will { message: message("status", "offline", Qos::AtLeastOnce), delay_s: 0 };
    let mut w = World::new(kept());
    let watcher = w.connect(&lasting("watcher", 10_000));
    w.subscribe(watcher, "status", Qos::AtLeastOnce);
    w.connect(&lone("device", &will));
    let mut next = World::new(kept());
    next.now = w.now;
    let mut restore = next.broker.restore(next.now);
    w.disk.puts().for_each(|change| restore.take(change));
    restore.finish();
    next.disk = w.disk;
    next.take_outputs();
    let mut connect = lone("device", &will);
    connect.clean_start = false;
    let (_, got) = next.come(&connect);
    assert_eq!(got, ["Connack 00"]);
    assert_eq!((next.messages_kept(), lone_wills(&next)), (1, 1), "the old one is sent, the new one kept");
}

#[test]
fn several_copies_retained_messages_and_shares_are_kept_each() {
    let each = Config { overlapping: Overlapping::Each, ..kept() };
    let mut w = World::new(each.clone());
    let publisher = w.client("pub");
    w.publish(publisher, &message("old", "x", Qos::AtLeastOnce).with_retain(true));
    let mut connect = lasting("sub", 60);
    connect.properties.receive_maximum = Some(1);
    let sub = w.connect(&connect);
    w.subscribe(sub, "old", Qos::AtLeastOnce);
    w.subscribe(sub, "a/+", Qos::AtLeastOnce);
    w.subscribe(sub, "a/#", Qos::AtLeastOnce);
    w.subscribe(sub, "$share/g/b", Qos::AtLeastOnce);
    w.publish(publisher, &message("a/1", "x", Qos::AtLeastOnce));
    w.publish(publisher, &message("b", "x", Qos::AtLeastOnce));
    let mut w = w.restart(each, secs(1));
    connect.properties.receive_maximum = None;
    let (sub, got) = w.come(&connect);
    assert_eq!(got.len(), 1 + 4, "one that was retained, two copies, one of the share: {got:?}");
    let publisher = w.client("pub");
    w.publish(publisher, &message("b", "y", Qos::AtLeastOnce));
    assert_eq!(w.take(sub).len(), 1, "the share is there");
}

fn replays_kept(w: &World) -> usize {
    w.disk.iter().filter(|(key, _)| matches!(key, Key::Replay(..))).count()
}

/// As many retained messages, and a Client that takes one at a time and has subscribed to all.
fn slow_reader(values: usize, qos: Qos) -> (World, usize, Connect<'static>) {
    let mut w = World::new(kept());
    let publisher = w.client("pub");
    for n in 1..=values {
        w.publish(publisher, &message(&format!("a/{n}"), "x", Qos::ExactlyOnce).with_retain(true));
        w.ack(publisher, 7, Packet::Pubrel);
    }
    let mut connect = lasting("sub", 60);
    connect.properties.receive_maximum = Some(1);
    let sub = w.connect(&connect);
    w.subscribe(sub, "a/+", qos);
    (w, sub, connect)
}

#[test]
fn retained_messages_that_a_subscription_still_owes_come_after_a_restart() {
    let (mut w, sub, connect) = slow_reader(4, Qos::AtLeastOnce);
    assert_eq!(w.take_held(sub), ["SUBACK"], "it promises them");
    assert_eq!(replays_kept(&w), 1);
    w.puback(sub, 1);
    let mut w = w.restart(kept(), secs(1));
    let (sub, got) = w.come(&connect);
    assert_eq!(got, ["Connack 00 present", "a/2=x q1 dup retain"], "from where it was");
    let publisher = w.client("pub");
    w.publish(publisher, &message("a/3", "later", Qos::AtLeastOnce).with_retain(true));
    w.puback(sub, 2);
    assert_eq!(w.take(sub), ["a/3=later q1"], "what is new waits in the queue, which is first");
    for (id, next) in [(3, "a/3=later q1 retain"), (4, "a/4=x q1 retain")] {
        w.puback(sub, id);
        assert_eq!(w.take(sub), [next]);
    }
    w.puback(sub, 5);
    assert_eq!((w.take(sub).len(), replays_kept(&w)), (0, 0));
}

#[test]
fn retained_messages_of_qos_2_come_once_though_each_is_followed_by_a_restart() {
    let (mut w, mut sub, connect) = slow_reader(3, Qos::ExactlyOnce);
    assert_eq!(w.take_held(sub), ["SUBACK", "a/1=x q2 retain"]);
    for (id, next) in [(1, "a/2=x q2 retain"), (2, "a/3=x q2 retain"), (3, "")] {
        w.ack(sub, id, Packet::Pubrec);
        w = w.restart(kept(), secs(1));
        let (again, got) = w.come(&connect);
        assert_eq!(got, ["Connack 00 present", "PUBREL"]);
        sub = again;
        w.ack(sub, id, Packet::Pubcomp);
        assert_eq!(w.take(sub).concat(), next);
    }
    assert_eq!((w.messages_kept(), replays_kept(&w)), (0, 0));
}

#[test]
fn a_replay_is_kept_only_while_somebody_wants_it_and_cannot_have_it_at_once() {
    let (mut w, sub, _) = slow_reader(2, Qos::AtLeastOnce);
    assert_eq!(replays_kept(&w), 1);
    w.subscribe(sub, "a/+", Qos::AtMostOnce);
    assert_eq!(replays_kept(&w), 0, "what is sent at most once may be lost");
    w.puback(sub, 1);
    w.subscribe(sub, "a/1", Qos::AtLeastOnce);
    assert_eq!(replays_kept(&w), 0, "all of it is on its way");
    w.subscribe(sub, "a/#", Qos::AtLeastOnce);
    assert_eq!(replays_kept(&w), 1);
    let filters = vec![TopicFilter::new("a/#").unwrap()];
    let packet_id = PacketId::new(9).unwrap();
    w.send(sub, &Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties: vec![] }));
    assert_eq!(replays_kept(&w), 0);
    w.subscribe(sub, "a/#", Qos::AtLeastOnce);
    assert_eq!(replays_kept(&w), 1);
    w.come(&Connect::new(Version::V5, "sub"));
    assert_eq!(replays_kept(&w), 0, "it goes with its session");
}

#[test]
fn a_session_that_ends_leaves_nothing() {
    let mut w = World::new(kept());
    let sub = w.connect(&lasting("sub", 60));
    w.subscribe(sub, "a", Qos::ExactlyOnce);
    w.cut(sub);
    let publisher = w.client("pub");
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        w.publish(publisher, &message("a", "x", qos));
    }
    assert_eq!(w.messages_kept(), 2);
    let (_, got) = w.come(&Connect::new(Version::V5, "sub"));
    assert_eq!(got, ["Connack 00"]);
    assert_eq!(w.disk.iter().count(), 0, "{:?}", w.disk);
}

#[test]
fn nobody_gets_what_a_session_owed_that_has_ended() {
    let mut w = World::new(kept());
    for name in ["first", "second"] {
        let sub = w.connect(&lasting(name, 600));
        w.subscribe(sub, "a", Qos::AtLeastOnce);
        w.cut(sub);
    }
    let publisher = w.client("pub");
    w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
    w.come(&Connect::new(Version::V5, "second"));
    assert_eq!(w.messages_kept(), 1, "the first still owes it");
    let mut w = w.restart(kept(), secs(1));
    let other = w.connect(&lasting("other", 600));
    w.cut(other);
    let mut w = w.restart(kept(), secs(1));
    let (_, got) = w.come(&lasting("other", 600));
    assert_eq!(got, ["Connack 00 present"]);
}

#[test]
fn what_a_restart_has_begun_to_count_goes_on_over_the_next() {
    let mut w = World::new(kept());
    let watcher = w.connect(&lasting("watcher", 10_000));
    w.subscribe(watcher, "will", Qos::AtLeastOnce);
    let will = Will { message: message("will", "lost", Qos::AtLeastOnce), delay_s: 20 };
    let mut connect = lasting("lost", 60);
    connect.will = Some(ConnectWill::of(&will));
    w.connect(&connect);
    let mut w = w.restart(kept(), secs(5)).restart(kept(), secs(15));
    w.pass(secs(6));
    assert_eq!(w.messages_kept(), 1, "the will is sent 20 s after the first");
    let w = w.restart(kept(), secs(40));
    assert_eq!(w.broker.counters().sessions, 1, "and the session ends 60 s after it");
}

#[test]
fn rows_that_refer_to_nothing_are_let_go() {
    let mut w = World::new(kept());
    let mut restore = w.broker.restore(w.now);
    let packet_id = PacketId::new(1).unwrap();
    restore.take(Change::Received { session: 9, packet_id });
    restore.take(Change::Position { session: 9, next: 4 });
    let stored = Arc::new(crate::broker::Stored::new(message("a", "x", Qos::AtLeastOnce), None));
    restore.take(Change::Message { number: 3, message: stored, owers: [].into() });
    restore.finish();
    assert!(matches!(w.broker.poll(), Output::Store(Change::MessageGone { number: 3 })));
    assert!(matches!(w.broker.poll(), Output::Wait(_)));
}

#[test]
fn a_full_disk_refuses_what_must_be_kept_and_nothing_else() {
    let mut w = World::new(kept());
    let sub = w.connect(&lasting("sub", 60));
    w.subscribe(sub, "a", Qos::AtLeastOnce);
    let publisher = w.client("pub");
    w.handle(Input::Storage { is_full: true });
    w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
    assert_eq!(w.take(publisher), ["Puback 97"]);
    w.publish(publisher, &message("b", "x", Qos::AtLeastOnce));
    w.publish(publisher, &message("a", "x", Qos::AtMostOnce));
    let old = w.connect(&Connect::new(Version::V3_1_1, "old"));
    w.publish(old, &message("a", "x", Qos::AtLeastOnce));
    assert!(w.wire[old].is_closed, "3.1.1 has no word for it");
    w.handle(Input::Storage { is_full: false });
    w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
    assert_eq!(w.messages_kept(), 1);
}

#[test]
fn what_a_member_of_a_share_left_goes_to_another_after_a_restart_too() {
    let mut w = World::new(kept());
    let publisher = w.client("pub");
    let mut first = lasting("first", 60);
    first.properties.receive_maximum = Some(1);
    let sub = w.connect(&first);
    w.subscribe(sub, "$share/g/a/+", Qos::ExactlyOnce);
    w.subscribe(sub, "own", Qos::AtLeastOnce);
    w.take(sub);
    w.publish(publisher, &message("a/1", "sent", Qos::AtLeastOnce));
    w.publish(publisher, &message("a/1", "waits", Qos::ExactlyOnce));
    w.publish(publisher, &message("own", "x", Qos::AtLeastOnce));
    assert_eq!(w.take(sub).len(), 1, "one is in flight");
    let second = lasting("second", 600);
    let other = w.connect(&second);
    w.subscribe(other, "$share/g/a/+", Qos::ExactlyOnce);
    let mut w = w.restart(kept(), secs(1));
    let (other, got) = w.come(&second);
    assert_eq!(got.len(), 1, "the first may still come back: {got:?}");
    w.pass(secs(61));
    assert_eq!(w.take(other), ["a/1=sent q1", "a/1=waits q2"], "not what was its own");
    assert_eq!(w.messages_kept(), 2);
    let mut w = w.restart(kept(), secs(1));
    let (_, got) = w.come(&second);
    assert_eq!(got.len(), 3, "they are the other's now: {got:?}");
}
