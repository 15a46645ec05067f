//! How shards reach each other: each has one inbox, in which what the others hand it lies in the order it was handed over.
//! It knows no broker, socket or runtime of either side.
//!
//! An inbox is always emptied, whatever its shard waits for, so that nobody ever blocks; who finds one too full reads no
//! more of its own sockets until there is room.

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::meeting::Meeting;
use super::shard::{Arrival, Settler};
use crate::broker::{Access, Config, Counters, LastAsked, LastFound, PeerItem, ShardId};

/// Bytes that may lie in an inbox before those that send there read no more.
const BOUND: usize = 4 << 20;

/// What lies before one shard.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    lying: Mutex<Lying>,
    /// Bytes that lie here or are being handled.
    bytes: AtomicUsize,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Lying {
    parcels: VecDeque<(ShardId, Parcel)>,
    /// Shards that wait for room.
    waiting: Vec<ShardId>,
}

/// What is handed over.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// What one broker tells another.
    Batch(Batch),
    /// All batches up to this one are handled. What came of them is kept, or there was no room for it.
    Confirmed { number: u64, is_kept: bool },
    /// A connection whose client is at home here.
    Arrival(Box<Arrival>),
    /// A Client that the door has served so far, with its connection.
    Settler(Box<Settler>),
    /// All are to meet.
    Meet(Arc<Meeting>),
    /// Somebody wants to know how things are.
    Ask(oneshot::Sender<Report>),
    /// Somebody wants to know what was said last.
    AskLast(Box<LastAsked>, oneshot::Sender<LastFound>),
    /// Who may come from now on.
    Access(Access),
    /// How much everyone may do from now on.
    Limits(Box<Config>),
    /// A login is over, and with it what came by it.
    Revoked(u64),
    /// All connections are to end; to be said when they have.
    ShutDown(oneshot::Sender<()>),
    /// There is nothing more to do.
    Stop,
    /// A shard cannot go on, for this reason, so nobody can.
    Failed(String),
}

/// What came together.
pub(crate) struct Batch {
    /// Counted from 1 by the sender.
    pub(crate) number: u64,
    pub(crate) items: Vec<PeerItem>,
    pub(crate) bytes: usize,
    /// Something waits for its confirmation.
    pub(crate) is_awaited: bool,
}

/// How one shard is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) counters: Counters,
    /// What its thread has used of a processor.
    pub(crate) cpu: Duration,
}

impl Inbox {
    /// Takes all of them, in their order.
    pub(crate) fn put(&self, from: ShardId, parcels: &mut Vec<Parcel>) {
        let bytes = parcels.iter().map(Parcel::bytes).sum();
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        self.lying().parcels.extend(parcels.drain(..).map(|parcel| (from, parcel)));
        self.arrived.notify_one();
    }

    /// Takes one.
    pub(crate) fn put_one(&self, from: ShardId, parcel: Parcel) {
        self.put(from, &mut vec![parcel]);
    }

    /// Waits until something is there, or may have room elsewhere.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// What is there.
    pub(crate) fn take(&self) -> VecDeque<(ShardId, Parcel)> {
        std::mem::take(&mut self.lying().parcels)
    }

    /// So many bytes of what was taken are handled. Names those who waited for that.
    pub(crate) fn handled(&self, bytes: usize) -> Vec<ShardId> {
        let before = self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        match before > BOUND && before - bytes <= BOUND {
            true => std::mem::take(&mut self.lying().waiting),
            false => Vec::new(),
        }
    }

    /// Looks again: something that was waited for may have happened.
    pub(crate) fn wake(&self) {
        self.arrived.notify_one();
    }

    /// Whether too much lies here for more to come. Then `who` is woken when there is room.
    pub(crate) fn is_full(&self, who: ShardId) -> bool {
        if self.bytes.load(Ordering::SeqCst) <= BOUND {
            return false;
        }
        let mut lying = self.lying();
        let is_full = self.bytes.load(Ordering::SeqCst) > BOUND;
        if is_full && !lying.waiting.contains(&who) {
            lying.waiting.push(who);
        }
        is_full
    }

    fn lying(&self) -> MutexGuard<'_, Lying> {
        self.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parcel {
    /// Bytes that are counted for it.
    pub(crate) const fn bytes(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.bytes,
            _ => 0,
        }
    }
}

impl Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("number", &self.number).field("items", &self.items.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: u64, bytes: usize) -> Parcel {
        Parcel::Batch(Batch { number, items: Vec::new(), bytes, is_awaited: false })
    }

    #[test]
    fn what_lies_there_is_taken_in_its_order() {
        let inbox = Inbox::default();
        inbox.put(ShardId(1), &mut vec![batch(1, 0), batch(2, 0)]);
        inbox.put_one(ShardId(2), batch(1, 0));
        inbox.put_one(ShardId(1), batch(3, 0));
        let number = |(from, parcel): (ShardId, Parcel)| match parcel {
            Parcel::Batch(batch) => (from.0, batch.number),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            inbox.take().into_iter().map(number).collect::<Vec<_>>(),
            [(1, 1), (1, 2), (2, 1), (1, 3)]
        );
        assert!(inbox.take().is_empty());
    }

    #[test]
    fn who_finds_it_full_is_named_when_there_is_room() {
        let (inbox, a, b) = (Inbox::default(), ShardId(1), ShardId(2));
        inbox.put_one(a, batch(1, BOUND));
        assert!(!inbox.is_full(a), "the bound itself is allowed");
        inbox.put_one(a, batch(2, 10));
        assert!(inbox.is_full(a) && inbox.is_full(b) && inbox.is_full(a));
        inbox.take();
        assert!(inbox.is_full(a), "taken is not handled");
        assert_eq!(inbox.handled(5), []);
        assert_eq!(inbox.handled(5), [a, b]);
        assert!(!inbox.is_full(a));
        assert_eq!(inbox.handled(BOUND), []);
    }
}
