//! Named values on their way between the two languages: one call carries any number of them. Pure; knows no JavaScript.
//!
//! ```text
//!   │ name (1 byte) │ length (4 bytes, the lowest first) │ value │ next …
//! ```
//!
//! Numbers have four bytes, the lowest first; texts are UTF-8. `ts/fields.ts` is the other side.

/// Properties of a message, and what else the two sides tell each other.
pub(crate) mod name {
    pub(crate) const PAYLOAD_IS_UTF8: u8 = 1;
    pub(crate) const EXPIRY: u8 = 2;
    pub(crate) const RESPONSE_TOPIC: u8 = 3;
    pub(crate) const CORRELATION_DATA: u8 = 4;
    /// A user property: its name, and next its value.
    pub(crate) const USER_NAME: u8 = 5;
    pub(crate) const USER_VALUE: u8 = 6;
    pub(crate) const CONTENT_TYPE: u8 = 7;
    pub(crate) const SUBSCRIPTION_ID: u8 = 8;
    pub(crate) const FILTER: u8 = 9;
    pub(crate) const CLIENT_ID: u8 = 10;
    pub(crate) const RESPONSE_INFORMATION: u8 = 11;
    pub(crate) const REASON_STRING: u8 = 12;
    pub(crate) const VERSION: u8 = 13;
    pub(crate) const FALL_BACK: u8 = 14;
    pub(crate) const CLEAN: u8 = 15;
    pub(crate) const KEEP_ALIVE: u8 = 16;
    pub(crate) const USERNAME: u8 = 17;
    pub(crate) const PASSWORD: u8 = 18;
    pub(crate) const SESSION_EXPIRY: u8 = 19;
    pub(crate) const RECEIVE_MAXIMUM: u8 = 20;
    pub(crate) const MAX_PACKET_BYTES: u8 = 21;
    pub(crate) const ASK_RESPONSE_INFORMATION: u8 = 22;
    pub(crate) const CONNECT_TIMEOUT: u8 = 23;
    pub(crate) const MAX_QUEUED_MESSAGES: u8 = 24;
    pub(crate) const MAX_QUEUED_BYTES: u8 = 25;
    pub(crate) const AUTHENTICATION_METHOD: u8 = 26;
    pub(crate) const WILL_TOPIC: u8 = 27;
    pub(crate) const WILL_PAYLOAD: u8 = 28;
    pub(crate) const WILL_QOS: u8 = 29;
    pub(crate) const WILL_RETAIN: u8 = 30;
    pub(crate) const WILL_DELAY: u8 = 31;
    /// Fields in a field.
    pub(crate) const WILL_PROPERTIES: u8 = 32;
    pub(crate) const SERVER_REFERENCE: u8 = 33;
}

/// Reads fields; ends where they end, or are cut off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u8, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[name, a, b, c, d], rest) = self.0.split_first_chunk::<5>()?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize)?;
        self.0 = rest;
        Some((name, Value(value)))
    }
}

/// What a field says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a>(pub(crate) &'a [u8]);

impl Value<'_> {
    pub(crate) fn number(self) -> u32 {
        self.0.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// The largest there is in place of one that is larger.
    pub(crate) fn short(self) -> u16 {
        u16::try_from(self.number()).unwrap_or(u16::MAX)
    }

    pub(crate) fn flag(self) -> bool {
        self.number() != 0
    }

    pub(crate) fn text(self) -> String {
        text(self.bytes())
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// A text of the other side, which has only those that are UTF-8.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

/// Appends a field.
pub(crate) fn put(out: &mut Vec<u8>, name: u8, value: &[u8]) {
    out.push(name);
    out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(value);
}

/// Appends user properties.
pub(crate) fn put_pairs<T: AsRef<str>>(out: &mut Vec<u8>, pairs: &[(T, T)]) {
    for (name, value) in pairs {
        put(out, name::USER_NAME, name.as_ref().as_bytes());
        put(out, name::USER_VALUE, value.as_ref().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read_and_what_is_cut_off_is_not() {
        let mut out = Vec::new();
        put(&mut out, 7, b"text");
        put(&mut out, 2, &70_000_u32.to_le_bytes());
        let all: Vec<_> = Fields(&out).collect();
        assert!(
            matches!(all[..], [(7, text), (2, number)] if text.text() == "text" && number.number() == 70_000)
        );
        assert_eq!(all[1].1.short(), u16::MAX);
        for cut in 0..out.len() {
            assert!(Fields(&out[..cut]).count() < 2);
        }
    }
}
