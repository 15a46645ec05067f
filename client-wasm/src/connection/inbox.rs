//! Frames that came and were not taken yet. Pure; knows neither packets nor time.
//!
//! A frame is taken in pieces, so that a burst can be interrupted for the page to be drawn. What waits here is not
//! acknowledged, so a broker stops by itself at QoS 1 and 2; for QoS 0, which nothing stops, there is a limit in bytes.

use std::collections::VecDeque;

/// Bytes that are taken between two looks at the clock.
pub(super) const PIECE: usize = 2 << 10;

#[derive(Debug)]
pub(super) struct Inbox {
    frames: VecDeque<Vec<u8>>,
    /// Bytes of the first frame that were taken.
    taken: usize,
    bytes: usize,
    limit: usize,
}

impl Inbox {
    pub(super) const fn new(limit: usize) -> Self {
        Self { frames: VecDeque::new(), taken: 0, bytes: 0, limit }
    }

    pub(super) fn push(&mut self, frame: Vec<u8>) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Hands over the next piece, if there is one.
    pub(super) fn take(&mut self, take: impl FnOnce(&[u8])) {
        let Some(frame) = self.frames.front() else { return };
        let end = frame.len().min(self.taken + PIECE);
        let piece = frame.get(self.taken..end).unwrap_or_default();
        self.bytes -= piece.len();
        take(piece);
        self.taken = end;
        if end == frame.len() {
            self.frames.pop_front();
            self.taken = 0;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) const fn is_over_limit(&self) -> bool {
        self.bytes > self.limit
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_out_once_in_order_and_in_pieces() {
        let mut inbox = Inbox::new(100);
        let all: Vec<u8> = (0..3 * PIECE + 5).map(|n| n.to_le_bytes()[0]).collect();
        inbox.push(all[..PIECE + 1].to_vec());
        inbox.push(all[PIECE + 1..].to_vec());
        assert!(inbox.is_over_limit());
        let mut out = Vec::new();
        while !inbox.is_empty() {
            inbox.take(|piece| {
                assert!((1..=PIECE).contains(&piece.len()));
                out.extend_from_slice(piece);
            });
        }
        assert!(out == all);
        assert!(!inbox.is_over_limit());
        inbox.push(vec![0; 200]);
        inbox.clear();
        assert!(inbox.is_empty());
        inbox.take(|_| panic!("there is nothing"));
    }
}
