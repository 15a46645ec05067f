//! Queues that are longer than what is held of them in memory.

use mqtt::packet::Publish;
use mqtt::{Packet, Qos, ReasonCode};
use tests::{Bridge, Client, delivery, message};

use crate::clients::{client, lasting, leave_keeper, plain};

const MANY: usize = 3000;
/// Messages that are sent before their acknowledgements are waited for.
const BATCH: usize = 100;

/// Publishes these numbers, and waits until they are acknowledged.
fn publish(bridge: &Bridge, numbers: std::ops::Range<usize>) {
    let mut publisher = plain(bridge, "publisher");
    let payloads: Vec<String> = numbers.map(|n| n.to_string()).collect();
    for payloads in payloads.chunks(BATCH) {
        let ids: Vec<_> = payloads.iter().map(|_| publisher.new_id()).collect();
        let mut packets = Vec::new();
        for (payload, &id) in payloads.iter().zip(&ids) {
            let delivery = delivery(Qos::AtLeastOnce, id);
            packets.push(Packet::Publish(Publish { delivery, ..message("kept", payload.as_bytes()) }));
        }
        publisher.send_all(&packets);
        for id in ids {
            assert_eq!(publisher.ack("PUBACK", id).reason, ReasonCode::Success);
        }
    }
}

/// Takes messages up to this number, which are in their order, and gives the number of the first.
fn take(keeper: &mut Client, until: usize) -> usize {
    let mut next =
        || -> usize { String::from_utf8_lossy(keeper.receive_payload()).parse().expect("a number") };
    let first = next();
    for number in first + 1..=until {
        assert_eq!(next(), number, "in the order they were published in");
    }
    first
}

#[test]
fn a_long_queue_survives_kills_while_it_grows_and_while_it_is_delivered() {
    let mut bridge = Bridge::keeping("[limits]\nmax_queued_messages = 10000\n");
    leave_keeper(&bridge);
    publish(&bridge, 0..MANY);
    bridge.kill();
    bridge.restart();
    publish(&bridge, MANY..2 * MANY);
    let mut keeper = client(&bridge, &lasting("keeper"));
    assert_eq!(take(&mut keeper, MANY / 2), 0);
    bridge.kill();
    bridge.restart();
    let mut keeper = client(&bridge, &lasting("keeper"));
    let first = take(&mut keeper, 2 * MANY - 1);
    assert!(first <= MANY / 2 + 1, "{first}: what was not acknowledged comes again, and nothing is left out");
    keeper.expect_nothing();
}
