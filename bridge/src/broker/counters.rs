//! What is counted, so that nothing is lost silently. Nothing is worked out here: `sys` and the server tell it on.

use super::limit::Reached;

/// Counts since the start, but for the first group, which are how many there are now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Network Connections with a Client now.
    pub connections: u64,
    /// Sessions now, connected or not.
    pub sessions: u64,
    /// Subscriptions now.
    pub subscriptions: u64,
    /// Those of them that are part of a Shared Subscription.
    pub shared_subscriptions: u64,
    /// Retained messages now.
    pub retained: u64,
    /// Bytes of the retained messages now.
    pub retained_bytes: u64,

    /// The most Clients that were connected at once.
    pub connections_maximum: u64,
    /// Network Connections that were opened.
    pub connections_opened: u64,
    /// Clients that were let in.
    pub clients_connected: u64,
    /// Sessions that ended because their time was over.
    pub sessions_expired: u64,
    /// Logins that failed.
    pub authentications_failed: u64,
    /// Connections refused or ended by us for a fault of the other side.
    pub connections_faulty: u64,

    /// TLS handshakes that were completed.
    pub tls_handshakes: u64,
    /// Those of them that went on from an earlier one.
    pub tls_resumptions: u64,
    /// TLS handshakes that failed.
    pub tls_failures: u64,

    /// Packets taken.
    pub packets_received: u64,
    /// Packets handed to connections.
    pub packets_sent: u64,
    /// Bytes of packets taken; what carries them (WebSocket frames) is not counted.
    pub bytes_received: u64,
    /// Bytes of packets handed to connections.
    pub bytes_sent: u64,

    /// PUBLISH packets taken from Clients.
    pub messages_received: u64,
    /// PUBLISH packets handed to connections.
    pub messages_sent: u64,
    /// Bytes of the payloads taken.
    pub payload_bytes_received: u64,
    /// Bytes of the payloads handed to connections.
    pub payload_bytes_sent: u64,

    /// QoS 0 messages dropped because the reader was slow.
    pub dropped_slow_reader: u64,
    /// QoS 1 and 2 messages dropped because the Session's queue was full.
    pub dropped_queue_full: u64,
    /// Messages dropped because the Client takes no packet that large.
    pub dropped_too_large: u64,
    /// Messages dropped because their time was over before they could be sent.
    pub dropped_expired: u64,
    /// Messages dropped because what was kept of them cannot be read.
    pub dropped_unreadable: u64,
    /// Messages dropped because there was no room to keep them. Who sent them was told.
    pub dropped_unstored: u64,
    /// Messages dropped because their reader lost the right to them while they waited.
    pub dropped_denied: u64,
    /// Publications refused.
    pub publications_refused: u64,
    /// How often each limit was reached.
    pub reached: Reached,
}

/// How a TLS handshake went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Both sides proved what they had to.
    Full,
    /// It went on from an earlier one.
    Resumed,
    /// There is no connection.
    Failed,
}

impl Handshake {
    /// One that was completed.
    #[must_use]
    pub const fn complete(is_resumed: bool) -> Self {
        if is_resumed { Self::Resumed } else { Self::Full }
    }
}

impl Counters {
    pub(super) const fn count_handshake(&mut self, handshake: Handshake) {
        match handshake {
            Handshake::Full => self.tls_handshakes += 1,
            Handshake::Resumed => {
                self.tls_handshakes += 1;
                self.tls_resumptions += 1;
            }
            Handshake::Failed => self.tls_failures += 1,
        }
    }

    /// Those of several shards together. Each has all that is retained, and the door alone has counted the most Clients at once.
    #[must_use]
    pub fn of_all<'a>(each: impl IntoIterator<Item = &'a Self>) -> Self {
        each.into_iter().fold(Self::default(), |all, one| Self {
            connections: all.connections + one.connections,
            sessions: all.sessions + one.sessions,
            subscriptions: all.subscriptions + one.subscriptions,
            shared_subscriptions: all.shared_subscriptions + one.shared_subscriptions,
            retained: all.retained.max(one.retained),
            retained_bytes: all.retained_bytes.max(one.retained_bytes),
            connections_maximum: all.connections_maximum + one.connections_maximum,
            connections_opened: all.connections_opened + one.connections_opened,
            clients_connected: all.clients_connected + one.clients_connected,
            sessions_expired: all.sessions_expired + one.sessions_expired,
            authentications_failed: all.authentications_failed + one.authentications_failed,
            connections_faulty: all.connections_faulty + one.connections_faulty,
            tls_handshakes: all.tls_handshakes + one.tls_handshakes,
            tls_resumptions: all.tls_resumptions + one.tls_resumptions,
            tls_failures: all.tls_failures + one.tls_failures,
            packets_received: all.packets_received + one.packets_received,
            packets_sent: all.packets_sent + one.packets_sent,
            bytes_received: all.bytes_received + one.bytes_received,
            bytes_sent: all.bytes_sent + one.bytes_sent,
            messages_received: all.messages_received + one.messages_received,
            messages_sent: all.messages_sent + one.messages_sent,
            payload_bytes_received: all.payload_bytes_received + one.payload_bytes_received,
            payload_bytes_sent: all.payload_bytes_sent + one.payload_bytes_sent,
            dropped_slow_reader: all.dropped_slow_reader + one.dropped_slow_reader,
            dropped_queue_full: all.dropped_queue_full + one.dropped_queue_full,
            dropped_too_large: all.dropped_too_large + one.dropped_too_large,
            dropped_expired: all.dropped_expired + one.dropped_expired,
            dropped_unreadable: all.dropped_unreadable + one.dropped_unreadable,
            dropped_unstored: all.dropped_unstored + one.dropped_unstored,
            dropped_denied: all.dropped_denied + one.dropped_denied,
            publications_refused: all.publications_refused + one.publications_refused,
            reached: all.reached.and(&one.reached),
        })
    }

    /// Messages that somebody did not get who should have.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped_slow_reader
            + self.dropped_queue_full
            + self.dropped_too_large
            + self.dropped_expired
            + self.dropped_unreadable
            + self.dropped_unstored
            + self.dropped_denied
    }
}
