//! Messages that wait for one Session's window or connection.
//!
//! It knows no Client and no disk. What comes after the first of them and is kept anyway is put away: it stays here as a
//! number, and what it says is fetched from where it is kept when its turn is near.

use std::collections::VecDeque;
use std::sync::Arc;

use mqtt::{Instant, Qos};

use super::SessionId;
use super::change::MessageNumber;
use super::session::{Queued, earlier};
use super::stored::Stored;

/// Messages and bytes that a queue holds as a whole.
pub(super) type Head = (usize, usize);

/// For a Client that is away. Tests are to see what takes many messages elsewhere.
pub(super) const HEAD_AWAY: Head = (if cfg!(test) { 2 } else { 64 }, 256 << 10);
/// For a Client that is there, so that a short delay asks nothing of the disk.
pub(super) const HEAD_THERE: Head = (if cfg!(test) { 3 } else { 1024 }, 1 << 20);

/// So few messages before those that are put away make it time to fetch some.
const LOW: usize = if cfg!(test) { 2 } else { 64 };
/// Messages and bytes that are fetched at once.
const BATCH: (usize, usize) = (if cfg!(test) { 3 } else { 256 }, 1 << 20);

/// Messages in their order, with the bytes they stand for.
#[derive(Debug, Default)]
pub(super) struct Queue {
    messages: VecDeque<Queued>,
    /// What comes after these, from the first that is put away.
    rest: Option<Box<Rest>>,
    bytes: usize,
    /// No message in it expires before this.
    soonest: Option<Instant>,
    /// The operator was told that it is full.
    pub(super) is_told: bool,
}

/// Never empty; the first is put away.
#[derive(Debug, Default)]
struct Rest {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Which fetch is under way; zero for none.
    ticket: u64,
}

#[derive(Debug)]
enum Waiting {
    /// Nothing but this has it.
    Whole(Box<Queued>),
    Away(Away),
}

const _: () = assert!(size_of::<Waiting>() <= 32, "a million of them are waited for");

/// What must be known of a message that is put away. It is kept and came by no Shared Subscription.
#[derive(Debug)]
struct Away {
    number: MessageNumber,
    /// None is the end of time.
    expires: Instant,
    subscription_ids: Option<Box<Box<[u32]>>>,
    size: u32,
    qos: Qos,
    retain: bool,
}

/// Messages that a queue wants back.
#[derive(Debug)]
pub struct Fetch {
    pub(super) session: SessionId,
    ticket: u64,
    numbers: Box<[MessageNumber]>,
}

/// What has become of them. Those that are in neither list were kept and cannot be read.
#[derive(Debug, Default)]
pub struct Found {
    /// Those that are to be had, in the order they were wanted in.
    pub messages: Messages,
    /// Those that were never kept, because there was no room: who sent them was told.
    pub unstored: Vec<MessageNumber>,
}

/// Messages with their numbers.
pub type Messages = Vec<(MessageNumber, Arc<Stored>)>;

impl Fetch {
    /// For tests of what answers it.
    #[cfg(test)]
    pub(crate) fn of(numbers: &[MessageNumber]) -> Self {
        Self { session: SessionId(0), ticket: 1, numbers: numbers.into() }
    }

    /// Which ones, in the order they are wanted in.
    #[must_use]
    pub const fn numbers(&self) -> &[MessageNumber] {
        &self.numbers
    }
}

const NEVER: Instant = Instant::from_millis(u64::MAX);

impl Away {
    fn new(queued: Queued, size: usize) -> Self {
        let ids = queued.subscription_ids;
        Self {
            number: queued.number,
            expires: queued.message.expires.unwrap_or(NEVER),
            subscription_ids: (!ids.is_empty()).then(|| Box::new(ids)),
            size: u32::try_from(size).unwrap_or(u32::MAX),
            qos: queued.qos,
            retain: queued.retain,
        }
    }

    fn with(self, message: Arc<Stored>) -> Queued {
        Queued {
            message,
            qos: self.qos,
            retain: self.retain,
            share: None,
            subscription_ids: self.subscription_ids.map_or_else(Box::default, |ids| *ids),
            number: self.number,
        }
    }
}

impl Waiting {
    fn size(&self) -> usize {
        match self {
            Self::Whole(queued) => queued.size(),
            Self::Away(away) => away.size as usize,
        }
    }

    fn expires(&self) -> Option<Instant> {
        match self {
            Self::Whole(queued) => queued.message.expires,
            Self::Away(away) => Some(away.expires).filter(|&at| at != NEVER),
        }
    }

    const fn number(&self) -> MessageNumber {
        match self {
            Self::Whole(queued) => queued.number,
            Self::Away(away) => away.number,
        }
    }
}

impl Queue {
    /// Adds a message, which is put away where the head is full and it can be had again.
    pub(super) fn push(&mut self, queued: Queued, (max_messages, max_bytes): Head) {
        let size = queued.size();
        self.soonest = earlier(self.soonest, queued.message.expires);
        let can_leave = queued.number != 0 && queued.share.is_none();
        let fits = self.messages.is_empty()
            || (self.messages.len() < max_messages && self.bytes + size <= max_bytes);
        if self.rest.is_none() && (fits || !can_leave) {
            self.bytes += size;
            self.messages.push_back(queued);
            return;
        }
        let waiting = match can_leave {
            true => Waiting::Away(Away::new(queued, size)),
            false => Waiting::Whole(Box::new(queued)),
        };
        let rest = self.rest.get_or_insert_default();
        rest.bytes += waiting.size();
        self.bytes += waiting.size();
        rest.waiting.push_back(waiting);
    }

    /// Takes the first, if it is there as a whole.
    pub(super) fn pop(&mut self) -> Option<Queued> {
        let queued = self.messages.pop_front()?;
        self.bytes -= queued.size();
        if self.is_empty() {
            *self = Self::default();
        }
        Some(queued)
    }

    /// Whether one more message of this size keeps to these numbers of messages and bytes.
    pub(super) fn has_room(&self, size: usize, (max_messages, max_bytes): (usize, usize)) -> bool {
        self.len() < max_messages && self.bytes + size <= max_bytes
    }

    /// Takes out all that are there as a whole and that `is_wanted` says, in their order. What came by a Shared Subscription
    /// is.
    pub(super) fn take_all(&mut self, is_wanted: impl Fn(&Queued) -> bool) -> Vec<Queued> {
        let mut taken = Vec::new();
        if self.messages.iter().any(&is_wanted) {
            let (wanted, left) =
                std::mem::take(&mut self.messages).into_iter().partition::<Vec<_>, _>(&is_wanted);
            (taken, self.messages) = (wanted, left.into());
        }
        if let Some(rest) = &mut self.rest {
            let is_wanted =
                |waiting: &mut Waiting| matches!(waiting, Waiting::Whole(queued) if is_wanted(queued));
            let mut left = VecDeque::with_capacity(rest.waiting.len());
            for mut waiting in std::mem::take(&mut rest.waiting) {
                match (is_wanted(&mut waiting), waiting) {
                    (true, Waiting::Whole(queued)) => taken.push(*queued),
                    (_, waiting) => left.push_back(waiting),
                }
            }
            rest.waiting = left;
        }
        self.settle();
        self.is_told &= !self.is_empty();
        taken
    }

    /// Which ones are put away.
    pub(super) fn away(&self) -> impl Iterator<Item = MessageNumber> {
        let waiting = self.rest.iter().flat_map(|rest| &rest.waiting);
        waiting.filter(|waiting| matches!(waiting, Waiting::Away(_))).map(Waiting::number)
    }

    /// Drops what is worth nothing any more, and says by which numbers it was kept.
    pub(super) fn drop_expired(&mut self, now: Instant) -> Vec<MessageNumber> {
        let mut dropped = Vec::new();
        if self.soonest.is_none_or(|at| at > now) {
            return dropped;
        }
        self.messages.retain(|queued| {
            let is_expired = queued.message.is_expired(now);
            dropped.extend(is_expired.then_some(queued.number));
            !is_expired
        });
        self.soonest = self.messages.iter().fold(None, |soonest, q| earlier(soonest, q.message.expires));
        if let Some(rest) = &mut self.rest {
            rest.waiting.retain(|waiting| {
                let is_expired = waiting.expires().is_some_and(|at| at <= now);
                dropped.extend(is_expired.then(|| waiting.number()));
                !is_expired
            });
            let expiries = rest.waiting.iter().map(Waiting::expires);
            self.soonest = expiries.fold(self.soonest, earlier);
        }
        self.settle();
        dropped
    }

    /// The next ones that are to be fetched, if it is time for it.
    pub(super) fn fetch(
        &mut self,
        session: SessionId,
        last_ticket: &mut u64,
        is_there: impl Fn(MessageNumber) -> bool,
    ) -> Option<Fetch> {
        let rest = self.rest.as_mut().filter(|rest| rest.ticket == 0 && self.messages.len() < LOW)?;
        if rest.waiting.front().is_some_and(|first| !is_there(first.number())) {
            return None;
        }
        *last_ticket += 1;
        rest.ticket = *last_ticket;
        let (mut numbers, mut bytes) = (Vec::new(), 0);
        for waiting in rest.waiting.iter().take(BATCH.0) {
            bytes += waiting.size();
            let is_too_much = bytes > BATCH.1 && !numbers.is_empty();
            if matches!(waiting, Waiting::Whole(_)) || is_too_much || !is_there(waiting.number()) {
                break;
            }
            numbers.push(waiting.number());
        }
        Some(Fetch { session, ticket: rest.ticket, numbers: numbers.into() })
    }

    /// Takes what was fetched. Says which are not to be had; what was dropped meanwhile is not among these.
    pub(super) fn fetched(&mut self, fetch: &Fetch, found: Messages) -> Vec<MessageNumber> {
        let mut missing = Vec::new();
        let Some(rest) = self.rest.as_mut().filter(|rest| rest.ticket == fetch.ticket) else {
            return missing;
        };
        rest.ticket = 0;
        let mut found = found.into_iter().peekable();
        for &number in &fetch.numbers {
            let message = found.next_if(|&(of, _)| of == number).map(|(_, message)| message);
            let first = rest.waiting.pop_front_if(|first| first.number() == number);
            let Some(Waiting::Away(away)) = first else { continue };
            let size = away.size as usize;
            rest.bytes -= size;
            self.bytes -= size;
            match message {
                Some(message) => {
                    let queued = away.with(message);
                    self.bytes += queued.size();
                    self.messages.push_back(queued);
                }
                None => missing.push(number),
            }
        }
        self.draw();
        missing
    }

    /// Whether all are there as a whole, and this is so of each.
    pub(super) fn all(&self, is_so: impl Fn(&Queued) -> bool) -> bool {
        self.rest.is_none() && self.messages.iter().all(is_so)
    }

    pub(super) fn front(&self) -> Option<&Queued> {
        self.messages.front()
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len() + self.rest.as_ref().map_or(0, |rest| rest.waiting.len())
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.rest.is_none()
    }

    /// Some were taken out of the middle.
    fn settle(&mut self) {
        self.draw();
        if let Some(rest) = &mut self.rest {
            rest.bytes = rest.waiting.iter().map(Waiting::size).sum();
        }
        let rest = self.rest.as_ref().map_or(0, |rest| rest.bytes);
        self.bytes = rest + self.messages.iter().map(Queued::size).sum::<usize>();
    }

    /// What stands before the first that is put away belongs to the head.
    fn draw(&mut self) {
        let Some(rest) = &mut self.rest else { return };
        while let Some(first) = rest.waiting.pop_front_if(|first| matches!(first, Waiting::Whole(_))) {
            rest.bytes = rest.bytes.saturating_sub(first.size());
            if let Waiting::Whole(queued) = first {
                self.messages.push_back(*queued);
            }
        }
        if rest.waiting.is_empty() {
            self.rest = None;
        }
    }
}
