//! What happens on a link, told to JavaScript: messages in one call a frame, the rest as it comes, all of it in order.

use client_wasm::connection::{Observer, now};
use mqtt::client::{Connected, Ended, Event, Outcome, Subject};
use mqtt::{SessionExpiry, Version};
use wasm_bindgen::prelude::*;

use super::host::Host;
use super::inbox::Inbox;

/// What the Server granted.
#[wasm_bindgen(getter_with_clone)]
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "so many has the standard")]
pub struct Granted {
    /// The Server still had our Session.
    #[wasm_bindgen(readonly, js_name = sessionPresent)]
    pub session_present: bool,
    /// 5 for MQTT 5.0, 4 for 3.1.1, 3 for 3.1.
    #[wasm_bindgen(readonly)]
    pub version: u8,
    /// Ours or the one the Server chose.
    #[wasm_bindgen(readonly, js_name = clientId)]
    pub client_id: String,
    /// Seconds, 0 for none.
    #[wasm_bindgen(readonly, js_name = keepAlive)]
    pub keep_alive: u16,
    /// Seconds the Server keeps the Session, 4 294 967 295 for ever.
    #[wasm_bindgen(readonly, js_name = sessionExpiry)]
    pub session_expiry: u32,
    /// QoS 1 and 2 messages the Server takes at once.
    #[wasm_bindgen(readonly, js_name = receiveMaximum)]
    pub receive_maximum: u16,
    /// The highest QoS it takes.
    #[wasm_bindgen(readonly, js_name = maximumQos)]
    pub maximum_qos: u8,
    /// Whether it keeps retained messages.
    #[wasm_bindgen(readonly, js_name = retainAvailable)]
    pub retain_available: bool,
    /// Bytes of the largest packet it takes.
    #[wasm_bindgen(readonly, js_name = maxPacketBytes)]
    pub max_packet_bytes: Option<u32>,
    /// Whether `+` and `#` may be subscribed to.
    #[wasm_bindgen(readonly, js_name = wildcardSubscriptionAvailable)]
    pub wildcard_subscription_available: bool,
    /// Whether subscriptions may have identifiers.
    #[wasm_bindgen(readonly, js_name = subscriptionIdAvailable)]
    pub subscription_id_available: bool,
    /// Whether `$share/…` may be subscribed to.
    #[wasm_bindgen(readonly, js_name = sharedSubscriptionAvailable)]
    pub shared_subscription_available: bool,
    /// The basis for Response Topics, if it was asked for.
    #[wasm_bindgen(readonly, js_name = responseInformation)]
    pub response_information: Option<String>,
    /// The Server's words for a person.
    #[wasm_bindgen(readonly, js_name = reasonString)]
    pub reason_string: Option<String>,
    /// Name, value, name, value, in order.
    #[wasm_bindgen(readonly, js_name = userProperties)]
    pub user_properties: Vec<String>,
}

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
            Event::Connected(connected) => self.host.connected((*connected).into()),
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

impl From<Connected> for Granted {
    fn from(c: Connected) -> Self {
        Self {
            session_present: c.session_present,
            version: match c.version {
                Version::V5 => 5,
                Version::V3_1_1 => 4,
                Version::V3_1 => 3,
            },
            client_id: c.client_id,
            keep_alive: c.keep_alive_s,
            session_expiry: match c.session_expiry {
                SessionExpiry::AtDisconnect => 0,
                SessionExpiry::After(seconds) => seconds,
                SessionExpiry::Never => u32::MAX,
            },
            receive_maximum: c.receive_maximum,
            maximum_qos: c.maximum_qos.level(),
            retain_available: c.retain_available,
            max_packet_bytes: c.max_packet_bytes,
            wildcard_subscription_available: c.wildcard_subscription_available,
            subscription_id_available: c.subscription_id_available,
            shared_subscription_available: c.shared_subscription_available,
            response_information: c.response_information,
            reason_string: c.reason_string,
            user_properties: flat(c.user_properties),
        }
    }
}

fn flat(pairs: Vec<(String, String)>) -> Vec<String> {
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()
}
