//! Nobody waits for a subscriber that does not read, and what waits for it has a bound.

use std::time::Duration;

use mqtt::packet::Publish;
use mqtt::{Packet, Qos};
use tests::{Deadline, PATIENCE, delivery, message, now, on_all};

const PAYLOAD: usize = 16 << 10;
/// What kernel buffers, our output buffer (1 MiB) and the queue of one session (16 MiB) may hold, and a margin for the rest.
const BOUND_KIB: u64 = 48 << 10;

#[test]
fn a_reader_that_stops_delays_nobody_and_its_memory_is_bounded() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let mut reader = s.connect("reader");
        let mut stopped = s.connect("stopped");
        for level in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            reader.subscribe("a", level);
            stopped.subscribe("a", level);
            let before = s.bridge.process.resident_kib();
            let payload = vec![b'x'; PAYLOAD];
            let start = now();
            // 96 MiB in all, far more than every buffer on the way.
            for n in 0..6000_u16 {
                let id = publisher.new_id();
                let publish = Publish { delivery: delivery(level, id), ..message("a", &payload) };
                publisher.send(&Packet::Publish(publish));
                if level == Qos::AtLeastOnce {
                    publisher.ack("PUBACK", id);
                }
                assert_eq!(reader.receive_payload().len(), PAYLOAD, "message {n}");
            }
            assert!(start.elapsed() < PATIENCE * 3, "others were delayed: {:?}", start.elapsed());
            let grown = s.bridge.process.resident_kib().saturating_sub(before);
            assert!(grown < BOUND_KIB, "{grown} KiB for one slow reader at {level:?}");
        }
        // It is still a client: when it reads on, it gets what waited, in order, and its ping is answered.
        stopped.send(&Packet::Pingreq);
        let deadline = Deadline::after(PATIENCE);
        let mut received = 0;
        while let Some(packet) = stopped.next_until(deadline) {
            match packet {
                Packet::Publish(publish) => {
                    stopped.acknowledge(&publish);
                    received += 1;
                }
                Packet::Pingresp => break,
                other => panic!("unexpected {other:?}"),
            }
        }
        assert!(received > 0 && received < 12_000, "some waited, the rest was dropped: {received}");
        assert!(deadline.left().is_some_and(|left| left > Duration::ZERO), "its ping was answered");
    });
}
