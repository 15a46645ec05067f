//! From a message to who is owed it, and what is retained (3.3).

use std::collections::BTreeSet;
use std::time::Duration;

use mqtt::packet::{RetainHandling, SubscriptionOptions};
use mqtt::{Message, MessageProperties, Qos};

use super::session::{Debt, Replay, Session, Subscription};
use super::{Kept, Letter, Model, filter};

impl Model {
    /// A message of this Client is published, its will too; says to how many.
    pub(super) fn publish_message(&mut self, publisher: &str, message: &Message) -> usize {
        let expiry = message.properties.as_deref().and_then(|p| p.message_expiry_s);
        let expires = expiry.map(|secs| self.now + Duration::from_secs(u64::from(secs)));
        let properties = message.properties.as_deref().cloned().unwrap_or_default();
        let properties = MessageProperties { message_expiry_s: None, ..properties };
        if message.retain {
            let (payload, properties) = (message.payload.to_vec(), properties.clone());
            let kept = Kept { payload, qos: message.qos, expires, properties };
            self.retain(message.topic.as_str(), kept);
        }
        let clients: Vec<_> = self.sessions.keys().cloned().collect();
        let mut reached = 0;
        for client in clients {
            if let Some(debt) = self.debt(&client, publisher, message) {
                reached += 1;
                self.owe(&client, Debt { expires, properties: properties.clone(), ..debt });
            }
        }
        reached
    }

    fn retain(&mut self, topic: &str, kept: Kept) {
        if kept.payload.is_empty() {
            self.retained.remove(topic); // [MQTT-3.3.1-6]
            for session in self.sessions.values_mut() {
                for replay in session.replays.values_mut() {
                    replay.wanted.remove(topic);
                }
            }
        } else {
            self.retained.insert(topic.to_owned(), kept);
        }
    }

    /// One copy for a Session, at the highest QoS of its subscriptions that match [MQTT-3.3.4-2].
    fn debt(&self, client: &str, publisher: &str, message: &Message) -> Option<Debt> {
        let session = self.sessions.get(client)?;
        let topic = message.topic.as_str();
        let all: Vec<&Subscription> = session
            .subscriptions
            .iter()
            .filter(|(name, _)| filter::matches(name, topic))
            .map(|(_, subscription)| subscription)
            .collect();
        let is_own = client == publisher;
        let mine = || all.iter().filter(|s| !(is_own && s.options.no_local)); // [MQTT-3.8.3-3]
        let qos = mine().map(|s| s.options.qos).max()?.min(message.qos);
        let as_published = all.iter().filter(|s| s.options.retain_as_published).count();
        let retain = match (message.retain, as_published) {
            (false, _) | (_, 0) => Some(false),
            (true, some) if some == all.len() => Some(true),
            (true, _) => None,
        };
        Some(Debt {
            letter: Letter::new(topic, &message.payload),
            publisher: publisher.to_owned(),
            qos,
            retain,
            ids: mine().filter_map(|s| s.id).collect(),
            other_ids: all.iter().filter_map(|s| s.id).collect(),
            expires: None,
            properties: MessageProperties::default(),
            is_done: false,
        })
    }

    fn owe(&mut self, client: &str, debt: Debt) {
        let (limit, now) = (self.config.max_queued_messages, self.now);
        let Some(session) = self.sessions.get_mut(client) else { return };
        if debt.qos == Qos::AtMostOnce {
            if session.link.is_some() {
                session.debts.push(debt); // an absent Client misses QoS 0
            }
            return;
        }
        // What has expired keeps nothing out.
        let waiting = session.debts.iter().filter(|debt| debt.qos != Qos::AtMostOnce && debt.is_due(now));
        if waiting.count() >= limit {
            self.turned_away += 1;
        } else {
            session.debts.push(debt);
        }
    }

    pub(super) fn plan_replay(
        &mut self,
        client: &str,
        name: &str,
        options: &SubscriptionOptions,
        id: Option<u32>,
        is_new: bool,
    ) {
        let is_due = match options.retain_handling {
            RetainHandling::Send => true,        // [MQTT-3.3.1-9]
            RetainHandling::SendIfNew => is_new, // [MQTT-3.3.1-10]
            RetainHandling::DoNotSend => false,  // [MQTT-3.3.1-11]
        };
        let Some(session) = self.sessions.get_mut(client).filter(|_| is_due) else { return };
        let wanted: BTreeSet<_> =
            self.retained.keys().filter(|topic| filter::matches(name, topic)).cloned().collect();
        let replay = Replay { qos: options.qos, id, wanted };
        session.give_up_replay(name);
        session.replays.insert(name.to_owned(), replay);
    }
}

impl Session {
    /// Whether one of the new subscriptions can be bringing a retained message. Each brings a topic once.
    pub(super) fn brings(&mut self, topic: &str, qos: Qos, kept: &Kept, ids: &[u32]) -> bool {
        let fits =
            |(name, replay): &(&String, &Replay)| filter::matches(name, topic) && replay.id.as_slice() == ids;
        let now: Vec<_> = self.replays.iter().filter(fits).collect();
        let past = self.past_replays.iter().map(|(name, replay)| (name, replay)).filter(fits).count();
        let times = self.replayed.entry((topic.to_owned(), ids.to_vec())).or_default();
        *times += 1;
        *times <= now.len() + past && now.iter().any(|(_, replay)| replay.qos.min(kept.qos) == qos)
    }
}
