//! A shard: one thread with its sockets and its broker. Reading, decoding, routing, encoding and writing of a message whose
//! publisher and subscribers are at home here touch no channel, no lock and no other thread.
//!
//! ```text
//!   socket readable ─▶ read all into the scratch buffer ─▶ each packet: broker.handle, poll until Wait ─▶ output gathers per socket
//!                                                                                        end of turn: each is written once
//! ```

mod checks;
mod durable;
mod flush;
mod neighbours;
mod parting;
mod peers;
mod sealed;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mqtt::codec::Deframer;
use mqtt::{Instant, Packet};
use slab::Slab;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::spawn_local;

pub(crate) use self::neighbours::Arrival;
pub(crate) use self::parting::Settler;
pub(crate) use self::peers::Peers;

use self::durable::Keeper;
use self::neighbours::Leaving;
use self::parting::Parting;
use super::clock::Clock;
use super::log;
use super::passwords::Checker;
use super::proxy::Remote;
use super::shards::DOOR;
use super::socket::{Pool, Socket, Transport};
use super::store::Journal;
use super::tls::{TLS_ON_PLAIN, Tls, begins_with_tls};
use super::tokens::Keyring;
use super::websocket::{self, Event, Frames};
use crate::broker::{Broker, ConnectionId, Identity, Input, Output, Peer, ShardId};

/// Bytes read at once.
const SCRATCH: usize = 64 << 10;
/// Bytes read at once of a peer whose last ones were many small packets, or a few that cost much; and how many of them that is. A
/// turn is as long as the others wait.
const LITTLE: usize = 4 << 10;
const MANY: usize = 1024;
/// How many packets one Topic Filter counts for.
const FILTER: usize = 8;
/// How long a connection that we ended may take to go away by itself, so that its last packet is not lost in a reset.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes that may wait for a peer before we stop reading from it, as a multiple of what the broker lets wait.
const GATE: usize = 2;

/// One thread's sockets and broker.
#[derive(Debug)]
pub(crate) struct Shard {
    inner: RefCell<Inner>,
    place: ShardId,
    clock: Clock,
    keyring: Keyring,
    flush: Notify,
    deadline_moved: Notify,
    failure: Notify,
    max_packet_bytes: Cell<u32>,
    max_output_bytes: Cell<usize>,
    is_stopping: Cell<bool>,
}

#[derive(Debug)]
struct Inner {
    broker: Broker,
    sockets: Slab<Socket>,
    dirty: Vec<usize>,
    /// Sockets whose output has grown so much that it is not left for the end of the turn.
    full: Vec<usize>,
    scratch: Vec<u8>,
    /// Where bytes of TLS are read to; empty until there are some.
    sealed: Vec<u8>,
    pool: Pool,
    deadline: Option<Instant>,
    /// There is one where something may have to wait.
    keeper: Option<Keeper>,
    peers: Option<Peers>,
    /// What is about to leave for another shard.
    leaving: Option<Leaving>,
    /// There is one at the door, as long as Clients may have to part.
    parting: Option<Box<Parting>>,
    /// There is one when a password was to be checked.
    checker: Option<Checker>,
    why_failed: Option<String>,
}

/// What one connection's reader holds between two reads: nothing that a quiet connection would pay for.
#[derive(Debug)]
struct Reader {
    id: usize,
    stream: Rc<TcpStream>,
    deframer: Deframer,
    has_tls: bool,
    frames: Option<Frames>,
    /// Bytes of a WebSocket header that is not complete.
    raw: Vec<u8>,
    /// Bytes of a packet that is not complete, and more where a password is being checked.
    carry: Vec<u8>,
    /// What the peer did behind these meanwhile.
    event: Option<Box<Event>>,
    /// What the last read has cost, in packets.
    cost: usize,
}

impl Reader {
    /// What was read and not handled, to which what is read next is put: so that little is copied, and not all that comes. A
    /// packet that is large gathers elsewhere.
    const fn before(&mut self) -> &mut Vec<u8> {
        match self.frames.is_none() && self.carry.len() <= SCRATCH / 2 {
            true => &mut self.carry,
            false => &mut self.raw,
        }
    }
}

/// What to do after a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Read,
    /// The scratch buffer was filled: there is more.
    More,
    Wait,
    /// A password is being checked: what comes behind it waits.
    Check,
    Stop,
    /// The connection is for another shard.
    Leave,
}

impl Shard {
    /// A shard for this broker, which keeps what must outlive the process in `journal`, if there is one, and is one of several,
    /// if there are `peers`.
    pub(crate) fn new(
        broker: Broker,
        (journal, peers): (Option<Journal>, Option<Peers>),
        (clock, keyring): (Clock, Keyring),
        max_packet_bytes: u32,
        max_output_bytes: usize,
    ) -> Rc<Self> {
        let place = peers.as_ref().map_or(ShardId(0), Peers::me);
        let may_wait = journal.is_some() || peers.is_some();
        let inner = Inner {
            broker,
            sockets: Slab::new(),
            dirty: Vec::new(),
            full: Vec::new(),
            scratch: vec![0; SCRATCH],
            sealed: Vec::new(),
            pool: Pool::default(),
            deadline: None,
            keeper: may_wait.then(|| Keeper::new(journal)),
            peers,
            leaving: None,
            parting: None,
            checker: None,
            why_failed: None,
        };
        Rc::new(Self {
            inner: RefCell::new(inner),
            place,
            clock,
            keyring,
            flush: Notify::new(),
            deadline_moved: Notify::new(),
            failure: Notify::new(),
            max_packet_bytes: max_packet_bytes.into(),
            max_output_bytes: max_output_bytes.into(),
            is_stopping: false.into(),
        })
    }

    /// Starts the tasks that serve all connections, and tells the others what they must know from the start.
    pub(crate) fn start(self: &Rc<Self>) {
        spawn_local(Rc::clone(self).flusher());
        spawn_local(Rc::clone(self).timer());
        spawn_local(Rc::clone(self).keeper());
        self.outputs(&mut self.inner.borrow_mut()); // what a start with kept state has changed
        self.handle(Input::Tick); // what is due from the start
        if let Some(peers) = &mut self.inner.borrow_mut().peers {
            peers.hand_over();
        }
    }

    /// Serves one MQTT connection to its end, by TLS if there is some. `first` is what was read of it before it was known to be one,
    /// and `who` what was proved before MQTT began.
    pub(crate) fn serve(
        self: Rc<Self>,
        stream: TcpStream,
        peer: impl Into<Remote>,
        (transport, tls): (Transport, Option<Box<Tls>>),
        first: Vec<u8>,
        who: Option<Arc<Identity>>,
    ) -> impl Future<Output = ()> {
        let peer = peer.into();
        let _ = stream.set_nodelay(true);
        let stream = Rc::new(stream);
        let has_tls = tls.is_some();
        let id = self.open(&stream, peer, (transport, tls), who);
        let mut reader = Reader {
            id,
            stream,
            deframer: Deframer::server(self.max_packet_bytes.get()),
            has_tls,
            frames: (transport == Transport::WebSocket).then(Frames::default),
            raw: Vec::new(),
            carry: Vec::new(),
            event: None,
            cost: 0,
        };
        let next = if first.is_empty() { Next::Read } else { self.take_first(&mut reader, first) };
        self.read_on(reader, peer, next)
    }

    /// Serves a connection from here to its end, or until it leaves for another shard.
    ///
    /// Every idle connection holds this future, so it waits without anything of its own.
    #[expect(clippy::manual_async_fn, reason = "that would hold each argument twice")]
    fn read_on(self: Rc<Self>, mut reader: Reader, peer: Remote, mut next: Next) -> impl Future<Output = ()> {
        async move {
            while !matches!(next, Next::Stop | Next::Leave) {
                if next == Next::Check {
                    next = Box::pin(self.go_on_after_check(&mut reader)).await; // seldom, and large
                    continue;
                }
                if next == Next::Wait {
                    Box::pin(self.gate(reader.id)).await; // seldom, and large
                }
                match poll_fn(|context| self.poll_read_ready(context, &reader)).await {
                    Ok(false) => {}
                    Ok(true) => return self.come(reader, peer),
                    Err(_) => {
                        next = Next::Stop;
                        break;
                    }
                }
                next = self.read(&mut reader);
                if next != Next::Leave {
                    end_of_turn(next).await;
                }
            }
            match next {
                Next::Leave => self.give_away(reader, peer),
                _ => self.close(reader.id),
            }
        }
    }

    /// Ends all connections with a reason, and waits a moment for them to be told.
    pub(crate) async fn shut_down(self: &Rc<Self>) {
        self.is_stopping.set(true);
        self.handle(Input::Shutdown);
        let gone = async {
            while !self.inner.borrow().sockets.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(LINGER, gone).await;
    }

    fn open(
        self: &Rc<Self>,
        stream: &Rc<TcpStream>,
        peer: Remote,
        (transport, tls): (Transport, Option<Box<Tls>>),
        who: Option<Arc<Identity>>,
    ) -> usize {
        let certified = || tls.as_ref()?.user().cloned().map(Identity::of_certificate).map(Arc::new);
        let who = who.or_else(certified);
        let mut socket = Socket::new(Rc::clone(stream), transport, tls);
        socket.identity.clone_from(&who);
        let id = self.inner.borrow_mut().sockets.insert(socket);
        let peer = Peer { identity: who, ..peer.identity() };
        self.handle(Input::Opened { connection: connection_id(id), peer });
        id
    }

    fn close(self: &Rc<Self>, id: usize) {
        self.handle(Input::Closed { connection: connection_id(id) });
        let inner = &mut *self.inner.borrow_mut();
        if let Some(parting) = &mut inner.parting {
            parting.forget(id);
        }
        if let Some(socket) = inner.sockets.try_remove(id) {
            socket.release();
        }
    }

    fn handle(self: &Rc<Self>, input: Input<'_>) {
        let now = self.clock.now();
        let inner = &mut *self.inner.borrow_mut();
        self.step(inner, now, input);
        self.end_turn(inner);
    }

    /// Once a turn, not once a packet.
    fn end_turn(&self, inner: &mut Inner) {
        if let Some(keeper) = &mut inner.keeper
            && keeper.end_turn(inner.peers.as_mut())
        {
            self.release(inner);
        }
        if !inner.dirty.is_empty() || inner.peers.as_ref().is_some_and(Peers::has_parcels) {
            self.flush.notify_one();
        }
    }

    /// One input, and all its outputs.
    fn step(self: &Rc<Self>, inner: &mut Inner, now: Instant, input: Input<'_>) {
        inner.broker.handle(now, input);
        self.outputs(inner);
    }

    fn outputs(self: &Rc<Self>, inner: &mut Inner) {
        loop {
            match inner.broker.poll() {
                Output::Send { connection, bytes, held } => {
                    let at = connection.0 as usize;
                    if let Some(socket) = inner.sockets.get_mut(at) {
                        let waits = held
                            && (inner.peers.is_some() || inner.keeper.as_ref().is_some_and(Keeper::may_wait));
                        if waits || socket.is_held() {
                            let keeper = inner.keeper.as_mut().filter(|_| held);
                            socket.push_held(bytes, keeper.map(|keeper| keeper.hold(at)));
                            continue;
                        }
                        let (before, full) = (socket.gathered(), self.max_output_bytes.get() / 2);
                        socket.push(bytes, &mut inner.pool);
                        mark(socket, at, &mut inner.dirty);
                        if before <= full && socket.gathered() > full {
                            inner.full.push(at);
                        }
                    }
                }
                Output::Store(change) => {
                    if let Some(keeper) = &mut inner.keeper {
                        keeper.store(change);
                    }
                }
                Output::Fetch(fetch) => {
                    if let Some(keeper) = &mut inner.keeper {
                        keeper.fetch(fetch);
                    }
                }
                Output::Check(check) => self.check(inner, check),
                Output::Close { connection } => self.begin_close(inner, connection.0 as usize),
                Output::Notice(notice) => log::notice(&notice),
                Output::Peer { to, item } => {
                    if let Some(peers) = &mut inner.peers {
                        peers.say(to, item);
                    }
                }
                Output::Carry { to, message } => {
                    if let Some(peers) = &mut inner.peers {
                        peers.carry(to, message);
                    }
                }
                Output::Move { connection, to, crowd } => {
                    if let Some(socket) = inner.sockets.try_remove(connection.0 as usize) {
                        inner.leaving = Some(Leaving { socket, to, crowd, event: None });
                    }
                }
                Output::Wait(deadline) => {
                    if inner.deadline != deadline {
                        let is_earlier = deadline.is_some_and(|d| inner.deadline.is_none_or(|old| d < old));
                        inner.deadline = deadline;
                        if is_earlier {
                            self.deadline_moved.notify_one();
                        }
                    }
                    break;
                }
            }
        }
    }

    /// The last bytes go out, then the peer is given a moment to close its side.
    fn begin_close(self: &Rc<Self>, inner: &mut Inner, at: usize) {
        let Some(socket) = inner.sockets.get_mut(at) else { return };
        if std::mem::replace(&mut socket.is_closing, true) {
            return;
        }
        socket.check = 0;
        mark(socket, at, &mut inner.dirty);
        if let Some(gate) = &socket.gate {
            gate.notify_one();
        }
        // The shard that counts it is told before the peer: who comes in its place finds room.
        if self.place != DOOR
            && let Some(keeper) = &mut inner.keeper
        {
            socket.push_held(&[], Some(keeper.hold(at)));
        }
        let stream = Rc::downgrade(&socket.stream);
        spawn_local(async move {
            tokio::time::sleep(LINGER).await;
            if let Some(stream) = stream.upgrade() {
                let _ = SockRef::from(&*stream).shutdown(Shutdown::Both);
            }
        });
    }

    fn read(self: &Rc<Self>, reader: &mut Reader) -> Next {
        let inner = &mut *self.inner.borrow_mut();
        if reader.has_tls {
            return self.read_sealed(inner, reader);
        }
        let mut scratch = std::mem::take(&mut inner.scratch);
        let before = reader.before();
        let kept = before.len();
        scratch[..kept].copy_from_slice(before);
        let room = if reader.cost > MANY { scratch.len().min(kept + LITTLE) } else { scratch.len() };
        reader.cost = 0;
        let next = match reader.stream.try_read(&mut scratch[kept..room]) {
            Ok(0) => Next::Stop,
            Ok(n) => {
                *reader.before() = Vec::new();
                let is_full = kept + n == room;
                match self.received(inner, reader, &mut scratch[..kept + n]) {
                    Next::Read if is_full => Next::More,
                    next => next,
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Next::Read,
            Err(_) => Next::Stop,
        };
        inner.scratch = scratch;
        next
    }

    fn take_first(self: &Rc<Self>, reader: &mut Reader, mut first: Vec<u8>) -> Next {
        let inner = &mut *self.inner.borrow_mut();
        self.received(inner, reader, &mut first)
    }

    fn received(self: &Rc<Self>, inner: &mut Inner, reader: &mut Reader, bytes: &mut [u8]) -> Next {
        let now = self.clock.now();
        match reader.frames.is_some() {
            true => self.frames(inner, reader, now, bytes),
            false => self.packets(inner, reader, now, bytes),
        }
        self.flush_full(inner);
        self.end_turn(inner);
        if inner.sockets.get(reader.id).is_some_and(|socket| socket.check != 0) {
            return Next::Check;
        }
        if let Some(next) = Self::wait_for_others(inner, reader.id) {
            return next;
        }
        let Some(socket) = inner.sockets.get_mut(reader.id) else {
            return if inner.leaving.is_some() { Next::Leave } else { Next::Stop };
        };
        if socket.pending() > GATE * self.max_output_bytes.get() && !socket.is_closing {
            socket.gate = Some(Rc::new(Notify::new()));
            return Next::Wait;
        }
        Next::Read
    }

    /// Takes the frames apart where they stand; what they carry is a stream of packets.
    fn frames(self: &Rc<Self>, inner: &mut Inner, reader: &mut Reader, now: Instant, mut bytes: &mut [u8]) {
        loop {
            let Some(frames) = &mut reader.frames else { return };
            let read = frames.read(bytes);
            let (payload, _) = bytes.split_at(read.payload);
            self.packets(inner, reader, now, payload);
            bytes = bytes.split_at_mut(read.rest).1;
            if let Some(leaving) = &mut inner.leaving {
                leaving.event = read.event;
                break;
            }
            if inner.sockets.get(reader.id).is_some_and(|socket| socket.check != 0) {
                reader.event = read.event.map(Box::new);
                break;
            }
            let Some(event) = read.event else { break };
            if !self.frame_event(inner, reader.id, now, event) {
                return;
            }
        }
        reader.raw = bytes.to_vec();
    }

    /// Answers a control frame or a violation. False when nothing more is to be read.
    fn frame_event(self: &Rc<Self>, inner: &mut Inner, id: usize, now: Instant, event: Event) -> bool {
        let Some(socket) = inner.sockets.get_mut(id) else { return false };
        if socket.is_closing {
            return !matches!(event, Event::Violation(..));
        }
        let connection = connection_id(id);
        match event {
            Event::Ping(payload) => {
                socket.push_control(websocket::PONG, &payload);
                mark(socket, id, &mut inner.dirty);
                true
            }
            Event::Close(code) => {
                socket.close_code = code;
                self.step(inner, now, Input::Left { connection });
                false
            }
            Event::Violation(code, why) => {
                socket.close_code = Some(code);
                self.step(inner, now, Input::Violation { connection, why: why.into() });
                false
            }
        }
    }

    /// Handles all complete packets; the rest of the bytes is carried to the next read.
    fn packets(self: &Rc<Self>, inner: &mut Inner, reader: &mut Reader, now: Instant, bytes: &[u8]) {
        let mut carry = std::mem::take(&mut reader.carry);
        let bytes = if carry.is_empty() {
            bytes
        } else {
            carry.extend_from_slice(bytes);
            &carry
        };
        let rest = self.complete_packets(inner, reader, now, bytes);
        inner.broker.count_received(rest);
        if rest == 0 && !carry.is_empty() {
            reader.carry = carry;
        } else {
            reader.carry = bytes.get(rest..).unwrap_or_default().to_vec();
        }
    }

    /// Handles all complete packets, and says where the rest begins.
    fn complete_packets(
        self: &Rc<Self>,
        inner: &mut Inner,
        reader: &mut Reader,
        now: Instant,
        bytes: &[u8],
    ) -> usize {
        let connection = connection_id(reader.id);
        let mut at = 0;
        loop {
            match inner.sockets.get(reader.id) {
                Some(socket) if socket.check != 0 => return at,
                Some(socket) if !socket.is_closing => {}
                // What leaves goes from CONNECT on, which is the first; of the others the rest is read and discarded.
                _ => return if inner.leaving.is_some() { 0 } else { bytes.len() },
            }
            match reader.deframer.next(bytes.get(at..).unwrap_or_default()) {
                Ok(Some((packet, size))) => {
                    at += size;
                    reader.cost += cost(&packet);
                    inner.broker.handle_packet(now, connection, &packet);
                    self.outputs(inner);
                }
                Ok(None) => return at,
                Err(error) => {
                    let version = reader.deframer.version();
                    let input = match at == 0 && version.is_none() && begins_with_tls(bytes) {
                        true => Input::Violation { connection, why: TLS_ON_PLAIN.into() },
                        false => Input::Malformed { connection, version, error },
                    };
                    self.step(inner, now, input);
                }
            }
        }
    }

    /// Waits until less waits to be written.
    async fn gate(&self, id: usize) {
        let gate = self.inner.borrow().sockets.get(id).and_then(|socket| socket.gate.clone());
        if let Some(gate) = gate {
            gate.notified().await;
        }
    }

    async fn timer(self: Rc<Self>) {
        loop {
            let deadline = self.inner.borrow().deadline;
            let due = async {
                match deadline {
                    // A moment that has begun counts as reached only when it is over: the clock has whole milliseconds.
                    Some(at) => tokio::time::sleep_until(self.clock.at(at + Duration::from_millis(1))).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => self.handle(Input::Tick),
                () = self.deadline_moved.notified() => {}
            }
        }
    }
}

/// How long a packet keeps the others waiting, in packets.
const fn cost(packet: &Packet<'_>) -> usize {
    match packet {
        Packet::Subscribe(subscribe) => FILTER * subscribe.filters.len(),
        Packet::Unsubscribe(unsubscribe) => FILTER * unsubscribe.filters.len(),
        _ => 1,
    }
}

/// Lets everyone else have a turn: a peer that sends without a pause would otherwise be read without one, since a socket
/// that has data is never waited for. After a full read the runtime also looks which other sockets have data, which it
/// does not do while a task is ready; that is a system call, so not after each small one.
async fn end_of_turn(next: Next) {
    if next == Next::More {
        return tokio::task::yield_now().await;
    }
    let mut is_over = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn mark(socket: &mut Socket, at: usize, dirty: &mut Vec<usize>) {
    if !std::mem::replace(&mut socket.is_dirty, true) {
        dirty.push(at);
    }
}

fn connection_id(at: usize) -> ConnectionId {
    ConnectionId(u32::try_from(at).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
