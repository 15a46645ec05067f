//! What matching and queueing take, each by itself: `cargo xtask bench --micro`. The broker is treated as a shard treats it.
#![expect(clippy::unwrap_used, reason = "a measurement may stop at the first surprise")]

#[path = "../examples/guard/house.rs"]
#[expect(dead_code, reason = "scripts of the guard need more of it")]
mod house;

use bridge::broker::Config;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mqtt::{Qos, Version};

use house::House;

/// Messages in one read of a socket.
const BATCH: usize = 50;

/// What the guard counts is measured here as a whole.
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// One publication to a topic that was not published to before, among other filters of all kinds.
fn match_anew(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("match a new topic");
    for filters in [1_000, 100_000] {
        let mut house = House::new(Config::default());
        let subscriber = house.client(Version::V3_1_1, "subscriber");
        let names: Vec<String> = (0..filters).map(filter).collect();
        for part in names.chunks(100) {
            let part: Vec<&str> = part.iter().map(String::as_str).collect();
            house.subscribe(subscriber, &part, Qos::AtMostOnce);
        }
        let publisher = house.client(Version::V3_1_1, "publisher");
        let mut n = 0_u64;
        group.bench_function(format!("{filters} filters"), |bencher| {
            let begin = || {
                n += 1;
                let topic = format!("site/1/dev/x{n}/state");
                house::publish(Version::V3_1_1, [topic.as_str()].into_iter(), Qos::AtMostOnce, false)
            };
            bencher.iter_batched(
                begin,
                |bytes| house.receive(publisher, &bytes),
                BatchSize::NumIterations(1_000),
            );
        });
    }
}

fn filter(n: usize) -> String {
    let site = n % 97;
    match n % 4 {
        0 => format!("site/{site}/dev/{n}/+/state"),
        1 => format!("site/{site}/dev/{n}/#"),
        2 => format!("site/{site}/dev/{n}/out/1"),
        _ => format!("site/+/dev/{n}/in/2"),
    }
}

/// A batch through a queue: more than the window of its subscriber lets go at once.
fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("through the session's queue");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, qos) in [("QoS 1", Qos::AtLeastOnce), ("QoS 2", Qos::ExactlyOnce)] {
        let mut house = House::new(Config { max_inflight: 10, ..Config::default() });
        let subscriber = house.client(Version::V3_1_1, "subscriber");
        house.subscribe(subscriber, &["load"], qos);
        let publisher = house.client(Version::V3_1_1, "publisher");
        let topics = || std::iter::repeat_n("load", BATCH);
        let batch = house::publish(Version::V3_1_1, topics(), qos, false);
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(house.exchange(publisher, &batch), BATCH, "every message arrives"));
        });
    }
}

criterion_group!(broker, match_anew, queue);
criterion_main!(broker);
