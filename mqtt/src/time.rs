//! Time as the machines see it. Nothing in this crate reads a clock: the driver says what time it is.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment: whole milliseconds since a start that the driver chose. Only differences mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The driver's start.
    pub const START: Self = Self(0);

    /// The moment `ms` milliseconds after the driver's start.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the driver's start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The earlier of two, of which there may be one or none.
    #[must_use]
    pub fn sooner(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Whole milliseconds of a time, as many as there can be. The standard library counts them in numbers of 128 bits, which a
/// browser has to compute with a function of its own.
pub(crate) fn millis(time: Duration) -> u64 {
    const MOST: u64 = u64::MAX / 1_000 - 1;
    time.as_secs().min(MOST) * 1_000 + u64::from(time.subsec_millis())
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(millis(rhs)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(millis(rhs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Instant::START - Duration::from_secs(1), Instant::START);
        assert_eq!(Instant::from_millis(u64::MAX) + Duration::from_secs(1), Instant::from_millis(u64::MAX));
        assert_eq!(Instant::START.since(Instant::from_millis(5)), Duration::ZERO);
        assert!(Instant::START + Duration::MAX > Instant::from_millis(u64::MAX - 3_000));
    }

    #[test]
    fn milliseconds_are_those_of_the_standard_library() {
        for time in [0, 1, 999, 1_000, 1_001, u64::from(u32::MAX), 1 << 50].map(Duration::from_millis) {
            assert_eq!(u128::from(millis(time + Duration::from_micros(7))), time.as_millis());
        }
    }

    #[test]
    fn the_sooner_of_two_is_told_where_there_is_one() {
        let (early, late) = (Some(Instant::from_millis(1)), Some(Instant::from_millis(2)));
        assert_eq!(Instant::sooner(late, early), early);
        assert_eq!((Instant::sooner(None, late), Instant::sooner(early, None)), (late, early));
        assert_eq!(Instant::sooner(None, None), None);
    }
}
