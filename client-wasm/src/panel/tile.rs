//! One tile: what its device confirmed, and what a person asked of it.
//!
//! Knows no time of its own, no connection and no page. A wish never becomes a value: only the device's word does.
//!
//! ```text
//!               wish                    device: as wished
//!   Settled ───────────▶ Pending ───────────────────────────▶ Settled
//!      ▲  ▲                │ │ │      device: something else
//!      │  │                │ │ └────────────────────────────▶ Settled, the device says otherwise
//!      │  └─ any value ─┐  │ └─ nothing by the deadline ─────▶ TimedOut ── wish ──▶ Pending
//!      └────────────────┴──┴─── broker or link says no ──────▶ Refused ─── wish ──▶ Pending
//! ```

use std::time::Duration;

use mqtt::Instant;

use crate::devices::{Form, Kind, TileKey, Value};

/// How long a device has to confirm; also the life of the command itself, so that nothing happens later than this.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// One point of a device with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Which point.
    pub key: TileKey,
    /// How it wants to be asked.
    pub form: Form,
    /// The last confirmed value; none when nothing of meaning was heard.
    pub reading: Option<Reading>,
    /// What became of the last wish.
    pub phase: Phase,
}

/// A value the device confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The value.
    pub value: Value,
    /// When it was first heard to be so.
    pub since: Instant,
    /// When it was heard last.
    pub heard: Instant,
    /// The change itself was not heard, only that it is so: it has been so for longer than `since` says.
    pub longer: bool,
    /// It was heard over a connection, or from a device, that has been away since.
    pub stale: bool,
}

/// Names a command until its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandId(pub(super) u64);

/// What became of the last wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There is none, or the device answered.
    Settled {
        /// Its answer was something else than the wish.
        otherwise: bool,
    },
    /// Asked, and waiting for the device.
    Pending {
        /// What was asked.
        command: CommandId,
        /// For what.
        wanted: Value,
        /// When.
        since: Instant,
        /// When waiting ends.
        deadline: Instant,
    },
    /// Not done.
    Refused {
        /// Why, in words.
        reason: String,
    },
    /// No answer by the deadline.
    TimedOut {
        /// What was asked, for another try.
        wanted: Value,
    },
    /// Accepted by a device that never confirms: shown as assumed, never as a fact.
    Assumed {
        /// What is assumed.
        value: Value,
    },
}

impl Tile {
    pub(super) const fn new(key: TileKey, form: Form) -> Self {
        Self { key, form, reading: None, phase: Phase::Settled { otherwise: false } }
    }

    /// What a tap asks for: the other side of a switch, zero of a counter, after a timeout the same again.
    #[must_use]
    pub fn next_wish(&self) -> Option<Value> {
        match (self.key.kind, &self.phase) {
            (Kind::Input, _) | (_, Phase::Pending { .. }) => None,
            (_, Phase::TimedOut { wanted }) => Some(*wanted),
            (Kind::Counter, _) => Some(Value::Count(0)),
            (Kind::Output, Phase::Assumed { value }) => Some(opposite(*value)),
            (Kind::Output, _) => Some(self.reading.map_or(Value::Switch(true), |r| opposite(r.value))),
        }
    }

    /// The device's word. `retained` is the broker's memory of it, `live` the device itself.
    pub(super) fn hear(&mut self, now: Instant, value: Option<Value>, retained: bool) {
        let Some(value) = value else {
            self.reading = None;
            return;
        };
        let old = self.reading.map(|r| r.value);
        self.note(now, value, retained);
        if let Phase::Pending { wanted, .. } = self.phase {
            match verdict(wanted, old, value) {
                Verdict::Done => self.phase = Phase::Settled { otherwise: false },
                // The broker's memory is older than the wish: it does not answer it.
                Verdict::Otherwise if !retained => self.phase = Phase::Settled { otherwise: true },
                Verdict::Otherwise | Verdict::NotYet => {}
            }
        } else if !retained {
            self.phase = Phase::Settled { otherwise: false };
        }
    }

    fn note(&mut self, now: Instant, value: Value, retained: bool) {
        let fresh = Reading { value, since: now, heard: now, longer: retained, stale: false };
        self.reading = Some(match self.reading {
            Some(old) if old.value == value => {
                // While it was stale it may have changed and changed back.
                let longer = old.longer || old.stale;
                Reading { heard: now, stale: false, longer, ..old }
            }
            // The first word of a value, live or not, says that it is so, not that it just became so.
            None => Reading { longer: true, ..fresh },
            Some(_) => fresh,
        });
    }

    pub(super) fn wish(&mut self, now: Instant, command: CommandId, wanted: Value) {
        self.phase = Phase::Pending { command, wanted, since: now, deadline: now + DEADLINE };
    }

    /// Ends the command if it still waits.
    pub(super) fn refuse(&mut self, command: CommandId, reason: &str) -> bool {
        let waits = self.waits_for(command);
        if waits {
            self.give_up(reason);
        }
        waits
    }

    /// Ends whatever command waits.
    pub(super) fn give_up(&mut self, reason: &str) {
        if let Phase::Pending { .. } = self.phase {
            self.phase = Phase::Refused { reason: reason.to_owned() };
        }
    }

    /// The device took the command and will never confirm it.
    pub(super) fn assume(&mut self, command: CommandId) -> bool {
        match self.phase {
            Phase::Pending { command: mine, wanted, .. } if mine == command => {
                self.phase = Phase::Assumed { value: wanted };
                true
            }
            _ => false,
        }
    }

    pub(super) fn time_out(&mut self, now: Instant) {
        if let Phase::Pending { wanted, deadline, .. } = self.phase
            && deadline <= now
        {
            self.phase = Phase::TimedOut { wanted };
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Pending { deadline, .. } => Some(deadline),
            _ => None,
        }
    }

    pub(super) fn doubt(&mut self) {
        if let Some(reading) = &mut self.reading {
            reading.stale = true;
        }
    }

    /// Whether its value is one that was not heard since the link or the device came back.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.reading.is_some_and(|r| r.stale)
    }

    pub(super) fn waits_for(&self, wanted: CommandId) -> bool {
        matches!(self.phase, Phase::Pending { command, .. } if command == wanted)
    }
}

enum Verdict {
    Done,
    Otherwise,
    NotYet,
}

/// Whether a value answers a wish. A counter that is set back goes on counting: whatever is less than before shows that it
/// was set back, and whatever is more that it only counted.
fn verdict(wanted: Value, old: Option<Value>, heard: Value) -> Verdict {
    match (wanted, old, heard) {
        _ if wanted == heard => Verdict::Done,
        (Value::Count(_), Some(Value::Count(before)), Value::Count(after)) if after < before => Verdict::Done,
        (Value::Count(_), ..) => Verdict::NotYet,
        (Value::Switch(_), ..) => Verdict::Otherwise,
    }
}

const fn opposite(value: Value) -> Value {
    match value {
        Value::Switch(on) => Value::Switch(!on),
        Value::Count(_) => Value::Count(0),
    }
}
