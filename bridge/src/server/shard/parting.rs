//! Clients that move from the door to their homes, connections and all, once one thread is not enough for them. It knows how they are
//! taken out of one shard and put into another; which may go is the broker's to say.
//!
//! ```text
//!   door                                        others
//!   calls the readers of those that may go
//!   ── meet: all work off what lies between them, until nothing does ──
//!   packs them up                                 wait
//!   ── meet: those who came are taken in, and all hear of it ──
//!   goes on                                       go on
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mqtt::codec::Deframer;

use super::{Next, Peers, Reader, Shard, connection_id, mark};
use crate::broker::{ConnectionId, Input, Resettled, ShardId};
use crate::server::inbox::Parcel;
use crate::server::load::{Load, Used};
use crate::server::meeting::Meeting;
use crate::server::proxy::Remote;
use crate::server::shards::DOOR;
use crate::server::socket::{Packed, Socket};
use crate::server::websocket::Frames;

/// How many move at once: others wait for so long.
const LOT: usize = 1000;
/// How long those that come wait for the others.
const GATHER: Duration = Duration::from_millis(50);
/// How often those that could not go are asked again, and after how long.
const TRIES: u32 = 10;
const RETRY: Duration = Duration::from_millis(500);
/// How often the load is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// So much of one processor is all of it, so much of the others is worth having, and so many looks in a row show both.
const BUSY: f64 = 0.9;
const WORTH: f64 = 0.5;
const LOOKS: u32 = 3;

/// A Client on its way home.
#[derive(Debug)]
pub(crate) struct Settler {
    socket: Packed,
    peer: Remote,
    deframer: Deframer,
    frames: Option<Frames>,
    raw: Vec<u8>,
    carry: Vec<u8>,
    cost: usize,
    resettled: Box<Resettled>,
}

/// Readers at the door that can be called away.
#[derive(Debug, Default)]
pub(super) struct Parting {
    /// By their sockets.
    wakers: Vec<Option<Waker>>,
    called: BTreeSet<usize>,
    /// Those that were called and have come.
    came: Vec<(Reader, Remote)>,
    /// Where they are at home.
    homes: Vec<(ConnectionId, ShardId)>,
    /// How many of them have gone there, in the meeting that is over.
    gone: Option<usize>,
}

/// Whether this thread has all of one processor to itself, and others would have one too. Where they share one with whoever is served,
/// what crosses between them only costs.
fn others_would_help(used: Used) -> bool {
    used.thread >= BUSY && used.idle >= WORTH
}

impl Parting {
    fn call(&mut self, at: usize) {
        self.called.insert(at);
        if let Some(waker) = self.wakers.get_mut(at).and_then(Option::take) {
            waker.wake();
        }
    }

    fn remember(&mut self, at: usize, waker: &Waker) {
        if self.wakers.len() <= at {
            self.wakers.resize(at + 1, None);
        }
        match self.wakers.get_mut(at) {
            Some(Some(known)) if known.will_wake(waker) => {}
            Some(slot) => *slot = Some(waker.clone()),
            None => {}
        }
    }

    /// Its connection is over.
    pub(super) fn forget(&mut self, at: usize) {
        self.called.remove(&at);
        if let Some(slot) = self.wakers.get_mut(at) {
            *slot = None;
        }
    }
}

impl Shard {
    /// The Clients at this shard, which is the door, may part later: from now on it is known how to call them.
    pub(crate) fn may_part(&self) {
        self.inner.borrow_mut().parting = Some(Box::default());
    }

    /// Waits until there is something to read. True when the reader is called away instead.
    pub(super) fn poll_read_ready(
        &self,
        context: &mut Context<'_>,
        reader: &Reader,
    ) -> Poll<std::io::Result<bool>> {
        let parting = &mut self.inner.borrow_mut().parting;
        if parting.as_ref().is_some_and(|parting| parting.called.contains(&reader.id)) {
            return Poll::Ready(Ok(true));
        }
        let ready = reader.stream.poll_read_ready(context);
        if let Some(parting) = parting
            && ready.is_pending()
        {
            parting.remember(reader.id, context.waker());
        }
        ready.map_ok(|()| false)
    }

    /// A reader that was called is here.
    pub(super) fn come(&self, reader: Reader, peer: Remote) {
        if let Some(parting) = &mut self.inner.borrow_mut().parting {
            parting.forget(reader.id);
            parting.came.push((reader, peer));
        }
    }

    /// Waits until this thread is all of one processor and others are idle, for a while.
    pub(crate) async fn is_too_much(&self) {
        let (mut looks, mut before) = (0, Load::now());
        while looks < LOOKS {
            tokio::time::sleep(LOOK).await;
            let now = Load::now();
            let used = before.as_ref().zip(now.as_ref()).map(|(before, now)| now.since(before));
            looks = if used.is_some_and(others_would_help) { looks + 1 } else { 0 };
            before = now;
        }
    }

    /// Lets Clients go home from now on, and moves those that may.
    pub(crate) async fn part(self: Rc<Self>) {
        self.handle(Input::Part);
        let mut tries = 0;
        while tries < TRIES && !self.is_stopping.get() {
            let homes = self.inner.borrow().broker.settlers(LOT);
            if homes.is_empty() {
                break;
            }
            let (called, gone) = (homes.len(), self.move_home(homes).await);
            if gone <= called / 2 {
                tries += 1;
                tokio::time::sleep(RETRY).await;
            }
        }
        self.inner.borrow_mut().parting = None;
    }

    /// Moves those of these that come when they are called, and says how many those were.
    async fn move_home(self: &Rc<Self>, homes: Vec<(ConnectionId, ShardId)>) -> usize {
        self.with_parting(|parting| {
            homes.iter().for_each(|(id, _)| parting.call(id.0 as usize));
            (parting.homes, parting.gone) = (homes, None);
        });
        let all_came = async {
            while !self.with_parting(|parting| parting.called.is_empty()) {
                tokio::task::yield_now().await; // they come when it is their turn
            }
        };
        let _ = tokio::time::timeout(GATHER, all_came).await; // those that came are not read meanwhile
        self.with_parting(|parting| parting.called.clear()); // those wait for something else
        let Some(inboxes) = self.inner.borrow().peers.as_ref().map(Peers::inboxes) else { return 0 };
        let meeting = Arc::new(Meeting::of(inboxes.len()));
        inboxes.iter().for_each(|inbox| inbox.put_one(DOOR, Parcel::Meet(Arc::clone(&meeting))));
        loop {
            tokio::task::yield_now().await;
            if let Some(gone) = self.with_parting(|parting| parting.gone.take()) {
                return gone;
            }
        }
    }

    fn with_parting<T>(&self, work: impl FnOnce(&mut Parting) -> T) -> T {
        work(self.inner.borrow_mut().parting.get_or_insert_default())
    }

    /// Sends those home who have come, while nothing is under way.
    fn send_all_home(self: &Rc<Self>) {
        let (came, homes) = self
            .with_parting(|parting| (std::mem::take(&mut parting.came), std::mem::take(&mut parting.homes)));
        let homes: BTreeMap<usize, ShardId> =
            homes.into_iter().map(|(id, home)| (id.0 as usize, home)).collect();
        let gone = came.into_iter().filter_map(|(reader, peer)| {
            let home = homes.get(&reader.id).copied();
            self.send_home(reader, peer, home).then_some(())
        });
        let gone = gone.count();
        self.with_parting(|parting| parting.gone = Some(gone));
    }

    /// Meets the others. While nothing is under way between any two, the door sends Clients home.
    pub(super) fn meet(self: &Rc<Self>, meeting: &Meeting) {
        let met = meeting.work_off(|| self.work_off()).and_then(|()| {
            if self.place == DOOR {
                self.send_all_home();
            }
            meeting.work_off(|| self.work_off())
        });
        if let Err(error) = met {
            self.with_parting(|parting| parting.gone = Some(0));
            self.inner.borrow_mut().why_failed = Some(format!("{error:#}"));
            self.failure.notify_one();
        }
    }

    /// Handles what lies in the inbox, and hands over what came of it. True when there was anything.
    fn work_off(self: &Rc<Self>) -> bool {
        let Some(inboxes) = self.inner.borrow().peers.as_ref().map(Peers::inboxes) else { return false };
        let parcels = inboxes[usize::from(self.place.0)].take();
        let mut is_busy = !parcels.is_empty();
        for (from, parcel) in parcels {
            self.take_parcel(from, parcel);
        }
        let inner = &mut *self.inner.borrow_mut();
        self.end_turn(inner);
        if let Some(peers) = &mut inner.peers {
            is_busy |= peers.has_parcels();
            peers.hand_over();
        }
        is_busy
    }

    /// Packs a Client up for its home. One that cannot go now is served here on. True when it has gone.
    fn send_home(self: &Rc<Self>, reader: Reader, peer: Remote, home: Option<ShardId>) -> bool {
        let id = reader.id;
        let gone = home.and_then(|home| Some((home, self.take_out(id)?)));
        let Some((home, (socket, resettled))) = gone else {
            tokio::task::spawn_local(Rc::clone(self).read_on(reader, peer, Next::Read));
            return false;
        };
        let Reader { stream, deframer, frames, raw, carry, cost, .. } = reader;
        drop(stream);
        let settler = Settler { socket: socket.pack(), peer, deframer, frames, raw, carry, cost, resettled };
        if let Some(peers) = &mut self.inner.borrow_mut().peers {
            peers.send(home, Parcel::Settler(Box::new(settler)));
        }
        true
    }

    /// Takes a Client out of this shard, if nothing of it waits for a disk or for others.
    fn take_out(self: &Rc<Self>, id: usize) -> Option<(Socket, Box<Resettled>)> {
        let inner = &mut *self.inner.borrow_mut();
        self.flush_one(inner, id);
        let socket = inner.sockets.get(id)?;
        if socket.is_held() || socket.is_closing || socket.check != 0 || socket.gate.is_some() {
            return None;
        }
        let resettled = inner.broker.resettle(connection_id(id))?;
        self.outputs(inner);
        Some((inner.sockets.try_remove(id)?, resettled))
    }

    /// Takes in a Client that the door has served so far.
    pub(super) fn take_settler(self: &Rc<Self>, settler: Settler) {
        let Settler { socket, peer, deframer, frames, raw, carry, cost, resettled } = settler;
        let (stream, socket) = match socket.unpack() {
            Ok(unpacked) => unpacked,
            Err(error) => {
                tracing::warn!(%peer, %error, "a connection was lost on its way to another thread");
                let connection = connection_id(self.inner.borrow().sockets.vacant_key());
                self.handle(Input::Resettled { connection, resettled });
                return self.handle(Input::Closed { connection });
            }
        };
        let has_tls = socket.tls.is_some();
        let id = {
            let inner = &mut *self.inner.borrow_mut();
            let id = inner.sockets.insert(socket);
            if let Some(socket) = inner.sockets.get_mut(id) {
                mark(socket, id, &mut inner.dirty);
            }
            id
        };
        self.handle(Input::Resettled { connection: connection_id(id), resettled });
        let reader = Reader { id, stream, deframer, has_tls, frames, raw, carry, event: None, cost };
        tokio::task::spawn_local(Rc::clone(self).read_on(reader, peer, Next::Read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_part_when_one_thread_is_not_enough_and_others_would_have_room() {
        let helps = |thread, idle| others_would_help(Used { thread, idle });
        assert!(helps(0.97, 1.0) && helps(0.9, 0.5));
        assert!(!helps(0.97, 0.3), "whoever is served has the rest");
        assert!(!helps(0.6, 3.0), "one is enough");
    }
}
