//! What must hold on several shards as on one, whatever the order in which they hear of each other.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

pub(super) const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
const FILTERS: [&str; 5] = ["t/0", "t/1", "t/+", "#", "t/2"];

pub(super) fn config(keeps_state: bool) -> Config {
    Config { keeps_state, sys_interval_s: 0, max_inflight: 3, ..Config::default() }
}

impl Cluster {
    /// Everybody is there and all that is under way arrives.
    pub(super) fn settle(&mut self) {
        loop {
            for n in 0..self.clients.len() {
                if self.clients[n].link.is_none() {
                    self.connect(n);
                }
            }
            let mut moves = self.settle_shards();
            for n in 0..self.clients.len() {
                while self.read(n) {
                    moves = true;
                }
            }
            if !moves {
                return;
            }
        }
    }

    /// One thing that a client does, or a shard.
    pub(super) fn play(&mut self, publishers: usize) {
        self.now = self.now + Duration::from_millis(1);
        let n = self.below(self.clients.len() as u64) as usize;
        match self.below(100) {
            0..20 if self.clients[n].link.is_none() => self.connect(n),
            0..20 if n < publishers => {
                let (topic, qos) = (format!("t/{}", self.below(3)), QOS[self.below(3) as usize]);
                let retain = self.below(4) == 0;
                self.publish_one(n, &topic, qos, retain);
            }
            0..4 if self.is_ready(n) => {
                let filter = FILTERS[self.below(5) as usize];
                let qos = QOS[self.below(3) as usize];
                if !self.clients[n].subscribed.contains_key(filter) {
                    self.subscribe_to(n, filter, qos);
                }
            }
            4..6 if self.is_ready(n) => {
                let filter = FILTERS[self.below(5) as usize];
                if self.clients[n].subscribed.contains_key(filter) {
                    self.unsubscribe_from(n, filter);
                }
            }
            20..50 => _ = self.read(n),
            97..99 => self.cut_client(n),
            _ => self.shuffle(),
        }
    }

    /// Nobody gets what it never asked for, or anything out of order, or of QoS 2 twice.
    pub(super) fn check_order(&self) {
        for client in &self.clients {
            let mut last: BTreeMap<_, usize> = BTreeMap::new();
            let mut seen = BTreeSet::new();
            for got in client.got.iter().filter(|got| !got.is_retained) {
                let (publisher, number) = got.payload.split_once(':').unwrap();
                let (of, number): (usize, usize) = (publisher.parse().unwrap(), number.parse().unwrap());
                let sent = &self.clients[of].sent[number];
                assert_eq!(sent.topic, got.topic);
                if !seen.insert(got.payload.clone()) {
                    let may_repeat = sent.qos == Qos::AtLeastOnce || got.qos == Qos::AtLeastOnce;
                    assert!(may_repeat, "{} gets {} twice", client.name, got.payload);
                    continue;
                }
                let key = (publisher.to_owned(), got.topic.clone(), got.qos);
                let before = last.insert(key, number);
                // What was missed the first time may come when it is sent again.
                assert!(
                    sent.is_repeated || before.is_none_or(|before| before < number),
                    "{}: {before:?} {got:?}",
                    client.name
                );
            }
        }
    }

    /// Everybody has all that was published after it could rely on its subscription.
    pub(super) fn check_all_came(&self) {
        for client in &self.clients {
            let got: BTreeSet<&str> = client.got.iter().map(|got| &*got.payload).collect();
            for sent in self.clients.iter().flat_map(|client| &client.sent) {
                let topic: mqtt::TopicName = sent.topic.parse().unwrap();
                let wants = |(filter, &(since, qos)): (&String, &(u64, Qos))| {
                    let filter: TopicFilter = filter.parse().unwrap();
                    since < sent.at
                        && qos != Qos::AtMostOnce
                        && filter.shared().is_none()
                        && filter.matches(&topic)
                };
                let must = sent.qos != Qos::AtMostOnce && client.subscribed.iter().any(wants);
                assert!(
                    !must || got.contains(&*sent.payload),
                    "{} lacks {sent:?}: {:?}",
                    client.name,
                    client.subscribed
                );
            }
        }
    }
}

fn run(seed: u64, shards: u16) -> Cluster {
    let mut cluster = Cluster::new(seed, shards, config(seed.is_multiple_of(2)));
    for n in 0..3 {
        cluster.add(format!("publisher {n}"));
    }
    for n in 0..5 {
        cluster.add(format!("subscriber {n}"));
    }
    for _ in 0..1500 {
        cluster.play(3);
    }
    cluster.settle();
    cluster
}

#[test]
fn all_that_is_published_anywhere_comes_in_its_order() {
    for shards in [1, 2, 4] {
        let (mut moved, mut told, mut got) = (0, 0, 0);
        for seed in 1..=40 {
            let done = std::panic::catch_unwind(|| {
                let cluster = run(seed, shards);
                cluster.check_order();
                cluster.check_all_came();
                cluster.check_retained();
                cluster
            });
            let Ok(cluster) = done else { panic!("seed {seed} with {shards} shards") };
            moved += cluster.moved;
            told += cluster.told;
            got += cluster.clients.iter().map(|client| client.got.len()).sum::<usize>();
        }
        assert!(got > 5000, "{got} came");
        assert!(shards == 1 || (moved > 200 && told > 2000), "{moved} moved, {told} told");
        assert!(shards > 1 || moved + told == 0);
    }
}

/// Clients that have all subscribed before the process begins to end now and then.
pub(super) fn run_with_crashes(seed: u64, shards: u16, filters: &[&str]) -> Cluster {
    let mut cluster = Cluster::new(seed, shards, config(true));
    for n in 0..2 {
        cluster.add(format!("publisher {n}"));
    }
    for n in 0..filters.len() {
        cluster.add(format!("subscriber {n}"));
    }
    cluster.settle();
    for (n, filter) in filters.iter().enumerate() {
        cluster.subscribe_to(2 + n, filter, Qos::ExactlyOnce);
    }
    cluster.settle();
    for _ in 0..800 {
        cluster.now = cluster.now + Duration::from_millis(1);
        let n = cluster.below(cluster.clients.len() as u64) as usize;
        match cluster.below(100) {
            0..20 if cluster.clients[n].link.is_none() => cluster.connect(n),
            0..20 if n < 2 => {
                let qos = QOS[1 + cluster.below(2) as usize];
                cluster.publish_one(n, "t/0", qos, false);
            }
            20..50 => _ = cluster.read(n),
            97 => cluster.cut_client(n),
            98 => {
                let of = 1 + cluster.below(u64::from(shards)) as u16;
                cluster.crash(if seed.is_multiple_of(2) { of } else { shards });
            }
            _ => cluster.shuffle(),
        }
    }
    cluster.settle();
    cluster
}

impl Cluster {
    /// How often each subscriber, or each group of a Shared Subscription, has got what was acknowledged at this QoS.
    pub(super) fn counts(&self, filters: &[&str], qos: Qos) -> Vec<(String, Vec<usize>)> {
        let came = |client: &clients::Client, payload: &str| {
            client.got.iter().filter(|got| got.payload == payload).count()
        };
        let counts = |payload: &str| {
            let mut of: BTreeMap<(&str, usize), usize> = BTreeMap::new();
            for (n, filter) in filters.iter().enumerate() {
                let member = if filter.starts_with("$share") { 0 } else { n };
                *of.entry((filter, member)).or_default() += came(&self.clients[2 + n], payload);
            }
            of.into_values().collect()
        };
        let sent =
            self.clients.iter().flat_map(|client| client.acknowledged.iter().map(|&at| &client.sent[at]));
        sent.filter(|sent| sent.qos == qos)
            .map(|sent| (sent.payload.clone(), counts(&sent.payload)))
            .collect()
    }

    pub(super) fn check_nothing_is_left(&self) {
        use crate::broker::change::Key;
        let is_left = |key: &Key| matches!(key, Key::Message(_) | Key::InFlight(..) | Key::Received(..));
        let mut all = self.disk.clone();
        all.absorb(&self.pending);
        let left: Vec<_> = all.iter().filter(|(key, _)| is_left(key)).collect();
        assert!(left.is_empty(), "what is done is not kept: {left:?}");
    }
}

#[test]
fn nothing_acknowledged_is_lost_between_shards_whenever_the_process_ends() {
    for shards in [1, 2, 4] {
        let (mut crashes, mut messages, mut twice) = (0, 0, 0);
        for seed in 1..=60 {
            let done = std::panic::catch_unwind(|| {
                let filters = ["#", "t/0", "t/+"];
                let cluster = run_with_crashes(seed, shards, &filters);
                for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
                    for (payload, counts) in cluster.counts(&filters, qos) {
                        assert!(counts.iter().all(|&count| count > 0), "{payload} is lost: {counts:?}");
                    }
                }
                cluster.check_nothing_is_left();
                cluster
            });
            let Ok(cluster) = done else { panic!("seed {seed} with {shards} shards") };
            let exact = cluster.counts(&["#", "t/0", "t/+"], Qos::ExactlyOnce);
            twice += exact.iter().filter(|(_, counts)| counts.iter().any(|&count| count > 1)).count();
            crashes += cluster.crashes;
            messages += exact.len();
        }
        assert!(crashes > 200 && messages > 300, "there was enough to lose: {crashes}, {messages}");
        assert!(twice == 0 || shards > 2, "{twice} of QoS 2 came twice");
    }
}

#[test]
fn of_qos_2_nothing_comes_twice_to_a_shard_that_alone_takes_it() {
    let mut messages = 0;
    for seed in 1..=60 {
        let cluster = run_with_crashes(seed, 3, &["#"]);
        for (payload, counts) in cluster.counts(&["#"], Qos::ExactlyOnce) {
            assert_eq!(counts, [1], "{payload}, seed {seed}");
            messages += 1;
        }
        cluster.check_nothing_is_left();
    }
    assert!(messages > 500, "{messages}");
}
