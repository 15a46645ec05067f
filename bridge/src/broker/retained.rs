//! Retained messages (3.3.1.3), by topic. They are kept in the order of their topics, so that those of one branch
//! stand together.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::ops::Bound;
use std::sync::Arc;

use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, TopicFilter, TopicName};

use super::Broker;
use super::session::Stored;

/// The last retained message of each topic.
#[derive(Debug, Default)]
pub(super) struct Retained {
    by_topic: BTreeMap<Arc<str>, Arc<Stored>>,
    bytes: usize,
    /// Those that will be worth nothing one day, by that moment.
    mortal: BTreeSet<(Instant, Arc<str>)>,
}

/// A new subscription's way through the retained messages. It holds a place, not the messages: what is sent is always
/// the value of that moment, and a wish for a million values costs no more than a wish for one.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) filter: TopicFilter,
    pub(super) options: SubscriptionOptions,
    pub(super) id: Option<NonZeroU32>,
    /// The last topic that was sent.
    pub(super) after: Option<Arc<str>>,
}

/// Topics that the replays of a Session may look at in vain before it lets others have a turn: a filter that matches little
/// of a large tree is a search through all of it.
pub(super) const REPLAY_STEPS: u32 = 2000;

/// How a step of a replay went.
#[derive(Debug)]
pub(super) enum Step {
    /// The next message.
    Found(Arc<Stored>),
    /// All were sent.
    Done,
    /// Too much was looked at in vain for now.
    Later,
}

impl Retained {
    pub(super) fn len(&self) -> usize {
        self.by_topic.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a message of this size may be added or take the place of another.
    pub(super) fn has_room(&self, topic: &str, size: usize, max_messages: usize, max_bytes: usize) -> bool {
        let old = self.by_topic.get(topic).map_or(0, |old| old.message.size());
        let count = self.by_topic.len() + usize::from(old == 0);
        count <= max_messages && self.bytes - old + size <= max_bytes
    }

    /// Keeps a message in place of the one before; an empty payload keeps none [MQTT-3.3.1-6], [MQTT-3.3.1-7].
    pub(super) fn set(&mut self, stored: &Arc<Stored>) {
        let topic = stored.message.topic.as_str();
        let held = self.remove(topic);
        if stored.message.payload.is_empty() {
            return;
        }
        let topic = held.unwrap_or_else(|| Arc::from(topic));
        self.bytes += stored.message.size();
        self.mortal.extend(stored.expires.map(|at| (at, Arc::clone(&topic))));
        self.by_topic.insert(topic, Arc::clone(stored));
    }

    /// Forgets the message of a topic; its text comes back, to be used again.
    fn remove(&mut self, topic: &str) -> Option<Arc<str>> {
        let (topic, old) = self.by_topic.remove_entry(topic)?;
        self.bytes -= old.message.size();
        if let Some(at) = old.expires {
            self.mortal.remove(&(at, Arc::clone(&topic)));
        }
        Some(topic)
    }

    /// When the next message is worth nothing any more.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.mortal.first().map(|&(at, _)| at)
    }

    /// Forgets all whose time is over: they may not keep out others (3.3.1.3).
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((_, topic)) = self.mortal.first().filter(|(at, _)| *at <= now) {
            let topic = Arc::clone(topic);
            self.remove(&topic);
        }
    }

    /// The next message for a replay, and moves it on. `steps` is what it may look at in vain.
    pub(super) fn next(&self, replay: &mut Replay, steps: &mut u32) -> Step {
        let filter = replay.filter.as_str();
        if !replay.filter.has_wildcard() {
            let first = replay.after.is_none();
            replay.after = Some(Arc::from(filter));
            return self
                .by_topic
                .get(filter)
                .filter(|_| first)
                .map_or(Step::Done, |s| Step::Found(Arc::clone(s)));
        }
        let prefix = literal_prefix(filter);
        let start = match &replay.after {
            Some(after) => Bound::Excluded(Arc::clone(after)),
            None => Bound::Included(Arc::from(prefix)),
        };
        let branch =
            self.by_topic.range((start, Bound::Unbounded)).take_while(|(t, _)| t.starts_with(prefix));
        for (topic, stored) in branch {
            if TopicName::new(&**topic).is_ok_and(|name| replay.filter.matches(&name)) {
                replay.after = Some(Arc::clone(topic));
                return Step::Found(Arc::clone(stored));
            }
            *steps = steps.saturating_sub(1);
            if *steps == 0 {
                replay.after = Some(Arc::clone(topic));
                return Step::Later;
            }
        }
        Step::Done
    }
}

impl Broker {
    /// Keeps a message that was published with RETAIN. False when there is no room for it.
    pub(super) fn retain(&mut self, stored: &Arc<Stored>) -> bool {
        let message = &stored.message;
        let limits = (self.config.max_retained_messages, self.config.max_retained_bytes);
        if !message.payload.is_empty()
            && !self.retained.has_room(message.topic.as_str(), message.size(), limits.0, limits.1)
        {
            return false;
        }
        self.retained.set(stored);
        true
    }
}

/// What every topic that matches begins with.
fn literal_prefix(filter: &str) -> &str {
    let end = filter.find(['+', '#']).unwrap_or(filter.len());
    // "a/#" also takes "a", so the slash before the wildcard is left out.
    filter.get(..end).unwrap_or_default().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::Message;

    fn kept(topics: &[&str]) -> Retained {
        let mut retained = Retained::default();
        for topic in topics {
            let message = Message::new(topic.parse().unwrap(), topic.as_bytes().to_vec());
            retained.set(&Arc::new(Stored { message, expires: None }));
        }
        retained
    }

    fn replayed(retained: &Retained, filter: &str) -> Vec<String> {
        let options = SubscriptionOptions::default();
        let mut replay = Replay { filter: filter.parse().unwrap(), options, id: None, after: None };
        let next = || match retained.next(&mut replay, &mut u32::MAX.clone()) {
            Step::Found(stored) => Some(stored.message.topic.to_string()),
            Step::Done | Step::Later => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_replay_finds_all_that_match_once() {
        let retained = kept(&["a", "a/b", "a/b/c", "a0", "b", "b/b", "$SYS/x", "/a", "a//c"]);
        assert_eq!(replayed(&retained, "a/#"), ["a", "a//c", "a/b", "a/b/c"]);
        assert_eq!(replayed(&retained, "+/b"), ["a/b", "b/b"]);
        assert_eq!(replayed(&retained, "a"), ["a"]);
        assert_eq!(replayed(&retained, "x"), [] as [&str; 0]);
        assert_eq!(replayed(&retained, "/+"), ["/a"]);
        assert_eq!(replayed(&retained, "a/+/c"), ["a//c", "a/b/c"]);
        assert_eq!(replayed(&retained, "$SYS/#"), ["$SYS/x"]);
        assert_eq!(replayed(&retained, "#").len(), 8);
    }

    #[test]
    fn bytes_are_counted_through_replacing_and_clearing() {
        let mut retained = kept(&["a", "bb"]);
        assert_eq!(retained.bytes, 6);
        let set = |retained: &mut Retained, topic: &str, payload: &'static str| {
            let message = Message::new(topic.parse().unwrap(), payload);
            retained.set(&Arc::new(Stored { message, expires: None }));
        };
        set(&mut retained, "a", "1234");
        assert_eq!(retained.bytes, 9);
        set(&mut retained, "a", "");
        set(&mut retained, "bb", "");
        set(&mut retained, "never", "");
        assert_eq!((retained.bytes, retained.len()), (0, 0));
    }
}
