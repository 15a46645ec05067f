//! Messages that wait until somebody is there who understands them.

use mqtt::Instant;

use crate::panel::tile::Source;

/// How many may wait; a house of many devices describes itself with fewer.
const MAX_MESSAGES: usize = 5_000;
/// Bytes of all that wait.
const MAX_BYTES: usize = 8 << 20;

/// In the order they came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) messages: Vec<Message>,
    /// Some did not find room.
    pub(super) missed: bool,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) at: Instant,
    pub(super) topic: Box<str>,
    pub(super) payload: Box<[u8]>,
    pub(super) source: Source,
}

impl Waiting {
    pub(super) fn keep(&mut self, at: Instant, topic: &str, payload: &[u8], source: Source) {
        let bytes = self.bytes + topic.len() + payload.len();
        if self.messages.len() >= MAX_MESSAGES || bytes > MAX_BYTES {
            self.missed = true;
            return;
        }
        self.bytes = bytes;
        self.messages.push(Message { at, topic: topic.into(), payload: payload.into(), source });
    }

    pub(super) const fn is_any(&self) -> bool {
        !self.messages.is_empty() || self.missed
    }
}
