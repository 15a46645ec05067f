//! How many copies of each kept message are not done.
//!
//! It knows no message but by its number. Numbers grow, and most of those that are owed stand close together: a count of
//! its own for each would be the largest part of what a long queue holds in memory.

use std::collections::BTreeMap;

use super::change::MessageNumber;

/// Messages that share a place. One that is owed alone, long after its neighbours, holds no more than this.
const TOGETHER: usize = 16;

/// Counts by number; those that are not there are zero.
#[derive(Debug, Default)]
pub(super) struct Owed {
    places: BTreeMap<MessageNumber, [u32; TOGETHER]>,
}

impl Owed {
    /// So many more copies of a message are owed.
    pub(super) fn add(&mut self, number: MessageNumber, copies: u32) {
        let (place, at) = split(number);
        if let Some(count) = self.places.entry(place).or_default().get_mut(at) {
            *count = count.saturating_add(copies);
        }
    }

    /// How many copies of a message are owed.
    pub(super) fn count(&self, number: MessageNumber) -> u32 {
        let (place, at) = split(number);
        self.places.get(&place).and_then(|counts| counts.get(at)).copied().unwrap_or_default()
    }

    /// One copy of a message is done. Says how many are left; none when it was not owed.
    pub(super) fn done(&mut self, number: MessageNumber) -> Option<u32> {
        let (place, at) = split(number);
        let counts = self.places.get_mut(&place)?;
        let count = counts.get_mut(at).filter(|count| **count > 0)?;
        *count -= 1;
        let left = *count;
        if left == 0 && *counts == [0; TOGETHER] {
            self.places.remove(&place);
        }
        Some(left)
    }
}

const fn split(number: MessageNumber) -> (MessageNumber, usize) {
    (number / TOGETHER as u64, (number % TOGETHER as u64) as usize)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mqtt::Rng;

    use super::*;

    #[test]
    fn it_counts_as_a_map_does_and_holds_nothing_of_what_is_done() {
        let (mut owed, mut map) = (Owed::default(), BTreeMap::<u64, u32>::new());
        let mut rng = Rng::new(1);
        for _ in 0..20_000 {
            let number = 1 + rng.next_u64() % 200;
            if rng.next_u64().is_multiple_of(2) {
                let copies = 1 + (rng.next_u64() % 2) as u32;
                owed.add(number, copies);
                *map.entry(number).or_default() += copies;
            } else {
                let count = map.entry(number).or_default();
                let left = count.checked_sub(1);
                *count = left.unwrap_or_default();
                assert_eq!(owed.done(number), left);
            }
            assert_eq!(owed.count(number), map[&number]);
        }
        for (number, count) in map {
            (0..count).for_each(|n| assert_eq!(owed.done(number), Some(count - n - 1)));
        }
        assert!(owed.places.is_empty(), "{owed:?}");
    }
}
