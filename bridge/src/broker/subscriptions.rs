//! Who is subscribed to what: a tree of Topic Filter levels, and in front of it the answers for the topics that are
//! published to now. It knows nothing of connections or messages.

mod levels;
mod shares;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::rc::Rc;

use mqtt::packet::SubscriptionOptions;
use mqtt::{Qos, TopicFilter, TopicName};
use rustc_hash::FxHashMap;
use slab::Slab;

use self::levels::{HASH, LevelId, Levels, PLUS};
use self::shares::Shares;
pub(super) use self::shares::{Share, ShareId};
use super::SessionId;
use super::config::Overlapping;

/// Topics whose subscribers are remembered, and bytes they take; beyond that all are forgotten at once.
const CACHED_TOPICS: usize = 32_768;
const CACHED_BYTES: usize = 32 << 20;

/// A Topic Filter's place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FilterId(u32);

const ROOT: FilterId = FilterId(0);

/// All subscriptions of this broker.
#[derive(Debug)]
pub(super) struct Subscriptions {
    levels: Levels,
    edges: FxHashMap<(FilterId, LevelId), FilterId>,
    nodes: Slab<Node>,
    shares: Shares,
    count: usize,
    /// Counts the changes; an answer from before the last one is worthless.
    generation: u64,
    cache: FxHashMap<Box<str>, (u64, Rc<Audience>)>,
    /// Bytes put into the cache since it was last empty.
    cached_bytes: usize,
    overlapping: Overlapping,
}

/// One level of one or more filters.
#[derive(Debug)]
struct Node {
    parent: FilterId,
    level: LevelId,
    children: u32,
    subscribers: Vec<Subscription>,
    #[expect(clippy::box_collection, reason = "few nodes have any, and this is a third of the size")]
    shares: Option<Box<BTreeSet<ShareId>>>,
}

/// One Session's subscription to one filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription {
    pub(super) session: SessionId,
    pub(super) options: SubscriptionOptions,
    pub(super) id: Option<NonZeroU32>,
}

/// Who gets what is published to one topic.
#[derive(Debug)]
pub(super) struct Audience {
    pub(super) topic: TopicName,
    pub(super) members: Vec<Member>,
    /// Shared Subscriptions, of each of which one member gets it.
    pub(super) shares: Box<[ShareId]>,
}

/// What a walk through the tree has found.
#[derive(Debug, Default)]
struct Found {
    subscriptions: Vec<Subscription>,
    shares: Vec<ShareId>,
}

/// One copy of a message for one Session.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) session: SessionId,
    wanted: Wanted,
    own: Own,
}

/// What subscriptions ask for, taken together: the highest QoS of them [MQTT-3.3.4-2], with the identifiers of all
/// [MQTT-3.3.4-3], [MQTT-3.3.4-4].
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) qos: Qos,
    pub(super) retain_as_published: bool,
    pub(super) ids: Box<[u32]>,
}

/// What a Session gets that published the message itself: nothing of subscriptions with no local [MQTT-3.8.3-3].
#[derive(Debug)]
enum Own {
    /// None has it.
    All,
    /// Some have it, and this is what the others ask for.
    Some(Box<Wanted>),
    /// All have it.
    None,
}

impl Subscriptions {
    /// No subscriptions. What overlaps is delivered as `overlapping` says.
    pub(super) fn new(overlapping: Overlapping) -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::new(ROOT, PLUS));
        Self {
            levels: Levels::default(),
            edges: FxHashMap::default(),
            nodes,
            shares: Shares::default(),
            count: 0,
            generation: 0,
            cache: FxHashMap::default(),
            cached_bytes: 0,
            overlapping,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Adds or replaces a subscription [MQTT-3.8.4-3]; says its place and whether it is new.
    pub(super) fn insert(
        &mut self,
        filter: TopicFilter<&str>,
        subscription: Subscription,
    ) -> (FilterId, bool) {
        self.generation += 1;
        let at = self.place_or_new(filter);
        let Some(node) = self.nodes.get_mut(at.0 as usize) else { return (at, false) };
        let subscribers = &mut node.subscribers;
        if let Some(old) = subscribers.iter_mut().find(|old| old.session == subscription.session) {
            *old = subscription;
            return (at, false);
        }
        subscribers.push(subscription);
        self.count += 1;
        (at, true)
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
        let at = self.place_or_new(filter);
        let name = self.levels.find_or_new(name);
        let (id, is_new) = self.shares.find_or_new(at, name);
        if is_new {
            self.generation += 1;
            self.levels.hold(name);
            if let Some(node) = self.nodes.get_mut(at.0 as usize) {
                node.shares.get_or_insert_default().insert(id);
            }
        }
        let is_new = self.shares.get_mut(id).is_some_and(|share| share.set(member, is_connected));
        self.count += usize::from(is_new);
        id
    }

    /// Where a Shared Subscription stands.
    pub(super) fn find_share(&self, name: &str, filter: TopicFilter<&str>) -> Option<ShareId> {
        self.shares.find(self.place(filter)?, self.levels.find(name)?)
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
        }
    }

    /// Ends one Session's part in a Shared Subscription.
    pub(super) fn leave_share(&mut self, id: ShareId, session: SessionId) {
        let Some(share) = self.shares.get_mut(id) else { return };
        if share.take(session).is_none() {
            return;
        }
        self.count -= 1;
        if !share.is_empty() {
            return;
        }
        let (at, name) = (share.at, share.name);
        self.generation += 1;
        self.shares.remove(id);
        self.levels.release(name);
        if let Some(node) = self.nodes.get_mut(at.0 as usize)
            && let Some(shares) = &mut node.shares
        {
            shares.remove(&id);
            if shares.is_empty() {
                node.shares = None;
            }
        }
        self.prune(at);
    }

    /// Where a filter stands, if anything is subscribed to it or below it.
    pub(super) fn place(&self, filter: TopicFilter<&str>) -> Option<FilterId> {
        let mut levels = filter.as_str().split('/');
        levels.try_fold(ROOT, |at, level| self.edges.get(&(at, self.levels.find(level)?)).copied())
    }

    /// Ends all subscriptions of a Session that ends.
    pub(super) fn remove_all(&mut self, session: SessionId, filters: &BTreeSet<FilterId>) {
        for &filter in filters {
            self.remove_at(filter, session);
        }
    }

    /// Who gets what is published to this topic.
    pub(super) fn audience(&mut self, topic: TopicName<&str>) -> Rc<Audience> {
        if let Some((generation, audience)) = self.cache.get(topic.as_str())
            && *generation == self.generation
        {
            return Rc::clone(audience);
        }
        let audience = Rc::new(self.find_audience(topic));
        let size = audience.size();
        self.cached_bytes += size;
        if self.cache.len() >= CACHED_TOPICS || self.cached_bytes > CACHED_BYTES {
            self.cache.clear();
            self.cached_bytes = size;
        }
        self.cache.insert(topic.as_str().into(), (self.generation, Rc::clone(&audience)));
        audience
    }

    fn find_audience(&self, topic: TopicName<&str>) -> Audience {
        let mut found = Found::default();
        let levels: Vec<_> = topic.as_str().split('/').map(|level| self.levels.find(level)).collect();
        self.collect(ROOT, &levels, topic.is_reserved(), &mut found);
        found.subscriptions.sort_by_key(|s| s.session);
        let are_one = |a: &Subscription, b: &Subscription| match self.overlapping {
            Overlapping::One => a.session == b.session,
            Overlapping::Each => false,
        };
        let copies = found.subscriptions.chunk_by(are_one);
        Audience {
            topic: topic.to_shared(),
            members: copies.filter_map(Member::of).collect(),
            shares: found.shares.into(),
        }
    }

    /// Walks the branches that match; `reserved` holds wildcards off the first level [MQTT-4.7.2-1].
    fn collect(&self, at: FilterId, levels: &[Option<LevelId>], reserved: bool, found: &mut Found) {
        if !reserved && let Some(rest) = self.edges.get(&(at, HASH)) {
            self.take(*rest, found);
        }
        let Some((&level, below)) = levels.split_first() else {
            return self.take(at, found);
        };
        if !reserved && let Some(&any) = self.edges.get(&(at, PLUS)) {
            self.collect(any, below, false, found);
        }
        if let Some(&exact) = level.and_then(|level| self.edges.get(&(at, level))) {
            self.collect(exact, below, false, found);
        }
    }

    fn take(&self, at: FilterId, found: &mut Found) {
        let Some(node) = self.nodes.get(at.0 as usize) else { return };
        found.subscriptions.extend(&node.subscribers);
        found.shares.extend(node.shares.iter().flat_map(|shares| shares.iter()));
    }

    /// Levels are compared as they are [MQTT-4.7.3-4].
    fn place_or_new(&mut self, filter: TopicFilter<&str>) -> FilterId {
        filter.as_str().split('/').fold(ROOT, |at, level| self.child_or_new(at, level))
    }

    fn child_or_new(&mut self, parent: FilterId, level: &str) -> FilterId {
        let level = self.levels.find_or_new(level);
        if let Some(&child) = self.edges.get(&(parent, level)) {
            return child;
        }
        let child = FilterId(u32::try_from(self.nodes.insert(Node::new(parent, level))).unwrap_or(u32::MAX));
        self.levels.hold(level);
        self.edges.insert((parent, level), child);
        if let Some(parent) = self.nodes.get_mut(parent.0 as usize) {
            parent.children += 1;
        }
        child
    }

    fn remove_at(&mut self, at: FilterId, session: SessionId) -> bool {
        let Some(node) = self.nodes.get_mut(at.0 as usize) else { return false };
        let Some(found) = node.subscribers.iter().position(|s| s.session == session) else { return false };
        node.subscribers.swap_remove(found);
        if node.subscribers.is_empty() {
            node.subscribers = Vec::new();
        }
        self.generation += 1;
        self.count -= 1;
        self.prune(at);
        true
    }

    /// Removes nodes that serve nobody, upwards.
    fn prune(&mut self, mut at: FilterId) {
        while at != ROOT
            && let Some(node) = self.nodes.get(at.0 as usize)
            && node.children == 0
            && node.subscribers.is_empty()
            && node.shares.is_none()
        {
            let (parent, level) = (node.parent, node.level);
            self.nodes.remove(at.0 as usize);
            self.edges.remove(&(parent, level));
            self.levels.release(level);
            if let Some(parent) = self.nodes.get_mut(parent.0 as usize) {
                parent.children -= 1;
            }
            at = parent;
        }
    }
}

impl Node {
    const fn new(parent: FilterId, level: LevelId) -> Self {
        Self { parent, level, children: 0, subscribers: Vec::new(), shares: None }
    }
}

impl Audience {
    /// Bytes it takes in the cache, its key included.
    fn size(&self) -> usize {
        let members: usize = self.members.iter().map(Member::size).sum();
        2 * self.topic.as_str().len() + size_of_val(&*self.shares) + members
    }
}

impl Member {
    fn of(subscriptions: &[Subscription]) -> Option<Self> {
        let local = subscriptions.iter().filter(|s| !s.options.no_local);
        let own = match local.clone().count() {
            0 => Own::None,
            all if all == subscriptions.len() => Own::All,
            _ => Own::Some(Box::new(Wanted::by(local)?)),
        };
        let session = subscriptions.first()?.session;
        Some(Self { session, wanted: Wanted::by(subscriptions.iter())?, own })
    }

    /// What it gets of a message that came from this Session.
    pub(super) fn wants(&self, from: Option<SessionId>) -> Option<&Wanted> {
        if Some(self.session) != from {
            return Some(&self.wanted);
        }
        match &self.own {
            Own::All => Some(&self.wanted),
            Own::Some(wanted) => Some(wanted),
            Own::None => None,
        }
    }

    fn size(&self) -> usize {
        let own = match &self.own {
            Own::Some(own) => size_of_val(&**own) + size_of_val(&*own.ids),
            Own::All | Own::None => 0,
        };
        size_of_val(self) + size_of_val(&*self.wanted.ids) + own
    }
}

impl Wanted {
    fn by<'a>(subscriptions: impl Iterator<Item = &'a Subscription> + Clone) -> Option<Self> {
        Some(Self {
            qos: subscriptions.clone().map(|s| s.options.qos).max()?,
            retain_as_published: subscriptions.clone().any(|s| s.options.retain_as_published),
            ids: subscriptions.filter_map(|s| s.id).map(NonZeroU32::get).collect(),
        })
    }
}

#[cfg(test)]
mod tests;
