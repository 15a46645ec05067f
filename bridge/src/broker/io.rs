//! What goes into the broker and what comes out.

use core::net::IpAddr;
use std::borrow::Cow;
use std::sync::Arc;

use mqtt::codec::DecodeError;
use mqtt::{Instant, Packet, ReasonCode, Version};

use super::change::Change;
use super::limit::Limit;
use super::{
    Access, Check, Checked, Config, ConnectionId, Fetch, Found, Identity, PeerItem, Resettled, ShardId,
};

/// One event for [`super::Broker::handle`].
#[derive(Debug)]
pub enum Input<'a> {
    /// A Network Connection was opened. Its number is new, or free since its [`Input::Closed`].
    Opened {
        /// Its number.
        connection: ConnectionId,
        /// Who is at the other end.
        peer: Peer,
    },
    /// The same for one that another shard has let in and given away with [`Output::Move`]. Its CONNECT comes next.
    Moved {
        /// Its number here.
        connection: ConnectionId,
        /// Who is at the other end.
        peer: Peer,
        /// As in [`Output::Move`].
        crowd: Option<Limit>,
    },
    /// Another shard said something with [`Output::Peer`] or [`Output::Carry`]. What one says comes in the order it was said, and after all that it
    /// had heard before it said that.
    Peer {
        /// Which.
        from: ShardId,
        /// What.
        item: PeerItem,
    },
    /// Clients are at home where their names say from now on. The door is told so, and tells the others.
    Part,
    /// A Client came from the door, by [`super::Broker::resettle`], with its connection and all it had.
    Resettled {
        /// Its number here, as in [`Input::Opened`].
        connection: ConnectionId,
        /// The Client.
        resettled: Box<Resettled>,
    },
    /// A packet arrived.
    Packet {
        /// Where.
        connection: ConnectionId,
        /// The packet.
        packet: Packet<'a>,
    },
    /// Bytes arrived that are no packet.
    Malformed {
        /// Where.
        connection: ConnectionId,
        /// What the connection speaks, when that is known.
        version: Option<Version>,
        /// What is wrong with them.
        error: DecodeError,
    },
    /// The transport below MQTT was misused (WebSocket framing, TLS). Its own layer answers; the Session ends as if cut.
    Violation {
        /// Where.
        connection: ConnectionId,
        /// How.
        why: Cow<'static, str>,
    },
    /// The transport below MQTT has found out who is at the other end, by a certificate. CONNECT has not come yet.
    Certified {
        /// Where.
        connection: ConnectionId,
        /// Who.
        user: Arc<str>,
    },
    /// The peer says at the transport's level that it leaves (a WebSocket close): as if cut, but it can still be answered.
    Left {
        /// Where.
        connection: ConnectionId,
    },
    /// Some output was written; this much of all that was sent is still waiting.
    Written {
        /// Where.
        connection: ConnectionId,
        /// Bytes handed out by [`Output::Send`] and not yet taken by the socket.
        pending: usize,
    },
    /// The Network Connection is gone, whoever closed it. Nothing more comes out for its number.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
    /// There is no room to keep more, or there is again.
    Storage {
        /// Whether there is none.
        is_full: bool,
    },
    /// What this connection's next packets claim could not be kept: they were not sent.
    Unstored {
        /// Where.
        connection: ConnectionId,
    },
    /// What [`Output::Fetch`] asked for.
    Fetched {
        /// What was asked.
        fetch: Fetch,
        /// What there is of it.
        found: Found,
    },
    /// What became of [`Output::Check`].
    Checked {
        /// Where.
        connection: ConnectionId,
        /// The number of the check.
        number: u64,
        /// Whether the password is right.
        checked: Checked,
    },
    /// Who may come is not what it was. It counts at once, also for those who are there.
    Access(Access),
    /// Limits are not what they were. They count at once, but for what was promised to those who are there; who may come stays.
    Limits(Box<Config>),
    /// A login that was tried beside MQTT has failed: it counts like any other.
    LoginFailed {
        /// Of whom.
        peer: Peer,
    },
    /// A login beside MQTT is over: so are the connections that came by it.
    Revoked {
        /// Its [`Identity::login`].
        login: u64,
    },
    /// Time has passed: the deadline of [`Output::Wait`] is reached.
    Tick,
    /// The server stops: end all connections with a reason.
    Shutdown,
}

/// Who is at the other end of a Network Connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address and port, for people.
    pub name: Arc<str>,
    /// Its address without the port; none is not counted.
    pub address: Option<IpAddr>,
    /// Whether it is on this machine.
    pub is_loopback: bool,
    /// Whether it is a proxy that is trusted, and speaks for many: it is not held to what one address may do, but for failed logins.
    pub is_proxy: bool,
    /// Who it has proved to be before MQTT began. A CONNECT that names a user has to prove that anew.
    pub identity: Option<Arc<Identity>>,
}

/// One thing to do, from [`super::Broker::poll`].
#[derive(Debug)]
pub enum Output<'a> {
    /// Append these bytes to what the connection is to send.
    Send {
        /// Where.
        connection: ConnectionId,
        /// One or more whole packets.
        bytes: &'a [u8],
        /// They leave only when every change that came out before the next [`Output::Wait`] is durable, and every
        /// [`Output::Peer`] and [`Output::Carry`] that ever came out until then is confirmed; what is sent there later leaves behind them.
        held: bool,
    },
    /// Tell this to another shard. It is confirmed when the other has handled it and what came out of that is durable.
    Peer {
        /// Which.
        to: ShardId,
        /// What.
        item: PeerItem,
    },
    /// The same for a plain message, of which there may be very many: to be handed over with [`PeerItem::carry`].
    Carry {
        /// Which.
        to: ShardId,
        /// What.
        message: &'a [u8],
    },
    /// Give this connection to another shard, with [`Input::Moved`]: the packet that was handled just now, which is its CONNECT,
    /// and all that comes behind it are for that one. Its number is free here as after [`Input::Closed`].
    Move {
        /// Which.
        connection: ConnectionId,
        /// To whom.
        to: ShardId,
        /// The limit that leaves no room for one more, if any does: it may only take the place of another.
        crowd: Option<Limit>,
    },
    /// Keep this. It is durable when its owner says so; nothing but what is held waits for that.
    Store(Change),
    /// Find these messages among what was stored so far, and hand them back by [`Input::Fetched`].
    Fetch(Fetch),
    /// Find out whether this password is right, and say so by [`Input::Checked`]. Until then nothing more of what its connection
    /// has sent is to come in. It is not answered when the connection is closed meanwhile.
    Check(Check),
    /// Send what is there, then close.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Something the operator may want to know.
    Notice(Notice),
    /// Nothing more to do before this moment, or before the next input.
    Wait(Option<Instant>),
}

/// Something for the log.
#[derive(Debug)]
pub enum Notice {
    /// A Client was let in.
    Connected {
        /// Who.
        client_id: Arc<str>,
        /// As which user, when it has proved to be one.
        user: Option<Arc<str>>,
        /// From where.
        peer: Arc<str>,
        /// Speaking what.
        version: Version,
        /// Whether its Session was there already.
        session_present: bool,
    },
    /// A CONNECT was refused.
    TurnedAway {
        /// Who it said to be.
        named: Box<Named>,
        /// From where.
        peer: Arc<str>,
        /// Why.
        ended: Ended,
    },
    /// A connection ended.
    Ended {
        /// Who, when that was known.
        client_id: Option<Arc<str>>,
        /// From where.
        peer: Arc<str>,
        /// By whom and why.
        ended: Ended,
    },
    /// A publication or subscription was refused.
    Refused {
        /// Who.
        client_id: Arc<str>,
        /// What was refused, with its topic.
        what: String,
        /// Why.
        reason: ReasonCode,
    },
    /// A Session's queue is full and messages for it are dropped. Said once each time it fills.
    QueueFull {
        /// Whose.
        client_id: Arc<str>,
        /// Messages in it.
        messages: usize,
        /// Bytes in it.
        bytes: usize,
    },
    /// Messages that were kept for a Session cannot be read any more.
    Unreadable {
        /// Whose.
        client_id: Arc<str>,
        /// How many.
        messages: usize,
    },
}

/// What a CONNECT said, and nobody has proved.
#[derive(Debug)]
pub struct Named {
    /// The Client Identifier.
    pub client_id: Arc<str>,
    /// The user.
    pub user: Option<Arc<str>>,
}

/// How a Network Connection ended, by who ended it.
#[derive(Clone, Debug)]
pub enum Ended {
    /// The Client sent DISCONNECT.
    ByClient(ReasonCode),
    /// We ended it, for this reason.
    ByServer(ReasonCode, Cow<'static, str>),
    /// It was cut.
    Lost,
}

/// Why we end a connection.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) reason: ReasonCode,
    pub(super) why: Cow<'static, str>,
    /// The limit that was reached.
    pub(super) limit: Option<Limit>,
}

impl Fault {
    pub(super) fn new(reason: ReasonCode, why: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, why: why.into(), limit: None }
    }

    /// The same for one who has reached a limit.
    pub(super) const fn over(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    pub(super) fn protocol(why: &'static str) -> Self {
        Self::new(ReasonCode::ProtocolError, why)
    }
}
