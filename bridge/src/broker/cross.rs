//! Messages between shards. What is published here goes once to each other shard that wants it, and that one routes it to its
//! own Sessions alone. What is to be retained goes to all of them.
//!
//! A publication of QoS 1 or 2 is acknowledged when the others have what they must keep. One of QoS 2 must also be known as
//! received after a restart if, and only if, they have it: where one shard alone keeps something, it keeps that together with
//! the message; where several do, it is kept here when all have said that they took the message.

use std::collections::BTreeMap;
use std::sync::Arc;

use mqtt::packet::{Ack, Publish};
use mqtt::{Delivery, Packet, PacketId, Qos, ReasonCode};

use super::change::{Change, SessionNumber};
use super::retained::Stamp;
use super::route::{PLACEHOLDER, Routed, delivery};
use super::shard::{ShardId, Told};
use super::stored::Stored;
use super::subscriptions::Audience;
use super::{Broker, SessionId};

/// What the shard that takes a message does besides.
#[derive(Clone, Copy, Debug)]
pub(super) enum Receipt {
    None,
    /// It keeps that this Session's Client has sent it.
    Keep(SessionNumber, PacketId),
    /// It says that it has it.
    Tell(SessionNumber, PacketId),
}

/// QoS 2 messages that other shards have not all taken: whose they are, and how many shards are to say so.
pub(super) type Crossings = BTreeMap<(SessionNumber, PacketId), (SessionId, usize)>;

impl Broker {
    /// Sends a publication to the other shards that want it, and says how many that are.
    pub(super) fn cross(
        &mut self,
        from: SessionId,
        routed: &mut Routed<'_>,
        audience: &Audience,
        stamp: Option<Stamp>,
    ) -> usize {
        let peers = if stamp.is_some() { usize::from(self.place.of) - 1 } else { audience.peers.len() };
        let peers = peers + self.leaving.len();
        let receipt = match routed.publish.delivery {
            Delivery::ExactlyOnce { packet_id, .. } => self.receipt(from, packet_id, peers),
            Delivery::AtMostOnce | Delivery::AtLeastOnce { .. } => Receipt::None,
        };
        // What is retained is there for whoever subscribes anywhere, once that is said.
        if routed.publish.delivery.qos() != Qos::AtMostOnce && (self.keeping.is_on() || stamp.is_some()) {
            self.out.claim();
        }
        let stored = routed.stored(&audience.topic, &mut self.spare);
        self.send_across(&stored, audience, receipt, stamp);
        self.send_to_shares(&stored, receipt);
        audience.peers.len()
    }

    /// The same for what nobody waits to hear of.
    pub(super) fn send_across(
        &mut self,
        message: &Arc<Stored>,
        audience: &Audience,
        receipt: Receipt,
        stamp: Option<Stamp>,
    ) {
        let out = &mut self.out;
        let mut send = |to| out.peer(to, Told::Publish { message: Arc::clone(message), receipt, stamp });
        match stamp {
            Some(_) => self.place.others().for_each(send), // each has all that is retained
            None => audience.peers.iter().for_each(|&to| send(to)),
        }
    }

    fn receipt(&mut self, from: SessionId, packet_id: PacketId, peers: usize) -> Receipt {
        let session = self.session_number(from);
        if session == 0 {
            return Receipt::None;
        }
        self.keeping.flush(&mut self.out);
        if peers == 1 && !self.out.has_claims() {
            if let Some(session) = self.session(from) {
                session.kept_received.insert(packet_id);
            }
            return Receipt::Keep(session, packet_id);
        }
        self.crossings.insert((session, packet_id), (from, peers));
        Receipt::Tell(session, packet_id)
    }

    /// Whether other shards are still to say that they took this.
    pub(super) fn is_crossing(&self, from: SessionId, packet_id: PacketId) -> bool {
        !self.crossings.is_empty() && self.crossings.contains_key(&(self.session_number(from), packet_id))
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
        self.route_here(message);
        self.keeping.flush(&mut self.out);
        self.receipt_for(from, receipt);
    }

    /// Says, or keeps, that a message was taken.
    pub(super) fn receipt_for(&mut self, from: ShardId, receipt: Receipt) {
        match receipt {
            Receipt::None => {}
            Receipt::Keep(session, packet_id) => self.out.store(Change::Received { session, packet_id }),
            Receipt::Tell(session, packet_id) if from == self.place.shard => self.taken(session, packet_id),
            Receipt::Tell(session, packet_id) => self.out.peer(from, Told::Taken { session, packet_id }),
        }
    }

    fn route_here(&mut self, stored: &Arc<Stored>) {
        let message = &stored.message;
        let publish = Publish::of(message, delivery(message.qos, PLACEHOLDER, false));
        let audience = self.subscriptions.audience(message.topic.borrowed());
        let mut routed = Routed::of_stored(stored, &publish, self.now);
        self.route_to_members(None, &mut routed, &audience);
    }

    /// Another shard has taken a QoS 2 message: when all have, it is kept as received and the Client is answered.
    pub(super) fn taken(&mut self, number: SessionNumber, packet_id: PacketId) {
        let Some((id, left)) = self.crossings.get_mut(&(number, packet_id)) else { return };
        let id = *id;
        *left -= 1;
        if *left > 0 {
            return;
        }
        self.crossings.remove(&(number, packet_id));
        let Some(session) = self.session(id).filter(|session| session.number == number) else { return };
        let connection = session.connection;
        self.out.claim();
        self.keep_received(id, packet_id);
        if let Some(connection) = connection {
            let ack = Ack::new(packet_id, ReasonCode::Success);
            self.send_held(connection, &Packet::Pubrec(ack), true); // [MQTT-4.3.3-8]
        }
    }
}
