//! All deadlines of the broker in one ordered set. A connection has at most one, a session one of each kind; their owner
//! remembers it, so that it can be taken out again.

use std::collections::BTreeSet;

use mqtt::Instant;

use super::{ConnectionId, SessionId};

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// CONNECT is late, or keep alive may have been missed.
    Connection(ConnectionId),
    /// The Session ends, or its will is due.
    Session(SessionId),
    /// The Session's search for retained messages goes on.
    Replay(SessionId),
    /// `$SYS` is told.
    Sys,
}

/// Deadlines by time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    all: BTreeSet<(Instant, Timer)>,
    /// The earliest of them: asked for after each packet, and seldom another.
    next: Option<Instant>,
}

impl Timers {
    /// Moves a deadline; `slot` is where its owner remembers it.
    pub(super) fn set(&mut self, timer: Timer, slot: &mut Option<Instant>, at: Option<Instant>) {
        if *slot == at {
            return;
        }
        if let Some(old) = slot.take() {
            self.all.remove(&(old, timer));
        }
        if let Some(at) = at {
            self.all.insert((at, timer));
        }
        *slot = at;
        self.find_next();
    }

    /// Takes out one deadline that has been reached. Its owner's slot is stale until it is set again.
    pub(super) fn due(&mut self, now: Instant) -> Option<Timer> {
        let &(at, timer) = self.all.first()?;
        if at > now {
            return None;
        }
        self.all.pop_first();
        self.find_next();
        Some(timer)
    }

    /// The earliest deadline.
    pub(super) const fn next(&self) -> Option<Instant> {
        self.next
    }

    fn find_next(&mut self) {
        self.next = self.all.first().map(|&(at, _)| at);
    }
}
