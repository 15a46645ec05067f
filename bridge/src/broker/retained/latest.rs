//! Which of two changes to what is retained for one topic is the later one, where several shards retain at the same time.
//! It knows no messages.
//!
//! Each shard numbers what it changes, from above all numbers that it has heard of, and what it tells another arrives in
//! order. So a topic's number matters only until all others are known to be past it: whatever they change from then on is
//! later.

use std::collections::BTreeMap;

use mqtt::TopicName;

use crate::broker::hash::{KeyedMap, Keys};
use crate::broker::shard::{Place, ShardId};

/// The number of a change, and who has made it: of two that are equal the one of the higher shard counts as later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::broker) struct Stamp {
    count: u64,
    shard: ShardId,
}

/// Changes that are heard before the others are told how far we are: nobody may have anything else to say for long.
const SILENCE: u32 = 64;

/// The last changes.
#[derive(Debug)]
pub(in crate::broker) struct Latest {
    place: Place,
    last: u64,
    /// The greatest number of each other shard that was heard of.
    heard: Box<[u64]>,
    /// Changes that were heard since the others were told anything.
    unanswered: u32,
    by_topic: KeyedMap<TopicName, Stamp>,
    topics: BTreeMap<Stamp, TopicName>,
}

impl Latest {
    pub(in crate::broker) fn new(place: Place, keys: Keys) -> Self {
        Self {
            place,
            last: 0,
            heard: vec![0; usize::from(place.of)].into(),
            unanswered: 0,
            by_topic: KeyedMap::with_hasher(keys),
            topics: BTreeMap::new(),
        }
    }

    /// Something is changed here, and all others are told. Later than all that is known.
    pub(in crate::broker) fn change(&mut self, topic: &TopicName) -> Stamp {
        self.last += 1;
        self.unanswered = 0;
        let stamp = Stamp { count: self.last, shard: self.place.shard };
        self.note(topic, stamp);
        stamp
    }

    /// Another shard has changed something. False when what is known of the topic is later.
    pub(in crate::broker) fn is_latest(&mut self, topic: &TopicName, stamp: Stamp) -> bool {
        self.unanswered += 1;
        let is_latest = self.by_topic.get(topic).is_none_or(|&known| known < stamp);
        if is_latest {
            self.note(topic, stamp);
        }
        self.hear(stamp.shard, stamp.count);
        is_latest
    }

    /// What the others must be told, if they have heard nothing for long.
    pub(in crate::broker) fn answer(&mut self) -> Option<u64> {
        if self.unanswered < SILENCE {
            return None;
        }
        self.unanswered = 0;
        Some(self.last)
    }

    /// From here on all that this shard changes has a greater number.
    pub(in crate::broker) fn hear(&mut self, from: ShardId, count: u64) {
        self.last = self.last.max(count);
        if let Some(heard) = self.heard.get_mut(usize::from(from.0)) {
            *heard = count.max(*heard);
        }
        let others = self.place.others().filter_map(|shard| self.heard.get(usize::from(shard.0)));
        let all = others.copied().min().unwrap_or(u64::MAX);
        while let Some(entry) = self.topics.first_entry().filter(|entry| entry.key().count <= all) {
            self.by_topic.remove(&entry.remove());
        }
    }

    fn note(&mut self, topic: &TopicName, stamp: Stamp) {
        if let Some(before) = self.by_topic.insert(topic.clone(), stamp) {
            self.topics.remove(&before);
        }
        self.topics.insert(stamp, topic.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest(shard: u16) -> Latest {
        Latest::new(Place { shard: ShardId(shard), of: 3 }, Keys::new(7))
    }

    #[test]
    fn all_agree_on_the_later_of_two_that_crossed() {
        let topic: TopicName = "a".parse().unwrap();
        let (mut a, mut b, mut c) = (latest(0), latest(1), latest(2));
        let (of_a, of_b) = (a.change(&topic), b.change(&topic));
        assert!(a.is_latest(&topic, of_b) && !b.is_latest(&topic, of_a));
        assert!(c.is_latest(&topic, of_b) && !c.is_latest(&topic, of_a));
        let after = c.change(&topic);
        assert!(a.is_latest(&topic, after) && b.is_latest(&topic, after), "it has heard of both");
    }

    #[test]
    fn a_number_is_forgotten_when_all_others_are_past_it() {
        let topic: TopicName = "a".parse().unwrap();
        let (mut a, mut b, mut c) = (latest(0), latest(1), latest(2));
        for n in 0..SILENCE {
            let stamp = a.change(&topic);
            assert!(b.is_latest(&topic, stamp) && c.is_latest(&topic, stamp));
            assert_eq!(a.topics.len(), 1, "one for a topic");
            let (of_b, of_c) = (b.answer(), c.answer());
            assert_eq!(of_b.is_some(), n + 1 == SILENCE);
            if let (Some(of_b), Some(of_c)) = (of_b, of_c) {
                a.hear(ShardId(1), of_b);
                assert_eq!(a.topics.len(), 1, "one of two");
                a.hear(ShardId(2), of_c);
            }
        }
        assert_eq!((a.topics.len(), a.by_topic.len()), (0, 0));
    }
}
