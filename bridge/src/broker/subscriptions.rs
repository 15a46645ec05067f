//! Who is subscribed to what: a tree of Topic Filter levels, and in front of it the answers for the topics that are
//! published to now. It knows nothing of connections or messages.

mod audience;
mod cache;
mod levels;
mod peers;
mod shares;
mod subscribers;
mod tree;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::rc::Rc;

use mqtt::packet::SubscriptionOptions;
use mqtt::{TopicFilter, TopicName};

pub(super) use self::audience::{Audience, Member};
use self::cache::Cache;
pub(super) use self::peers::News;
use self::shares::Shares;
pub(super) use self::shares::{Kind, Members, Share, ShareId, Tried};
pub(super) use self::tree::FilterId;
use self::tree::Tree;
use super::SessionId;
use super::config::Overlapping;
use super::hash::Keys;

/// All subscriptions of this broker.
#[derive(Debug)]
pub(super) struct Subscriptions {
    tree: Tree,
    shares: Shares,
    count: usize,
    shared: usize,
    /// Counts the changes; an answer from before the last one is worthless.
    generation: u64,
    cache: Cache,
    overlapping: Overlapping,
    has_peers: bool,
    news: Vec<News>,
}

/// One Session's subscription to one filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription {
    pub(super) session: SessionId,
    pub(super) options: SubscriptionOptions,
    pub(super) id: Option<NonZeroU32>,
}

/// The same by the filter's text, as it stands in no tree.
pub(super) type Standing = (String, SubscriptionOptions, Option<NonZeroU32>);

impl Subscriptions {
    /// What overlaps is delivered in another way from now on.
    pub(super) fn set_overlapping(&mut self, overlapping: Overlapping) {
        if self.overlapping != overlapping {
            self.overlapping = overlapping;
            self.forget_audiences();
        }
    }

    /// No subscriptions. What overlaps is delivered as `overlapping` says.
    pub(super) fn new(overlapping: Overlapping, keys: Keys) -> Self {
        Self {
            tree: Tree::new(keys),
            shares: Shares::new(keys),
            count: 0,
            shared: 0,
            generation: 0,
            cache: Cache::new(keys),
            overlapping,
            has_peers: false,
            news: Vec::new(),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Those of them that are a member's of a Shared Subscription.
    pub(super) const fn shared(&self) -> usize {
        self.shared
    }

    /// Adds or replaces a subscription [MQTT-3.8.4-3]; says its place and whether it is new.
    pub(super) fn insert(
        &mut self,
        filter: TopicFilter<&str>,
        subscription: Subscription,
    ) -> (FilterId, bool) {
        self.generation += 1;
        let at = self.tree.place_or_new(filter);
        let is_new =
            self.tree.subscribers_mut(at).is_some_and(|subscribers| subscribers.insert(subscription));
        self.count += usize::from(is_new);
        if self.has_peers && is_new {
            self.note(at, true);
        }
        (at, is_new)
    }

    /// Ends the subscription to a filter that is the same, character by character [MQTT-3.10.4-1]; its place is returned if
    /// there was one.
    pub(super) fn remove(&mut self, filter: TopicFilter<&str>, session: SessionId) -> Option<FilterId> {
        let at = self.place(filter)?;
        self.remove_at(at, session).then_some(at)
    }

    /// The same for a member of a Shared Subscription.
    pub(super) fn insert_shared(
        &mut self,
        (name, filter): (&str, TopicFilter<&str>),
        member: Subscription,
        is_connected: bool,
    ) -> ShareId {
        let id = self.share_or_new(name, filter);
        let is_new = self.shares.get_mut(id).is_some_and(|share| share.set(member, is_connected));
        self.count += usize::from(is_new);
        self.shared += usize::from(is_new);
        self.note_members(id);
        id
    }

    fn share_or_new(&mut self, name: &str, filter: TopicFilter<&str>) -> ShareId {
        let text = || format!("$share/{name}/{}", filter.text()).into();
        let at = self.tree.place_or_new(filter);
        let name = self.tree.levels.find_or_new(name);
        let (id, is_new) = self.shares.find_or_new((at, name), text);
        if is_new {
            self.generation += 1;
            self.tree.levels.hold(name);
            if let Some(subscribers) = self.tree.subscribers_mut(at) {
                subscribers.insert_share(id);
            }
        }
        id
    }

    /// Where a Shared Subscription stands.
    pub(super) fn find_share(&self, name: &str, filter: TopicFilter<&str>) -> Option<ShareId> {
        self.shares.find(self.place(filter)?, self.tree.levels.find(name)?)
    }

    pub(super) fn share(&self, id: ShareId) -> Option<&Share> {
        self.shares.get(id)
    }

    pub(super) fn share_mut(&mut self, id: ShareId) -> Option<&mut Share> {
        self.shares.get_mut(id)
    }

    /// The Client of a member has come or gone.
    pub(super) fn set_connected(&mut self, id: ShareId, session: SessionId, is_connected: bool) {
        let Some(share) = self.shares.get_mut(id) else { return };
        if let Some(member) = share.take(session) {
            share.set(member, is_connected);
            self.note_members(id);
        }
    }

    /// Ends one Session's part in a Shared Subscription.
    pub(super) fn leave_share(&mut self, id: ShareId, session: SessionId) {
        let Some(share) = self.shares.get_mut(id) else { return };
        if share.take(session).is_none() {
            return;
        }
        self.count -= 1;
        self.shared -= 1;
        self.note_members(id);
        self.drop_share_without_members(id);
    }

    fn drop_share_without_members(&mut self, id: ShareId) {
        let Some(share) = self.shares.get(id).filter(|share| share.is_empty()) else { return };
        let (at, name) = (share.at, share.name);
        self.generation += 1;
        self.shares.remove(id);
        self.tree.levels.release(name);
        if let Some(subscribers) = self.tree.subscribers_mut(at) {
            subscribers.remove_share(id);
        }
        self.tree.prune(at);
    }

    /// Where a filter stands, if anything is subscribed to it or below it.
    pub(super) fn place(&self, filter: TopicFilter<&str>) -> Option<FilterId> {
        self.tree.place(filter)
    }

    /// Ends all subscriptions of a Session that ends.
    pub(super) fn remove_all(&mut self, session: SessionId, filters: &BTreeSet<FilterId>) {
        for &filter in filters {
            self.remove_at(filter, session);
        }
    }

    /// The filter that stands there, and what a Session wants of it.
    pub(super) fn at(&mut self, at: FilterId, session: SessionId) -> Option<Standing> {
        let subscription = self.tree.subscribers_mut(at)?.of(session)?;
        Some((self.tree.text(at), subscription.options, subscription.id))
    }

    /// What was found so far is worth nothing any more.
    pub(super) const fn forget_audiences(&mut self) {
        self.generation += 1;
    }

    /// Who gets what is published to this topic: the subscriptions that match and that `permit` lets pass, as it changes them.
    pub(super) fn audience(
        &mut self,
        topic: TopicName<&str>,
        permit: impl FnMut(&mut Subscription) -> bool,
    ) -> Rc<Audience> {
        if let Some(audience) = self.cache.get(topic, self.generation) {
            return audience;
        }
        let mut found = self.tree.find(topic);
        found.subscriptions.retain_mut(permit);
        let audience = Rc::new(Audience::new(topic.to_shared(), found, self.overlapping));
        self.cache.insert(Rc::clone(&audience), self.generation);
        audience
    }

    fn remove_at(&mut self, at: FilterId, session: SessionId) -> bool {
        let Some(subscribers) = self.tree.subscribers_mut(at) else { return false };
        if !subscribers.remove(session) {
            return false;
        }
        self.generation += 1;
        self.count -= 1;
        if self.has_peers {
            self.note(at, false);
        }
        self.tree.prune(at);
        true
    }
}

#[cfg(test)]
mod tests;
