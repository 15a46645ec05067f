//! How the messages are written (RFC 5802, 7): attributes of one letter, `=` and a value, between commas. It knows nothing
//! of what they are for.

use base64ct::{Base64, Encoding as _};

use super::{MAX_MESSAGE, ScramError};

/// The text of a message.
pub(super) fn text(bytes: &[u8]) -> Result<&str, ScramError> {
    if bytes.len() > MAX_MESSAGE {
        return Err(ScramError::Malformed("a message is too long"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ScramError::Malformed("a message is not UTF-8"))?;
    if text.contains('\0') {
        return Err(ScramError::Malformed("a message has a null character"));
    }
    Ok(text)
}

/// Takes the attributes of a message in their order.
pub(super) struct Attributes<'a> {
    rest: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    /// Those of this text, which may not begin with a mandatory extension.
    pub(super) fn of(text: &'a str) -> Result<Self, ScramError> {
        if text.starts_with("m=") { Err(ScramError::Extension) } else { Ok(Self { rest: Some(text) }) }
    }

    /// The value of the next attribute, which must be this one.
    pub(super) fn take(&mut self, name: char, what: &'static str) -> Result<&'a str, ScramError> {
        let next = self.next_part().and_then(|part| part.strip_prefix(name)?.strip_prefix('='));
        next.ok_or(ScramError::Malformed(what))
    }

    /// What follows are optional extensions, which nobody has to know; still they are letter, `=` and value.
    pub(super) fn skip_extensions(&mut self) -> Result<(), ScramError> {
        while let Some(part) = self.next_part() {
            let mut letters = part.chars();
            let name = letters.next().filter(char::is_ascii_alphabetic);
            if name.is_none() || letters.next() != Some('=') || letters.next().is_none() {
                return Err(ScramError::Malformed("an extension"));
            }
        }
        Ok(())
    }

    fn next_part(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let (part, rest) = rest.split_once(',').map_or((rest, None), |(part, rest)| (part, Some(rest)));
        self.rest = rest;
        Some(part)
    }
}

/// A nonce is printable ASCII without a comma.
pub(super) fn nonce(text: &str) -> Result<&str, ScramError> {
    let is_fine = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b',');
    if is_fine { Ok(text) } else { Err(ScramError::Malformed("a nonce")) }
}

pub(super) fn base64(text: &str, what: &'static str) -> Result<Vec<u8>, ScramError> {
    let bytes = Base64::decode_vec(text).map_err(|_| ScramError::Malformed(what))?;
    if bytes.is_empty() { Err(ScramError::Malformed(what)) } else { Ok(bytes) }
}

/// Base64 of exactly so many bytes.
pub(super) fn base64_array<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N], ScramError> {
    base64(text, what)?.try_into().map_err(|_| ScramError::Malformed(what))
}

/// A number above 0 without sign and leading zeros.
pub(super) fn number(text: &str) -> Result<u32, ScramError> {
    let is_number = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or(ScramError::Malformed("an iteration count"))
}

/// A name with `,` and `=` written as `=2C` and `=3D`.
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The other way round; any other `=` is wrong.
pub(super) fn unescape(name: &str) -> Result<String, ScramError> {
    let mut parts = name.split('=');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (letter, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(ScramError::Malformed("an equals sign in a name")),
        };
        out.push(letter);
        out.push_str(rest);
    }
    Ok(out)
}
