//! What other shards want, among what Sessions here want, and what they are to know of ours. It knows no shard's Sessions:
//! all of one shard's subscriptions to a filter are one.

use std::sync::Arc;

use mqtt::packet::SubscriptionOptions;
use mqtt::{Qos, TopicFilter};

use super::shares::{Members, ShareId};
use super::{FilterId, Subscription, Subscriptions};
use crate::broker::SessionId;
use crate::broker::shard::ShardId;

/// In place of Sessions other shards have numbers from here on. No Session gets so far.
const FIRST: SessionId = SessionId(u32::MAX - u16::MAX as u32);

/// Something that the other shards must know.
#[derive(Debug)]
pub(in crate::broker) enum News {
    /// Somebody is subscribed to this filter, or nobody any more.
    Interest { filter: Arc<str>, is_wanted: bool },
    /// A Shared Subscription has so many members here now.
    Members { share: Arc<str>, members: Members },
}

impl SessionId {
    /// What stands for a shard.
    const fn of_peer(shard: ShardId) -> Self {
        Self(FIRST.0 + shard.0 as u32)
    }

    /// The shard it stands for, if it does.
    pub(in crate::broker) fn peer(self) -> Option<ShardId> {
        self.0.checked_sub(FIRST.0).and_then(|at| u16::try_from(at).ok()).map(ShardId)
    }
}

impl Subscriptions {
    /// There are other shards, which are told what is wanted here.
    pub(in crate::broker) const fn set_has_peers(&mut self) {
        self.has_peers = true;
    }

    /// Another shard wants what matches a filter, or does not any more.
    pub(in crate::broker) fn set_peer(&mut self, filter: TopicFilter<&str>, shard: ShardId, is_wanted: bool) {
        let session = SessionId::of_peer(shard);
        self.generation += 1;
        if is_wanted {
            let at = self.tree.place_or_new(filter);
            if let Some(subscribers) = self.tree.subscribers_mut(at) {
                let options = SubscriptionOptions::at(Qos::ExactlyOnce);
                subscribers.insert(Subscription { session, options, id: None });
            }
        } else if let Some(at) = self.tree.place(filter) {
            if let Some(subscribers) = self.tree.subscribers_mut(at) {
                subscribers.remove(session);
            }
            self.tree.prune(at);
        }
    }

    /// Another shard has so many members of a Shared Subscription.
    pub(in crate::broker) fn set_peer_members(
        &mut self,
        (name, filter): (&str, TopicFilter<&str>),
        shard: ShardId,
        members: Members,
    ) {
        let id = self.share_or_new(name, filter);
        if let Some(share) = self.shares.get_mut(id) {
            share.set_elsewhere(shard, members);
        }
        self.drop_share_without_members(id);
    }

    /// Another shard has one more, from before the start, that gets what comes while it is away.
    pub(in crate::broker) fn add_peer_member(
        &mut self,
        (name, filter): (&str, TopicFilter<&str>),
        shard: ShardId,
    ) {
        let id = self.share_or_new(name, filter);
        if let Some(share) = self.shares.get_mut(id) {
            share.add_elsewhere(shard);
        }
    }

    /// Members of a Shared Subscription have come or gone.
    pub(super) fn note_members(&mut self, id: ShareId) {
        if self.has_peers
            && let Some(share) = self.shares.get(id)
        {
            self.news.push(News::Members { share: share.text(), members: share.members() });
        }
    }

    /// What the other shards must know since it was last asked for.
    pub(in crate::broker) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    pub(in crate::broker) const fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// The first Session has subscribed to what stands there, or the last has gone.
    pub(super) fn note(&mut self, at: FilterId, is_wanted: bool) {
        let locals = self.tree.subscribers_mut(at).map_or(0, |subscribers| subscribers.up_to_two(FIRST));
        if locals == usize::from(is_wanted) {
            let filter = self.tree.text(at).into();
            self.news.push(News::Interest { filter, is_wanted });
        }
    }
}
