//! What each packet of a Client leads to.

use std::num::NonZeroU32;

use mqtt::packet::{Ack, Disconnect, Publish, Subscribe, Unsubscribe};
use mqtt::{Delivery, Message, Packet, ReasonCode, SessionExpiry, TopicName};

use super::Model;
use super::session::{Session, Step, Subscription};
use crate::link::LinkKey;

impl Model {
    /// A packet goes into the broker.
    pub(crate) fn take(&mut self, link: LinkKey, packet: &Packet<'_>) {
        let now = self.now;
        let Some(live) = self.live_mut(link) else {
            let Some(line) = self.lines.get(&link) else { return };
            return match packet {
                _ if matches!(line.state, super::State::Closing) => {}
                Packet::Connect(connect) => self.connect(link, connect),
                _ => self.end(link, true), // [MQTT-3.1.0-1]
            };
        };
        live.last_heard = now;
        let client = live.client.clone();
        match packet {
            Packet::Publish(publish) => self.publish(link, &client, publish),
            Packet::Puback(ack) => self.puback(link, &client, ack.packet_id.get()),
            Packet::Pubrec(ack) => self.pubrec(link, &client, ack),
            Packet::Pubrel(ack) => self.pubrel(link, &client, ack.packet_id.get()),
            Packet::Pubcomp(ack) => self.pubcomp(link, &client, ack.packet_id.get()),
            Packet::Subscribe(subscribe) => self.subscribe(link, &client, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(link, &client, unsubscribe),
            Packet::Pingreq => self.answer(link, "PINGRESP", 0, Vec::new()),
            Packet::Disconnect(disconnect) => self.disconnect(link, &client, disconnect),
            _ => self.end(link, true),
        }
    }

    fn publish(&mut self, link: LinkKey, client: &str, publish: &Publish<'_>) {
        let Some(topic) = self.topic_of(link, publish) else { return self.end(link, true) };
        let message = Message {
            topic,
            payload: publish.payload.to_vec().into(),
            qos: publish.delivery.qos(),
            retain: publish.retain,
            properties: mqtt::MessageProperties::from_packet(&publish.properties),
        };
        match publish.delivery {
            Delivery::AtMostOnce => drop(self.accept(link, client, &message)),
            Delivery::AtLeastOnce { packet_id, .. } => {
                if self.is_over_window(link, client) {
                    return self.end(link, true); // [MQTT-3.3.4-7]
                }
                let reason = self.accept(link, client, &message);
                self.answer(link, "PUBACK", packet_id.get(), vec![reason]); // [MQTT-4.3.2-4]
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                let is_over = self.is_over_window(link, client);
                let Some(session) = self.sessions.get_mut(client) else { return };
                let id = packet_id.get();
                let mut reason = ReasonCode::Success; // also when it is repeated [MQTT-4.3.3-10]
                session.received_before.remove(&id);
                if !session.receiving.contains(&id) {
                    if is_over {
                        return self.end(link, true); // [MQTT-3.3.4-7]
                    }
                    reason = self.accept(link, client, &message);
                    if let Some(session) = self.sessions.get_mut(client).filter(|_| !reason.is_error()) {
                        session.receiving.insert(id);
                        if self.keeps {
                            session.kept_receiving.insert(id);
                        }
                    }
                }
                self.answer(link, "PUBREC", id, vec![reason]); // [MQTT-4.3.3-8]
            }
        }
    }

    /// Whether as many messages are unfinished on this connection as may be.
    fn is_over_window(&self, link: LinkKey, client: &str) -> bool {
        let is_5 = self.live(link).is_some_and(|live| live.version.is_5());
        let unfinished = |session: &Session| session.receiving.difference(&session.received_before).count();
        let unfinished = self.sessions.get(client).map_or(0, unfinished);
        is_5 && unfinished >= usize::from(self.config.receive_maximum)
    }

    /// Publishes, unless the topic is the Server's own or nobody has room for it, and says what the Client is told.
    fn accept(&mut self, link: LinkKey, client: &str, message: &Message) -> ReasonCode {
        let instance = self.sessions.get(client).map_or(0, |session| session.instance);
        let turned_away = self.turned_away;
        self.keeps = false;
        let reason = if message.topic.as_str().starts_with("$SYS/") {
            ReasonCode::NotAuthorized
        } else {
            match self.publish_message(client, message) {
                0 => ReasonCode::NoMatchingSubscribers,
                reached if reached as u64 == self.turned_away - turned_away && !message.retain => {
                    ReasonCode::QuotaExceeded
                }
                _ => ReasonCode::Success,
            }
        };
        let said = self.as_said(link, reason);
        if !said.is_error() {
            self.ledger.taken(instance, &message.payload, self.keeps);
        }
        said
    }

    /// 3.1.1 has no words but success.
    fn as_said(&self, link: LinkKey, reason: ReasonCode) -> ReasonCode {
        if self.live(link).is_some_and(|live| live.version.is_5()) { reason } else { ReasonCode::Success }
    }

    fn topic_of(&mut self, link: LinkKey, publish: &Publish<'_>) -> Option<TopicName> {
        let limit = self.config.topic_alias_maximum;
        let live = self.live_mut(link)?;
        let Some(alias) = publish.properties.topic_alias else { return Some(publish.topic?.to_shared()) };
        if alias == 0 || alias > limit {
            return None; // [MQTT-3.3.2-8], [MQTT-3.3.2-9]
        }
        if let Some(topic) = publish.topic {
            live.aliases.insert(alias, topic.to_shared());
        }
        live.aliases.get(&alias).cloned()
    }

    fn puback(&mut self, link: LinkKey, client: &str, id: u16) {
        let Some(session) = self.sessions.get_mut(client) else { return };
        if session.flight(id).is_some_and(|flight| flight.step == Step::Puback) {
            session.landed(id);
            self.acknowledged(link, id);
        }
    }

    fn pubrec(&mut self, link: LinkKey, client: &str, ack: &Ack<'_>) {
        let id = ack.packet_id.get();
        let Some(session) = self.sessions.get_mut(client) else { return };
        let step = session.flight(id).map(|flight| flight.step);
        if ack.reason.is_error() {
            if step == Some(Step::Pubrec) {
                session.landed(id); // [MQTT-4.3.3-4]
                self.acknowledged(link, id);
            }
            return;
        }
        let is_known = matches!(step, Some(Step::Pubrec | Step::Pubcomp));
        if let Some(flight) = session.flight(id).filter(|_| is_known) {
            flight.step = Step::Pubcomp;
        }
        let reason = if is_known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        let reason = self.as_said(link, reason);
        self.answer(link, "PUBREL", id, vec![reason]);
    }

    fn pubrel(&mut self, link: LinkKey, client: &str, id: u16) {
        let release = |session: &mut Session| {
            session.kept_receiving.remove(&id);
            session.receiving.remove(&id)
        };
        let is_known = self.sessions.get_mut(client).is_some_and(release);
        let reason = if is_known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        let reason = self.as_said(link, reason);
        self.answer(link, "PUBCOMP", id, vec![reason]); // [MQTT-4.3.3-11]
    }

    fn pubcomp(&mut self, link: LinkKey, client: &str, id: u16) {
        let Some(session) = self.sessions.get_mut(client) else { return };
        if session.flight(id).is_some_and(|flight| flight.step == Step::Pubcomp) {
            session.landed(id);
            self.acknowledged(link, id);
        }
    }

    fn acknowledged(&mut self, link: LinkKey, id: u16) {
        if let Some(live) = self.live_mut(link) {
            live.unacknowledged.remove(&id);
        }
    }

    fn subscribe(&mut self, link: LinkKey, client: &str, subscribe: &Subscribe<'_>) {
        let id = subscribe.subscription_id.and_then(NonZeroU32::new).map(NonZeroU32::get);
        let mut reasons = Vec::new();
        for (filter, options) in &subscribe.filters {
            let subscription = Subscription { options: *options, id };
            let Some(session) = self.sessions.get_mut(client) else { return };
            let is_new = session.subscriptions.insert(filter.as_str().to_owned(), subscription).is_none();
            if !is_new {
                session.note_former(filter.as_str());
            }
            self.plan_replay(client, filter.as_str(), options, id, is_new);
            reasons.push(match options.qos {
                mqtt::Qos::AtMostOnce => ReasonCode::Success,
                mqtt::Qos::AtLeastOnce => ReasonCode::GrantedQos1,
                mqtt::Qos::ExactlyOnce => ReasonCode::GrantedQos2,
            });
        }
        self.answer(link, "SUBACK", subscribe.packet_id.get(), reasons); // [MQTT-3.8.4-1]
    }

    fn unsubscribe(&mut self, link: LinkKey, client: &str, unsubscribe: &Unsubscribe<'_>) {
        let is_5 = self.live(link).is_some_and(|live| live.version.is_5());
        let Some(session) = self.sessions.get_mut(client) else { return };
        let mut reasons = Vec::new();
        for filter in &unsubscribe.filters {
            session.give_up_replay(filter.as_str());
            session.note_former(filter.as_str());
            reasons.push(match session.subscriptions.remove(filter.as_str()) {
                Some(_) => ReasonCode::Success,
                None => ReasonCode::NoSubscriptionExisted,
            });
        }
        self.find_orphans();
        if !is_5 {
            reasons.clear();
        }
        self.answer(link, "UNSUBACK", unsubscribe.packet_id.get(), reasons); // [MQTT-3.10.4-4]
    }

    fn disconnect(&mut self, link: LinkKey, client: &str, disconnect: &Disconnect<'_>) {
        let limit = self.config.max_session_expiry_s;
        if let (Some(session), Some(expiry)) = (self.sessions.get_mut(client), disconnect.session_expiry) {
            if session.expiry == SessionExpiry::AtDisconnect && expiry != SessionExpiry::AtDisconnect {
                return self.end(link, true); // [MQTT-3.14.2-2]
            }
            session.expiry = SessionExpiry::from_secs(expiry.as_secs().min(limit));
        }
        self.end(link, disconnect.reason != ReasonCode::Success); // [MQTT-3.14.4-3]
    }
}
