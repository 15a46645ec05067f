//! A message that is kept, and the memory it takes. It knows neither who waits for it nor how it is sent.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use mqtt::{Instant, Message};

/// Bytes of a payload that stand with their message.
const SHORT: usize = 70;

/// Messages whose memory waits for others, and bytes their topics may have.
const SPARES: usize = 1024;
const SPARE_TOPIC: usize = 128;

/// A message that is kept, once for all who wait for it.
#[derive(Debug)]
pub struct Stored {
    /// What it says.
    pub message: Message<Payload>,
    /// When it is worth nothing any more (3.3.2.3.3).
    pub expires: Option<Instant>,
}

/// The payload of a message that is kept. Most are short and take no memory of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Stands with the message.
    Short {
        /// How many of the bytes there are.
        length: u8,
        /// They, and zeros.
        bytes: [u8; SHORT],
    },
    /// Stands elsewhere.
    Long(Bytes),
}

/// Memory of messages that are done, for those that come next: at a high rate finding some would take longer than all that
/// is done with it.
#[derive(Debug, Default)]
pub(super) struct Spare(Vec<Arc<Stored>>);

impl Stored {
    /// A message that is kept until then.
    #[must_use]
    pub fn new(message: Message, expires: Option<Instant>) -> Self {
        Self { message: message.map_payload(Payload::from), expires }
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// Whether it holds no memory but its own and a short topic.
    fn is_small(&self) -> bool {
        matches!(self.message.payload, Payload::Short { .. })
            && self.message.properties.is_none()
            && self.message.topic.as_str().len() <= SPARE_TOPIC
    }
}

impl Payload {
    fn short(payload: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT];
        bytes.get_mut(..payload.len())?.copy_from_slice(payload);
        Some(Self::Short { length: u8::try_from(payload.len()).ok()?, bytes })
    }
}

impl From<&[u8]> for Payload {
    fn from(payload: &[u8]) -> Self {
        Self::short(payload).unwrap_or_else(|| Self::Long(Bytes::copy_from_slice(payload)))
    }
}

impl From<Bytes> for Payload {
    fn from(payload: Bytes) -> Self {
        Self::short(&payload).unwrap_or(Self::Long(payload))
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Spare {
    pub(super) fn make(&mut self, stored: Stored) -> Arc<Stored> {
        if let Some(mut spare) = self.0.pop()
            && let Some(place) = Arc::get_mut(&mut spare)
        {
            *place = stored;
            return spare;
        }
        Arc::new(stored)
    }

    /// Somebody has no more use for a message.
    pub(super) fn put(&mut self, mut stored: Arc<Stored>) {
        let is_last = Arc::strong_count(&stored) == 1; // most that are not are told apart by this alone
        if is_last
            && self.0.len() < SPARES
            && Arc::get_mut(&mut stored).is_some_and(|stored| stored.is_small())
        {
            self.0.push(stored);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(payload: &[u8]) -> Stored {
        let message = Message::new("a".parse().unwrap(), Bytes::copy_from_slice(payload));
        Stored::new(message, None)
    }

    #[test]
    fn a_payload_of_any_length_is_itself() {
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 300] {
            let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
            assert_eq!(&*Payload::from(&*payload), payload);
            assert_eq!(&*stored(&payload).message.payload, payload);
        }
    }

    #[test]
    fn memory_is_used_again_when_nobody_else_has_the_message() {
        let mut spare = Spare::default();
        let (first, second) = (spare.make(stored(b"1")), spare.make(stored(b"2")));
        let (of_first, holder) = (Arc::as_ptr(&first), Arc::clone(&second));
        spare.put(second);
        spare.put(first);
        let third = spare.make(stored(b"3"));
        assert_eq!(Arc::as_ptr(&third), of_first);
        assert_eq!((&*third.message.payload, &*holder.message.payload), (&b"3"[..], &b"2"[..]));
        spare.put(Arc::new(stored(&[0; 100])));
        assert!(spare.0.is_empty(), "a long payload is not kept from being freed");
    }
}
