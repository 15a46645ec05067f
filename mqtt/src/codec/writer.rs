//! Appends the fields of a packet to a buffer.

use super::{EncodeError, MAX_REMAINING_LENGTH};

/// Writes one packet at the end of a buffer that may hold others already.
#[derive(Debug)]
pub(crate) struct Writer<'v> {
    out: &'v mut Vec<u8>,
}

impl<'v> Writer<'v> {
    pub(crate) const fn new(out: &'v mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Bytes in the buffer.
    pub(crate) const fn len(&self) -> usize {
        self.out.len()
    }

    /// All that is in the buffer.
    pub(crate) fn written(&self) -> &[u8] {
        self.out
    }

    /// Writes the first byte and the length of a packet whose length is known, and the two bytes it begins with; makes room
    /// for the rest.
    #[inline]
    pub(crate) fn header_and_u16(&mut self, first: u8, length: usize, next: u16) -> Result<(), EncodeError> {
        if length > MAX_REMAINING_LENGTH {
            return Err(EncodeError::TooLong);
        }
        self.out.reserve(length + 5);
        let [high, low] = next.to_be_bytes();
        match u8::try_from(length) {
            Ok(short @ 0..128) => self.raw(&[first, short, high, low]),
            _ => {
                let (bytes, needed) = varint_bytes(length);
                self.u8(first);
                self.raw(bytes.get(..needed).unwrap_or_default());
                self.raw(&[high, low]);
            }
        }
        Ok(())
    }

    /// Writes a packet: its first byte, the length of what `body` writes, and that. `estimate` is a guess of that
    /// length: a good one saves moving the body when the length takes more bytes than was kept free. A packet that
    /// cannot be written leaves the buffer as it was.
    pub(crate) fn packet(
        &mut self,
        first: u8,
        estimate: usize,
        body: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let start = self.out.len();
        self.out.push(first);
        let written = self.counted(estimate, body);
        if written.is_err() {
            self.out.truncate(start);
        }
        written
    }

    /// A length as a Variable Byte Integer and then what `body` writes.
    pub(crate) fn counted(
        &mut self,
        estimate: usize,
        body: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let at = self.out.len();
        let kept = varint_len(estimate);
        self.out.resize(at + kept, 0);
        body(&mut Writer { out: self.out })?;
        self.count(at, kept)
    }

    /// Puts a length before what was written since `at`, where so many bytes were kept for it. Not a part of each packet's code.
    fn count(&mut self, at: usize, kept: usize) -> Result<(), EncodeError> {
        let length = self.out.len() - at - kept;
        if length > MAX_REMAINING_LENGTH {
            return Err(EncodeError::TooLong);
        }
        let (bytes, needed) = varint_bytes(length);
        let bytes = bytes.get(..needed).unwrap_or_default();
        if kept != needed {
            self.out.resize(at + needed.max(kept) + length, 0);
            self.out.copy_within(at + kept..at + kept + length, at + needed);
            self.out.truncate(at + needed + length);
        }
        if let Some(place) = self.out.get_mut(at..at + needed) {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }

    pub(crate) fn u8(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(crate) fn u16(&mut self, n: u16) {
        self.out.extend_from_slice(&n.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, n: u32) {
        self.out.extend_from_slice(&n.to_be_bytes());
    }

    pub(crate) fn varint(&mut self, n: u32) {
        let (bytes, needed) = varint_bytes(n as usize);
        self.raw(bytes.get(..needed).unwrap_or_default());
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn binary(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.u16(u16::try_from(bytes.len()).map_err(|_| EncodeError::TooLong)?);
        self.raw(bytes);
        Ok(())
    }

    /// UTF-8 Encoded String (1.5.4). A `str` is UTF-8 without surrogates [MQTT-1.5.4-1]; U+0000 is looked for here.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        if text.bytes().any(|b| b == 0) {
            return Err(EncodeError::NullCharacter); // [MQTT-1.5.4-2]
        }
        self.topic(text)
    }

    /// A Topic Name or Topic Filter, which has no U+0000.
    pub(crate) fn topic(&mut self, text: &str) -> Result<(), EncodeError> {
        self.binary(text.as_bytes())
    }
}

/// Bytes of a number up to [`MAX_REMAINING_LENGTH`] as a Variable Byte Integer (1.5.5): as few as it needs [MQTT-1.5.5-1].
#[must_use]
pub const fn varint_len(n: usize) -> usize {
    match n {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "each byte takes seven bits")]
const fn varint_bytes(n: usize) -> ([u8; 4], usize) {
    let needed = varint_len(n);
    let b = [
        (n & 0x7f) as u8 | if needed > 1 { 0x80 } else { 0 },
        ((n >> 7) & 0x7f) as u8 | if needed > 2 { 0x80 } else { 0 },
        ((n >> 14) & 0x7f) as u8 | if needed > 3 { 0x80 } else { 0 },
        ((n >> 21) & 0x7f) as u8,
    ];
    (b, needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_as_few_bytes_as_it_needs_whatever_was_guessed() {
        for length in [0_usize, 1, 127, 128, 16_383, 16_384, 70_000, 2_097_152] {
            for guess in [0, 127, 128, 16_384, 2_097_152] {
                let mut out = vec![9];
                Writer::new(&mut out)
                    .packet(0x30, guess, |w| {
                        w.raw(&vec![7; length]);
                        Ok(())
                    })
                    .unwrap();
                let mut r = crate::codec::reader::Reader::new(&out[2..]);
                assert_eq!(r.varint().unwrap() as usize, length);
                assert_eq!(r.rest(), vec![7; length]);
            }
        }
    }

    #[test]
    fn a_packet_that_cannot_be_written_leaves_nothing_behind() {
        let mut out = vec![1, 2];
        let long = "x".repeat(65_536);
        assert!(Writer::new(&mut out).packet(0x10, 0, |w| w.text(&long)).is_err());
        assert_eq!(out, [1, 2]);
    }
}
