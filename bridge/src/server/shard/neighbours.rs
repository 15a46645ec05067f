//! A shard among others: what lies in its inbox, and connections on their way to where their client is at home.

use std::rc::Rc;

use mqtt::Instant;
use mqtt::codec::Deframer;
use rustix::time::ClockId;
use tokio::task::spawn_local;

use super::peers::Peers;
use super::{Next, Reader, Shard, connection_id, end_of_turn, mark};
use crate::broker::{Input, LastAsked, LastFound, Limit, Peer, ShardId};
use crate::server::inbox::{Batch, Parcel, Report};
use crate::server::load::used;
use crate::server::proxy::Remote;
use crate::server::socket::{Packed, Socket};
use crate::server::websocket::{Event, Frames};

/// A connection on its way from one shard to another: its socket, and all that its peer has sent so far.
#[derive(Debug)]
pub(crate) struct Arrival {
    socket: Packed,
    peer: Remote,
    crowd: Option<Limit>,
    frames: Option<Frames>,
    /// Bytes of packets, from CONNECT on.
    carry: Vec<u8>,
    /// What the peer did behind these.
    event: Option<Event>,
    /// Bytes of frames behind that.
    raw: Vec<u8>,
}

/// What the broker wants to be given away.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) socket: Socket,
    pub(super) to: ShardId,
    pub(super) crowd: Option<Limit>,
    /// What its peer did behind the packets that are carried.
    pub(super) event: Option<Event>,
}

impl Shard {
    /// Takes what lies in the inbox, as it comes, for as long as there is something to do. One that has no inbox returns at once.
    pub(crate) async fn attend(self: Rc<Self>) {
        let Some(inboxes) = self.inner.borrow().peers.as_ref().map(Peers::inboxes) else { return };
        let inbox = &inboxes[usize::from(self.place.0)];
        loop {
            let mut meeting = None;
            for (from, parcel) in inbox.take() {
                if matches!(parcel, Parcel::Stop) {
                    return;
                }
                if let Parcel::Meet(called) = parcel {
                    meeting = Some(called);
                    continue;
                }
                if matches!(parcel, Parcel::Arrival(_)) {
                    // Its Client may have left another connection just now: what it said there comes first. This lets the
                    // runtime look which sockets have data, and read them.
                    tokio::task::yield_now().await;
                }
                self.take_parcel(from, parcel);
                end_of_turn(Next::Read).await;
            }
            if let Some(meeting) = meeting {
                self.meet(&meeting);
            }
            self.open_gates(&mut self.inner.borrow_mut());
            inbox.arrived().await;
        }
    }

    /// Takes what lies in the inbox now, before anyone is served.
    pub(crate) fn catch_up(self: &Rc<Self>) {
        let Some(inboxes) = self.inner.borrow().peers.as_ref().map(Peers::inboxes) else { return };
        for (from, parcel) in inboxes[usize::from(self.place.0)].take() {
            self.take_parcel(from, parcel);
        }
    }

    pub(super) fn take_parcel(self: &Rc<Self>, from: ShardId, parcel: Parcel) {
        match parcel {
            Parcel::Batch(batch) => self.take_batch(from, batch),
            Parcel::Confirmed { number, is_kept } => self.take_confirmation(from, number, is_kept),
            Parcel::Arrival(arrival) => self.take_in(*arrival),
            Parcel::Ask(answer) => _ = answer.send(self.report()), // who has asked may be gone
            Parcel::AskLast(asked, answer) => _ = answer.send(self.last(&asked)), // the same
            Parcel::Access(access) => self.set_access(access),
            Parcel::Limits(limits) => self.set_limits(*limits),
            Parcel::Revoked(login) => self.handle(Input::Revoked { login }),
            Parcel::ShutDown(done) => {
                let shard = Rc::clone(self);
                spawn_local(async move {
                    shard.shut_down().await;
                    let _ = done.send(());
                });
            }
            Parcel::Failed(why) => {
                self.inner.borrow_mut().why_failed = Some(why);
                self.failure.notify_one();
            }
            Parcel::Settler(settler) => self.take_settler(*settler),
            Parcel::Meet(_) | Parcel::Stop => {} // seen to before
        }
    }

    fn take_batch(self: &Rc<Self>, from: ShardId, batch: Batch) {
        let now = self.clock.now();
        let inner = &mut *self.inner.borrow_mut();
        for item in batch.items {
            self.step(inner, now, Input::Peer { from, item });
        }
        let (Some(peers), Some(keeper)) = (&mut inner.peers, &mut inner.keeper) else { return };
        peers.handled(from, (batch.number, batch.is_awaited), keeper.changed_turn());
        if batch.is_awaited && peers.changed(from) > keeper.durable() {
            keeper.await_turn();
        }
        peers.confirm(keeper.durable(), 0);
        for waiting in peers.inbox().handled(batch.bytes) {
            peers.inboxes()[usize::from(waiting.0)].wake();
        }
        self.flush_full(inner);
        self.end_turn(inner);
    }

    fn take_confirmation(self: &Rc<Self>, from: ShardId, number: u64, is_kept: bool) {
        let inner = &mut *self.inner.borrow_mut();
        let (Some(peers), Some(keeper)) = (&mut inner.peers, &inner.keeper) else { return };
        let waited = peers.take_confirmation(from, number);
        peers.confirm(keeper.durable(), 0);
        if let Some(turn) = waited {
            match is_kept {
                true => self.release(inner),
                false => self.refuse(inner, turn),
            }
        }
        self.end_turn(inner);
    }

    /// What is counted here, and what it has cost.
    pub(crate) fn report(&self) -> Report {
        Report { counters: self.inner.borrow().broker.counters(), cpu: used(ClockId::ThreadCPUTime) }
    }

    /// Whether somebody may ask what was said last.
    pub(crate) fn may_ask(&self, asked: &LastAsked) -> bool {
        self.inner.borrow().broker.may_ask(asked)
    }

    /// The present, and whether what is not retained is remembered.
    pub(crate) fn remembers(&self) -> (Instant, bool) {
        (self.clock.now(), self.inner.borrow().broker.remembers())
    }

    /// What was said last to this shard.
    pub(crate) fn last(&self, asked: &LastAsked) -> LastFound {
        self.inner.borrow_mut().broker.last(self.clock.now(), asked)
    }

    /// Hands a connection to the shard where its client is at home.
    pub(super) fn give_away(self: &Rc<Self>, reader: Reader, peer: Remote) {
        let inner = &mut *self.inner.borrow_mut();
        let Some(Leaving { socket, to, crowd, event }) = inner.leaving.take() else { return };
        if let Some(parting) = &mut inner.parting {
            parting.forget(reader.id);
        }
        let Reader { stream, frames, raw, carry, .. } = reader;
        drop(stream); // the socket's is the last one
        let arrival = Arrival { socket: socket.pack(), peer, crowd, frames, carry, event, raw };
        if let Some(peers) = &mut inner.peers {
            peers.send(to, Parcel::Arrival(Box::new(arrival)));
        }
        self.end_turn(inner);
    }

    /// Goes on with a connection that another shard has let in.
    fn take_in(self: &Rc<Self>, arrival: Arrival) {
        let Arrival { socket, peer, crowd, frames, carry, event, raw } = arrival;
        let (stream, socket) = match socket.unpack() {
            Ok(unpacked) => unpacked,
            Err(error) => {
                tracing::warn!(%peer, %error, "a connection was lost on its way to another thread");
                return self.lose(peer, crowd);
            }
        };
        let has_tls = socket.tls.is_some();
        let at_other_end = Peer { identity: socket.identity.clone(), ..peer.identity() };
        let id = self.inner.borrow_mut().sockets.insert(socket);
        self.handle(Input::Moved { connection: connection_id(id), peer: at_other_end, crowd });
        let deframer = Deframer::server(self.max_packet_bytes.get());
        let mut reader = Reader { id, stream, deframer, has_tls, frames, raw, carry, event: None, cost: 0 };
        let next = self.resume(&mut reader, event);
        spawn_local(Rc::clone(self).read_on(reader, peer, next));
    }

    /// Handles what came along with a connection.
    pub(super) fn resume(self: &Rc<Self>, reader: &mut Reader, event: Option<Event>) -> Next {
        let now = self.clock.now();
        let inner = &mut *self.inner.borrow_mut();
        if let Some(socket) = inner.sockets.get_mut(reader.id) {
            mark(socket, reader.id, &mut inner.dirty);
        }
        let mut raw = std::mem::take(&mut reader.raw);
        self.packets(inner, reader, now, &[]);
        if let Some(event) = event
            && !self.frame_event(inner, reader.id, now, event)
        {
            raw.clear();
        }
        self.received(inner, reader, &mut raw)
    }

    /// The door counts it until it is told that it is over.
    fn lose(self: &Rc<Self>, peer: Remote, crowd: Option<Limit>) {
        let connection = connection_id(self.inner.borrow().sockets.vacant_key());
        self.handle(Input::Moved { connection, peer: peer.identity(), crowd });
        self.handle(Input::Closed { connection });
    }
}
