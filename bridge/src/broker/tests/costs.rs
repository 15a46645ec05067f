//! What one packet of a Client may cost: work comes in slices, and what nobody gets takes no memory.

use mqtt::Will;
use mqtt::packet::ConnectWill;

use super::*;
use crate::broker::Notice;

/// A client that takes no larger packets.
fn small(client_id: &str, limit: u32) -> Connect<'_> {
    let mut connect = Connect::new(Version::V5, client_id);
    connect.properties.maximum_packet_size = Some(limit);
    connect
}

impl World {
    fn retain_each(&mut self, number: u32, payload: &str) {
        let publisher = self.client("p");
        for n in 0..number {
            let message = message(&format!("r/{n}"), payload, Qos::AtMostOnce).with_retain(true);
            self.publish(publisher, &message);
        }
    }
}

#[test]
fn retained_messages_that_are_too_large_for_a_client_are_passed_over_in_turns() {
    let mut w = World::new(Config::default());
    w.retain_each(5000, &"x".repeat(100));
    let id = w.connect(&small("c", 50));
    w.subscribe(id, "#", Qos::AtMostOnce);
    let at_once = w.broker.counters().dropped_too_large;
    assert!((1..=2500).contains(&at_once), "{at_once} in the turn of the SUBSCRIBE");
    w.pass(secs(1));
    assert_eq!(w.broker.counters().dropped_too_large, 5000);
    assert_eq!(w.take(id), ["SUBACK"]);
}

#[test]
fn refused_filters_of_one_packet_are_one_line_of_the_log() {
    let mut w = World::new(Config { max_subscriptions: 2, ..Config::default() });
    let id = w.client("c");
    let filters = ["a", "b", "c", "d", "e"].map(|filter| (TopicFilter::new(filter).unwrap(), options()));
    let (packet_id, user_properties) = (PacketId::new(1).unwrap(), vec![]);
    let subscribe = Subscribe { packet_id, filters: filters.into(), subscription_id: None, user_properties };
    let packet = Packet::Subscribe(subscribe);
    w.broker.handle(w.now, Input::Packet { connection: ConnectionId(id as u32), packet });
    let mut told = Vec::new();
    loop {
        match w.broker.poll() {
            Output::Notice(Notice::Refused { what, .. }) => told.push(what),
            Output::Wait(_) => break,
            _ => {}
        }
    }
    assert_eq!(told, ["subscribe to c and 2 more"]);
}

fn options() -> SubscriptionOptions {
    SubscriptionOptions::at(Qos::AtMostOnce)
}

#[test]
fn shared_subscriptions_of_one_client_have_a_bound_of_their_own() {
    let mut w = World::new(Config::default());
    let id = w.client("c");
    let filters: Vec<String> = (0..10_000).map(|n| format!("$share/g/{n}")).collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    w.subscribe_with(id, &filters, options(), None);
    assert_eq!(w.take(id), ["SUBACK"]);
    w.subscribe_with(id, &["$share/g/7", "$share/g/more", "other"], options(), None);
    assert_eq!(w.take(id), ["SUBACK [97]"], "what it has may be asked for again, and what is not shared");
}

#[test]
fn a_will_that_there_is_no_room_to_retain_is_counted_and_still_published() {
    let mut w = World::new(Config { max_retained_messages: 0, ..Config::default() });
    let watcher = w.client("w");
    w.subscribe(watcher, "a", Qos::AtMostOnce);
    w.take(watcher);
    let will = Will { message: message("a", "x", Qos::AtMostOnce).with_retain(true), delay_s: 0 };
    let id = w.connect(&Connect { will: Some(ConnectWill::of(&will)), ..Connect::new(Version::V5, "c") });
    w.cut(id);
    assert_eq!(w.take(watcher), ["a=x q0"]);
    assert_eq!(w.broker.counters().publications_refused, 1);
}
