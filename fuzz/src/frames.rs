//! WebSocket frames: the payload and the events are the same wherever the stream is cut, and nothing is gathered for them.

use websocket::{Event, Frames};

#[expect(dead_code, reason = "the server's module as it is; only what reads is used")]
#[path = "../../bridge/src/server/websocket.rs"]
mod websocket;

/// The first byte says how the others are cut.
pub fn read(bytes: &[u8]) {
    let Some((&size, stream)) = bytes.split_first() else { return };
    let whole = in_pieces(stream, stream.len().max(1));
    assert_eq!(whole, in_pieces(stream, usize::from(size).max(1)), "pieces of {size}");
    assert!(whole.0.len() <= stream.len(), "a payload is no longer than what carried it");
}

/// As a connection does it: what was not read comes again before the next piece, and a violation or a close ends it.
fn in_pieces(stream: &[u8], size: usize) -> (Vec<u8>, Vec<Event>) {
    let mut frames = Frames::default();
    let (mut payload, mut events, mut carry) = (Vec::new(), Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        carry.extend_from_slice(piece);
        loop {
            let read = frames.read(&mut carry);
            payload.extend_from_slice(&carry[..read.payload]);
            carry.drain(..read.rest);
            let Some(event) = read.event else { break };
            let is_last = matches!(event, Event::Close(_) | Event::Violation(..));
            events.push(event);
            if is_last {
                return (payload, events);
            }
        }
        // A header has at most 14 bytes and a control frame at most 125 more.
        assert!(carry.len() < 14 + 125, "{} bytes are held back", carry.len());
    }
    (payload, events)
}
