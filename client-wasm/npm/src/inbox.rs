//! Messages on their way into JavaScript: gathered while a frame is taken apart, handed over in one call. Pure; knows no
//! JavaScript.
//!
//! ```text
//!   index  │ place of the topic │ flags │ payload bytes │ [topic bytes] │ [property bytes] │ next message …
//!   bytes  │ [topic] payload [properties] │ next message …
//! ```
//!
//! A topic has a place in a table on both sides. Its text crosses when the place changes hands, so a topic that comes again
//! costs nothing. `ts/message.ts` reads all of this.

use std::ops::Range;

use mqtt::client::Received;
use mqtt::{MessageProperties, Qos, TopicName};

use super::fields::{name, put, put_pairs};

/// Places for topics. Topics that share a place cost the crossing of their text, nothing else.
const PLACES: usize = 1 << 10;

/// The two low bits are the QoS.
const RETAIN: u32 = 1 << 2;
const DUP: u32 = 1 << 3;
/// The place of the topic has a new owner, whose text comes along.
const NEW_TOPIC: u32 = 1 << 4;
/// Properties come along.
const PROPERTIES: u32 = 1 << 5;

/// What was gathered.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) index: Vec<u32>,
    pub(crate) bytes: Vec<u8>,
    topics: Vec<Option<TopicName>>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { index: Vec::new(), bytes: Vec::new(), topics: vec![None; PLACES] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub(crate) fn push(&mut self, received: &Received) {
        let Received { message, dup, subscription_ids } = received;
        let mut flags = u32::from(message.qos.level());
        flags |= if message.retain { RETAIN } else { 0 };
        flags |= if *dup && message.qos != Qos::AtMostOnce { DUP } else { 0 };

        let start = self.index.len();
        let place = place(message.topic.as_str());
        self.index.extend([place as u32, 0, length(message.payload.len())]);
        if let Some(held) = self.topics.get_mut(place)
            && held.as_ref() != Some(&message.topic)
        {
            *held = Some(message.topic.clone());
            flags |= NEW_TOPIC;
            self.index.push(length(message.topic.as_str().len()));
            self.bytes.extend_from_slice(message.topic.as_str().as_bytes());
        }
        self.bytes.extend_from_slice(&message.payload);
        if message.properties.is_some() || !subscription_ids.is_empty() {
            flags |= PROPERTIES;
            let written = self.properties(message.properties.as_deref(), subscription_ids);
            self.index.push(length(written.len()));
        }
        if let Some(word) = self.index.get_mut(start + 1) {
            *word = flags;
        }
    }

    /// Forgets the messages and keeps the topics. A burst does not hold its memory for ever.
    pub(crate) fn clear(&mut self) {
        const KEPT: usize = 1 << 18;
        self.index.clear();
        self.bytes.clear();
        self.index.shrink_to(KEPT / 4);
        self.bytes.shrink_to(KEPT);
    }

    fn properties(&mut self, properties: Option<&MessageProperties>, ids: &[u32]) -> Range<usize> {
        let (start, out) = (self.bytes.len(), &mut self.bytes);
        if let Some(properties) = properties {
            if let Some(is_utf8) = properties.payload_is_utf8 {
                put(out, name::PAYLOAD_IS_UTF8, &u32::from(is_utf8).to_le_bytes());
            }
            if let Some(seconds) = properties.message_expiry_s {
                put(out, name::EXPIRY, &seconds.to_le_bytes());
            }
            if let Some(topic) = &properties.response_topic {
                put(out, name::RESPONSE_TOPIC, topic.as_bytes());
            }
            if let Some(data) = &properties.correlation_data {
                put(out, name::CORRELATION_DATA, data);
            }
            put_pairs(out, &properties.user_properties);
            if let Some(kind) = &properties.content_type {
                put(out, name::CONTENT_TYPE, kind.as_bytes());
            }
        }
        for id in ids {
            put(out, name::SUBSCRIPTION_ID, &id.to_le_bytes());
        }
        start..self.bytes.len()
    }
}

/// FNV-1a of the text, cut to the number of places.
fn place(topic: &str) -> usize {
    let hash =
        topic.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) as usize % PLACES
}

/// A packet has at most 256 MiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::Message;

    fn received(topic: &str, payload: &'static str) -> Received {
        let message = Message::new(TopicName::new(topic.into()).unwrap(), payload);
        Received { message, dup: false, subscription_ids: Vec::new() }
    }

    #[test]
    fn a_topic_crosses_once_until_another_takes_its_place() {
        let mut inbox = Inbox::new();
        inbox.push(&received("a/b", "one"));
        inbox.push(&received("a/b", "two"));
        let at = place("a/b") as u32;
        assert_eq!(inbox.index, [at, NEW_TOPIC, 3, 3, at, 0, 3]);
        assert_eq!(inbox.bytes, b"a/bonetwo");
        inbox.clear();
        let rival = (0..).map(|n| format!("t{n}")).find(|topic| place(topic) as u32 == at).unwrap();
        inbox.push(&received(&rival, ""));
        inbox.push(&received("a/b", ""));
        assert_eq!(inbox.index, [at, NEW_TOPIC, 0, length(rival.len()), at, NEW_TOPIC, 0, 3]);
    }

    #[test]
    fn all_that_a_message_says_comes_along() {
        let mut inbox = Inbox::new();
        let mut message = received("t", "payload");
        message.message = message.message.with_qos(Qos::ExactlyOnce).with_retain(true).with_expiry(7);
        message.dup = true;
        message.subscription_ids = vec![9];
        let properties = message.message.properties.get_or_insert_default();
        properties.user_properties.push(("n".into(), "vw".into()));
        inbox.push(&message);
        let flags = 2 | RETAIN | DUP | NEW_TOPIC | PROPERTIES;
        let written = b"\x02\x04\0\0\0\x07\0\0\0\x05\x01\0\0\0n\x06\x02\0\0\0vw\x08\x04\0\0\0\x09\0\0\0";
        assert_eq!(inbox.index, [place("t") as u32, flags, 7, 1, length(written.len())]);
        assert_eq!(inbox.bytes, [b"tpayload".as_slice(), written].concat());
    }

    #[test]
    fn a_burst_gives_its_memory_back() {
        let mut inbox = Inbox::new();
        inbox.bytes.resize(1 << 20, 0);
        inbox.clear();
        assert!(inbox.bytes.capacity() <= 1 << 18);
    }
}
