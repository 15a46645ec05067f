//! A Session that outlives this program: when it is kept, and what waits until it was. It knows no storage: the driver keeps
//! bytes and says when they are safe.
//!
//! At QoS 2 the order of writing decides (4.3.3): a PUBLISH, PUBREC, PUBREL or PUBCOMP leaves only after the storage has what
//! it tells the Server. Otherwise a crash between the two would use an identifier anew that the Server still knows, or take
//! one for known that is new. Everything else is kept soon, and nothing waits for it.

use std::collections::VecDeque;

#[cfg(feature = "durable")]
use super::saved::{Saved, SavedError};
use super::{Client, Event, PublishId};
#[cfg(feature = "durable")]
use super::{Config, Outgoing};
use crate::Message;
#[cfg(feature = "durable")]
use crate::PacketId;
use crate::delivery::InFlight;
#[cfg(feature = "durable")]
use crate::delivery::{Receiver, Sender};

/// What is kept, what is being kept, and what waits for that.
#[derive(Debug)]
pub(super) struct Journal {
    /// Milliseconds from 1970 UTC to the driver's start: moments outlive the program as such.
    unix_start_ms: u64,
    /// Something has changed since the last save began.
    dirty: bool,
    /// Changes so far that bytes wait for, and how many of them are safe.
    gates: u64,
    safe: u64,
    /// The driver is writing: as many gates will be safe then.
    storing: Option<u64>,
    /// Bytes with the number of gates that must be safe before they leave.
    held: VecDeque<(u64, Vec<u8>)>,
    held_bytes: usize,
    /// What is in `out` says goodbye: it tells nothing that has to be safe.
    last_words: bool,
    /// How it is written down: by reference, so that a program whose Session ends with it does not carry the code.
    save: fn(&Client, u64) -> Vec<u8>,
    /// There is none, and the compiler knows it.
    #[cfg(not(feature = "durable"))]
    _never: std::convert::Infallible,
}

impl Journal {
    #[cfg(feature = "durable")]
    const fn new(unix_start_ms: u64, save: fn(&Client, u64) -> Vec<u8>) -> Self {
        Self {
            unix_start_ms,
            dirty: true,
            gates: 0,
            safe: 0,
            storing: None,
            held: VecDeque::new(),
            held_bytes: 0,
            last_words: false,
            save,
        }
    }

    fn drop_held(&mut self) {
        self.held.clear();
        self.held_bytes = 0;
    }
}

impl Client {
    /// The Session as [`durable`](Self::durable) takes it, if the storage does not have it yet: for a program that ends
    /// before the storage answers, and has a quicker one.
    #[must_use]
    pub fn unsaved(&self) -> Option<Vec<u8>> {
        let journal = self.journal.as_ref()?;
        (journal.dirty || journal.storing.is_some()).then(|| (journal.save)(self, journal.unix_start_ms))
    }

    /// Takes another Client Identifier because somebody else has this one now, and with it a new Session. Before
    /// [`start`](Self::start) only: nothing happens to a Client that is under way.
    pub fn rename(&mut self, client_id: &str) {
        if matches!(self.state, super::State::Stopped) && self.client_id != client_id {
            client_id.clone_into(&mut self.client_id);
            self.clean_start = true;
            self.touch();
        }
    }

    /// Whether the Session is kept beyond this program.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        self.journal.is_some()
    }

    /// Messages without an end yet, in their order.
    pub fn unfinished(&self) -> impl Iterator<Item = (PublishId, &Message)> {
        let in_flight = self.sender.in_flight().filter_map(|(_, entry)| match entry {
            InFlight::AwaitPuback(outgoing) | InFlight::AwaitPubrec(outgoing) => Some(outgoing),
            InFlight::AwaitPubcomp | InFlight::Request => None,
        });
        in_flight.chain(self.queue.iter()).map(|outgoing| (outgoing.id, &outgoing.message))
    }

    /// Something changed that is to be kept soon.
    pub(super) const fn touch(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.dirty = true;
        }
    }

    /// Something changed that has to be safe before the bytes of this turn leave.
    pub(super) const fn gate(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.dirty = true;
            journal.gates += 1;
        }
    }

    /// The next bytes that may leave.
    pub(super) fn take_sendable(&mut self) -> Option<Vec<u8>> {
        if let Some(journal) = &mut self.journal
            && !journal.last_words
        {
            if journal.held.front().is_some_and(|(gates, _)| *gates <= journal.safe) {
                let (_, bytes) = journal.held.pop_front()?;
                journal.held_bytes -= bytes.len();
                return Some(bytes);
            }
            if journal.gates > journal.safe {
                if !self.out.is_empty() {
                    journal.held_bytes += self.out.len();
                    journal.held.push_back((journal.gates, std::mem::take(&mut self.out)));
                }
                return None;
            }
        }
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    /// What the driver is to keep now. One at a time: what changes meanwhile is kept together afterwards.
    pub(super) fn take_save(&mut self) -> Option<Vec<u8>> {
        let journal = self.journal.as_mut().filter(|journal| journal.dirty && journal.storing.is_none())?;
        journal.dirty = false;
        journal.storing = Some(journal.gates);
        let (save, start) = (journal.save, journal.unix_start_ms);
        Some(save(self, start))
    }

    pub(super) const fn stored(&mut self) {
        if let Some(journal) = &mut self.journal
            && let Some(gates) = journal.storing.take()
        {
            journal.safe = gates;
        }
    }

    /// The storage has failed: the Session lives in memory from now on, and what waited for the storage leaves.
    pub(super) fn not_stored(&mut self, why: String) {
        let Some(journal) = self.journal.take() else { return };
        let last = std::mem::take(&mut self.out);
        for (_, bytes) in journal.held {
            self.out.extend_from_slice(&bytes);
        }
        self.out.extend_from_slice(&last);
        self.event(Event::NotStored { why });
    }

    /// Bytes that wait for the storage.
    pub(super) const fn held_bytes(&self) -> usize {
        match &self.journal {
            Some(journal) => journal.held_bytes,
            None => 0,
        }
    }

    /// Nothing that waits for the storage belongs to the connection that opens.
    pub(super) fn begin_wire(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.drop_held();
            journal.last_words = false;
        }
    }

    /// The connection ends: what waits for the storage is not sent on it any more. Before the goodbye is written.
    pub(super) fn say_no_more(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        journal.drop_held();
        if journal.gates > journal.safe && !journal.last_words {
            self.out.clear();
        }
        journal.last_words = true;
    }
}

/// The way into it, and what is written down.
#[cfg(feature = "durable")]
impl Client {
    /// A Client whose Session outlives this program: it says [`Output::Store`](super::Output::Store) when something is to be
    /// kept. `saved` is what was kept last; nothing for a new Session. `unix_start_ms` is the time since 1970 UTC of the
    /// driver's [`Instant::START`](crate::Instant::START).
    ///
    /// A Session that was there before is resumed whatever [`Config::clean_start`] says, with its Client Identifier. Its
    /// subscriptions are made again, so that retained messages come to a program that has forgotten them. What was not done
    /// yet is told by [`unfinished`](Self::unfinished) and, in its time, by events.
    ///
    /// # Errors
    /// The bytes are no saved Session.
    pub fn durable(config: Config, unix_start_ms: u64, saved: &[u8]) -> Result<Self, SavedError> {
        let mut client = Self::new_durable(config, unix_start_ms);
        if !saved.is_empty() {
            client.restore(Saved::read(saved, unix_start_ms)?);
        }
        Ok(client)
    }

    /// The same with a new Session.
    #[must_use]
    pub fn new_durable(config: Config, unix_start_ms: u64) -> Self {
        let mut client = Self::new(config);
        client.journal = Some(Journal::new(unix_start_ms, Self::save));
        client
    }

    fn save(&self, unix_start_ms: u64) -> Vec<u8> {
        let saved = Saved {
            next_id: self.next_id,
            client_id: self.client_id.clone(),
            begun: !self.clean_start,
            received: self.receiver.awaiting_pubrel().to_vec(),
            granted: self.subscriptions.to_save(),
            unwanted: self.subscriptions.unwanted(),
            in_flight: Vec::new(),
            queue: Vec::new(),
        };
        let mut out = saved.write();
        let mut scratch = Vec::new();
        for (packet_id, entry) in self.sender.in_flight() {
            match entry {
                InFlight::AwaitPuback(outgoing) | InFlight::AwaitPubrec(outgoing) => {
                    outgoing.save(Some(packet_id), unix_start_ms, &mut scratch, &mut out);
                }
                InFlight::AwaitPubcomp => super::saved::write_released(packet_id, &mut out),
                InFlight::Request => {} // does not outlive a connection
            }
        }
        for outgoing in self.queue.iter().filter(|outgoing| !outgoing.fails_offline()) {
            outgoing.save(None, unix_start_ms, &mut scratch, &mut out);
        }
        out
    }

    fn restore(&mut self, saved: Saved) {
        if !saved.client_id.is_empty() {
            self.client_id = saved.client_id;
        }
        self.next_id = saved.next_id;
        if !saved.begun {
            return self.requeue(saved.in_flight, saved.queue);
        }
        self.clean_start = false;
        self.receiver = Receiver::restore(saved.received);
        self.sender = Sender::restore(u16::MAX, saved.in_flight);
        self.requeue(Vec::new(), saved.queue);
        // Nobody knows whether the last CONNECT of the program before made a new Session.
        self.subscriptions.restore_saved(saved.granted);
        for filter in saved.unwanted {
            self.unsubscribe(crate::Instant::START, std::slice::from_ref(&filter));
        }
    }

    /// Messages that no Server has seen.
    fn requeue(&mut self, in_flight: Vec<(PacketId, InFlight<Outgoing>)>, queue: Vec<Outgoing>) {
        for (_, entry) in in_flight {
            if let InFlight::AwaitPuback(outgoing) | InFlight::AwaitPubrec(outgoing) = entry {
                self.queue.push(outgoing);
            }
        }
        queue.into_iter().for_each(|outgoing| self.queue.push(outgoing));
    }
}
