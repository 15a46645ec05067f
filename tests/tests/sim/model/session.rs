//! A Session: what is subscribed to, what is owed, and what was sent and not acknowledged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, MessageProperties, Qos, SessionExpiry, Will};

use super::Letter;
use super::share::Parcel;
use crate::link::LinkKey;

#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Which of all Sessions that this Client Identifier had.
    pub(crate) instance: u64,
    pub(super) link: Option<LinkKey>,
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    /// Shared Subscriptions that it has left, or made anew.
    pub(super) former_shares: BTreeSet<String>,
    pub(super) expiry: SessionExpiry,
    pub(super) ends: Option<Instant>,
    pub(super) will: Option<(Instant, Will)>,
    /// QoS 2 messages of the Client between PUBLISH and PUBREL.
    pub(super) receiving: BTreeSet<u16>,
    /// Those of them of which something came that outlives the process.
    pub(super) kept_receiving: BTreeSet<u16>,
    /// Those of them that came before this connection and not again on it.
    pub(super) received_before: BTreeSet<u16>,
    /// What may be in flight to the Client on its present connection.
    pub(super) window: usize,
    /// The largest packet that the Client takes on it.
    pub(super) max_packet: usize,
    pub(super) debts: Vec<Debt>,
    /// Messages that were too large for it and are done. While others owe them, they come back after a crash.
    pub(super) dropped: Vec<Debt>,
    /// What was sent and not acknowledged, in order.
    pub(super) flights: Vec<Flight>,
    /// Of these, what is still to be sent again on this connection, in order [MQTT-4.6.0-1].
    pub(super) again: VecDeque<u16>,
    /// Retained messages that new subscriptions are to bring.
    pub(super) replays: BTreeMap<String, Replay>,
    /// Replays that were given up or begun again. Where filters overlap, nobody can tell whose message one was.
    pub(super) past_replays: Vec<(String, Replay)>,
    /// What replays have brought, by topic and subscription identifiers.
    pub(super) replayed: BTreeMap<(String, Vec<u32>), usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(super) options: SubscriptionOptions,
    pub(super) id: Option<u32>,
}

/// A message that a Session is to get.
#[derive(Clone, Debug)]
pub(super) struct Debt {
    pub(super) letter: Letter,
    pub(super) publisher: String,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    /// The identifiers of all subscriptions that bring it, in order.
    pub(super) ids: Vec<u32>,
    pub(super) expires: Option<Instant>,
    pub(super) properties: MessageProperties,
    /// Bytes of it in a packet of 5.0.
    pub(super) size: usize,
    /// It was too large for a connection, which may have dropped it.
    pub(super) may_be_gone: bool,
    /// It was so before a crash, and whether it is owed since nobody can tell.
    pub(super) is_doubtful: bool,
    /// It was sent in this turn.
    pub(super) is_done: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) packet_id: u16,
    pub(super) letter: Letter,
    pub(super) retain: bool,
    pub(super) step: Step,
    /// It came by a Shared Subscription.
    pub(super) parcel: Option<Parcel>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Puback,
    Pubrec,
    Pubcomp,
}

#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) qos: Qos,
    pub(super) id: Option<u32>,
    /// Topics that were retained at the SUBSCRIBE and have been all the time since.
    pub(super) wanted: BTreeSet<String>,
}

impl Session {
    pub(super) fn new(instance: u64) -> Self {
        Self {
            instance,
            link: None,
            subscriptions: BTreeMap::new(),
            former_shares: BTreeSet::new(),
            expiry: SessionExpiry::AtDisconnect,
            ends: None,
            will: None,
            receiving: BTreeSet::new(),
            kept_receiving: BTreeSet::new(),
            received_before: BTreeSet::new(),
            window: 0,
            max_packet: usize::MAX,
            debts: Vec::new(),
            dropped: Vec::new(),
            flights: Vec::new(),
            again: VecDeque::new(),
            replays: BTreeMap::new(),
            past_replays: Vec::new(),
            replayed: BTreeMap::new(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.link.is_some() {
            return None;
        }
        [self.will.as_ref().map(|will| will.0), self.ends].into_iter().flatten().min()
    }

    /// Whether it outlives its connection, and so the process.
    pub(super) fn is_kept(&self) -> bool {
        self.expiry != SessionExpiry::AtDisconnect
    }

    pub(crate) const fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Nothing is owed, nothing is unacknowledged, neither way.
    pub(crate) fn is_settled(&self) -> bool {
        self.flights.is_empty() && self.receiving.is_empty() && self.debts.is_empty()
    }

    pub(super) fn flight(&mut self, packet_id: u16) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| flight.packet_id == packet_id)
    }

    pub(super) fn give_up_replay(&mut self, filter: &str) {
        self.past_replays.extend(self.replays.remove_entry(filter));
    }

    /// The connection is gone, and with it what may be lost.
    pub(super) fn lose_replays(&mut self) {
        self.past_replays.extend(self.replays.extract_if(.., |_, replay| replay.qos == Qos::AtMostOnce));
    }

    /// A Shared Subscription is left or made anew: what waits in the queue may still come as it was.
    pub(super) fn note_former(&mut self, filter: &str) {
        if filter.starts_with("$share/") {
            self.former_shares.insert(filter.to_owned());
        }
    }

    pub(super) fn landed(&mut self, packet_id: u16) {
        self.flights.retain(|flight| flight.packet_id != packet_id);
        self.again.retain(|&id| id != packet_id);
    }
}

impl Debt {
    /// Still to be sent: not done, and worth something.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.is_done && !self.is_expired(now)
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}
