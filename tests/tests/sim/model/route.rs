//! From a message to who is owed it, and what is retained (3.3).

use std::collections::BTreeSet;
use std::time::Duration;

use bridge::broker::Overlapping;
use mqtt::packet::{RetainHandling, SubscriptionOptions};
use mqtt::{Message, MessageProperties, Qos};

use super::session::{Debt, Replay, Session, Subscription};
use super::share::shared_filter;
use super::size::size;
use super::{Kept, Letter, Model, filter};

impl Model {
    /// A message of this Client is published, its will too; says to how many.
    pub(super) fn publish_message(&mut self, publisher: &str, message: &Message) -> usize {
        let expiry = message.properties.as_deref().and_then(|p| p.message_expiry_s);
        let expires = expiry.map(|secs| self.now + Duration::from_secs(u64::from(secs)));
        let properties = message.properties.as_deref().cloned().unwrap_or_default();
        let properties = MessageProperties { message_expiry_s: None, ..properties };
        if message.retain {
            self.keeps |= !message.payload.is_empty() || self.retained.contains_key(message.topic.as_str());
            let (payload, properties) = (message.payload.to_vec(), properties.clone());
            let kept = Kept { payload, qos: message.qos, expires, properties };
            self.retain(message.topic.as_str(), kept);
        }
        let clients: Vec<_> = self.sessions.keys().cloned().collect();
        let mut reached = 0;
        for client in clients {
            for debt in self.debts(&client, publisher, message) {
                reached += 1;
                let size = size(&debt.letter, debt.qos, &debt.ids, expires.is_some(), &properties);
                self.owe(&client, Debt { expires, size, properties: properties.clone(), ..debt });
            }
        }
        reached + self.share_message(message, &properties)
    }

    fn retain(&mut self, topic: &str, kept: Kept) {
        if kept.payload.is_empty() {
            self.retained.remove(topic); // [MQTT-3.3.1-6]
            self.was_not_retained(topic);
        } else {
            for session in self.sessions.values() {
                let replays = session.replays.iter().filter(|(name, _)| filter::matches(name, topic));
                let large = replays.filter(|(_, replay)| session.is_kept_too_large(topic, &kept, replay));
                self.too_large.perhaps += large.count() as u64;
            }
            if let Some(old) = self.retained.get(topic) {
                // Where it is too large, its turn may be over.
                for session in self.sessions.values_mut() {
                    let mut replays = std::mem::take(&mut session.replays);
                    let large = replays.values_mut().filter(|r| session.is_kept_too_large(topic, old, r));
                    large.for_each(|replay| _ = replay.wanted.remove(topic));
                    session.replays = replays;
                }
            }
            self.retained.insert(topic.to_owned(), kept);
        }
    }

    /// For a moment there was nothing: a replay may have passed the place then.
    pub(super) fn was_not_retained(&mut self, topic: &str) {
        for replay in self.sessions.values_mut().flat_map(|session| session.replays.values_mut()) {
            replay.wanted.remove(topic);
        }
    }

    /// One copy for a Session, at the highest QoS of its subscriptions that match [MQTT-3.3.4-2], or one for each.
    fn debts(&self, client: &str, publisher: &str, message: &Message) -> Vec<Debt> {
        let Some(session) = self.sessions.get(client) else { return Vec::new() };
        let (topic, is_own) = (message.topic.as_str(), client == publisher);
        let matching = session.subscriptions.iter().filter(|(name, _)| filter::matches(name, topic));
        let mine: Vec<_> = matching
            .map(|(_, subscription)| subscription)
            .filter(|subscription| !(is_own && subscription.options.no_local)) // [MQTT-3.8.3-3]
            .collect();
        let at_once = match self.config.overlapping {
            Overlapping::One => mine.len().max(1),
            Overlapping::Each => 1,
        };
        mine.chunks(at_once).filter_map(|chunk| debt_of(chunk, publisher, message)).collect()
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
        let counts = |debt: &&Debt| debt.qos != Qos::AtMostOnce && debt.is_due(now) && !debt.is_doubtful;
        let waiting = session.debts.iter().filter(counts);
        if waiting.count() >= limit {
            self.turned_away += 1;
        } else {
            self.keeps |= session.is_kept() && !session.is_too_large(&debt);
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
            _ if shared_filter(name).is_some() => false, // 3.8.4
            RetainHandling::Send => true,                // [MQTT-3.3.1-9]
            RetainHandling::SendIfNew => is_new,         // [MQTT-3.3.1-10]
            RetainHandling::DoNotSend => false,          // [MQTT-3.3.1-11]
        };
        let Some(session) = self.sessions.get_mut(client).filter(|_| is_due) else { return };
        let wanted: BTreeSet<_> =
            self.retained.keys().filter(|topic| filter::matches(name, topic)).cloned().collect();
        let replay = Replay { qos: options.qos, id, wanted: wanted.clone() };
        let large =
            wanted.iter().filter(|topic| session.is_kept_too_large(topic, &self.retained[*topic], &replay));
        self.too_large.perhaps += large.count() as u64;
        session.give_up_replay(name);
        session.replays.insert(name.to_owned(), replay);
    }
}

/// What subscriptions of one Session make of a message, taken together.
fn debt_of(subscriptions: &[&Subscription], publisher: &str, message: &Message) -> Option<Debt> {
    let all = || subscriptions.iter();
    let mut ids: Vec<_> = all().filter_map(|s| s.id).collect();
    ids.sort_unstable();
    Some(Debt {
        letter: Letter::new(message.topic.as_str(), &message.payload),
        publisher: publisher.to_owned(),
        qos: all().map(|s| s.options.qos).max()?.min(message.qos),
        retain: message.retain && all().any(|s| s.options.retain_as_published),
        ids,
        expires: None,
        properties: MessageProperties::default(),
        size: 0,
        may_be_gone: false,
        is_doubtful: false,
        is_done: false,
    })
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
