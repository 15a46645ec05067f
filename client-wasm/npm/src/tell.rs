//! What happens on a link, told to JavaScript: messages in one call a frame, the rest as it comes, all of it in order.

use super::host::Host;
use super::inbox::Inbox;
use client_wasm::connection::{Observer, now};
use mqtt::client::{Connected, Ended, Event, Outcome, Subject};
use mqtt::{SessionExpiry, Version};

/// Tells a host.
pub(crate) struct Tell {
    host: Host,
    inbox: Inbox,
}

impl Tell {
    pub(crate) fn new(host: Host) -> Self {
        Self { host, inbox: Inbox::new() }
    }

    fn published(&self, id: f64, outcome: Outcome) {
        let (outcome, reason, text) = match outcome {
            Outcome::Sent => (0, 0, None),
            Outcome::Acknowledged(reason) => (1, reason.byte(), None),
            Outcome::Refused { reason, reason_string } => (2, reason.byte(), reason_string),
            Outcome::Expired => (3, 0, None),
            Outcome::LinkLost => (4, 0, None),
            Outcome::SessionLost => (5, 0, None),
            Outcome::Impossible(e) => (6, 0, Some(e.to_string())),
            Outcome::Cancelled => (7, 0, None),
        };
        self.host.published(id, outcome, reason, text);
    }

    fn ended(&self, why: &Ended, retry_in: f64) {
        let (code, farewell) = match why {
            Ended::Stopped => ("stopped", None),
            Ended::Refused(farewell) => ("refused", Some(farewell)),
            Ended::Disconnected(farewell) => ("disconnected", Some(farewell)),
            Ended::TakenOver(farewell) => ("taken-over", Some(farewell)),
            Ended::ConnectTimeout => ("connect-timeout", None),
            Ended::PingTimeout => ("ping-timeout", None),
            Ended::TransportClosed { .. } => ("transport-closed", None),
            Ended::Unsendable => ("unsendable", None),
            Ended::Unauthentic(_) => ("unauthentic", None),
            Ended::Malformed(_) => ("malformed", None),
            Ended::Misbehaved(_) => ("protocol-error", None),
        };
        let reason = farewell.map_or(0, |farewell| farewell.reason.byte());
        let reference = farewell.and_then(|farewell| farewell.server_reference.clone());
        self.host.ended(code, reason, why.to_string(), reference, retry_in);
    }
}

impl Observer for Tell {
    fn event(&mut self, event: Event) {
        if let Event::Message(received) = &event {
            return self.inbox.push(received);
        }
        self.settled();
        match event {
            Event::Connected(connected) => self.host.connected(
                &numbers(&connected),
                &connected.client_id,
                connected.response_information,
                connected.reason_string,
                flat(connected.user_properties),
            ),
            Event::Ended { why, retry_at } => {
                let retry_in = retry_at.map_or(-1.0, |at| at.since(now()).as_secs_f64() * 1000.0);
                self.ended(&why, retry_in);
            }
            Event::Published { id, outcome } => self.published(id.number() as f64, outcome),
            Event::Subscribed { id, reasons } | Event::Unsubscribed { id, reasons } => {
                let reasons = reasons.iter().map(|reason| reason.byte()).collect();
                self.host.answered(id.number() as f64, reasons);
            }
            Event::Remark { about, reason_string, user_properties } => {
                let id = match about {
                    Subject::Publish(id) => id.number(),
                    Subject::Request(id) => id.number(),
                    Subject::Authentication => 0,
                };
                self.host.remark(id as f64, reason_string, flat(user_properties));
            }
            Event::SubscriptionLost { filter, reason } => self.host.lost(filter.as_str(), reason.byte()),
            // Of enhanced authentication, which nothing here begins; messages were taken above.
            _ => {}
        }
    }

    fn settled(&mut self) {
        if !self.inbox.is_empty() {
            self.host.messages(&self.inbox.index, &self.inbox.bytes);
            self.inbox.clear();
        }
    }
}

/// What the Server granted, its numbers in the order that `ts/client.ts` reads them in.
fn numbers(c: &Connected) -> [u32; 10] {
    [
        c.session_present.into(),
        match c.version {
            Version::V5 => 5,
            Version::V3_1_1 => 4,
            Version::V3_1 => 3,
        },
        c.keep_alive_s.into(),
        match c.session_expiry {
            SessionExpiry::AtDisconnect => 0,
            SessionExpiry::After(seconds) => seconds,
            SessionExpiry::Never => u32::MAX,
        },
        c.receive_maximum.into(),
        c.maximum_qos.level().into(),
        c.retain_available.into(),
        c.max_packet_bytes.unwrap_or(0),
        u32::from(c.wildcard_subscription_available)
            | u32::from(c.subscription_id_available) << 1
            | u32::from(c.shared_subscription_available) << 2,
        c.topic_alias_maximum.into(),
    ]
}

fn flat(pairs: Vec<(String, String)>) -> Vec<String> {
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()
}
