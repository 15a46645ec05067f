//! The last message of each topic, whether it is retained or not: for a page that was just opened, and for scripts.
//!
//! It is kept only where that is asked for (`max_last_values`), within a bound of topics and one of bytes; at a bound what was
//! said longest ago makes room. Each of several shards has what was published to it, so whoever asks asks all of them; what two
//! of them heard about one topic in one millisecond has no order, and an empty message that is not retained makes only its own
//! shard forget.
//! Nothing of this outlives the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, TopicFilter, TopicName};

use super::hash::{KeyedMap, Keys};
use super::limit::{Limit, Reached};
use super::retained::{Replay, Retained, Step};
use super::rules::{Action, Subject};
use super::stored::Stored;
use super::{Broker, Identity, Payload, Peer};

/// Topics that one question may look at, also those that it may not read: meanwhile others wait.
const STEPS: u32 = 100_000;

/// The last message of a topic.
#[derive(Clone, Debug)]
pub struct LastValue {
    /// Its topic.
    pub topic: TopicName,
    /// What it says.
    pub payload: Payload,
    /// When it came; none when that was before the start, or is not kept.
    pub at: Option<Instant>,
    /// Whether it is the retained message of its topic.
    pub retained: bool,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct LastAsked {
    /// Who asks, as was proved; none is whoever comes without.
    pub who: Option<Arc<Identity>>,
    /// From where.
    pub peer: Peer,
    /// Of which topics.
    pub filters: Vec<TopicFilter>,
    /// Messages in the answer.
    pub max_messages: usize,
    /// Bytes of their topics and payloads.
    pub max_bytes: usize,
    /// Also what is retained, which every shard has: so one of them is enough.
    pub with_retained: bool,
}

/// What there is of it.
#[derive(Clone, Debug, Default)]
pub struct LastFound {
    /// In the order of the filters, then of the topics.
    pub values: Vec<LastValue>,
    /// There was more than was to be in the answer.
    pub is_cut: bool,
    /// Filters that this one may read nothing of.
    pub refused: Vec<TopicFilter>,
}

/// The memory of last messages. Empty where nobody wants it.
#[derive(Debug)]
pub(super) struct Last {
    kept: Retained,
    heard: KeyedMap<TopicName, (Instant, u64)>,
    by_age: BTreeMap<u64, TopicName>,
    said: u64,
}

impl Last {
    pub(super) fn new(keys: Keys) -> Self {
        let heard = KeyedMap::with_hasher(keys);
        Self { kept: Retained::default(), heard, by_age: BTreeMap::new(), said: 0 }
    }

    /// Something was said. `limits` are topics and bytes.
    fn note(&mut self, now: Instant, stored: &Arc<Stored>, limits: (usize, usize), reached: &mut Reached) {
        let topic = &stored.message.topic;
        self.forget(topic);
        if stored.message.payload.is_empty() {
            return;
        }
        if stored.message.size() > limits.1 {
            return reached.count(Limit::LastValueBytes);
        }
        while !self.kept.set(stored, limits) {
            let is_many = self.kept.len() >= limits.0;
            reached.count(if is_many { Limit::LastValues } else { Limit::LastValueBytes });
            self.make_room();
        }
        self.said += 1;
        self.heard.insert(topic.clone(), (now, self.said));
        self.by_age.insert(self.said, topic.clone());
    }

    /// Keeps no more than this.
    pub(super) fn shrink(&mut self, (topics, bytes): (usize, usize)) {
        while self.kept.len() > topics || self.kept.bytes() > bytes {
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        if let Some((_, topic)) = self.by_age.first_key_value() {
            let topic = topic.clone();
            self.forget(&topic);
        }
    }

    /// Another shard has something later.
    pub(super) fn forget(&mut self, topic: &TopicName) {
        if let Some((_, number)) = self.heard.remove(topic) {
            self.by_age.remove(&number);
            self.kept.remove(topic);
        }
    }
}

impl Broker {
    /// Keeps what was just published here as the last of its topic, where that is wanted.
    pub(super) fn note_last(&mut self, stored: &Arc<Stored>) {
        if stored.message.topic.is_reserved() {
            return; // what we tell of ourselves is retained, and nobody's news
        }
        let limits = (self.config.max_last_values, self.config.max_last_value_bytes);
        self.last.note(self.now, stored, limits, &mut self.counters.reached);
    }

    /// Whether the last message of each topic is kept, though it is not retained.
    #[must_use]
    pub const fn remembers(&self) -> bool {
        self.config.max_last_values > 0
    }

    /// Whether somebody may ask at all.
    #[must_use]
    pub fn may_ask(&self, asked: &LastAsked) -> bool {
        asked.who.is_some() || self.config.anonymous.connect(&asked.peer).is_ok()
    }

    /// What was said last, as far as whoever asks may read it: the same is asked as at a subscription, and of each message again.
    #[must_use]
    pub fn last(&self, now: Instant, asked: &LastAsked) -> LastFound {
        let mut found = LastFound::default();
        let (rules, users) = (&self.config.rules, &self.config.users);
        let identity = asked.who.as_deref();
        let who = Subject {
            user: identity.map(|who| &*who.user),
            client_id: "",
            grant: identity.and_then(|who| who.grant.as_deref()),
        };
        let (mut bytes, mut steps) = (0, STEPS);
        for filter in &asked.filters {
            if !rules.judge_filter(users, who, filter.as_str()).allows() {
                found.refused.push(filter.clone());
                continue;
            }
            let sources: &[&Retained] = match asked.with_retained {
                true => &[&self.last.kept, &self.retained, &self.sys.retained],
                false => &[&self.last.kept],
            };
            for (number, source) in sources.iter().enumerate() {
                let mut replay = Replay::new(filter.clone(), SubscriptionOptions::default(), None);
                loop {
                    let stored = match source.next(&mut replay, &mut steps) {
                        Step::Found(stored) => stored,
                        Step::Done => break,
                        Step::Later => {
                            found.is_cut = true;
                            return found;
                        }
                    };
                    steps = steps.saturating_sub(1).max(1);
                    let message = &stored.message;
                    let may = rules.judge(users, who, Action::Read, message.topic.as_str()).allows();
                    if !may || stored.is_expired(now) {
                        continue;
                    }
                    bytes += message.size();
                    if found.values.len() >= asked.max_messages || bytes > asked.max_bytes {
                        found.is_cut = true;
                        return found;
                    }
                    let heard = self.last.heard.get(&message.topic).filter(|_| number == 0);
                    found.values.push(LastValue {
                        topic: message.topic.clone(),
                        payload: message.payload.clone(),
                        at: heard.map(|&(at, _)| at),
                        retained: message.retain || number > 0,
                    });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::Message;

    fn said(topic: &str, payload: &'static str) -> Arc<Stored> {
        Arc::new(Stored::new(Message::new(topic.parse().unwrap(), payload), None))
    }

    fn topics(last: &Last) -> Vec<&str> {
        last.by_age.values().map(TopicName::as_str).collect()
    }

    #[test]
    fn at_a_bound_what_was_said_longest_ago_makes_room_and_is_counted() {
        let (mut last, mut reached) = (Last::new(Keys::new(1)), Reached::default());
        let mut note = |last: &mut Last, topic: &str, payload| {
            last.note(Instant::START, &said(topic, payload), (3, 40), &mut reached);
        };
        for topic in ["a", "b", "c", "a"] {
            note(&mut last, topic, "1");
        }
        assert_eq!(topics(&last), ["b", "c", "a"]);
        note(&mut last, "d", "1");
        assert_eq!(topics(&last), ["c", "a", "d"], "one too many");
        note(&mut last, "e", "123456789012345678901234567890123456789");
        assert_eq!(topics(&last), ["e"], "bytes too many");
        note(&mut last, "f", "1234567890123456789012345678901234567890");
        assert_eq!(topics(&last), ["e"], "one that never fits drives out nothing");
        note(&mut last, "e", "");
        assert!(topics(&last).is_empty() && last.kept.bytes() == 0 && last.heard.is_empty());
        assert_eq!((reached.of(Limit::LastValues), reached.of(Limit::LastValueBytes)), (2, 3));
    }

    #[test]
    fn other_bounds_count_at_once() {
        let (mut last, mut reached) = (Last::new(Keys::new(1)), Reached::default());
        for topic in ["a", "b", "c", "d"] {
            last.note(Instant::START, &said(topic, "12345"), (9, 99), &mut reached);
        }
        last.shrink((3, 99));
        assert_eq!(topics(&last), ["b", "c", "d"]);
        last.shrink((3, 12));
        assert_eq!(topics(&last), ["c", "d"]);
        last.shrink((0, 99));
        assert!(topics(&last).is_empty());
    }
}
