//! Messages that are put away, and fetched when their turn is near.

use mqtt::SessionExpiry;

use super::*;
use crate::broker::change::{Change, Key};

const MANY: u32 = 40;

fn kept() -> Config {
    Config { keeps_state: true, max_inflight: 4, ..Config::default() }
}

fn lasting(client_id: &str) -> Connect<'_> {
    let mut connect = Connect::new(Version::V5, client_id);
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::from_secs(600);
    connect
}

/// A Session with a queue of many, whose Client is away.
fn with_queue() -> World {
    let mut w = World::new(kept());
    let sub = w.connect(&lasting("sub"));
    w.subscribe(sub, "a", Qos::AtLeastOnce);
    w.cut(sub);
    let publisher = w.client("pub");
    for n in 0..MANY {
        w.publish(publisher, &message("a", &n.to_string(), Qos::AtLeastOnce));
    }
    w
}

impl World {
    /// The disk is fast for once.
    fn answer(&mut self) {
        for fetch in std::mem::take(&mut self.wanted) {
            let found = Found { messages: self.disk.find(fetch.numbers()), unstored: self.unstored.clone() };
            self.handle(Input::Fetched { fetch, found });
        }
    }

    /// Takes and acknowledges until nothing more comes, from the first identifier on.
    fn read_all(&mut self, id: usize) -> Vec<String> {
        let (mut got, mut last) = (Vec::new(), 0);
        loop {
            let packets = self.take(id);
            if packets.is_empty() && self.wanted.is_empty() {
                return got;
            }
            for packet in packets.into_iter().filter(|packet| packet != "Connack 00 present") {
                last += 1;
                got.push(packet);
                self.send(id, &Packet::Puback(Ack::new(PacketId::new(last).unwrap(), ReasonCode::Success)));
            }
            assert!(self.wanted.len() <= 1, "one fetch at a time");
            self.answer();
        }
    }

    /// Connects the Client again.
    fn sub_is_back(&mut self) -> usize {
        let sub = self.open(Version::V5);
        self.send(sub, &Packet::Connect(Box::new(lasting("sub"))));
        sub
    }

    fn messages_on_disk(&self) -> Vec<Key> {
        self.disk.iter().map(|(key, _)| key.clone()).filter(|key| matches!(key, Key::Message(_))).collect()
    }
}

/// What is delivered of these.
fn delivered(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("a={n} q1")).collect()
}

#[test]
fn a_long_queue_comes_back_whole_and_in_order() {
    for disk_is_slow in [false, true] {
        let mut w = with_queue();
        w.disk_is_slow = disk_is_slow;
        let sub = w.sub_is_back();
        assert_eq!(w.wanted.len(), usize::from(disk_is_slow));
        let publisher = w.client("late");
        w.publish(publisher, &message("a", &MANY.to_string(), Qos::AtLeastOnce));
        assert_eq!(w.read_all(sub), delivered(0..=MANY));
        assert_eq!(w.messages_on_disk(), []);
        assert_eq!(w.broker.counters().dropped(), 0);
    }
}

#[test]
fn a_queue_from_before_the_start_is_fetched_too() {
    let mut w = with_queue();
    w.disk_is_slow = true;
    w.sub_is_back();
    let mut w = w.restart(kept(), secs(1));
    let sub = w.sub_is_back();
    let got: Vec<_> = w.read_all(sub).into_iter().map(|packet| packet.replace(" dup", "")).collect();
    assert_eq!(got, delivered(0..MANY));
    assert_eq!(w.messages_on_disk(), []);
}

#[test]
fn what_expires_while_it_is_put_away_or_fetched_is_not_sent() {
    let mut w = World::new(Config { max_queued_messages: 6, ..kept() });
    let sub = w.connect(&lasting("sub"));
    w.subscribe(sub, "a", Qos::AtLeastOnce);
    w.cut(sub);
    let publisher = w.client("pub");
    for n in 0..6 {
        let mut message = message("a", &n.to_string(), Qos::AtLeastOnce);
        if n % 2 == 1 {
            message = message.with_expiry(10);
        }
        w.publish(publisher, &message);
    }
    w.disk_is_slow = true;
    let sub = w.sub_is_back();
    assert_eq!(w.wanted.len(), 1);
    w.pass(secs(11));
    for n in 6..8 {
        w.publish(publisher, &message("a", &n.to_string(), Qos::AtLeastOnce)); // what has expired makes room
    }
    let got: Vec<_> = w.read_all(sub).into_iter().filter(|packet| !packet.contains("expires")).collect();
    assert_eq!(got, delivered([0, 2, 4, 6, 7]));
    assert_eq!(w.messages_on_disk(), []);
}

#[test]
fn a_fetch_that_is_under_way_serves_the_connection_that_takes_over() {
    let mut w = with_queue();
    w.disk_is_slow = true;
    let first = w.sub_is_back();
    assert_eq!(w.take(first).len(), 3, "CONNACK and the head");
    let second = w.sub_is_back();
    assert!(w.wire[first].is_closed);
    assert_eq!(w.wanted.len(), 1, "nothing is fetched twice");
    let got: Vec<_> = w.read_all(second).into_iter().map(|packet| packet.replace(" dup", "")).collect();
    assert_eq!(got, delivered(0..MANY));
}

#[test]
fn a_session_that_ends_leaves_nothing_and_ignores_what_was_fetched_for_it() {
    let mut w = with_queue();
    w.disk_is_slow = true;
    w.sub_is_back();
    let mut clean = lasting("sub");
    clean.clean_start = true;
    let sub = w.connect(&clean);
    assert_eq!(w.messages_on_disk(), []);
    w.answer();
    assert_eq!(w.take(sub), [""; 0]);
    assert_eq!(w.broker.counters().dropped(), 0);
}

#[test]
fn what_cannot_be_read_is_counted_and_the_rest_comes() {
    let mut w = with_queue();
    let mut damage = Rows::default();
    for number in [10, 11, 30] {
        damage.apply(Change::MessageGone { number });
    }
    w.disk.absorb(&damage);
    let sub = w.sub_is_back();
    assert_eq!(w.read_all(sub), delivered((0..MANY).filter(|n| ![9, 10, 29].contains(n))));
    assert_eq!(w.broker.counters().dropped_unreadable, 3);
    assert_eq!(w.messages_on_disk(), []);
}

#[test]
fn what_had_no_room_is_not_said_to_be_lost() {
    let mut w = with_queue();
    w.unstored = vec![10, 11, 30];
    let mut refused = Rows::default();
    for &number in &w.unstored {
        refused.apply(Change::MessageGone { number });
    }
    w.disk.absorb(&refused);
    let sub = w.sub_is_back();
    assert_eq!(w.read_all(sub), delivered((0..MANY).filter(|n| ![9, 10, 29].contains(n))));
    let counters = w.broker.counters();
    assert_eq!((counters.dropped_unstored, counters.dropped_unreadable), (3, 0));
    assert_eq!(w.messages_on_disk(), []);
}

#[test]
fn what_came_by_a_shared_subscription_stays_and_keeps_its_place() {
    let mut w = World::new(kept());
    let sub = w.connect(&lasting("sub"));
    w.subscribe(sub, "a", Qos::AtLeastOnce);
    w.subscribe(sub, "$share/g/b", Qos::AtLeastOnce);
    w.cut(sub);
    let publisher = w.client("pub");
    let topics = ["a", "a", "a", "b", "a", "a", "b", "b", "a", "a", "a", "a", "b"];
    for (n, topic) in topics.iter().enumerate() {
        w.publish(publisher, &message(topic, &n.to_string(), Qos::AtLeastOnce));
    }
    let sub = w.sub_is_back();
    let all: Vec<_> = topics.iter().enumerate().map(|(n, topic)| format!("{topic}={n} q1")).collect();
    assert_eq!(w.read_all(sub), all);
    assert_eq!(w.messages_on_disk(), []);
}
