//! A small seeded generator. It is for spreading reconnects and naming clients, never for secrets.

/// SplitMix64: every seed gives a full-period stream of well-mixed numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator that repeats exactly for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to and including `max`.
    pub fn up_to(&mut self, max: u64) -> u64 {
        // The bias of the modulo is below 2^-32 for the milliseconds and counts this is used for.
        self.next_u64() % max.saturating_add(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_stream_and_stays_in_bounds() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        for max in [0, 1, 9, 1000] {
            let x = a.up_to(max);
            assert_eq!(x, b.up_to(max));
            assert!(x <= max);
        }
    }
}
