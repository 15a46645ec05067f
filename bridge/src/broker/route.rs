//! From a message to those who want it. The message is encoded once for each (version, QoS, RETAIN) that is needed and
//! the bytes are shared; only what a Session must keep gets memory of its own, once for all Sessions.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mqtt::codec::EncodeError;
use mqtt::packet::Publish;
use mqtt::{Delivery, Instant, Message, MessageProperties, PacketId, Qos, TopicName, Version};

use super::alias::{ALIASED_BYTES, Saying};
use super::connection::Live;
use super::cross::Receipt;
use super::outbox::{Outbox, Piece};
use super::retained::Stamp;
use super::session::Queued;
use super::stored::{Spare, Stored};
use super::subscriptions::{Audience, ShareId};
use super::{Broker, SessionId};

/// A message on its way, still as it was read or kept.
#[derive(Debug)]
pub(super) struct Routed<'a> {
    pub(super) topic: TopicName<&'a str>,
    pub(super) publish: &'a Publish<'a>,
    expires: Option<Instant>,
    stored: Option<Arc<Stored>>,
    shapes: [Option<Shape>; 12],
}

/// The bytes of one (version, QoS, RETAIN), and where their Packet Identifier stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) piece: Piece,
    pub(super) id_at: u32,
}

impl<'a> Routed<'a> {
    pub(super) fn new(topic: TopicName<&'a str>, publish: &'a Publish<'a>, now: Instant) -> Self {
        let lives = publish.properties.message_expiry_s;
        let expires = lives.map(|secs| now + Duration::from_secs(u64::from(secs)));
        Self { topic, publish, expires, stored: None, shapes: [None; 12] }
    }

    /// One that has memory of its own.
    pub(super) fn of_stored(stored: &'a Arc<Stored>, publish: &'a Publish<'a>, now: Instant) -> Self {
        let stored_too = Some(Arc::clone(stored));
        Self { stored: stored_too, ..Self::new(stored.message.topic.borrowed(), publish, now) }
    }

    /// The message with memory of its own, made when first asked for.
    pub(super) fn stored(&mut self, topic: &TopicName, spare: &mut Spare) -> Arc<Stored> {
        if let Some(stored) = &self.stored {
            return Arc::clone(stored);
        }
        let publish = self.publish;
        let has_properties = !publish.properties.is_none();
        let message = Message {
            topic: topic.clone(),
            payload: publish.payload.into(),
            qos: publish.delivery.qos(),
            retain: publish.retain,
            properties: has_properties.then(|| MessageProperties::from_packet(&publish.properties)).flatten(),
        };
        let stored = spare.make(Stored { message, expires: self.expires });
        self.stored = Some(Arc::clone(&stored));
        stored
    }

    /// The same for the only Session that wants it.
    fn stored_for_one(&mut self, topic: &TopicName, spare: &mut Spare) -> Arc<Stored> {
        let stored = self.stored(topic, spare);
        self.stored = None;
        stored
    }

    /// The shared bytes for one kind of subscriber.
    #[inline]
    pub(super) fn shape(
        &mut self,
        out: &mut Outbox,
        version: Version,
        qos: Qos,
        retain: bool,
    ) -> Option<Shape> {
        let at = usize::from(version.is_5()) * 6 + usize::from(qos.level()) * 2 + usize::from(retain);
        match self.shapes.get(at)? {
            Some(shape) => Some(*shape),
            None => {
                let shape = self.encode_shape(out, version, qos, retain)?;
                *self.shapes.get_mut(at)? = Some(shape);
                Some(shape)
            }
        }
    }

    /// Once for all of a kind, so apart from what is done for each.
    #[inline(never)]
    fn encode_shape(&self, out: &mut Outbox, version: Version, qos: Qos, retain: bool) -> Option<Shape> {
        // DUP is ours to set, not the publisher's [MQTT-3.3.1-3]: none the first time [MQTT-4.3.1-1], [MQTT-4.3.2-2],
        // [MQTT-4.3.3-2].
        let travels = (delivery(qos, PLACEHOLDER, false), retain);
        let (publish, topic) = (self.publish, self.topic);
        encode_with(out, |bytes| publish.encode_forwarded(version, topic, travels, bytes))
    }
}

/// What stands where the Packet Identifier of a Session will be.
pub(super) const PLACEHOLDER: PacketId = match PacketId::new(1) {
    Some(id) => id,
    None => unreachable!(),
};

/// How a message travels at this QoS.
pub(super) const fn delivery(qos: Qos, packet_id: PacketId, dup: bool) -> Delivery {
    match qos {
        Qos::AtMostOnce => Delivery::AtMostOnce,
        Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
        Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
    }
}

/// Encodes a PUBLISH for one Client, its topic by an alias where that pays. None when the Client takes no packet that
/// large [MQTT-3.1.2-24]; then its alias stands for nothing.
pub(super) fn encode_own<'a>(
    out: &mut Outbox,
    live: &mut Live,
    topic: &'a TopicName,
    mut publish: Publish<'a>,
) -> Option<Shape> {
    let aliases = live.our_aliases.as_mut().filter(|_| is_worth_an_alias(topic));
    let saying = aliases.map_or(Saying::Topic, |aliases| aliases.say(topic));
    publish.topic = Some(topic.borrowed()).filter(|_| !matches!(saying, Saying::Alias(_)));
    if publish.properties.topic_alias != saying.alias() {
        publish.properties.topic_alias = saying.alias();
    }
    if let Some(shape) = encode_within(out, live, &publish) {
        if let (Saying::Both(alias), Some(aliases)) = (saying, &mut live.our_aliases) {
            aliases.set(alias, topic);
        }
        return Some(shape);
    }
    publish.properties.topic_alias = None; // it takes three bytes, which may be the ones too much
    matches!(saying, Saying::Both(_)).then(|| encode_within(out, live, &publish)).flatten()
}

fn is_worth_an_alias(topic: &TopicName) -> bool {
    topic.as_str().len() >= ALIASED_BYTES
}

/// Appends a PUBLISH to the outbox's buffer. None when the Client takes no packet that large.
pub(super) fn encode_within(out: &mut Outbox, live: &Live, publish: &Publish<'_>) -> Option<Shape> {
    let shape = encode_with(out, |bytes| publish.encode(live.version, bytes))?;
    if shape.piece.len() > live.maximum_packet_size as usize {
        out.take_back(shape.piece);
        return None;
    }
    Some(shape)
}

fn encode_with(
    out: &mut Outbox,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<usize, EncodeError>,
) -> Option<Shape> {
    let mut id_at = 0;
    let piece = out.encode(|bytes| id_at = encode(bytes).unwrap_or(0))?;
    Some(Shape { piece, id_at: u32::try_from(id_at).ok()? })
}

/// One subscription, or several of one Session taken together, that is to get a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct To<'a> {
    pub(super) session: SessionId,
    pub(super) qos: Qos,
    pub(super) retain_as_published: bool,
    pub(super) share: Option<ShareId>,
    pub(super) ids: &'a [u32],
    /// Nobody else gets the message, so that its bytes need not be good for others.
    pub(super) is_alone: bool,
}

impl Broker {
    /// Delivers a message to everyone who wants it [MQTT-4.5.0-1], in the order it came in [MQTT-4.6.0-5], whatever the topic
    /// [MQTT-4.6.0-6], and says how many that are.
    pub(super) fn route(
        &mut self,
        from: Option<SessionId>,
        routed: &mut Routed<'_>,
        audience: &Rc<Audience>,
    ) -> usize {
        let mut reached = self.route_to_members(from, routed, audience);
        for &share in &audience.shares {
            reached += usize::from(self.deliver_to_one(share, routed, audience));
        }
        reached
    }

    /// The same without Shared Subscriptions.
    pub(super) fn route_to_members(
        &mut self,
        from: Option<SessionId>,
        routed: &mut Routed<'_>,
        audience: &Audience,
    ) -> usize {
        let mut reached = 0;
        let is_alone = audience.members.len() + audience.shares.len() == 1;
        for member in &audience.members {
            if let Some(wanted) = member.wants(from) {
                reached += 1;
                let to = To {
                    session: member.session,
                    qos: wanted.qos.min(routed.publish.delivery.qos()), // [MQTT-3.8.4-8]
                    retain_as_published: wanted.retain_as_published,
                    share: None,
                    ids: &wanted.ids,
                    is_alone,
                };
                self.deliver(to, routed, audience);
            }
        }
        reached
    }

    /// The same for a message that is kept already: a will.
    pub(super) fn route_stored(
        &mut self,
        from: Option<SessionId>,
        stored: &Arc<Stored>,
        stamp: Option<Stamp>,
    ) {
        if self.last.is_on() {
            self.note_last(stored);
        }
        let message = &stored.message;
        let publish = Publish::of(message, delivery(message.qos, PLACEHOLDER, false));
        let audience = self.audience(message.topic.borrowed());
        let mut routed = Routed::of_stored(stored, &publish, self.now);
        self.route(from, &mut routed, &audience);
        self.send_across(stored, &audience, &Receipt::None, stamp);
        self.send_to_shares(stored, &Receipt::None);
    }

    /// Delivers one message to one Session: at once where that is possible, else by its queue.
    pub(super) fn deliver(&mut self, to: To<'_>, routed: &mut Routed<'_>, audience: &Audience) {
        if !to.ids.is_empty() || !self.deliver_shared(to, routed, audience) {
            let retain = to.retain_as_published && routed.publish.retain;
            let message = routed.stored(&audience.topic, &mut self.spare);
            let subscription_ids = to.ids.into();
            let queued =
                Queued { message, qos: to.qos, retain, share: to.share, subscription_ids, number: 0 };
            self.deliver_queued(to.session, queued);
        }
    }

    /// The fast way: the shared bytes go straight to the connection. False when the message has to wait.
    fn deliver_shared(&mut self, to: To<'_>, routed: &mut Routed<'_>, audience: &Audience) -> bool {
        let (qos, retain) = (to.qos, to.retain_as_published && routed.publish.retain); // [MQTT-3.3.1-12], [MQTT-3.3.1-13]
        let Some(session) = self.sessions.get_mut(to.session.0 as usize) else { return true };
        let Some(connection_id) = session.connection else {
            return qos == Qos::AtMostOnce; // an absent Client misses QoS 0
        };
        let Some(Some(connection)) = self.connections.get_mut(connection_id.0 as usize) else { return true };
        let pending = connection.pending;
        let Some(live) = connection.live() else { return true };
        if pending > self.config.max_output_bytes {
            self.counters.dropped_slow_reader += u64::from(qos == Qos::AtMostOnce);
            return qos == Qos::AtMostOnce;
        }
        if qos != Qos::AtMostOnce && (!session.queue.is_empty() || !session.sender.has_room()) {
            return false;
        }
        let shape = if to.is_alone && live.our_aliases.is_some() && is_worth_an_alias(&audience.topic) {
            let mut publish = routed.publish.clone();
            publish.delivery = delivery(qos, PLACEHOLDER, false);
            publish.retain = retain;
            encode_own(&mut self.out, live, &audience.topic, publish)
        } else {
            let limit = live.maximum_packet_size as usize;
            routed.shape(&mut self.out, live.version, qos, retain).filter(|shape| shape.piece.len() <= limit)
        };
        let Some(shape) = shape else {
            self.counters.dropped_too_large += 1; // [MQTT-3.1.2-24], [MQTT-3.1.2-25]
            return true;
        };
        connection.pending += shape.piece.len();
        self.counters.messages_sent += 1;
        self.counters.payload_bytes_sent += routed.publish.payload.len() as u64;
        if qos == Qos::AtMostOnce {
            self.out.send(connection_id, shape.piece);
            return true;
        }
        let message = if to.is_alone {
            routed.stored_for_one(&audience.topic, &mut self.spare)
        } else {
            routed.stored(&audience.topic, &mut self.spare)
        };
        let mut queued =
            Queued { message, qos, retain, share: to.share, subscription_ids: Box::default(), number: 0 };
        self.keeping.owe(session, &mut queued, &self.subscriptions, &mut self.out);
        let number = queued.number;
        if let Some(packet_id) = session.sender.send(qos, queued) {
            self.keeping.sends(session.number, number, (packet_id, qos), &mut self.out);
            self.out.send_as(connection_id, shape.piece, shape.id_at, packet_id);
            self.out.set_holding(false);
        }
        true
    }
}
