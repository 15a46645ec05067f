//! `$SYS`: how the broker is, as retained messages under the names that Mosquitto made customary. It counts nothing itself:
//! at each interval it looks at the counters and publishes what has changed. Of several shards the door does, for all.

mod load;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mqtt::{Instant, Message, TopicName};

use self::load::{Load, PERIODS};
use super::retained::Retained;
use super::shard::{self, DOOR, ShardId};
use super::stored::Stored;
use super::timers::Timer;
use super::{Broker, Counters};

/// What is told of this broker, and when next.
#[derive(Debug, Default)]
pub(super) struct Sys {
    /// Apart from what Clients retain, so that it takes none of their room.
    pub(super) retained: Retained,
    timer: Option<Instant>,
    told: BTreeMap<String, String>,
    loads: Loads,
    walk: Walk,
    /// What the last one came to.
    waiting: Walk,
    /// What other shards have told last, and whether that was told on already.
    elsewhere: BTreeMap<ShardId, (Told, bool)>,
    /// It is time to tell how all are.
    is_time: bool,
}

/// How one shard is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    counters: Counters,
    waiting: Walk,
}

/// A count over all Sessions that is under way.
#[derive(Clone, Copy, Debug, Default)]
struct Walk {
    /// Places that were looked at.
    at: usize,
    messages: u64,
    bytes: u64,
}

/// Sessions that are looked at before others have a turn.
const WALK_STEPS: usize = 10_000;

/// Averages of what happens in a minute.
#[derive(Debug, Default)]
struct Loads {
    of: [Load; RATES.len()],
    since: Option<Instant>,
}

type Count = fn(&Counters) -> u64;

/// The counts whose rates are told.
const RATES: [(&str, Count); 9] = [
    ("messages/received", |c| c.packets_received),
    ("messages/sent", |c| c.packets_sent),
    ("publish/received", |c| c.messages_received),
    ("publish/sent", |c| c.messages_sent),
    ("publish/dropped", Counters::dropped),
    ("bytes/received", |c| c.bytes_received),
    ("bytes/sent", |c| c.bytes_sent),
    ("connections", |c| c.clients_connected),
    ("sockets", |c| c.connections_opened),
];

impl Broker {
    /// Begins to tell, at once and then at each interval; or ends, where there is none.
    pub(super) fn start_sys(&mut self) {
        let at = (self.config.sys_interval_s > 0).then_some(self.now);
        self.timers.set(Timer::Sys, &mut self.sys.timer, at);
    }

    pub(super) fn sys_due(&mut self) {
        self.sys.timer = None; // taken out when it came due
        if !self.walk() {
            let soon = self.now + Duration::from_millis(1);
            return self.timers.set(Timer::Sys, &mut self.sys.timer, Some(soon));
        }
        match self.place.shard {
            // One that does not say how it is counts as it was.
            DOOR if std::mem::replace(&mut self.sys.is_time, true) => self.tell_of_all(),
            DOOR => self.tell_in_time(),
            _ => {
                let own = Box::new(self.how_we_are());
                self.out.peer(DOOR, shard::Told::Counts(own));
            }
        }
        let next = self.now + Duration::from_secs(u64::from(self.config.sys_interval_s));
        self.timers.set(Timer::Sys, &mut self.sys.timer, Some(next));
    }

    /// How another shard is.
    pub(super) fn told_of_elsewhere(&mut self, from: ShardId, told: Told) {
        self.sys.elsewhere.insert(from, (told, false));
        self.tell_in_time();
    }

    /// Tells how all are, once all have said it.
    fn tell_in_time(&mut self) {
        let new = self.sys.elsewhere.values().filter(|(_, is_old)| !is_old).count();
        if self.sys.is_time && new + 1 == usize::from(self.place.of) {
            self.tell_of_all();
        }
    }

    fn how_we_are(&self) -> Told {
        Told { counters: self.counters(), waiting: self.sys.waiting }
    }

    fn tell_of_all(&mut self) {
        self.sys.is_time = false;
        self.sys.elsewhere.values_mut().for_each(|(_, is_old)| *is_old = true);
        let own = (self.how_we_are(), true);
        let all = || self.sys.elsewhere.values().chain([&own]).map(|(told, _)| told);
        let counters = Counters::of_all(all().map(|told| &told.counters));
        let waiting = all().fold(Walk::default(), |sum, told| sum.and(told.waiting));
        let mut values = vec![
            ("version".into(), concat!("switchboard version ", env!("CARGO_PKG_VERSION")).into()),
            ("uptime".into(), format!("{} seconds", self.now.as_millis() / 1000)),
        ];
        values.extend(counts(&counters, waiting).map(|(name, count)| (name.into(), count.to_string())));
        values.extend(self.sys.loads.of_now(self.now, &counters));
        for (name, value) in values {
            self.tell(name, value);
        }
    }

    /// Counts what waits in some more Sessions or for an acknowledgement, once for each Session, and the bytes of what waits
    /// in queues. True when all Sessions were looked at.
    fn walk(&mut self) -> bool {
        let all = self.sessions.capacity();
        let walk = &mut self.sys.walk;
        let end = all.min(walk.at + WALK_STEPS);
        for session in (walk.at..end).filter_map(|at| self.sessions.get(at)) {
            walk.messages += (session.queue.len() + session.sender.len()) as u64;
            walk.bytes += session.queue.bytes() as u64;
        }
        walk.at = end;
        if end < all {
            return false;
        }
        self.sys.waiting = std::mem::take(walk);
        true
    }

    /// Publishes a value that is not the one told before.
    fn tell(&mut self, name: String, value: String) {
        if self.sys.told.get(&name) == Some(&value) {
            return;
        }
        let topic = format!("$SYS/broker/{name}");
        let Ok(topic) = TopicName::new(topic.as_str()).map(|topic| topic.to_shared()) else { return };
        let retain = self.config.retain_available;
        // QoS 0: the next value is better than an old one that was waited for.
        let message = Message::new(topic, value.clone().into_bytes()).with_retain(retain);
        let stored = Arc::new(Stored::new(message, None));
        let stamp = retain.then(|| self.retain_sys(&stored));
        self.route_stored(None, &stored, stamp);
        self.sys.told.insert(name, value);
    }
}

fn counts(c: &Counters, waiting: Walk) -> impl Iterator<Item = (&'static str, u64)> + use<> {
    let Walk { messages, bytes, .. } = waiting;
    let (stored, stored_bytes) = (c.retained + messages, c.retained_bytes + bytes);
    [
        ("clients/connected", c.connections),
        ("clients/disconnected", c.sessions.saturating_sub(c.connections)),
        ("clients/total", c.sessions),
        ("clients/maximum", c.connections_maximum),
        ("clients/expired", c.sessions_expired),
        ("messages/received", c.packets_received),
        ("messages/sent", c.packets_sent),
        ("messages/stored", stored),
        ("publish/messages/received", c.messages_received),
        ("publish/messages/sent", c.messages_sent),
        ("publish/messages/dropped", c.dropped()),
        ("publish/bytes/received", c.payload_bytes_received),
        ("publish/bytes/sent", c.payload_bytes_sent),
        ("bytes/received", c.bytes_received),
        ("bytes/sent", c.bytes_sent),
        ("tls/handshakes/completed", c.tls_handshakes),
        ("tls/handshakes/resumed", c.tls_resumptions),
        ("tls/handshakes/failed", c.tls_failures),
        ("subscriptions/count", c.subscriptions),
        ("shared_subscriptions/count", c.shared_subscriptions),
        ("retained messages/count", c.retained),
        ("store/messages/count", stored),
        ("store/messages/bytes", stored_bytes),
    ]
    .into_iter()
}

impl Walk {
    const fn and(self, other: Self) -> Self {
        Self { at: 0, messages: self.messages + other.messages, bytes: self.bytes + other.bytes }
    }
}

impl Loads {
    /// The averages with what has happened since they were last asked for.
    fn of_now(&mut self, now: Instant, counters: &Counters) -> Vec<(String, String)> {
        let passed = now.since(self.since.unwrap_or(Instant::START)).as_secs_f64();
        self.since = Some(now);
        let mut values = Vec::new();
        for ((name, count), load) in RATES.iter().zip(&mut self.of) {
            load.add(count(counters), passed);
            let averages = PERIODS.iter().zip(load.averages());
            values.extend(averages.map(|((period, _), rate)| (format!("load/{name}/{period}"), rate)));
        }
        values
    }
}
