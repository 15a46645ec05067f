//! How long to wait before the next attempt. It knows neither why the last one failed nor what time it is.

use std::time::Duration;

use super::Backoff;
use crate::Rng;
use crate::time::millis;

/// Counts attempts and draws waits with full jitter.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    bounds: Backoff,
    failures: u32,
    rng: Rng,
}

impl Retry {
    pub(super) const fn new(bounds: Backoff, rng: Rng) -> Self {
        Self { bounds, failures: 0, rng }
    }

    /// A random wait up to the present ceiling, which then doubles.
    pub(super) fn next(&mut self) -> Duration {
        let ceiling = millis(self.ceiling());
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(self.rng.up_to(ceiling))
    }

    /// A connection has ended that lasted this long. One that outlived the ceiling was a good one: the count begins
    /// anew. A Server that accepts and drops at once is still backed off from.
    pub(super) fn lasted(&mut self, time: Duration) {
        if time >= self.ceiling() {
            self.reset();
        }
    }

    /// Someone who knows better asks for an attempt.
    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }

    fn ceiling(&self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        self.bounds.first.saturating_mul(factor).min(self.bounds.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(seed: u64) -> Retry {
        let bounds = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(30) };
        Retry::new(bounds, Rng::new(seed))
    }

    #[test]
    fn waits_stay_under_a_ceiling_that_doubles_up_to_its_bound() {
        for seed in 0..200 {
            let mut retry = retry(seed);
            for ceiling_s in [1, 2, 4, 8, 16, 30, 30, 30] {
                assert!(retry.next() <= Duration::from_secs(ceiling_s));
            }
        }
    }

    #[test]
    fn waits_fill_their_range_and_differ_by_seed() {
        let firsts: std::collections::BTreeSet<_> = (0..200).map(|seed| retry(seed).next()).collect();
        assert!(firsts.len() > 150, "{} different waits of 200", firsts.len());
        assert!(firsts.first().unwrap() < &Duration::from_millis(100));
        assert!(firsts.last().unwrap() > &Duration::from_millis(900));
    }

    #[test]
    fn only_a_connection_that_outlived_the_ceiling_starts_the_count_anew() {
        let mut retry = retry(1);
        for _ in 0..5 {
            retry.next();
        }
        retry.lasted(Duration::from_secs(29));
        assert_eq!(retry.ceiling(), Duration::from_secs(30));
        retry.lasted(Duration::from_secs(30));
        assert_eq!(retry.ceiling(), Duration::from_secs(1));
    }
}
