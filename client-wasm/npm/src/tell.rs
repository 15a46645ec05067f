//! What happens on a link, told to JavaScript: messages in one call a frame, the rest as it comes, all of it in order.

use std::cell::RefCell;
use std::rc::Rc;

use client_wasm::connection::{Observer, now};
use mqtt::client::{Connected, Ended, Event, Outcome};
use mqtt::{SessionExpiry, Version, Words as _};

use super::fields::{name, put, put_pairs};
use super::host::{Host, Told};
use super::inbox::Inbox;

/// What is known of the last end, for whoever asks why.
#[derive(Debug, Default)]
pub(crate) struct Past {
    pub(crate) ended: Option<Ended>,
    pub(crate) was_connected: bool,
}

/// Tells a host.
pub(crate) struct Tell {
    host: Host,
    inbox: Inbox,
    past: Rc<RefCell<Past>>,
}

impl Tell {
    pub(crate) fn new(host: Host, past: Rc<RefCell<Past>>) -> Self {
        Self { host, inbox: Inbox::new(), past }
    }

    fn connected(&self, connected: &Connected) {
        let mut fields: Vec<_> = numbers(connected).into_iter().flat_map(u32::to_le_bytes).collect();
        put(&mut fields, name::CLIENT_ID, connected.client_id.as_bytes());
        if let Some(basis) = &connected.response_information {
            put(&mut fields, name::RESPONSE_INFORMATION, basis.as_bytes());
        }
        remark(&mut fields, connected.reason_string.as_deref(), &connected.user_properties);
        self.past.borrow_mut().was_connected = true;
        self.host.tell(Told::Connected, 0.0, 0, 0, &fields);
    }

    fn published(&self, id: f64, outcome: Outcome) {
        let (outcome, reason, text) = match outcome {
            Outcome::Sent => (0, 0, None),
            Outcome::Acknowledged(reason) => (1, reason.byte(), None),
            Outcome::Refused { reason, reason_string } => (2, reason.byte(), reason_string),
            Outcome::Expired => (3, 0, None),
            Outcome::LinkLost => (4, 0, None),
            Outcome::SessionLost => (5, 0, None),
            Outcome::Impossible(e) => (6, 0, Some(e.words())),
            Outcome::Cancelled => (7, 0, None),
        };
        let text = text.as_deref().unwrap_or_default();
        self.host.tell(Told::Published, id, outcome, reason, text.as_bytes());
    }

    /// The codes are in the order of `ENDS` in `ts/errors.ts`.
    fn ended(&self, why: Ended, retry_in: f64) {
        let (code, farewell) = match &why {
            Ended::Stopped => (0, None),
            Ended::Refused(farewell) => (1, Some(farewell)),
            Ended::Disconnected(farewell) => (2, Some(farewell)),
            Ended::TakenOver(farewell) => (3, Some(farewell)),
            Ended::ConnectTimeout => (4, None),
            Ended::PingTimeout => (5, None),
            Ended::TransportClosed { .. } => (6, None),
            Ended::Unsendable => (7, None),
            Ended::Unauthentic(_) => (8, None),
            Ended::Malformed(_) => (9, None),
            Ended::Misbehaved(_) => (10, None),
        };
        let reason = farewell.map_or(0, |farewell| farewell.reason.byte());
        let mut fields = Vec::new();
        put(&mut fields, name::REASON_STRING, why.words().as_bytes());
        if let Some(reference) = farewell.and_then(|farewell| farewell.server_reference.as_deref()) {
            put(&mut fields, name::SERVER_REFERENCE, reference.as_bytes());
        }
        self.past.borrow_mut().ended = Some(why);
        self.host.tell(Told::Ended, retry_in, code, reason, &fields);
    }
}

impl Observer for Tell {
    fn event(&mut self, event: Event) {
        if let Event::Message(received) = &event {
            return self.inbox.push(received);
        }
        self.settled();
        match event {
            Event::Connected(connected) => self.connected(&connected),
            Event::Ended { why, retry_at } => {
                let retry_in =
                    retry_at.map_or(-1.0, |at| at.as_millis().saturating_sub(now().as_millis()) as f64);
                self.ended(why, retry_in);
            }
            Event::Published { id, outcome } => self.published(id.number() as f64, outcome),
            Event::Subscribed { id, reasons } | Event::Unsubscribed { id, reasons } => {
                let reasons: Vec<u8> = reasons.iter().map(|reason| reason.byte()).collect();
                self.host.tell(Told::Answered, id.number() as f64, 0, 0, &reasons);
            }
            Event::Remark { about: _, reason_string, user_properties } => {
                let mut fields = Vec::new();
                remark(&mut fields, reason_string.as_deref(), &user_properties);
                self.host.tell(Told::Remark, 0.0, 0, 0, &fields);
            }
            Event::SubscriptionLost { filter, reason } => {
                self.host.tell(Told::Lost, 0.0, 0, reason.byte(), filter.as_str().as_bytes());
            }
            Event::InDoubt { id, message } => {
                let topic = message.topic.as_str().as_bytes();
                let (length, qos) = (topic.len() as u32, message.qos.level());
                let mut both = topic.to_vec();
                both.extend_from_slice(&message.payload);
                self.host.tell(Told::InDoubt, id.number() as f64, length, qos, &both);
            }
            Event::NotStored { why } => self.host.tell(Told::NotStored, 0.0, 0, 0, why.as_bytes()),
            Event::Reauthenticated => self.host.tell(Told::Reauthenticated, 0.0, 0, 0, &[]),
            Event::Message(_) => {} // taken above
        }
    }

    fn attempt(&mut self) {
        self.settled();
        self.host.tell(Told::Attempt, 0.0, 0, 0, &[]);
    }

    fn settled(&mut self) {
        if !self.inbox.is_empty() {
            self.host.messages(&self.inbox.index, &self.inbox.bytes);
            self.inbox.clear();
        }
    }
}

/// What the Server granted, its numbers in the order that `ts/granted.ts` reads them in.
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

fn remark(fields: &mut Vec<u8>, reason_string: Option<&str>, pairs: &[(String, String)]) {
    if let Some(words) = reason_string {
        put(fields, name::REASON_STRING, words.as_bytes());
    }
    put_pairs(fields, pairs);
}
