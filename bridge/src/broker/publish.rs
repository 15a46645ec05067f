//! PUBLISH from a Client (3.3).

use std::sync::Arc;

use mqtt::delivery::Reception;
use mqtt::packet::{Ack, Publish};
use mqtt::{Delivery, MAX_LEVELS, PacketId, Qos, ReasonCode, TopicName, Version};

use super::cross::Fate;
use super::io::Fault;
use super::limit::Limit;
use super::route::Routed;
use super::subscriptions::{Audience, Member};
use super::{Broker, ConnectionId, Excess, Notice, SessionId};

/// The disk is full, or as much is retained as is allowed.
pub(super) const NO_ROOM: &str = "there is no room to keep the message";

impl Broker {
    pub(super) fn publish(&mut self, id: ConnectionId, publish: &Publish<'_>) -> Result<(), Fault> {
        self.counters.messages_received += 1;
        self.counters.payload_bytes_received += publish.payload.len() as u64;
        if !publish.properties.subscription_ids.is_empty() {
            return Err(Fault::protocol(
                "a PUBLISH of a client has a subscription identifier [MQTT-3.3.4-6]",
            ));
        }
        self.check_abilities(publish)?;
        let alias;
        let topic = match (publish.topic, publish.properties.topic_alias) {
            (Some(topic), None) => topic,
            // All that we announced are taken [MQTT-3.3.2-12].
            (topic, Some(number)) => {
                alias = self.resolve_alias(id, topic, number)?;
                alias.borrowed()
            }
            (None, None) => {
                return Err(Fault::protocol("PUBLISH has neither a topic nor a topic alias (3.3.2.1)"));
            }
        };
        let Some((session, version)) = self.client(id) else { return Ok(()) };
        // Answered as the QoS asks [MQTT-3.3.4-1].
        match publish.delivery {
            Delivery::AtMostOnce => {
                if let Err(reason) = self.accept(session, topic, publish) {
                    self.note_refusal(session, topic, reason);
                }
            }
            // Each time a new message, with DUP or without [MQTT-4.3.2-5].
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.check_window(session, version, packet_id)?;
                if let Some(reason) = self.answer(session, version, topic, publish)? {
                    let (what, holds) = ((packet_id, Qos::AtLeastOnce), self.out.has_claims());
                    self.answer_in_turn((id, session), what, reason, holds);
                }
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                if let Some(reason) =
                    self.publish_exactly_once(session, version, topic, publish, packet_id)?
                {
                    // One that is repeated may still be on its way to the disk.
                    let holds = self.out.has_claims() || self.is_kept_received(session, packet_id);
                    self.answer_in_turn((id, session), (packet_id, Qos::ExactlyOnce), reason, holds);
                }
            }
        }
        Ok(())
    }

    fn publish_exactly_once(
        &mut self,
        session_id: SessionId,
        version: Version,
        topic: TopicName<&str>,
        publish: &Publish<'_>,
        packet_id: PacketId,
    ) -> Result<Option<ReasonCode>, Fault> {
        self.check_window(session_id, version, packet_id)?;
        let Some(session) = self.session(session_id) else { return Ok(Some(ReasonCode::UnspecifiedError)) };
        if session.receiver.publish(packet_id) == Reception::Repeated {
            let waits = self.is_answered_later(session_id, packet_id);
            return Ok(Some(ReasonCode::Success).filter(|_| !waits)); // [MQTT-4.3.3-10]
        }
        let answer = self.answer(session_id, version, topic, publish);
        match answer {
            Ok(None) => {}
            Ok(Some(reason)) if !reason.is_error() => self.keep_received(session_id, packet_id),
            Ok(Some(_)) | Err(_) => {
                if let Some(session) = self.session(session_id) {
                    session.receiver.refuse(packet_id); // [MQTT-4.3.3-9]
                }
            }
        }
        answer
    }

    /// Whether one more message may be unfinished. One of QoS 1 is finished at once, but counts until it is.
    fn check_window(
        &mut self,
        session: SessionId,
        version: Version,
        packet_id: PacketId,
    ) -> Result<(), Fault> {
        let tolerates = !version.is_5() || self.config.receive_maximum_excess == Excess::Tolerate;
        let Some(session) = self.session(session) else { return Ok(()) };
        let window = usize::from(session.receive_maximum);
        if session.receiver.unfinished() < window || tolerates || session.receiver.contains(packet_id) {
            return Ok(());
        }
        let why = "more messages at once than our receive maximum [MQTT-3.3.4-7]";
        Err(Fault::new(ReasonCode::ReceiveMaximumExceeded, why).over(Limit::ReceiveMaximum))
    }

    /// Accepts a message that is acknowledged, and says with which reason; none when other shards are to say so.
    fn answer(
        &mut self,
        session: SessionId,
        version: Version,
        topic: TopicName<&str>,
        publish: &Publish<'_>,
    ) -> Result<Option<ReasonCode>, Fault> {
        let accepted = self.accept(session, topic, publish);
        self.keeping.flush(&mut self.out); // the acknowledgement claims it
        match accepted {
            Ok(fate) => Ok(fate.map(|fate| fate.reason(version.is_5(), publish.retain))),
            Err(reason) => {
                self.note_refusal(session, topic, reason);
                match (version.is_5(), reason) {
                    (true, _) => Ok(Some(reason)),
                    // What may go well another time ends a connection of 3.x; its Client will try again [MQTT3-4.8.0-2].
                    (false, ReasonCode::QuotaExceeded) => Err(Fault::new(reason, NO_ROOM)),
                    // 3.x has no word for a refusal, so the message is acknowledged and dropped [MQTT3-3.3.5-2].
                    (false, _) => Ok(Some(ReasonCode::Success)),
                }
            }
        }
    }

    /// Retains and routes a message; says what has become of it, or nothing when other shards are to do so.
    fn accept(
        &mut self,
        from: SessionId,
        topic: TopicName<&str>,
        publish: &Publish<'_>,
    ) -> Result<Option<Fate>, ReasonCode> {
        self.may_publish(from, topic, publish)?;
        if let Some(limit) = self.limit_of_topic(topic.text()) {
            self.counters.reached.count(limit);
            return Err(ReasonCode::TopicNameInvalid);
        }
        if self.config.check_payload_format
            && publish.properties.payload_is_utf8 == Some(true)
            && std::str::from_utf8(publish.payload).is_err()
        {
            self.counters.reached.count(Limit::PayloadFormat);
            return Err(ReasonCode::PayloadFormatInvalid); // 3.3.2.3.2; of QoS 0 it is dropped and counted
        }
        let audience = self.audience(topic);
        if self.keeping.is_full && self.must_keep(publish, &audience) {
            return Err(ReasonCode::QuotaExceeded);
        }
        let mut routed = Routed::new(topic, publish, self.now);
        let mut stamp = None;
        // [MQTT-3.3.1-5]; without the flag what is retained stays [MQTT-3.3.1-8].
        if publish.retain {
            let stored = routed.stored(&audience.topic, &mut self.spare);
            stamp = Some(self.retain(&stored).ok_or(ReasonCode::QuotaExceeded)?);
        }
        if self.last.is_on() {
            let stored = routed.stored(&audience.topic, &mut self.spare);
            self.note_last(&stored);
        }
        if !self.place.is_alone() && publish.delivery.qos() == Qos::ExactlyOnce {
            self.keeping.put_aside();
        }
        let turned_away = self.counters.dropped_queue_full;
        let reached = self.route(Some(from), &mut routed, &audience);
        let here = Fate::of(reached, self.counters.dropped_queue_full - turned_away);
        if self.place.is_alone() {
            return Ok(Some(here));
        }
        if audience.peers.is_empty() && self.leaving.is_empty() && stamp.is_none() {
            let rows = self.keeping.take_aside(&mut self.out);
            self.out.store_all(rows);
            return Ok(Some(here));
        }
        Ok(self.cross(from, &mut routed, &audience, (here, stamp)))
    }

    /// Whether this message must be known after a restart.
    fn must_keep(&self, publish: &Publish<'_>, audience: &Audience) -> bool {
        // What other shards would keep of it is theirs to refuse.
        let is_owed =
            || !audience.shares.is_empty() || audience.members.iter().any(|member| self.is_kept(member));
        (publish.retain && !publish.payload.is_empty())
            || (publish.delivery.qos() != Qos::AtMostOnce && is_owed())
    }

    /// Whether its Session is one that keeps what comes.
    pub(super) fn is_kept(&self, member: &Member) -> bool {
        member.wanted().qos != Qos::AtMostOnce && self.session_number(member.session) != 0
    }

    fn check_abilities(&self, publish: &Publish<'_>) -> Result<(), Fault> {
        if publish.delivery.qos() > self.config.max_qos {
            let why = "a higher QoS than we take [MQTT-3.2.2-11]";
            return Err(Fault::new(ReasonCode::QosNotSupported, why).over(Limit::Qos));
        }
        if publish.retain && !self.config.retain_available {
            let why = "we do not retain messages [MQTT-3.2.2-14]";
            return Err(Fault::new(ReasonCode::RetainNotSupported, why).over(Limit::Retain));
        }
        Ok(())
    }

    /// The limit that a Topic Name or Topic Filter has reached. Its levels are counted only where fewer are allowed than the
    /// protocol takes.
    pub(super) fn limit_of_topic(&self, text: &str) -> Option<Limit> {
        let (bytes, levels) = (self.config.max_topic_bytes, self.config.max_topic_levels);
        if text.len() > bytes {
            return Some(Limit::TopicBytes);
        }
        (levels < MAX_LEVELS && text.split('/').count() > levels).then_some(Limit::TopicLevels)
    }

    /// What a topic alias stands for; with a topic it is set to that (3.3.2.3.4).
    fn resolve_alias(
        &mut self,
        id: ConnectionId,
        topic: Option<TopicName<&str>>,
        alias: u16,
    ) -> Result<TopicName, Fault> {
        let unknown = Fault::protocol("a topic alias that was never set (3.3.2.3.4)");
        let Some(live) = self.connection(id).and_then(|c| c.live()) else { return Err(unknown) };
        if alias == 0 || alias > live.topic_alias_maximum {
            let why = "a topic alias of zero or over our maximum [MQTT-3.3.2-8], [MQTT-3.3.2-9]";
            let fault = Fault::new(ReasonCode::TopicAliasInvalid, why);
            return Err(if alias == 0 { fault } else { fault.over(Limit::TopicAlias) });
        }
        let at = usize::from(alias) - 1;
        let aliases = &mut live.aliases;
        let Some(topic) = topic else {
            return aliases.get(at).cloned().flatten().ok_or(unknown);
        };
        if aliases.len() <= at {
            aliases.resize(at + 1, None);
        }
        let topic = topic.to_shared();
        if let Some(slot) = aliases.get_mut(at) {
            *slot = Some(topic.clone());
        }
        Ok(topic)
    }

    pub(super) fn client(&mut self, id: ConnectionId) -> Option<(SessionId, Version)> {
        let live = self.connection(id)?.live()?;
        Some((live.session, live.version))
    }

    /// Counts a publication that was refused, and tells the operator.
    pub(super) fn note_refusal(&mut self, session: SessionId, topic: TopicName<&str>, reason: ReasonCode) {
        self.counters.publications_refused += 1;
        let by = self.whose_refusal(session, topic.text());
        if let Some(session) = self.sessions.get(session.0 as usize) {
            let by = if reason == ReasonCode::NotAuthorized { &*by } else { "" };
            let what = format!("publish to {topic}{by}");
            self.out.notice(Notice::Refused { client_id: Arc::clone(&session.client_id), what, reason });
        }
    }
}

/// PUBACK or PUBREC with the message's identifier [MQTT-2.2.1-5]; a refusal says in words what is wrong.
pub(super) fn with_words<'a>(packet_id: PacketId, reason: ReasonCode) -> Ack<'a> {
    let why = if reason.is_error() { why_refused(reason) } else { None };
    Ack { reason_string: why, ..Ack::new(packet_id, reason) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a publication is refused for these alone")]
const fn why_refused(reason: ReasonCode) -> Option<&'static str> {
    match reason {
        ReasonCode::NotAuthorized => {
            Some("no right: the topic belongs to the server, or its rules do not allow it")
        }
        ReasonCode::QuotaExceeded => Some(NO_ROOM),
        ReasonCode::TopicNameInvalid => Some("the topic is longer or deeper than is allowed"),
        ReasonCode::PayloadFormatInvalid => Some("the payload is not the UTF-8 it says it is"),
        _ => None,
    }
}
