//! What the Server's packets do.

use super::state::State;
use super::subscriptions::{Kind, Request};
use super::{Client, Ended, Event, Farewell, Misbehaviour, Outcome, Received, Subject, owned};
use crate::codec::DecodeError;
use crate::delivery::Reception;
use crate::packet::{Ack, Disconnect, Packet, Publish, SubscriptionAck};
use crate::{Delivery, Instant, Message, MessageProperties, PacketId, ReasonCode};

/// CONNACK of a 3.1.1 Server that does not know 5.0: two bytes short of one of 5.0.
const REFUSES_5: [u8; 4] = [0x20, 2, 0, 1];

impl Client {
    pub(super) fn received(&mut self, now: Instant, bytes: &[u8]) {
        let Some(wire) = self.state.wire() else { return };
        let mut deframer = wire.deframer;
        let mut partial = std::mem::take(&mut wire.partial);
        if let Some(connection) = self.state.connection() {
            connection.keep_alive.received(now);
        }
        let joined = !partial.is_empty();
        if joined {
            partial.extend_from_slice(bytes);
        }
        let all = if joined { &partial } else { bytes };
        let mut used = 0;
        while self.state.wire().is_some() && !self.authentication.holds_back() {
            let rest = all.get(used..).unwrap_or_default();
            match deframer.next(rest) {
                Ok(None) => break,
                Ok(Some((packet, length))) => {
                    used += length;
                    if let Err(e) = self.packet(now, packet) {
                        self.say_disconnect(e.reason_code());
                        self.end(now, Ended::Misbehaved(e));
                    }
                    if self.authentication.holds_back() {
                        used -= length; // CONNACK is read again
                    }
                }
                Err(e) => self.malformed(now, rest, e),
            }
        }
        if let Some(wire) = self.state.wire() {
            if joined {
                partial.copy_within(used.., 0);
                partial.truncate(partial.len() - used);
                wire.partial = partial;
            } else {
                wire.partial = bytes.get(used..).unwrap_or_default().to_vec();
            }
        }
    }

    fn malformed(&mut self, now: Instant, bytes: &[u8], e: DecodeError) {
        if let State::AwaitConnack { .. } = self.state {
            if bytes.starts_with(&REFUSES_5) && self.may_fall_back() {
                return self.fall_back(now);
            }
        } else {
            self.say_disconnect(e.reason_code());
        }
        self.end(now, Ended::Malformed(e));
    }

    fn packet(&mut self, now: Instant, packet: Packet<'_>) -> Result<(), Misbehaviour> {
        if let State::AwaitConnack { .. } = self.state {
            return match packet {
                Packet::Connack(connack) => self.connack(now, &connack),
                Packet::Auth(auth) => self.auth(now, &auth),
                _ => Err(Misbehaviour::NoConnack), // [MQTT-3.2.0-1]
            };
        }
        match packet {
            Packet::Publish(publish) => self.publish_in(&publish),
            Packet::Puback(ack) => {
                let done = self.sender.puback(ack.packet_id);
                self.acknowledged(&ack, done.ok());
                Ok(())
            }
            Packet::Pubrec(ack) => {
                self.pubrec(&ack);
                Ok(())
            }
            Packet::Pubrel(ack) => {
                self.pubrel(ack.packet_id);
                Ok(())
            }
            Packet::Pubcomp(ack) => {
                if self.sender.pubcomp(ack.packet_id).is_ok() {
                    self.touch();
                } // one that came twice is done already
                Ok(())
            }
            Packet::Suback(ack) | Packet::Unsuback(ack) => self.answer(&ack),
            Packet::Pingresp => {
                if let Some(connection) = self.state.connection() {
                    connection.keep_alive.pong();
                }
                Ok(())
            }
            Packet::Disconnect(disconnect) if self.version.is_5() => {
                if disconnect.session_expiry.is_some() {
                    return Err(Misbehaviour::SessionExpiry); // [MQTT-3.14.2-2]
                }
                self.disconnected(now, &disconnect);
                Ok(())
            }
            Packet::Auth(auth) => self.auth(now, &auth),
            other => Err(Misbehaviour::Unexpected(other.name())),
        }
    }

    /// Every PUBLISH is answered as its QoS asks, wanted or not, at once and so in their order [MQTT-3.3.4-1],
    /// [MQTT-4.5.0-2], [MQTT3-4.5.0-2], [MQTT-4.6.0-2], [MQTT3-4.6.0-2], [MQTT-4.6.0-3], [MQTT3-4.6.0-3], by its identifier
    /// [MQTT-2.2.1-5], [MQTT3-2.3.1-6]. The answers of a Client have no words, so none is too large for the Server
    /// [MQTT-3.4.2-2], [MQTT-3.4.2-3], [MQTT-3.5.2-2], [MQTT-3.5.2-3], [MQTT-3.6.2-2], [MQTT-3.6.2-3], [MQTT-3.7.2-2],
    /// [MQTT-3.7.2-3].
    fn publish_in(&mut self, publish: &Publish<'_>) -> Result<(), Misbehaviour> {
        let Some(connection) = self.state.connection() else { return Ok(()) };
        let topic = connection.aliases_in.resolve(publish.topic, publish.properties.topic_alias)?;
        let is_new = match publish.delivery {
            Delivery::AtMostOnce if self.pressure.shedding => {
                self.pressure.shed += 1;
                false
            }
            Delivery::AtMostOnce => true,
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.write(&Packet::Puback(Ack::new(packet_id, ReasonCode::Success))); // [MQTT-4.3.2-4]
                true // whatever DUP says [MQTT-4.3.2-5]
            }
            Delivery::ExactlyOnce { packet_id, .. } => self.publish_in_once(packet_id)?,
        };
        if is_new {
            let message = Message {
                topic,
                payload: publish.payload.to_vec().into(),
                qos: publish.delivery.qos(),
                retain: publish.retain,
                properties: MessageProperties::from_packet(&publish.properties),
            };
            let subscription_ids = publish.properties.subscription_ids.clone();
            self.event(Event::Message(Received { message, dup: publish.delivery.dup(), subscription_ids }));
        }
        Ok(())
    }

    fn publish_in_once(&mut self, packet_id: PacketId) -> Result<bool, Misbehaviour> {
        let reception = self.receiver.publish(packet_id);
        let limit = usize::from(self.config.receive_maximum.max(1));
        if self.version.is_5() && self.receiver.unfinished() > limit {
            if reception == Reception::New {
                self.receiver.refuse(packet_id);
            }
            return Err(Misbehaviour::ReceiveMaximumExceeded); // [MQTT-3.3.4-9]
        }
        if reception == Reception::New {
            self.gate();
        }
        self.write(&Packet::Pubrec(Ack::new(packet_id, ReasonCode::Success))); // [MQTT-4.3.3-8]
        Ok(reception == Reception::New) // [MQTT-4.3.3-10]
    }

    fn pubrec(&mut self, ack: &Ack<'_>) {
        if ack.reason.is_error() {
            let done = self.sender.refused(ack.packet_id); // [MQTT-4.4.0-2]: no PUBREL follows
            return self.acknowledged(ack, done.ok());
        }
        let reason = match self.sender.pubrec(ack.packet_id) {
            Ok(done) => {
                if done.is_some() {
                    self.gate();
                }
                self.acknowledged(ack, done);
                ReasonCode::Success
            }
            Err(_) => ReasonCode::PacketIdentifierNotFound, // 3.6.2.1
        };
        // At once, so in the order of the PUBRECs [MQTT-4.6.0-4], [MQTT3-4.6.0-4], [MQTT-4.3.3-4].
        self.write(&Packet::Pubrel(Ack::new(ack.packet_id, reason)));
    }

    fn pubrel(&mut self, packet_id: PacketId) {
        let known = self.receiver.pubrel(packet_id);
        if known {
            self.gate();
        }
        let reason = if known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        self.write(&Packet::Pubcomp(Ack::new(packet_id, reason))); // [MQTT-4.3.3-11]
    }

    fn acknowledged(&mut self, ack: &Ack<'_>, done: Option<super::Outgoing>) {
        let Some(outgoing) = done else { return }; // acknowledged twice
        self.touch();
        self.remark(Subject::Publish(outgoing.id), ack.reason_string, &ack.user_properties);
        let outcome = if ack.reason.is_error() {
            Outcome::Refused { reason: ack.reason, reason_string: ack.reason_string.map(Into::into) }
        } else {
            Outcome::Acknowledged(ack.reason)
        };
        self.published(outgoing.id, outcome);
    }

    fn answer(&mut self, ack: &SubscriptionAck<'_>) -> Result<(), Misbehaviour> {
        if self.sender.answered(ack.packet_id).is_err() {
            return Ok(()); // answered twice
        }
        let Some(request) = self.subscriptions.take(ack.packet_id) else { return Ok(()) };
        if let Some(id) = request.id {
            self.remark(Subject::Request(id), ack.reason_string, &ack.user_properties);
        }
        self.answer_request(request, &ack.reasons)
    }

    /// Joins the Server's reasons with those that were clear before the request was sent.
    pub(super) fn answer_request(
        &mut self,
        request: Request,
        sent: &[ReasonCode],
    ) -> Result<(), Misbehaviour> {
        self.touch();
        match request.kind {
            Kind::Subscribe { filters, subscription_id, .. } => {
                let mut sent = sent.iter().copied();
                let mut reasons = Vec::with_capacity(filters.len());
                for (filter, options) in &filters {
                    let reason = self.refusal(filter, *options).or_else(|| sent.next());
                    let reason = reason.ok_or(Misbehaviour::ReasonCount)?; // [MQTT-3.8.4-6]
                    self.subscriptions.answered(filter, *options, subscription_id, reason);
                    if request.id.is_none() && reason.is_error() {
                        self.subscriptions.remove(std::slice::from_ref(filter));
                        self.event(Event::SubscriptionLost { filter: filter.clone(), reason });
                    }
                    reasons.push(reason);
                }
                if sent.next().is_some() {
                    return Err(Misbehaviour::ReasonCount);
                }
                if let Some(id) = request.id {
                    self.event(Event::Subscribed { id, reasons });
                }
            }
            Kind::Unsubscribe { filters, .. } => {
                let mut reasons = sent.to_vec();
                if !self.version.is_5() {
                    reasons = vec![ReasonCode::Success; filters.len()];
                }
                if reasons.len() != filters.len() {
                    return Err(Misbehaviour::ReasonCount); // [MQTT-3.11.3-2]
                }
                self.subscriptions.remove(&filters);
                if let Some(id) = request.id {
                    self.event(Event::Unsubscribed { id, reasons });
                }
            }
        }
        Ok(())
    }

    /// Tells the words that came with a reason, if any did.
    pub(super) fn remark(&mut self, about: Subject, reason_string: Option<&str>, pairs: &[(&str, &str)]) {
        if reason_string.is_some() || !pairs.is_empty() {
            let reason_string = reason_string.map(Into::into);
            self.event(Event::Remark { about, reason_string, user_properties: owned(pairs) });
        }
    }

    fn disconnected(&mut self, now: Instant, disconnect: &Disconnect<'_>) {
        let farewell = Farewell {
            reason: disconnect.reason,
            reason_string: disconnect.reason_string.map(Into::into),
            server_reference: disconnect.server_reference.map(Into::into),
            user_properties: owned(&disconnect.user_properties),
        };
        let why = match disconnect.reason {
            ReasonCode::SessionTakenOver => Ended::TakenOver(farewell),
            _ => Ended::Disconnected(farewell),
        };
        self.end(now, why);
    }
}
