//! The broker: sessions, subscriptions, retained messages and wills, as one value that only its owner touches.
//!
//! It knows no socket, clock, thread, file or log. Packets and the time come in by [`Broker::handle`]; bytes for
//! connections, closes, notices and the next deadline come out by [`Broker::poll`].
//!
//! **The law:** after each `handle`, call `poll` until it answers [`Output::Wait`].
//!
//! ```text
//!  Input::Packet ──▶ connect · publish · acknowledge · subscribe · disconnect      one file per packet's rules
//!                        │ route: who wants it (subscriptions), encoded once per shape
//!                        ▼
//!                    deliver: window, queue, replay of retained   ──▶ Outbox ──▶ Output::Send
//! ```

mod access;
mod acknowledge;
mod alias;
mod answers;
mod attempts;
mod carried;
pub mod change;
mod config;
mod connack;
mod connect;
mod connection;
mod counters;
mod cross;
mod deliver;
mod disconnect;
mod hash;
mod home;
mod identity;
mod io;
mod keep;
mod last;
mod limit;
mod login;
mod outbox;
mod owed;
mod password;
mod past;
mod permit;
mod publish;
mod queue;
mod rate;
mod resettle;
mod restore;
mod retain;
mod retained;
mod room;
mod route;
mod rules;
mod send;
mod session;
mod shard;
mod share;
mod stored;
mod subscribe;
mod subscriptions;
mod sys;
mod timers;
mod will;

#[cfg(test)]
mod tests;

use core::net::IpAddr;
use std::sync::Arc;

use mqtt::{Instant, Packet, ReasonCode, Rng};
use slab::Slab;

pub use access::{ANONYMOUS, Access, Anonymous, User, Users};
pub use config::{Config, Excess, Overlapping, Redirect};
pub use counters::{Counters, Handshake};
pub use identity::{Grant, Identity};
pub use io::{Ended, Input, Named, Notice, Output, Peer};
pub use last::{LastAsked, LastFound, LastValue};
pub use limit::{Limit, Reached};
pub use password::{Check, Checked};
pub use queue::{Fetch, Found, Messages};
pub use resettle::Resettled;
pub use restore::Restore;
pub use rules::{Action, Rule, Rules, Subject, Verdict};
pub use shard::{PeerItem, Place, ShardId};
pub use stored::{Payload, Stored};

use answers::Serial;
use attempts::Attempts;
use connection::{Connection, State};
use cross::Crossings;
use hash::{KeyedMap, Keys};
use home::Homes;
use io::Fault;
use keep::Keeping;
use last::Last;
use login::Nonces;
use outbox::Outbox;
use permit::Verdicts;
use retained::{Latest, Retained};
use room::OfAddress;
use session::{Session, earlier};
use share::Leaving;
use stored::Spare;
use subscriptions::Subscriptions;
use sys::Sys;
use timers::{Timer, Timers};

/// A Network Connection, by a number that its owner chose: small, and free again after [`Input::Closed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// A Session's place in this broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct SessionId(u32);

/// An MQTT Server without its sockets.
#[derive(Debug)]
pub struct Broker {
    config: Config,
    place: Place,
    homes: Homes,
    keys: Keys,
    now: Instant,
    connections: Vec<Option<Connection>>,
    connected: u32,
    /// Connections that were let in here and given to other shards.
    given_away: u32,
    /// The shard whose turn it is to name a Client.
    turn: ShardId,
    /// How many of them there are of one address, and how many that may become one.
    by_address: KeyedMap<IpAddr, OfAddress>,
    /// Logins that failed, by where they came from.
    attempts: Attempts,
    verdicts: Verdicts,
    /// Password checks that were asked for.
    checks: u64,
    sessions: Slab<Session>,
    by_client: KeyedMap<Arc<str>, SessionId>,
    subscriptions: Subscriptions,
    retained: Retained,
    last: Last,
    /// None where there are no other shards.
    latest: Option<Latest>,
    keeping: Keeping,
    crossings: Crossings,
    last_serial: Serial,
    leaving: Leaving,
    sys: Sys,
    timers: Timers,
    out: Outbox,
    spare: Spare,
    counters: Counters,
    rng: Rng,
    nonces: Nonces,
}

impl Broker {
    /// A broker without sessions. `seed` is to be a secret: it names Clients that come without an identifier, and keeps
    /// Clients from choosing topics and names that fall into one place of its tables.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        let keys = Keys::new(seed);
        let mut broker = Self {
            subscriptions: Subscriptions::new(config.overlapping, keys),
            keeping: Keeping::new(config.keeps_state),
            config,
            place: Place::alone(),
            homes: Homes::parted(keys),
            keys,
            now: Instant::START,
            connections: Vec::new(),
            connected: 0,
            given_away: 0,
            turn: ShardId(0),
            by_address: KeyedMap::with_hasher(keys),
            attempts: Attempts::default(),
            verdicts: Verdicts::new(keys),
            checks: 0,
            sessions: Slab::new(),
            by_client: KeyedMap::with_hasher(keys),
            retained: Retained::default(),
            last: Last::new(keys),
            latest: None,
            crossings: Crossings::new(),
            last_serial: 0,
            leaving: Leaving::default(),
            sys: Sys::default(),
            timers: Timers::default(),
            out: Outbox::default(),
            spare: Spare::default(),
            counters: Counters::default(),
            rng: Rng::new(keys.public_seed()),
            nonces: Nonces::new([0; 32]),
        };
        broker.start_sys();
        broker.set_last();
        broker
    }

    /// The same broker with a secret of its own, without which whoever listens can foresee the nonces of logins: 32 random
    /// bytes, new at each start.
    #[must_use]
    pub fn with_secret(mut self, secret: [u8; 32]) -> Self {
        self.nonces = Nonces::new(secret);
        self
    }

    /// Takes one input. `now` never goes back.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.begin(now);
        match input {
            Input::Packet { connection, packet } => self.packet(connection, &packet),
            Input::Written { connection, pending } => self.written(connection, pending),
            Input::Opened { connection, peer } => self.open(connection, peer, None),
            Input::Moved { connection, peer, crowd } => self.moved(connection, peer, crowd),
            Input::Peer { from, item } => self.told(from, item),
            Input::Part => self.part(),
            Input::Resettled { connection, resettled } => self.settle(connection, *resettled),
            Input::Malformed { connection, version, error } => self.malformed(connection, version, error),
            Input::Violation { connection, why } => self.violation(connection, why),
            Input::Certified { connection, user } => self.certified(connection, user),
            Input::Left { connection } => self.finish(connection, Ended::Lost, true),
            Input::Closed { connection } => self.closed(connection),
            Input::Storage { is_full } => self.keeping.is_full = is_full,
            Input::Unstored { connection } => self.unstored(connection),
            Input::Fetched { fetch, found } => self.fetched(&fetch, found),
            Input::Checked { connection, number, checked } => self.checked(connection, number, checked),
            Input::Access(access) => self.set_access(access),
            Input::Limits(limits) => self.set_limits(*limits),
            Input::LoginFailed { peer } => self.failed_login_of(&peer),
            Input::Revoked { login } => self.revoke(login),
            Input::Tick => self.tick(),
            Input::Shutdown => self.shutdown(),
        }
        self.finish_input();
    }

    /// The same for an [`Input::Packet`] that stays where it was decoded: it is too large to be moved for each message.
    pub fn handle_packet(&mut self, now: Instant, connection: ConnectionId, packet: &Packet<'_>) {
        self.begin(now);
        self.packet(connection, packet);
        self.finish_input();
    }

    fn finish_input(&mut self) {
        self.keeping.flush(&mut self.out);
        if self.subscriptions.has_news() {
            self.tell_news();
        }
    }

    fn begin(&mut self, now: Instant) {
        debug_assert!(self.out.is_drained(), "poll until Wait before the next handle");
        self.out.reset();
        self.now = self.now.max(now);
    }

    /// The next thing to do, in order; [`Output::Wait`] when there is nothing more.
    #[inline]
    pub fn poll(&mut self) -> Output<'_> {
        if self.out.is_drained() {
            return Output::Wait(earlier(self.timers.next(), self.retained.next_expiry()));
        }
        self.out.next()
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            connections: u64::from(self.connected),
            sessions: self.sessions.len() as u64,
            subscriptions: self.subscriptions.len() as u64,
            shared_subscriptions: self.subscriptions.shared() as u64,
            retained: self.retained.len() as u64,
            retained_bytes: self.retained.bytes() as u64,
            packets_sent: self.out.packets_sent,
            bytes_sent: self.out.bytes_sent,
            reached: {
                let mut reached = self.counters.reached;
                reached.add(Limit::OutputBytes, self.counters.dropped_slow_reader);
                reached
            },
            ..self.counters
        }
    }

    /// Counts bytes of packets that were read: the broker sees packets alone.
    pub const fn count_received(&mut self, bytes: usize) {
        self.counters.bytes_received += bytes as u64;
    }

    /// Counts a TLS handshake, which is below what the broker sees.
    pub const fn count_handshake(&mut self, handshake: Handshake) {
        self.counters.count_handshake(handshake);
    }

    fn packet(&mut self, id: ConnectionId, packet: &Packet<'_>) {
        let now = self.now;
        self.counters.packets_received += 1;
        let Some(connection) = self.connection(id) else { return };
        match &mut connection.state {
            State::Refused(_) | State::Closing => return, // [MQTT-3.1.4-6]
            State::AwaitConnect => {
                return match packet {
                    Packet::Connect(connect) => self.connect(id, connect),
                    _ => self.end(id, Fault::protocol("a packet before CONNECT [MQTT-3.1.0-1]")),
                };
            }
            State::LoggingIn(_) => return self.login_packet(id, packet),
            State::Connected(live) => {
                live.last_heard = now;
                if let Some(rate) = &mut live.rate
                    && let Err(fault) = rate.check(now, packet)
                {
                    return self.end(id, fault);
                }
            }
        }
        let done = match packet {
            Packet::Publish(publish) => self.publish(id, publish),
            Packet::Puback(ack) => self.puback(id, ack),
            Packet::Pubrec(ack) => self.pubrec(id, ack),
            Packet::Pubrel(ack) => self.pubrel(id, ack),
            Packet::Pubcomp(ack) => self.pubcomp(id, ack),
            Packet::Subscribe(subscribe) => self.subscribe(id, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(id, unsubscribe),
            Packet::Pingreq => {
                // What came before it has reached everyone by then.
                let holds = !self.place.is_alone();
                self.send_held(id, &Packet::Pingresp, holds); // [MQTT-3.12.4-1]
                Ok(())
            }
            Packet::Disconnect(disconnect) => self.disconnect(id, disconnect),
            Packet::Connect(_) => Err(Fault::protocol("a second CONNECT on one connection [MQTT-3.1.0-2]")),
            Packet::Auth(auth) => self.reauthenticate(id, auth),
            Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {
                Err(Fault::protocol("a packet that only a server sends"))
            }
        };
        if let Err(fault) = done {
            self.end(id, fault);
        }
    }

    /// Other limits count from now on. What a Client was promised when it was let in holds for as long as it stays.
    fn set_limits(&mut self, limits: Config) {
        let before = std::mem::take(&mut self.config);
        self.config = limits.with_access_of(&before);
        self.subscriptions.set_overlapping(self.config.overlapping);
        self.set_rates();
        self.set_last();
        if before.sys_interval_s != self.config.sys_interval_s {
            self.start_sys();
        }
    }

    fn tick(&mut self) {
        self.expire_retained();
        while let Some(timer) = self.timers.due(self.now) {
            match timer {
                Timer::Connection(id) => self.connection_due(id),
                Timer::Session(id) => self.session_due(id),
                Timer::Replay(id) => self.replay_due(id),
                Timer::Sys => self.sys_due(),
            }
        }
    }

    fn unstored(&mut self, id: ConnectionId) {
        self.end(
            id,
            Fault::new(ReasonCode::QuotaExceeded, "the disk is full: what was sent could not be kept"),
        );
    }

    fn shutdown(&mut self) {
        for id in self.open_connections() {
            self.end(id, Fault::new(ReasonCode::ServerShuttingDown, "the server is stopping"));
        }
    }

    fn open_connections(&self) -> Vec<ConnectionId> {
        let ids = (0..).map(ConnectionId);
        ids.zip(&self.connections).filter_map(|(id, connection)| connection.as_ref().map(|_| id)).collect()
    }

    fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(id.0 as usize)?.as_mut()
    }

    fn session(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id.0 as usize)
    }
}
