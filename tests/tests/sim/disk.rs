//! The broker's disk: what is stored gathers, and is safe when a sync ends some time later. When the process dies, what was
//! not synced is gone, and another broker begins with the rest.

use std::collections::BTreeMap;

use bridge::broker::change::{Change, Key, Rows};
use bridge::broker::{Fetch, Found, Input, Output};

use crate::model::{Received, Snapshot};
use crate::network::Event;
use crate::shards::Shards;
use crate::world::World;

#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// What is safe, and what the model knew then.
    safe: Rows,
    snapshot: Snapshot,
    /// What is being synced.
    writing: Option<Group>,
    /// What came after that.
    pending: Rows,
    /// Something waits for it.
    pub(crate) is_awaited: bool,
    turn: u64,
    /// All up to this turn is safe.
    durable: u64,
    fetches: usize,
    /// Which broker writes here: each that dies is followed by another.
    process: u64,
}

#[derive(Debug)]
struct Group {
    rows: Rows,
    turn: u64,
    snapshot: Snapshot,
}

impl Disk {
    pub(crate) fn store(&mut self, change: Change) {
        self.pending.apply(change);
    }

    /// All there is, synced or not.
    fn all(&self) -> Rows {
        let mut all = self.safe.clone();
        if let Some(group) = &self.writing {
            all.absorb(&group.rows);
        }
        all.absorb(&self.pending);
        all
    }

    fn sync(&mut self, group: Group) {
        self.safe.absorb(&group.rows);
        self.snapshot = group.snapshot;
        self.durable = group.turn;
    }

    /// Which QoS 2 messages are kept as received, by the Clients they came from.
    fn received(&self) -> Received {
        let mut names = BTreeMap::new();
        let mut received = Received::new();
        for change in self.safe.puts() {
            match change {
                Change::Session { session, client_id, .. } => _ = names.insert(session, client_id),
                Change::Received { session, packet_id } => {
                    let name = names.get(&session).expect("sessions come first").to_string();
                    received.entry(name).or_default().insert(packet_id.get());
                }
                _ => {}
            }
        }
        received
    }
}

impl World {
    /// Names the turn that begins.
    pub(crate) fn begin_turn(&mut self) -> u64 {
        let Some(disk) = &mut self.disk else { return 0 };
        disk.turn += 1;
        disk.turn
    }

    /// Writes what has gathered, unless a sync is under way. What nobody waits for is written now and then.
    pub(crate) fn write(&mut self) {
        let Some(disk) = self.disk.as_mut().filter(|disk| disk.writing.is_none()) else { return };
        let is_lazy = !disk.pending.is_empty() && (self.is_calm || self.dice.chance(5));
        let must = disk.is_awaited && disk.pending.is_heavy();
        if !must && !is_lazy {
            if std::mem::take(&mut disk.is_awaited) {
                disk.durable = disk.turn;
                self.release();
            }
            return;
        }
        disk.is_awaited = false;
        let rows = std::mem::take(&mut disk.pending);
        disk.writing = Some(Group { rows, turn: disk.turn, snapshot: self.model.snapshot() });
        let synced = Event::Synced(disk.process);
        let is_slow = !self.is_calm && self.dice.chance(10);
        let delay = self.dice.up_to_ms(if is_slow { 1_000 } else { 30 });
        self.tally.syncs += 1;
        self.plan(self.now + delay, synced);
    }

    pub(crate) fn synced(&mut self, process: u64) {
        let Some(disk) = self.disk.as_mut().filter(|disk| disk.process == process) else { return };
        if let Some(group) = disk.writing.take() {
            disk.sync(group);
        }
        self.trace.note(|| format!("{:>8} synced", self.now.as_millis()));
        self.release();
        self.write();
    }

    /// What waited for what is safe now may leave.
    fn release(&mut self) {
        let durable = self.disk.as_ref().map_or(0, |disk| disk.durable);
        let keys: Vec<_> = self.links.keys().copied().collect();
        for key in keys {
            if let Some(link) = self.links.get_mut(&key).filter(|link| !link.server.held.is_empty()) {
                link.server.release(durable);
                self.plan_flush(key);
            }
        }
    }

    pub(crate) fn fetch(&mut self, at: usize, fetch: Fetch) {
        let delay = self.dice.up_to_ms(30);
        let Some(disk) = &mut self.disk else { return };
        disk.fetches += 1;
        self.model.is_fetching = true;
        let found = Event::Found(disk.process, at, fetch);
        self.plan(self.now + delay, found);
    }

    pub(crate) fn found(&mut self, process: u64, at: usize, fetch: Fetch) {
        let Some(disk) = self.disk.as_mut().filter(|disk| disk.process == process) else { return };
        disk.fetches -= 1;
        self.model.is_fetching = disk.fetches > 0;
        let found = Found { messages: disk.all().find(fetch.numbers()), unstored: Vec::new() };
        self.input_at(at, Input::Fetched { fetch, found });
    }

    /// The process dies soon, whatever it is doing then.
    pub(crate) fn plan_crash(&mut self) {
        let delay = self.dice.up_to_ms(60);
        let Some(disk) = &self.disk else { return };
        let crash = Event::Crash(disk.process);
        self.plan(self.now + delay, crash);
    }

    pub(crate) fn crash(&mut self, process: u64) {
        if self.is_calm || self.disk.as_ref().is_none_or(|disk| disk.process != process) {
            return;
        }
        self.lose_connections();
        self.count();
        let is_written = self.dice.chance(50);
        let Some(mut disk) = self.disk.take() else { return };
        if let Some(group) = disk.writing.take().filter(|_| is_written) {
            disk.sync(group); // and died before it could say so
        }
        self.trace.note(|| format!("{:>8} the process dies", self.now.as_millis()));
        if self.dice.chance(30) {
            let down = self.dice.up_to_ms(20_000);
            self.set_now(self.now + down);
        }
        self.model.crash(&disk.snapshot, &disk.received());
        self.tally.crashes += 1;
        self.tally.restored += self.model.sessions();
        self.begin_again(&mut disk);
        self.disk = Some(disk);
    }

    /// Another broker, with what is on the disk.
    fn begin_again(&mut self, disk: &mut Disk) {
        let (safe, snapshot) = (std::mem::take(&mut disk.safe), std::mem::take(&mut disk.snapshot));
        *disk = Disk { safe, snapshot, process: disk.process + 1, ..Disk::default() };
        self.shards = Shards::new(self.of(), self.model.config(), self.dice.seed());
        let rows: Vec<_> = disk.safe.puts().collect();
        self.shards.restore(self.now, &rows);
        (0..self.shards.many()).for_each(|at| self.after_restore(at, disk));
        while let Some((from, to, item)) = self.shards.arrival() {
            self.shards.brokers[to].handle(self.now, Input::Peer { from, item });
            self.after_restore(to, disk);
        }
        self.wait = self.shards.wait();
    }

    fn after_restore(&mut self, at: usize, disk: &mut Disk) {
        let Shards { brokers, between, waits, .. } = &mut self.shards;
        loop {
            match brokers[at].poll() {
                Output::Store(change) => disk.store(change),
                Output::Peer { to, item } => between.entry((at, to.0.into())).or_default().push_back(item),
                Output::Wait(wait) => {
                    waits[at] = wait;
                    return;
                }
                other => panic!("nobody is there yet, and this comes out: {other:?}"),
            }
        }
    }

    /// What is on its way to Clients may still arrive, what is not is lost.
    fn lose_connections(&mut self) {
        self.by_id.clear();
        let keys: Vec<_> = self.links.keys().copied().collect();
        for key in keys {
            if self.dice.chance(50) {
                self.deliver_all(key);
            }
            let delay = self.delay();
            let Some(link) = self.links.get_mut(&key) else { continue };
            link.server.is_open = false;
            if link.client.is_open && !std::mem::replace(&mut link.is_cut, true) {
                self.plan(self.now + delay, Event::ClientGone(key));
            }
        }
        self.links.retain(|_, link| link.client.is_open);
    }

    fn deliver_all(&mut self, key: usize) {
        let is_it = |event: &Event| matches!(event, Event::Down(to, _) if *to == key);
        let down: Vec<_> = self.events.iter().filter(|(_, event)| is_it(event)).map(|(&at, _)| at).collect();
        for at in down {
            if let Some(event) = self.events.remove(&at) {
                self.happen(event);
            }
        }
    }

    /// At the end of a run nothing is left but what is retained.
    pub(crate) fn check_disk(&self) {
        let Some(disk) = &self.disk else { return };
        let all = disk.all();
        let left: Vec<_> = all.iter().filter(|(key, _)| !matches!(key, Key::Retained(_))).collect();
        assert!(left.is_empty(), "what is done is not kept: {left:?}");
    }
}
