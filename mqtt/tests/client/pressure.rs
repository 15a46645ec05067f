//! What happens when the application or the transport cannot keep up.

use mqtt::client::{Event, Offline, Outcome, PublishError};
use mqtt::packet::Packet;
use mqtt::{Delivery, Qos, Version};

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
    let now = pair.now;
    let late = pair.publish_with(message("b", Qos::AtLeastOnce), Offline::WaitUntil(now));
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
