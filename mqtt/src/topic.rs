//! Topic Names and Topic Filters (4.7). They know nothing of who may use them.

use std::sync::Arc;

use crate::Words;
use crate::words::errors;

/// Levels a Topic Name or Topic Filter may have. The standard sets no bound; without one a packet of a few bytes
/// makes a tree of thousands of nodes (CVE-2019-11779).
pub const MAX_LEVELS: usize = 128;

/// Why a text is not a Topic Name or not a Topic Filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicError {
    /// [MQTT-4.7.3-1]
    Empty,
    /// [MQTT-4.7.3-2]
    Null,
    /// [MQTT-4.7.3-3]
    TooLong,
    /// More than [`MAX_LEVELS`].
    TooDeep,
    /// [MQTT-4.7.0-1]
    Wildcard,
    /// [MQTT-4.7.1-1], [MQTT-4.7.1-2]
    MisplacedWildcard,
}

impl Words for TopicError {
    fn say(&self, out: &mut String) {
        let last = match self {
            Self::Empty => "a topic needs at least one character [MQTT-4.7.3-1]",
            Self::Null => "a topic may not contain the character U+0000 [MQTT-4.7.3-2]",
            Self::TooLong => "a topic may not be longer than 65535 bytes [MQTT-4.7.3-3]",
            Self::TooDeep => {
                out.push_str("a topic may not have more than ");
                MAX_LEVELS.say(out);
                " levels"
            }
            Self::Wildcard => "a topic name may not contain the wildcards + and # [MQTT-4.7.0-1]",
            Self::MisplacedWildcard => {
                "in a topic filter + and # stand alone in their level, and # only at the end [MQTT-4.7.1-1]"
            }
        };
        out.push_str(last);
    }
}

errors!(TopicError);

const fn is_wildcard(byte: u8) -> bool {
    matches!(byte, b'+' | b'#')
}

/// The label a message is published under: no wildcards, 1 to 65535 bytes, at most [`MAX_LEVELS`] levels.
///
/// `S` is where the text lives: `Arc<str>` for one that is kept, `&str` for one that is looked at in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<S = Arc<str>>(S);

/// What a Client subscribes to: a topic with `+` for any one level and `#` for any rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<S = Arc<str>>(S);

impl<S: AsRef<str>> TopicName<S> {
    /// Checks the text against 4.7.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn new(text: S) -> Result<Self, TopicError> {
        if check_text(text.as_ref())?.has_wildcard {
            return Err(TopicError::Wildcard);
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// The same name, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> TopicName<&str> {
        TopicName(self.0.as_ref())
    }

    /// The same name with a text of its own.
    #[must_use]
    pub fn to_shared(&self) -> TopicName {
        TopicName(Arc::from(self.0.as_ref()))
    }

    /// Whether it begins with `$`: such topics are the Server's own and no wildcard at the first level takes them
    /// [MQTT-4.7.2-1].
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.as_str().starts_with('$')
    }
}

impl<'a> TopicName<&'a str> {
    /// The text, for as long as the packet lives that it was read from.
    #[must_use]
    pub const fn text(self) -> &'a str {
        self.0
    }
}

impl<S: AsRef<str>> TopicFilter<S> {
    /// Checks the text against 4.7.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn new(text: S) -> Result<Self, TopicError> {
        check_text(text.as_ref())?;
        let mut levels = text.as_ref().as_bytes().split(|&b| b == b'/').peekable();
        while let Some(level) = levels.next() {
            let misplaced = match level {
                b"#" => levels.peek().is_some(), // [MQTT-4.7.1-1]
                b"+" => false,
                other => other.iter().copied().any(is_wildcard), // [MQTT-4.7.1-2]
            };
            if misplaced {
                return Err(TopicError::MisplacedWildcard);
            }
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// The same filter, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> TopicFilter<&str> {
        TopicFilter(self.0.as_ref())
    }

    /// The same filter with a text of its own.
    #[must_use]
    pub fn to_shared(&self) -> TopicFilter {
        TopicFilter(Arc::from(self.0.as_ref()))
    }

    /// Whether it takes more than one topic.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.as_str().bytes().any(is_wildcard) // which stand nowhere else
    }

    /// The share name and the filter behind it, when this is `$share/NAME/FILTER` (4.8.2).
    #[must_use]
    pub fn shared(&self) -> Option<(&str, &str)> {
        let rest = self.as_str().strip_prefix("$share/")?;
        let at = rest.bytes().position(|b| b == b'/')?;
        Some((rest.get(..at)?, rest.get(at + 1..)?))
    }

    /// Whether a message published to `name` is for this filter (4.7.1, 4.7.2).
    #[must_use]
    pub fn matches<T: AsRef<str>>(&self, name: &TopicName<T>) -> bool {
        let (filter, name) = (self.as_str(), name.as_str());
        if name.starts_with('$') && filter.starts_with(['+', '#']) {
            return false; // [MQTT-4.7.2-1]
        }
        let mut names = name.split('/');
        for level in filter.split('/') {
            if level == "#" {
                return true; // also the parent: "sport/#" takes "sport" (4.7.1.2)
            }
            match names.next() {
                Some(n) if level == "+" || level == n => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }
}

impl<'a> TopicFilter<&'a str> {
    /// The text, for as long as the packet lives that it was read from.
    #[must_use]
    pub const fn text(self) -> &'a str {
        self.0
    }
}

impl std::str::FromStr for TopicName {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::new(Arc::from(text))
    }
}

impl std::str::FromStr for TopicFilter {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::new(Arc::from(text))
    }
}

impl<S: AsRef<str>> std::fmt::Display for TopicName<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<S: AsRef<str>> std::fmt::Display for TopicFilter<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

struct Checked {
    has_wildcard: bool,
}

/// What holds for names and filters. Each topic of each message goes through this, so it looks at each byte once, and at
/// most of them only whether they are letters or digits, which stand behind `/`.
fn check_text(text: &str) -> Result<Checked, TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty); // [MQTT-4.7.3-1]
    }
    if is_plain(text.as_bytes()) {
        return Ok(Checked { has_wildcard: false });
    }
    if text.len() > usize::from(u16::MAX) {
        return Err(TopicError::TooLong); // [MQTT-4.7.3-3]
    }
    let (mut slashes, mut has_null, mut has_wildcard) = (0_usize, false, false);
    for b in text.bytes().filter(|&b| b <= b'/') {
        match b {
            b'/' => slashes += 1,
            b'+' | b'#' => has_wildcard = true,
            0 => has_null = true,
            _ => {}
        }
    }
    if has_null {
        return Err(TopicError::Null); // [MQTT-4.7.3-2]
    }
    if slashes >= MAX_LEVELS {
        return Err(TopicError::TooDeep);
    }
    Ok(Checked { has_wildcard })
}

/// Whether a text is too short to have too many levels, and none of its bytes stands before `,`, as `+`, `#` and U+0000 do.
/// Nearly every topic is like that, and eight bytes are looked at at once.
fn is_plain(text: &[u8]) -> bool {
    const LEAST: u64 = u64::from_ne_bytes([b','; 8]);
    const HIGHEST_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    // The lowest byte that is too small takes its highest bit from the next; bytes that have it are for the slow way.
    let odd = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        (word.wrapping_sub(LEAST) | word) & HIGHEST_BITS
    };
    if text.len() >= MAX_LEVELS {
        return false;
    }
    let (words, rest) = text.as_chunks();
    let is_rest_plain = match text.last_chunk() {
        Some(last) => odd(last) == 0, // it overlaps what is before
        None => rest.iter().all(|b| (b','..0x80).contains(b)),
    };
    is_rest_plain && words.iter().fold(0, |odds, word| odds | odd(word)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, name: &str) -> bool {
        TopicFilter::new(filter).unwrap().matches(&TopicName::new(name).unwrap())
    }

    /// [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT3-4.7.1-2], [MQTT3-4.7.1-3]
    #[test]
    fn mqtt_4_7_1_wildcards_take_what_the_standard_says() {
        for (filter, name) in [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
            ("sport/#", "sport"),
            ("#", "a/b"),
            ("#", "/"),
            ("sport/tennis/+", "sport/tennis/player1"),
            ("sport/+", "sport/"),
            ("+/+", "/finance"),
            ("/+", "/finance"),
            ("+", "finance"),
            ("+/tennis/#", "sport/tennis"),
            ("$SYS/#", "$SYS/x"),
            ("$SYS/+", "$SYS/x"),
            ("a//b", "a//b"),
            ("a/+/b", "a//b"),
        ] {
            assert!(matches(filter, name), "{filter} takes {name}");
        }
    }

    #[test]
    fn mqtt_4_7_1_wildcards_leave_what_the_standard_says() {
        for (filter, name) in [
            ("sport/tennis/+", "sport/tennis/player1/ranking"),
            ("sport/+", "sport"),
            ("+", "/finance"),
            ("#", "$SYS/x"),
            ("+/x", "$SYS/x"),
            ("ACCOUNTS", "Accounts"),
            ("a", "a/"),
            ("a/", "a"),
        ] {
            assert!(!matches(filter, name), "{filter} leaves {name}");
        }
    }

    /// [MQTT-4.7.0-1], [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3], [MQTT3-4.7.1-1],
    /// [MQTT3-4.7.1-2], [MQTT3-4.7.1-3], [MQTT3-4.7.3-1], [MQTT3-4.7.3-2], [MQTT3-4.7.3-3]
    #[test]
    fn mqtt_4_7_3_bad_texts_are_refused_with_their_reason() {
        assert_eq!(TopicName::new(""), Err(TopicError::Empty));
        assert_eq!(TopicName::new("a\0b"), Err(TopicError::Null));
        assert_eq!(TopicName::new("a/+"), Err(TopicError::Wildcard));
        assert_eq!(TopicName::new("/".repeat(128)), Err(TopicError::TooDeep));
        assert!(TopicName::new("/".repeat(127)).is_ok());
        assert_eq!(TopicName::new("x".repeat(65536)), Err(TopicError::TooLong));
        assert_eq!(TopicFilter::new("x".repeat(65536)), Err(TopicError::TooLong));
        assert!(TopicName::new("x".repeat(65535)).is_ok());
        assert_eq!(TopicFilter::new(""), Err(TopicError::Empty));
        assert_eq!(TopicFilter::new("a\0"), Err(TopicError::Null));
        for bad in ["a#", "a/#/b", "a+", "a/b+/c", "#/a", "++"] {
            assert_eq!(TopicFilter::new(bad), Err(TopicError::MisplacedWildcard), "{bad}");
        }
    }

    #[test]
    fn what_may_not_stand_in_a_name_is_found_wherever_it_stands() {
        for length in 1..40 {
            assert!(TopicName::new("-".repeat(length)).is_ok());
            for at in 0..length {
                let with =
                    |c| format!("{}{c}{}", "é".repeat(at % 2) + &"/".repeat(at), "~".repeat(length - at));
                assert_eq!(TopicName::new(with('+')), Err(TopicError::Wildcard));
                assert_eq!(TopicName::new(with('#')), Err(TopicError::Wildcard));
                assert_eq!(TopicName::new(with('\0')), Err(TopicError::Null));
                assert!(TopicName::new(with('$')).is_ok());
            }
        }
    }

    #[test]
    fn a_share_is_told_apart_from_its_filter() {
        assert_eq!(TopicFilter::new("$share/g/a/+").unwrap().shared(), Some(("g", "a/+")));
        assert_eq!(TopicFilter::new("a/b").unwrap().shared(), None);
    }
}
