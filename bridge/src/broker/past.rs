//! What a topic said before its last message, thinned out: for the charts of a page that was just opened.
//!
//! It knows neither who asks nor where its bounds come from. Texts only: no chart is drawn of anything else.

use std::collections::VecDeque;
use std::time::Duration;

use mqtt::Instant;

use super::Payload;

/// Messages that are kept of one topic.
const MAX_POINTS: usize = 400;
/// How close to each other they are at most; and when they become too many, at most this part of their age.
const SPACING: Duration = Duration::from_secs(10);
const PART: u32 = 64;
/// How long one is kept.
const AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of the longest.
const MAX_PAYLOAD: usize = 1 << 10;
/// Bytes of one besides its payload, about.
const POINT: usize = size_of::<(Instant, Payload)>();

/// The messages of one topic, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    points: VecDeque<(Instant, Payload)>,
    bytes: usize,
}

impl Past {
    /// About what it takes of memory.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// When each was said, and what.
    pub(super) fn points(&self) -> impl Iterator<Item = &(Instant, Payload)> {
        self.points.iter()
    }

    /// When the first of them was said.
    pub(super) fn begins(&self) -> Option<Instant> {
        self.points.front().map(|(at, _)| *at)
    }

    /// Whether a message of now is to be kept: the one before is not too near, and it is a text of a length to keep.
    pub(super) fn wants(&self, now: Instant, payload: &Payload) -> bool {
        self.points.back().is_none_or(|(last, _)| *last + SPACING <= now)
            && payload.len() <= MAX_PAYLOAD
            && std::str::from_utf8(payload).is_ok()
    }

    /// Keeps one, and lets go of what is too old, and of some of the rest when there is much: what is long ago stands further
    /// apart.
    pub(super) fn push(&mut self, now: Instant, payload: Payload) {
        while self.points.front().is_some_and(|(at, _)| *at + AGE <= now) {
            self.drop_oldest();
        }
        if self.points.len() >= MAX_POINTS {
            self.thin(now);
        }
        self.bytes += POINT + payload.len();
        self.points.push_back((now, payload));
    }

    /// Makes room; says whether there was anything.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let oldest = self.points.pop_front();
        self.bytes -= oldest.as_ref().map_or(0, |(_, payload)| POINT + payload.len());
        oldest.is_some()
    }

    fn thin(&mut self, now: Instant) {
        let mut before = None;
        let bytes = &mut self.bytes;
        self.points.retain(|(at, payload)| {
            let apart = SPACING.max(now.since(*at) / PART);
            let stays = before.is_none_or(|before| before + apart <= *at);
            if stays {
                before = Some(*at);
            } else {
                *bytes -= POINT + payload.len();
            }
            stays
        });
        // A clock that stood still leaves too many.
        while self.points.len() >= MAX_POINTS && self.drop_oldest() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Instant {
        Instant::from_millis(s * 1_000)
    }

    fn said(text: &str) -> Payload {
        text.as_bytes().into()
    }

    #[test]
    fn what_comes_too_soon_is_too_long_or_is_no_text_is_not_wanted() {
        let mut past = Past::default();
        assert!(past.wants(at(1), &said("1")));
        past.push(at(1), said("1"));
        assert!(!past.wants(at(10), &said("2")) && past.wants(at(11), &said("2")));
        assert!(!past.wants(at(99), &said(&"x".repeat(MAX_PAYLOAD + 1))));
        assert!(!past.wants(at(99), &Payload::from(&b"\xff"[..])));
    }

    #[test]
    fn a_day_of_it_is_kept_closer_the_later_it_was() {
        let mut past = Past::default();
        let mut now = 0;
        while now < 3 * 24 * 3_600 {
            now += 10;
            past.push(at(now), said(&now.to_string()));
            assert!(past.points.len() <= MAX_POINTS);
            let bytes = past.points().map(|(_, payload)| POINT + payload.len()).sum::<usize>();
            assert_eq!(past.bytes(), bytes);
        }
        let all: Vec<_> = past.points().map(|(at, _)| at.as_millis() / 1_000).collect();
        assert!(all.is_sorted() && all.last() == Some(&now));
        assert!(all[0] + 24 * 3_600 > now && all[0] + 23 * 3_600 < now, "{}", now - all[0]);
        assert_eq!(now - all[all.len() - 30], 290, "the latest are all there");
        let gaps = || all.windows(2).map(|pair| (now - pair[0], pair[1] - pair[0]));
        assert!(
            gaps().all(|(age, gap)| gap <= 20 + 3 * age / u64::from(PART)),
            "{:?}",
            gaps().collect::<Vec<_>>()
        );
        assert!(all.len() > MAX_POINTS / 3);
        while past.drop_oldest() {}
        assert_eq!((past.bytes(), past.points.len()), (0, 0));
    }
}
