//! What is counted. Each script gives the number of its operations, by which xtask divides.
//!
//! A change of a script makes its accepted number worthless: `cargo xtask guard --accept`.

use bridge::broker::{Config, Rule, Rules};
use mqtt::{Qos, Version};

use crate::counted;
use crate::house::{self, House};

/// Messages in one read of a socket.
const BATCH: usize = 50;

type Script = fn() -> usize;

/// Name and script. What an operation is stands at the script.
pub(crate) const ALL: [(&str, Script); 14] = [
    ("pairs-q0", || pairs(Version::V3_1_1, Qos::AtMostOnce)),
    ("pairs-q0-v5", || pairs(Version::V5, Qos::AtMostOnce)),
    ("pairs-q0-10-rules", || pairs_by(rules(10), Version::V3_1_1, Qos::AtMostOnce)),
    ("pairs-q0-100-rules", || pairs_by(rules(100), Version::V3_1_1, Qos::AtMostOnce)),
    ("pairs-q1", || pairs(Version::V3_1_1, Qos::AtLeastOnce)),
    ("pairs-q2", || pairs(Version::V3_1_1, Qos::ExactlyOnce)),
    ("fan200-q0", || fan(Qos::AtMostOnce)),
    ("fan200-q1", || fan(Qos::AtLeastOnce)),
    ("connect-subscribe", connect_subscribe),
    ("match-100k", match_among_many),
    ("retained-search", retained_search),
    ("new-topics", || new_topics(rules(0))),
    ("new-topics-10-rules", || new_topics(rules(10))),
    ("new-topics-100-rules", || new_topics(rules(100))),
];

/// Ten publishers, each with a subscriber of its own. An operation: one delivery.
fn pairs(version: Version, qos: Qos) -> usize {
    pairs_by(Rules::default(), version, qos)
}

fn pairs_by(rules: Rules, version: Version, qos: Qos) -> usize {
    const PAIRS: usize = 10;
    let mut house = House::new(Config { rules: rules.into(), ..Config::default() });
    let mut batches = Vec::new();
    for n in 0..PAIRS {
        let topic = format!("load/{n}");
        let subscriber = house.client(version, &format!("subscriber-{n}"));
        house.subscribe(subscriber, &[&topic], qos);
        let publisher = house.client(version, &format!("publisher-{n}"));
        let topics = std::iter::repeat_n(topic.as_str(), BATCH);
        batches.push((publisher, house::publish(version, topics, qos, false)));
    }
    let mut delivered = 0;
    for _ in 0..6 {
        for (publisher, batch) in &batches {
            delivered += house.exchange(*publisher, batch);
        }
    }
    assert_eq!(delivered, 6 * PAIRS * BATCH, "every message arrives");
    delivered
}

/// One publisher, 200 subscribers. An operation: one delivery.
fn fan(qos: Qos) -> usize {
    const SUBSCRIBERS: usize = 200;
    const TURNS: usize = 2;
    let mut house = House::new(Config::default());
    for n in 0..SUBSCRIBERS {
        let subscriber = house.client(Version::V3_1_1, &format!("subscriber-{n}"));
        house.subscribe(subscriber, &["load/+"], qos);
    }
    let publisher = house.client(Version::V3_1_1, "publisher");
    let batch = house::publish(Version::V3_1_1, std::iter::repeat_n("load/1", 15), qos, false);
    let delivered = (0..TURNS).map(|_| house.exchange(publisher, &batch)).sum();
    assert_eq!(delivered, TURNS * 15 * SUBSCRIBERS, "every message arrives");
    delivered
}

/// Clients come, subscribe and go. An operation: one client.
fn connect_subscribe() -> usize {
    const CLIENTS: usize = 500;
    let mut house = House::new(Config::default());
    for n in 0..CLIENTS {
        let mut hello = house::connect(Version::V3_1_1, &format!("client-{n}"));
        hello.extend(house::subscribe(Version::V3_1_1, &[&format!("site/{n}/state")], Qos::AtLeastOnce));
        counted(&mut || {
            let connection = house.open(Version::V3_1_1);
            house.receive(connection, &hello);
            if n % 2 == 0 {
                house.close(connection);
            }
        });
    }
    CLIENTS
}

/// Publications to topics nobody published to before, among 100 000 filters of which one matches, and one with a `+`. An
/// operation: one publication.
fn match_among_many() -> usize {
    const FILTERS: usize = 100_000;
    const PUBLICATIONS: usize = 2000;
    let device = |n: usize| format!("site/{:03}/dev/{:05}", n % 1000, n / 1000);
    let mut house = House::new(Config::default());
    let filters: Vec<String> = (0..FILTERS).map(|n| device(n) + "/state").collect();
    for (n, part) in filters.chunks(1000).enumerate() {
        let client = house.client(Version::V5, &format!("client-{n}"));
        let part: Vec<&str> = part.iter().map(String::as_str).collect();
        house.subscribe(client, &part, Qos::AtMostOnce);
    }
    let plus = house.client(Version::V5, "plus");
    house.subscribe(plus, &["site/+/dev/+/state"], Qos::AtMostOnce);
    let publisher = house.client(Version::V5, "publisher");
    // Far from each other, so that none is near the one before.
    let topics: Vec<String> = (0..PUBLICATIONS).map(|n| device(n * 7919 % FILTERS) + "/state").collect();
    let mut delivered = 0;
    for part in topics.chunks(BATCH) {
        let topics = part.iter().map(String::as_str);
        let batch = house::publish(Version::V5, topics, Qos::AtMostOnce, false);
        delivered += house.exchange(publisher, &batch);
    }
    assert_eq!(delivered, 2 * PUBLICATIONS, "two want each");
    PUBLICATIONS
}

/// Retained messages are found for new subscriptions, 20 of 5 000 each. An operation: one message that is found.
fn retained_search() -> usize {
    let mut house = House::new(Config::default());
    let publisher = house.client(Version::V5, "publisher");
    let topics: Vec<String> = (0..5000).map(|n| format!("site/{}/dev/{}/state", n % 250, n / 250)).collect();
    for part in topics.chunks(BATCH) {
        let topics = part.iter().map(String::as_str);
        house.receive(publisher, &house::publish(Version::V5, topics, Qos::AtMostOnce, true));
    }
    let reader = house.client(Version::V5, "reader");
    let mut found = 0;
    for n in 0..100 {
        let wish = house::subscribe(Version::V5, &[&format!("site/{n}/dev/+/state")], Qos::AtMostOnce);
        found += house.exchange(reader, &wish);
        counted(&mut || house.tick_until_idle());
        found += house.exchange(reader, &[]);
    }
    assert_eq!(found, 2000, "20 in each");
    found
}

/// One publication each to topics that nobody has published to, and one who reads all: what a rule decides is asked anew for each,
/// to publish and to read. An operation: one delivery.
fn new_topics(rules: Rules) -> usize {
    const TOPICS: usize = 2000;
    let mut house = House::new(Config { rules: rules.into(), ..Config::default() });
    let reader = house.client(Version::V5, "reader");
    house.subscribe(reader, &["load/#"], Qos::AtMostOnce);
    let publisher = house.client(Version::V5, "publisher");
    let topics: Vec<String> = (0..TOPICS).map(|n| format!("load/{}/dev/{n}", n % 100)).collect();
    let mut delivered = 0;
    for part in topics.chunks(BATCH) {
        let batch = house::publish(Version::V5, part.iter().map(String::as_str), Qos::AtMostOnce, false);
        delivered += house.exchange(publisher, &batch);
    }
    assert_eq!(delivered, TOPICS, "every message arrives");
    delivered
}

/// So many rules, of which the last allows all: those before are of all kinds, and for others or about other topics.
fn rules(count: usize) -> Rules {
    let rule = |n: usize| {
        let topic = match n % 4 {
            _ if n + 1 == count => "#".to_owned(),
            0 => format!("load/+/set/{n}"),
            1 => format!("site/{n}/#"),
            2 => "own/%u/%c/#".to_owned(),
            _ => "#".to_owned(),
        };
        let is_for_one = n % 4 == 3 && n + 1 != count;
        Rule {
            allows: n + 1 == count || n.is_multiple_of(3),
            publish: true,
            subscribe: true,
            user: is_for_one.then(|| format!("user-{n}").into()),
            group: None,
            client_id: (n % 8 == 5).then(|| "sensor-*".into()),
            topics: vec![topic.parse().unwrap()],
            max_qos: Qos::ExactlyOnce,
            retain: true,
            line: n,
        }
    };
    Rules::new((0..count).map(rule).collect())
}
