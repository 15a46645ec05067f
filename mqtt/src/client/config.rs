//! What a Client is told before it starts. It knows no address: the driver opens the transport.

use std::time::Duration;

use crate::{SessionExpiry, Version, Will};

/// How a [`Client`](super::Client) connects and what it keeps.
#[derive(Clone, Debug)]
pub struct Config {
    /// The version to begin with.
    pub version: Version,
    /// When a Server refuses 5.0 as unsupported, try 3.1.1 at once, and stay with it.
    pub fall_back: bool,
    /// Empty asks the Server of a 5.0 connection for one; in 3.x one is made from the seed. Either is kept for
    /// reconnects.
    pub client_id: String,
    /// Begin with an empty Session (3.1.2.4). Only the first connection of this machine does: a reconnect resumes.
    pub clean_start: bool,
    /// Seconds after which the Server may take a silent Client for dead (3.1.2.10); 0 turns that off. A PINGREQ is
    /// sent at three quarters of it.
    pub keep_alive_s: u16,
    /// Who connects.
    pub user_name: Option<String>,
    /// How it proves that.
    pub password: Option<Password>,
    /// Published by the Server when the connection ends without a DISCONNECT.
    pub will: Option<Will>,
    /// How long the Server keeps the Session after the connection (3.1.2.11.2). 3.x knows only "at once" and "never".
    pub session_expiry: SessionExpiry,
    /// QoS 1 and 2 messages the Server may have on the way to us, from 1.
    pub receive_maximum: u16,
    /// Bytes the largest packet may have that is taken.
    pub max_packet_bytes: u32,
    /// Topic aliases the Server may use.
    pub topic_alias_maximum: u16,
    /// Topic aliases that this Client gives out, where the Server takes as many; 0 for none. A topic gets one when it is
    /// published again soon; the one unused for longest makes room. A message that is sent again carries its topic.
    pub topic_aliases: u16,
    /// Ask the Server for Response Information (3.1.2.11.6): [`Connected::response_information`](super::Connected).
    pub request_response_information: bool,
    /// Let the Server put reason strings and user properties into any packet (3.1.2.11.7). Else only into PUBLISH, CONNACK
    /// and DISCONNECT.
    pub request_problem_information: bool,
    /// User properties of CONNECT.
    pub user_properties: Vec<(String, String)>,
    /// From opening the transport to CONNACK.
    pub connect_timeout: Duration,
    /// From PINGREQ to the end of the connection if nothing is heard.
    pub ping_timeout: Duration,
    /// The same after [`Input::Wake`](super::Input::Wake): a phone must notice a dead connection at once.
    pub probe_timeout: Duration,
    /// How reconnects spread.
    pub backoff: Backoff,
    /// Messages that may wait to be sent.
    pub max_queued_messages: usize,
    /// Bytes (topic, payload and properties) that may wait to be sent.
    pub max_queued_bytes: usize,
    /// Where the randomness of the backoff and of made-up client identifiers comes from: different for each Client.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: Version::V5,
            fall_back: true,
            client_id: String::new(),
            clean_start: true,
            keep_alive_s: 30,
            user_name: None,
            password: None,
            will: None,
            session_expiry: SessionExpiry::AtDisconnect,
            receive_maximum: 256,
            max_packet_bytes: 1 << 20,
            topic_alias_maximum: 32,
            topic_aliases: 32,
            request_response_information: false,
            request_problem_information: true,
            user_properties: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            ping_timeout: Duration::from_secs(10),
            probe_timeout: Duration::from_millis(1_200),
            backoff: Backoff::default(),
            max_queued_messages: 1_000,
            max_queued_bytes: 4 << 20,
            seed: 0,
        }
    }
}

/// Full jitter: the n-th attempt waits a random time between zero and `first · 2ⁿ`, which stops growing at `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the first attempt.
    pub first: Duration,
    /// The longest wait before any.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(30) }
    }
}

/// A password: any bytes, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<[u8]>);

impl Password {
    /// The bytes as they go into CONNECT.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Vec<u8>>> From<T> for Password {
    fn from(bytes: T) -> Self {
        Self(bytes.into().into_boxed_slice())
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}
