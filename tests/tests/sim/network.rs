//! What the wire does between the two ends: delays, splits, stalls and cuts. Nothing overtakes on one way of one link.

use std::time::Duration;

use bridge::broker::{ConnectionId, Fetch, Input, Peer};
use mqtt::Instant;

use crate::link::{Link, LinkKey, Owner};
use crate::world::World;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A machine's attempt to open a transport ends, one way or the other.
    Opening { machine: usize, attempt: u64 },
    /// Bytes reach the Server.
    Up(LinkKey, Vec<u8>),
    /// The Server's socket takes bytes.
    Flush(LinkKey),
    /// Bytes reach the client.
    Down(LinkKey, Vec<u8>),
    /// The wire breaks.
    Cut(LinkKey),
    /// The Server learns that the connection is gone.
    ServerGone(LinkKey),
    /// The client learns it.
    ClientGone(LinkKey),
    /// What is being written is durable. The number is that of the process, for these three.
    Synced(u64),
    /// What a shard asked of the disk is there.
    Found(u64, usize, Fetch),
    /// The process dies, if it has not died before.
    Crash(u64),
}

impl World {
    pub(crate) fn plan(&mut self, at: Instant, event: Event) {
        self.next_event += 1;
        self.events.insert((at, self.next_event), event);
    }

    /// A new link; the broker hears of it at once.
    pub(crate) fn open(&mut self, owner: Owner) -> LinkKey {
        let id = (0..).find(|id| !self.by_id.contains_key(id)).expect("a number is free");
        let key = self.next_link;
        self.next_link += 1;
        self.links.insert(key, Link::new(owner, ConnectionId(id), self.max_packet_bytes));
        self.by_id.insert(id, key);
        self.model.opened(key);
        let peer = Peer {
            name: format!("link {key}").into(),
            address: None,
            is_loopback: true,
            is_proxy: false,
            identity: None,
        };
        self.input(Input::Opened { connection: ConnectionId(id), peer });
        key
    }

    /// The client writes.
    pub(crate) fn send_up(&mut self, key: LinkKey, mut bytes: Vec<u8>) {
        while !bytes.is_empty() {
            let rest = bytes.split_off(self.cut_point(bytes.len()));
            let delay = self.delay();
            let Some(link) = self.links.get_mut(&key) else { return };
            link.up_until = link.up_until.max(self.now + delay);
            let at = link.up_until;
            self.plan(at, Event::Up(key, bytes));
            bytes = rest;
        }
    }

    fn send_down(&mut self, key: LinkKey, mut bytes: Vec<u8>) {
        while !bytes.is_empty() {
            let rest = bytes.split_off(self.cut_point(bytes.len()));
            let delay = self.delay();
            let Some(link) = self.links.get_mut(&key) else { return };
            link.down_until = link.down_until.max(self.now + delay);
            let at = link.down_until;
            self.plan(at, Event::Down(key, bytes));
            bytes = rest;
        }
    }

    /// The client closes without a word, after what it wrote.
    pub(crate) fn close(&mut self, key: LinkKey) {
        let delay = self.delay();
        let Some(link) = self.links.get_mut(&key) else { return };
        link.client.is_open = false;
        let at = link.up_until.max(self.now) + delay;
        self.plan(at, Event::ServerGone(key));
    }

    /// The wire breaks. What is on it is lost; each end learns it in its own time.
    pub(crate) fn cut(&mut self, key: LinkKey) {
        let (up, down) = (self.news_of_a_cut(), self.news_of_a_cut());
        let Some(link) = self.links.get_mut(&key) else { return };
        if !std::mem::replace(&mut link.is_cut, true) {
            link.server.waiting.clear();
            self.plan(self.now + up, Event::ServerGone(key));
            self.plan(self.now + down, Event::ClientGone(key));
        }
    }

    /// The client does not read for a while, or reads slowly.
    pub(crate) fn stall(&mut self, key: LinkKey) {
        let until = self.now + self.dice.up_to_ms(8_000);
        let is_slow = self.dice.chance(50);
        let Some(link) = self.links.get_mut(&key) else { return };
        let which = if is_slow { &mut link.client.slow_until } else { &mut link.client.stalled_until };
        *which = until.max(*which);
    }

    pub(crate) fn plan_flush(&mut self, key: LinkKey) {
        let (now, is_calm) = (self.now, self.is_calm);
        let is_slow = self.links.get(&key).is_some_and(|link| link.client.slow_until > now) && !is_calm;
        let delay = self.dice.up_to_ms(if is_slow { 300 } else { 3 });
        let Some(link) = self.links.get_mut(&key) else { return };
        let is_over = link.server.is_closing && link.server.held.is_empty();
        let is_due = !link.server.waiting.is_empty() || is_over;
        if link.is_cut || !link.server.is_open || !is_due || link.server.flush_is_planned {
            return;
        }
        link.server.flush_is_planned = true;
        let stalled = if is_calm { now } else { link.client.stalled_until };
        self.plan(stalled.max(now) + delay, Event::Flush(key));
    }

    fn flush(&mut self, key: LinkKey) {
        let is_slow = self.links.get(&key).is_some_and(|link| link.client.slow_until > self.now);
        let takes_all = self.is_calm || self.dice.chance(if is_slow { 10 } else { 70 });
        let Some(link) = self.links.get_mut(&key) else { return };
        link.server.flush_is_planned = false;
        if link.is_cut || !link.server.is_open {
            return;
        }
        let many = link.server.waiting.len();
        let taken = if takes_all { many } else { self.dice.below(many + 1).min(200) };
        let bytes: Vec<_> = link.server.waiting.drain(..taken).collect();
        let (connection, pending) = (link.id, link.server.pending());
        let is_over = link.server.is_closing && pending == 0;
        self.send_down(key, bytes);
        self.model.written(key, pending);
        self.input(Input::Written { connection, pending });
        if is_over {
            let (here, there) = (self.delay(), self.delay());
            let at = self.links.get(&key).map_or(self.now, |link| link.down_until.max(self.now));
            self.plan(self.now + here, Event::ServerGone(key));
            self.plan(at + there, Event::ClientGone(key));
        } else {
            self.plan_flush(key);
        }
    }

    pub(crate) fn happen(&mut self, event: Event) {
        match event {
            Event::Opening { machine, attempt } => self.transport_opens(machine, attempt),
            Event::Up(key, bytes) => self.arrive(key, &bytes),
            Event::Flush(key) => self.flush(key),
            Event::Down(key, bytes) => {
                let link = self.links.get(&key).filter(|link| link.client.is_open && !link.is_cut);
                match link.map(|link| link.owner) {
                    Some(Owner::Machine(machine)) => self.machine_received(machine, &bytes),
                    Some(Owner::Raw(raw)) => self.raw_received(raw, &bytes),
                    None => {}
                }
            }
            Event::Cut(key) => self.cut(key),
            Event::ServerGone(key) => self.server_gone(key),
            Event::ClientGone(key) => self.client_gone(key),
            Event::Synced(process) => self.synced(process),
            Event::Found(process, at, fetch) => self.found(process, at, fetch),
            Event::Crash(process) => self.crash(process),
        }
        self.links.retain(|_, link| link.client.is_open || link.server.is_open);
    }

    pub(crate) fn server_gone(&mut self, key: LinkKey) {
        let Some(link) = self.links.get_mut(&key).filter(|link| link.server.is_open) else { return };
        link.server.is_open = false;
        let connection = link.id;
        self.by_id.remove(&connection.0);
        self.model.closed(key);
        self.input(Input::Closed { connection });
        if self.links.get(&key).is_some_and(|link| link.client.is_open && !link.is_cut) {
            let delay = self.delay();
            self.plan(self.now + delay, Event::ClientGone(key));
        }
    }

    fn client_gone(&mut self, key: LinkKey) {
        let Some(link) = self.links.get_mut(&key).filter(|link| link.client.is_open) else { return };
        link.client.is_open = false;
        match link.owner {
            Owner::Machine(machine) => self.machine_lost(machine),
            Owner::Raw(raw) => self.raws[raw].link = None,
        }
    }

    pub(crate) fn delay(&mut self) -> Duration {
        let long = !self.is_calm && self.dice.chance(5);
        self.dice.up_to_ms(if long { 1_500 } else { 20 })
    }

    fn news_of_a_cut(&mut self) -> Duration {
        let late = self.dice.chance(30);
        self.dice.up_to_ms(if late { 15_000 } else { 50 })
    }

    fn cut_point(&mut self, len: usize) -> usize {
        if self.dice.chance(25) { 1 + self.dice.below(len) } else { len }
    }
}
