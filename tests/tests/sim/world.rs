//! One run: the broker, everyone who talks to it, and the clock, which jumps to whatever comes next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge::broker::{Config, ConnectionId, Fetch, Input, Output, Overlapping, PeerItem};
use mqtt::codec::Deframer;
use mqtt::{Instant, Version};

use crate::dice::Dice;
use crate::disk::Disk;
use crate::link::{Link, LinkKey};
use crate::machine::Machine;
use crate::model::Model;
use crate::network::Event;
use crate::raw::Raw;
use crate::shards::Shards;
use crate::some::some_shared_filter;
use crate::tally::Tally;
use crate::trace::Trace;

/// Things that people and devices do in one run.
const ACTIONS: usize = 200;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) now: Instant,
    pub(crate) shards: Shards,
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
        let of = [1, 1, 2, 4][(seed % 4) as usize];
        let mut config = Self::some_config(&mut dice);
        if of > 1 {
            // Which of several wills that fall due at one moment has the last place in a short queue is not foretold.
            config.max_queued_messages = 10_000;
        }
        let now = Instant::from_millis(1_000);
        let mut world = Self {
            now,
            shards: Shards::new(of, &config, dice.seed()),
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
        let counters = self.shards.counters();
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
        self.shards = Shards::new(self.of(), &config, self.dice.seed());
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

    /// One turn of all brokers; the model has taken the same input already.
    pub(crate) fn input(&mut self, input: Input<'_>) {
        let mut turn = self.new_turn();
        match input {
            Input::Packet { connection, packet } => self.packet(connection, &packet, &mut turn),
            Input::Tick => {
                (0..self.shards.many()).for_each(|at| self.handle(at, Input::Tick, &mut turn));
            }
            Input::Opened { connection, peer } => {
                self.shards.homes.insert(connection.0, (0, peer.clone()));
                self.handle(0, Input::Opened { connection, peer }, &mut turn);
            }
            Input::Closed { connection } => {
                self.handle(self.shards.home(connection.0), input, &mut turn);
                self.shards.homes.remove(&connection.0);
            }
            Input::Malformed { connection, .. } | Input::Written { connection, .. } => {
                self.handle(self.shards.home(connection.0), input, &mut turn);
            }
            other => panic!("{other:?} is for one shard"),
        }
        self.end_turn(turn);
    }

    /// The same for what is for one of them.
    pub(crate) fn input_at(&mut self, at: usize, input: Input<'_>) {
        let mut turn = self.new_turn();
        self.handle(at, input, &mut turn);
        self.end_turn(turn);
    }

    /// A packet, and the way of its connection to where its Client is at home.
    fn packet(&mut self, connection: ConnectionId, packet: &mqtt::Packet<'_>, turn: &mut Turn) {
        let at = self.shards.home(connection.0);
        self.handle(at, Input::Packet { connection, packet: packet.clone() }, turn);
        if let Some((to, crowd)) = turn.moves.take()
            && let Some((home, peer)) = self.shards.homes.get_mut(&connection.0)
        {
            *home = to;
            let peer = peer.clone();
            self.tally.moved += 1;
            self.handle(to, Input::Moved { connection, peer, crowd }, turn);
            self.handle(to, Input::Packet { connection, packet: packet.clone() }, turn);
        }
    }

    fn new_turn(&mut self) -> Turn {
        Turn { number: self.begin_turn(), ..Turn::default() }
    }

    /// One broker takes an input, and says all that comes of it.
    fn handle(&mut self, at: usize, input: Input<'_>, turn: &mut Turn) {
        let Shards { brokers, between, waits, .. } = &mut self.shards;
        let broker = &mut brokers[at];
        broker.handle(self.now, input);
        loop {
            match broker.poll() {
                Output::Send { connection, bytes, held } => {
                    let key = key(&self.by_id, connection);
                    let link = self.links.get_mut(&key).expect("a link that is open");
                    assert!(!link.server.is_closing, "{key} was closed, and is sent more");
                    link.server.take(bytes, (held && self.disk.is_some()).then_some(turn.number));
                    turn.touched.insert(key);
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
                    turn.closed.insert(key);
                    turn.touched.insert(key);
                }
                Output::Store(change) => {
                    self.disk.as_mut().expect("only what is kept is stored").store(change);
                }
                Output::Fetch(fetch) => turn.fetches.push((at, fetch)),
                Output::Notice(_) => {}
                Output::Peer { to, item } => {
                    self.tally.crossed += 1;
                    between.entry((at, to.0.into())).or_default().push_back(item);
                }
                Output::Carry { to, message } => {
                    self.tally.crossed += 1;
                    let line = between.entry((at, to.0.into())).or_default();
                    let item = PeerItem::carry(line.back_mut(), message);
                    line.extend(item);
                }
                Output::Move { to, crowd, .. } => turn.moves = Some((to.0.into(), crowd)),
                Output::Check(_) => panic!("nobody logs in by a password"),
                Output::Wait(wait) => {
                    waits[at] = wait;
                    break;
                }
            }
        }
    }

    /// What the brokers tell each other arrives; then nobody has anything more to say.
    fn end_turn(&mut self, mut turn: Turn) {
        while let Some((from, to, item)) = self.shards.arrival() {
            self.handle(to, Input::Peer { from, item }, &mut turn);
        }
        self.wait = self.shards.wait();
        turn.fetches.into_iter().for_each(|(at, fetch)| self.fetch(at, fetch));
        self.model.turn(&turn.closed, self.wait, &self.shards.counters());
        for key in turn.touched {
            if self.links.get(&key).is_some_and(|link| link.is_cut) {
                self.links.get_mut(&key).expect("it is there").server.waiting.clear();
            }
            self.plan_flush(key);
        }
        self.write();
    }

    /// How many brokers there are.
    pub(crate) fn of(&self) -> u16 {
        u16::try_from(self.shards.many()).expect("a few")
    }
}

/// What comes of one input.
#[derive(Debug, Default)]
struct Turn {
    number: u64,
    closed: BTreeSet<LinkKey>,
    touched: BTreeSet<LinkKey>,
    fetches: Vec<(usize, Fetch)>,
    /// The connection goes to this shard.
    moves: Option<(usize, Option<bridge::broker::Limit>)>,
}

fn key(by_id: &BTreeMap<u32, LinkKey>, connection: ConnectionId) -> LinkKey {
    *by_id.get(&connection.0).expect("the broker speaks only to connections that are open")
}
