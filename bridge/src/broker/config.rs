//! What the operator may set. Values only; where they come from is the server's business.

use std::sync::Arc;

use mqtt::{MAX_LEVELS, Qos, Version};

use super::{Anonymous, Rules, Users};

/// Limits and abilities of a broker. The defaults suit a house; each is a key under `[limits]`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether what must outlive the process is handed out, by [`super::Output::Store`].
    pub keeps_state: bool,
    /// Who may come without proving who it is.
    pub anonymous: Anonymous,
    /// Who can prove who it is.
    pub users: Arc<Users>,
    /// Who may do what.
    pub rules: Arc<Rules>,
    /// Logins of one address that may fail in a minute. With none it is [`Config::LOGIN_FAILURES`] and those of this machine
    /// are not counted; a number that is set counts them too.
    pub max_login_failures_per_minute: Option<u32>,
    /// Versions that are spoken.
    pub versions: Vec<Version>,
    /// Milliseconds a new connection has for its CONNECT.
    pub connect_timeout_ms: u64,
    /// Network Connections at once.
    pub max_connections: u32,
    /// Clients of one address at once. With none it is [`Config::CONNECTIONS_PER_ADDRESS`] and those of this machine are not
    /// counted; a number that is set counts them too. As many again, and 100 at least, may be waiting to be let in.
    pub max_connections_per_address: Option<u32>,
    /// Messages a Client may send in a second, and as many more as it saves in two seconds: PUBLISH, PINGREQ,
    /// and each filter of SUBSCRIBE and UNSUBSCRIBE. With none it is [`Config::MESSAGES_PER_S`] and those of this machine are not bound; a number that is set binds
    /// them too, and 0 nobody.
    pub max_messages_per_s: Option<u32>,
    /// Bytes of their topics and payloads in a second. With none it is [`Config::BYTES_PER_S`], and all else is the same.
    pub max_bytes_per_s: Option<u32>,
    /// Another Server that every Client is sent to instead of being let in.
    pub redirect: Option<Redirect>,
    /// What a Client that asks for it is told as the basis of its Response Topics; `%c` is its Client Identifier. Empty
    /// tells nothing.
    pub response_information: String,
    /// QoS 1 and 2 messages taken from a Client at once; told in CONNACK.
    pub receive_maximum: u16,
    /// What happens to a 5.0 Client that sends more than that at once.
    pub receive_maximum_excess: Excess,
    /// QoS 1 and 2 messages sent to a Client at once, or fewer if it asks for that.
    pub max_inflight: u16,
    /// Bytes of the largest packet taken; told in CONNACK.
    pub max_packet_bytes: u32,
    /// Bytes of a Topic Name or Topic Filter; the standard has room for 65 535.
    pub max_topic_bytes: usize,
    /// Levels of one; no more than [`mqtt::MAX_LEVELS`] are ever taken.
    pub max_topic_levels: usize,
    /// Topic aliases taken from a Client; told in CONNACK.
    pub topic_alias_maximum: u16,
    /// Seconds; a 5.0 Client that asks for more, or for none, is told this one. 0 for no bound.
    pub max_keep_alive_s: u16,
    /// Seconds a Session may outlive its connection.
    pub max_session_expiry_s: u32,
    /// The highest QoS taken.
    pub max_qos: Qos,
    /// Whether messages may be retained.
    pub retain_available: bool,
    /// Whether a payload that is said to be UTF-8 is refused when it is not.
    pub check_payload_format: bool,
    /// Whether `+` and `#` may be subscribed to.
    pub wildcard_subscriptions: bool,
    /// Whether `$share/NAME/FILTER` may be subscribed to; told in CONNACK.
    pub shared_subscriptions: bool,
    /// What a Client gets of a message that several of its subscriptions match.
    pub overlapping: Overlapping,
    /// Whether a Client may come without an identifier.
    pub allow_empty_client_id: bool,
    /// Messages a Session may have waiting.
    pub max_queued_messages: usize,
    /// Bytes a Session may have waiting.
    pub max_queued_bytes: usize,
    /// Bytes a connection may have waiting for its socket, before QoS 0 is dropped and the rest waits in the Session.
    pub max_output_bytes: usize,
    /// Subscriptions of one Session, of which 10 000 may be shared.
    pub max_subscriptions: usize,
    /// Retained messages of all topics.
    pub max_retained_messages: usize,
    /// Bytes of all retained messages.
    pub max_retained_bytes: usize,
    /// Topics whose last message is kept for who asks by `GET /api/last`, on each shard; 0 keeps none, and costs nothing.
    pub max_last_values: usize,
    /// None are kept, and cost anything, before somebody asks for the first time.
    pub last_values_wait: bool,
    /// Bytes of all these messages.
    pub max_last_value_bytes: usize,
    /// Bytes of what these topics said before, for charts; 0 keeps nothing of it.
    pub max_past_bytes: usize,
    /// Seconds between two looks at what is told in `$SYS`; 0 tells nothing.
    pub sys_interval_s: u32,
}

/// Another Server (4.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Where it is: `host:port`.
    pub to: String,
    /// Whether the Client is to go there from now on, or only this time.
    pub permanently: bool,
}

/// What to do with QoS 2 messages over the receive maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// The connection ends with 0x93 [MQTT-3.3.4-7].
    Refuse,
    /// They are taken, for fleets of Clients that do not count. Packet Identifiers are the bound: 65 535 of a Session.
    Tolerate,
}

impl Config {
    /// The same limits with another's access, and what it keeps: those are not changed together.
    #[must_use]
    pub(super) fn with_access_of(self, other: &Self) -> Self {
        Self {
            keeps_state: other.keeps_state,
            anonymous: other.anonymous,
            users: Arc::clone(&other.users),
            rules: Arc::clone(&other.rules),
            ..self
        }
    }

    /// Clients of one address at once, when nothing else is set.
    pub const CONNECTIONS_PER_ADDRESS: u32 = 100;
    /// Messages a Client may send in a second, when nothing else is set.
    pub const MESSAGES_PER_S: u32 = 1000;
    /// Bytes a Client may send in a second, when nothing else is set.
    pub const BYTES_PER_S: u32 = 10_000_000;
    /// Logins of one address that may fail in a minute, when nothing else is set.
    pub const LOGIN_FAILURES: u32 = 10;

    /// Whether there is anything to ask before something is done: rules, or tokens that may have limits of their own.
    pub(super) fn asks_rights(&self) -> bool {
        !self.rules.is_empty() || self.users.take_tokens()
    }
}

/// What a Client gets of a message that several of its subscriptions match [MQTT-3.3.4-2]. A Shared Subscription always
/// brings a copy of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlapping {
    /// One copy at the highest QoS of them, with all their identifiers.
    #[default]
    One,
    /// A copy for each, with its QoS, its options and its identifier.
    Each,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keeps_state: false,
            anonymous: Anonymous::FromLoopback,
            users: Arc::default(),
            rules: Arc::default(),
            max_login_failures_per_minute: None,
            versions: vec![Version::V3_1, Version::V3_1_1, Version::V5],
            connect_timeout_ms: 10_000,
            max_connections: 1_000_000,
            max_connections_per_address: None,
            max_messages_per_s: None,
            max_bytes_per_s: None,
            redirect: None,
            response_information: "reply/%c".into(),
            receive_maximum: 256,
            receive_maximum_excess: Excess::Refuse,
            max_inflight: 256,
            max_packet_bytes: 1 << 20,
            max_topic_bytes: 65_535,
            max_topic_levels: MAX_LEVELS,
            topic_alias_maximum: 32,
            max_keep_alive_s: 0,
            max_session_expiry_s: 7 * 24 * 3600,
            max_qos: Qos::ExactlyOnce,
            retain_available: true,
            check_payload_format: false,
            wildcard_subscriptions: true,
            shared_subscriptions: true,
            overlapping: Overlapping::One,
            allow_empty_client_id: true,
            max_queued_messages: 10_000,
            max_queued_bytes: 16 << 20,
            max_output_bytes: 1 << 20,
            max_subscriptions: 100_000,
            max_retained_messages: 1_000_000,
            max_retained_bytes: 1 << 30,
            max_last_values: 0,
            last_values_wait: false,
            max_last_value_bytes: 16 << 20,
            max_past_bytes: 16 << 20,
            sys_interval_s: 10,
        }
    }
}
