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

use std::rc::Rc;
use std::time::Duration;

use mqtt::Instant;

use crate::devices::{Kind, Num, Range, Spec, Tells, Value};

/// How long a device has to confirm; also the life of the command itself, so that nothing happens later than this.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// The same for what has a way to go: blinds, gates, lamps that fade.
const TRAVEL: Duration = Duration::from_secs(60);

/// One point of a device with all that is known of it.
#[derive(Clone, Debug)]
pub struct Tile {
    /// Which point, and what it can do.
    pub spec: Rc<Spec>,
    /// The last confirmed value; none when nothing of meaning was heard.
    pub reading: Option<Reading>,
    /// What was heard last has no meaning here.
    pub puzzles: bool,
    /// What became of the last wish.
    pub phase: Phase,
    /// Another page has asked for something, and waits no longer than until then.
    pub elsewhere: Option<Instant>,
}

/// Two are equal when they are drawn alike; a specification is only compared by its place, which is enough for that.
impl PartialEq for Tile {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.spec, &other.spec)
            && self.reading == other.reading
            && self.puzzles == other.puzzles
            && self.phase == other.phase
            && self.elsewhere == other.elsewhere
    }
}

impl Eq for Tile {}

/// A value the device confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Whose word a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The device's, just now.
    Live,
    /// The broker's memory of what is retained.
    Retained,
    /// Somebody's memory of what was said before anything was heard. It counts only until then.
    Recalled,
}

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
        /// How far it has come.
        proof: Proof,
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

/// How far a wish has come before the device confirms it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// It was asked for.
    Asked,
    /// The broker has it.
    Sent,
    /// The device has it.
    Accepted,
}

impl Tile {
    pub(super) const fn new(spec: Rc<Spec>) -> Self {
        Self {
            spec,
            reading: None,
            puzzles: false,
            phase: Phase::Settled { otherwise: false },
            elsewhere: None,
        }
    }

    /// Whether it can be asked for something now: not while it waits, but for what is set by degrees, where the last word
    /// counts.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        let by_degrees =
            matches!(self.spec.kind, Kind::Slider(_) | Kind::Stepper(_) | Kind::Colour | Kind::Cover);
        self.spec.write.is_some() && (by_degrees || self.wanted().is_none())
    }

    /// What was asked for and is not answered yet.
    #[must_use]
    pub const fn wanted(&self) -> Option<&Value> {
        match &self.phase {
            Phase::Pending { wanted, .. } => Some(wanted),
            _ => None,
        }
    }

    /// The value that is confirmed.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.reading.as_ref().map(|reading| &reading.value)
    }

    /// Whether anything speaks for it; otherwise it is never confirmed.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.spec.reads.iter().any(|read| read.tells == Tells::Value)
    }

    /// What a tap asks for: the other side of a switch, zero of a counter, after a timeout the same again; none when a tap
    /// does not say what is wished.
    #[must_use]
    pub fn next_wish(&self) -> Option<Value> {
        if !self.may_ask() {
            return None;
        }
        if let Phase::TimedOut { wanted } = &self.phase {
            return Some(wanted.clone());
        }
        let is_on = match (&self.phase, self.value()) {
            (Phase::Assumed { value: Value::Switch(on) }, _) | (_, Some(Value::Switch(on))) => *on,
            _ => false,
        };
        match self.spec.kind {
            Kind::Switch | Kind::Lock => Some(Value::Switch(!is_on)),
            Kind::Button => Some(Value::Switch(true)),
            Kind::Counter => Some(Value::Number(Num(0))),
            _ => None,
        }
    }

    /// The device's word.
    pub(super) fn hear(&mut self, now: Instant, value: Option<Value>, source: Source) {
        if source == Source::Recalled {
            let is_later = |old: &Reading| old.stale && old.heard < now;
            if let Some(value) = value.filter(|_| self.reading.as_ref().is_none_or(is_later)) {
                self.reading = Some(Reading { value, since: now, heard: now, longer: true, stale: true });
            }
            return;
        }
        self.puzzles = value.is_none();
        let Some(value) = value else {
            self.reading = None;
            return;
        };
        let retained = source == Source::Retained;
        // Whatever it says answers another page, except on its way there.
        if !retained && !self.spec.travels && self.spec.kind != Kind::Counter {
            self.elsewhere = None;
        }
        let verdict = match &self.phase {
            Phase::Pending { wanted, .. } => Some(verdict(&self.spec, wanted, self.value(), &value)),
            _ => None,
        };
        self.note(now, value, retained);
        if let Some(verdict) = verdict {
            match verdict {
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
        let fresh = |value| Reading { value, since: now, heard: now, longer: retained, stale: false };
        self.reading = Some(match self.reading.take() {
            Some(old) if old.value == value => {
                // While it was stale it may have changed and changed back.
                let longer = old.longer || old.stale;
                Reading { heard: now, stale: false, longer, ..old }
            }
            // The first word of a value, live or not, says that it is so, not that it just became so.
            None => Reading { longer: true, ..fresh(value) },
            Some(_) => fresh(value),
        });
    }

    pub(super) fn wish(&mut self, now: Instant, command: CommandId, wanted: Value) {
        let deadline = now + self.patience();
        self.phase = Phase::Pending { command, wanted, since: now, deadline, proof: Proof::Asked };
    }

    /// How long its device has to confirm.
    #[must_use]
    pub fn patience(&self) -> Duration {
        if self.spec.travels { TRAVEL } else { DEADLINE }
    }

    /// A wish has come further. A device that never confirms is then assumed to have done it.
    pub(super) fn advance(&mut self, to: Proof) {
        let is_told = self.is_told();
        if let Phase::Pending { wanted, proof, .. } = &mut self.phase {
            *proof = to.max(*proof);
            if !is_told {
                self.phase = Phase::Assumed { value: wanted.clone() };
            }
        }
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

    pub(super) fn time_out(&mut self, now: Instant) {
        if let Phase::Pending { wanted, deadline, .. } = &self.phase
            && *deadline <= now
        {
            self.phase = Phase::TimedOut { wanted: wanted.clone() };
        }
        self.elsewhere = self.elsewhere.filter(|until| *until > now);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let mine = match self.phase {
            Phase::Pending { deadline, .. } => Some(deadline),
            _ => None,
        };
        mine.into_iter().chain(self.elsewhere).min()
    }

    pub(super) fn doubt(&mut self) {
        if let Some(reading) = &mut self.reading {
            reading.stale = true;
        }
    }

    /// Whether its value is one that was not heard since the link or the device came back.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.reading.as_ref().is_some_and(|r| r.stale)
    }

    /// Whether what it tells comes by itself, so that there is a line of its numbers.
    #[must_use]
    pub fn tells(&self) -> bool {
        matches!(self.spec.kind, Kind::Reading | Kind::Counter)
    }

    /// Whether it tells a number, and nothing else is done with it.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.spec.kind == Kind::Reading && matches!(self.value(), Some(Value::Number(_)))
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
/// was set back, and whatever is more that it only counted. Numbers and colours may come back rounded. What has a way to go
/// says other values while it goes.
fn verdict(spec: &Spec, wanted: &Value, old: Option<&Value>, heard: &Value) -> Verdict {
    match (&spec.kind, wanted, heard) {
        _ if wanted == heard => Verdict::Done,
        (Kind::Counter, _, Value::Number(after)) => match old {
            Some(Value::Number(before)) if after < before => Verdict::Done,
            _ => Verdict::NotYet,
        },
        (Kind::Cover, Value::Text(wanted), Value::Text(heard)) => {
            let is_so = match &**wanted {
                "open" => &**heard == "opening",
                "close" => matches!(&**heard, "closing" | "closed"),
                _ => !matches!(&**heard, "opening" | "closing"),
            };
            if is_so { Verdict::Done } else { Verdict::NotYet }
        }
        (Kind::Slider(range) | Kind::Stepper(range), Value::Number(wanted), Value::Number(heard))
            if is_near(*wanted, *heard, range) =>
        {
            Verdict::Done
        }
        (Kind::Colour, Value::Colour(hue, saturation), Value::Colour(other_hue, other)) => {
            let turn = hue.abs_diff(*other_hue);
            let is_grey = *saturation < 8 && *other < 8;
            let is_near = turn.min(360 - turn.min(360)) <= 8 && saturation.abs_diff(*other) <= 8;
            if is_near || is_grey { Verdict::Done } else { Verdict::Otherwise }
        }
        _ if spec.travels => Verdict::NotYet,
        _ => Verdict::Otherwise,
    }
}

fn is_near(wanted: Num, heard: Num, range: &Range) -> bool {
    (wanted.0 - heard.0).abs() <= range.step.0 / 2
}
