//! What is counted, so that nothing is lost silently.

/// Counts since the start, but for the first four, which are how many there are now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Network Connections with a Client now.
    pub connections: u64,
    /// Sessions now, connected or not.
    pub sessions: u64,
    /// Subscriptions now.
    pub subscriptions: u64,
    /// Retained messages now.
    pub retained: u64,
    /// Packets taken from Clients.
    pub packets_received: u64,
    /// PUBLISH packets taken from Clients.
    pub messages_received: u64,
    /// PUBLISH packets handed to connections.
    pub messages_sent: u64,
    /// QoS 0 messages dropped because the reader was slow.
    pub dropped_slow_reader: u64,
    /// QoS 1 and 2 messages dropped because the Session's queue was full.
    pub dropped_queue_full: u64,
    /// Messages dropped because the Client takes no packet that large.
    pub dropped_too_large: u64,
    /// Messages dropped because their time was over before they could be sent.
    pub dropped_expired: u64,
    /// Publications refused.
    pub publications_refused: u64,
    /// Connections refused or ended by us for a fault of the other side.
    pub connections_faulty: u64,
}
