//! One connection of a script: packets cut off the stream, and compared byte by byte. Knows of packets only where their
//! length stands, and where a reason string does.

use std::fmt::Write as _;
use std::time::Duration;

use tests::{Deadline, Received, Transport, Wire};

use crate::pattern::{self, Node, take_variable, variable};
use crate::profile::Profile;

/// How long a step may take.
const STEP: Duration = Duration::from_secs(8);

/// A connection of a script.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) wire: Wire,
    bytes: Vec<u8>,
    /// The broker let it in.
    pub(crate) is_accepted: bool,
    /// The status code of the close frame that ended it.
    pub(crate) code: Option<u16>,
}

/// What came.
enum Came {
    Packet(Vec<u8>),
    End,
    Nothing,
}

impl Link {
    pub(crate) fn open(transport: Transport, profile: &Profile) -> Self {
        let wire = Wire::open(transport, profile.tcp, profile.http);
        Self { wire, bytes: Vec::new(), is_accepted: false, code: None }
    }

    /// Sends each piece in a write or a frame of its own. Whether anyone reads them, what comes back says.
    pub(crate) fn send(&mut self, pieces: &[Vec<u8>]) {
        for piece in pieces {
            self.wire.send(piece);
        }
    }

    /// The next packet is as expected; a reason string in it does not count when `is_tolerant`.
    pub(crate) fn expect(&mut self, nodes: &[Node], is_tolerant: bool) -> Result<(), String> {
        match self.next() {
            Came::Packet(packet) => {
                let plain = if is_tolerant { without_reason_string(&packet) } else { packet.clone() };
                if !pattern::matches(nodes, &plain) {
                    return Err(format!("came     {}", shown(&packet)));
                }
                self.is_accepted |= packet.first() == Some(&0x20) && body(&packet).get(1) == Some(&0);
                Ok(())
            }
            Came::End => Err("came     the end of the connection".to_owned()),
            Came::Nothing => Err(format!("came     nothing in time {}", self.half())),
        }
    }

    /// The broker ends the connection and says nothing more.
    pub(crate) fn expect_end(&mut self) -> Result<(), String> {
        match self.next() {
            Came::End if self.bytes.is_empty() => Ok(()),
            Came::End => Err(format!("came     an end inside a packet {}", self.half())),
            Came::Packet(packet) => Err(format!("came     {}", shown(&packet))),
            Came::Nothing => Err(format!("came     no end in time {}", self.half())),
        }
    }

    /// Nothing comes but the answer to a PINGREQ.
    pub(crate) fn silence(&mut self) -> Result<(), String> {
        self.wire.send(&[0xc0, 0]);
        self.expect(&[Node::Bytes(vec![0xd0, 0])], false)
    }

    fn next(&mut self) -> Came {
        let deadline = Deadline::after(STEP);
        loop {
            if let Some(size) = packet_size(&self.bytes)
                && size <= self.bytes.len()
            {
                let rest = self.bytes.split_off(size);
                return Came::Packet(std::mem::replace(&mut self.bytes, rest));
            }
            match self.wire.receive(deadline) {
                Received::Bytes(bytes) => self.bytes.extend(bytes),
                Received::End(code) => {
                    self.code = code;
                    return Came::End;
                }
                Received::Nothing => return Came::Nothing,
            }
        }
    }

    fn half(&self) -> String {
        if self.bytes.is_empty() { String::new() } else { format!("(half a packet: {})", shown(&self.bytes)) }
    }
}

fn packet_size(bytes: &[u8]) -> Option<usize> {
    let (length, rest) = take_variable(bytes.get(1..)?)?;
    Some(bytes.len() - rest.len() + length)
}

fn body(packet: &[u8]) -> &[u8] {
    take_variable(packet.get(1..).unwrap_or_default()).map_or(&[], |(_, body)| body)
}

/// Bytes as the scripts write them, cut when there are many, with the text they may be.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(120) {
        let _ = write!(text, "{byte:02x} ");
    }
    if bytes.len() > 120 {
        let _ = write!(text, "… {} bytes ", bytes.len());
    }
    let letters = bytes.iter().take(120).map(|&b| if b.is_ascii_graphic() { char::from(b) } else { '·' });
    format!("{text} {}", letters.collect::<String>())
}

/// The packet as it would be without its reason string, which is for people. An acknowledgement, DISCONNECT or AUTH then
/// without properties has no length of them either.
fn without_reason_string(packet: &[u8]) -> Vec<u8> {
    strip(packet).unwrap_or_else(|| packet.to_vec())
}

fn strip(packet: &[u8]) -> Option<Vec<u8>> {
    let first = *packet.first()?;
    let (at, may_be_short) = match first >> 4 {
        2 | 9 | 11 => (2, false),
        4..=7 => (3, true),
        14 | 15 => (1, true),
        _ => return None,
    };
    let (head, rest) = body(packet).split_at_checked(at)?;
    let (length, rest) = take_variable(rest)?;
    let (mut properties, behind) = rest.split_at_checked(length)?;
    let mut kept = Vec::new();
    while let Some(&id) = properties.first() {
        let (property, rest) = properties.split_at_checked(property_size(id, properties)?)?;
        if id != 0x1f {
            kept.extend_from_slice(property);
        }
        properties = rest;
    }
    if kept.len() == length {
        return None;
    }
    let mut content = head.to_vec();
    if !(kept.is_empty() && may_be_short) {
        content.extend(variable(kept.len()));
        content.extend(kept);
    }
    content.extend_from_slice(behind);
    Some([vec![first], variable(content.len()), content].concat())
}

/// The size of the property at the front, of those a broker sends in packets with a reason string.
fn property_size(id: u8, bytes: &[u8]) -> Option<usize> {
    let counted = |at: usize| {
        let length = bytes.get(at..)?.first_chunk::<2>()?;
        Some(at + 2 + usize::from(u16::from_be_bytes(*length)))
    };
    match id {
        0x24 | 0x25 | 0x28 | 0x29 | 0x2a => Some(2),
        0x13 | 0x21 | 0x22 => Some(3),
        0x11 | 0x27 => Some(5),
        0x26 => counted(counted(1)?),
        0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => counted(1),
        _ => None,
    }
}
