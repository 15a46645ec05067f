//! What the broker has to say since the last `handle`: one buffer of encoded packets, and who gets which part of it.

use std::collections::VecDeque;

use mqtt::{Packet, PacketId, Version};

use super::change::Change;
use super::limit::Limit;
use super::shard::Told;
use super::{Check, ConnectionId, Fetch, Notice, Output, PeerItem, ShardId};

/// A part of the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Send {
        connection: ConnectionId,
        piece: Piece,
        held: bool,
    },
    /// A shared packet, in which the two bytes at `at` become this connection's Packet Identifier.
    SendAs {
        connection: ConnectionId,
        piece: Piece,
        at: u32,
        packet_id: PacketId,
        held: bool,
    },
    /// A message for another shard.
    Carry {
        to: ShardId,
        piece: Piece,
    },
    /// The next of those that are no packets.
    Other,
}

const _: () = assert!(size_of::<Item>() <= 24, "there is one for each subscriber of a message");

/// Outputs in order. Many subscribers of one message share its bytes here.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    items: Vec<Item>,
    at: usize,
    others: VecDeque<Output<'static>>,
    changes: VecDeque<Change>,
    /// A change that an acknowledgement may claim is among those since the last `handle`.
    claims: bool,
    /// What is sent now waits until the changes are durable.
    holds: bool,
    /// Since the start.
    pub(super) packets_sent: u64,
    pub(super) bytes_sent: u64,
}

impl Piece {
    pub(super) const fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

impl Outbox {
    pub(super) fn is_drained(&self) -> bool {
        self.items.is_empty() && self.changes.is_empty()
    }

    /// Whether something was kept since the last `handle` that an acknowledgement may claim.
    pub(super) const fn has_claims(&self) -> bool {
        self.claims
    }

    /// Something was told to another shard that an acknowledgement may claim.
    pub(super) const fn claim(&mut self) {
        self.claims = true;
    }

    /// Lets what is sent from now on wait until the changes are durable, or not.
    pub(super) const fn set_holding(&mut self, holds: bool) {
        self.holds = holds;
    }

    pub(super) fn store(&mut self, change: Change) {
        self.claims |= change.is_claimed();
        self.changes.push_back(change);
    }

    pub(super) fn store_all(&mut self, changes: Vec<Change>) {
        changes.into_iter().for_each(|change| self.store(change));
    }

    /// Lets `encode` append a packet to the buffer. None when it wrote nothing.
    pub(super) fn encode(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Option<Piece> {
        let start = self.bytes.len();
        encode(&mut self.bytes);
        let piece = Piece { start: u32::try_from(start).ok()?, end: u32::try_from(self.bytes.len()).ok()? };
        (piece.len() > 0).then_some(piece)
    }

    /// Appends a packet. None when this version does not have it, or it cannot be written.
    pub(super) fn packet(&mut self, version: Version, packet: &Packet<'_>) -> Option<Piece> {
        self.encode(|bytes| {
            let _ = packet.encode(version, bytes); // writes nothing when it fails
        })
    }

    /// Takes back what was written last, which nobody gets: many such packets must not add up.
    pub(super) fn take_back(&mut self, piece: Piece) {
        if self.bytes.len() == piece.end as usize {
            self.bytes.truncate(piece.start as usize);
        }
    }

    #[inline]
    pub(super) fn send(&mut self, connection: ConnectionId, piece: Piece) {
        self.count(piece);
        self.items.push(Item::Send { connection, piece, held: self.holds });
    }

    #[inline]
    pub(super) fn send_as(&mut self, connection: ConnectionId, piece: Piece, at: u32, packet_id: PacketId) {
        self.count(piece);
        self.items.push(Item::SendAs { connection, piece, at, packet_id, held: self.holds });
    }

    const fn count(&mut self, piece: Piece) {
        self.packets_sent += 1;
        self.bytes_sent += piece.len() as u64;
    }

    pub(super) fn close(&mut self, connection: ConnectionId) {
        self.other(Output::Close { connection });
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.other(Output::Notice(notice));
    }

    pub(super) fn fetch(&mut self, fetch: Fetch) {
        self.other(Output::Fetch(fetch));
    }

    pub(super) fn check(&mut self, check: Check) {
        self.other(Output::Check(check));
    }

    pub(super) fn peer(&mut self, to: ShardId, told: Told) {
        self.other(Output::Peer { to, item: PeerItem(told) });
    }

    /// Tells another shard of a plain message, which is in the buffer.
    pub(super) fn carry(&mut self, to: ShardId, piece: Piece) {
        self.items.push(Item::Carry { to, piece });
    }

    pub(super) fn give_away(&mut self, connection: ConnectionId, to: ShardId, crowd: Option<Limit>) {
        self.other(Output::Move { connection, to, crowd });
    }

    /// The next output; the last one empties the outbox, though its bytes stay until something new is written.
    #[inline]
    pub(super) fn next(&mut self) -> Output<'_> {
        if let Some(change) = self.changes.pop_front() {
            return Output::Store(change);
        }
        let Some(&item) = self.items.get(self.at) else { return Output::Wait(None) };
        self.at += 1;
        if self.at == self.items.len() {
            self.items.clear();
            self.at = 0;
        }
        match item {
            Item::Send { connection, piece, held } => {
                Output::Send { connection, bytes: cut(&self.bytes, piece), held }
            }
            Item::SendAs { connection, piece, at, packet_id, held } => {
                if let Some(place) = self.bytes.get_mut(at as usize..).and_then(|rest| rest.first_chunk_mut())
                {
                    *place = packet_id.get().to_be_bytes();
                }
                Output::Send { connection, bytes: cut(&self.bytes, piece), held }
            }
            Item::Carry { to, piece } => Output::Carry { to, message: cut(&self.bytes, piece) },
            Item::Other => self.others.pop_front().unwrap_or(Output::Wait(None)),
        }
    }

    fn other(&mut self, output: Output<'static>) {
        self.items.push(Item::Other);
        self.others.push_back(output);
    }

    /// Called before the first write after a drain.
    pub(super) fn reset(&mut self) {
        self.claims = false;
        if self.items.is_empty() {
            self.bytes.clear();
            // One large message must not keep its memory for ever.
            if self.bytes.capacity() > 4 << 20 {
                self.bytes = Vec::new();
            }
        }
    }
}

fn cut(bytes: &[u8], piece: Piece) -> &[u8] {
    bytes.get(piece.start as usize..piece.end as usize).unwrap_or_default()
}
