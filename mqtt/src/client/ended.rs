//! Why a connection is over, in types: who ended it, what was said, and how a Server broke the protocol. It knows not what
//! comes after (end.rs does).

use thiserror::Error;

use super::AuthenticationError;
use crate::ReasonCode;
use crate::codec::DecodeError;

/// Why there is no connection, by who ended it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Ended {
    /// We: by [`Client::stop`](super::Client::stop).
    #[error("stopped")]
    Stopped,
    /// The Server, by CONNACK.
    #[error("the server refused the connection: {}", .0)]
    Refused(Farewell),
    /// The Server, by DISCONNECT.
    #[error("the server ended the connection: {}", .0)]
    Disconnected(Farewell),
    /// Another Client with our identifier: the Server's DISCONNECT said so (5.0 only).
    #[error("another client took this client identifier over")]
    TakenOver(Farewell),
    /// No CONNACK within the connect timeout.
    #[error("the server did not answer in time")]
    ConnectTimeout,
    /// Silence after PINGREQ.
    #[error("the server fell silent")]
    PingTimeout,
    /// The transport, in its own words.
    #[error("the connection was closed: {why}")]
    TransportClosed {
        /// The transport's words.
        why: String,
    },
    /// Our own configuration: a field of CONNECT is longer than a packet can say, or contains what no packet may.
    #[error("a part of the connect packet is too long or has characters it may not have")]
    Unsendable,
    /// We: the [`Authenticator`](super::Authenticator) did not accept what the Server said.
    #[error("the authentication failed: {0}")]
    Unauthentic(AuthenticationError),
    /// The Server's bytes are no packets.
    #[error("the server sent malformed bytes: {0}")]
    Malformed(DecodeError),
    /// The Server's packets are not allowed where they came.
    #[error("the server broke the protocol: {0}")]
    Misbehaved(Misbehaviour),
}

/// A reason and the words that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// The Reason Code; that of 3.x is translated.
    pub reason: ReasonCode,
    /// The Server's words for a person.
    pub reason_string: Option<String>,
    /// Another Server to use.
    pub server_reference: Option<String>,
    /// Name and value, in order.
    pub user_properties: Vec<(String, String)>,
}

impl Farewell {
    /// A reason without words.
    #[must_use]
    pub const fn of(reason: ReasonCode) -> Self {
        Self { reason, reason_string: None, server_reference: None, user_properties: Vec::new() }
    }
}

impl std::fmt::Display for Farewell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.reason_string {
            Some(words) => write!(f, "{}: {words}", self.reason),
            None => self.reason.fmt(f),
        }
    }
}

/// How a Server broke the order of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Misbehaviour {
    /// [MQTT-3.2.0-1]
    #[error("the first packet was not CONNACK [MQTT-3.2.0-1]")]
    NoConnack,
    /// [MQTT-3.2.0-2], and packets that only Clients send.
    #[error("a {0} was not allowed there")]
    Unexpected(&'static str),
    /// [MQTT-3.2.2-4]
    #[error("session present after a clean start [MQTT-3.2.2-4]")]
    SessionAfterCleanStart,
    /// [MQTT-3.3.2-8], [MQTT-3.3.2-11]
    #[error("a topic alias was zero or larger than allowed [MQTT-3.3.2-8]")]
    TopicAlias,
    /// 3.3.2.3.4
    #[error("a topic alias was not set before")]
    UnknownTopicAlias,
    /// [MQTT-4.12.0-5], [MQTT-4.12.0-6]
    #[error("the authentication method was not that of CONNECT [MQTT-4.12.0-5]")]
    AuthenticationMethod,
    /// [MQTT-3.14.2-2]
    #[error("a server's DISCONNECT may not change the session expiry [MQTT-3.14.2-2]")]
    SessionExpiry,
    /// [MQTT-3.3.4-9]
    #[error("more QoS 2 messages at once than the receive maximum [MQTT-3.3.4-9]")]
    ReceiveMaximumExceeded,
    /// [MQTT-3.8.4-6], [MQTT-3.11.3-2]
    #[error("an acknowledgement had not one reason for each topic filter [MQTT-3.8.4-6]")]
    ReasonCount,
}

impl Misbehaviour {
    /// What our DISCONNECT tells the Server.
    #[must_use]
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::TopicAlias => ReasonCode::TopicAliasInvalid,
            Self::ReceiveMaximumExceeded => ReasonCode::ReceiveMaximumExceeded,
            Self::NoConnack
            | Self::Unexpected(_)
            | Self::SessionAfterCleanStart
            | Self::UnknownTopicAlias
            | Self::AuthenticationMethod
            | Self::SessionExpiry
            | Self::ReasonCount => ReasonCode::ProtocolError,
        }
    }
}
