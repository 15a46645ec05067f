//! The bytes of a script: what is sent, and what must come. Knows no socket and no packet.
//!
//! | written            | means                                                             |
//! |--------------------|-------------------------------------------------------------------|
//! | `10 0004 c0`       | bytes, in pairs of hex digits, with spaces wherever they help      |
//! | `'MQTT'`           | a text with its two-byte length before it                         |
//! | `"MQTT"`           | a text without one                                                |
//! | `( … )`            | bytes with their two-byte length                                  |
//! | `[ … ]`            | bytes with their length as a Variable Byte Integer                |
//! | `61*300`           | bytes, that often                                                 |
//! | a vertical bar     | the end of one write (TCP) or frame (WebSocket), only in `send`   |
//! | `..`               | any one byte, only where something is expected                    |
//! | `...`              | any bytes to the end of the packet or of the brackets around it   |
//! | `text`             | any text with its two-byte length                                 |
//! | `100s`             | four bytes that say 100 seconds, or up to ten fewer               |

use std::iter::Peekable;
use std::str::Chars;

/// Seconds that may pass between two steps.
const SLACK_S: u32 = 10;

/// One part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Bytes(Vec<u8>),
    /// `[ … ]`
    Group(Vec<Self>),
    /// `( … )`
    Counted(Vec<Self>),
    Cut,
    Any,
    Rest,
    Text,
    Seconds(u32),
}

/// Reads what stands behind a verb; `#` begins a comment.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let mut chars = text.chars().peekable();
    let nodes = list(&mut chars, None)?;
    Ok(nodes)
}

/// The bytes to send, one piece for each write.
pub(crate) fn encode(nodes: &[Node]) -> Result<Vec<Vec<u8>>, String> {
    nodes.split(|node| *node == Node::Cut).map(bytes).collect()
}

/// Whether a packet is as expected.
pub(crate) fn matches(nodes: &[Node], packet: &[u8]) -> bool {
    take(nodes, packet).is_some_and(<[u8]>::is_empty)
}

fn list(chars: &mut Peekable<Chars<'_>>, end: Option<char>) -> Result<Vec<Node>, String> {
    let mut nodes = Vec::new();
    loop {
        match chars.next() {
            None if end.is_none() => return Ok(nodes),
            None => return Err(format!("a bracket is not closed with {}", end.unwrap_or_default())),
            Some('#') if end.is_none() => return Ok(nodes),
            Some(c) if Some(c) == end => return Ok(nodes),
            Some(c) if c.is_whitespace() => {}
            Some('[') => nodes.push(Node::Group(list(chars, Some(']'))?)),
            Some('(') => nodes.push(Node::Counted(list(chars, Some(')'))?)),
            Some('|') => nodes.push(Node::Cut),
            Some('\'') => nodes.push(Node::Counted(vec![quoted(chars, '\'')?])),
            Some('"') => nodes.push(quoted(chars, '"')?),
            Some(c @ (']' | ')')) => return Err(format!("{c} closes nothing")),
            Some(c) => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !"[]()|'\"#".contains(*c)) {
                    word.push(c);
                }
                nodes.push(of_word(&word)?);
            }
        }
    }
}

fn quoted(chars: &mut Peekable<Chars<'_>>, quote: char) -> Result<Node, String> {
    let text: String = chars.by_ref().take_while(|&c| c != quote).collect();
    Ok(Node::Bytes(text.into_bytes()))
}

fn of_word(word: &str) -> Result<Node, String> {
    match word {
        ".." => return Ok(Node::Any),
        "..." => return Ok(Node::Rest),
        "text" => return Ok(Node::Text),
        _ => {}
    }
    if let Some(seconds) = word.strip_suffix('s').and_then(|n| n.parse().ok()) {
        return Ok(Node::Seconds(seconds));
    }
    let (digits, times) = match word.split_once('*') {
        Some((digits, times)) => (digits, times.parse().map_err(|_| format!("{word}: how often?"))?),
        None => (word, 1),
    };
    if digits.len() % 2 == 1 || !digits.is_ascii() {
        return Err(format!("{word} is not pairs of hex digits"));
    }
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16);
    let bytes: Result<Vec<u8>, _> = (0..digits.len()).step_by(2).map(pair).collect();
    Ok(Node::Bytes(bytes.map_err(|_| format!("{word} is not hex"))?.repeat(times)))
}

fn bytes(nodes: &[Node]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for node in nodes {
        match node {
            Node::Bytes(bytes) => out.extend_from_slice(bytes),
            Node::Group(inner) => {
                let inner = bytes(inner)?;
                out.extend(variable(inner.len()));
                out.extend(inner);
            }
            Node::Counted(inner) => {
                let inner = bytes(inner)?;
                let length = u16::try_from(inner.len()).map_err(|_| "more than two bytes can count")?;
                out.extend(length.to_be_bytes());
                out.extend(inner);
            }
            Node::Cut | Node::Any | Node::Rest | Node::Text | Node::Seconds(_) => {
                return Err("a wildcard, or a cut inside brackets, cannot be sent".to_owned());
            }
        }
    }
    Ok(out)
}

/// A Variable Byte Integer in its one right form.
pub(crate) fn variable(mut length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let more = length > 127;
        out.push((length & 127) as u8 | u8::from(more) << 7);
        length >>= 7;
        if !more {
            return out;
        }
    }
}

/// A Variable Byte Integer at the front, and what is behind it.
pub(crate) fn take_variable(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let size = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (length, rest) = bytes.split_at_checked(size).filter(|_| size <= 4)?;
    Some((length.iter().rev().fold(0, |n, byte| n << 7 | usize::from(byte & 0x7f)), rest))
}

fn take<'a>(nodes: &[Node], mut packet: &'a [u8]) -> Option<&'a [u8]> {
    for node in nodes {
        packet = match node {
            Node::Bytes(bytes) => packet.strip_prefix(bytes.as_slice())?,
            Node::Any => packet.split_first()?.1,
            Node::Rest => return Some(&[]),
            Node::Text => counted(packet)?.1,
            Node::Seconds(most) => {
                let (seconds, rest) = packet.split_first_chunk::<4>()?;
                let seconds = u32::from_be_bytes(*seconds);
                (seconds <= *most && seconds + SLACK_S >= *most).then_some(rest)?
            }
            Node::Group(inner) => {
                let (length, rest) = take_variable(packet)?;
                let (content, rest) = rest.split_at_checked(length)?;
                let is_short = packet.starts_with(&variable(length));
                (is_short && matches(inner, content)).then_some(rest)?
            }
            Node::Counted(inner) => {
                let (content, rest) = counted(packet)?;
                matches(inner, content).then_some(rest)?
            }
            Node::Cut => return None,
        };
    }
    Some(packet)
}

fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
