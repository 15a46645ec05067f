//! Why a connection is over, in types: who ended it, what was said, and how a Server broke the protocol. It knows not what
//! comes after (end.rs does).

use super::AuthenticationError;
use crate::codec::DecodeError;
use crate::words::errors;
use crate::{ReasonCode, Words};

/// Why there is no connection, by who ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// We: by [`Client::stop`](super::Client::stop).
    Stopped,
    /// The Server, by CONNACK.
    Refused(Farewell),
    /// The Server, by DISCONNECT.
    Disconnected(Farewell),
    /// Another Client with our identifier: the Server's DISCONNECT said so (5.0 only).
    TakenOver(Farewell),
    /// No CONNACK within the connect timeout.
    ConnectTimeout,
    /// Silence after PINGREQ.
    PingTimeout,
    /// The transport, in its own words.
    TransportClosed {
        /// The transport's words.
        why: String,
    },
    /// Our own configuration: a field of CONNECT is longer than a packet can say, or contains what no packet may.
    Unsendable,
    /// We: the [`Authenticator`](super::Authenticator) did not accept what the Server said.
    Unauthentic(AuthenticationError),
    /// The Server's bytes are no packets.
    Malformed(DecodeError),
    /// The Server's packets are not allowed where they came.
    Misbehaved(Misbehaviour),
}

impl Words for Ended {
    fn say(&self, out: &mut String) {
        out.push_str(match self {
            Self::Stopped => "stopped",
            Self::Refused(_) => "the server refused the connection: ",
            Self::Disconnected(_) => "the server ended the connection: ",
            Self::TakenOver(_) => "another client took this client identifier over",
            Self::ConnectTimeout => "the server did not answer in time",
            Self::PingTimeout => "the server fell silent",
            Self::TransportClosed { .. } => "the connection was closed: ",
            Self::Unsendable => "a part of the connect packet is too long or has characters it may not have",
            Self::Unauthentic(_) => "the authentication failed: ",
            Self::Malformed(_) => "the server sent malformed bytes: ",
            Self::Misbehaved(_) => "the server broke the protocol: ",
        });
        match self {
            Self::Refused(farewell) | Self::Disconnected(farewell) => farewell.say(out),
            Self::TransportClosed { why } | Self::Unauthentic(AuthenticationError(why)) => out.push_str(why),
            Self::Malformed(e) => e.say(out),
            Self::Misbehaved(e) => e.say(out),
            Self::Stopped
            | Self::TakenOver(_)
            | Self::ConnectTimeout
            | Self::PingTimeout
            | Self::Unsendable => {}
        }
    }
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

impl Words for Farewell {
    fn say(&self, out: &mut String) {
        self.reason.say(out);
        if let Some(words) = &self.reason_string {
            out.push_str(": ");
            out.push_str(words);
        }
    }
}

/// How a Server broke the order of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// [MQTT-3.2.0-1]
    NoConnack,
    /// [MQTT-3.2.0-2], and packets that only Clients send.
    Unexpected(&'static str),
    /// [MQTT-3.2.2-4]
    SessionAfterCleanStart,
    /// [MQTT-3.3.2-8], [MQTT-3.3.2-11]
    TopicAlias,
    /// 3.3.2.3.4
    UnknownTopicAlias,
    /// [MQTT-4.12.0-5], [MQTT-4.12.0-6]
    AuthenticationMethod,
    /// [MQTT-3.14.2-2]
    SessionExpiry,
    /// [MQTT-3.3.4-9]
    ReceiveMaximumExceeded,
    /// [MQTT-3.8.4-6], [MQTT-3.11.3-2]
    ReasonCount,
}

impl Words for Misbehaviour {
    fn say(&self, out: &mut String) {
        let last = match self {
            Self::NoConnack => "the first packet was not CONNACK [MQTT-3.2.0-1]",
            Self::Unexpected(name) => {
                out.push_str("a ");
                out.push_str(name);
                " was not allowed there"
            }
            Self::SessionAfterCleanStart => "session present after a clean start [MQTT-3.2.2-4]",
            Self::TopicAlias => "a topic alias was zero or larger than allowed [MQTT-3.3.2-8]",
            Self::UnknownTopicAlias => "a topic alias was not set before",
            Self::AuthenticationMethod => "the authentication method was not that of CONNECT [MQTT-4.12.0-5]",
            Self::SessionExpiry => "a server's DISCONNECT may not change the session expiry [MQTT-3.14.2-2]",
            Self::ReceiveMaximumExceeded => {
                "more QoS 2 messages at once than the receive maximum [MQTT-3.3.4-9]"
            }
            Self::ReasonCount => "an acknowledgement had not one reason for each topic filter [MQTT-3.8.4-6]",
        };
        out.push_str(last);
    }
}

errors!(Ended, Farewell, Misbehaviour);

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
