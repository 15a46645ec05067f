//! The last message of each topic, whether it is retained or not, and some of those before it: for a page that was just opened,
//! and for scripts.
//!
//! It is kept within a bound of topics and one of bytes; at a bound what was said longest ago makes room. Where nobody said how
//! much it is to be, nothing is kept, and nothing of it costs anything, until somebody asks for the first time. Each of several
//! shards has what was published to it, so whoever asks asks all of them; what two of them heard about one topic in one
//! millisecond has no order, and an empty message that is not retained makes only its own shard forget.
//! Nothing of this outlives the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, Message, TopicFilter, TopicName};

use super::hash::{KeyedMap, Keys};
use super::limit::{Limit, Reached};
use super::past::Past;
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
    /// When other messages were said before it, and which, oldest first; where that was asked for.
    pub past: Vec<(Instant, Payload)>,
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
    /// Also what was said before.
    pub with_past: bool,
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
    /// Something is kept.
    is_on: bool,
    /// Somebody has asked.
    was_asked: bool,
    kept: Retained,
    heard: KeyedMap<TopicName, Heard>,
    by_age: BTreeMap<u64, TopicName>,
    /// Topics with a past, by when it begins and their number.
    pasts: BTreeSet<(Instant, u64)>,
    said: u64,
    /// Of what was said before the last.
    past_bytes: usize,
}

/// What is known of a topic besides its last message.
#[derive(Debug)]
struct Heard {
    at: Instant,
    number: u64,
    past: Past,
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    topics: usize,
    bytes: usize,
    past_bytes: usize,
}

impl Last {
    pub(super) fn new(keys: Keys) -> Self {
        let (kept, heard) = (Retained::default(), KeyedMap::with_hasher(keys));
        let (by_age, pasts) = (BTreeMap::new(), BTreeSet::new());
        Self { is_on: false, was_asked: false, kept, heard, by_age, pasts, said: 0, past_bytes: 0 }
    }

    /// Whether anything is kept.
    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Something was said.
    fn note(&mut self, now: Instant, stored: &Arc<Stored>, bounds: Bounds, reached: &mut Reached) {
        let Message { topic, payload, .. } = &stored.message;
        let mut past = self.take_out(topic).map(|heard| heard.past).unwrap_or_default();
        if payload.is_empty() {
            return;
        }
        if stored.message.size() > bounds.bytes {
            return reached.count(Limit::LastValueBytes);
        }
        let limits = (bounds.topics, bounds.bytes);
        while !self.kept.set(stored, limits) {
            let is_many = self.kept.len() >= limits.0;
            reached.count(if is_many { Limit::LastValues } else { Limit::LastValueBytes });
            self.make_room();
        }
        if bounds.past_bytes > 0 && past.wants(now, payload) {
            past.push(now, payload.clone());
        }
        self.said += 1;
        self.past_bytes += past.bytes();
        self.pasts.extend(past.begins().map(|begins| (begins, self.said)));
        self.heard.insert(topic.clone(), Heard { at: now, number: self.said, past });
        self.by_age.insert(self.said, topic.clone());
        while self.past_bytes > bounds.past_bytes && self.drop_oldest_past() {
            reached.count(Limit::PastBytes);
        }
    }

    /// Makes room where something was said longest ago; says whether there was anything.
    fn drop_oldest_past(&mut self) -> bool {
        let Some((_, number)) = self.pasts.pop_first() else { return false };
        let topic = self.by_age.get(&number);
        let Some(past) = topic.and_then(|topic| self.heard.get_mut(topic)).map(|heard| &mut heard.past)
        else {
            return true;
        };
        self.past_bytes -= past.bytes();
        past.drop_oldest();
        self.past_bytes += past.bytes();
        self.pasts.extend(past.begins().map(|begins| (begins, number)));
        true
    }

    /// Keeps no more than this.
    fn shrink(&mut self, bounds: Bounds) {
        while self.kept.len() > bounds.topics || self.kept.bytes() > bounds.bytes {
            self.make_room();
        }
        while self.past_bytes > bounds.past_bytes && self.drop_oldest_past() {}
    }

    fn make_room(&mut self) {
        if let Some((_, topic)) = self.by_age.first_key_value() {
            let topic = topic.clone();
            self.forget(&topic);
        }
    }

    /// Another shard has retained something later. What was said here before that stays where it is known.
    fn replace(&mut self, stored: &Arc<Stored>, bounds: Bounds) {
        let topic = &stored.message.topic;
        let has_past = self.heard.get(topic).is_some_and(|heard| heard.past.begins().is_some());
        if !has_past
            || stored.message.payload.is_empty()
            || !self.kept.set(stored, (bounds.topics, bounds.bytes))
        {
            self.forget(topic);
        }
    }

    fn forget(&mut self, topic: &TopicName) {
        self.take_out(topic);
    }

    fn take_out(&mut self, topic: &TopicName) -> Option<Heard> {
        let heard = self.heard.remove(topic)?;
        self.by_age.remove(&heard.number);
        self.kept.remove(topic);
        if let Some(begins) = heard.past.begins() {
            self.pasts.remove(&(begins, heard.number));
        }
        self.past_bytes -= heard.past.bytes();
        Some(heard)
    }
}

impl Broker {
    /// Keeps what was just published here as the last of its topic, where that is wanted.
    pub(super) fn note_last(&mut self, stored: &Arc<Stored>) {
        if stored.message.topic.is_reserved() {
            return; // what we tell of ourselves is retained, and nobody's news
        }
        let bounds = self.last_bounds();
        self.last.note(self.now, stored, bounds, &mut self.counters.reached);
    }

    /// The same for what was published on another shard, and is retained.
    pub(super) fn note_last_elsewhere(&mut self, stored: &Arc<Stored>) {
        let bounds = self.last_bounds();
        self.last.replace(stored, bounds);
    }

    /// Other bounds count from now on.
    pub(super) fn set_last(&mut self) {
        let bounds = self.last_bounds();
        let waits = self.config.last_values_wait && !self.last.was_asked;
        self.last.is_on = bounds.topics > 0 && !waits;
        self.last.shrink(bounds);
    }

    const fn last_bounds(&self) -> Bounds {
        Bounds {
            topics: self.config.max_last_values,
            bytes: self.config.max_last_value_bytes,
            past_bytes: self.config.max_past_bytes,
        }
    }

    /// Whether the last message of each topic is kept, though it is not retained.
    #[must_use]
    pub const fn remembers(&self) -> bool {
        self.last.is_on()
    }

    /// Whether somebody may ask at all.
    #[must_use]
    pub fn may_ask(&self, asked: &LastAsked) -> bool {
        asked.who.is_some() || self.config.anonymous.connect(&asked.peer).is_ok()
    }

    /// What was said last, as far as whoever asks may read it: the same is asked as at a subscription, and of each message again.
    #[must_use]
    pub fn last(&mut self, now: Instant, asked: &LastAsked) -> LastFound {
        if !std::mem::replace(&mut self.last.was_asked, true) {
            self.set_last();
        }
        self.look_up(now, asked)
    }

    fn look_up(&self, now: Instant, asked: &LastAsked) -> LastFound {
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
                    let heard = self.last.heard.get(&message.topic).filter(|_| number == 0);
                    let past = heard.filter(|_| asked.with_past).map(|heard| &heard.past);
                    bytes += message.size() + past.map_or(0, Past::bytes);
                    if found.values.len() >= asked.max_messages || bytes > asked.max_bytes {
                        found.is_cut = true;
                        return found;
                    }
                    found.values.push(LastValue {
                        topic: message.topic.clone(),
                        payload: message.payload.clone(),
                        at: heard.map(|heard| heard.at),
                        retained: message.retain || number > 0,
                        past: past.map(|past| past.points().cloned().collect()).unwrap_or_default(),
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

    const fn bounds(topics: usize, bytes: usize) -> Bounds {
        Bounds { topics, bytes, past_bytes: 1 << 20 }
    }

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
            last.note(Instant::START, &said(topic, payload), bounds(3, 40), &mut reached);
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
            last.note(Instant::START, &said(topic, "12345"), bounds(9, 99), &mut reached);
        }
        last.shrink(bounds(3, 99));
        assert_eq!(topics(&last), ["b", "c", "d"]);
        last.shrink(bounds(3, 12));
        assert_eq!(topics(&last), ["c", "d"]);
        last.shrink(bounds(0, 99));
        assert!(topics(&last).is_empty());
    }

    #[test]
    fn what_is_retained_elsewhere_leaves_the_past_of_here() {
        let (mut last, mut reached) = (Last::new(Keys::new(1)), Reached::default());
        let bounds = bounds(2, 99);
        last.note(Instant::START, &said("a", "1"), bounds, &mut reached);
        for topic in ["a", "b"] {
            last.replace(&said(topic, "2"), bounds);
        }
        assert_eq!(topics(&last), ["a"], "of the other there is no past");
        let heard = &last.heard[&"a".parse::<TopicName>().unwrap()];
        assert_eq!((heard.at, heard.past.points().count(), last.kept.len()), (Instant::START, 1, 1));
        last.replace(&said("a", ""), bounds);
        assert!(topics(&last).is_empty() && last.past_bytes == 0 && last.kept.len() == 0);
    }

    #[test]
    fn what_was_said_before_has_a_bound_of_its_own() {
        let (mut last, mut reached) = (Last::new(Keys::new(1)), Reached::default());
        let small = Bounds { topics: 9, bytes: 999, past_bytes: 200 };
        for n in 0..20 {
            let now = Instant::from_millis(n * 10_000);
            last.note(now, &said(if n % 2 == 0 { "a" } else { "b" }, "12345"), small, &mut reached);
            let bytes = last.heard.values().map(|heard| heard.past.bytes()).sum::<usize>();
            assert!(bytes == last.past_bytes && bytes <= 200, "{bytes}");
            let oldest = last.heard.values().filter_map(|heard| heard.past.begins()).min();
            assert_eq!(last.pasts.first().map(|&(begins, _)| begins), oldest);
        }
        let begins =
            |last: &Last, topic: &str| last.heard[&topic.parse::<TopicName>().unwrap()].past.begins();
        let (a, b) = (begins(&last, "a").unwrap(), begins(&last, "b").unwrap());
        assert_eq!(a.max(b).since(a.min(b)).as_secs(), 10, "both go back as far");
        assert!(last.past_bytes > 100 && reached.of(Limit::PastBytes) > 10);
        assert_eq!(topics(&last), ["a", "b"], "the last messages are all there");
        last.shrink(Bounds { past_bytes: 60, ..small });
        assert!(last.past_bytes <= 60 && topics(&last).len() == 2);
        let now = Instant::from_millis(900_000);
        last.note(now, &said("c", "12345"), small, &mut reached);
        assert_eq!(begins(&last, "c"), Some(now), "one that is new has room at the cost of the oldest");
        last.forget(&"c".parse().unwrap());
        last.note(Instant::from_millis(999_999), &said("a", ""), small, &mut reached);
        last.forget(&"b".parse().unwrap());
        assert_eq!((last.past_bytes, last.heard.len()), (0, 0));
    }
}
