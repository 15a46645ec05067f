//! A Client and an honest Server over a network that delays, splits and cuts, from a seed. What must hold: every message
//! of ours has one end, QoS 1 arrives at least once, QoS 2 exactly once, both ways, in order.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt::client::{Client, Config, Event, Input, Outcome, PublishId};
use mqtt::delivery::{InFlight, Receiver, Reception, Sender};
use mqtt::packet::{Ack, BoxedProperties, Connack, ConnackProperties, Packet, Publish, SubscriptionAck};
use mqtt::{Delivery, PacketId, Qos, ReasonCode, Rng, TopicName, Version};

use crate::pair::{Pair, config, durable, filter, message};

const RECEIVE_MAXIMUM: u16 = 4;

/// Keeps one Session and does what the standard says.
struct Server {
    version: Version,
    /// Whether there is a Session of this Client.
    session: bool,
    connected: bool,
    receiver: Receiver,
    sender: Sender<u32>,
    /// Payloads that came, in order.
    arrived: Vec<u32>,
    subscribed: bool,
    /// PUBLISH of QoS 1 and 2 from the Client that were not answered to the end: the window it must keep.
    window: BTreeMap<PacketId, Qos>,
    out: Vec<u8>,
}

impl Server {
    fn new(version: Version) -> Self {
        Self {
            version,
            session: false,
            connected: false,
            receiver: Receiver::default(),
            sender: Sender::new(256),
            arrived: Vec::new(),
            subscribed: false,
            window: BTreeMap::new(),
            out: Vec::new(),
        }
    }

    fn forget(&mut self) {
        let fresh = Self::new(self.version);
        *self = Self { arrived: std::mem::take(&mut self.arrived), ..fresh };
    }

    fn take(&mut self, packet: &Packet<'_>) {
        match packet {
            Packet::Connect(connect) => {
                if connect.clean_start {
                    self.forget();
                }
                self.connack();
            }
            Packet::Publish(publish) => self.publish(publish),
            Packet::Puback(ack) => drop(self.sender.puback(ack.packet_id)),
            Packet::Pubrec(ack) => {
                self.sender.pubrec(ack.packet_id).unwrap();
                self.say(&Packet::Pubrel(Ack::new(ack.packet_id, ReasonCode::Success)));
            }
            Packet::Pubrel(ack) => {
                self.receiver.pubrel(ack.packet_id);
                self.window.remove(&ack.packet_id);
                self.say(&Packet::Pubcomp(Ack::new(ack.packet_id, ReasonCode::Success)));
            }
            Packet::Pubcomp(ack) => drop(self.sender.pubcomp(ack.packet_id)),
            Packet::Subscribe(subscribe) => {
                self.subscribed = true;
                let granted = vec![ReasonCode::GrantedQos2; subscribe.filters.len()];
                self.say(&Packet::Suback(SubscriptionAck::new(subscribe.packet_id, granted)));
            }
            Packet::Pingreq => self.say(&Packet::Pingresp),
            other => panic!("the client sent {other:?}"),
        }
    }

    fn connack(&mut self) {
        let mut connack = Connack { session_present: self.session, ..Connack::new(ReasonCode::Success) };
        if self.version.is_5() {
            connack.properties =
                ConnackProperties { receive_maximum: Some(RECEIVE_MAXIMUM), ..ConnackProperties::default() };
        }
        (self.session, self.connected) = (true, true);
        self.say(&Packet::Connack(Box::new(connack)));
        self.window.clear();
        let again: Vec<_> = self.sender.in_flight().map(|(id, entry)| (id, entry.clone())).collect();
        for (packet_id, entry) in again {
            match entry {
                InFlight::AwaitPuback(n) => self.send(n, Delivery::AtLeastOnce { packet_id, dup: true }),
                InFlight::AwaitPubrec(n) => self.send(n, Delivery::ExactlyOnce { packet_id, dup: true }),
                InFlight::AwaitPubcomp => self.say(&Packet::Pubrel(Ack::new(packet_id, ReasonCode::Success))),
                InFlight::Request => unreachable!("a server asks nothing"),
            }
        }
    }

    fn publish(&mut self, publish: &Publish<'_>) {
        let n = u32::from_be_bytes(publish.payload.try_into().unwrap());
        if let Some(id) = publish.delivery.packet_id() {
            self.window.insert(id, publish.delivery.qos());
            if self.version.is_5() {
                assert!(self.window.len() <= usize::from(RECEIVE_MAXIMUM), "[MQTT-3.3.4-9]");
            }
        }
        match publish.delivery {
            Delivery::AtMostOnce => self.arrived.push(n),
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.arrived.push(n);
                self.window.remove(&packet_id);
                self.say(&Packet::Puback(Ack::new(packet_id, ReasonCode::Success)));
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                if self.receiver.publish(packet_id) == Reception::New {
                    self.arrived.push(n);
                }
                self.say(&Packet::Pubrec(Ack::new(packet_id, ReasonCode::Success)));
            }
        }
    }

    /// A message for the Client, as far as it can be sent now.
    fn offer(&mut self, n: u32, qos: Qos) -> bool {
        if !self.connected || !self.subscribed || !self.sender.has_room() {
            return false;
        }
        let delivery = match (qos, self.sender.send(qos, n)) {
            (Qos::AtLeastOnce, Some(packet_id)) => Delivery::AtLeastOnce { packet_id, dup: false },
            (Qos::ExactlyOnce, Some(packet_id)) => Delivery::ExactlyOnce { packet_id, dup: false },
            _ => Delivery::AtMostOnce,
        };
        self.send(n, delivery);
        true
    }

    fn send(&mut self, n: u32, delivery: Delivery) {
        let topic = Some(TopicName::new("down").unwrap());
        let properties = BoxedProperties::default();
        self.say(&Packet::Publish(Publish {
            delivery,
            retain: false,
            topic,
            payload: &n.to_be_bytes(),
            properties,
        }));
    }

    fn say(&mut self, packet: &Packet<'_>) {
        packet.encode(self.version, &mut self.out).unwrap();
    }
}

struct Chaos {
    pair: Pair,
    server: Server,
    rng: Rng,
    /// Whether the driver has opened the transport that was asked for.
    opened: u32,
    sent: BTreeMap<PublishId, (u32, Qos)>,
    outcomes: BTreeMap<PublishId, Outcome>,
    offered: BTreeMap<u32, Qos>,
    received: Vec<u32>,
    forgot: bool,
    next: u32,
    life: Life,
    /// What the storage has.
    disk: Vec<u8>,
    /// Messages of programs that are no more: how they ended, if that was told.
    past: Vec<(u32, Qos, Option<Outcome>)>,
    restarts: u32,
}

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Never.
    Endless,
    /// It has a moment to hand over what the storage does not have yet.
    Reloads,
    /// The storage has what it has.
    Crashes,
}

const UNIX_START_MS: u64 = 1_700_000_000_000;

impl Chaos {
    fn new(seed: u64, version: Version, life: Life) -> Self {
        let config = Config { seed, keep_alive_s: 20, ..durable(version) };
        let client = match life {
            Life::Endless => Client::new(config),
            Life::Reloads | Life::Crashes => Client::durable(config, UNIX_START_MS, &[]).unwrap(),
        };
        let mut pair = Pair::of(client, version);
        pair.client.subscribe(
            pair.now,
            &[(filter("down"), mqtt::packet::SubscriptionOptions::at(Qos::ExactlyOnce))],
            None,
        );
        pair.client.start(pair.now);
        pair.drain();
        Self {
            pair,
            server: Server::new(version),
            rng: Rng::new(seed ^ 0xc4a05),
            opened: 0,
            sent: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            offered: BTreeMap::new(),
            received: Vec::new(),
            forgot: false,
            next: 0,
            life,
            disk: Vec::new(),
            past: Vec::new(),
            restarts: 0,
        }
    }

    fn step(&mut self, forgetful: bool) {
        match self.rng.up_to(99) {
            0..20 => self.publish(),
            20..35 => self.offer(),
            35..42 if self.life != Life::Endless => self.store(),
            35..60 => self.up(),
            60..85 => self.down(),
            85..89 => self.cut(),
            89..90 if forgetful => {
                self.cut();
                self.server.forget();
                self.forgot = true;
            }
            90..92 => self.pair.input(Input::Wake),
            92..95 if self.life != Life::Endless => self.restart(),
            _ => {
                let ms = self.rng.up_to(3_000);
                self.pair.pass(Duration::from_millis(ms));
            }
        }
        self.look();
    }

    /// The storage has written what it was given.
    fn store(&mut self) {
        if let Some(saved) = self.pair.stores.pop() {
            assert!(self.pair.stores.is_empty(), "one at a time");
            self.disk = saved;
            self.pair.input(Input::Stored);
        }
    }

    /// The program ends, and another begins with what was kept.
    fn restart(&mut self) {
        self.look();
        self.cut();
        self.look();
        if self.life == Life::Reloads
            && let Some(unsaved) = self.pair.client.unsaved()
        {
            self.disk = unsaved;
        }
        let version = self.server.version;
        let config = Config { seed: self.rng.next_u64(), keep_alive_s: 20, ..durable(version) };
        let client = Client::durable(config, UNIX_START_MS, &self.disk).unwrap();
        let now = self.pair.now;
        let before = std::mem::replace(&mut self.pair, Pair::of(client, version)).client;
        self.pair.now = now;
        let kept: Vec<_> = self.pair.client.unfinished().map(|(id, _)| id).collect();
        for (id, (n, qos)) in std::mem::take(&mut self.sent) {
            let outcome = self.outcomes.remove(&id);
            if kept.contains(&id) {
                self.sent.insert(id, (n, qos));
            } else {
                assert!(outcome.is_some() || self.life == Life::Crashes, "{n} {qos:?} is lost: {before:?}");
                self.past.push((n, qos, outcome));
            }
        }
        self.opened = 0;
        self.restarts += 1;
        let filters = [(filter("down"), mqtt::packet::SubscriptionOptions::at(Qos::ExactlyOnce))];
        self.pair.client.subscribe(now, &filters, None);
        self.pair.client.start(now);
        self.pair.drain();
    }

    fn publish(&mut self) {
        let qos = Qos::from_level(u8::try_from(self.rng.up_to(2)).unwrap()).unwrap();
        self.next += 1;
        let mut message = message("", qos);
        message.payload = self.next.to_be_bytes().to_vec().into();
        if let Ok(id) = self.pair.client.publish(self.pair.now, message) {
            self.sent.insert(id, (self.next, qos));
        }
        self.pair.drain();
    }

    fn offer(&mut self) {
        let qos = Qos::from_level(u8::try_from(self.rng.up_to(2)).unwrap()).unwrap();
        self.next += 1;
        if self.server.offer(self.next, qos) {
            self.offered.insert(self.next, qos);
        }
    }

    /// What the Client wrote reaches the Server.
    fn up(&mut self) {
        if self.pair.opens > self.opened {
            self.opened = self.pair.opens;
            (self.server.connected, self.server.out) = (false, Vec::new());
            self.pair.open();
        }
        for packet in self.pair.packets() {
            self.server.take(&packet);
        }
    }

    /// Some bytes of the Server reach the Client.
    fn down(&mut self) {
        let some = usize::try_from(self.rng.up_to(self.server.out.len() as u64)).unwrap();
        let some = if self.rng.up_to(3) == 0 { some } else { self.server.out.len() };
        let bytes: Vec<_> = self.server.out.drain(..some).collect();
        if self.opened == self.pair.opens {
            self.pair.input(Input::Received(&bytes));
        }
    }

    /// All bytes on the way are lost.
    fn cut(&mut self) {
        self.pair.writes.clear();
        (self.server.connected, self.server.out) = (false, Vec::new());
        self.opened = self.pair.opens;
        self.pair.cut();
    }

    fn look(&mut self) {
        for event in self.pair.events() {
            match event {
                Event::Published { id, outcome } => {
                    let before = self.outcomes.insert(id, outcome);
                    assert_eq!(before, None, "{id:?} has two ends");
                }
                Event::Message(received) => {
                    self.received.push(u32::from_be_bytes(received.message.payload[..].try_into().unwrap()));
                }
                Event::Ended { why, retry_at } => {
                    assert!(retry_at.is_some(), "{why}");
                    assert!(
                        !matches!(
                            why,
                            mqtt::client::Ended::Malformed(_) | mqtt::client::Ended::Misbehaved(_)
                        ),
                        "{why}"
                    );
                    self.pair.writes.clear();
                }
                _ => {}
            }
        }
    }

    /// The network heals, and all that waits gets through.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            self.up();
            self.store();
            self.down();
            self.pair.pass(Duration::from_millis(50));
            self.look();
            let quiet = self.pair.stores.is_empty()
                && self.server.out.is_empty()
                && self.pair.writes.is_empty()
                && self.server.sender.is_empty();
            if quiet && self.pair.client.queued() + self.pair.client.in_flight() == 0 && self.server.connected
            {
                return;
            }
        }
        panic!("it does not settle: {:?}", self.pair.client);
    }

    fn check(&self) {
        let count = |list: &[u32], n| list.iter().filter(|&&x| x == n).count();
        for &(n, qos, ref outcome) in &self.past {
            let times = count(&self.server.arrived, n);
            let held = match (qos, outcome) {
                (Qos::AtMostOnce, _) => times <= 1,
                (Qos::AtLeastOnce, Some(Outcome::Acknowledged(_))) => times >= 1,
                (Qos::ExactlyOnce, Some(Outcome::Acknowledged(_))) => times == 1,
                (Qos::ExactlyOnce, None) => times == 0, // it was not kept, so it was not sent
                (Qos::AtLeastOnce, None) => true,
                _ => false,
            };
            assert!(held, "{qos:?} {outcome:?} arrived {times} times, from another life");
        }
        for (id, &(n, qos)) in &self.sent {
            let outcome = self.outcomes.get(id).unwrap_or_else(|| panic!("{id:?} has no end"));
            let times = count(&self.server.arrived, n);
            let held = match (qos, outcome) {
                (Qos::AtMostOnce, Outcome::Sent) => times <= 1,
                (Qos::AtLeastOnce, Outcome::Acknowledged(_)) => times >= 1,
                // When the CONNACK of the new Session is lost, the next one says that a Session is present, and nobody can
                // tell that it is not the old one: the standard keeps its promise only for a Session that lives.
                (Qos::ExactlyOnce, Outcome::Acknowledged(_)) => times == 1 || (self.forgot && times > 1),
                (Qos::ExactlyOnce, Outcome::SessionLost) => self.forgot,
                _ => false,
            };
            assert!(held, "{qos:?} {outcome:?} arrived {times} times");
        }
        for (&n, &qos) in &self.offered {
            let times = count(&self.received, n);
            let held = match qos {
                Qos::AtMostOnce => times <= 1,
                Qos::AtLeastOnce => times >= 1 || self.forgot,
                // A program that crashed after it told the message and before that was safe is told again: DUP says so.
                Qos::ExactlyOnce if self.life == Life::Crashes => times >= 1,
                Qos::ExactlyOnce => times == 1 || (self.forgot && times == 0),
            };
            assert!(held, "{qos:?} was received {times} times");
        }
        if !self.forgot && self.life == Life::Endless {
            self.check_order();
        }
    }

    /// First arrivals of one QoS keep the order they were published in [MQTT-4.6.0-5].
    fn check_order(&self) {
        for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let ours: Vec<u32> = self.sent.values().filter(|(_, q)| *q == qos).map(|(n, _)| *n).collect();
            let mut arrived: Vec<u32> = Vec::new();
            for &n in &self.server.arrived {
                if ours.contains(&n) && !arrived.contains(&n) {
                    arrived.push(n);
                }
            }
            assert_eq!(arrived, ours, "{qos:?}");
        }
    }
}

fn run(seeds: std::ops::Range<u64>, forgetful: bool, life: Life) {
    let (mut received, mut lost, mut restarts) = (0, 0, 0);
    for seed in seeds {
        for version in [Version::V3_1_1, Version::V5] {
            let outcome = std::panic::catch_unwind(|| {
                let mut chaos = Chaos::new(seed, version, life);
                for _ in 0..400 {
                    chaos.step(forgetful);
                }
                chaos.settle();
                chaos.check();
                let lost =
                    chaos.outcomes.values().filter(|outcome| **outcome == Outcome::SessionLost).count();
                (chaos.received.len(), lost, chaos.restarts)
            });
            let Ok(counts) = outcome else { panic!("seed {seed}, {version:?}") };
            (received, lost, restarts) = (received + counts.0, lost + counts.1, restarts + counts.2);
        }
    }
    assert!(received > 5_000, "{received} messages: hardly anything happened");
    assert_eq!(lost > 0, forgetful);
    assert_eq!(restarts > 1_000, life != Life::Endless, "{restarts} restarts");
}

#[test]
fn mqtt_4_3_every_qos_keeps_its_promise_over_a_network_that_cuts() {
    run(0..150, false, Life::Endless);
}

#[test]
fn every_message_has_one_end_when_the_server_forgets_sessions_too() {
    run(1_000..1_150, true, Life::Endless);
}

/// [MQTT-4.1.0-1]: the Session outlives the program.
#[test]
fn a_program_that_is_loaded_anew_goes_on_exactly_where_it_was() {
    run(2_000..2_150, false, Life::Reloads);
}

#[test]
fn a_program_that_crashes_publishes_nothing_twice_at_qos_2_and_loses_no_message_that_came() {
    run(3_000..3_150, false, Life::Crashes);
}

#[test]
fn bytes_of_chance_never_break_the_client() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut pair = Pair::connected(config(Version::V5));
        let mut valid = Vec::new();
        crate::pair::publish("x", Delivery::ExactlyOnce { packet_id: PacketId::new(1).unwrap(), dup: false })
            .encode(Version::V5, &mut valid)
            .unwrap();
        for _ in 0..200 {
            let mut bytes = valid.clone();
            let at = usize::try_from(rng.up_to(bytes.len() as u64 - 1)).unwrap();
            bytes[at] = rng.next_u64().to_be_bytes()[0];
            pair.input(Input::Received(&bytes));
            if !pair.client.is_connected() {
                pair.pass(Duration::from_secs(60));
                pair.input(Input::Wake);
                pair.input(Input::Opened);
                pair.input(Input::Received(&[0x20, 3, 0, 0, 0]));
            }
            pair.events();
            pair.writes.clear();
        }
    }
}
