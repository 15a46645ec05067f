//! What the operator may set. Values only; where they come from is the server's business.

use mqtt::{Qos, Version};

use super::Anonymous;

/// Limits and abilities of a broker. The defaults suit a house; each is a key under `[limits]`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may come without proving who it is.
    pub anonymous: Anonymous,
    /// Versions that are spoken.
    pub versions: Vec<Version>,
    /// Milliseconds a new connection has for its CONNECT.
    pub connect_timeout_ms: u64,
    /// Network Connections at once.
    pub max_connections: u32,
    /// QoS 1 and 2 messages taken from a Client at once; told in CONNACK.
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages sent to a Client at once, or fewer if it asks for that.
    pub max_inflight: u16,
    /// Bytes of the largest packet taken; told in CONNACK.
    pub max_packet_bytes: u32,
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
    /// Whether `+` and `#` may be subscribed to.
    pub wildcard_subscriptions: bool,
    /// Whether a Client may come without an identifier.
    pub allow_empty_client_id: bool,
    /// Messages a Session may have waiting.
    pub max_queued_messages: usize,
    /// Bytes a Session may have waiting.
    pub max_queued_bytes: usize,
    /// Bytes a connection may have waiting for its socket, before QoS 0 is dropped and the rest waits in the Session.
    pub max_output_bytes: usize,
    /// Subscriptions of one Session.
    pub max_subscriptions: usize,
    /// Retained messages of all topics.
    pub max_retained_messages: usize,
    /// Bytes of all retained messages.
    pub max_retained_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            anonymous: Anonymous::FromLoopback,
            versions: vec![Version::V3_1, Version::V3_1_1, Version::V5],
            connect_timeout_ms: 10_000,
            max_connections: 1_000_000,
            receive_maximum: 256,
            max_inflight: 256,
            max_packet_bytes: 1 << 20,
            topic_alias_maximum: 32,
            max_keep_alive_s: 0,
            max_session_expiry_s: 7 * 24 * 3600,
            max_qos: Qos::ExactlyOnce,
            retain_available: true,
            wildcard_subscriptions: true,
            allow_empty_client_id: true,
            max_queued_messages: 10_000,
            max_queued_bytes: 16 << 20,
            max_output_bytes: 1 << 20,
            max_subscriptions: 100_000,
            max_retained_messages: 1_000_000,
            max_retained_bytes: 1 << 30,
        }
    }
}
