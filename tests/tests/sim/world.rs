//! One run: the broker, everyone who talks to it, and the clock, which jumps to whatever comes next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge::broker::{Broker, Config, ConnectionId, Input, Output, Overlapping};
use mqtt::codec::Deframer;
use mqtt::{Instant, Version};

use crate::dice::Dice;
use crate::disk::Disk;
use crate::link::{Link, LinkKey};
use crate::machine::Machine;
use crate::model::Model;
use crate::network::Event;
use crate::raw::Raw;
use crate::some::some_shared_filter;
use crate::tally::Tally;
use crate::trace::Trace;

/// Things that people and devices do in one run.
const ACTIONS: usize = 200;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) now: Instant,
    pub(crate) broker: Broker,
    /// When the broker wants to be woken.
    pub(crate) wait: Option<Instant>,
    pub(crate) model: Model,
    /// Where the broker's state is kept, if it is.
    pub(crate) disk: Option<Disk>,
    pub(crate) links: BTreeMap<LinkKey, Link>,
    pub(crate) by_id: BTreeMap<u32, LinkKey>,
    pub(crate) next_link: LinkKey,
    pub(crate) events: BTreeMap<(Instant, u64), Event>,
    pub(crate) next_event: u64,
    pub(crate) machines: Vec<Machine>,
    pub(crate) raws: Vec<Raw>,
    /// The network has healed: nothing is late, stalled or cut any more.
    pub(crate) is_calm: bool,
    pub(crate) next_message: u64,
    /// Which filter Clients share in this run.
    pub(crate) shared_filter: Option<&'static str>,
    pub(crate) max_packet_bytes: u32,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
}

impl World {
    pub(crate) fn new(seed: u64, is_traced: bool) -> Self {
        let mut dice = Dice::new(seed);
        let config = Self::some_config(&mut dice);
        let now = Instant::from_millis(1_000);
        let mut world = Self {
            now,
            broker: Broker::new(config.clone(), dice.seed()),
            wait: None,
            max_packet_bytes: config.max_packet_bytes,
            model: Model::new(config.clone()),
            disk: config.keeps_state.then(Disk::default),
            links: BTreeMap::new(),
            by_id: BTreeMap::new(),
            next_link: 0,
            events: BTreeMap::new(),
            next_event: 0,
            machines: Vec::new(),
            raws: Vec::new(),
            is_calm: false,
            next_message: 0,
            shared_filter: some_shared_filter(&mut dice, &config),
            trace: Trace::new(is_traced),
            tally: Tally::default(),
            dice,
        };
        world.set_now(now);
        world.populate();
        world
    }

    fn some_config(dice: &mut Dice) -> Config {
        let overlapping = dice.pick(&[Overlapping::One, Overlapping::One, Overlapping::Each]);
        Config {
            keeps_state: dice.chance(40),
            overlapping,
            receive_maximum: dice.pick(&[1, 3, 256]),
            max_inflight: dice.pick(&[1, 3, 20, 256]),
            // With several copies at once, how many of them a short queue takes is not foretold.
            max_queued_messages: match overlapping {
                Overlapping::One => dice.pick(&[3, 10_000]),
                Overlapping::Each => 10_000,
            },
            max_output_bytes: dice.pick(&[300, 2_000, 1 << 20]),
            max_keep_alive_s: dice.pick(&[0, 0, 30]),
            sys_interval_s: 0, // the model tells nothing of itself
            ..Config::default()
        }
    }

    pub(crate) fn run(mut self) -> Tally {
        for _ in 0..ACTIONS {
            match &self.disk {
                None if self.dice.below(1_000) < 3 => self.restart(),
                Some(_) if self.dice.below(1_000) < 25 => self.plan_crash(),
                _ => {}
            }
            self.act();
            let idle = self.idle();
            self.pass(idle);
        }
        self.end_in_quiet();
        self.check_disk();
        self.count();
        self.tally.milliseconds = self.now.as_millis();
        self.tally.deliveries = self.model.ledger.deliveries();
        self.tally.connections = self.next_link;
        self.tally
    }

    /// What this broker has counted.
    pub(crate) fn count(&mut self) {
        let counters = self.broker.counters();
        self.tally.packets_in += counters.packets_received;
        self.tally.slow_readers += counters.dropped_slow_reader;
        self.tally.full_queues += counters.dropped_queue_full;
        self.tally.expired += counters.dropped_expired;
        self.tally.too_large += counters.dropped_too_large;
    }

    /// The broker dies and another begins. It keeps nothing, so all connections and Sessions are gone, and whoever comes
    /// back must be told so.
    fn restart(&mut self) {
        self.count();
        self.tally.restarts += 1;
        self.trace.note(|| format!("{:>8} the broker begins anew", self.now.as_millis()));
        let config = self.model.config().clone();
        self.broker = Broker::new(config.clone(), self.dice.seed());
        self.wait = None;
        self.model.restart();
        self.by_id.clear();
        let keys: Vec<_> = self.links.keys().copied().collect();
        for key in keys {
            let delay = self.delay();
            let Some(link) = self.links.get_mut(&key) else { continue };
            link.server.is_open = false;
            if link.client.is_open && !link.is_cut {
                self.plan(self.now + delay, Event::ClientGone(key));
            }
        }
    }

    fn idle(&mut self) -> Duration {
        let longest = match self.dice.below(100) {
            0..80 => 60,
            80..97 => 5_000,
            _ => 120_000,
        };
        self.dice.up_to_ms(longest)
    }

    /// Lets time pass, from one event to the next.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.next().is_some_and(|at| at <= end) {
            self.step();
        }
        self.set_now(self.now.max(end));
    }

    pub(crate) const fn set_now(&mut self, now: Instant) {
        (self.now, self.model.now) = (now, now);
    }

    /// When something happens next.
    pub(crate) fn next(&self) -> Option<Instant> {
        let events = self.events.keys().next().map(|key| key.0);
        let machines = self.machines.iter().filter_map(|machine| machine.wait);
        machines.chain(events).chain(self.wait).min()
    }

    /// The next thing happens. The broker's own deadlines come first.
    pub(crate) fn step(&mut self) {
        let Some(at) = self.next() else { return };
        self.set_now(self.now.max(at));
        if self.wait.is_some_and(|wait| wait <= self.now) {
            self.trace.note(|| format!("{:>8} tick", at.as_millis()));
            // Of several that fall silent at one moment, the broker may take any first. So all but one break.
            for link in self.model.late().split_off(1.min(self.model.late().len())) {
                self.server_gone(link);
            }
            self.model.tick();
            self.input(Input::Tick);
            return;
        }
        let late = self.machines.iter().position(|machine| machine.wait.is_some_and(|wait| wait <= self.now));
        if let Some(machine) = late {
            self.machine_ticks(machine);
        } else if let Some((_, event)) = self.events.pop_first() {
            self.happen(event);
        }
    }

    /// Bytes reach the Server.
    pub(crate) fn arrive(&mut self, key: LinkKey, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&key) else { return };
        if link.is_cut || !link.server.is_open || link.server.is_deaf {
            return;
        }
        let connection = link.id;
        let mut deframer = link.server.deframer;
        let mut all = std::mem::take(&mut link.server.partial);
        all.extend_from_slice(bytes);
        let mut used = 0;
        let is_deaf = loop {
            match deframer.next(&all[used..]) {
                Ok(Some((packet, size))) => {
                    used += size;
                    self.trace.packet(self.now.as_millis(), format_args!("{key} ▶"), &packet);
                    self.model.take(key, &packet);
                    if let Some(link) = self.links.get_mut(&key) {
                        link.server.deframer = deframer;
                    }
                    self.input(Input::Packet { connection, packet });
                }
                Ok(None) => break false,
                Err(error) => {
                    self.model.malformed(key);
                    self.input(Input::Malformed { connection, version: deframer.version(), error });
                    break true;
                }
            }
        };
        if let Some(link) = self.links.get_mut(&key) {
            link.server.partial = all.split_off(used);
            link.server.is_deaf = is_deaf;
        }
    }

    /// One turn of the broker; the model has taken the same input already.
    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.broker.handle(self.now, input);
        let (mut closed, mut touched) = (BTreeSet::new(), BTreeSet::new());
        let (turn, mut fetches) = (self.begin_turn(), Vec::new());
        loop {
            match self.broker.poll() {
                Output::Send { connection, bytes, held } => {
                    let key = key(&self.by_id, connection);
                    let link = self.links.get_mut(&key).expect("a link that is open");
                    assert!(!link.server.is_closing, "{key} was closed, and is sent more");
                    link.server.take(bytes, held.then_some(turn));
                    touched.insert(key);
                    if let Some(disk) = &mut self.disk {
                        disk.is_awaited |= held;
                    }
                    let version = link.server.deframer.version().unwrap_or(Version::V3_1_1);
                    let (mut deframer, mut rest) = (Deframer::client(version, u32::MAX), bytes);
                    while let Some((packet, size)) = deframer.next(rest).expect("packets that are in order") {
                        rest = &rest[size..];
                        self.tally.packets_out += 1;
                        self.tally.sent_again +=
                            u64::from(matches!(&packet, mqtt::Packet::Publish(p) if p.delivery.dup()));
                        self.trace.packet(self.now.as_millis(), format_args!("{key} ◀"), &packet);
                        self.model.sent(key, &packet, size);
                    }
                    assert!(rest.is_empty(), "only whole packets are sent");
                }
                Output::Close { connection } => {
                    let key = key(&self.by_id, connection);
                    self.links.get_mut(&key).expect("a link that is open").server.is_closing = true;
                    closed.insert(key);
                    touched.insert(key);
                }
                Output::Store(change) => {
                    self.disk.as_mut().expect("only what is kept is stored").store(change)
                }
                Output::Fetch(fetch) => fetches.push(fetch),
                Output::Notice(_) => {}
                Output::Check(_) | Output::Peer { .. } | Output::Move { .. } => panic!("there is one shard"),
                Output::Wait(at) => {
                    self.wait = at;
                    break;
                }
            }
        }
        fetches.into_iter().for_each(|fetch| self.fetch(fetch));
        self.model.turn(&closed, self.wait, &self.broker.counters());
        for key in touched {
            if self.links.get(&key).is_some_and(|link| link.is_cut) {
                self.links.get_mut(&key).expect("it is there").server.waiting.clear();
            }
            self.plan_flush(key);
        }
        self.write();
    }
}

fn key(by_id: &BTreeMap<u32, LinkKey>, connection: ConnectionId) -> LinkKey {
    *by_id.get(&connection.0).expect("the broker speaks only to connections that are open")
}
