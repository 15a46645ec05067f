//! A Session that outlives its program: what is kept, what waits for the storage, and what another program makes of it.

use std::time::Duration;

use mqtt::client::{Client, Config, Event, Input, Offline, Outcome, SavedError};
use mqtt::packet::{Ack, Packet, SubscriptionAck, SubscriptionOptions};
use mqtt::{Delivery, Instant, Qos, ReasonCode, Version};

use crate::pair::{Pair, VERSIONS, durable, filter, id, message, publish};

/// When the first program began, since 1970 UTC.
const UNIX_MS: u64 = 1_700_000_000_000;

fn open(config: Config, saved: &[u8]) -> Pair {
    let version = config.version;
    let mut pair = Pair::of(Client::durable(config, UNIX_MS, saved).unwrap(), version);
    pair.client.start(pair.now);
    pair.drain();
    pair
}

/// A new Session that is connected, and kept as far as it got.
fn connected(version: Version) -> Pair {
    let mut pair = open(durable(version), &[]);
    store(&mut pair);
    pair.accept(false);
    store(&mut pair);
    assert_eq!(pair.client.unsaved(), None);
    pair.events();
    pair.packets();
    pair
}

/// The storage does all it was asked to; gives what it has then.
fn store(pair: &mut Pair) -> Vec<u8> {
    let mut last = Vec::new();
    while let Some(saved) = pair.stores.pop() {
        assert!(pair.stores.is_empty(), "one at a time");
        last = saved;
        pair.input(Input::Stored);
    }
    last
}

/// 3.1.1 has one flag for how a Session begins and for how it ends: one that is to last may not set it.
#[test]
fn a_new_durable_session_begins_clean_in_5_0_only() {
    for version in VERSIONS {
        let mut pair = open(Config { clean_start: true, ..durable(version) }, &[]);
        pair.open();
        let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
        assert_eq!(connect.clean_start, version.is_5());
    }
}

#[test]
fn a_message_of_qos_2_leaves_when_it_is_kept_and_one_of_qos_1_at_once() {
    for version in VERSIONS {
        let mut pair = connected(version);
        pair.publish(message("one", Qos::AtLeastOnce));
        assert_eq!(pair.publishes(), [("one".into(), Some(1), false)]);
        pair.publish(message("two", Qos::ExactlyOnce));
        pair.publish(message("none", Qos::AtMostOnce));
        assert_eq!(pair.publishes(), [], "what is behind it keeps its place");
        store(&mut pair);
        assert_eq!(pair.publishes(), [("two".into(), Some(2), false), ("none".into(), None, false)]);
    }
}

/// [MQTT-4.3.3-4], [MQTT-4.3.3-8], [MQTT-4.3.3-11] hold across programs only if each answer waits for the storage.
#[test]
fn each_step_of_a_qos_2_handshake_waits_for_the_storage() {
    let mut pair = connected(Version::V5);
    pair.publish(message("x", Qos::ExactlyOnce));
    store(&mut pair);
    pair.packets();
    pair.server(&Packet::Pubrec(Ack::new(id(1), ReasonCode::Success)));
    assert_eq!(pair.packets(), []);
    store(&mut pair);
    assert!(matches!(pair.packets()[..], [Packet::Pubrel(_)]));

    pair.server(&publish("y", Delivery::ExactlyOnce { packet_id: id(9), dup: false }));
    assert_eq!(pair.messages(), ["y"], "it is told at once");
    assert_eq!(pair.packets(), []);
    store(&mut pair);
    assert!(matches!(pair.packets()[..], [Packet::Pubrec(_)]));
    pair.server(&Packet::Pubrel(Ack::new(id(9), ReasonCode::Success)));
    assert_eq!(pair.packets(), []);
    store(&mut pair);
    assert!(matches!(pair.packets()[..], [Packet::Pubcomp(_)]));
}

#[test]
fn another_program_goes_on_with_the_identifier_the_flights_the_queue_and_the_subscriptions() {
    for version in VERSIONS {
        let mut pair = connected(version);
        let options = SubscriptionOptions::at(Qos::ExactlyOnce);
        pair.client.subscribe(pair.now, &[(filter("a/#"), options)], None);
        pair.drain();
        pair.server(&Packet::Suback(SubscriptionAck::new(id(1), vec![ReasonCode::GrantedQos2])));
        let sent = pair.publish(message("sent", Qos::ExactlyOnce));
        let released = pair.publish(message("released", Qos::ExactlyOnce));
        store(&mut pair);
        pair.server(&Packet::Pubrec(Ack::new(id(3), ReasonCode::Success)));
        assert!(pair.outcomes().iter().any(|(id, _)| *id == released));
        pair.server(&publish("y", Delivery::ExactlyOnce { packet_id: id(7), dup: false }));
        store(&mut pair);
        pair.cut();
        let waits = pair.publish(message("waits", Qos::AtLeastOnce));
        let kept = store(&mut pair);

        let mut pair =
            open(Config { client_id: "other".into(), clean_start: true, ..durable(version) }, &kept);
        let unfinished: Vec<_> = pair.client.unfinished().map(|(id, _)| id).collect();
        assert_eq!(unfinished, [sent, waits]);
        assert_eq!(pair.client.subscribed().map(|filter| filter.as_str()).collect::<Vec<_>>(), ["a/#"]);
        pair.open();
        store(&mut pair);
        let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
        assert_eq!((connect.client_id, connect.clean_start), ("c", false));
        pair.server(&Packet::Connack(Box::new(mqtt::packet::Connack {
            session_present: version != Version::V3_1,
            ..mqtt::packet::Connack::new(ReasonCode::Success)
        })));
        store(&mut pair);
        let packets = pair.packets();
        assert!(
            packets.iter().any(|packet| matches!(packet, Packet::Publish(p)
                if p.payload == b"sent" && p.delivery == Delivery::ExactlyOnce { packet_id: id(2), dup: true })),
            "{packets:?}"
        );
        assert!(packets.iter().any(|p| *p == Packet::Pubrel(Ack::new(id(3), ReasonCode::Success))));
        assert!(
            packets.iter().any(|p| matches!(p, Packet::Subscribe(s) if s.filters[0].0.as_str() == "a/#"))
        );
        assert!(packets.iter().any(|p| matches!(p, Packet::Publish(p) if p.payload == b"waits")));
        pair.events();
        pair.server(&publish("y", Delivery::ExactlyOnce { packet_id: id(7), dup: true }));
        assert_eq!(pair.messages(), [""; 0], "it was told before [MQTT-4.3.3-10]");
        let next = pair.publish(message("next", Qos::AtLeastOnce));
        assert!(next > waits, "no name is given twice");
    }
}

#[test]
fn a_server_that_has_lost_the_session_makes_doubts_that_are_named() {
    let mut pair = connected(Version::V5);
    let two = pair.publish(message("two", Qos::ExactlyOnce));
    pair.publish(message("one", Qos::AtLeastOnce));
    let kept = store(&mut pair);
    let mut pair = open(durable(Version::V5), &kept);
    store(&mut pair);
    pair.accept(false);
    store(&mut pair);
    let events = pair.events();
    let doubt = Event::InDoubt { id: two, message: Box::new(message("two", Qos::ExactlyOnce)) };
    assert!(events.contains(&doubt), "{events:?}");
    assert!(events.contains(&Event::Published { id: two, outcome: Outcome::SessionLost }));
    assert_eq!(pair.publishes(), [("one".into(), Some(3), false)], "QoS 1 is published anew");
}

#[test]
fn deadlines_and_expiries_go_on_while_no_program_runs() {
    let mut pair = open(durable(Version::V5), &[]);
    let now = pair.now;
    let late = pair
        .publish_with(message("late", Qos::AtLeastOnce), Offline::WaitUntil(now + Duration::from_secs(5)));
    let old = pair.publish(message("old", Qos::AtLeastOnce).with_expiry(5));
    let young = pair.publish(message("young", Qos::AtLeastOnce).with_expiry(60));
    let kept = pair.client.unsaved().unwrap();
    // Another program, ten seconds after: its own clock begins anew.
    let began = UNIX_MS + now.as_millis() + 10_000;
    let mut pair = Pair::of(Client::durable(durable(Version::V5), began, &kept).unwrap(), Version::V5);
    pair.now = Instant::START;
    pair.client.start(pair.now);
    pair.drain();
    pair.pass_s(1);
    assert_eq!(pair.outcomes(), [(late, Outcome::Expired), (old, Outcome::Expired)]);
    store(&mut pair);
    pair.accept(false);
    store(&mut pair);
    let packets = pair.packets();
    let Some(Packet::Publish(publish)) = packets.first() else { panic!("{packets:?}") };
    assert_eq!((publish.payload, publish.properties.message_expiry_s), (&b"young"[..], Some(49)));
    assert_eq!(pair.client.unfinished().map(|(id, _)| id).collect::<Vec<_>>(), [young]);
}

#[test]
fn a_storage_that_fails_is_told_and_holds_nothing_up() {
    let mut pair = connected(Version::V5);
    pair.publish(message("x", Qos::ExactlyOnce));
    pair.publish(message("y", Qos::ExactlyOnce));
    pair.input(Input::NotStored { why: "full".into() });
    assert_eq!(pair.publishes(), [("x".into(), Some(1), false), ("y".into(), Some(2), false)]);
    assert_eq!(pair.events(), [Event::NotStored { why: "full".into() }]);
    assert!(!pair.client.is_durable());
    pair.stores.clear();
    pair.publish(message("z", Qos::ExactlyOnce));
    assert_eq!(pair.publishes().len(), 1);
    assert!(pair.stores.is_empty());
}

#[test]
fn a_goodbye_does_not_wait_and_says_nothing_that_is_not_kept() {
    let mut pair = connected(Version::V5);
    pair.publish(message("x", Qos::ExactlyOnce));
    pair.client.stop(pair.now, ReasonCode::Success);
    pair.drain();
    assert!(matches!(pair.packets()[..], [Packet::Disconnect(_)]));
    let kept = pair.client.unsaved().unwrap();
    let pair = open(durable(Version::V5), &kept);
    assert_eq!(pair.client.unfinished().count(), 1);
}

#[test]
fn an_unsubscribe_that_was_not_answered_is_asked_for_again() {
    let mut pair = connected(Version::V5);
    pair.client.subscribe(pair.now, &[(filter("a"), SubscriptionOptions::default())], None);
    pair.drain();
    pair.server(&Packet::Suback(SubscriptionAck::new(id(1), vec![ReasonCode::Success])));
    pair.client.unsubscribe(pair.now, &[filter("a")]);
    pair.drain();
    let kept = pair.client.unsaved().unwrap();
    let mut pair = open(durable(Version::V5), &kept);
    store(&mut pair);
    pair.accept(true);
    assert!(matches!(&pair.packets()[..], [Packet::Unsubscribe(u)] if u.filters[0].as_str() == "a"));
}

#[test]
fn a_message_is_taken_back_only_before_it_was_sent() {
    let mut pair = connected(Version::V5);
    let sent = pair.publish(message("x", Qos::AtLeastOnce));
    assert!(!pair.client.cancel(sent));
    pair.cut();
    pair.events();
    let waits = pair.publish(message("y", Qos::AtLeastOnce));
    assert!(pair.client.cancel(waits));
    pair.drain();
    assert_eq!(pair.outcomes(), [(waits, Outcome::Cancelled)]);
    assert!(!pair.client.cancel(waits), "once");
    let kept = pair.client.unsaved().unwrap();
    let pair = open(durable(Version::V5), &kept);
    assert_eq!(pair.client.unfinished().map(|(id, _)| id).collect::<Vec<_>>(), [sent]);
}

#[test]
fn what_is_no_saved_session_is_refused_and_never_breaks() {
    let mut pair = connected(Version::V5);
    pair.publish(message("x", Qos::ExactlyOnce).with_expiry(9));
    let kept = pair.client.unsaved().unwrap();
    assert!(matches!(Client::durable(durable(Version::V5), 0, &[9]), Err(SavedError::Form)));
    for length in 1..kept.len() {
        let _damaged_or_less = Client::durable(durable(Version::V5), 0, &kept[..length]);
    }
    for at in 0..kept.len() {
        for bit in 0..8 {
            let mut kept = kept.clone();
            kept[at] ^= 1 << bit;
            let _damaged_or_other = Client::durable(durable(Version::V5), 0, &kept);
        }
    }
}
