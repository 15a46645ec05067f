//! Retained messages (3.3.1.3), by topic. They are kept in the order of their topics' levels, so that those of one branch
//! stand together.

mod latest;
mod place;

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::num::NonZeroU32;
use std::ops::Bound;
use std::sync::Arc;

use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, Qos, TopicFilter, TopicName};

pub(super) use self::latest::{Latest, Stamp};
use self::place::{Place, Verdict, begin, judge};
use super::change::{Change, SessionNumber};
use super::outbox::Outbox;
use super::stored::Stored;
use super::{Broker, SessionId};

/// The last retained message of each topic.
#[derive(Debug, Default)]
pub(super) struct Retained {
    by_topic: BTreeMap<Place, Arc<Stored>>,
    bytes: usize,
    /// Those that will be worth nothing one day, by that moment.
    mortal: BTreeSet<(Instant, TopicName)>,
}

/// A new subscription's way through the retained messages. It holds a place, not the messages: what is sent is always
/// the value of that moment, and a wish for a million values costs no more than a wish for one.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) filter: TopicFilter,
    pub(super) options: SubscriptionOptions,
    pub(super) id: Option<NonZeroU32>,
    /// Where it goes on.
    from: Bound<Place>,
    is_over: bool,
    /// It goes on after a restart.
    is_kept: bool,
}

/// Topics that the replays of a Session may look at in vain before it lets others have a turn: `+/x` has to ask at every
/// first level.
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

    /// Keeps a message in place of the one before [MQTT-3.3.1-5]; an empty payload keeps none [MQTT-3.3.1-6],
    /// [MQTT-3.3.1-7]. False when it would be more than `max_messages` or `max_bytes`; then all stays as it was.
    pub(super) fn set(&mut self, stored: &Arc<Stored>, (max_messages, max_bytes): (usize, usize)) -> bool {
        let topic = &stored.message.topic;
        if stored.message.payload.is_empty() {
            self.remove(topic);
            return true;
        }
        let (count, size) = (self.by_topic.len(), stored.message.size());
        match self.by_topic.entry(Place(topic.clone())) {
            Entry::Vacant(_) if count >= max_messages || self.bytes + size > max_bytes => return false,
            Entry::Vacant(entry) => {
                entry.insert(Arc::clone(stored));
            }
            Entry::Occupied(entry) if self.bytes - entry.get().message.size() + size > max_bytes => {
                return false;
            }
            Entry::Occupied(mut entry) => {
                let has_same_text = std::ptr::eq(entry.key().0.as_str(), topic.as_str());
                let old = entry.insert(Arc::clone(stored));
                self.bytes -= old.message.size();
                if let Some(at) = old.expires {
                    self.mortal.remove(&(at, topic.clone()));
                }
                if !has_same_text {
                    entry.remove(); // so that the text is there once
                    self.by_topic.insert(Place(topic.clone()), Arc::clone(stored));
                }
            }
        }
        self.bytes += size;
        self.mortal.extend(stored.expires.map(|at| (at, topic.clone())));
        true
    }

    /// Forgets the message of a topic.
    pub(super) fn remove(&mut self, topic: &TopicName) {
        let place = Place(topic.clone());
        let Some(old) = self.by_topic.remove(&place) else { return };
        self.bytes -= old.message.size();
        if let Some(at) = old.expires {
            self.mortal.remove(&(at, place.0));
        }
    }

    /// When the next message is worth nothing any more.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.mortal.first().map(|&(at, _)| at)
    }

    /// Forgets all whose time is over, and hands on their topics: they may not keep out others (3.3.1.3).
    pub(super) fn expire(&mut self, now: Instant, mut forgotten: impl FnMut(TopicName)) {
        while let Some((_, topic)) = self.mortal.first().filter(|(at, _)| *at <= now) {
            let topic = topic.clone();
            self.remove(&topic);
            forgotten(topic);
        }
    }

    pub(super) fn has(&self, topic: &TopicName) -> bool {
        self.by_topic.contains_key(&Place(topic.clone()))
    }

    /// The next message for a replay, and moves it on. `steps` is what it may look at in vain.
    pub(super) fn next(&self, replay: &mut Replay, steps: &mut u32) -> Step {
        while !replay.is_over
            && let Some((place, stored)) = self.by_topic.range((replay.from.clone(), Bound::Unbounded)).next()
        {
            match judge(&replay.filter, &place.0) {
                Verdict::Taken => {
                    replay.from = Bound::Excluded(place.clone());
                    replay.is_over = !replay.filter.has_wildcard();
                    return Step::Found(Arc::clone(stored));
                }
                Verdict::Skipped(next) => replay.from = next,
                Verdict::Over => replay.is_over = true,
            }
            *steps = steps.saturating_sub(1);
            if *steps == 0 {
                return Step::Later;
            }
        }
        Step::Done
    }
}

impl Replay {
    pub(super) fn new(filter: TopicFilter, options: SubscriptionOptions, id: Option<NonZeroU32>) -> Self {
        Self { from: begin(&filter), filter, options, id, is_over: false, is_kept: false }
    }

    /// One from before the start.
    pub(super) fn restored(mut self, from: Bound<TopicName>) -> Self {
        (self.from, self.is_kept) = (from.map(Place), true);
        self
    }

    /// That it has come this far, for a Session that is kept.
    fn change(&self, session: SessionNumber) -> Change {
        let (filter, options, id) = (self.filter.clone(), self.options, self.id);
        let from = self.from.as_ref().map(|place| place.0.clone());
        Change::Replay { session, filter, options, id, from }
    }

    /// It has sent one more: what is done is not done again after a restart.
    pub(super) fn moved(&self, session: SessionNumber, out: &mut Outbox) {
        if self.is_kept && session != 0 {
            out.store(self.change(session));
        }
    }

    /// It is over, or no longer wanted.
    pub(super) fn done(self, session: SessionNumber, out: &mut Outbox) {
        if self.is_kept && session != 0 {
            out.store(Change::ReplayGone { session, filter: self.filter });
        }
    }
}

impl Broker {
    /// What these subscriptions owe of retained messages was promised by their SUBACK. A replay that is over by now was never
    /// kept, and costs nothing.
    pub(super) fn keep_replays<'a>(
        &mut self,
        id: SessionId,
        filters: impl Iterator<Item = TopicFilter<&'a str>>,
    ) {
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return };
        if session.number == 0 || session.replay.is_empty() {
            return;
        }
        for place in filters.filter_map(|filter| self.subscriptions.place(filter)) {
            let replay = session.replay.get_mut(&place).filter(|replay| !replay.is_over);
            if let Some(replay) = replay.filter(|replay| replay.options.qos != Qos::AtMostOnce) {
                replay.is_kept = true;
                self.out.store(replay.change(session.number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::Message;

    const ANY: (usize, usize) = (usize::MAX, usize::MAX);

    fn kept(topics: &[&str]) -> Retained {
        let mut retained = Retained::default();
        for topic in topics {
            let message = Message::new(topic.parse().unwrap(), topic.as_bytes().to_vec());
            retained.set(&Arc::new(Stored::new(message, None)), ANY);
        }
        retained
    }

    fn replayed(retained: &Retained, filter: &str) -> Vec<String> {
        let options = SubscriptionOptions::default();
        let mut replay = Replay::new(filter.parse().unwrap(), options, None);
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
            retained.set(&Arc::new(Stored::new(message, None)), ANY);
        };
        set(&mut retained, "a", "1234");
        assert_eq!(retained.bytes, 9);
        set(&mut retained, "a", "");
        set(&mut retained, "bb", "");
        set(&mut retained, "never", "");
        assert_eq!((retained.bytes, retained.len()), (0, 0));
    }

    #[test]
    fn a_search_costs_what_matches_not_what_is_kept() {
        let topics: Vec<String> =
            (0..20_000).map(|n| format!("site/{:02}/dev/{:03}/state", n % 50, n / 50)).collect();
        let mut topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        topics.extend(["$SYS/a", "$SYS/b", "other", "site", "zone/1/x"]);
        let retained = kept(&topics);
        let steps = |filter: &str| {
            let mut replay = Replay::new(filter.parse().unwrap(), SubscriptionOptions::default(), None);
            let (mut steps, mut found) = (u32::MAX, 0);
            while matches!(retained.next(&mut replay, &mut steps), Step::Found(_)) {
                found += 1;
            }
            (found, u32::MAX - steps)
        };
        for (filter, matching, most) in [
            ("#", 20_003, 1),
            ("site/07/#", 400, 3),
            ("site/07/dev/+/state", 400, 3),
            ("site/+/dev/123/state", 50, 160), // at each of 50 sites
            ("+/1/x", 1, 8),                   // at each of 4 first levels
            ("+", 2, 8),
            ("site/+/x/#", 0, 110),
            ("nobody/+", 0, 2),
            ("$SYS/#", 2, 1),
            ("other", 1, 0),
            ("nothing", 0, 1),
        ] {
            let (found, steps) = steps(filter);
            assert_eq!(found, matching, "{filter}");
            assert!(steps <= most, "{filter}: {steps} looked at in vain");
        }
    }
}
