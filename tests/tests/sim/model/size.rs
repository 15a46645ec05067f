//! What a Client takes no packet as large as (3.1.2.11.4): dropped for that Client alone, and counted once.

use std::collections::BTreeMap;

use bridge::broker::Counters;
use mqtt::packet::Publish;
use mqtt::{Delivery, Message, MessageProperties, PacketId, Qos, Version};

use super::session::{Debt, Replay, Session};
use super::{Kept, Letter, Model, filter};

/// Messages that are dropped because they are too large.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TooLarge {
    pub(super) certain: u64,
    /// They were too large, and whether something else ended them before nobody can tell.
    pub(super) perhaps: u64,
}

/// Bytes of a message in a packet of 5.0.
pub(super) fn size(
    letter: &Letter,
    qos: Qos,
    ids: &[u32],
    expires: bool,
    properties: &MessageProperties,
) -> usize {
    let properties = MessageProperties { message_expiry_s: expires.then_some(1), ..properties.clone() };
    let mut message = Message::new(letter.topic.parse().expect("a topic"), letter.payload.clone());
    message.properties = Some(Box::new(properties));
    let packet_id = PacketId::new(1).expect("not zero");
    let mut publish = Publish::of(
        &message,
        match qos {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce | Qos::ExactlyOnce => Delivery::AtLeastOnce { packet_id, dup: false },
        },
    );
    publish.properties.subscription_ids = ids.to_vec();
    let mut bytes = Vec::new();
    publish.encode(Version::V5, &mut bytes).expect("a packet that fits");
    bytes.len()
}

impl Session {
    pub(super) const fn is_too_large(&self, debt: &Debt) -> bool {
        debt.size > self.max_packet
    }

    /// Whether a retained message is more than the Client takes.
    pub(super) fn is_kept_too_large(&self, topic: &str, kept: &Kept, replay: &Replay) -> bool {
        let letter = Letter::new(topic, &kept.payload);
        let qos = replay.qos.min(kept.qos);
        let expires = kept.expires.is_some();
        size(&letter, qos, replay.id.as_slice(), expires, &kept.properties) > self.max_packet
    }

    /// Retained messages that its replays may find too large.
    pub(super) fn large_replays(&self, retained: &BTreeMap<String, Kept>) -> u64 {
        let of = |(filter, replay): (&String, &Replay)| {
            let matching = retained.iter().filter(|(topic, _)| filter::matches(filter, topic));
            matching.filter(|(topic, kept)| self.is_kept_too_large(topic, kept, replay)).count() as u64
        };
        self.replays.iter().map(of).sum()
    }

    /// The Client takes other packets from now on: what was too large until now may have had its turn.
    pub(super) fn pass_large_replays(&mut self, retained: &BTreeMap<String, Kept>) {
        let mut replays = std::mem::take(&mut self.replays);
        for replay in replays.values_mut() {
            let is_large = |topic: &String| {
                retained.get(topic).is_some_and(|kept| self.is_kept_too_large(topic, kept, replay))
            };
            let large: Vec<_> = replay.wanted.iter().filter(|topic| is_large(topic)).cloned().collect();
            large.iter().for_each(|topic| _ = replay.wanted.remove(topic));
        }
        self.replays = replays;
    }

    /// A crash came: nobody can tell any more what was dropped before.
    pub(super) fn doubt_too_large(&mut self) {
        let dropped = self.dropped.drain(..).map(|debt| Debt { may_be_gone: true, ..debt });
        self.debts.splice(..0, dropped);
        self.debts.iter_mut().for_each(|debt| debt.is_doubtful |= debt.may_be_gone);
    }

    /// What waits and is too large is dropped when it is its turn, at the latest when there is room.
    pub(super) fn drop_too_large(&mut self, now: mqtt::Instant) -> TooLarge {
        let mut dropped = TooLarge::default();
        let limit = self.max_packet;
        let is_dropped = |debt: &mut Debt| debt.may_be_gone || debt.size > limit;
        for debt in self.debts.extract_if(.., is_dropped) {
            let is_certain = debt.is_due(now) && !debt.is_doubtful;
            *(if is_certain { &mut dropped.certain } else { &mut dropped.perhaps }) += 1;
            self.dropped.push(debt);
        }
        dropped
    }
}

impl Model {
    pub(super) fn check_too_large(&mut self, counters: &Counters) {
        let mut waiting = 0;
        for session in self.sessions.values_mut() {
            let (limit, is_connected) = (session.max_packet, session.is_connected());
            for debt in &mut session.debts {
                debt.may_be_gone |= is_connected && debt.size > limit;
                waiting += u64::from(debt.may_be_gone);
            }
        }
        let TooLarge { certain, perhaps } = self.too_large;
        let counted = counters.dropped_too_large;
        assert!(
            (certain..=certain + perhaps + waiting).contains(&counted),
            "{certain} messages were too large, and {perhaps} + {waiting} perhaps; {counted} are counted"
        );
    }
}
