//! What one packet of a Client may cost: work comes in slices, and what nobody gets takes no memory.

use super::*;

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
