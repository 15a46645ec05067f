//! Who may do what. Asked at CONNECT, at every publication and subscription, and again when a message is about to be
//! delivered. A Client is let in because it has proved to be a user, or by where it comes from.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::hint::black_box;
use std::sync::Arc;

use mqtt::ReasonCode;
use mqtt::scram::{Credentials, MIN_ITERATIONS};

use super::hash::Keys;
use super::identity::Grant;
use super::io::Fault;
use super::{Broker, Peer, Rules};

/// The name of whoever comes without proving who it is, where a user is named.
pub const ANONYMOUS: &str = "anonymous";

/// Who may come, as a whole.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who may come without proving who it is.
    pub anonymous: Anonymous,
    /// Who can prove who it is.
    pub users: Arc<Users>,
    /// What they may do.
    pub rules: Arc<Rules>,
}

impl Access {
    /// Whether there is anybody who could prove who it is.
    #[must_use]
    pub fn can_log_in(&self) -> bool {
        !self.users.is_empty() || self.users.have_vouchers()
    }
}

/// Those who can prove who they are, by their names.
#[derive(Clone, Debug, Default)]
pub struct Users {
    by_name: BTreeMap<Arc<str>, User>,
    /// What only they know, taken together: from it those are asked who do not exist.
    secret: [u8; 32],
    /// The most of any of them.
    iterations: u32,
    /// All hashes of passwords: against one of them the password of a user is checked who does not exist.
    hashes: Vec<Arc<str>>,
    /// Keys that vouch for users by tokens, and [`Grant::CERTIFICATE`] where certificates do. While there are any, there may be users who are not in this table.
    pub vouchers: Vec<u64>,
}

/// What is known of a user: at least one of the two that its password is checked with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// For a login by SCRAM-SHA-256.
    pub scram: Option<Credentials>,
    /// For a password in CONNECT: a hash in whatever form its owner can check.
    pub password: Option<Arc<str>>,
    /// The groups it is in.
    pub groups: Vec<Arc<str>>,
}

impl Users {
    /// Adds a user; one of the same name comes back. The name is to be prepared by SASLprep, as a login brings it.
    pub fn insert(&mut self, name: &str, user: User) -> Option<User> {
        self.hashes.extend(user.password.clone());
        self.mix_in(&user);
        let old = self.by_name.insert(name.into(), user);
        if let Some(old) = &old {
            self.mix_in(old); // which takes it out
            if let Some(hash) = &old.password
                && let Some(at) = self.hashes.iter().position(|known| Arc::ptr_eq(known, hash))
            {
                self.hashes.swap_remove(at);
            }
        }
        old
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is a user of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.has(name)
    }

    /// Whether somebody may come by a token.
    #[must_use]
    pub fn take_tokens(&self) -> bool {
        self.vouchers.iter().any(|&key| key != Grant::CERTIFICATE)
    }

    /// Whether whoever shows a certificate is the user that it names.
    #[must_use]
    pub fn take_certificates(&self) -> bool {
        self.vouchers.contains(&Grant::CERTIFICATE)
    }

    /// Whether somebody may be a user who is not in this table.
    #[must_use]
    pub const fn have_vouchers(&self) -> bool {
        !self.vouchers.is_empty()
    }

    /// Whether a token still counts.
    pub(super) fn vouch_for(&self, grant: &Grant) -> bool {
        self.vouchers.contains(&grant.key)
    }

    /// Whether there is this user, or may be: who comes by tokens is known only when it comes.
    pub(super) fn may_have(&self, name: &str) -> bool {
        self.has(name) || self.have_vouchers()
    }

    /// The hash of a user's password.
    #[must_use]
    pub fn hash_of(&self, name: &str) -> Option<&Arc<str>> {
        self.by_name.get(name)?.password.as_ref()
    }

    /// A hash for one who has none, so that its login takes as long as one that may succeed.
    #[must_use]
    pub fn some_hash(&self, number: usize) -> Option<&Arc<str>> {
        self.hashes.get(number.checked_rem(self.hashes.len())?)
    }

    /// What is known of a user.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&User> {
        self.by_name.get(name)
    }

    /// All users, by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &User)> {
        self.by_name.iter()
    }

    /// The groups of a user; none when there is no such user.
    pub(super) fn groups(&self, name: &str) -> Option<&[Arc<str>]> {
        self.by_name.get(name).map(|user| &*user.groups)
    }

    /// Whether there is this one.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// What a user's login is checked with. One that does not exist is asked as one that does, and fails as one with a wrong
    /// password: so nobody learns which users there are, nor by how long the answer takes. The salt must stay the same over
    /// a restart, as a real one does; so it is made from what stays, and no user knows.
    pub(super) fn credentials(&self, name: &str) -> Credentials {
        let mock = Credentials::mock(&self.secret, name, self.iterations.max(MIN_ITERATIONS));
        let mock = black_box(mock); // made for all, also for those who need none
        self.by_name.get(name).and_then(|user| user.scram.clone()).unwrap_or(mock)
    }

    /// Whether anyone can log in by SCRAM.
    pub(super) fn have_scram(&self) -> bool {
        self.iterations > 0
    }

    /// What a password is checked against, and the user whose it is. One that does not exist, or has no password, is checked
    /// against that of another: so it takes as long as one that does, and its answer counts for nothing. None when no user has
    /// a password.
    pub(super) fn password(&self, name: &str, keys: Keys) -> Option<(Arc<str>, Option<Arc<str>>)> {
        let count = self.hashes.len();
        let other = usize::try_from(keys.hash_one(name)).unwrap_or_default().checked_rem(count)?;
        let user = self.by_name.get_key_value(name);
        let own = user.and_then(|(name, user)| Some((user.password.as_ref()?, name)));
        match own {
            Some((hash, name)) => Some((Arc::clone(hash), Some(Arc::clone(name)))),
            None => Some((Arc::clone(self.hashes.get(other)?), None)),
        }
    }

    /// Whether whoever logged in as this user may stay when these users take the place of `before`.
    fn keeps(&self, name: &str, before: &Self) -> bool {
        let secrets = |user: &User| (user.scram.clone(), user.password.clone());
        self.by_name.get(name).map(secrets) == before.by_name.get(name).map(secrets) && self.has(name)
    }

    fn mix_in(&mut self, user: &User) {
        let Some(scram) = &user.scram else { return };
        self.iterations = self.iterations.max(scram.iterations);
        self.secret.iter_mut().zip(&scram.server_key).for_each(|(secret, byte)| *secret ^= byte);
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

impl Broker {
    /// Another table of users counts from now on. Who came by what does not count any more has to go.
    pub(super) fn set_access(&mut self, access: Access) {
        let before = std::mem::replace(&mut self.config.users, access.users);
        self.config.anonymous = access.anonymous;
        self.config.rules = access.rules;
        self.forget_verdicts();
        for id in self.open_connections() {
            let users = Arc::clone(&self.config.users);
            let Some(connection) = self.connection(id) else { continue };
            // One that has not said CONNECT yet comes as nobody, if who it was does not count any more.
            connection.peer.identity.take_if(|identity| match &identity.grant {
                Some(grant) => !users.vouch_for(grant),
                None => !users.keeps(&identity.user, &before),
            });
            let (peer, session) = (connection.peer.clone(), connection.live().map(|live| live.session));
            let Some(session) = session.and_then(|id| self.session(id)) else { continue };
            let may_stay = match (&session.user, &session.grant) {
                (_, Some(grant)) => users.vouch_for(grant),
                (Some(user), None) => users.keeps(user, &before),
                (None, None) => access.anonymous.connect(&peer).is_ok(),
            };
            if !may_stay {
                let why = "its user is gone, or has another password, since it was let in";
                self.end(id, Fault::new(ReasonCode::NotAuthorized, why));
            }
        }
    }

    /// Ends the connections that came by a login which is over. One of another shard ends there.
    pub(super) fn revoke(&mut self, login: u64) {
        for id in self.open_connections() {
            let Some(connection) = self.connection(id) else { continue };
            // Before CONNECT it has not used its login yet, and may have its own.
            let is_of = connection.peer.identity.as_ref().is_some_and(|identity| identity.login == login);
            let has_used = connection.live().is_none_or(|live| live.login_number() == login);
            if is_of && has_used {
                self.end(id, Fault::new(ReasonCode::AdministrativeAction, "its login was ended"));
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn user(key: u8) -> User {
        let scram =
            Credentials { salt: vec![1; 16], iterations: 5000, stored_key: [0; 32], server_key: [key; 32] };
        User { scram: Some(scram), ..User::default() }
    }

    #[test]
    fn who_does_not_exist_is_asked_the_same_whatever_the_order_of_those_who_do() {
        let (mut a, mut b) = (Users::default(), Users::default());
        assert!(a.insert("one", user(1)).is_none() && a.insert("two", user(2)).is_none());
        assert!(b.insert("two", user(9)).is_none() && b.insert("one", user(1)).is_none());
        let before = b.credentials("nobody");
        assert!(b.insert("two", user(2)).is_some());
        assert!(a.credentials("nobody") == b.credentials("nobody") && before != b.credentials("nobody"));
        assert_eq!(a.credentials("nobody").iterations, 5000);
        assert!(Some(a.credentials("one")) == user(1).scram);
    }
}
