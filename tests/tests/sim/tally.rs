//! What happened in a run, counted.

/// What happened, to know that something did, and that a seed repeats itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) milliseconds: u64,
    pub(crate) packets_in: u64,
    pub(crate) packets_out: u64,
    pub(crate) deliveries: usize,
    pub(crate) sent_again: u64,
    pub(crate) connections: usize,
    pub(crate) cuts: u64,
    pub(crate) restarts: u64,
    pub(crate) crashes: u64,
    pub(crate) syncs: u64,
    /// Sessions that were restored.
    pub(crate) restored: usize,
    pub(crate) slow_readers: u64,
    pub(crate) full_queues: u64,
    pub(crate) expired: u64,
    pub(crate) too_large: u64,
    /// Connections that went to another shard, and what shards told each other.
    pub(crate) moved: u64,
    pub(crate) crossed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.milliseconds += other.milliseconds;
        self.packets_in += other.packets_in;
        self.packets_out += other.packets_out;
        self.deliveries += other.deliveries;
        self.sent_again += other.sent_again;
        self.connections += other.connections;
        self.cuts += other.cuts;
        self.restarts += other.restarts;
        self.crashes += other.crashes;
        self.syncs += other.syncs;
        self.restored += other.restored;
        self.slow_readers += other.slow_readers;
        self.full_queues += other.full_queues;
        self.expired += other.expired;
        self.too_large += other.too_large;
        self.moved += other.moved;
        self.crossed += other.crossed;
    }

    /// A simulation in which nothing happens proves nothing.
    pub(crate) fn assert_that_much_happened(&self) {
        let least = Self {
            milliseconds: 1,
            packets_in: 10_000,
            packets_out: 10_000,
            deliveries: 5_000,
            sent_again: 200,
            connections: 2_000,
            cuts: 500,
            restarts: 20,
            crashes: 100,
            syncs: 2_000,
            restored: 100,
            slow_readers: 20,
            full_queues: 20,
            expired: 20,
            too_large: 20,
            moved: 500,
            crossed: 5_000,
        };
        let enough = self.packets_in > least.packets_in
            && self.packets_out > least.packets_out
            && self.deliveries > least.deliveries
            && self.sent_again > least.sent_again
            && self.connections > least.connections
            && self.cuts > least.cuts
            && self.restarts > least.restarts
            && self.crashes > least.crashes
            && self.syncs > least.syncs
            && self.restored > least.restored
            && self.slow_readers > least.slow_readers
            && self.full_queues > least.full_queues
            && self.expired > least.expired
            && self.too_large > least.too_large
            && self.moved > least.moved
            && self.crossed > least.crossed;
        assert!(enough, "hardly anything happened: {self:?}");
    }
}
