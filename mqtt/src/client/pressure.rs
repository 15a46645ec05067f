//! What a Client does when it or its driver cannot keep up. It knows no buffer: the driver measures.

use super::Client;
use crate::Instant;

/// Where the flow is slowed, and what that has cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pressure {
    /// The driver holds more of the Server's bytes than it wants.
    pub(super) shedding: bool,
    /// The transport has not sent what it was given.
    pub(super) congested: bool,
    pub(super) shed: u64,
}

impl Client {
    /// While the driver has too many bytes of the Server to hand over, messages of QoS 0 are dropped and counted instead of
    /// told. Those of QoS 1 and 2 are never dropped: bytes that are not handed over are not acknowledged, so the Server
    /// stops at [`receive_maximum`](super::Config::receive_maximum).
    pub const fn set_shedding(&mut self, shedding: bool) {
        self.pressure.shedding = shedding;
    }

    /// Messages of QoS 0 that were dropped because the application could not keep up.
    #[must_use]
    pub const fn shed(&self) -> u64 {
        self.pressure.shed
    }

    /// While the transport has not sent what it was given, messages wait in the queue, within its bounds. Acknowledgements,
    /// subscriptions and pings go on.
    pub fn set_congested(&mut self, now: Instant, congested: bool) {
        self.pressure.congested = congested;
        self.flush(now);
    }
}
