//! A cursor that cannot read past its end.

use super::DecodeError;

const SHORT: DecodeError = DecodeError::Malformed("the packet is shorter than its fields say");

/// A Variable Byte Integer that could be shorter.
pub(crate) const LONG: DecodeError =
    DecodeError::Malformed("a length is written longer than needed [MQTT-1.5.5-1]");

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the next byte if it is this one.
    pub(crate) fn skips(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((&next, left)) if next == byte => {
                self.0 = left;
                true
            }
            _ => false,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, left) = self.0.split_at_checked(n).ok_or(SHORT)?;
        self.0 = left;
        Ok(taken)
    }

    /// A reader for the next `n` bytes alone, so that a nested length never reaches past its parent.
    pub(crate) fn sub(&mut self, n: usize) -> Result<Self, DecodeError> {
        self.take(n).map(Self)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        let (&byte, left) = self.0.split_first().ok_or(SHORT)?;
        self.0 = left;
        Ok(byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        let (bytes, left) = self.0.split_first_chunk::<2>().ok_or(SHORT)?;
        self.0 = left;
        Ok(u16::from_be_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        let (bytes, left) = self.0.split_first_chunk::<4>().ok_or(SHORT)?;
        self.0 = left;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// Binary Data (1.5.6).
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let n = self.u16()?;
        self.take(usize::from(n))
    }

    /// UTF-8 Encoded String (1.5.4), with surrogates and U+0000 refused [MQTT-1.5.4-1], [MQTT-1.5.4-2].
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let text = self.text_with_null()?;
        if text.bytes().any(|b| b == 0) {
            return Err(DecodeError::Malformed("a string contains the character U+0000 [MQTT-1.5.4-2]"));
        }
        Ok(text)
    }

    /// A string whose U+0000 the caller looks for: topics are scanned once for all that they may not contain. Nothing is
    /// stripped from it, a byte order mark neither [MQTT-1.5.4-3].
    pub(crate) fn text_with_null(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.binary()?)
            .map_err(|_| DecodeError::Malformed("a string is not well-formed UTF-8 [MQTT-1.5.4-1]"))
    }

    /// Variable Byte Integer (1.5.5).
    pub(crate) fn varint(&mut self) -> Result<u32, DecodeError> {
        let before = self.len();
        let value = self.partial_varint()?.ok_or(SHORT)?;
        if before - self.len() > 1 && value >> (7 * (before - self.len() - 1)) == 0 {
            return Err(LONG);
        }
        Ok(value)
    }

    /// The Remaining Length of a fixed header, however long it is written; none when its bytes have not all arrived.
    pub(crate) fn remaining_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(self.partial_varint()?.map(|n| n as usize))
    }

    fn partial_varint(&mut self) -> Result<Option<u32>, DecodeError> {
        let mut value = 0_u32;
        for shift in [0_u32, 7, 14, 21] {
            let Ok(byte) = self.u8() else { return Ok(None) };
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(Some(value));
            }
        }
        Err(DecodeError::Malformed("a length takes more than four bytes (1.5.5)"))
    }
}
