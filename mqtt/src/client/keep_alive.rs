//! When to send PINGREQ and when to give up on a silent Server (3.1.2.10). It only says so; it sends nothing.

use std::time::Duration;

use crate::Instant;

/// The liveness of one Network Connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    /// The longest silence of either side before a PINGREQ.
    quiet: Option<Duration>,
    last_sent: Instant,
    last_received: Instant,
    /// PINGREQs without a PINGRESP.
    unanswered: u32,
    deadline: Option<Deadline>,
}

#[derive(Clone, Copy, Debug)]
struct Deadline {
    at: Instant,
    /// Only PINGRESP counts: bytes that lay in a buffer while the machine slept prove nothing.
    probe: bool,
    timeout: Duration,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// The Server is silent. After a probe the next attempt should not wait.
    Dead {
        probe: bool,
    },
}

impl KeepAlive {
    /// `seconds` as agreed with the Server, 0 for none. Three quarters of it leave time for the way [MQTT-3.1.2-20].
    pub(super) fn new(seconds: u16, now: Instant) -> Self {
        let quiet = (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)) * 3 / 4);
        Self { quiet, last_sent: now, last_received: now, unanswered: 0, deadline: None }
    }

    pub(super) const fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Bytes have come: while a PINGREQ of the keep alive waits behind them, the Server is alive.
    pub(super) fn received(&mut self, now: Instant) {
        self.last_received = now;
        if let Some(deadline) = self.deadline.as_mut().filter(|deadline| !deadline.probe) {
            deadline.at = now + deadline.timeout;
        }
    }

    /// A PINGREQ is being sent, whose answer must come within `timeout`.
    pub(super) fn pinged(&mut self, now: Instant, timeout: Duration, probe: bool) {
        self.unanswered = self.unanswered.saturating_add(1);
        self.deadline = Some(Deadline { at: now + timeout, probe, timeout });
    }

    /// Whether a probe waits for its answer.
    pub(super) fn is_probed(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline.probe)
    }

    pub(super) const fn pong(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.unanswered == 0 {
            self.deadline = None;
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        match self.deadline {
            Some(deadline) => Some(deadline.at),
            None => self.quiet.map(|quiet| self.last_sent.min(self.last_received) + quiet),
        }
    }

    pub(super) fn due(&self, now: Instant) -> Due {
        match (self.next(), self.deadline) {
            (Some(at), _) if now < at => Due::Nothing,
            (Some(_), Some(Deadline { probe, .. })) => Due::Dead { probe },
            (Some(_), None) => Due::Ping,
            (None, _) => Due::Nothing,
        }
    }
}
