//! What a million subscriptions and a million retained messages cost: bytes each, and time for a publication and for a
//! search, against how many there are. Bytes are counted at the allocator, as they were asked for; times are
//! this thread's on a processor of this machine, so that others on it count less.
//!
//! `cargo xtask scale [NUMBER]`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people: it prints, and may stop at the first surprise"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bridge::broker::{Broker, Config, ConnectionId, Input, Output, Peer};
use mqtt::packet::{BoxedProperties, Connect, Publish, Subscribe, SubscriptionOptions, Unsubscribe};
use mqtt::{Delivery, Instant, Packet, PacketId, Rng, TopicFilter, TopicName, Version};

/// Counts what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "the allocator's trait asks for it; all is handed on to the system's")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Filters of one SUBSCRIBE, and sessions that hold them all.
const FILTERS_A_PACKET: usize = 500;
const SESSIONS: usize = 100;

fn main() {
    let most: usize = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().unwrap());
    println!(
        "subscriptions                       bytes each   ns a publication, to nobody / to one / to one by +"
    );
    for number in [most / 1000, most / 100, most / 10, most].map(|n| n.max(1000)) {
        subscriptions("site/A/dev/B/state", number, &|n| device(n) + "/state");
    }
    subscriptions("site/A/dev/B/+", most, &|n| device(n) + "/+");
    subscriptions("+/A/dev/B/state", most, &|n| device(n).replacen("site", "+", 1) + "/state");
    one_filter(most / 10);
    println!("\nretained messages, 10 bytes each    bytes each   search: matches, microseconds");
    for number in [most / 1000, most / 100, most / 10, most].map(|n| n.max(1000)) {
        retained(number);
    }
}

/// One of a thousand sites' devices.
fn device(n: usize) -> String {
    format!("site/{:03}/dev/{:05}", n % 1000, n / 1000)
}

fn subscriptions(what: &str, number: usize, filter: &dyn Fn(usize) -> String) {
    let mut bench = Bench::new();
    let publisher = bench.connect("publisher");
    let clients: Vec<_> = (0..SESSIONS).map(|n| bench.connect(&format!("client-{n}"))).collect();
    let plus = bench.connect("plus");
    let before = HELD.load(Ordering::Relaxed);
    let filters: Vec<usize> = (0..number).collect();
    for (at, part) in filters.chunks(FILTERS_A_PACKET).enumerate() {
        let texts: Vec<String> = part.iter().map(|&n| filter(n)).collect();
        bench.subscribe(clients[at % SESSIONS], &texts);
    }
    drop(filters);
    let each = (HELD.load(Ordering::Relaxed) - before) as f64 / number as f64;
    let mut rng = Rng::new(1);
    let mut pick = || rng.up_to(number as u64 - 1) as usize;
    let to_nobody = bench.publish_all(publisher, plus, &mut || device(pick()) + "/x/y");
    let to_one = bench.publish_all(publisher, plus, &mut || device(pick()) + "/state");
    bench.subscribe(plus, &["site/+/dev/+/other".to_owned()]);
    let by_plus = bench.publish_all(publisher, plus, &mut || device(pick()) + "/other");
    let topics: Vec<String> = (0..100).map(|n| device(n) + "/state").collect();
    let begin = Clock::start();
    for _ in 0..10_000 {
        topics.iter().for_each(|topic| bench.publish(publisher, topic, false));
    }
    let known = begin.elapsed().as_nanos() as f64 / 1e6;
    println!(
        "{what:20} {number:>12} {each:>14.0}   {to_nobody:>6.0} {to_one:>6.0} {by_plus:>6.0} {known:>6.0}"
    );
}

/// Everyone is subscribed to the same.
fn one_filter(number: usize) {
    let mut bench = Bench::new();
    let clients: Vec<_> = (0..number).map(|n| bench.connect(&format!("client-{n}"))).collect();
    let before = HELD.load(Ordering::Relaxed);
    let begin = Clock::start();
    clients.iter().for_each(|&client| bench.subscribe(client, &["a/b".to_owned()]));
    let join = begin.elapsed();
    let each = (HELD.load(Ordering::Relaxed) - before) as f64 / number as f64;
    let begin = Clock::start();
    clients.iter().for_each(|&client| bench.handle(Input::Closed { connection: client }));
    let leave = begin.elapsed();
    let ns = |time: Duration| time.as_nanos() as f64 / number as f64;
    println!(
        "{:20} {number:>12} {each:>14.0}   ns to subscribe {:.0}, to end the session {:.0}",
        "one filter for all",
        ns(join),
        ns(leave)
    );
}

fn retained(number: usize) {
    let mut bench = Bench::new();
    let publisher = bench.connect("publisher");
    let before = HELD.load(Ordering::Relaxed);
    let begin = Clock::start();
    for n in 0..number {
        bench.publish(publisher, &(device(n) + "/state"), true);
    }
    let store = begin.elapsed().as_nanos() as f64 / number as f64;
    let begin = Clock::start();
    for n in 0..number {
        bench.publish(publisher, &(device(n) + "/state"), true);
    }
    let replace = begin.elapsed().as_nanos() as f64 / number as f64;
    let each = (HELD.load(Ordering::Relaxed) - before) as f64 / number as f64;
    print!("{:20} {number:>12} {each:>14.0}  ", "site/A/dev/B/state");
    for filter in [
        "site/007/dev/00000/+",
        "site/007/dev/+/state",
        "+/007/dev/00000/state",
        "site/+/dev/00000/state",
        "site/+/none",
    ] {
        let client = bench.connect("reader");
        let (begin, mut searches, mut found) = (Clock::start(), 0, 0);
        while begin.elapsed() < Duration::from_millis(100) {
            for _ in 0..10 {
                let sent = bench.sent;
                bench.subscribe(client, &[filter.to_owned()]);
                bench.tick_until_idle();
                found = bench.sent - sent - 1;
                bench.unsubscribe(client, filter);
            }
            searches += 10;
        }
        print!(
            " {filter}: {found}, {:.1};",
            begin.elapsed().as_nanos() as f64 / 1000.0 / f64::from(searches)
        );
        bench.handle(Input::Closed { connection: client });
    }
    println!(" ns to keep {store:.0}, to replace {replace:.0}");
}

/// Time of this thread on a processor, as Linux counts it: in steps of some milliseconds.
struct Clock(u64);

impl Clock {
    fn start() -> Self {
        Self(Self::spent())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(Self::spent() - self.0)
    }

    fn spent() -> u64 {
        let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        counts.split(' ').next().and_then(|spent| spent.parse().ok()).unwrap()
    }
}

/// A broker and what it needs.
struct Bench {
    broker: Broker,
    now: Instant,
    deadline: Option<Instant>,
    connections: u32,
    sent: usize,
}

impl Bench {
    fn new() -> Self {
        let config = Config {
            max_retained_messages: usize::MAX,
            max_retained_bytes: usize::MAX,
            max_output_bytes: usize::MAX,
            ..Config::default()
        };
        let now = Instant::from_millis(0);
        Self { broker: Broker::new(config, 1), now, deadline: None, connections: 0, sent: 0 }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.broker.handle(self.now, input);
        loop {
            match self.broker.poll() {
                Output::Send { .. } => self.sent += 1,
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
                _ => {}
            }
        }
    }

    fn tick_until_idle(&mut self) {
        while let Some(at) = self.deadline {
            if at.since(self.now).as_millis() > 1 {
                return;
            }
            self.now = at;
            self.handle(Input::Tick);
        }
    }

    fn connect(&mut self, client_id: &str) -> ConnectionId {
        let connection = ConnectionId(self.connections);
        self.connections += 1;
        let peer =
            Peer { name: "bench".into(), address: None, is_loopback: true, is_proxy: false, identity: None };
        self.handle(Input::Opened { connection, peer });
        let connect = Connect::new(Version::V5, client_id);
        self.handle(Input::Packet { connection, packet: Packet::Connect(Box::new(connect)) });
        connection
    }

    fn subscribe(&mut self, connection: ConnectionId, filters: &[String]) {
        let options = SubscriptionOptions::default();
        let filters =
            filters.iter().map(|filter| (TopicFilter::new(filter.as_str()).unwrap(), options)).collect();
        let packet_id = PacketId::new(1).unwrap();
        let subscribe = Subscribe { packet_id, filters, subscription_id: None, user_properties: vec![] };
        self.handle(Input::Packet { connection, packet: Packet::Subscribe(subscribe) });
    }

    fn unsubscribe(&mut self, connection: ConnectionId, filter: &str) {
        let filters = vec![TopicFilter::new(filter).unwrap()];
        let packet_id = PacketId::new(1).unwrap();
        let unsubscribe = Unsubscribe { packet_id, filters, user_properties: vec![] };
        self.handle(Input::Packet { connection, packet: Packet::Unsubscribe(unsubscribe) });
    }

    fn publish(&mut self, connection: ConnectionId, topic: &str, retain: bool) {
        let publish = Publish {
            delivery: Delivery::AtMostOnce,
            retain,
            topic: Some(TopicName::new(topic).unwrap()),
            payload: b"0123456789",
            properties: BoxedProperties::default(),
        };
        self.handle(Input::Packet { connection, packet: Packet::Publish(publish) });
    }

    /// Nanoseconds a publication, each to a topic that was not published to since the last change of subscriptions.
    fn publish_all(
        &mut self,
        publisher: ConnectionId,
        other: ConnectionId,
        topic: &mut dyn FnMut() -> String,
    ) -> f64 {
        let (mut total, mut count) = (Duration::ZERO, 0_u32);
        while count < 200_000 {
            self.subscribe(other, &["none".to_owned()]); // which makes all answers worthless
            self.unsubscribe(other, "none");
            let mut topics: Vec<String> = (0..1000).map(|_| topic()).collect();
            topics.sort_unstable_by_key(|topic| (topic.len(), topic.bytes().rev().collect::<Vec<_>>()));
            topics.dedup();
            let begin = Clock::start();
            topics.iter().for_each(|topic| self.publish(publisher, topic, false));
            total += begin.elapsed();
            count += topics.len() as u32;
        }
        total.as_nanos() as f64 / f64::from(count)
    }
}
