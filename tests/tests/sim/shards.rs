//! The brokers of one process. What one tells another arrives in the order it was said, and between different two of them in
//! any order, before anything else happens: what takes its time between shards is simulated beside the broker, in its own
//! tests. It knows nothing of what is told.

use std::collections::{BTreeMap, VecDeque};

use bridge::broker::change::Change;
use bridge::broker::{Broker, Config, Counters, Peer, PeerItem, Place, ShardId};
use mqtt::Instant;

use crate::dice::Dice;

#[derive(Debug)]
pub(crate) struct Shards {
    pub(crate) brokers: Vec<Broker>,
    /// When each wants to be woken.
    pub(crate) waits: Vec<Option<Instant>>,
    /// On which of them a connection is, and who is at its other end.
    pub(crate) homes: BTreeMap<u32, (usize, Peer)>,
    /// What is on its way, by who says it to whom.
    pub(crate) between: BTreeMap<(usize, usize), VecDeque<PeerItem>>,
    dice: Dice,
}

impl Shards {
    /// So many, with nothing. The seed is that of all their tables.
    pub(crate) fn new(of: u16, config: &Config, seed: u64) -> Self {
        let broker = |shard| {
            let broker = Broker::new(config.clone(), seed);
            if of == 1 { broker } else { broker.placed(Place { shard: ShardId(shard), of }, shard.into()) }
        };
        Self {
            brokers: (0..of).map(broker).collect(),
            waits: vec![None; of.into()],
            homes: BTreeMap::new(),
            between: BTreeMap::new(),
            dice: Dice::new(seed),
        }
    }

    /// All of them find what is theirs in what was kept.
    pub(crate) fn restore(&mut self, now: Instant, rows: &[Change]) {
        for broker in &mut self.brokers {
            let mut restore = broker.restore(now);
            rows.iter().for_each(|row| restore.take(row.clone()));
            restore.finish();
        }
    }

    pub(crate) fn many(&self) -> usize {
        self.brokers.len()
    }

    /// Where a connection is.
    pub(crate) fn home(&self, id: u32) -> usize {
        self.homes.get(&id).map_or(0, |(at, _)| *at)
    }

    /// What all have counted.
    pub(crate) fn counters(&self) -> Counters {
        let each: Vec<_> = self.brokers.iter().map(Broker::counters).collect();
        Counters::of_all(&each)
    }

    /// When the first of them wants to be woken.
    pub(crate) fn wait(&self) -> Option<Instant> {
        self.waits.iter().flatten().min().copied()
    }

    /// Takes the next that arrives: from whom, at whom, and what.
    pub(crate) fn arrival(&mut self) -> Option<(ShardId, usize, PeerItem)> {
        let way = *self.between.keys().nth(self.dice.below(self.between.len()))?;
        let items = self.between.get_mut(&way)?;
        let item = items.pop_front()?;
        if items.is_empty() {
            self.between.remove(&way);
        }
        Some((ShardId(u16::try_from(way.0).ok()?), way.1, item))
    }
}
