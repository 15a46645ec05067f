//! What is told of several shards is told of all of them, and not of how they were before.

use super::*;

impl Cluster {
    /// Time passes on all shards; which of them sees it first is left to chance.
    fn tick_all(&mut self, passed: Duration) {
        self.now = self.now + passed;
        let first = self.below(self.shards.len() as u64) as usize;
        for n in 0..self.shards.len() {
            self.handle((first + n) % self.shards.len(), Input::Tick);
        }
        self.settle_shards();
    }

    fn told(&self, at: usize, name: &str) -> Option<String> {
        let topic = format!("$SYS/broker/{name}");
        retained::all_below(&self.shards[at].broker.sys.retained, &topic).remove(&topic)
    }
}

#[test]
fn every_shard_tells_how_all_of_them_are() {
    for (shards, seed) in [(1, 1), (2, 1), (2, 2), (2, 3), (4, 1), (4, 2)] {
        let mut cluster = Cluster::new(seed, shards, Config { sys_interval_s: 10, ..Config::default() });
        for n in 0..8 {
            cluster.add(format!("client {n}"));
            cluster.connect(n);
        }
        cluster.settle_shards();
        cluster.subscribe_to(0, "a", Qos::AtMostOnce);
        cluster.tick_all(Duration::from_secs(10));
        for at in 0..usize::from(shards) {
            for (name, value) in
                [("clients/connected", "8"), ("clients/maximum", "8"), ("subscriptions/count", "1")]
            {
                assert_eq!(cluster.told(at, name).as_deref(), Some(value), "{name} on {at} of {shards}");
            }
        }
        (0..5).for_each(|n| cluster.cut_client(n));
        cluster.tick_all(Duration::from_secs(10));
        for (name, value) in [("clients/connected", "3"), ("clients/maximum", "8")] {
            let last = usize::from(shards) - 1;
            assert_eq!(cluster.told(last, name).as_deref(), Some(value), "{name} of {shards}");
        }
    }
}
