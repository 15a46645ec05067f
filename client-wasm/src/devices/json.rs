//! A reader of JSON that is small in the page and safe with anything: it stops at a depth and at a number of values.
//!
//! Numbers stay text until somebody needs one. Knows no device.

/// Levels of lists and objects in each other.
use crate::text;

const MAX_DEPTH: u8 = 24;
/// Values of a document; a large Zigbee network describes itself with less.
const MAX_VALUES: u32 = 400_000;

/// A value of a document. Later names of an object that were there before are kept but not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as it stands there.
    Number(String),
    /// A text.
    Text(String),
    /// `[…]`
    List(Vec<Self>),
    /// `{…}`
    Map(Vec<(String, Self)>),
}

impl Json {
    /// Reads a whole document; none when it is not one, or too deep or too large.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: bytes, left: MAX_VALUES };
        let value = reader.value(0)?;
        reader.space();
        reader.rest.is_empty().then_some(value)
    }

    /// The member of an object.
    #[must_use]
    #[inline(never)]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.iter().find(|(other, _)| other == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// What stands at a path of names and numbers: `params/switch:0/output`.
    #[must_use]
    #[inline(never)]
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |value, step| match value {
            Self::List(items) => items.get(text::place(step)?),
            _ => value.get(step),
        })
    }

    /// The text of a member; nothing when it is absent or something else.
    #[must_use]
    #[inline(never)]
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Self::Text(text) | Self::Number(text)) => text,
            _ => "",
        }
    }

    /// The items of a list, or nothing.
    #[must_use]
    #[inline(never)]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The members of an object, or nothing.
    #[must_use]
    #[inline(never)]
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Map(members) => members,
            _ => &[],
        }
    }

    /// A single value as its plain text; none for `null`, lists and objects.
    #[must_use]
    #[inline(never)]
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Number(text) | Self::Text(text) => Some(text),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }
}

impl Json {
    /// Writes it so that it reads the same again.
    #[must_use]
    pub fn write(&self) -> String {
        let mut out = String::new();
        self.write_to(&mut out);
        out
    }

    fn write_to(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(is) => out.push_str(if *is { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    item.write_to(out);
                }
                out.push(']');
            }
            Self::Map(members) => {
                out.push('{');
                write_members(members, true, out);
                out.push('}');
            }
        }
    }
}

/// Members as they stand in an object; a comma stands before each but the first of all.
pub fn write_members(members: &[(String, Json)], is_first: bool, out: &mut String) {
    for (n, (name, value)) in members.iter().enumerate() {
        out.push_str(if n > 0 || !is_first { "," } else { "" });
        quote(name, out);
        out.push(':');
        value.write_to(out);
    }
}

/// A text with its quotes, with nothing left out.
fn quote(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c < ' ' => {
                let code = c as usize;
                out.push_str("\\u00");
                out.extend([char::from(HEX[code >> 4]), char::from(HEX[code & 15])]);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A text as it stands between the quotes of a document.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c < ' ' => {}
            c => out.push(c),
        }
    }
    out
}

struct Reader<'a> {
    rest: &'a [u8],
    left: u32,
}

impl Reader<'_> {
    fn value(&mut self, depth: u8) -> Option<Json> {
        self.left = self.left.checked_sub(1)?;
        self.space();
        match *self.rest.first()? {
            b'{' if depth < MAX_DEPTH => {
                let mut members = Vec::new();
                self.each(b'}', |reader| {
                    reader.space();
                    let name = reader.text()?;
                    reader.space();
                    reader.take(b':')?;
                    members.push((name, reader.value(depth + 1)?));
                    Some(())
                })?;
                Some(Json::Map(members))
            }
            b'[' if depth < MAX_DEPTH => {
                let mut items = Vec::new();
                self.each(b']', |reader| {
                    items.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Some(Json::List(items))
            }
            b'"' => self.text().map(Json::Text),
            b't' => self.word(b"true", Json::Bool(true)),
            b'f' => self.word(b"false", Json::Bool(false)),
            b'n' => self.word(b"null", Json::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    /// What stands between an opening bracket and `end`, with commas.
    fn each(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.rest = &self.rest[1..];
        self.space();
        if self.take(end).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            self.space();
            if self.take(end).is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    fn text(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut text = Vec::new();
        loop {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    let c = self.escape()?;
                    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return None,
                byte => text.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match byte {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => match self.unit()? {
                high @ 0xd800..0xdc00 => {
                    self.take(b'\\')?;
                    self.take(b'u')?;
                    let low = self.unit()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)?
                }
                unit => char::from_u32(unit)?,
            },
            b'"' | b'\\' | b'/' => char::from(byte),
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = std::str::from_utf8(self.rest.get(..4)?).ok()?;
        self.rest = &self.rest[4..];
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) -> Option<Json> {
        let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let end = self.rest.iter().position(|b| !is_part(b)).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Json::Number(std::str::from_utf8(digits).ok()?.to_owned()))
    }

    fn word(&mut self, word: &[u8], value: Json) -> Option<Json> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Json> {
        Json::read(text.as_bytes())
    }

    #[test]
    fn documents_are_read() {
        let json = read(
            r#" {"a":[1,-2.5e3,{"b c":null}],"s":"x\"\\\u00e4\ud83d\ude00\n","t":true,"e":{},"l":[ ]} "#,
        )
        .unwrap();
        assert_eq!(json.at("a/1"), Some(&Json::Number("-2.5e3".into())));
        assert_eq!(json.at("a/2/b c"), Some(&Json::Null));
        assert_eq!(json.text("s"), "x\"\\ä😀\n");
        assert_eq!(
            (json.at("t").and_then(Json::plain), json.at("a/9"), json.at("s/x")),
            (Some("true"), None, None)
        );
        assert_eq!((json.get("e").unwrap().members().len(), json.get("l").unwrap().items().len()), (0, 0));
    }

    #[test]
    fn what_is_no_document_is_not_read() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "nul",
            "\"a",
            "\"\\x\"",
            "\"\\ud800\"",
            "1 2",
            "ON",
            "{a:1}",
            "\"\u{1}\"",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(Json::read(b"\"\xff\""), None);
    }

    #[test]
    fn depth_and_size_have_an_end() {
        assert!(read(&("[".repeat(24) + &"]".repeat(24))).is_some());
        assert!(read(&("[".repeat(25) + &"]".repeat(25))).is_none());
        assert!(read(&"[".repeat(1_000_000)).is_none());
        assert!(read(&format!("[{}1]", "1,".repeat(400_000))).is_none());
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for text in [
            r#"{"a":[1,-2.5e3,{"b c":null}],"s":"x\"\\ä😀\n\u0001\u001f","t":true,"e":{},"l":[],"f":false}"#,
            "null",
            "[[],[[\"\"]]]",
        ] {
            let json = read(text).unwrap();
            assert_eq!((json.write().as_str(), read(&json.write())), (text, Some(json)));
        }
    }

    #[test]
    fn a_text_is_put_between_quotes() {
        assert_eq!(escaped("a\"b\\c\nd\u{1}ä"), "a\\\"b\\\\c\\nd\\u{1}ä".replace("\\u{1}", ""));
    }
}
