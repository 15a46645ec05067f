//! What is retained is the same on all shards, whoever changes it where, and there for whoever subscribes anywhere.

use std::collections::BTreeMap;

use super::runs::{QOS, config};
use super::*;
use crate::broker::retained::{Replay, Retained, Step};

const TOPICS: [&str; 3] = ["t/0", "t/1", "t/2"];

/// Payloads by topic.
fn all(retained: &Retained) -> BTreeMap<String, String> {
    all_below(retained, "#")
}

/// The same of those that match a filter.
pub(super) fn all_below(retained: &Retained, filter: &str) -> BTreeMap<String, String> {
    let mut replay = Replay::new(filter.parse().unwrap(), SubscriptionOptions::default(), None);
    let mut found = BTreeMap::new();
    while let Step::Found(stored) = retained.next(&mut replay, &mut u32::MAX.clone()) {
        let payload = String::from_utf8_lossy(stored.message.payload.as_ref()).into_owned();
        found.insert(stored.message.topic.to_string(), payload);
    }
    found
}

impl Cluster {
    /// All agree, and on nothing that its publisher has replaced.
    pub(super) fn check_retained(&self) {
        let kept = all(&self.shards[0].broker.retained);
        for shard in &self.shards {
            assert_eq!(all(&shard.broker.retained), kept);
        }
        for (topic, payload) in &kept {
            let (publisher, number) = payload.split_once(':').unwrap();
            let (of, number): (usize, usize) = (publisher.parse().unwrap(), number.parse().unwrap());
            let client = &self.clients[of];
            let is_later = |at: &&usize| {
                let sent = &client.sent[**at];
                **at > number && sent.retain && sent.topic == *topic
            };
            let later = client.acknowledged.iter().find(is_later);
            assert!(later.is_none() || client.sent[number].is_repeated, "{topic} is {payload}: {later:?}");
        }
    }

    /// A publisher of its own for each topic changes it, clears it, and lets others subscribe as soon as that is acknowledged.
    fn play_retained(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        let n = self.below(self.clients.len() as u64) as usize;
        match self.below(100) {
            0..20 if self.clients[n].link.is_none() => self.connect(n),
            0..20 if n < TOPICS.len() => {
                let qos = QOS[1 + self.below(2) as usize]; // one who is away misses QoS 0
                match self.below(6) {
                    0 => self.publish_text(n, (TOPICS[n], String::new()), qos, true),
                    _ => self.publish_one(n, TOPICS[n], qos, true),
                }
            }
            0..6 if self.is_ready(n) => {
                self.subscribe_to(n, "t/+", Qos::ExactlyOnce);
            }
            20..50 => _ = self.read(n),
            97 => self.cut_client(n),
            _ => self.shuffle(),
        }
    }

    /// What a subscriber got last of a topic is what is retained there: nobody is left with an old value.
    fn check_all_are_up_to_date(&self) {
        let kept = all(&self.shards[0].broker.retained);
        for client in self.clients.iter().filter(|client| client.subscribed.contains_key("t/+")) {
            for (topic, payload) in &kept {
                let last = client.got.iter().rfind(|got| got.topic == *topic);
                let last = last.map(|got| got.payload.as_str());
                assert_eq!(last, Some(payload.as_str()), "{} of {topic}", client.name);
            }
        }
    }
}

#[test]
fn whoever_subscribes_anywhere_ends_with_what_is_retained() {
    let mut told = 0;
    for shards in [1, 2, 4] {
        for seed in 1..=60 {
            let done = std::panic::catch_unwind(|| {
                let mut cluster = Cluster::new(seed, shards, config(seed.is_multiple_of(2)));
                for n in 0..8 {
                    cluster.add(format!("client {n}"));
                }
                for _ in 0..600 {
                    cluster.play_retained();
                }
                cluster.settle();
                cluster.check_retained();
                cluster.check_all_are_up_to_date();
                cluster
            });
            let Ok(cluster) = done else { panic!("seed {seed} with {shards} shards") };
            told += cluster.told;
        }
    }
    assert!(told > 5000, "{told}");
}

#[test]
fn what_was_acknowledged_is_retained_whenever_the_process_ends() {
    let (mut crashes, mut values) = (0, 0);
    for shards in [1, 2, 4] {
        for seed in 1..=60 {
            let done = std::panic::catch_unwind(|| {
                let mut cluster = Cluster::new(seed, shards, config(true));
                for n in 0..TOPICS.len() {
                    cluster.add(format!("client {n}"));
                }
                for _ in 0..400 {
                    if cluster.below(60) == 0 {
                        cluster.crash(shards);
                    }
                    cluster.play_retained();
                }
                cluster.settle();
                cluster.check_retained();
                let kept = all(&cluster.shards[0].broker.retained);
                for (n, topic) in TOPICS.iter().enumerate() {
                    let client = &cluster.clients[n];
                    let last =
                        client.sent.last().filter(|_| client.acknowledged.contains(&(client.sent.len() - 1)));
                    let last = last.filter(|sent| !sent.is_repeated && !sent.payload.is_empty());
                    assert!(
                        last.is_none_or(|last| kept.get(*topic) == Some(&last.payload)),
                        "{topic}: {last:?}"
                    );
                }
                cluster
            });
            let Ok(cluster) = done else { panic!("seed {seed} with {shards} shards") };
            crashes += cluster.crashes;
            values += cluster.clients.iter().map(|client| client.acknowledged.len()).sum::<usize>();
        }
    }
    assert!(crashes > 500 && values > 1000, "there was enough to lose: {crashes}, {values}");
}
