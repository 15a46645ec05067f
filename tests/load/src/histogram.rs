//! How long things took, in buckets of less than one percent, so that a million of them take no memory.

/// Buckets in each doubling.
const FINE: u64 = 128;
const FINE_BITS: u32 = FINE.ilog2();

/// Microseconds, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn record(&mut self, microseconds: u64) {
        let at = bucket(microseconds);
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, 0);
        }
        self.buckets[at] += 1;
        self.total += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(ours, theirs)| *ours += theirs);
        self.total += other.total;
    }

    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// The microseconds that this part of all took at most; 0 when there is nothing.
    pub(crate) fn quantile(&self, part: f64) -> u64 {
        let wanted = (self.total as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= wanted {
                return low_end(at as u64);
            }
        }
        0
    }
}

/// Small numbers have a bucket each; then each doubling has the same number of them.
fn bucket(value: u64) -> usize {
    let shift = value.max(1).ilog2().saturating_sub(FINE_BITS);
    (u64::from(shift) * FINE + (value >> shift)) as usize
}

const fn low_end(at: u64) -> u64 {
    if at < 2 * FINE {
        return at;
    }
    let shift = at / FINE - 1;
    (at - shift * FINE) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_within_a_percent_of_what_is_in_it() {
        for value in (0..3000).chain([65_535, 65_536, 1_000_000, 59_999_999]) {
            let low = low_end(bucket(value) as u64);
            assert!(low <= value && value - low <= value / 100, "{value} is counted as {low}");
        }
    }

    #[test]
    fn quantiles_are_what_so_many_took_at_most() {
        let (mut some, mut others) = (Histogram::default(), Histogram::default());
        (1..=90).for_each(|n| some.record(n));
        (91..=100).for_each(|n| others.record(n));
        some.add(&others);
        assert_eq!([0.5, 0.9, 0.99, 1.0].map(|part| some.quantile(part)), [50, 90, 99, 100]);
        assert_eq!(some.total(), 100);
        assert_eq!(Histogram::default().quantile(0.5), 0);
    }
}
