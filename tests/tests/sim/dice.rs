//! Chance, from the seed alone.

use std::time::Duration;

use mqtt::{Qos, Rng};

#[derive(Debug)]
pub(crate) struct Dice(Rng);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Rng::new(seed))
    }

    /// From 0 up to, but not including, `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.0.up_to(n.max(1) as u64 - 1)).expect("a small number")
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn qos(&mut self) -> Qos {
        self.pick(&[Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce])
    }

    pub(crate) fn up_to_ms(&mut self, ms: usize) -> Duration {
        Duration::from_millis(self.below(ms + 1) as u64)
    }

    pub(crate) fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }
}
