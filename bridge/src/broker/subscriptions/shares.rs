//! Shared Subscriptions (4.8.2): who takes turns. It knows nothing of connections; it is told who is connected.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Bound;
use std::sync::Arc;

use mqtt::Qos;

use super::levels::LevelId;
use super::{FilterId, Subscription};
use crate::broker::SessionId;
use crate::broker::hash::{KeyedMap, Keys};

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
    pub(in crate::broker) connected: Turns,
    /// Members that are away and whose Session keeps what comes: those of QoS 1 and 2.
    pub(in crate::broker) keeping: Turns,
    /// Members that are away and miss what comes: those of QoS 0.
    deaf: Turns,
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
        Self { at, name, text, connected, keeping, deaf }
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

    /// Whether a member is connected.
    pub(in crate::broker) fn is_connected(&self) -> bool {
        !self.connected.members.is_empty()
    }

    /// Whether there is a member for messages of QoS 1 and 2.
    pub(in crate::broker) fn can_keep(&self) -> bool {
        self.is_connected() || !self.keeping.members.is_empty()
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
