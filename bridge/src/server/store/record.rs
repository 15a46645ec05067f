//! The form of one row in a file. Each record says what it is, holds its own key and a checksum, so that a damaged one is
//! known, and can be found again in a file whose order is lost.
//!
//! ```text
//!   magic (4) · version (1) · checksum of the rest (4) · length of the rest (4) · sequence (8) · key · body
//! ```
//! Numbers are big-endian in keys, so that their order is the order of the rows, and little-endian elsewhere. Moments are
//! milliseconds since 1970.

mod body;
mod bytes;

use std::sync::Arc;

use mqtt::{Instant, PacketId};
use thiserror::Error;

use self::bytes::Source;
use crate::broker::Stored;
use crate::broker::change::{Change, Key};

/// Where a record begins.
pub(crate) const MAGIC: [u8; 4] = [0xd7, b's', b'w', 0x9b];
/// The version of the format of all records that are written.
const VERSION: u8 = 2;
/// The first one. What it writes reads the same.
const OLDEST: u8 = 1;
/// Bytes before the sequence.
const HEAD: usize = 13;

const SESSION: u8 = 0x10;
const SUBSCRIPTION: u8 = 0x11;
const IN_FLIGHT: u8 = 0x12;
const RECEIVED: u8 = 0x13;
const POSITION: u8 = 0x14;
const WILL: u8 = 0x15;
const REPLAY: u8 = 0x16;
const LONE_WILL: u8 = 0x17;
const RETAINED: u8 = 0x20;
const MESSAGE: u8 = 0x30;

/// Kinds of rows that belong to one Session.
pub(crate) const OF_A_SESSION: [u8; 7] = [SESSION, SUBSCRIPTION, IN_FLIGHT, RECEIVED, POSITION, WILL, REPLAY];

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Damage {
    #[error("it is cut short")]
    Short,
    #[error("it does not begin as a record does")]
    NoRecord,
    #[error("its checksum is wrong")]
    Checksum,
    #[error("it is of version {0} of the format, which this program does not know")]
    Version(u8),
    #[error("it does not say what a record says")]
    Content,
    #[error("it stands in another's place")]
    Misplaced,
}

/// When the process began to serve, in milliseconds since 1970: what moments in a file are counted from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Epoch(pub(crate) u64);

impl Epoch {
    fn write(self, at: Instant) -> u64 {
        self.0.saturating_add(at.as_millis())
    }

    /// A moment before the start counts as the start.
    fn read(self, at: u64) -> Instant {
        Instant::from_millis(at.saturating_sub(self.0))
    }
}

/// Where a row stands in the file.
pub(crate) fn write_key(key: &Key, out: &mut Vec<u8>) {
    let (kind, number) = match key {
        Key::Session(session) => (SESSION, *session),
        Key::Subscription(session, _) => (SUBSCRIPTION, *session),
        Key::InFlight(session, _) => (IN_FLIGHT, *session),
        Key::Received(session, _) => (RECEIVED, *session),
        Key::Position(session) => (POSITION, *session),
        Key::Will(session) => (WILL, *session),
        Key::Replay(session, _) => (REPLAY, *session),
        Key::LoneWill(number) => (LONE_WILL, *number),
        Key::Retained(topic) => {
            out.push(RETAINED);
            return out.extend_from_slice(topic.as_bytes());
        }
        Key::Message(number) => (MESSAGE, *number),
    };
    out.push(kind);
    out.extend_from_slice(&number.to_be_bytes());
    match key {
        Key::Subscription(_, filter) | Key::Replay(_, filter) => out.extend_from_slice(filter.as_bytes()),
        Key::InFlight(_, id) | Key::Received(_, id) => out.extend_from_slice(&id.get().to_be_bytes()),
        _ => {}
    }
}

fn read_key(bytes: &[u8]) -> Option<Key> {
    let (&kind, rest) = bytes.split_first()?;
    if kind == RETAINED {
        return Some(Key::Retained(Arc::from(std::str::from_utf8(rest).ok()?)));
    }
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let number = u64::from_be_bytes(*number);
    let packet_id = || PacketId::new(u16::from_be_bytes(rest.try_into().ok()?));
    let key = match kind {
        SESSION => Key::Session(number),
        SUBSCRIPTION => {
            return Some(Key::Subscription(number, Arc::from(std::str::from_utf8(rest).ok()?)));
        }
        REPLAY => return Some(Key::Replay(number, Arc::from(std::str::from_utf8(rest).ok()?))),
        IN_FLIGHT => return Some(Key::InFlight(number, packet_id()?)),
        RECEIVED => return Some(Key::Received(number, packet_id()?)),
        POSITION => Key::Position(number),
        WILL => Key::Will(number),
        LONE_WILL => Key::LoneWill(number),
        MESSAGE => Key::Message(number),
        _ => return None,
    };
    rest.is_empty().then_some(key)
}

/// Appends the record of a change that puts something.
pub(crate) fn write(epoch: Epoch, sequence: u64, key: &[u8], change: &Change, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&sequence.to_le_bytes());
    bytes::write_bytes(out, key);
    body::write(epoch, change, out);
    let length = u32::try_from(out.len() - start - HEAD).unwrap_or(u32::MAX);
    let Some(record) = out.get_mut(start..) else { return };
    if let Some(place) = record.get_mut(9..HEAD) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    let checksum = crc32fast::hash(record.get(9..).unwrap_or_default());
    if let Some(place) = record.get_mut(5..9) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

/// A record as it was found.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) sequence: u64,
    pub(crate) key: Vec<u8>,
    pub(crate) change: Change,
    /// Bytes it takes.
    pub(crate) size: usize,
}

/// Reads the record these bytes begin with.
pub(crate) fn read(epoch: Epoch, bytes: &[u8]) -> Result<Record, Damage> {
    let (&magic, rest) = bytes.split_first_chunk::<4>().ok_or(Damage::Short)?;
    if magic != MAGIC {
        return Err(Damage::NoRecord);
    }
    let (&[version], rest) = rest.split_first_chunk::<1>().ok_or(Damage::Short)?;
    let (&checksum, checked) = rest.split_first_chunk::<4>().ok_or(Damage::Short)?;
    let (&length, _) = checked.split_first_chunk::<4>().ok_or(Damage::Short)?;
    let length = u32::from_le_bytes(length) as usize;
    let checked = checked.get(..length.saturating_add(4)).ok_or(Damage::Short)?;
    if crc32fast::hash(checked) != u32::from_le_bytes(checksum) {
        return Err(Damage::Checksum);
    }
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(Damage::Version(version));
    }
    let mut source = Source(checked.get(4..).unwrap_or_default());
    let content = |source: &mut Source<'_>| {
        let sequence = source.u64()?;
        let key = source.bytes()?;
        let change = body::read(epoch, &read_key(key)?, source)?;
        source.0.is_empty().then(|| Record { sequence, key: key.to_vec(), change, size: HEAD + length })
    };
    content(&mut source).ok_or(Damage::Content)
}

/// What the record of a message says.
pub(crate) fn read_message(epoch: Epoch, key: &[u8], value: &[u8]) -> Result<Arc<Stored>, Damage> {
    match read_row(epoch, key, value)?.change {
        Change::Message { message, .. } => Ok(message),
        _ => Err(Damage::Content),
    }
}

/// Reads the record that stands in a row, whole and in its own place.
pub(crate) fn read_row(epoch: Epoch, key: &[u8], value: &[u8]) -> Result<Record, Damage> {
    let record = read(epoch, value)?;
    if record.key != key {
        return Err(Damage::Misplaced);
    }
    if record.size != value.len() {
        return Err(Damage::Content);
    }
    Ok(record)
}

#[cfg(test)]
mod tests;
