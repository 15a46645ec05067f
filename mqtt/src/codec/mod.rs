//! Bytes to packets and back. It knows nothing of sessions, of which packet may follow which, or of sockets.
//!
//! [`Deframer::next`] takes one packet off the front of what has arrived; [`Packet::encode`] appends one. Neither
//! allocates for a PUBLISH: a decoded packet borrows from the bytes it was read from.

pub(crate) mod properties;
pub(crate) mod reader;
pub(crate) mod writer;

use thiserror::Error;

use crate::packet::{self, Packet};
use crate::words::errors;
use crate::{ReasonCode, TopicError, Version, Words};

use reader::Reader;
pub use writer::varint_len;

/// The largest Remaining Length four bytes can say (2.1.4).
pub const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// Why bytes are not a packet: the peer's fault, always the end of its Network Connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes break the form of a packet (1.2, Malformed Packet).
    Malformed(&'static str),
    /// The bytes are well-formed and say what they may not (1.2, Protocol Error).
    Protocol(&'static str),
    /// CONNECT names a protocol or level that is not spoken here [MQTT-3.1.2-2].
    UnsupportedVersion(u8),
    /// The packet is larger than this side takes: its sender may not send it [MQTT-3.1.2-24], [MQTT-3.2.2-15].
    TooLarge {
        /// Bytes the fixed header announces, itself included.
        size: usize,
        /// Bytes this side takes.
        limit: usize,
    },
    /// The Topic Name of a PUBLISH or of a will is none.
    TopicName(TopicError),
    /// A Topic Filter of a SUBSCRIBE or UNSUBSCRIBE is none.
    TopicFilter(TopicError),
}

impl Words for DecodeError {
    fn say(&self, out: &mut String) {
        let last = match self {
            Self::Malformed(what) | Self::Protocol(what) => what,
            Self::UnsupportedVersion(level) => {
                out.push_str("protocol level ");
                usize::from(*level).say(out);
                " is not supported [MQTT-3.1.2-2]"
            }
            Self::TooLarge { size, limit } => {
                out.push_str("a packet of ");
                size.say(out);
                out.push_str(" bytes is larger than the ");
                limit.say(out);
                " allowed [MQTT-3.2.2-15]"
            }
            Self::TopicName(e) | Self::TopicFilter(e) => return e.say(out),
        };
        out.push_str(last);
    }
}

errors!(DecodeError);

impl DecodeError {
    /// The Reason Code that tells a 5.0 peer (4.13).
    #[must_use]
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            Self::Malformed(_) | Self::TopicName(TopicError::Null) | Self::TopicFilter(TopicError::Null) => {
                ReasonCode::MalformedPacket
            }
            Self::Protocol(_) => ReasonCode::ProtocolError,
            Self::UnsupportedVersion(_) => ReasonCode::UnsupportedProtocolVersion,
            Self::TooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::TopicName(_) => ReasonCode::TopicNameInvalid,
            Self::TopicFilter(_) => ReasonCode::TopicFilterInvalid,
        }
    }
}

/// Why a packet cannot be written: our own caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A string, binary value or packet is longer than its length field can say.
    #[error("a value is longer than its length field can say")]
    TooLong,
    /// A string contains what no string may [MQTT-1.5.4-2].
    #[error("a string contains the character U+0000 [MQTT-1.5.4-2]")]
    NullCharacter,
}

/// Cuts packets off the front of a stream of bytes, for one Network Connection.
#[derive(Clone, Copy, Debug)]
pub struct Deframer {
    version: Option<Version>,
    max_packet_bytes: u32,
}

impl Deframer {
    /// The Server's side: the first packet must be CONNECT and says the version.
    #[must_use]
    pub const fn server(max_packet_bytes: u32) -> Self {
        Self { version: None, max_packet_bytes }
    }

    /// The Client's side, which chose the version.
    #[must_use]
    pub const fn client(version: Version, max_packet_bytes: u32) -> Self {
        Self { version: Some(version), max_packet_bytes }
    }

    /// The version of this connection, known as soon as the head of its CONNECT was read, even if the rest was bad.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// The first packet in `bytes` and the bytes it takes; none when more bytes are needed.
    ///
    /// # Errors
    /// The bytes are no packet. The connection cannot go on.
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(Packet<'a>, usize)>, DecodeError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if self.version.is_none() && first >> 4 != packet::CONNECT {
            // Not even waited for: its sender is no Client, or does not keep the order [MQTT-3.1.0-1].
            return Err(DecodeError::Protocol(
                "the first packet of a connection must be CONNECT [MQTT-3.1.0-1]",
            ));
        }
        // Nearly every packet is short.
        let (length, body_at) = match bytes.get(1) {
            Some(&length @ 0..128) => (usize::from(length), 2),
            _ => {
                let mut head = Reader::new(bytes.get(1..).unwrap_or_default());
                let Some(length) = head.remaining_length()? else { return Ok(None) };
                (length, bytes.len() - head.len())
            }
        };
        // Only 5.0 forbids to pad it, and small clients of 3.x do.
        let is_padded = body_at > 2 && bytes.get(body_at - 1) == Some(&0);
        if is_padded && self.version == Some(Version::V5) {
            return Err(reader::LONG);
        }
        let end = body_at + length;
        if end > self.max_packet_bytes as usize {
            return Err(DecodeError::TooLarge { size: end, limit: self.max_packet_bytes as usize });
        }
        let Some(body) = bytes.get(body_at..end) else { return Ok(None) };
        let packet = packet::decode(first, body, &mut self.version)?;
        if is_padded && self.version == Some(Version::V5) {
            return Err(reader::LONG); // a CONNECT, which has just said so
        }
        Ok(Some((packet, end)))
    }
}
