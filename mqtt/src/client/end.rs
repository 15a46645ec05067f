//! How a connection ends and whether another is made.

use super::state::State;
use super::{Client, Ended, Event, Outcome, Output};
use crate::packet::{Disconnect, Packet};
use crate::{Instant, ReasonCode};

/// What comes after an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    Backoff,
    AtOnce,
}

impl Client {
    /// Ends the connection, or the attempt to make one.
    pub(super) fn end(&mut self, now: Instant, why: Ended) {
        let next = if why.can_waiting_cure() { Next::Backoff } else { Next::Nothing };
        self.end_with(now, why, next);
    }

    pub(super) fn end_and_reopen(&mut self, now: Instant, why: Ended) {
        self.end_with(now, why, Next::AtOnce);
    }

    pub(super) fn closed(&mut self, now: Instant, why: String) {
        if matches!(self.state, State::Opening { .. } | State::AwaitConnack { .. } | State::Connected(_)) {
            self.end(now, Ended::TransportClosed { why });
        }
    }

    /// Says why before closing; 3.x has no word for anything but success.
    pub(super) fn say_disconnect(&mut self, reason: ReasonCode) {
        if self.version.is_5() || reason == ReasonCode::Success {
            self.write(&Packet::Disconnect(Disconnect::new(reason)));
        }
    }

    fn end_with(&mut self, now: Instant, why: Ended, next: Next) {
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

impl Ended {
    /// Whether the same attempt may succeed later without anyone changing anything. If not, none is made.
    #[must_use]
    pub const fn can_waiting_cure(&self) -> bool {
        match self {
            Self::Stopped | Self::TakenOver(_) | Self::Unsendable => false,
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
