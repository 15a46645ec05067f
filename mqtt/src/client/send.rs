//! What leaves: requests and messages that waited, and what is sent again on a resumed Session.

use super::aliases::Naming;
use super::pressure::LOT;
use super::state::State;
use super::subscriptions::Kind;
use super::{Client, Outcome, Outgoing, PublishError, borrowed};
use crate::codec::EncodeError;
use crate::delivery::InFlight;
use crate::packet::{Ack, Packet, Publish, Subscribe, SubscriptionOptions, Unsubscribe};
use crate::{Delivery, Instant, PacketId, Qos, ReasonCode, TopicFilter, Version};

impl Client {
    /// Sends what may be sent now: before CONNACK nothing but AUTH [MQTT-3.1.2-30]. The end of every turn.
    pub(super) fn flush(&mut self, now: Instant) {
        if self.is_connected() {
            self.flush_repeats(now);
            self.flush_requests(); // whatever the window [MQTT-3.3.4-8], [MQTT-4.9.0-3]
            self.flush_queue(now);
        }
        if !self.out.is_empty()
            && let Some(connection) = self.state.connection()
        {
            connection.keep_alive.sent(now);
        }
    }

    /// Messages leave in the order they were published; the first that must wait for the window holds up the rest.
    fn flush_queue(&mut self, now: Instant) {
        if self.pressure.congested {
            return self.flush_urgent(now);
        }
        while let Some(front) = self.queue.front() {
            if self.pressure.measured && self.out.len() >= LOT {
                return;
            }
            let qos = front.message.qos;
            if qos != Qos::AtMostOnce && !self.sender.has_room() && !front.is_expired(now) {
                return; // [MQTT-3.3.4-7], [MQTT-4.9.0-2]
            }
            let Some(outgoing) = self.queue.pop() else { return };
            self.send_or_tell(now, outgoing);
        }
    }

    /// What has a deadline does not wait until the transport has sent the rest, as far as that is bounded.
    fn flush_urgent(&mut self, now: Instant) {
        while self.pressure.urgent_bytes > 0
            && let Some(outgoing) = self.queue.take_urgent(self.sender.has_room())
        {
            let before = self.out.len();
            self.send_or_tell(now, outgoing);
            let sent = self.out.len().saturating_sub(before);
            self.pressure.urgent_bytes = self.pressure.urgent_bytes.saturating_sub(sent);
        }
    }

    fn send_or_tell(&mut self, now: Instant, outgoing: Outgoing) {
        let (id, kept, qos) = (outgoing.id, outgoing.kept, outgoing.message.qos);
        if outgoing.is_expired(now) {
            self.touch();
            return self.published(id, Outcome::Expired);
        }
        match self.send(now, outgoing) {
            Ok(()) if qos == Qos::AtMostOnce => {
                if kept {
                    self.gate(); // at most once, also after a crash
                }
                self.published(id, Outcome::Sent);
            }
            Ok(()) => {}
            Err(e) => self.published(id, Outcome::Impossible(e)),
        }
    }

    fn send(&mut self, now: Instant, outgoing: Outgoing) -> Result<(), PublishError> {
        let Some(connection) = self.state.connection() else { return Err(PublishError::NotConnected) };
        connection.granted.takes(&outgoing.message)?; // it may have been published before we knew
        let qos = outgoing.message.qos;
        let start = self.out.len();
        let topic = &outgoing.message.topic;
        let mut naming = connection.aliases_out.naming(topic);
        let mut hop = Hop { version: self.version, limit: connection.granted.max_packet_bytes, naming };
        // The first time without DUP [MQTT-4.3.1-1], [MQTT3-4.3.1-1], [MQTT-4.3.2-2], [MQTT-4.3.3-2].
        let packet = outgoing.packet(now, delivery(qos, PLACEHOLDER, false));
        let mut written = hop.write(packet.clone(), &mut self.out);
        if matches!((naming, &written), (Naming::Set(_), Err(PublishError::TooLarge { .. }))) {
            naming = Naming::Plain; // an alias that is being set makes the packet larger
            hop.naming = naming;
            written = hop.write(packet, &mut self.out);
        }
        let id_at = written?;
        connection.aliases_out.sent(topic, naming);
        if qos == Qos::AtMostOnce {
            return Ok(());
        }
        match (self.sender.send(qos, outgoing), self.out.get_mut(id_at..id_at + 2)) {
            (Some(packet_id), Some(place)) => {
                place.copy_from_slice(&packet_id.get().to_be_bytes());
                self.sent_kept(qos);
                Ok(())
            }
            _ => {
                debug_assert!(false, "the window was asked for room, and the packet has an identifier");
                self.out.truncate(start);
                Err(PublishError::QueueFull)
            }
        }
    }

    /// Its identifier is in use from now on. At QoS 1 a Server does not care whose it was.
    const fn sent_kept(&mut self, qos: Qos) {
        match qos {
            Qos::ExactlyOnce => self.gate(),
            Qos::AtLeastOnce | Qos::AtMostOnce => self.touch(),
        }
    }

    /// Everything unacknowledged once more, in order [MQTT-4.6.0-1], [MQTT3-4.6.0-1], with its old identifiers
    /// [MQTT-4.4.0-1], [MQTT3-2.3.1-3]; but what has expired since
    /// is not sent again.
    pub(super) fn resend(&mut self, now: Instant) {
        self.drop_stale(now);
        self.sender.repeat_all();
        self.flush_repeats(now);
    }

    /// As many of them as the Server takes at once, which may be fewer than on the connection before [MQTT-3.3.4-7].
    fn flush_repeats(&mut self, now: Instant) {
        while let Some((packet_id, entry)) = self.sender.next_repeat() {
            let written = match entry {
                InFlight::AwaitPuback(outgoing) | InFlight::AwaitPubrec(outgoing)
                    if outgoing.is_stale(now, self.version) =>
                {
                    let id = outgoing.id;
                    if self.give_up(packet_id) {
                        self.write(&Packet::Pubrel(Ack::new(packet_id, ReasonCode::Success)));
                    }
                    self.published(id, Outcome::Expired);
                    continue;
                }
                InFlight::AwaitPuback(outgoing) | InFlight::AwaitPubrec(outgoing) => {
                    let delivery = delivery(outgoing.message.qos, packet_id, true); // [MQTT-3.3.1-1]
                    let hop = Hop { version: self.version, limit: None, naming: Naming::Plain };
                    hop.write(outgoing.packet(now, delivery), &mut self.out).is_ok()
                }
                InFlight::AwaitPubcomp => {
                    let pubrel = Packet::Pubrel(Ack::new(packet_id, ReasonCode::Success));
                    pubrel.encode(self.version, &mut self.out).is_ok()
                }
                InFlight::Request => true, // does not outlive a connection
            };
            debug_assert!(written, "it was written before");
        }
    }

    /// Ends the handshakes of messages that may not be sent again: those whose time is over, and those that this
    /// connection's Server takes no more.
    fn drop_stale(&mut self, now: Instant) {
        let Some(connection) = self.state.connection() else { return };
        let granted = &connection.granted;
        let mut stale = Vec::new();
        let mut scratch = Vec::new();
        for (packet_id, entry) in self.sender.in_flight() {
            let (InFlight::AwaitPuback(outgoing) | InFlight::AwaitPubrec(outgoing)) = entry else { continue };
            scratch.clear();
            let again = delivery(outgoing.message.qos, packet_id, true);
            let outcome = if outgoing.is_stale(now, self.version) {
                Outcome::Expired
            } else if let Err(e) = granted.takes(&outgoing.message).and_then(|()| {
                let limit = granted.max_packet_bytes;
                let hop = Hop { version: self.version, limit, naming: Naming::Plain };
                hop.write(outgoing.packet(now, again), &mut scratch).map(|_| ())
            }) {
                Outcome::Impossible(e)
            } else {
                continue;
            };
            stale.push((packet_id, outgoing.id, outcome));
        }
        for (packet_id, id, outcome) in stale {
            self.give_up(packet_id);
            self.published(id, outcome);
        }
    }

    /// Does not send a message again. True when PUBREL is to be sent instead, which makes a Server forget an identifier of
    /// QoS 2 that it may have seen.
    fn give_up(&mut self, packet_id: PacketId) -> bool {
        self.gate();
        self.sender.puback(packet_id).is_err() && self.sender.pubrec(packet_id).is_ok()
    }

    fn flush_requests(&mut self) {
        loop {
            let State::Connected(connection) = &self.state else { return };
            let granted = &connection.granted;
            let Some(request) = self.subscriptions.next_unsent() else { return };
            let Some(packet_id) = self.sender.request() else { return };
            let start = self.out.len();
            let packet = match &request.kind {
                Kind::Subscribe { filters, subscription_id, user_properties } => {
                    Packet::Subscribe(Subscribe {
                        packet_id,
                        filters: filters
                            .iter()
                            .filter(|(filter, options)| granted.refusal(filter, *options).is_none())
                            .map(|(filter, options)| (filter.borrowed(), *options))
                            .collect(),
                        subscription_id: subscription_id.filter(|_| granted.subscription_id_available),
                        user_properties: borrowed(user_properties),
                    })
                }
                Kind::Unsubscribe { filters, user_properties } => Packet::Unsubscribe(Unsubscribe {
                    packet_id,
                    filters: filters.iter().map(TopicFilter::borrowed).collect(),
                    user_properties: borrowed(user_properties),
                }),
            };
            let nothing_left =
                matches!(&packet, Packet::Subscribe(subscribe) if subscribe.filters.is_empty());
            let written = packet.encode(self.version, &mut self.out);
            let size = self.out.len() - start;
            let too_large = granted.max_packet_bytes.is_some_and(|limit| size > limit as usize);
            if !nothing_left && written.is_ok() && !too_large {
                request.packet_id = Some(packet_id);
                continue;
            }
            self.out.truncate(start);
            let _was_ours = self.sender.answered(packet_id);
            let reason = match written {
                Err(EncodeError::NullCharacter) => ReasonCode::MalformedPacket,
                _ => ReasonCode::PacketTooLarge,
            };
            self.answer_unsent((!nothing_left).then_some(reason));
        }
    }

    /// Answers the first unsent request without the Server: it has refused all of it by CONNACK, or the packet cannot be
    /// sent for this reason.
    fn answer_unsent(&mut self, unsendable: Option<ReasonCode>) {
        let Some(request) = self.subscriptions.take_unsent() else { return };
        let reasons = match &request.kind {
            Kind::Subscribe { filters, .. } => {
                let sendable =
                    filters.iter().filter(|(filter, options)| self.refusal(filter, *options).is_none());
                unsendable.map_or_else(Vec::new, |reason| vec![reason; sendable.count()])
            }
            Kind::Unsubscribe { filters, .. } => {
                vec![unsendable.unwrap_or(ReasonCode::PacketTooLarge); filters.len()]
            }
        };
        let answered = self.answer_request(request, &reasons);
        debug_assert!(answered.is_ok(), "one reason was made for each filter");
    }

    /// Why the Server of this connection is not even asked for a filter.
    pub(super) fn refusal(&self, filter: &TopicFilter, options: SubscriptionOptions) -> Option<ReasonCode> {
        match &self.state {
            State::Connected(connection) => connection.granted.refusal(filter, options),
            _ => None,
        }
    }
}

impl super::Connected {
    fn refusal(&self, filter: &TopicFilter, options: SubscriptionOptions) -> Option<ReasonCode> {
        if self.version.is_5() && filter.as_str().starts_with("$share/") && !is_share(filter) {
            return Some(ReasonCode::TopicFilterInvalid);
        }
        if filter.shared().is_some() {
            if !self.shared_subscription_available {
                return Some(ReasonCode::SharedSubscriptionsNotSupported); // 3.2.2.3.13
            }
            if options.no_local && self.version.is_5() {
                return Some(ReasonCode::TopicFilterInvalid); // [MQTT-3.8.3-4]
            }
        }
        if !self.wildcard_subscription_available && filter.has_wildcard() {
            return Some(ReasonCode::WildcardSubscriptionsNotSupported); // 3.2.2.3.11
        }
        None
    }
}

/// `$share/`, a name without wildcards [MQTT-4.8.2-1], a slash and a filter [MQTT-4.8.2-2].
fn is_share(filter: &TopicFilter) -> bool {
    filter
        .shared()
        .is_some_and(|(name, filter)| !name.is_empty() && !name.contains(['+', '#']) && !filter.is_empty())
}

const PLACEHOLDER: PacketId = match PacketId::new(1) {
    Some(id) => id,
    None => unreachable!(),
};

const fn delivery(qos: Qos, packet_id: PacketId, dup: bool) -> Delivery {
    match qos {
        Qos::AtMostOnce => Delivery::AtMostOnce,
        Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
        Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
    }
}

/// What one connection makes of a message.
#[derive(Clone, Copy)]
struct Hop {
    version: Version,
    /// Bytes of the largest packet the Server takes.
    limit: Option<u32>,
    naming: Naming,
}

impl Hop {
    /// Appends a message and says where its identifier stands. One that is too large leaves `out` as it was.
    fn write(self, mut packet: Publish<'_>, out: &mut Vec<u8>) -> Result<usize, PublishError> {
        match self.naming {
            Naming::Plain => {}
            Naming::Set(alias) => packet.properties.topic_alias = Some(alias),
            Naming::Alias(alias) => {
                packet.topic = None;
                packet.properties.topic_alias = Some(alias);
            }
        }
        let start = out.len();
        let id_at = packet.encode(self.version, out).map_err(|e| match e {
            EncodeError::TooLong => PublishError::TooLong,
            EncodeError::NullCharacter => PublishError::NullCharacter,
        })?;
        let size = out.len() - start;
        match self.limit {
            Some(limit) if size > limit as usize => {
                out.truncate(start);
                Err(PublishError::TooLarge { size, limit: limit as usize }) // [MQTT-3.2.2-15]
            }
            _ => Ok(id_at),
        }
    }
}
