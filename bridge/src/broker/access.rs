//! Who may do what. Asked at CONNECT, at every publication and subscription, and again when a message is about to be
//! delivered. A Client is let in because it has proved to be a user, or by where it comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use mqtt::ReasonCode;
use mqtt::scram::{Credentials, MIN_ITERATIONS};

use super::Peer;

/// Those who can prove who they are, by their names.
#[derive(Clone, Debug, Default)]
pub struct Users(BTreeMap<Arc<str>, User>);

/// What is known of a user.
#[derive(Clone, Debug)]
pub struct User {
    /// What its password is checked with.
    pub scram: Credentials,
}

impl Users {
    /// Adds a user; one of the same name comes back. The name is to be prepared by SASLprep, as a login brings it.
    pub fn insert(&mut self, name: &str, user: User) -> Option<User> {
        self.0.insert(name.into(), user)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is this one.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What a user's login is checked with. One that does not exist is asked as one that does, and fails as one with a wrong
    /// password: so nobody learns which users there are.
    pub(super) fn credentials(&self, name: &str) -> Credentials {
        self.0.get(name).map_or_else(|| self.mock(name), |user| user.scram.clone())
    }

    /// Its salt must stay the same over a restart, as a real one does; so it is made from what stays, and no user knows.
    fn mock(&self, name: &str) -> Credentials {
        let mut secret = [0; 32];
        let mut iterations = 0;
        for Credentials { server_key, iterations: of_user, .. } in self.0.values().map(|user| &user.scram) {
            secret.iter_mut().zip(server_key).for_each(|(secret, byte)| *secret ^= byte);
            iterations = iterations.max(*of_user);
        }
        Credentials::mock(&secret, name, iterations.max(MIN_ITERATIONS))
    }
}

/// Who may come without proving who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Clients on this machine.
    FromLoopback,
    /// Everybody.
    FromAnywhere,
}

impl Anonymous {
    /// Whether this peer may connect.
    pub(super) const fn connect(self, peer: &Peer) -> Result<(), ReasonCode> {
        match self {
            Self::FromLoopback if !peer.is_loopback => Err(ReasonCode::NotAuthorized),
            Self::FromLoopback | Self::FromAnywhere => Ok(()),
        }
    }
}

/// Whether a Client may have the Session of its identifier: a user's is for that user alone. A user may also take one that
/// was made without a user, or anybody could keep it out by being there first.
pub(super) fn may_take(owner: Option<&Arc<str>>, user: Option<&Arc<str>>) -> bool {
    owner.is_none() || owner == user
}

/// Topics of the Server itself, which Clients do not publish to (4.7.2), and names that only mean something in a filter. Any
/// other topic that begins with `$` is left to its users, as other servers do; no wildcard leads there [MQTT-4.7.2-1].
pub(super) fn may_publish(topic: &str) -> Result<(), ReasonCode> {
    let is_reserved = topic.starts_with('$') && matches!(topic.split('/').next(), Some("$SYS" | "$share"));
    if is_reserved { Err(ReasonCode::NotAuthorized) } else { Ok(()) }
}

/// Where a Mosquitto that is linked to us tells whether it is. That is the Server's own too, but a Client that would use it
/// is not turned away for that: it does without.
pub(super) fn is_link_state(topic: &str) -> bool {
    topic.strip_prefix("$SYS/broker/connection/").is_some_and(|rest| rest.ends_with("/state"))
}
