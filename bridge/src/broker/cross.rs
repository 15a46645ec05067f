//! Messages between shards. What is published here goes once to each other shard that wants it, and that one routes it to its
//! own Sessions alone. What is to be retained goes to all of them.
//!
//! A publication of QoS 1 or 2 is acknowledged when the others have what they must keep, and said what has become of it. One of
//! QoS 2 must also be known as received after a restart if, and only if, they have it: where one other shard takes it, that one
//! keeps what this one would have kept, all in one step; where several do, it is kept here when all have said that they took the
//! message.

use std::collections::BTreeMap;
use std::sync::Arc;

use mqtt::packet::Publish;
use mqtt::{Delivery, PacketId, Qos, ReasonCode};

use super::answers::Serial;
use super::carried::{self, Carried};
use super::change::{Change, MessageNumber, SessionNumber};
use super::io::Fault;
use super::publish::NO_ROOM;
use super::retained::Stamp;
use super::route::{PLACEHOLDER, Routed, delivery};
use super::shard::{ShardId, Told};
use super::stored::Stored;
use super::subscriptions::Audience;
use super::{Broker, SessionId};

/// What the shard that takes a message does besides.
#[derive(Clone, Debug)]
pub(super) enum Receipt {
    None,
    /// It says what has become of it.
    Tell(Serial),
    /// The same, and it keeps this together with what it keeps itself.
    Keep(Serial, Box<Kept>),
}

/// What comes of a publication of QoS 2 on the shard that took it from its Client.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    session: SessionNumber,
    packet_id: PacketId,
    rows: Vec<Change>,
    here: Fate,
    may_be_refused: bool,
}

/// What has become of a message at those who are subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// There are none.
    Unwanted,
    /// None had room for it.
    TurnedAway,
    Taken,
    /// Some must keep it, and the disk is full.
    Refused,
}

/// A publication that other shards are still to say something of.
#[derive(Debug)]
pub(super) struct Crossing {
    /// Whose it is.
    of: (SessionId, SessionNumber, PacketId, Qos),
    is_5: bool,
    is_retained: bool,
    /// Another shard keeps that it was received.
    is_kept: bool,
    /// Shards that are to say something.
    left: usize,
    fate: Fate,
    /// Rows that the other shard has.
    given: Vec<MessageNumber>,
}

/// All of them.
pub(super) type Crossings = BTreeMap<Serial, Crossing>;

impl Fate {
    /// Of so many that it went to, of whom so many had no room.
    pub(super) const fn of(reached: usize, turned_away: u64) -> Self {
        match reached {
            0 => Self::Unwanted,
            _ if reached as u64 == turned_away => Self::TurnedAway,
            _ => Self::Taken,
        }
    }

    /// What its publisher is told. One who has something retained all the same is not refused.
    pub(super) const fn reason(self, is_5: bool, is_retained: bool) -> ReasonCode {
        match self {
            Self::Unwanted if is_5 => ReasonCode::NoMatchingSubscribers,
            // Nobody had room for it. Counted and noted where that is found; 3.x has no word for it.
            Self::TurnedAway if is_5 && !is_retained => ReasonCode::QuotaExceeded,
            Self::Refused => ReasonCode::QuotaExceeded,
            Self::Unwanted | Self::TurnedAway | Self::Taken => ReasonCode::Success,
        }
    }
}

impl Broker {
    /// Sends a publication to the other shards that want it. Says what has become of it, if its publisher need not wait for their
    /// word; `here` is what has on this one.
    pub(super) fn cross(
        &mut self,
        from: SessionId,
        routed: &mut Routed<'_>,
        audience: &Audience,
        (here, stamp): (Fate, Option<Stamp>),
    ) -> Option<Fate> {
        let peers = if stamp.is_some() { usize::from(self.place.of) - 1 } else { audience.peers.len() };
        let receipt = self.receipt(from, routed.publish, (peers + self.leaving.len(), here));
        // What is retained is there for whoever subscribes anywhere, once that is said.
        if routed.publish.delivery.qos() != Qos::AtMostOnce && (self.keeping.is_on() || stamp.is_some()) {
            self.out.claim();
        }
        if stamp.is_none() && self.leaving.is_empty() && carried::is_plain(routed.publish) {
            match receipt {
                Receipt::None => self.carry_across(routed, audience, None),
                Receipt::Tell(serial) => self.carry_across(routed, audience, Some(serial)),
                Receipt::Keep(..) => self.store_across(routed, audience, &receipt, stamp),
            }
        } else {
            self.store_across(routed, audience, &receipt, stamp);
        }
        matches!(receipt, Receipt::None).then_some(Fate::Taken)
    }

    /// Sends a plain message to the other shards that want it, written once for all of them.
    fn carry_across(&mut self, routed: &Routed<'_>, audience: &Audience, serial: Option<Serial>) {
        let written = self.out.encode(|bytes| carried::write(bytes, routed.topic, routed.publish, serial));
        if let Some(piece) = written {
            audience.peers.iter().for_each(|&to| self.out.carry(to, piece));
        }
    }

    /// Sends any message there, and to other shards' members of Shared Subscriptions.
    fn store_across(
        &mut self,
        routed: &mut Routed<'_>,
        audience: &Audience,
        receipt: &Receipt,
        stamp: Option<Stamp>,
    ) {
        let stored = routed.stored(&audience.topic, &mut self.spare);
        self.send_across(&stored, audience, receipt, stamp);
        self.send_to_shares(&stored, receipt);
    }

    /// The same for what nobody waits to hear of.
    pub(super) fn send_across(
        &mut self,
        message: &Arc<Stored>,
        audience: &Audience,
        receipt: &Receipt,
        stamp: Option<Stamp>,
    ) {
        let out = &mut self.out;
        let mut send = |to| {
            let (message, receipt) = (Arc::clone(message), receipt.clone());
            out.peer(to, Told::Publish { message, receipt, stamp });
        };
        match stamp {
            Some(_) => self.place.others().for_each(send), // each has all that is retained
            None => audience.peers.iter().for_each(|&to| send(to)),
        }
    }

    fn receipt(&mut self, from: SessionId, publish: &Publish<'_>, (left, here): (usize, Fate)) -> Receipt {
        let rows = self.keeping.take_aside(&mut self.out);
        let (number, is_5, is_full) = (self.session_number(from), self.speaks_5(from), self.keeping.is_full);
        let (packet_id, qos) = match publish.delivery {
            // 3.x has no word for what they could say, but that a disk is full.
            Delivery::AtLeastOnce { packet_id, .. } if is_5 || is_full => (packet_id, Qos::AtLeastOnce),
            Delivery::ExactlyOnce { packet_id, .. } if is_5 || is_full || number != 0 => {
                (packet_id, Qos::ExactlyOnce)
            }
            _ => {
                self.out.store_all(rows);
                return Receipt::None;
            }
        };
        let (is_retained, is_kept) = (publish.retain, qos == Qos::ExactlyOnce && number != 0 && left == 1);
        let serial = self.await_answer(from, packet_id, qos);
        let (given, receipt) = if is_kept {
            let given = self.keeping.give_away(&rows);
            let may_be_refused = is_5 && !is_retained;
            let kept = Kept { session: number, packet_id, rows, here, may_be_refused };
            (given, Receipt::Keep(serial, Box::new(kept)))
        } else {
            self.out.store_all(rows);
            (Vec::new(), Receipt::Tell(serial))
        };
        let of = (from, number, packet_id, qos);
        self.crossings.insert(serial, Crossing { of, is_5, is_retained, is_kept, left, fate: here, given });
        receipt
    }

    /// What may go well another time ends a connection of 3.x; its Client will try again [MQTT3-4.8.0-2].
    fn end_full(&mut self, id: SessionId, serial: Serial) {
        let connection = self.session(id).filter(|session| session.answers.has(serial));
        if let Some(connection) = connection.and_then(|session| session.connection) {
            self.end(connection, Fault::new(ReasonCode::QuotaExceeded, NO_ROOM));
        }
        self.answered(id, serial, ReasonCode::QuotaExceeded, false); // nobody is there to hear it
    }

    fn speaks_5(&mut self, id: SessionId) -> bool {
        let connection = self.session(id).and_then(|session| session.connection);
        let live = connection.and_then(|id| self.connection(id)?.live());
        live.is_some_and(|live| live.version.is_5())
    }

    /// A message from another shard, for those here.
    pub(super) fn take_across(
        &mut self,
        from: ShardId,
        message: &Arc<Stored>,
        receipt: Receipt,
        stamp: Option<Stamp>,
    ) {
        if let Some(stamp) = stamp {
            self.retain_from_elsewhere(message, stamp);
        }
        let publish = Publish::of(&message.message, delivery(message.message.qos, PLACEHOLDER, false));
        self.take_routed(from, &mut Routed::of_stored(message, &publish, self.now), receipt);
    }

    /// Plain messages from another shard, for those here.
    pub(super) fn take_carried(&mut self, from: ShardId, mut bytes: &[u8]) {
        while let Some(Carried { topic, publish, serial }) = carried::read(&mut bytes) {
            let receipt = serial.map_or(Receipt::None, Receipt::Tell);
            self.take_routed(from, &mut Routed::new(topic, &publish, self.now), receipt);
        }
    }

    fn take_routed(&mut self, from: ShardId, routed: &mut Routed<'_>, receipt: Receipt) {
        let audience = self.audience(routed.topic);
        let is_answered = !matches!(receipt, Receipt::None);
        if self.keeping.is_full && is_answered && self.must_be_kept_here(routed, &audience) {
            return self.receipt_for(from, receipt, Fate::Refused);
        }
        let turned_away = self.counters.dropped_queue_full;
        let reached = self.route_to_members(None, routed, &audience);
        self.keeping.flush(&mut self.out);
        let fate = Fate::of(reached, self.counters.dropped_queue_full - turned_away);
        self.receipt_for(from, receipt, fate);
    }

    /// Says, and keeps, what has become of a message.
    pub(super) fn receipt_for(&mut self, origin: ShardId, receipt: Receipt, fate: Fate) {
        let serial = match receipt {
            Receipt::None => return,
            Receipt::Tell(serial) => serial,
            Receipt::Keep(serial, kept) => {
                let Kept { session, packet_id, rows, here, may_be_refused } = *kept;
                self.out.store_all(rows);
                let fate = fate.max(here);
                if fate != Fate::Refused && !(may_be_refused && fate == Fate::TurnedAway) {
                    self.out.store(Change::Received { session, packet_id });
                }
                serial
            }
        };
        match origin == self.place.shard {
            true => self.taken(serial, fate),
            false => self.out.peer(origin, Told::Taken { serial, fate }),
        }
    }

    /// Whether some who are subscribed here must have it after a restart.
    fn must_be_kept_here(&self, routed: &Routed<'_>, audience: &Audience) -> bool {
        routed.publish.delivery.qos() != Qos::AtMostOnce
            && audience.members.iter().any(|member| self.is_kept(member))
    }

    /// Another shard has said what has become of a publication: when all have, its Client is answered. One of QoS 2 is kept as
    /// received then, where no other shard does.
    pub(super) fn taken(&mut self, serial: Serial, fate: Fate) {
        let Some(crossing) = self.crossings.get_mut(&serial) else { return };
        crossing.left -= 1;
        crossing.fate = crossing.fate.max(fate);
        if crossing.left > 0 {
            return;
        }
        let Some(crossing) = self.crossings.remove(&serial) else { return };
        self.keeping.take_back(&crossing.given, &mut self.out);
        let (id, number, packet_id, qos) = crossing.of;
        let reason = crossing.fate.reason(crossing.is_5, crossing.is_retained);
        if qos == Qos::ExactlyOnce {
            let session = self.sessions.get_mut(id.0 as usize);
            let session = session.filter(|session| session.number == number && session.answers.has(serial));
            match session {
                Some(session) if reason.is_error() => session.receiver.refuse(packet_id), // [MQTT-4.3.3-9]
                Some(session) if crossing.is_kept => _ = session.kept_received.insert(packet_id),
                Some(_) => {
                    self.out.claim();
                    self.keep_received(id, packet_id);
                }
                // The Session has ended, but not before this was kept.
                None if crossing.is_kept => self.out.store(Change::Released { session: number, packet_id }),
                None => {}
            }
        }
        if crossing.fate == Fate::Refused {
            self.counters.publications_refused += 1;
            if !crossing.is_5 {
                return self.end_full(id, serial); // as where it is found on this shard
            }
        }
        let holds = self.keeping.is_on();
        self.answered(id, serial, reason, holds);
    }
}
