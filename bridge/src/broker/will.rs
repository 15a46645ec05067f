//! Sending a will (3.1.2.5). When that is, `session` knows.

use std::sync::Arc;
use std::time::Duration;

use mqtt::{ReasonCode, Will};

use super::stored::Stored;
use super::{Broker, SessionId};

impl Broker {
    /// Publishes a will, which need not be kept any more.
    pub(super) fn send_will(&mut self, from: SessionId, will: Arc<Will>) {
        self.keep_will(from, None);
        let message = Arc::unwrap_or_clone(will).message;
        let (topic, how) = (message.topic.borrowed(), (message.qos, message.retain));
        if let Err(reason) = self.may_publish_as(from, topic.text(), how) {
            return self.note_refusal(from, topic, reason); // its right is gone since CONNECT
        }
        let lives = message.properties.as_deref().and_then(|p| p.message_expiry_s);
        let expires = lives.map(|secs| self.now + Duration::from_secs(u64::from(secs)));
        let stored = Arc::new(Stored::new(message, expires));
        // [MQTT-3.1.2-15], else not [MQTT-3.1.2-14]
        let stamp = if stored.message.retain { self.retain(&stored) } else { None };
        if stored.message.retain && stamp.is_none() {
            // There is no room. Those who are there get it all the same: its publisher cannot try again.
            self.note_refusal(from, stored.message.topic.borrowed(), ReasonCode::QuotaExceeded);
        }
        self.route_stored(Some(from), &stored, stamp);
    }
}
