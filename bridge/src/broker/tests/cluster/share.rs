//! Shared Subscriptions whose members live on several shards.

use std::collections::BTreeSet;

use super::runs::{QOS, config, run_with_crashes};
use super::*;

const GROUP: &str = "$share/g/t/+";
const MEMBERS: std::ops::Range<usize> = 2..8;

impl Cluster {
    /// Two publishers and the members of a group, of whom the first two stay.
    fn with_members(seed: u64, shards: u16, keeps_state: bool) -> Self {
        let mut cluster = Self::new(seed, shards, config(keeps_state));
        for n in 0..MEMBERS.end {
            cluster.add(format!("client {n}"));
        }
        cluster.settle();
        MEMBERS.for_each(|n| cluster.subscribe_to(n, GROUP, Qos::ExactlyOnce));
        cluster.settle();
        cluster
    }

    fn play_shared(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        let n = self.below(self.clients.len() as u64) as usize;
        let leaves = MEMBERS.start + 2..MEMBERS.end;
        match self.below(100) {
            0..20 if self.clients[n].link.is_none() => self.connect(n),
            0..20 if n < MEMBERS.start => {
                let (topic, qos) = (format!("t/{}", self.below(3)), QOS[1 + self.below(2) as usize]);
                self.publish_one(n, &topic, qos, false);
            }
            0..3 if leaves.contains(&n) && self.is_ready(n) => {
                match self.clients[n].subscribed.contains_key(GROUP) {
                    true => self.unsubscribe_from(n, GROUP),
                    false => self.subscribe_to(n, GROUP, Qos::ExactlyOnce),
                }
            }
            20..50 => _ = self.read(n),
            96..98 => self.cut_client(n),
            _ => self.shuffle(),
        }
    }

    /// How often the group has got each message of this QoS that was acknowledged.
    fn came(&self, qos: Qos) -> Vec<(String, usize)> {
        let count = |payload: &str| {
            let got = self.clients[MEMBERS].iter().flat_map(|client| &client.got);
            got.filter(|got| got.payload == payload).count()
        };
        let sent =
            self.clients.iter().flat_map(|client| client.acknowledged.iter().map(|&at| &client.sent[at]));
        sent.filter(|sent| sent.qos == qos).map(|sent| (sent.payload.clone(), count(&sent.payload))).collect()
    }
}

#[test]
fn one_member_of_all_gets_each_message_though_members_come_and_go() {
    let (mut messages, mut told) = (0, 0);
    for shards in [1, 2, 4] {
        for seed in 1..=60 {
            let done = std::panic::catch_unwind(|| {
                let mut cluster = Cluster::with_members(seed, shards, seed.is_multiple_of(2));
                (0..900).for_each(|_| cluster.play_shared());
                cluster.settle();
                for (payload, count) in cluster.came(Qos::AtLeastOnce) {
                    assert!(count > 0, "{payload} is lost");
                }
                for (payload, count) in cluster.came(Qos::ExactlyOnce) {
                    assert_eq!(count, 1, "{payload}");
                }
                cluster.check_nothing_is_left();
                cluster
            });
            let Ok(cluster) = done else { panic!("seed {seed} with {shards} shards") };
            messages += cluster.came(Qos::ExactlyOnce).len();
            told += cluster.told;
        }
    }
    assert!(messages > 2000 && told > 5000, "{messages} came, {told} told");
}

#[test]
fn members_of_all_shards_take_turns() {
    for shards in [1, 2, 4] {
        let mut cluster = Cluster::with_members(1, shards, false);
        let homes: BTreeSet<_> = MEMBERS.map(|n| cluster.clients[n].link.as_ref().unwrap().shard).collect();
        assert!(shards == 1 || homes.len() > 1, "{homes:?}");
        for _ in 0..60 {
            cluster.publish_one(0, "t/0", Qos::AtLeastOnce, false);
            cluster.settle();
        }
        let got: Vec<_> = MEMBERS.map(|n| cluster.clients[n].got.len()).collect();
        assert_eq!(got, [10; 6], "{shards} shards");
    }
}

#[test]
fn what_a_member_leaves_behind_goes_to_one_of_another_shard() {
    for shards in [1, 2, 4] {
        let mut cluster = Cluster::with_members(2, shards, true);
        // All are away: what comes waits with each of them.
        MEMBERS.for_each(|n| cluster.cut_client(n));
        let names: Vec<String> = MEMBERS.map(|n| cluster.clients[n].name.clone()).collect();
        for _ in 0..12 {
            cluster.publish_one(0, "t/0", Qos::ExactlyOnce, false);
            loop {
                let moves = cluster.settle_shards();
                if !cluster.read(0) && !moves {
                    break;
                }
            }
        }
        // All but one come to unsubscribe, without having read anything.
        for n in MEMBERS.skip(1) {
            cluster.connect(n);
            cluster.unsubscribe_from(n, GROUP);
            cluster.cut_client(n);
            cluster.settle_shards();
        }
        cluster.settle();
        let got: BTreeSet<_> =
            MEMBERS.flat_map(|n| cluster.clients[n].got.iter().map(|got| &got.payload)).collect();
        assert_eq!(got.len(), 12, "{shards} shards, {names:?}");
        let all: usize = MEMBERS.map(|n| cluster.clients[n].got.len()).sum();
        assert_eq!(all, 12);
        cluster.check_nothing_is_left();
    }
}

#[test]
fn a_group_gets_all_that_was_acknowledged_whenever_the_process_ends() {
    let filters = [GROUP; 4];
    let (mut crashes, mut messages) = (0, 0);
    for shards in [1, 2, 4] {
        for seed in 1..=60 {
            let done = std::panic::catch_unwind(|| {
                let cluster = run_with_crashes(seed, shards, &filters);
                for (payload, counts) in cluster.counts(&filters, Qos::AtLeastOnce) {
                    assert!(counts[0] > 0, "{payload} is lost");
                }
                for (payload, counts) in cluster.counts(&filters, Qos::ExactlyOnce) {
                    assert_eq!(counts, [1], "{payload}");
                }
                cluster.check_nothing_is_left();
                cluster
            });
            let Ok(cluster) = done else { panic!("seed {seed} with {shards} shards") };
            crashes += cluster.crashes;
            messages += cluster.counts(&filters, Qos::ExactlyOnce).len();
        }
    }
    assert!(crashes > 500 && messages > 1000, "there was enough to lose: {crashes}, {messages}");
}

#[test]
fn nothing_is_lost_between_members_that_leave_whenever_the_process_ends() {
    let (mut crashes, mut messages, mut twice) = (0, 0, 0);
    for shards in [1, 2, 4] {
        for seed in 1..=60 {
            let done = std::panic::catch_unwind(|| {
                let mut cluster = Cluster::with_members(seed, shards, true);
                for _ in 0..900 {
                    if cluster.below(120) == 0 {
                        let of = 1 + cluster.below(u64::from(shards)) as u16;
                        cluster.crash(of);
                    }
                    cluster.play_shared();
                }
                cluster.settle();
                for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
                    for (payload, count) in cluster.came(qos) {
                        assert!(count > 0, "{payload} is lost");
                    }
                }
                cluster.check_nothing_is_left();
                cluster
            });
            let Ok(cluster) = done else { panic!("seed {seed} with {shards} shards") };
            crashes += cluster.crashes;
            let exact = cluster.came(Qos::ExactlyOnce);
            twice += exact.iter().filter(|(_, count)| *count > 1).count();
            messages += exact.len();
        }
    }
    assert!(crashes > 500 && messages > 1000, "there was enough to lose: {crashes}, {messages}");
    assert_eq!(twice, 0);
}
