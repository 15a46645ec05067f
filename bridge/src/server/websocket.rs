//! WebSocket frames (RFC 6455) as MQTT uses them: binary ones are a stream of bytes, whatever their borders [MQTT-6.0.0-2].
//! So a frame is unmasked where it was read and handed on at once, also a part of one: no frame is ever gathered, and a
//! frame that announces a gigabyte costs nothing. The form of a header is tungstenite's business; sockets are not known here.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The longest header of a frame that a server sends.
pub(super) const MAX_HEADER: usize = 10;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PONG: u8 = 0xa;
/// The status code of a close that is no complaint.
pub(super) const NORMAL: u16 = 1000;
/// Bytes a control frame may carry (RFC 6455, 5.5).
const MAX_CONTROL: usize = 125;

/// Reads the frames of one connection, wherever they are cut.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// What is left of the frame whose header was read.
    open: Option<Open>,
    /// A message was begun and its last frame has not come.
    in_message: bool,
}

#[derive(Debug)]
struct Open {
    left: u64,
    mask: [u8; 4],
    /// Which byte of the mask is next.
    at: usize,
}

/// What the connection owes its peer after some frames.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A ping, to be answered with the same bytes.
    Ping(Vec<u8>),
    /// The peer closes, with this status code if it gave one.
    Close(Option<u16>),
    /// The peer broke the rules: the status code to close with, and what it did.
    Violation(u16, &'static str),
}

/// A status code to close with, and what the peer did.
type Misuse = (u16, &'static str);

/// What was read of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// Bytes at the front that now hold payload, one frame behind the other.
    pub(super) payload: usize,
    /// Where the first byte stands that was not read.
    pub(super) rest: usize,
    /// Stops the reading until it is dealt with.
    pub(super) event: Option<Event>,
}

impl Frames {
    /// Reads `bytes`, gathering the payload at their front. Without an event, `rest` marks a header that is not complete.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> Read {
        let (mut payload, mut at) = (0, 0);
        let mut event = None;
        while event.is_none() {
            if let Some(open) = &mut self.open {
                let n = usize::try_from(open.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                unmask(&mut bytes[at..at + n], open);
                bytes.copy_within(at..at + n, payload);
                payload += n;
                at += n;
                if open.left > 0 {
                    break;
                }
                self.open = None;
            }
            match self.header(&bytes[at..]) {
                Ok(None) => break,
                Ok(Some((n, answer))) => {
                    at += n;
                    event = answer;
                }
                Err((code, why)) => {
                    at = bytes.len();
                    event = Some(Event::Violation(code, why));
                }
            }
        }
        Read { payload, rest: at, event }
    }

    /// Bytes that are to come of the frame that was begun.
    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.open.as_ref().map_or(0, |open| usize::try_from(open.left).unwrap_or(usize::MAX))
    }

    /// Whether a message has ended and no other has begun, which only tests want to know.
    #[cfg(test)]
    pub(super) const fn is_between_messages(&self) -> bool {
        self.open.is_none() && !self.in_message
    }

    /// Reads one header, and a control frame as a whole. None when more bytes are needed.
    fn header(&mut self, bytes: &[u8]) -> Result<Option<(usize, Option<Event>)>, Misuse> {
        // Nearly every frame: a whole message of few bytes.
        if let &[0x82, second @ 0x80..0xfe, a, b, c, d, ..] = bytes
            && !self.in_message
        {
            self.open = Some(Open { left: u64::from(second & 0x7f), mask: [a, b, c, d], at: 0 });
            return Ok(Some((6, None)));
        }
        let mut cursor = Cursor::new(bytes);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| (1002, "a frame with a reserved opcode"))?;
        let Some((header, length)) = parsed else { return Ok(None) };
        let size = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        // RFC 6455, 5.2: the shortest of the three forms, the longest of which has 63 bits.
        let is_shortest = match bytes.get(1).map(|second| second & 0x7f) {
            Some(126) => length > 125,
            Some(127) => length > u64::from(u16::MAX) && length <= i64::MAX as u64,
            _ => true,
        };
        if !is_shortest {
            return Err((1002, "a frame whose length is not written as it must be"));
        }
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err((1002, "a frame with reserved bits set"));
        }
        let Some(mask) = header.mask else { return Err((1002, "a frame of a client that is not masked")) };
        match header.opcode {
            OpCode::Data(data) => {
                match (data, self.in_message) {
                    (Data::Text, _) => return Err((1003, "a text frame; MQTT is binary [MQTT-6.0.0-1]")),
                    (Data::Binary, false) | (Data::Continue, true) => {}
                    (Data::Binary, true) => return Err((1002, "a new message inside an unfinished one")),
                    (Data::Continue | Data::Reserved(_), _) => {
                        return Err((1002, "a continuation of nothing"));
                    }
                }
                self.in_message = !header.is_final;
                self.open = Some(Open { left: length, mask, at: 0 });
                Ok(Some((size, None)))
            }
            OpCode::Control(control) => {
                if length > MAX_CONTROL as u64 || !header.is_final {
                    return Err((1002, "a control frame that is too long or in parts"));
                }
                let end = size + usize::try_from(length).unwrap_or_default();
                let Some(body) = bytes.get(size..end) else { return Ok(None) };
                let mut body = body.to_vec();
                unmask(&mut body, &mut Open { left: length, mask, at: 0 });
                Ok(Some((end, control_event(control, body)?)))
            }
        }
    }
}

fn control_event(control: Control, body: Vec<u8>) -> Result<Option<Event>, Misuse> {
    match control {
        Control::Ping => Ok(Some(Event::Ping(body))),
        Control::Pong => Ok(None),
        Control::Close => match body.as_slice() {
            [] => Ok(Some(Event::Close(None))),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                let is_valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
                if !is_valid || std::str::from_utf8(reason).is_err() {
                    return Err((1002, "a close frame with a status that may not be sent"));
                }
                Ok(Some(Event::Close(Some(code))))
            }
            [_] => Err((1002, "a close frame with half a status")),
        },
        Control::Reserved(_) => Err((1002, "a frame with a reserved opcode")),
    }
}

/// Unmasks in place, going on where the mask was left.
fn unmask(bytes: &mut [u8], open: &mut Open) {
    let mask: [u8; 4] = std::array::from_fn(|i| open.mask[(open.at + i) % 4]);
    open.left -= bytes.len() as u64;
    open.at = (open.at + bytes.len()) % 4;
    let word = u64::from_ne_bytes(std::array::from_fn(|i| mask[i % 4]));
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let chunk: &mut [u8; 8] = chunk.try_into().unwrap_or_else(|_| unreachable!("chunks of eight"));
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Writes the header of one binary frame into the room before its payload, and says where the frame begins.
pub(super) fn write_header(frame: &mut [u8]) -> usize {
    let length = (frame.len() - MAX_HEADER) as u64;
    let mut header = Vec::with_capacity(MAX_HEADER);
    let form = FrameHeader { opcode: OpCode::Data(Data::Binary), ..FrameHeader::default() };
    // Writing to memory cannot fail.
    let _ = form.format(length, &mut header);
    let start = MAX_HEADER - header.len();
    frame[start..MAX_HEADER].copy_from_slice(&header);
    start
}

/// Appends a control frame.
pub(super) fn write_control(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    let payload = &payload[..payload.len().min(MAX_CONTROL)];
    let form = FrameHeader { opcode: OpCode::from(opcode), ..FrameHeader::default() };
    let _ = form.format(payload.len() as u64, out);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![first];
        match payload.len() {
            n @ 0..126 => frame.push(0x80 | n as u8),
            n => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(n as u16).to_be_bytes());
            }
        }
        frame.extend_from_slice(&mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        frame
    }

    /// Feeds pieces as a connection does: what was not read comes again before the next piece.
    fn read_in_pieces(stream: &[u8], size: usize) -> (Vec<u8>, Vec<Event>) {
        let mut frames = Frames::default();
        let (mut payload, mut events, mut carry) = (Vec::new(), Vec::new(), Vec::new());
        for piece in stream.chunks(size) {
            carry.extend_from_slice(piece);
            loop {
                let read = frames.read(&mut carry);
                payload.extend_from_slice(&carry[..read.payload]);
                carry.drain(..read.rest);
                match read.event {
                    Some(event) => events.push(event),
                    None => break,
                }
            }
        }
        (payload, events)
    }

    #[test]
    fn mqtt_6_0_0_2_a_stream_reads_the_same_wherever_it_is_cut() {
        let long: Vec<u8> = (0..700_u32).map(|n| n as u8).collect();
        let stream = [
            masked(0x82, b"hello"),
            masked(0x02, &long),
            masked(0x89, b"ping"),
            masked(0x80, b" world"),
            masked(0x82, b""),
            masked(0x88, &1000_u16.to_be_bytes()),
        ]
        .concat();
        let expected = [b"hello".as_slice(), &long, b" world"].concat();
        for size in 1..40 {
            let (payload, events) = read_in_pieces(&stream, size);
            assert_eq!(payload, expected, "pieces of {size}");
            assert_eq!(events, [Event::Ping(b"ping".to_vec()), Event::Close(Some(1000))]);
        }
    }

    #[test]
    fn a_message_ends_with_its_last_frame() {
        let mut frames = Frames::default();
        let mut first = masked(0x02, b"first");
        frames.read(&mut first[..8]);
        assert_eq!((frames.left(), frames.is_between_messages()), (3, false));
        frames.read(&mut first[8..]);
        assert_eq!((frames.left(), frames.is_between_messages()), (0, false), "more is to come");
        frames.read(&mut masked(0x80, b""));
        assert!(frames.is_between_messages());
    }

    #[test]
    fn misuse_is_answered_with_its_status_code() {
        let code = |bytes: &[u8]| match Frames::default().read(&mut bytes.to_vec()).event {
            Some(Event::Violation(code, _)) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(&masked(0x81, b"text")), 1003);
        assert_eq!(code(&[0x82, 0x01, 0x00]), 1002, "not masked");
        assert_eq!(code(&masked(0x80, b"x")), 1002, "continues nothing");
        let long = |form: u8, length: &[u8]| [&[0x82, 0x80 | form][..], length, &[0; 4]].concat();
        assert_eq!(code(&long(126, &125_u16.to_be_bytes())), 1002, "two bytes for what fits in one");
        assert_eq!(code(&long(127, &65_535_u64.to_be_bytes())), 1002, "eight bytes for what fits in two");
        assert_eq!(code(&long(127, &(1_u64 << 63).to_be_bytes())), 1002, "the highest bit");
        assert_eq!(code(&masked(0xc2, b"x")), 1002, "reserved bit");
        assert_eq!(code(&masked(0x83, b"x")), 1002, "reserved opcode");
        assert_eq!(code(&masked(0x09, b"x")), 1002, "a ping in parts");
        assert_eq!(code(&masked(0x88, &[3])), 1002, "half a status");
        assert_eq!(code(&masked(0x88, &1005_u16.to_be_bytes())), 1002, "a status nobody may send");
    }

    #[test]
    fn a_header_stands_right_before_its_payload() {
        for (length, header) in
            [(1_usize, vec![0x82, 1]), (126, vec![0x82, 126, 0, 126]), (70_000, vec![0x82, 127])]
        {
            let mut frame = vec![7; MAX_HEADER + length];
            let start = write_header(&mut frame);
            assert_eq!(frame[start..start + header.len()], header);
        }
    }
}
