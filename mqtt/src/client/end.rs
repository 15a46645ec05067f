//! How a connection ends and whether another is made.

use thiserror::Error;

use super::state::State;
use super::{Client, Ended, Event, Outcome, Output, borrowed};
use crate::codec::EncodeError;
use crate::packet::{Disconnect, Packet};
use crate::{Instant, ReasonCode, SessionExpiry};

/// What a Client says when it ends the connection (3.14). 3.x knows only the normal end, and of that nothing but itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goodbye {
    /// Success, or why; with [`ReasonCode::DisconnectWithWill`] the Server publishes the will.
    pub reason: ReasonCode,
    /// How long the Server is to keep the Session after all; none for what CONNECT said.
    pub session_expiry: Option<SessionExpiry>,
    /// The reason in words, for a person.
    pub reason_string: Option<String>,
    /// Name and value, in order.
    pub user_properties: Vec<(String, String)>,
}

impl Goodbye {
    /// A reason and nothing else.
    #[must_use]
    pub const fn of(reason: ReasonCode) -> Self {
        Self { reason, session_expiry: None, reason_string: None, user_properties: Vec::new() }
    }
}

/// Why a [`Goodbye`] is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StopError {
    /// Only Servers may say it, or not in DISCONNECT (3.14.2.1).
    #[error("a client may not disconnect with the reason: {0}")]
    Reason(ReasonCode),
    /// CONNECT said that the Session ends with the connection (3.14.2.2.2).
    #[error("a session that ends with the connection cannot be made to last by disconnecting")]
    SessionExpiry,
    /// Longer than a packet can say or than the Server takes [MQTT-3.2.2-15].
    #[error("the words are too long")]
    TooLong,
    /// [MQTT-1.5.4-2]
    #[error("the words contain the character U+0000 [MQTT-1.5.4-2]")]
    NullCharacter,
}

/// What comes after an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    Backoff,
    AtOnce,
}

impl Client {
    /// Ends the connection and makes no other. With [`ReasonCode::DisconnectWithWill`] the Server publishes the will; a
    /// reason that only a Server may give is said as [`ReasonCode::UnspecifiedError`]. Queue, Session and subscriptions stay
    /// for another [`start`](Self::start).
    pub fn stop(&mut self, now: Instant, reason: ReasonCode) {
        if let State::Connected(_) = self.state {
            self.say_disconnect(if may_say(reason) { reason } else { ReasonCode::UnspecifiedError });
        }
        if !matches!(self.state, State::Stopped) {
            self.end(now, Ended::Stopped);
        }
    }

    /// The same with more to say.
    ///
    /// # Errors
    /// See [`StopError`]. Nothing has ended.
    pub fn stop_with(&mut self, now: Instant, goodbye: &Goodbye) -> Result<(), StopError> {
        if !may_say(goodbye.reason) {
            return Err(StopError::Reason(goodbye.reason)); // [MQTT-3.14.2-1]
        }
        let lasts = goodbye.session_expiry.is_some_and(|expiry| expiry != SessionExpiry::AtDisconnect);
        if lasts && self.config.session_expiry == SessionExpiry::AtDisconnect {
            return Err(StopError::SessionExpiry); // 3.14.2.2.2
        }
        if !self.is_connected() || !self.version.is_5() {
            self.stop(now, goodbye.reason);
            return Ok(());
        }
        let mut last = Vec::new();
        let packet = Packet::Disconnect(Disconnect {
            reason: goodbye.reason,
            session_expiry: goodbye.session_expiry,
            reason_string: goodbye.reason_string.as_deref(),
            server_reference: None,
            user_properties: borrowed(&goodbye.user_properties),
        });
        packet.encode(self.version, &mut last).map_err(|e| match e {
            EncodeError::TooLong => StopError::TooLong,
            EncodeError::NullCharacter => StopError::NullCharacter,
        })?;
        let limit = self.state.connection().and_then(|connection| connection.granted.max_packet_bytes);
        if limit.is_some_and(|limit| last.len() > limit as usize) {
            return Err(StopError::TooLong); // [MQTT-3.2.2-15]
        }
        self.say_no_more();
        self.out.extend_from_slice(&last);
        self.end(now, Ended::Stopped);
        Ok(())
    }

    /// Ends the connection, or the attempt to make one.
    pub(super) fn end(&mut self, now: Instant, why: Ended) {
        let next = if why.can_waiting_cure() { Next::Backoff } else { Next::Nothing };
        self.end_with(now, why, next);
    }

    pub(super) fn end_and_reopen(&mut self, now: Instant, why: Ended) {
        self.end_with(now, why, Next::AtOnce);
    }

    /// The transport has failed: the connection is over, the Session is not [MQTT3-4.8.0-2].
    pub(super) fn closed(&mut self, now: Instant, why: String) {
        if matches!(self.state, State::Opening { .. } | State::AwaitConnack { .. } | State::Connected(_)) {
            self.end(now, Ended::TransportClosed { why });
        }
    }

    /// Says why before closing; 3.x has no word for anything but success.
    pub(super) fn say_disconnect(&mut self, reason: ReasonCode) {
        self.say_no_more();
        if self.version.is_5() || reason == ReasonCode::Success {
            self.write(&Packet::Disconnect(Disconnect::new(reason)));
        }
    }

    fn end_with(&mut self, now: Instant, why: Ended, next: Next) {
        self.say_no_more();
        self.authentication.end_connection();
        match std::mem::replace(&mut self.state, State::Stopped) {
            State::Stopped | State::Waiting { .. } => {}
            State::Opening { .. } => self.close(&why),
            State::AwaitConnack { .. } => {
                self.close(&why);
                if !matches!(why, Ended::Refused(_)) {
                    self.subscriptions.unanswered_connect();
                }
            }
            State::Connected(connection) => {
                self.retry.lasted(now.since(connection.since));
                self.close(&why);
                self.sender.forget_requests();
                self.subscriptions.disconnected();
            }
        }
        for outgoing in self.queue.take_failing() {
            self.published(outgoing.id, Outcome::LinkLost);
        }
        let retry_at = match next {
            Next::Nothing => None,
            Next::Backoff => Some(now + self.retry.next()),
            Next::AtOnce => Some(now),
        };
        self.event(Event::Ended { why, retry_at });
        match (next, retry_at) {
            (Next::AtOnce, _) => self.open(now),
            (_, Some(until)) => self.state = State::Waiting { until },
            (_, None) => {}
        }
    }

    /// After DISCONNECT nothing more is sent [MQTT-3.14.4-1], [MQTT3-3.14.4-2] and the transport is closed [MQTT-3.14.4-2],
    /// [MQTT3-3.14.4-1], as after any refusal [MQTT-4.13.2-1]. Our own words are few enough for any Server [MQTT-3.14.2-3],
    /// [MQTT-3.14.2-4].
    fn close(&mut self, why: &Ended) {
        match why {
            Ended::TransportClosed { .. } => self.out.clear(),
            Ended::Disconnected(_) | Ended::TakenOver(_) => {
                self.out.clear(); // nothing may be sent after the Server's DISCONNECT
                self.outputs.push_back(Output::Close);
            }
            _ => self.outputs.push_back(Output::Close),
        }
    }
}

/// Table 3-10: what a Client may send.
fn may_say(reason: ReasonCode) -> bool {
    use ReasonCode as R;
    matches!(
        reason,
        R::Success
            | R::DisconnectWithWill
            | R::UnspecifiedError
            | R::MalformedPacket
            | R::ProtocolError
            | R::ImplementationSpecificError
            | R::TopicNameInvalid
            | R::ReceiveMaximumExceeded
            | R::TopicAliasInvalid
            | R::PacketTooLarge
            | R::MessageRateTooHigh
            | R::QuotaExceeded
            | R::AdministrativeAction
            | R::PayloadFormatInvalid
    )
}

impl Ended {
    /// Whether the same attempt may succeed later without anyone changing anything. If not, none is made.
    #[must_use]
    pub const fn can_waiting_cure(&self) -> bool {
        match self {
            Self::Stopped | Self::TakenOver(_) | Self::Unsendable | Self::Unauthentic(_) => false,
            Self::Refused(farewell) | Self::Disconnected(farewell) => can_waiting_cure(farewell.reason),
            Self::ConnectTimeout
            | Self::PingTimeout
            | Self::TransportClosed { .. }
            | Self::Malformed(_)
            | Self::Misbehaved(_) => true,
        }
    }
}

/// Not what says that this Client, its credentials, its will or this Server are the wrong ones.
const fn can_waiting_cure(reason: ReasonCode) -> bool {
    use ReasonCode as R;
    !matches!(
        reason,
        R::MalformedPacket
            | R::ProtocolError
            | R::UnsupportedProtocolVersion
            | R::ClientIdentifierNotValid
            | R::BadUserNameOrPassword
            | R::NotAuthorized
            | R::Banned
            | R::BadAuthenticationMethod
            | R::SessionTakenOver
            | R::TopicNameInvalid
            | R::TopicFilterInvalid
            | R::PacketTooLarge
            | R::PayloadFormatInvalid
            | R::RetainNotSupported
            | R::QosNotSupported
            | R::UseAnotherServer
            | R::ServerMoved
    )
}
