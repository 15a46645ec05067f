//! Clients, a disk that forgets what was not synced, and a process that ends at any moment: from seeds, in virtual time.
//! Whatever was acknowledged is there afterwards, and of QoS 2 once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt::{Rng, SessionExpiry};

use super::*;

const PUBLISHERS: usize = 2;
/// Two alone, two as members of one Shared Subscription.
const SUBSCRIBERS: usize = 4;
const WINDOW: usize = 5;

/// A connection from the client's side.
struct Link {
    id: ConnectionId,
    /// Its CONNACK has come.
    is_ready: bool,
    /// What was sent, each with the turn it waits for; what does not wait stands as turn zero.
    sent: VecDeque<(u64, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Puback,
    Pubrec,
    Pubcomp,
}

/// What a client remembers, whatever happens to the broker.
#[derive(Default)]
struct Memory {
    link: Option<Link>,
    /// As a publisher.
    next: u64,
    last_id: u16,
    unfinished: BTreeMap<u16, (u64, Waits)>,
    acknowledged: BTreeMap<u64, Qos>,
    /// As a subscriber.
    is_subscribed: bool,
    unreleased: BTreeSet<u16>,
    got: BTreeMap<String, u32>,
}

struct Play {
    broker: Broker,
    rng: Rng,
    now: Instant,
    clients: Vec<Memory>,
    last_connection: u32,
    disk: Rows,
    pending: Rows,
    turn: u64,
    durable: u64,
    crashes: u32,
}

fn config() -> Config {
    Config { keeps_state: true, sys_interval_s: 0, max_inflight: 3, ..Config::default() }
}

impl Play {
    fn new(seed: u64) -> Self {
        Self {
            broker: Broker::new(config(), 1),
            rng: Rng::new(seed),
            now: Instant::from_millis(1),
            clients: (0..PUBLISHERS + SUBSCRIBERS).map(|_| Memory::default()).collect(),
            last_connection: 0,
            disk: Rows::default(),
            pending: Rows::default(),
            turn: 0,
            durable: 0,
            crashes: 0,
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.rng.next_u64() % n
    }

    fn handle(&mut self, input: Input<'_>) {
        self.turn += 1;
        self.broker.handle(self.now, input);
        let (mut closed, mut wanted) = (Vec::new(), Vec::new());
        loop {
            match self.broker.poll() {
                Output::Send { connection, bytes, held } => {
                    let turn = if held { self.turn } else { 0 };
                    let links = self.clients.iter_mut().filter_map(|client| client.link.as_mut());
                    if let Some(link) = links.into_iter().find(|link| link.id == connection) {
                        link.sent.push_back((turn, bytes.to_vec()));
                    }
                }
                Output::Store(change) => self.pending.apply(change),
                Output::Close { connection } => closed.push(connection),
                Output::Notice(_)
                | Output::Check(_)
                | Output::Peer { .. }
                | Output::Carry { .. }
                | Output::Move { .. } => {}
                Output::Fetch(fetch) => wanted.push(fetch),
                Output::Wait(_) => break,
            }
        }
        for connection in closed {
            self.closed(connection);
        }
        for fetch in wanted {
            let mut all = self.disk.clone();
            all.absorb(&self.pending);
            let found = Found { messages: all.find(fetch.numbers()), unstored: Vec::new() };
            self.handle(Input::Fetched { fetch, found });
        }
    }

    fn closed(&mut self, id: ConnectionId) {
        for client in &mut self.clients {
            client.link.take_if(|link| link.id == id);
        }
        self.handle(Input::Closed { connection: id });
    }

    /// All that came out is safe.
    fn sync(&mut self) {
        // What nobody waits for may stay in memory.
        if self.pending.is_heavy() || self.below(2) == 0 {
            self.disk.absorb(&self.pending);
            self.pending.clear();
        }
        self.durable = self.turn;
    }

    /// The process ends, and another begins with what the disk has.
    fn crash(&mut self) {
        self.crashes += 1;
        self.pending.clear();
        self.clients.iter_mut().for_each(|client| client.link = None);
        self.broker = Broker::new(config(), 1);
        self.now = self.now + secs(1);
        let mut restore = self.broker.restore(self.now);
        self.disk.puts().for_each(|change| restore.take(change));
        restore.finish();
        while let Output::Store(change) = self.broker.poll() {
            self.pending.apply(change);
        }
        self.handle(Input::Tick);
    }

    fn packet(&mut self, n: usize, packet: Packet<'_>) {
        if let Some(connection) = self.clients[n].link.as_ref().map(|link| link.id) {
            self.handle(Input::Packet { connection, packet });
        }
    }

    fn connect(&mut self, n: usize) {
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        let peer =
            Peer { name: "peer".into(), address: None, is_loopback: true, is_proxy: false, identity: None };
        self.handle(Input::Opened { connection: id, peer });
        self.clients[n].link = Some(Link { id, is_ready: false, sent: VecDeque::new() });
        let name = format!("client {n}");
        let mut connect = Connect::new(Version::V5, &name);
        connect.clean_start = false;
        connect.keep_alive_s = 0;
        connect.properties.session_expiry = SessionExpiry::Never;
        self.packet(n, Packet::Connect(Box::new(connect)));
    }

    /// Publishes one more, if the window allows.
    fn publish(&mut self, n: usize) {
        let client = &mut self.clients[n];
        if client.unfinished.len() >= WINDOW || !client.link.as_ref().is_some_and(|link| link.is_ready) {
            return;
        }
        client.next += 1;
        client.last_id = client.last_id % 20_000 + 1;
        let (id, number) = (client.last_id, client.next);
        let waits = if number.is_multiple_of(2) { Waits::Puback } else { Waits::Pubrec };
        client.unfinished.insert(id, (number, waits));
        self.send_item(n, id, number, waits, false);
    }

    fn send_item(&mut self, n: usize, id: u16, number: u64, waits: Waits, dup: bool) {
        let packet_id = PacketId::new(id).unwrap();
        let delivery = match waits {
            Waits::Puback => Delivery::AtLeastOnce { packet_id, dup },
            Waits::Pubrec => Delivery::ExactlyOnce { packet_id, dup },
            Waits::Pubcomp => {
                return self.packet(n, Packet::Pubrel(Ack::new(packet_id, ReasonCode::Success)));
            }
        };
        let message = message("work", &format!("{n}:{number}"), delivery.qos());
        self.packet(n, Packet::Publish(Publish::of(&message, delivery)));
    }

    /// Lets a client take the next packet that has reached it. False when there is none.
    fn read(&mut self, n: usize) -> bool {
        let durable = self.durable;
        let Some(link) = &mut self.clients[n].link else { return false };
        let Some((_, bytes)) = link.sent.pop_front_if(|(turn, _)| *turn <= durable) else { return false };
        let connection = link.id;
        let mut deframer = Deframer::client(Version::V5, u32::MAX);
        let (packet, size) = deframer.next(&bytes).unwrap().unwrap();
        assert_eq!(size, bytes.len(), "one packet at a time");
        self.take_packet(n, &packet);
        self.handle(Input::Written { connection, pending: 0 });
        true
    }

    fn take_packet(&mut self, n: usize, packet: &Packet<'_>) {
        let client = &mut self.clients[n];
        match packet {
            Packet::Connack(connack) => {
                let relies = client.is_subscribed || !client.acknowledged.is_empty();
                assert!(connack.session_present || !relies, "the session of client {n} is gone");
                if !connack.session_present {
                    client.unfinished.clear();
                    client.unreleased.clear();
                }
                if let Some(link) = &mut client.link {
                    link.is_ready = true;
                }
                let again = client.unfinished.clone();
                for (id, (number, waits)) in again {
                    self.send_item(n, id, number, waits, true);
                }
                if n >= PUBLISHERS && !self.clients[n].is_subscribed {
                    self.subscribe(n);
                }
            }
            Packet::Suback(_) => client.is_subscribed = true,
            Packet::Puback(ack) => self.acknowledged(n, ack, Waits::Puback),
            Packet::Pubrec(ack) => self.acknowledged(n, ack, Waits::Pubrec),
            Packet::Pubcomp(ack) => self.acknowledged(n, ack, Waits::Pubcomp),
            Packet::Publish(publish) => {
                let payload = String::from_utf8_lossy(publish.payload).into_owned();
                let (answer, is_new) = match publish.delivery {
                    Delivery::ExactlyOnce { packet_id, .. } => {
                        let is_new = client.unreleased.insert(packet_id.get());
                        (Packet::Pubrec(Ack::new(packet_id, ReasonCode::Success)), is_new)
                    }
                    Delivery::AtLeastOnce { packet_id, .. } => {
                        (Packet::Puback(Ack::new(packet_id, ReasonCode::Success)), true)
                    }
                    Delivery::AtMostOnce => panic!("nothing is of QoS 0"),
                };
                *client.got.entry(payload).or_default() += u32::from(is_new);
                self.packet(n, answer);
            }
            Packet::Pubrel(ack) => {
                client.unreleased.remove(&ack.packet_id.get());
                self.packet(n, Packet::Pubcomp(Ack::new(ack.packet_id, ReasonCode::Success)));
            }
            other => panic!("client {n} gets {other:?}"),
        }
    }

    fn subscribe(&mut self, n: usize) {
        let (filter, qos) = match n - PUBLISHERS {
            0 => ("work", Qos::ExactlyOnce),
            1 => ("#", Qos::AtLeastOnce),
            _ => ("$share/group/work", Qos::ExactlyOnce),
        };
        let filters = vec![(TopicFilter::new(filter).unwrap(), SubscriptionOptions::at(qos))];
        let packet_id = PacketId::new(65_000).unwrap();
        let user_properties = vec![];
        self.packet(
            n,
            Packet::Subscribe(Subscribe { packet_id, filters, subscription_id: None, user_properties }),
        );
    }

    fn acknowledged(&mut self, n: usize, ack: &Ack<'_>, step: Waits) {
        let client = &mut self.clients[n];
        let id = ack.packet_id.get();
        let Some(&(number, waits)) = client.unfinished.get(&id) else {
            panic!("client {n}: {step:?} for {id}, which is not in use")
        };
        if step == Waits::Pubrec && waits == Waits::Pubcomp {
            return; // of what was sent again
        }
        assert_eq!(step, waits, "client {n}, {id}");
        match step {
            Waits::Puback => {
                client.acknowledged.insert(number, Qos::AtLeastOnce);
                client.unfinished.remove(&id);
            }
            Waits::Pubrec => {
                client.acknowledged.insert(number, Qos::ExactlyOnce);
                client.unfinished.insert(id, (number, Waits::Pubcomp));
                self.send_item(n, id, number, Waits::Pubcomp, false);
            }
            Waits::Pubcomp => _ = client.unfinished.remove(&id),
        }
    }

    fn step(&mut self) {
        let n = self.below((PUBLISHERS + SUBSCRIBERS) as u64) as usize;
        match self.below(100) {
            0..40 if self.clients[n].link.is_none() => self.connect(n),
            0..30 if n < PUBLISHERS => self.publish(n),
            30..80 => {
                self.read(n);
            }
            80..92 => self.sync(),
            92..96 => {
                if let Some(link) = self.clients[n].link.take() {
                    self.handle(Input::Closed { connection: link.id });
                }
            }
            98 => self.crash(),
            _ => {}
        }
    }

    /// Everybody is there and all that is under way arrives.
    fn settle(&mut self) {
        loop {
            for n in 0..self.clients.len() {
                if self.clients[n].link.is_none() {
                    self.connect(n);
                }
            }
            self.sync();
            let mut moves = false;
            for n in 0..self.clients.len() {
                while self.read(n) {
                    moves = true;
                }
            }
            if !moves {
                break;
            }
        }
        self.disk.absorb(&self.pending);
        self.pending.clear();
    }

    fn check(&self) {
        let (publishers, subscribers) = self.clients.split_at(PUBLISHERS);
        for (n, publisher) in publishers.iter().enumerate() {
            assert!(publisher.unfinished.is_empty(), "all is acknowledged");
            for (number, &qos) in &publisher.acknowledged {
                let payload = format!("{n}:{number}");
                let got = |subscriber: &Memory| subscriber.got.get(&payload).copied().unwrap_or(0);
                let group = got(&subscribers[2]) + got(&subscribers[3]);
                let counts = [got(&subscribers[0]), got(&subscribers[1]), group];
                assert!(counts.iter().all(|&count| count > 0), "{payload} is lost: {counts:?}");
                let is_exact = qos == Qos::ExactlyOnce;
                assert!(!is_exact || (counts[0] == 1 && counts[2] == 1), "{payload} comes twice: {counts:?}");
            }
        }
        let left: Vec<_> = self.disk.iter().filter(|(key, _)| is_left_over(key)).collect();
        assert!(left.is_empty(), "what is done is not kept: {left:?}");
    }
}

fn is_left_over(key: &crate::broker::change::Key) -> bool {
    use crate::broker::change::Key;
    matches!(key, Key::Message(_) | Key::InFlight(..) | Key::Received(..))
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_of_qos_2_comes_twice_whenever_the_process_ends() {
    let (mut crashes, mut messages) = (0, 0);
    for seed in 1..=120 {
        let mut play = Play::new(seed);
        // Who is to get what is published is known before anything is.
        for _ in 0..8 {
            for n in PUBLISHERS..PUBLISHERS + SUBSCRIBERS {
                if play.clients[n].link.is_none() {
                    play.connect(n);
                }
                play.read(n);
            }
            play.sync();
        }
        assert!(play.clients.iter().skip(PUBLISHERS).all(|client| client.is_subscribed));
        for _ in 0..600 {
            play.step();
        }
        play.settle();
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play.check()));
        assert!(told.is_ok(), "seed {seed}");
        crashes += play.crashes;
        messages += play.clients.iter().map(|client| client.acknowledged.len()).sum::<usize>();
    }
    assert!(crashes > 400 && messages > 2000, "there was enough to lose: {crashes}, {messages}");
}
