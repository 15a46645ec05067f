//! The answers for the topics that are published to now. It knows nothing of how they were found.

use std::borrow::Borrow;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use mqtt::TopicName;

use super::audience::Audience;
use crate::broker::hash::Keys;

/// Answers that are remembered, and bytes they take; beyond that the oldest are forgotten, one by one.
const CACHED_TOPICS: usize = 32_768;
pub(super) const CACHED_BYTES: usize = 32 << 20;

/// Audiences by their topics.
#[derive(Debug)]
pub(super) struct Cache {
    known: HashSet<Known, Keys>,
    /// All that were inserted, the oldest first; of some there is a newer one.
    order: VecDeque<Rc<Audience>>,
    bytes: usize,
}

/// An audience and the generation of subscriptions it was found in: after a change it is worthless.
#[derive(Debug)]
struct Known(u64, Rc<Audience>);

impl Cache {
    pub(super) fn new(keys: Keys) -> Self {
        Self { known: HashSet::with_hasher(keys), order: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn get(&self, topic: TopicName<&str>, generation: u64) -> Option<Rc<Audience>> {
        self.known.get(topic.text()).filter(|known| known.0 == generation).map(|known| Rc::clone(&known.1))
    }

    pub(super) fn insert(&mut self, audience: Rc<Audience>, generation: u64) {
        self.bytes += audience.size();
        self.known.replace(Known(generation, Rc::clone(&audience)));
        self.order.push_back(audience);
        while (self.order.len() > CACHED_TOPICS || self.bytes > CACHED_BYTES)
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= oldest.size();
            let is_it = |known: &Known| Rc::ptr_eq(&known.1, &oldest);
            if self.known.get(oldest.topic.as_str()).is_some_and(is_it) {
                self.known.remove(oldest.topic.as_str());
            }
        }
    }

    /// Bytes of all topics in it.
    #[cfg(test)]
    pub(super) fn topic_bytes(&self) -> usize {
        self.order.iter().map(|audience| audience.topic.as_str().len()).sum()
    }
}

impl Borrow<str> for Known {
    fn borrow(&self) -> &str {
        self.1.topic.as_str()
    }
}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.topic.as_str().hash(state);
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.1.topic == other.1.topic
    }
}

impl Eq for Known {}
