//! What happens on a link, told to JavaScript: messages in one call a frame, the rest as it comes, all of it in order.

use std::cell::RefCell;
use std::rc::Rc;

use client_wasm::connection::{Observer, now};
use mqtt::client::{Connected, Ended, Event, Outcome, Subject};
use mqtt::{SessionExpiry, Version, Words as _};

use super::fields::{name, put, put_pairs};
use super::host::{Host, notice};
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
        let mut fields = Vec::new();
        put(&mut fields, name::CLIENT_ID, connected.client_id.as_bytes());
        if let Some(basis) = &connected.response_information {
            put(&mut fields, name::RESPONSE_INFORMATION, basis.as_bytes());
        }
        remark(&mut fields, connected.reason_string.as_deref(), &connected.user_properties);
        self.past.borrow_mut().was_connected = true;
        self.host.connected(&numbers(connected), &fields);
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
        self.host.published(id, outcome, reason, text.as_deref().unwrap_or_default());
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
        let reference =
            farewell.and_then(|farewell| farewell.server_reference.as_deref()).unwrap_or_default();
        let (reference, text) = (reference.to_owned(), why.words());
        self.past.borrow_mut().ended = Some(why);
        self.host.ended(code, reason, &text, &reference, retry_in);
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
                let retry_in = retry_at.map_or(-1.0, |at| at.since(now()).as_millis() as f64);
                self.ended(why, retry_in);
            }
            Event::Published { id, outcome } => self.published(id.number() as f64, outcome),
            Event::Subscribed { id, reasons } | Event::Unsubscribed { id, reasons } => {
                let reasons: Vec<u8> = reasons.iter().map(|reason| reason.byte()).collect();
                self.host.answered(id.number() as f64, &reasons);
            }
            Event::Remark { about, reason_string, user_properties } => {
                let id = match about {
                    Subject::Publish(id) => id.number(),
                    Subject::Request(id) => id.number(),
                    Subject::Authentication => 0,
                };
                let mut fields = Vec::new();
                remark(&mut fields, reason_string.as_deref(), &user_properties);
                self.host.remark(id as f64, &fields);
            }
            Event::SubscriptionLost { filter, reason } => self.host.lost(filter.as_str(), reason.byte()),
            Event::InDoubt { id, message } => {
                let (topic, qos) = (message.topic.as_str(), message.qos.level());
                self.host.in_doubt(id.number() as f64, topic, &message.payload, qos);
            }
            Event::NotStored { why } => self.host.notice(notice::NOT_STORED, &why),
            Event::Reauthenticated => self.host.notice(notice::REAUTHENTICATED, ""),
            Event::Message(_) => {} // taken above
        }
    }

    fn attempt(&mut self) {
        self.settled();
        self.host.notice(notice::ATTEMPT, "");
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
