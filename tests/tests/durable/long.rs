//! Queues that are longer than what is held of them in memory.

use std::fs;
use std::os::unix::fs::FileExt as _;

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

/// Changes one letter wherever this text stands in the file, and says in how many places.
fn damage(file: &std::path::Path, text: &[u8]) -> usize {
    let bytes = fs::read(file).expect("the file of a running program");
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(text)).collect();
    let file = fs::OpenOptions::new().write(true).open(file).expect("the same file");
    for &at in &places {
        file.write_all_at(b"#", at as u64).expect("a file that can be written to");
    }
    places.len()
}

#[test]
fn a_message_that_is_damaged_below_a_running_broker_is_set_aside_and_the_rest_comes() {
    let bridge = Bridge::keeping("");
    leave_keeper(&bridge);
    publish(&bridge, 100_000..100_300);
    // So much is written after them that they are not held in memory any more.
    let mut publisher = plain(&bridge, "publisher");
    for n in 0..60 {
        let kept = publisher.retain(&format!("large/{n}"), &[b'x'; 900_000], Qos::AtLeastOnce);
        assert!(!kept.is_error(), "{kept:?}");
    }
    assert!(damage(&bridge.data().join("state.redb"), b"100200") > 0);

    let mut keeper = client(&bridge, &lasting("keeper"));
    let mut next =
        || -> usize { String::from_utf8_lossy(keeper.receive_payload()).parse().expect("a number") };
    for number in (100_000..100_300).filter(|&number| number != 100_200) {
        assert_eq!(next(), number);
    }
    bridge.process.stderr.expect(&["a stored record is damaged", "its checksum is wrong"]);
    bridge.process.stderr.expect(&["1 damaged records are set aside in", "damaged-", ".records"]);
    let entries = fs::read_dir(bridge.data()).expect("its folder").map(|entry| entry.expect("a file").path());
    let aside: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "records")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    let record = fs::read(&aside[0]).expect("the file that is named");
    assert!(record.windows(6).any(|bytes| bytes == b"#00200"), "{record:?}");
}
