//! One Network Connection, with what is on its way. Who sends when is the network's business.

use std::collections::VecDeque;

use bridge::broker::ConnectionId;
use mqtt::Instant;
use mqtt::codec::Deframer;

/// A connection's number in the whole run; never used again, unlike [`ConnectionId`].
pub(crate) type LinkKey = usize;

/// Who is at the client's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Machine(usize),
    Raw(usize),
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) owner: Owner,
    pub(crate) id: ConnectionId,
    /// The wire is broken: nothing arrives any more, though the ends may not know it yet.
    pub(crate) is_cut: bool,
    pub(crate) client: ClientEnd,
    pub(crate) server: ServerEnd,
    /// When the last bytes of each way arrive; later ones come after them.
    pub(crate) up_until: Instant,
    pub(crate) down_until: Instant,
}

#[derive(Debug)]
pub(crate) struct ClientEnd {
    pub(crate) is_open: bool,
    /// Its application does not read: what it was sent stays at the Server until then.
    pub(crate) stalled_until: Instant,
    /// Until then it reads a little at a time.
    pub(crate) slow_until: Instant,
}

#[derive(Debug)]
pub(crate) struct ServerEnd {
    /// From [`bridge::broker::Input::Opened`] to [`bridge::broker::Input::Closed`].
    pub(crate) is_open: bool,
    pub(crate) deframer: Deframer,
    /// The beginning of a packet whose end has not come.
    pub(crate) partial: Vec<u8>,
    /// What arrived was no packet: nothing is read any more.
    pub(crate) is_deaf: bool,
    /// Bytes the socket has not taken.
    pub(crate) waiting: Vec<u8>,
    /// What may not leave before the changes of a turn are durable, and what is behind it.
    pub(crate) held: VecDeque<(u64, Vec<u8>)>,
    pub(crate) flush_is_planned: bool,
    /// The broker said close.
    pub(crate) is_closing: bool,
}

impl Link {
    pub(crate) fn new(owner: Owner, id: ConnectionId, max_packet_bytes: u32) -> Self {
        let server = ServerEnd {
            is_open: true,
            deframer: Deframer::server(max_packet_bytes),
            partial: Vec::new(),
            is_deaf: false,
            waiting: Vec::new(),
            held: VecDeque::new(),
            flush_is_planned: false,
            is_closing: false,
        };
        let client = ClientEnd { is_open: true, stalled_until: Instant::START, slow_until: Instant::START };
        Self {
            owner,
            id,
            is_cut: false,
            client,
            server,
            up_until: Instant::START,
            down_until: Instant::START,
        }
    }

    /// Nothing is on its way, and the link is not broken or about to end, whether the ends know it or not.
    pub(crate) fn is_quiet(&self, now: Instant) -> bool {
        !self.is_cut
            && !self.server.is_closing
            && self.server.pending() == 0
            && self.up_until <= now
            && self.down_until <= now
            && self.client.is_open == self.server.is_open
    }
}

impl ServerEnd {
    /// Bytes that the socket has not taken, or is not given yet.
    pub(crate) fn pending(&self) -> usize {
        self.waiting.len() + self.held.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    /// Takes what the broker sends: it waits for this turn, or only for what is before it.
    pub(crate) fn take(&mut self, bytes: &[u8], turn: Option<u64>) {
        if turn.is_none() && self.held.is_empty() {
            self.waiting.extend_from_slice(bytes);
        } else {
            self.held.push_back((turn.unwrap_or(0), bytes.to_vec()));
        }
    }

    /// All up to this turn is durable.
    pub(crate) fn release(&mut self, durable: u64) {
        while let Some((_, bytes)) = self.held.pop_front_if(|(turn, _)| *turn <= durable) {
            self.waiting.extend_from_slice(&bytes);
        }
    }
}
