//! The limits by the names that operators know them by, and how often each was reached: nothing is refused or dropped silently.

/// A limit of [`super::Config`] that somebody may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described at its field of broker::Config")]
pub enum Limit {
    Versions,
    ConnectTimeout,
    Connections,
    ConnectionsPerAddress,
    LoginFailures,
    MessagesPerSecond,
    BytesPerSecond,
    ReceiveMaximum,
    PacketBytes,
    TopicBytes,
    TopicLevels,
    TopicAlias,
    KeepAlive,
    SessionExpiry,
    Qos,
    Retain,
    PayloadFormat,
    WildcardSubscriptions,
    SharedSubscriptions,
    EmptyClientId,
    QueuedMessages,
    QueuedBytes,
    OutputBytes,
    Subscriptions,
    RetainedMessages,
    RetainedBytes,
    LastValues,
    LastValueBytes,
    PastBytes,
}

impl Limit {
    /// Each of them with its key under `[limits]`.
    pub const ALL: [(Self, &'static str); 29] = [
        (Self::Versions, "versions"),
        (Self::ConnectTimeout, "connect_timeout_s"),
        (Self::Connections, "max_connections"),
        (Self::ConnectionsPerAddress, "max_connections_per_address"),
        (Self::LoginFailures, "max_login_failures_per_minute"),
        (Self::MessagesPerSecond, "max_messages_per_s"),
        (Self::BytesPerSecond, "max_bytes_per_s"),
        (Self::ReceiveMaximum, "receive_maximum"),
        (Self::PacketBytes, "max_packet_bytes"),
        (Self::TopicBytes, "max_topic_bytes"),
        (Self::TopicLevels, "max_topic_levels"),
        (Self::TopicAlias, "topic_alias_maximum"),
        (Self::KeepAlive, "max_keep_alive_s"),
        (Self::SessionExpiry, "max_session_expiry_s"),
        (Self::Qos, "max_qos"),
        (Self::Retain, "retain_available"),
        (Self::PayloadFormat, "check_payload_format"),
        (Self::WildcardSubscriptions, "wildcard_subscriptions"),
        (Self::SharedSubscriptions, "shared_subscriptions"),
        (Self::EmptyClientId, "allow_empty_client_id"),
        (Self::QueuedMessages, "max_queued_messages"),
        (Self::QueuedBytes, "max_queued_bytes"),
        (Self::OutputBytes, "max_output_bytes"),
        (Self::Subscriptions, "max_subscriptions"),
        (Self::RetainedMessages, "max_retained_messages"),
        (Self::RetainedBytes, "max_retained_bytes"),
        (Self::LastValues, "max_last_values"),
        (Self::LastValueBytes, "max_last_value_bytes"),
        (Self::PastBytes, "max_past_bytes"),
    ];
}

/// How often each limit was reached since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached([u64; Limit::ALL.len()]);

impl Reached {
    /// Once more.
    pub const fn count(&mut self, limit: Limit) {
        self.add(limit, 1);
    }

    /// So many times more.
    pub const fn add(&mut self, limit: Limit, times: u64) {
        self.0[limit as usize] += times;
    }

    /// How often.
    #[must_use]
    pub const fn of(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// Those of two places together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine += theirs);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_in_its_place() {
        for (at, (limit, _)) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, at);
        }
    }
}
