//! Output that waits for the disk: in order, each part with the turn it waits for.

use std::collections::VecDeque;
use std::vec::Drain;

use crate::server::store::Turn;

/// What one socket holds back.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    /// From which of all bytes ever held which turn is waited for. Later turns stand later.
    barriers: VecDeque<(usize, Turn)>,
    /// Bytes that were let go.
    gone: usize,
}

impl Held {
    pub(super) fn push(&mut self, bytes: &[u8], turn: Option<Turn>) {
        if let Some(turn) = turn
            && self.barriers.back().is_none_or(|&(_, last)| last < turn)
        {
            self.barriers.push_back((self.gone + self.bytes.len(), turn));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What waits for nothing after this turn.
    pub(super) fn release(&mut self, durable: Turn) -> Drain<'_, u8> {
        while self.barriers.pop_front_if(|(_, turn)| *turn <= durable).is_some() {}
        let end = self.barriers.front().map_or(self.gone + self.bytes.len(), |&(at, _)| at);
        let count = end - self.gone;
        self.gone = end;
        self.bytes.drain(..count)
    }

    /// Whether something is held back, if only the end.
    pub(super) fn waits(&self) -> bool {
        !self.barriers.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn released(held: &mut Held, durable: Turn) -> Vec<u8> {
        held.release(durable).collect()
    }

    #[test]
    fn each_part_leaves_with_its_turn_and_what_is_behind_it_later() {
        let mut held = Held::default();
        held.push(b"a", Some(1));
        held.push(b"b", None);
        held.push(b"c", Some(1));
        held.push(b"d", Some(3));
        held.push(b"e", None);
        assert_eq!(released(&mut held, 0), b"");
        assert_eq!(released(&mut held, 2), b"abc");
        held.push(b"f", Some(4));
        assert_eq!(released(&mut held, 3), b"de");
        assert_eq!(held.len(), 1);
        assert_eq!(released(&mut held, 9), b"f");
        assert_eq!((held.len(), held.waits()), (0, false));
        held.push(b"", Some(10));
        assert_eq!((released(&mut held, 9), held.waits()), (vec![], true), "an end is held back, too");
        assert_eq!((released(&mut held, 10), held.waits()), (vec![], false));
    }
}
