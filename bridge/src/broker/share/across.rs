//! Messages of Shared Subscriptions whose members live on several shards. Each shard knows how many members every other one
//! has, and gives each its turns; which of its members gets a message that one decides alone. One that can give it to nobody
//! passes it on to a shard that was not asked yet.

use std::sync::Arc;

use mqtt::packet::Publish;

use super::Chosen;
use crate::broker::Broker;
use crate::broker::change::{Change, MessageNumber};
use crate::broker::cross::{Fate, Receipt};
use crate::broker::route::{PLACEHOLDER, Routed, delivery};
use crate::broker::session::Queued;
use crate::broker::shard::{ShardId, Told};
use crate::broker::stored::Stored;
use crate::broker::subscriptions::{ShareId, Tried};

/// A message for one member of a Shared Subscription, on its way to the shard that is to choose one.
#[derive(Clone, Debug)]
pub(in crate::broker) struct Shared {
    pub(in crate::broker) share: Arc<str>,
    pub(in crate::broker) message: Arc<Stored>,
    /// Who is told what has become of it.
    origin: ShardId,
    receipt: Receipt,
    /// A row that is to be removed when this message has one of its own: that of the member that left it behind.
    replaces: MessageNumber,
    tried: Tried,
}

/// Where messages of the publication that is being routed go besides.
#[derive(Debug, Default)]
pub(in crate::broker) struct Leaving {
    to: Vec<(ShardId, Arc<str>, Tried)>,
}

/// What has become of one that this shard was to give to a member.
enum Given {
    Here,
    /// It goes on to this shard, when those were tried.
    Elsewhere(ShardId, Tried),
    Nobody,
}

impl Chosen {
    /// Who gets it now has to take it.
    const fn made_final(self) -> Self {
        match self {
            Self::Here(member) => Self::Here(member),
            Self::Elsewhere(shard, _) => Self::Elsewhere(shard, Tried::ALL),
        }
    }
}

impl Leaving {
    pub(in crate::broker) const fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    pub(in crate::broker) const fn len(&self) -> usize {
        self.to.len()
    }
}

impl Broker {
    /// Another shard is to choose a member.
    pub(super) fn choose_elsewhere(&mut self, share: ShareId, to: ShardId, tried: Tried) {
        if let Some(share) = self.subscriptions.share(share) {
            self.leaving.to.push((to, share.text(), tried));
        }
    }

    /// Sends a message to the shards that are to choose a member for it.
    pub(in crate::broker) fn send_to_shares(&mut self, message: &Arc<Stored>, receipt: &Receipt) {
        let origin = self.place.shard;
        for (to, share, tried) in std::mem::take(&mut self.leaving.to) {
            let (message, receipt) = (Arc::clone(message), receipt.clone());
            let shared = Shared { share, message, origin, receipt, replaces: 0, tried };
            self.out.peer(to, Told::Share(shared));
        }
    }

    /// Sends what a member has left behind to another shard. What is kept of it is that one's to remove.
    pub(super) fn hand_over(&mut self, share: ShareId, queued: Queued, to: ShardId, tried: Tried) {
        let Some(share) = self.subscriptions.share(share).map(|share| share.text()) else { return };
        self.tell_news(); // else it came back to a member that is gone
        let replaces = self.keeping.hand_over(queued.number);
        let (message, origin) = (queued.message, self.place.shard);
        let receipt = Receipt::None;
        let shared = Shared { share, message, origin, receipt, replaces, tried };
        self.out.peer(to, Told::Share(shared));
    }

    /// One of ours is to get a message, or a member elsewhere. Whoever waits for it waits for this shard alone: what is passed on
    /// has a row of its own until the next one has it.
    pub(in crate::broker) fn take_shared(&mut self, shared: &Shared) {
        let turned_away = self.counters.dropped_queue_full;
        let share = self.known_share(&shared.share);
        let given = share.map_or(Given::Nobody, |share| self.give(share, shared));
        let turned_away = self.counters.dropped_queue_full - turned_away;
        self.keeping.flush(&mut self.out);
        if let Given::Elsewhere(to, tried) = given {
            let replaces = self.keeping.keep_on_its_way(&shared.message, &shared.share, &mut self.out);
            let (origin, receipt) = (self.place.shard, Receipt::None);
            self.out.peer(to, Told::Share(Shared { origin, receipt, replaces, tried, ..shared.clone() }));
        }
        if shared.replaces != 0 {
            self.out.store(Change::MessageGone { number: shared.replaces });
        }
        let fate = match given {
            Given::Nobody if turned_away == 0 => Fate::Unwanted,
            Given::Nobody | Given::Here => Fate::of(1, turned_away),
            Given::Elsewhere(..) => Fate::Taken,
        };
        self.receipt_for(shared.origin, shared.receipt.clone(), fate);
    }

    /// Gives it to a member here, if that is where it is to go.
    fn give(&mut self, share: ShareId, shared: &Shared) -> Given {
        let message = &shared.message.message;
        if shared.message.is_expired(self.now) {
            self.counters.dropped_expired += 1; // [MQTT-3.3.2-5]
            return Given::Nobody;
        }
        let publish = Publish::of(message, delivery(message.qos, PLACEHOLDER, false));
        let audience = self.audience(message.topic.borrowed());
        let mut routed = Routed::of_stored(&shared.message, &publish, self.now);
        let wanted = (message.qos, message.size(), message.topic.as_str());
        let chosen = self.choose(share, wanted, shared.tried, true).or_else(|| {
            // Members have gone meanwhile, and it comes back to one that would have taken it later.
            let is_new = !shared.tried.is_empty() && shared.tried != Tried::ALL;
            let chosen = is_new.then(|| self.choose(share, wanted, Tried::default(), false))??;
            Some(chosen.made_final())
        });
        match chosen {
            Some(Chosen::Here(member)) => {
                self.deliver_to_member(share, member, &mut routed, &audience);
                Given::Here
            }
            Some(Chosen::Elsewhere(shard, tried)) => Given::Elsewhere(shard, tried),
            None => {
                self.counters.dropped_queue_full += u64::from(!shared.tried.is_empty());
                Given::Nobody
            }
        }
    }
}
