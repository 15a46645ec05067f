//! The last values of a reading, for a line. Pure, and bounded: whoever watches for days keeps the shape, not every value.

use std::fmt::Write as _;

use mqtt::Instant;

use crate::devices::Num;

/// Values that are kept; when they are full, each four become the smallest and the largest of them.
pub const MAX_POINTS: usize = 256;

/// Values with when they were heard, oldest first; none where from then on nothing was known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    points: Vec<(Instant, Option<Num>)>,
}

/// What can be said of a history in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The newest value.
    pub last: Num,
    /// The smallest.
    pub min: Num,
    /// The largest.
    pub max: Num,
    /// When the oldest was heard.
    pub from: Instant,
    /// When the newest was, or when it stopped being known.
    pub to: Instant,
    /// Values that are kept.
    pub count: usize,
}

impl History {
    /// A value was heard. One from before the newest is left out: a clock was set back.
    pub fn push(&mut self, at: Instant, value: Num) {
        self.add(at, Some(value));
    }

    /// Values from before the oldest, in their order, as somebody remembered them. What was heard here counts more.
    pub fn precede(&mut self, earlier: impl Iterator<Item = (Instant, Num)>) {
        let own = std::mem::take(&mut self.points);
        let before = own.first().map(|(at, _)| *at);
        for (at, value) in earlier.filter(|(at, _)| before.is_none_or(|before| *at < before)) {
            self.push(at, value);
        }
        for (at, value) in own {
            self.add(at, value);
        }
    }

    /// From now on it is not known what is so: the device or the link is away.
    pub fn pause(&mut self, at: Instant) {
        if self.points.last().is_some_and(|(_, value)| value.is_some()) {
            self.add(at, None);
        }
    }

    fn add(&mut self, at: Instant, value: Option<Num>) {
        if self.points.last().is_some_and(|(last, known)| at < *last || (at == *last && value == *known)) {
            return;
        }
        if self.points.len() == MAX_POINTS {
            self.thin();
        }
        self.points.push((at, value));
    }

    /// The values with their moments, oldest first.
    pub fn values(&self) -> impl Iterator<Item = (Instant, Num)> + '_ {
        self.points.iter().filter_map(|(at, value)| Some((*at, (*value)?)))
    }

    /// The value of this number, counted from the oldest.
    #[must_use]
    pub fn value(&self, at: usize) -> Option<(Instant, Num)> {
        self.values().nth(at)
    }

    /// Whether there are two values that differ.
    #[must_use]
    pub fn moves(&self) -> bool {
        let first = self.values().next();
        self.values().any(|(_, value)| first.is_some_and(|(_, first)| first != value))
    }

    /// None while nothing was heard.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let numbers = || self.values().map(|(_, value)| value);
        Some(Summary {
            last: numbers().last()?,
            min: numbers().min()?,
            max: numbers().max()?,
            from: self.points.first()?.0,
            to: self.points.last()?.0,
            count: numbers().count(),
        })
    }

    /// The line through the values in a box of this size, as SVG writes a path. It goes in steps, because a value is so until
    /// the next is heard; it has gaps where nothing was known, and goes on until `until` when the newest still holds.
    #[must_use]
    pub fn line(&self, until: Instant, width: i32, height: i32) -> String {
        let Some(all) = self.summary() else { return String::new() };
        let mut line = String::new();
        let mut before = None;
        let mut write = |x: i32, step: Option<i32>| {
            // A text takes all that is written to it.
            let _ = match (before, step) {
                (None, Some(y)) => write!(line, "M{x} {y}"),
                (Some(_), Some(y)) => write!(line, "H{x}V{y}"),
                (Some(_), None) => write!(line, "H{x}"),
                (None, None) => Ok(()),
            };
            before = step;
        };
        for (at, value) in &self.points {
            write(all.x(*at, until, width), value.map(|value| all.y(value, height)));
        }
        write(width, None);
        line
    }

    /// The newest stays as it is, so that nobody sees it change.
    fn thin(&mut self) {
        let last = self.points.pop();
        let mut kept = Vec::with_capacity(MAX_POINTS);
        for four in self.points.chunks(4) {
            let numbers = || four.iter().enumerate().filter(|(_, (_, value))| value.is_some());
            let min = numbers().min_by_key(|(_, (_, value))| *value).map(|(at, _)| at);
            let max = numbers().max_by_key(|(_, (_, value))| *value).map(|(at, _)| at);
            let gap = four.iter().rposition(|(_, value)| value.is_none());
            let stays = |at: &usize| [min, max, gap].contains(&Some(*at));
            kept.extend((0..four.len()).filter(stays).map(|at| four[at]));
        }
        kept.extend(last);
        self.points = kept;
    }
}

impl Summary {
    /// How far to the right a moment stands in a box of this width.
    #[must_use]
    pub fn x(&self, at: Instant, until: Instant, width: i32) -> i32 {
        share(ms(self.from, at), ms(self.from, until.max(self.to)), width)
    }

    /// How far down a value stands in a box of this height.
    #[must_use]
    pub fn y(&self, value: Num, height: i32) -> i32 {
        match self.max.0.abs_diff(self.min.0) {
            0 => height / 2,
            range => height - share(value.0.abs_diff(self.min.0), range, height),
        }
    }
}

/// `part` of `whole` as a share of a length. Of what is very large the last bits do not count.
pub(super) fn share(part: u64, whole: u64, length: i32) -> i32 {
    let shift = (u64::BITS - whole.leading_zeros()).saturating_sub(40);
    let share = ((part >> shift) * u64::from(length.unsigned_abs())).checked_div(whole >> shift);
    i32::try_from(share.unwrap_or(0)).unwrap_or(length)
}

fn ms(from: Instant, to: Instant) -> u64 {
    to.as_millis().saturating_sub(from.as_millis())
}

#[cfg(test)]
mod tests {
    use mqtt::Rng;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn it_is_bounded_and_forgets_neither_peaks_nor_the_newest() {
        let mut rng = Rng::new(7);
        let mut history = History::default();
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for n in 0..50_000 {
            let mut value = i64::try_from(rng.up_to(1_000)).unwrap();
            if n == 777 {
                value = -5_000;
            }
            if n == 40_001 {
                value = 9_000;
            }
            (min, max) = (min.min(value), max.max(value));
            history.push(at(n * 500), Num::whole(value));
            if rng.up_to(2) == 0 {
                history.pause(at(n * 500 + 250));
            }
            assert!(history.points.len() <= MAX_POINTS);
            let all = history.summary().unwrap();
            assert_eq!((all.last, all.min, all.max), (Num::whole(value), Num::whole(min), Num::whole(max)));
        }
        assert!(history.points.is_sorted_by_key(|(at, _)| *at));
        assert!(history.points.len() > MAX_POINTS / 4, "and no more than it has to");
    }

    #[test]
    fn the_same_again_and_what_comes_from_before_is_left_out() {
        let mut history = History::default();
        history.pause(at(1));
        for (ms, value) in [(10, 1), (10, 1), (5, 7), (10, 2), (20, 2)] {
            history.push(at(ms), Num::whole(value));
        }
        let kept: Vec<_> = history.values().map(|(at, v)| (at.as_millis(), v.to_whole())).collect();
        assert_eq!(kept, [(10, 1), (10, 2), (20, 2)]);
        assert_eq!((history.value(1), history.value(3)), (Some((at(10), Num::whole(2))), None));
    }

    #[test]
    fn what_somebody_remembers_stands_before_what_was_heard() {
        let mut history = History::default();
        history.push(at(50), Num::whole(5));
        history.pause(at(60));
        let remembered = [(10, 1), (20, 2), (50, 9), (70, 9)];
        history.precede(remembered.into_iter().map(|(ms, value)| (at(ms), Num::whole(value))));
        let kept: Vec<_> = history.values().map(|(at, v)| (at.as_millis(), v.to_whole())).collect();
        assert_eq!(kept, [(10, 1), (20, 2), (50, 5)]);
        assert_eq!(history.points.last(), Some(&(at(60), None)));
        let many = (0..2_000).map(|n| (Instant::from_millis(n / 300), Num::whole(i64::try_from(n).unwrap())));
        history.precede(many);
        assert!(history.points.len() <= MAX_POINTS && history.points.is_sorted_by_key(|(at, _)| *at));
        assert_eq!(history.points.last(), Some(&(at(60), None)));
    }

    #[test]
    fn a_line_goes_in_steps_from_corner_to_corner() {
        let mut history = History::default();
        assert_eq!((history.line(at(9), 100, 40), history.summary()), (String::new(), None));
        history.push(at(1_000), Num::whole(5));
        assert_eq!(history.line(at(1_000), 100, 40), "M0 20H100", "one value is a level");
        assert!(!history.moves());
        history.push(at(2_000), Num::whole(15));
        history.push(at(3_000), Num::whole(10));
        assert_eq!(history.line(at(3_000), 100, 40), "M0 40H50V0H100V20H100");
        assert!(history.moves());
        assert_eq!(history.line(at(5_000), 100, 40), "M0 40H25V0H50V20H100");
        let all = history.summary().unwrap();
        assert_eq!((all.x(at(2_000), at(5_000), 100), all.y(Num::whole(10), 40)), (25, 20));
    }

    #[test]
    fn what_was_not_known_is_a_gap_and_no_line_goes_on_from_it() {
        let mut history = History::default();
        history.push(at(0), Num::whole(0));
        history.pause(at(1_000));
        history.pause(at(1_500));
        assert_eq!(history.line(at(2_000), 100, 40), "M0 20H50", "it is not said that it is still so");
        history.push(at(2_000), Num::whole(10));
        assert_eq!(history.line(at(4_000), 100, 40), "M0 40H25M50 0H100");
    }

    #[test]
    fn the_largest_numbers_have_their_line_too() {
        let mut history = History::default();
        history.push(at(0), Num(i64::MIN));
        history.push(at(u64::MAX / 2), Num(i64::MAX));
        assert_eq!(history.line(at(u64::MAX / 2), 100, 40), "M0 40H100V0H100");
    }
}
