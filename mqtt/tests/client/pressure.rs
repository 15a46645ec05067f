//! What happens when the application or the transport cannot keep up.

use mqtt::client::{Event, Offline, Outcome, PublishError};
use mqtt::packet::Packet;
use mqtt::{Delivery, Message, Qos, Version};

use crate::pair::{Pair, config, id, message, publish};

#[test]
fn while_shedding_qos_0_is_counted_and_the_rest_still_comes() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.client.set_shedding(true);
    pair.server(&publish("none", Delivery::AtMostOnce));
    pair.server(&publish("one", Delivery::AtLeastOnce { packet_id: id(1), dup: false }));
    pair.server(&publish("two", Delivery::ExactlyOnce { packet_id: id(2), dup: false }));
    assert_eq!(pair.messages(), ["one", "two"]);
    assert_eq!(pair.client.shed(), 1);
    pair.client.set_shedding(false);
    pair.server(&publish("none", Delivery::AtMostOnce));
    assert_eq!(pair.messages(), ["none"]);
    assert_eq!(pair.client.shed(), 1);
}

#[test]
fn a_congested_transport_gets_answers_but_no_messages_and_the_queue_has_its_bounds() {
    let mut pair = Pair::connected(mqtt::client::Config { max_queued_messages: 2, ..config(Version::V5) });
    pair.client.set_congested(pair.now, true);
    pair.publish(message("a", Qos::AtMostOnce));
    let late = pair.publish(message("b", Qos::AtLeastOnce).with_expiry(1));
    let full = pair.client.publish(pair.now, message("c", Qos::AtMostOnce));
    assert_eq!(full, Err(PublishError::QueueFull));
    pair.server(&publish("in", Delivery::AtLeastOnce { packet_id: id(1), dup: false }));
    assert!(matches!(pair.packets()[..], [Packet::Puback(_)]));
    pair.pass_s(1);
    assert!(pair.events().contains(&Event::Published { id: late, outcome: Outcome::Expired }));
    pair.client.set_congested(pair.now, false);
    pair.drain();
    assert_eq!(pair.publishes(), [("a".into(), None, false)]);
}

#[test]
fn what_has_a_deadline_overtakes_all_but_its_own_topic() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.client.set_congested(pair.now, true);
    let soon = Offline::WaitUntil(pair.now + std::time::Duration::from_secs(5));
    pair.publish(message("bulk", Qos::AtMostOnce));
    pair.publish_with(message("urgent", Qos::AtLeastOnce), soon);
    pair.publish(at("other", "bulk"));
    pair.publish_with(at("other", "in its order"), soon);
    pair.publish_with(at("third", "urgent too"), soon);
    // Those of `message` share a topic.
    assert_eq!(pair.publishes(), [("urgent too".into(), None, false)]);
    pair.client.set_congested(pair.now, false);
    pair.drain();
    let payloads: Vec<_> = pair.publishes().into_iter().map(|(payload, ..)| payload).collect();
    assert_eq!(payloads, ["bulk", "urgent", "bulk", "in its order"]);
}

#[test]
fn urgent_messages_have_a_bound_too() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.client.set_congested(pair.now, true);
    let soon = Offline::WaitUntil(pair.now + std::time::Duration::from_secs(5));
    for _ in 0..100 {
        pair.publish_with(at("t", &"x".repeat(1_000)), soon);
    }
    let left = pair.publishes().len();
    assert!((64..=66).contains(&left), "{left}");
    // To be told again that it is congested changes nothing; to be told that it was relieved does.
    pair.client.set_congested(pair.now, true);
    pair.drain();
    assert_eq!(pair.publishes().len(), 0);
    pair.client.set_congested(pair.now, false);
    pair.drain();
    assert_eq!(pair.publishes().len(), 100 - left);
}

#[test]
fn a_driver_that_measures_gets_messages_in_lots() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.client.set_congested(pair.now, true);
    for _ in 0..200 {
        pair.publish(at("t", &"x".repeat(1_000)));
    }
    pair.client.set_congested(pair.now, false);
    let mut lots = Vec::new();
    loop {
        match pair.client.poll() {
            mqtt::client::Output::Send(bytes) => {
                lots.push(bytes.len());
                pair.client.set_congested(pair.now, false);
            }
            mqtt::client::Output::Wait(_) => break,
            _ => {}
        }
    }
    assert!(lots.iter().all(|&bytes| bytes < 67_000) && lots.iter().sum::<usize>() > 200_000, "{lots:?}");
}

fn at(topic: &str, payload: &str) -> Message {
    Message::new(crate::pair::topic(topic), payload.to_owned())
}

/// Somebody else has the identifier now: the Session stays theirs.
#[test]
fn a_renamed_client_begins_a_session_of_its_own() {
    let mut pair = Pair::connected(crate::pair::durable(Version::V5));
    pair.client.rename("under way");
    assert_eq!(pair.client.client_id(), "c");
    pair.publish(message("two", Qos::ExactlyOnce));
    pair.client.stop(pair.now, mqtt::ReasonCode::Success);
    pair.drain();
    pair.client.rename("d");
    pair.client.start(pair.now);
    pair.drain();
    pair.open();
    let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
    assert_eq!((connect.client_id, connect.clean_start), ("d", true));
}
