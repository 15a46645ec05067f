//! A Network Connection as the broker sees it, and how it ends. What outlives it is in `session`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use mqtt::codec::DecodeError;
use mqtt::packet::{Connack, Disconnect};
use mqtt::{Instant, Packet, ReasonCode, TopicError, TopicName, Version, Will};

use super::alias::Aliases;
use super::io::Fault;
use super::limit::Limit;
use super::login::{Candidate, Login};
use super::rate::Rate;
use super::session::earlier;
use super::shard::Moved;
use super::timers::Timer;
use super::{Broker, ConnectionId, Ended, Named, Notice, Peer, SessionId};

/// One Network Connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    pub(super) state: State,
    /// Another shard has let it in.
    pub(super) moved: Option<Moved>,
    /// Bytes handed out for it that its socket has not taken yet.
    pub(super) pending: usize,
    /// Its Session has something to send that waits for `pending` to shrink.
    pub(super) is_blocked: bool,
    timer: Option<Instant>,
}

/// ```text
///   Opened ─▶ AwaitConnect ── CONNECT ─▶ (LoggingIn ─▶) Connected ──┐
///                  └─────────── fault, timeout ─────────────────────┴─▶ Closing ── Closed ─▶ gone
/// ```
#[derive(Debug)]
pub(super) enum State {
    /// Nothing but CONNECT is taken, and not for long.
    AwaitConnect,
    /// CONNECT came, and the proof of who sent it is still to come.
    LoggingIn(Box<Candidate>),
    /// CONNECT is being refused: who sent it is for the log alone.
    Refused(Box<Named>),
    /// A Client is there.
    Connected(Box<Live>),
    /// The last bytes are on their way out; nothing that comes in counts.
    Closing,
}

/// What lasts as long as a Client is connected.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: SessionId,
    pub(super) version: Version,
    /// Bytes of the largest packet the Client takes.
    pub(super) maximum_packet_size: u32,
    /// It wants reason strings and user properties in any packet (3.1.2.11.7).
    pub(super) takes_problem_information: bool,
    /// One and a half times the Keep Alive [MQTT-3.1.2-22].
    pub(super) silence: Option<Duration>,
    pub(super) last_heard: Instant,
    /// How much it may send; none where nothing holds for it.
    pub(super) rate: Option<Box<Rate>>,
    /// Topic aliases it was told it may use.
    pub(super) topic_alias_maximum: u16,
    pub(super) will: Option<Arc<Will>>,
    /// Who it has proved to be.
    pub(super) login: Option<Box<Login>>,
    /// What the Client's topic aliases stand for, from alias 1 on.
    pub(super) aliases: Vec<Option<TopicName>>,
    /// What ours stand for.
    pub(super) our_aliases: Option<Box<Aliases>>,
}

impl Live {
    /// When it is next to be looked at: it may have fallen silent, or its proof of who it is may be over.
    pub(super) fn due(&self) -> Option<Instant> {
        let silent = self.silence.map(|silence| self.last_heard + silence);
        earlier(silent, self.login.as_ref().and_then(|login| login.until))
    }

    /// As in [`super::Identity::login`].
    pub(super) fn login_number(&self) -> u64 {
        self.login.as_ref().map_or(0, |login| login.number)
    }
}

impl Connection {
    pub(super) fn live(&mut self) -> Option<&mut Live> {
        match &mut self.state {
            State::Connected(live) => Some(live),
            State::AwaitConnect | State::LoggingIn(_) | State::Refused(_) | State::Closing => None,
        }
    }
}

impl Broker {
    pub(super) fn open(&mut self, id: ConnectionId, peer: Peer, moved: Option<Moved>) {
        self.counters.connections_opened += 1;
        let connection = Connection {
            peer,
            state: State::AwaitConnect,
            moved,
            pending: 0,
            is_blocked: false,
            timer: None,
        };
        self.put_connection(id, connection);
        self.set_connection_timer(id, Some(self.now + Duration::from_millis(self.config.connect_timeout_ms)));
        self.count_opened(id);
    }

    pub(super) fn put_connection(&mut self, id: ConnectionId, connection: Connection) {
        let at = id.0 as usize;
        if self.connections.len() <= at {
            self.connections.resize_with(at + 1, || None);
        }
        if let Some(slot) = self.connections.get_mut(at) {
            debug_assert!(slot.is_none(), "a connection's number is used again before it was closed");
            *slot = Some(connection);
        }
    }

    pub(super) fn set_connection_timer(&mut self, id: ConnectionId, at: Option<Instant>) {
        if let Some(Some(connection)) = self.connections.get_mut(id.0 as usize) {
            self.timers.set(Timer::Connection(id), &mut connection.timer, at);
        }
    }

    /// CONNECT did not come, or the Client may have fallen silent. The deadline is not moved for each packet: when it
    /// is reached, the last packet says whether it still stands.
    pub(super) fn connection_due(&mut self, id: ConnectionId) {
        let now = self.now;
        let Some(connection) = self.connection(id) else { return };
        connection.timer = None; // taken out when it came due
        match &connection.state {
            State::Refused(_) | State::Closing => {}
            State::AwaitConnect => {
                let fault = Fault::new(ReasonCode::KeepAliveTimeout, "no CONNECT in time");
                self.end(id, fault.over(Limit::ConnectTimeout));
            }
            State::LoggingIn(candidate) => {
                let (version, limit) = (candidate.version, candidate.limit());
                let fault = Fault::new(ReasonCode::NotAuthorized, "no proof of who it is in time");
                self.refuse(id, version, limit, fault.over(Limit::ConnectTimeout)); // [MQTT-4.12.0-4]
            }
            State::Connected(live) => {
                let due = live.due();
                if due.is_none_or(|due| due > now) {
                    return self.set_connection_timer(id, due);
                }
                if live.login.as_ref().and_then(|login| login.until).is_some_and(|until| until <= now) {
                    let why = "the time of its login is over";
                    return self.end(id, Fault::new(ReasonCode::MaximumConnectTime, why));
                }
                let Some(silence) = live.silence else { return };
                let why = format!(
                    "nothing heard for {} s, one and a half times its keep alive",
                    silence.as_secs_f32()
                );
                self.end(id, Fault::new(ReasonCode::KeepAliveTimeout, why)); // [MQTT-3.1.2-22]
            }
        }
    }

    pub(super) fn malformed(&mut self, id: ConnectionId, version: Option<Version>, error: DecodeError) {
        let Some(connection) = self.connection(id) else { return };
        let fault = Fault::new(error.reason_code(), error.to_string());
        let fault = Fault { limit: limit_of(error), ..fault };
        if let State::LoggingIn(candidate) = &connection.state {
            let (version, limit) = (candidate.version, candidate.limit());
            return self.refuse(id, version, limit, fault);
        }
        if matches!(connection.state, State::AwaitConnect) {
            // A CONNACK may tell why once the Client has shown that it speaks MQTT [MQTT-3.1.4-1].
            let answer = match (version, error) {
                // Bridges set the highest bit, and come again without it when they are told so in their own version.
                (None, DecodeError::UnsupportedVersion(level)) if level & 0x7f >= 5 => Some(Version::V5),
                (None, DecodeError::UnsupportedVersion(_)) => Some(Version::V3_1_1), // [MQTT-3.1.2-2]
                (Some(Version::V5), _) => Some(Version::V5),
                _ => None,
            };
            if let Some(version) = answer {
                return self.refuse(id, version, u32::MAX, fault);
            }
        }
        self.end(id, fault);
    }

    pub(super) fn violation(&mut self, id: ConnectionId, why: Cow<'static, str>) {
        self.finish(id, Ended::ByServer(ReasonCode::ProtocolError, why), true);
    }

    /// Answers CONNECT with a reason other than success, in at most `limit` bytes, and closes [MQTT-3.2.2-7].
    pub(super) fn refuse(&mut self, id: ConnectionId, version: Version, limit: u32, fault: Fault) {
        self.count_limit(&fault);
        let mut connack = Connack::new(fault.reason);
        connack.properties.reason_string = Some(&fault.why);
        let redirect = self.config.redirect.clone().filter(|_| is_elsewhere(fault.reason));
        connack.properties.server_reference = redirect.as_ref().map(|redirect| &*redirect.to); // 4.11
        // Where 3.x has no return code that fits, the connection closes without one [MQTT3-3.2.2-6].
        let has_code = version.is_5()
            || !matches!(fault.reason, ReasonCode::QosNotSupported | ReasonCode::RetainNotSupported);
        if has_code {
            self.send_within(id, version, limit as usize, &Packet::Connack(Box::new(connack)));
        }
        self.finish(id, Ended::ByServer(fault.reason, fault.why), true);
    }

    /// Ends a connection for a fault [MQTT-4.13.1-1], [MQTT-4.13.2-1]: a 5.0 Client is told the reason, but only once it
    /// was let in [MQTT-3.14.0-1]; any other sees it close.
    pub(super) fn end(&mut self, id: ConnectionId, fault: Fault) {
        let Some(connection) = self.connection(id) else { return };
        if let Some(live) = connection.live() {
            if live.version.is_5() {
                let mut packet = Disconnect::new(disconnect_reason(fault.reason)); // no session expiry [MQTT-3.14.2-2]
                packet.reason_string = Some(&fault.why);
                self.send(id, &Packet::Disconnect(packet));
            }
        } else if matches!(connection.state, State::Closing) {
            return;
        }
        self.count_limit(&fault);
        self.finish(id, Ended::ByServer(fault.reason, fault.why), true);
    }

    const fn count_limit(&mut self, fault: &Fault) {
        if let Some(limit) = fault.limit {
            self.counters.reached.count(limit);
        }
    }

    /// Ends a connection from our side [MQTT-3.14.4-2]; what was sent before still goes out, nothing after it
    /// [MQTT-3.14.4-1].
    pub(super) fn finish(&mut self, id: ConnectionId, ended: Ended, with_will: bool) {
        let Some(connection) = self.connection(id) else { return };
        let state = std::mem::replace(&mut connection.state, State::Closing);
        if matches!(state, State::Closing) {
            return;
        }
        self.set_connection_timer(id, None);
        self.out.close(id);
        self.counters.connections_faulty += u64::from(matches!(ended, Ended::ByServer(..)));
        self.leave(id, state, ended, with_will);
    }

    pub(super) fn closed(&mut self, id: ConnectionId) {
        self.set_connection_timer(id, None);
        let Some(connection) = self.connection(id) else { return };
        let state = std::mem::replace(&mut connection.state, State::Closing);
        self.leave(id, state, Ended::Lost, true);
        if let Some(slot) = self.connections.get_mut(id.0 as usize) {
            *slot = None;
        }
    }

    /// What is left behind when a connection ends: a line in the log, the will, and the Session.
    fn leave(&mut self, id: ConnectionId, state: State, ended: Ended, with_will: bool) {
        let Some(peer) = self.connection(id).map(|connection| Arc::clone(&connection.peer.name)) else {
            return;
        };
        match state {
            State::Closing => {}
            State::AwaitConnect => {
                self.count_turned_away(id);
                self.out.notice(Notice::Ended { client_id: None, peer, ended });
            }
            State::LoggingIn(candidate) => {
                self.count_turned_away(id);
                self.out.notice(Notice::Ended { client_id: Some(candidate.client_id), peer, ended });
            }
            State::Refused(named) => {
                self.count_turned_away(id);
                self.out.notice(Notice::TurnedAway { named, peer, ended });
            }
            State::Connected(live) => {
                self.connected = self.connected.saturating_sub(1);
                self.count_gone(id);
                let client_id = self.session(live.session).map(|session| Arc::clone(&session.client_id));
                self.out.notice(Notice::Ended { client_id, peer, ended });
                let will = live.will.filter(|_| with_will);
                self.detach(live.session, will);
            }
        }
    }
}

/// The limit that makes bytes no packet.
const fn limit_of(error: DecodeError) -> Option<Limit> {
    match error {
        DecodeError::TooLarge { .. } => Some(Limit::PacketBytes),
        DecodeError::TopicName(TopicError::TooDeep) | DecodeError::TopicFilter(TopicError::TooDeep) => {
            Some(Limit::TopicLevels)
        }
        _ => None,
    }
}

/// Whether the reason sends the Client to another Server.
const fn is_elsewhere(reason: ReasonCode) -> bool {
    matches!(reason, ReasonCode::UseAnotherServer | ReasonCode::ServerMoved)
}

/// DISCONNECT has no word for some of what CONNACK or an acknowledgement can say.
const fn disconnect_reason(reason: ReasonCode) -> ReasonCode {
    match reason {
        ReasonCode::PacketIdentifierNotFound | ReasonCode::PacketIdentifierInUse => ReasonCode::ProtocolError,
        other => other,
    }
}
