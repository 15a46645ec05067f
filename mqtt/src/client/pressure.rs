//! What a Client does when it or its driver cannot keep up. It knows no buffer: the driver measures.

use super::Client;
use crate::Instant;

/// Bytes of urgent messages that leave although the transport has not sent what it was given.
const URGENT_BYTES: usize = 64 << 10;
/// Bytes of messages in one turn of a driver that measures its transport: enough for a large frame, and little to stand
/// before a message that is urgent.
pub(super) const LOT: usize = 64 << 10;

/// Where the flow is slowed, and what that has cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pressure {
    /// The driver holds more of the Server's bytes than it wants.
    pub(super) shedding: bool,
    /// The transport has not sent what it was given.
    pub(super) congested: bool,
    /// What may leave all the same.
    pub(super) urgent_bytes: usize,
    /// The driver tells how its transport does: then messages leave in lots.
    pub(super) measured: bool,
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
    /// subscriptions and pings go on, and so do, up to a bound, messages with a deadline
    /// ([`Offline::WaitUntil`](super::Offline::WaitUntil)): they overtake all but what was published to their own topic.
    ///
    /// A driver that once calls this does so after each [`Output::Send`](super::Output::Send): messages then leave in lots
    /// rather than all that wait at once, so that what is urgent never stands behind much.
    pub fn set_congested(&mut self, now: Instant, congested: bool) {
        if !congested || !self.pressure.congested {
            self.pressure.urgent_bytes = URGENT_BYTES;
        }
        (self.pressure.congested, self.pressure.measured) = (congested, true);
        self.flush(now);
    }
}
