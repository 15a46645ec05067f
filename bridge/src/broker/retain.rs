//! Keeping what is published with RETAIN (3.3.1.3). Each of several shards has all of it, so that a new subscription asks
//! nobody. It knows nothing of the way through it, which `retained` does.

use std::sync::Arc;

use mqtt::TopicName;

use super::Broker;
use super::change::Change;
use super::limit::Limit;
use super::retained::{Latest, Stamp};
use super::shard::{ShardId, Told};
use super::stored::Stored;

/// No limits.
const ANY: (usize, usize) = (usize::MAX, usize::MAX);

impl Broker {
    /// Keeps a message that was published here with RETAIN. None when there is no room for it; else what the other shards are
    /// to be told.
    pub(super) fn retain(&mut self, stored: &Arc<Stored>) -> Option<Stamp> {
        let limits = (self.config.max_retained_messages, self.config.max_retained_bytes);
        let was_there = self.has_row(stored);
        if !self.retained.set(stored, limits) {
            let is_many = self.retained.len() >= limits.0 && !self.retained.has(&stored.message.topic);
            let limit = if is_many { Limit::RetainedMessages } else { Limit::RetainedBytes };
            self.counters.reached.count(limit);
            return None;
        }
        self.store_retained(stored, was_there);
        Some(self.stamp(&stored.message.topic))
    }

    /// The same for what this broker tells of itself, which takes none of the Clients' room and is not kept.
    pub(super) fn retain_sys(&mut self, stored: &Arc<Stored>) -> Stamp {
        self.sys.retained.set(stored, ANY);
        self.stamp(&stored.message.topic)
    }

    /// Keeps what another shard has taken. To find room was for that one.
    pub(super) fn retain_from_elsewhere(&mut self, stored: &Arc<Stored>, stamp: Stamp) {
        let topic = &stored.message.topic;
        let Some(latest) = &mut self.latest else { return };
        let is_latest = latest.is_latest(topic, stamp);
        if let Some(count) = latest.answer() {
            self.place.others().for_each(|to| self.out.peer(to, Told::Count { count }));
        }
        if !is_latest {
            return;
        }
        self.note_last_elsewhere(stored); // what was said here before is not the last any more
        if topic.as_str().starts_with("$SYS/") {
            self.sys.retained.set(stored, ANY);
            return;
        }
        let was_there = self.has_row(stored);
        self.retained.set(stored, ANY);
        self.store_retained(stored, was_there);
    }

    /// Another shard is so far.
    pub(super) fn count_elsewhere(&mut self, from: ShardId, count: u64) {
        if let Some(latest) = &mut self.latest {
            latest.hear(from, count);
        }
    }

    pub(super) fn expire_retained(&mut self) {
        let (is_kept, out, place, keys) = (self.keeping.is_on(), &mut self.out, self.place, self.keys);
        self.retained.expire(self.now, |topic| {
            if is_kept && place.of_name(keys, topic.as_str()) == place.shard {
                out.store(Change::RetainedGone { topic: topic.as_str().into() });
            }
        });
    }

    fn stamp(&mut self, topic: &TopicName) -> Stamp {
        self.latest.as_mut().map_or_else(Stamp::default, |latest: &mut Latest| latest.change(topic))
    }

    /// One shard alone writes what is retained for a topic: so the row that was written last is of the latest.
    fn has_row(&self, stored: &Stored) -> bool {
        let topic = &stored.message.topic;
        stored.message.payload.is_empty() && self.is_ours(topic) && self.retained.has(topic)
    }

    fn store_retained(&mut self, stored: &Arc<Stored>, was_there: bool) {
        let topic = &stored.message.topic;
        if was_there {
            self.out.store(Change::RetainedGone { topic: topic.as_str().into() });
        } else if !stored.message.payload.is_empty() && self.is_ours(topic) {
            self.out.store(Change::Retained { message: Arc::clone(stored) });
        }
    }

    fn is_ours(&self, topic: &TopicName) -> bool {
        self.keeping.is_on() && self.place.of_name(self.keys, topic.as_str()) == self.place.shard
    }
}
