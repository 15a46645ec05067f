//! Who gets what is published to one topic: the subscriptions that match, one copy of the message after the other.

use std::num::NonZeroU32;

use mqtt::{Qos, TopicName};

use super::{ShareId, Subscription};
use crate::broker::SessionId;
use crate::broker::config::Overlapping;
use crate::broker::shard::ShardId;

/// Who gets what is published to one topic.
#[derive(Debug)]
pub(in crate::broker) struct Audience {
    pub(in crate::broker) topic: TopicName,
    pub(in crate::broker) members: Vec<Member>,
    /// Shared Subscriptions, of each of which one member gets it.
    pub(in crate::broker) shares: Box<[ShareId]>,
    /// Other shards that want it.
    pub(in crate::broker) peers: Box<[ShardId]>,
}

/// What a walk through the tree has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) shares: Vec<ShareId>,
    /// Nodes that were looked at on the way.
    pub(super) visited: usize,
}

/// One copy of a message for one Session.
#[derive(Debug)]
pub(in crate::broker) struct Member {
    pub(in crate::broker) session: SessionId,
    wanted: Wanted,
    own: Own,
}

/// What subscriptions ask for, taken together: the highest QoS of them [MQTT-3.3.4-2], with the identifiers of all
/// [MQTT-3.3.4-3], [MQTT-3.3.4-4].
#[derive(Debug)]
pub(in crate::broker) struct Wanted {
    pub(in crate::broker) qos: Qos,
    pub(in crate::broker) retain_as_published: bool,
    pub(in crate::broker) ids: Box<[u32]>,
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

impl Audience {
    pub(super) fn new(topic: TopicName, mut found: Found, overlapping: Overlapping) -> Self {
        found.subscriptions.sort_by_key(|s| s.session);
        let locals = found.subscriptions.partition_point(|s| s.session.peer().is_none());
        let mut peers: Vec<_> =
            found.subscriptions.drain(locals..).filter_map(|s| s.session.peer()).collect();
        peers.dedup();
        let are_one = |a: &Subscription, b: &Subscription| match overlapping {
            Overlapping::One => a.session == b.session,
            Overlapping::Each => false, // each copy with its own identifier [MQTT-3.3.4-5]
        };
        let copies = found.subscriptions.chunk_by(are_one);
        let members = copies.filter_map(Member::of).collect();
        Self { topic, members, shares: found.shares.into(), peers: peers.into() }
    }

    /// Bytes it takes.
    pub(super) fn size(&self) -> usize {
        let members: usize = self.members.iter().map(Member::size).sum();
        size_of_val(self)
            + self.topic.as_str().len()
            + size_of_val(&*self.shares)
            + size_of_val(&*self.peers)
            + members
    }
}

impl Member {
    /// What its subscriptions ask for.
    pub(in crate::broker) const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

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
    pub(in crate::broker) fn wants(&self, from: Option<SessionId>) -> Option<&Wanted> {
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
