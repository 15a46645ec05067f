//! The last messages, newest first, in a bounded number of bytes. Pure; knows no page.

use std::collections::VecDeque;

use bytes::Bytes;
use mqtt::Instant;

/// Bytes that the kept messages may have: payloads, topics and what each costs besides.
pub const MAX_BYTES: usize = 4 << 20;
/// Bytes that are kept of one payload.
pub const MAX_KEPT: usize = 16_384;

/// What a message costs besides its topic and payload, roughly.
const OVERHEAD: usize = 96;

/// The messages that fit.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
    bytes: usize,
    heard: u64,
}

/// A message that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counted from 1.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// Where.
    pub topic: Box<str>,
    /// Its first bytes, at most [`MAX_KEPT`].
    pub payload: Bytes,
    /// All of its bytes, counted.
    pub size: usize,
    /// Its RETAIN flag.
    pub retain: bool,
}

impl History {
    /// Takes a message, and lets the oldest go for which there is no place any more.
    pub fn hear(&mut self, at: Instant, topic: &str, payload: &Bytes, retain: bool) {
        self.heard += 1;
        // A payload too long is copied in part, because a slice would keep all of it.
        let kept = payload.get(..MAX_KEPT).map_or_else(|| payload.clone(), Bytes::copy_from_slice);
        let entry =
            Entry { number: self.heard, at, topic: topic.into(), payload: kept, size: payload.len(), retain };
        self.bytes += entry.cost();
        self.entries.push_front(entry);
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.entries.pop_back()
        {
            self.bytes -= oldest.cost();
        }
    }

    /// Forgets all of them; the numbers go on.
    pub fn clear(&mut self) {
        *self = Self { heard: self.heard, ..Self::default() };
    }

    /// The message at a place, 0 being the newest.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Entry> {
        self.entries.get(place)
    }

    /// Messages that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Messages that were heard.
    #[must_use]
    pub const fn heard(&self) -> u64 {
        self.heard
    }

    /// Messages that were let go since the last of them was cleared.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.entries.back().map_or(0, |oldest| oldest.number - 1)
    }
}

impl Entry {
    fn cost(&self) -> usize {
        OVERHEAD + self.topic.len() + self.payload.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(history: &mut History, payload: usize) {
        let payload = Bytes::from(vec![0; payload]);
        history.hear(Instant::START, "a/b", &payload, false);
    }

    #[test]
    fn the_newest_comes_first() {
        let mut history = History::default();
        hear(&mut history, 1);
        hear(&mut history, 2);
        assert_eq!(history.get(0).map(|e| (e.number, e.size)), Some((2, 2)));
        assert_eq!((history.len(), history.dropped(), history.get(2)), (2, 0, None));
    }

    #[test]
    fn bytes_are_bounded_and_what_is_dropped_is_counted() {
        let mut history = History::default();
        for _ in 0..10_000 {
            hear(&mut history, 1_000);
        }
        assert!(history.bytes <= MAX_BYTES && history.bytes > MAX_BYTES - 2_000);
        assert_eq!(history.dropped() + history.len() as u64, 10_000);
        assert_eq!(history.bytes, history.entries.iter().map(Entry::cost).sum::<usize>());
        hear(&mut history, 5_000_000);
        assert_eq!(history.get(0).map(|e| (e.payload.len(), e.size)), Some((MAX_KEPT, 5_000_000)));
        history.clear();
        assert_eq!((history.len(), history.bytes, history.heard()), (0, 0, 10_001));
    }
}
