//! Payloads as people read and write them. Knows no page.

use crate::tongue::{fill, say};

/// How a payload is written in a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// UTF-8.
    #[default]
    Text,
    /// Pairs of hexadecimal digits; spaces, colons and line ends between them do not matter.
    Hex,
}

/// The bytes that a text stands for.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn parse(text: &str, format: Format) -> Result<Vec<u8>, String> {
    if format == Format::Text {
        return Ok(text.as_bytes().to_vec());
    }
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut half = None;
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != ':') {
        let digit =
            c.to_digit(16).ok_or_else(|| fill("“{}” is not a hexadecimal digit.", &[&c.to_string()]))?;
        let digit = u8::try_from(digit).unwrap_or(0);
        match half.take() {
            None => half = Some(digit << 4),
            Some(high) => bytes.push(high | digit),
        }
    }
    match half {
        None => Ok(bytes),
        Some(_) => Err(say("Each byte needs two hexadecimal digits; the last one has one.")),
    }
}

/// One line that fits in a row: the beginning of the text, or of the bytes when they are no text. Never more than
/// `max` characters.
#[must_use]
pub fn preview(payload: &[u8], max: usize) -> String {
    if payload.is_empty() {
        return say("(empty)");
    }
    match text_of(payload) {
        Some(text) => {
            let mut line: String =
                text.chars().take(max).map(|c| if c.is_control() { ' ' } else { c }).collect();
            if text.len() > line.len() {
                line.pop();
                line.push('…');
            }
            line
        }
        None => hex(payload.get(..max / 3).unwrap_or(payload)),
    }
}

/// The whole payload for reading: text as it is, anything else in hexadecimal, sixteen bytes a line.
#[must_use]
pub fn full(payload: &[u8]) -> String {
    match text_of(payload) {
        Some(text) => text.to_owned(),
        None => payload.chunks(16).map(hex).collect::<Vec<_>>().join("\n"),
    }
}

/// Whether people can read it.
#[must_use]
pub fn is_text(payload: &[u8]) -> bool {
    text_of(payload).is_some()
}

/// The text of a payload, cut where it was cut off in the midst of a character; none when it holds control characters
/// that no text has.
fn text_of(payload: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(payload) {
        Ok(text) => text,
        // The payload may have been cut for keeping: up to three bytes of a character are left over then.
        Err(e) if e.error_len().is_none() => std::str::from_utf8(payload.get(..e.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    (!text.contains(odd)).then_some(text)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 3);
    for (i, b) in bytes.iter().enumerate() {
        if i > 0 {
            text.push(' ');
        }
        text.push(char::from(DIGITS[usize::from(b >> 4)]));
        text.push(char::from(DIGITS[usize::from(b & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_hex_are_parsed() {
        assert_eq!(parse("héllo", Format::Text).unwrap(), "héllo".as_bytes());
        assert_eq!(parse("", Format::Hex).unwrap(), b"");
        assert_eq!(parse("00 fF:10\n7a", Format::Hex).unwrap(), [0, 0xff, 0x10, 0x7a]);
        assert!(parse("0g", Format::Hex).unwrap_err().contains('g'));
        assert!(parse("123", Format::Hex).is_err());
    }

    #[test]
    fn previews_are_one_line_and_short() {
        assert_eq!(preview(b"", 10), "(empty)");
        assert_eq!(preview(b"on\noff", 10), "on off");
        assert_eq!(preview("ääääää".as_bytes(), 4), "äää…");
        assert_eq!(preview(&[0, 255, 16], 30), "00 ff 10");
        assert_eq!(preview(&[0; 100], 30).len(), 29);
        assert_eq!(preview(&"ä".as_bytes()[..1], 30), "", "what is left of a cut character is not shown");
    }

    #[test]
    fn whole_payloads_are_readable() {
        assert_eq!(full(b"{\n\t\"a\": 1\n}"), "{\n\t\"a\": 1\n}");
        assert_eq!(full(&[1; 17]), format!("{}\n01", ["01"; 16].join(" ")));
        assert!(is_text("grün".as_bytes()) && !is_text(&[0xff]) && !is_text(b"\0"));
    }
}
