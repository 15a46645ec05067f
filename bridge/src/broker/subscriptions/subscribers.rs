//! Who is subscribed to one filter: mostly nobody or one, sometimes tens of thousands, who come and go singly.

use std::collections::{BTreeMap, BTreeSet};

use super::audience::Found;
use super::{ShareId, Subscription};
use crate::broker::SessionId;

/// The subscriptions to one filter. One takes no memory of its own.
#[derive(Debug, Default)]
pub(super) enum Subscribers {
    #[default]
    Nobody,
    One(Subscription),
    Many(Box<Crowd>),
}

/// More than one, or Shared Subscriptions.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    sessions: BTreeMap<SessionId, Subscription>,
    shares: BTreeSet<ShareId>,
}

impl Subscribers {
    /// Adds a subscription or replaces that of its Session. True when there was none.
    pub(super) fn insert(&mut self, subscription: Subscription) -> bool {
        match self {
            Self::Nobody => {
                *self = Self::One(subscription);
                true
            }
            Self::One(old) if old.session == subscription.session => {
                *old = subscription;
                false
            }
            Self::One(_) | Self::Many(_) => {
                self.change_crowd(|crowd| crowd.sessions.insert(subscription.session, subscription).is_none())
            }
        }
    }

    pub(super) fn remove(&mut self, session: SessionId) -> bool {
        let is_removed = match self {
            Self::Nobody => false,
            Self::One(only) => only.session == session,
            Self::Many(crowd) => {
                let is_removed = crowd.sessions.remove(&session).is_some();
                self.shrink();
                return is_removed;
            }
        };
        if is_removed {
            *self = Self::Nobody;
        }
        is_removed
    }

    /// What a Session wants.
    pub(super) fn of(&self, session: SessionId) -> Option<Subscription> {
        match self {
            Self::Nobody => None,
            Self::One(only) => Some(*only).filter(|only| only.session == session),
            Self::Many(crowd) => crowd.sessions.get(&session).copied(),
        }
    }

    pub(super) fn insert_share(&mut self, share: ShareId) {
        self.change_crowd(|crowd| crowd.shares.insert(share));
    }

    pub(super) fn remove_share(&mut self, share: ShareId) {
        if let Self::Many(crowd) = self {
            crowd.shares.remove(&share);
            self.shrink();
        }
    }

    /// How many Sessions there are with a number below this one; more than two are not counted.
    pub(super) fn up_to_two(&self, below: SessionId) -> usize {
        match self {
            Self::Nobody => 0,
            Self::One(only) => usize::from(only.session < below),
            Self::Many(crowd) => crowd.sessions.range(..below).take(2).count(),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Self::Nobody)
    }

    pub(super) fn add_to(&self, found: &mut Found) {
        match self {
            Self::Nobody => {}
            Self::One(only) => found.subscriptions.push(*only),
            Self::Many(crowd) => {
                found.subscriptions.extend(crowd.sessions.values());
                found.shares.extend(&crowd.shares);
            }
        }
    }

    fn change_crowd<T>(&mut self, change: impl FnOnce(&mut Crowd) -> T) -> T {
        let mut crowd = match std::mem::take(self) {
            Self::Nobody => Box::default(),
            Self::One(only) => {
                Box::new(Crowd { sessions: BTreeMap::from([(only.session, only)]), shares: BTreeSet::new() })
            }
            Self::Many(crowd) => crowd,
        };
        let done = change(&mut crowd);
        *self = Self::Many(crowd);
        done
    }

    fn shrink(&mut self) {
        let Self::Many(crowd) = self else { return };
        if !crowd.shares.is_empty() || crowd.sessions.len() > 1 {
            return;
        }
        *self = crowd.sessions.pop_first().map_or(Self::Nobody, |(_, only)| Self::One(only));
    }
}
