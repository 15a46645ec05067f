//! Hashing of what Clients choose: topics, filters, names. With a key they do not know, nobody can send texts that all
//! fall into one place of a table and make each look-up a search through it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use mqtt::Rng;

/// A map whose keys Clients choose. Never iterated, so the key of the hash changes nothing but the time it takes.
pub(super) type KeyedMap<K, V> = HashMap<K, V, Keys>;

/// The secret of a broker's tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    start: u64,
    factor: u64,
}

/// Multiplies by the secret and folds the product, 16 bytes at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed {
    state: u64,
    factor: u64,
}

impl Keys {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        Self { start: rng.next_u64(), factor: rng.next_u64() | 1 << 63 | 1 }
    }

    /// A number that says nothing of the keys: what is drawn from it may be shown to Clients.
    pub(super) fn public_seed(self) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write(b"what clients may see");
        hasher.finish()
    }
}

impl BuildHasher for Keys {
    type Hasher = Keyed;

    fn build_hasher(&self) -> Keyed {
        Keyed { state: self.start, factor: self.factor }
    }
}

impl Keyed {
    fn mix(&mut self, low: u64, high: u64) {
        let product = u128::from(low ^ self.state) * u128::from(high ^ self.factor);
        self.state = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for Keyed {
    fn write(&mut self, bytes: &[u8]) {
        self.state = self.state.rotate_left(bytes.len() as u32);
        let (blocks, rest) = bytes.as_chunks::<16>();
        for block in blocks {
            let block = u128::from_le_bytes(*block);
            self.mix(block as u64, (block >> 64) as u64);
        }
        // What is left is read from both ends, which may overlap.
        let (low, high) = match (rest.first_chunk(), rest.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (rest.first_chunk(), rest.last_chunk()) {
                (Some(first), Some(last)) => {
                    (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
                }
                _ => (rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
            },
        };
        self.mix(low, high);
    }

    /// A text ends with one such byte.
    fn write_u8(&mut self, byte: u8) {
        self.state ^= u64::from(byte);
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(u64::from(number), 0);
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number, 0);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn texts_of_all_lengths_are_told_apart_and_each_key_hashes_differently() {
        let text = "0123456789/".repeat(10);
        let words = (0..text.len()).flat_map(|end| [&text[..end], &text[end / 2..end]]);
        let words: BTreeSet<&str> = words.collect();
        let hashes = |seed| words.iter().map(|word| Keys::new(seed).hash_one(word)).collect::<BTreeSet<_>>();
        assert_eq!(hashes(1).len(), words.len());
        assert!(hashes(1).is_disjoint(&hashes(2)));
        assert_eq!(hashes(1), hashes(1), "a seed repeats");
    }

    #[test]
    fn numbers_spread_over_a_table() {
        let keys = Keys::new(3);
        for bits in [|hash: u64| hash & 0xfff, |hash: u64| hash >> 52] {
            let places: BTreeSet<u64> = (0..4096_u32).map(|n| bits(keys.hash_one((7_u32, n)))).collect();
            assert!(places.len() > 2400, "{} of 4096 places", places.len()); // at random: 2589
        }
    }
}
