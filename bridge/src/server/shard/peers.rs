//! A shard's ends to the others: what is to be handed to each at the end of the turn, and which of it must be confirmed
//! before something may leave. It knows neither what is said nor what waits.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::broker::{PeerItem, ShardId};
use crate::server::inbox::{Batch, Inbox, Parcel};
use crate::server::store::Turn;

/// The others.
#[derive(Debug)]
pub(crate) struct Peers {
    me: ShardId,
    inboxes: Arc<[Inbox]>,
    lines: Box<[Line]>,
}

/// One of the others.
#[derive(Debug, Default)]
struct Line {
    /// What it gets at the end of the turn.
    parcels: Vec<Parcel>,
    /// The last batch that was begun.
    batch: u64,
    /// The last one that is to be confirmed, and the last one that is.
    awaited: u64,
    confirmed: u64,
    /// Which turns wait for which batch. Later turns stand later.
    waits: VecDeque<(Turn, u64)>,

    /// The last turn in which something it said changed what is kept.
    changed: Turn,
    /// Its batches that are handled and still to be confirmed, in their order.
    owed: VecDeque<Owed>,
}

/// A batch that is confirmed when this turn is durable. It waits for no other shard: two would wait for each other.
#[derive(Debug)]
struct Owed {
    number: u64,
    turn: Turn,
}

impl Peers {
    pub(crate) fn new(me: ShardId, inboxes: Arc<[Inbox]>) -> Self {
        let lines = inboxes.iter().map(|_| Line::default()).collect();
        Self { me, inboxes, lines }
    }

    pub(crate) const fn me(&self) -> ShardId {
        self.me
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.inboxes[usize::from(self.me.0)]
    }

    /// Everyone's.
    pub(super) fn inboxes(&self) -> Arc<[Inbox]> {
        Arc::clone(&self.inboxes)
    }

    /// Adds an item to what another gets.
    pub(super) fn say(&mut self, to: ShardId, item: PeerItem) {
        let batch = self.lines[usize::from(to.0)].open_batch();
        batch.bytes += item.bytes();
        batch.items.push(item);
    }

    /// Adds a plain message to what another gets.
    pub(super) fn carry(&mut self, to: ShardId, message: &[u8]) {
        let batch = self.lines[usize::from(to.0)].open_batch();
        batch.bytes += message.len();
        if let Some(item) = PeerItem::carry(batch.items.last_mut(), message) {
            batch.bytes += item.bytes() - message.len();
            batch.items.push(item);
        }
    }

    /// Adds anything else to what another gets.
    pub(super) fn send(&mut self, to: ShardId, parcel: Parcel) {
        self.lines[usize::from(to.0)].parcels.push(parcel);
    }

    /// The same to all of them.
    pub(super) fn send_to_all(&mut self, parcel: impl Fn() -> Parcel) {
        let me = self.me;
        let others = (0..).map(ShardId).zip(&mut self.lines).filter(|&(shard, _)| shard != me);
        others.for_each(|(_, line)| line.parcels.push(parcel()));
    }

    pub(super) fn has_parcels(&self) -> bool {
        self.lines.iter().any(|line| !line.parcels.is_empty())
    }

    /// Hands over what has gathered: one wake-up each.
    pub(super) fn hand_over(&mut self) {
        for (line, inbox) in self.lines.iter_mut().zip(&*self.inboxes) {
            if !line.parcels.is_empty() {
                inbox.put(self.me, &mut line.parcels);
            }
        }
    }

    /// Whether one of them does not keep up. Then the own inbox is woken when it does.
    pub(super) fn are_behind(&self) -> bool {
        let full = self.inboxes.iter().filter(|inbox| inbox.is_full(self.me));
        full.count() > 0 // all are asked, so that each one that is full wakes us
    }

    /// What is held in this turn waits until all that was ever said is confirmed.
    pub(super) fn hold(&mut self, turn: Turn) {
        for line in &mut self.lines {
            if line.batch == line.confirmed {
                continue;
            }
            let number = line.await_confirmation();
            if line.waits.back().is_none_or(|&(_, last)| last < number) {
                line.waits.push_back((turn, number));
            }
        }
    }

    /// Up to this turn nothing waits for a confirmation.
    pub(super) fn confirmed(&self) -> Turn {
        let waits = self.lines.iter().filter_map(|line| line.waits.front());
        waits.map(|&(turn, _)| turn - 1).min().unwrap_or(Turn::MAX)
    }

    /// Another has confirmed a batch. Names the last turn that waited for it.
    pub(super) fn take_confirmation(&mut self, from: ShardId, number: u64) -> Option<Turn> {
        let line = &mut self.lines[usize::from(from.0)];
        line.confirmed = number.max(line.confirmed);
        let mut last = None;
        while let Some((turn, _)) = line.waits.pop_front_if(|(_, waits_for)| *waits_for <= number) {
            last = Some(turn);
        }
        last
    }

    /// A batch was handled; `changed` is the turn in which that has changed what is kept.
    pub(super) fn handled(
        &mut self,
        from: ShardId,
        (number, is_awaited): (u64, bool),
        changed: Option<Turn>,
    ) {
        let line = &mut self.lines[usize::from(from.0)];
        line.changed = changed.unwrap_or(line.changed);
        if is_awaited {
            line.owed.push_back(Owed { number, turn: line.changed });
        }
    }

    /// The last turn in which something this one said changed what is kept.
    pub(super) fn changed(&self, from: ShardId) -> Turn {
        self.lines[usize::from(from.0)].changed
    }

    /// Confirms what can be: all up to one turn is durable, and what is not and stands up to another one has no room.
    pub(super) fn confirm(&mut self, durable: Turn, refused: Turn) {
        for line in &mut self.lines {
            let is_over = |owed: &mut Owed| owed.turn <= durable.max(refused);
            while let Some(owed) = line.owed.pop_front_if(is_over) {
                let is_kept = owed.turn <= durable;
                line.parcels.push(Parcel::Confirmed { number: owed.number, is_kept });
            }
        }
    }
}

impl Line {
    /// The batch that goes at the end of this turn.
    fn open_batch(&mut self) -> &mut Batch {
        if !matches!(self.parcels.last(), Some(Parcel::Batch(_))) {
            self.batch += 1;
            let (number, items) = (self.batch, Vec::new());
            self.parcels.push(Parcel::Batch(Batch { number, items, bytes: 0, is_awaited: false }));
        }
        match self.parcels.last_mut() {
            Some(Parcel::Batch(batch)) => batch,
            _ => unreachable!("it stands there now"),
        }
    }

    /// Names a batch whose confirmation means that all that was said is confirmed; an empty one when they are all on their way.
    fn await_confirmation(&mut self) -> u64 {
        if self.awaited < self.batch {
            let batch = self.open_batch();
            batch.is_awaited = true;
            self.awaited = batch.number;
        }
        self.awaited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ShardId = ShardId(0);
    const B: ShardId = ShardId(1);
    const C: ShardId = ShardId(2);

    fn three() -> Peers {
        Peers::new(A, (0..3).map(|_| Inbox::default()).collect())
    }

    /// Numbers of the batches that lie before one, and whether they are awaited; and confirmations, as text.
    fn lying(peers: &mut Peers, at: ShardId) -> Vec<String> {
        peers.hand_over();
        let text = |(_, parcel)| match parcel {
            Parcel::Batch(Batch { number, items, is_awaited, .. }) => {
                format!("{number}:{}{}", items.len(), if is_awaited { "!" } else { "" })
            }
            Parcel::Confirmed { number, is_kept } => format!("ok {number} {is_kept}"),
            other => format!("{other:?}"),
        };
        peers.inboxes[usize::from(at.0)].take().into_iter().map(text).collect()
    }

    #[test]
    fn a_turn_is_one_batch_for_each() {
        let mut peers = three();
        for to in [B, C, B] {
            peers.say(to, PeerItem::nothing());
        }
        assert_eq!(lying(&mut peers, B), ["1:2"]);
        assert_eq!(lying(&mut peers, C), ["1:1"]);
        assert!(lying(&mut peers, A).is_empty());
    }

    #[test]
    fn what_is_held_waits_for_all_that_was_said_until_then_and_no_more() {
        let mut peers = three();
        assert_eq!(peers.confirmed(), Turn::MAX);
        peers.hold(1);
        assert_eq!(peers.confirmed(), Turn::MAX, "nothing was said");
        peers.say(B, PeerItem::nothing());
        assert_eq!(lying(&mut peers, B), ["1:1"], "nobody waits for it yet");
        peers.say(C, PeerItem::nothing());
        peers.hold(2);
        assert_eq!(peers.confirmed(), 1);
        assert_eq!((lying(&mut peers, B), lying(&mut peers, C)), (vec!["2:0!".into()], vec!["1:1!".into()]));
        peers.say(C, PeerItem::nothing());
        assert_eq!(peers.take_confirmation(C, 1), Some(2));
        assert_eq!(peers.confirmed(), 1, "one of two");
        assert_eq!(peers.take_confirmation(B, 2), Some(2));
        assert_eq!(peers.confirmed(), Turn::MAX);
    }

    #[test]
    fn a_batch_is_confirmed_when_what_it_changed_is_durable_and_not_before_those_ahead_of_it() {
        let mut peers = three();
        peers.handled(B, (1, false), Some(5));
        peers.handled(B, (2, true), None);
        peers.handled(C, (1, true), None);
        peers.confirm(4, 0);
        assert_eq!((lying(&mut peers, B), lying(&mut peers, C)), (vec![], vec!["ok 1 true".into()]));
        peers.confirm(5, 0);
        assert_eq!(lying(&mut peers, B), ["ok 2 true"]);
        peers.handled(B, (3, true), Some(7));
        peers.confirm(6, 7);
        assert_eq!(lying(&mut peers, B), ["ok 3 false"], "there was no room");
    }
}
