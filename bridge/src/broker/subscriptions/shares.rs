//! Shared Subscriptions (4.8.2): who takes turns. It knows nothing of connections; it is told who is connected, and of other
//! shards how many members there are.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Bound;
use std::sync::Arc;

use mqtt::Qos;

use super::levels::LevelId;
use super::{FilterId, Subscription};
use crate::broker::SessionId;
use crate::broker::hash::{KeyedMap, Keys};
use crate::broker::shard::ShardId;

/// A Shared Subscription, by a number that is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::broker) struct ShareId(NonZeroU32);

/// One share name with one filter, and its members.
#[derive(Debug)]
pub(in crate::broker) struct Share {
    pub(super) at: FilterId,
    pub(super) name: LevelId,
    /// `$share/NAME/FILTER`, by which it is known after a restart.
    text: Arc<str>,
    /// Members whose Client is connected.
    connected: Turns,
    /// Members that are away and whose Session keeps what comes: those of QoS 1 and 2.
    keeping: Turns,
    /// Members that are away and miss what comes: those of QoS 0.
    deaf: Turns,
    /// Members of other shards.
    elsewhere: Vec<(ShardId, Members)>,
    /// How many messages went by turns among shards.
    turn: u32,
}

/// How many members a shard has that can get something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::broker) struct Members {
    pub(in crate::broker) connected: u32,
    pub(in crate::broker) keeping: u32,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) enum Kind {
    Connected,
    Keeping,
}

/// Shards that have been asked in vain to take a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::broker) struct Tried(u64);

impl Tried {
    /// All were asked: the next that is asked takes it if it has a member at all.
    pub(in crate::broker) const ALL: Self = Self(u64::MAX);

    #[must_use]
    pub(in crate::broker) const fn and(self, shard: ShardId) -> Self {
        Self(self.0 | 1 << (shard.0 % u64::BITS as u16))
    }

    pub(in crate::broker) fn has(self, shard: ShardId) -> bool {
        self.and(shard) == self
    }

    pub(in crate::broker) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Members {
    const fn of(self, kind: Kind) -> u32 {
        match kind {
            Kind::Connected => self.connected,
            Kind::Keeping => self.keeping,
        }
    }
}

/// Sessions that take turns.
#[derive(Debug, Default)]
pub(in crate::broker) struct Turns {
    members: BTreeMap<SessionId, Subscription>,
    /// Whose turn it was.
    last: Option<SessionId>,
}

/// All Shared Subscriptions.
#[derive(Debug)]
pub(super) struct Shares {
    by_id: KeyedMap<ShareId, Share>,
    by_name: KeyedMap<(FilterId, LevelId), ShareId>,
    last: u32,
}

impl Turns {
    /// Everyone once, beginning with the one whose turn it is.
    pub(in crate::broker) fn in_turn(&self) -> impl Iterator<Item = &Subscription> {
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let up_to = self.last.map_or(Bound::Excluded(SessionId(0)), Bound::Included);
        let (ahead, again) =
            (self.members.range((after, Bound::Unbounded)), self.members.range((Bound::Unbounded, up_to)));
        ahead.chain(again).map(|(_, member)| member)
    }
}

impl Share {
    fn new(at: FilterId, name: LevelId, text: Arc<str>) -> Self {
        let (connected, keeping, deaf) = (Turns::default(), Turns::default(), Turns::default());
        Self { at, name, text, connected, keeping, deaf, elsewhere: Vec::new(), turn: 0 }
    }

    /// As it is subscribed to.
    pub(in crate::broker) fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// It was this member's turn.
    pub(in crate::broker) fn took(&mut self, session: SessionId) {
        let is_connected = self.connected.members.contains_key(&session);
        let turns = if is_connected { &mut self.connected } else { &mut self.keeping };
        turns.last = Some(session);
    }

    /// Whether a member is connected, to any shard.
    pub(in crate::broker) fn is_connected(&self) -> bool {
        self.count(Kind::Connected) > 0
    }

    /// Whether there is a member for messages of QoS 1 and 2.
    pub(in crate::broker) fn can_keep(&self) -> bool {
        self.is_connected() || self.count(Kind::Keeping) > 0
    }

    pub(in crate::broker) const fn turns(&self, kind: Kind) -> &Turns {
        match kind {
            Kind::Connected => &self.connected,
            Kind::Keeping => &self.keeping,
        }
    }

    /// Those of this shard.
    pub(in crate::broker) fn members(&self) -> Members {
        let count = |turns: &Turns| u32::try_from(turns.members.len()).unwrap_or(u32::MAX);
        Members { connected: count(&self.connected), keeping: count(&self.keeping) }
    }

    fn count(&self, kind: Kind) -> u32 {
        let all = self.elsewhere.iter().map(|(_, members)| members.of(kind));
        all.fold(self.members().of(kind), u32::saturating_add)
    }

    /// Whether this shard can take one that it was chosen for.
    pub(in crate::broker) fn is_here(&self, kind: Kind) -> bool {
        self.members().of(kind) > 0
    }

    /// The shard whose turn it is, each as often as it has members, among those that were not tried. `here` is this one.
    pub(in crate::broker) fn shard_in_turn(
        &mut self,
        kind: Kind,
        here: ShardId,
        tried: Tried,
    ) -> Option<ShardId> {
        if self.elsewhere.is_empty() {
            return (self.members().of(kind) > 0 && !tried.has(here)).then_some(here);
        }
        let own = [(here, self.members())];
        let all = || own.iter().chain(&self.elsewhere).filter(|(shard, _)| !tried.has(*shard));
        let total: u64 = all().map(|(_, members)| u64::from(members.of(kind))).sum();
        let mut turn = u64::from(self.turn).checked_rem(total)?;
        let whose = all().find(|(_, members)| {
            let count = u64::from(members.of(kind));
            let is_it = turn < count;
            turn = turn.saturating_sub(count);
            is_it
        });
        let shard = whose.map(|&(shard, _)| shard);
        self.turn = self.turn.wrapping_add(1);
        shard
    }

    /// Another shard has so many members now.
    pub(super) fn set_elsewhere(&mut self, shard: ShardId, members: Members) {
        self.elsewhere.retain(|(other, _)| *other != shard);
        if members != Members::default() {
            self.elsewhere.push((shard, members));
            self.elsewhere.sort_unstable_by_key(|(shard, _)| *shard);
        }
    }

    /// Another shard has one member more, which is away.
    pub(super) fn add_elsewhere(&mut self, shard: ShardId) {
        let known = self.elsewhere.iter().find(|(other, _)| *other == shard);
        let members = known.map(|(_, members)| *members).unwrap_or_default();
        self.set_elsewhere(shard, Members { keeping: members.keeping + 1, ..members });
    }

    /// Puts a member where it belongs. True when it was none before.
    pub(super) fn set(&mut self, member: Subscription, is_connected: bool) -> bool {
        let is_new = self.take(member.session).is_none();
        let turns = match member.options.qos {
            _ if is_connected => &mut self.connected,
            Qos::AtMostOnce => &mut self.deaf,
            Qos::AtLeastOnce | Qos::ExactlyOnce => &mut self.keeping,
        };
        turns.members.insert(member.session, member);
        is_new
    }

    pub(super) fn take(&mut self, session: SessionId) -> Option<Subscription> {
        let turns = [&mut self.connected, &mut self.keeping, &mut self.deaf];
        turns.into_iter().find_map(|turns| turns.members.remove(&session))
    }

    pub(super) fn is_empty(&self) -> bool {
        [&self.connected, &self.keeping, &self.deaf].iter().all(|turns| turns.members.is_empty())
            && self.elsewhere.is_empty()
    }
}

impl Shares {
    pub(super) fn new(keys: Keys) -> Self {
        Self { by_id: KeyedMap::with_hasher(keys), by_name: KeyedMap::with_hasher(keys), last: 0 }
    }

    pub(super) fn find(&self, at: FilterId, name: LevelId) -> Option<ShareId> {
        self.by_name.get(&(at, name)).copied()
    }

    /// The share of this name and filter, known by a text; says whether it is new.
    pub(super) fn find_or_new(
        &mut self,
        (at, name): (FilterId, LevelId),
        text: impl FnOnce() -> Arc<str>,
    ) -> (ShareId, bool) {
        if let Some(found) = self.find(at, name) {
            return (found, false);
        }
        let id = self.free_id();
        self.by_name.insert((at, name), id);
        self.by_id.insert(id, Share::new(at, name, text()));
        (id, true)
    }

    pub(super) fn get(&self, id: ShareId) -> Option<&Share> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ShareId) -> Option<&mut Share> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: ShareId) {
        if let Some(share) = self.by_id.remove(&id) {
            self.by_name.remove(&(share.at, share.name));
        }
    }

    /// A number that no share has. Messages in queues may still name one that is gone, so it is long before one returns.
    fn free_id(&mut self) -> ShareId {
        loop {
            self.last = self.last.wrapping_add(1);
            if let Some(id) = NonZeroU32::new(self.last).map(ShareId)
                && !self.by_id.contains_key(&id)
            {
                return id;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_id.len().max(self.by_name.len())
    }
}
