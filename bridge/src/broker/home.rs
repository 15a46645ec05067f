//! Where among several shards a Client has its Session.
//!
//! As long as one shard has time for all of them they stay at the door, where nothing has to cross: they are *together*. Only
//! what outlives its connection is at home where its name says from the start, because it cannot move and comes back there after
//! a restart. When one shard is not enough they *part*: from then on whoever comes is at home where its name says, and
//! those who are at the door move there ([`super::resettle`]).
//!
//! ```text
//!   CONNECT at the door ─┬─ has a Session at the door ──────────────────────────▶ stays
//!                        ├─ parted, or may outlive its connection, or a guest ──▶ the home of its name
//!                        └─ else ───────────────────────────────────────────────▶ stays
//! ```
//!
//! So a name has a Session at the door or at its home, and never at both.

use std::collections::hash_map::Entry;
use std::hash::BuildHasher as _;

use mqtt::packet::Connect;
use mqtt::{ReasonCode, SessionExpiry};

use super::hash::{KeyedMap, Keys};
use super::io::Fault;
use super::shard::{DOOR, ShardId, Told};
use super::{Broker, ConnectionId};

/// A Client Identifier as a number. Two that have the same share a home, and nothing else is made of it.
pub(super) type NameKey = u64;

/// Who is where while all are together.
#[derive(Debug)]
pub(super) struct Homes {
    pub(super) are_parted: bool,
    /// At the door: how often a name was sent to its home and that one has not said since that nobody of this name is there.
    /// Elsewhere: what is to be said of a name then, and how much there is of it.
    guests: KeyedMap<NameKey, Guest>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Guest {
    /// How often it was sent here.
    sent: u32,
    /// Connections and Sessions of it that are here.
    here: u32,
}

impl Homes {
    /// All are at home where their names say.
    pub(super) fn parted(keys: Keys) -> Self {
        Self { are_parted: true, guests: KeyedMap::with_hasher(keys) }
    }
}

#[cfg(test)]
impl Homes {
    pub(super) fn knows_nobody(&self) -> bool {
        self.guests.is_empty()
    }
}

impl Broker {
    /// The same broker as one of several whose Clients are together until [`super::Input::Part`]. To be said after
    /// [`Broker::placed`] and before [`Broker::restore`], of all of them.
    #[must_use]
    pub const fn together(mut self) -> Self {
        self.homes.are_parted = false;
        self
    }

    /// From now on Clients go where their names are at home. To be said to the door, which tells the others.
    pub(super) fn part(&mut self) {
        if !std::mem::replace(&mut self.homes.are_parted, true) {
            self.homes.guests = KeyedMap::with_hasher(self.keys);
            self.place.others().for_each(|to| self.out.peer(to, Told::Parted));
        }
    }

    /// The door says so.
    pub(super) fn parted_elsewhere(&mut self) {
        self.homes = Homes::parted(self.keys);
    }

    /// The shard to which a CONNECT at the door belongs.
    pub(super) fn home_of(&mut self, connect: &Connect<'_>) -> ShardId {
        let name = connect.client_id;
        if name.is_empty() {
            return if self.homes.are_parted { self.next_in_turn() } else { DOOR };
        }
        let may_last =
            !connect.clean_start || connect.properties.session_expiry != SessionExpiry::AtDisconnect;
        match !self.by_client.contains_key(name) && (may_last || self.is_elsewhere(name)) {
            true => self.home(name),
            false => DOOR,
        }
    }

    /// Whether a Client that has no Session at the door has, or will have, one elsewhere.
    fn is_elsewhere(&self, name: &str) -> bool {
        self.homes.are_parted || self.homes.guests.contains_key(&self.keys.hash_one(name))
    }

    /// A Client of the same name may have gone elsewhere while this one was proving who it is.
    pub(super) fn check_home(&self, name: &str) -> Result<(), Fault> {
        let is_at_door = self.place.shard == DOOR && !self.place.is_alone() && !name.is_empty();
        if is_at_door
            && !self.by_client.contains_key(name)
            && self.home(name) != DOOR
            && self.is_elsewhere(name)
        {
            let why = "a client of the same identifier was let in elsewhere meanwhile: try again";
            return Err(Fault::new(ReasonCode::ServerBusy, why));
        }
        Ok(())
    }

    /// Whether a Client whose name we choose may have this one here.
    pub(super) fn may_be_named(&self, name: &str) -> bool {
        self.home(name) == self.place.shard || (self.place.shard == DOOR && !self.homes.are_parted)
    }

    /// A Client of this name is sent to its home.
    pub(super) fn send_home(&mut self, name: &str) {
        if !self.homes.are_parted && self.home(name) != DOOR {
            self.homes.guests.entry(self.keys.hash_one(name)).or_default().sent += 1;
        }
    }

    /// One that the door has sent says its name.
    pub(super) fn guest_came(&mut self, id: ConnectionId, name: &str) {
        let key = self.keys.hash_one(name);
        let Some(moved) = self.connection(id).and_then(|connection| connection.moved.as_mut()) else {
            return;
        };
        moved.name = Some(key);
        if !self.homes.are_parted {
            let guest = self.homes.guests.entry(key).or_default();
            guest.sent += 1;
            guest.here += 1;
        }
    }

    /// A Session begins here.
    pub(super) fn guest_stays(&mut self, name: &str) {
        if self.counts_guests() {
            self.homes.guests.entry(self.keys.hash_one(name)).or_default().here += 1;
        }
    }

    /// A Session from before the start is at home here or elsewhere.
    pub(super) fn guest_was_here(&mut self, name: &str, home: ShardId) {
        if home == self.place.shard {
            self.guest_stays(name);
            self.send_home(name);
        } else if self.place.shard == DOOR {
            self.send_home(name);
        }
    }

    /// A Session here is over.
    pub(super) fn guest_goes(&mut self, name: &str) {
        if self.counts_guests() {
            self.guest_is_less(self.keys.hash_one(name));
        }
    }

    /// The door is told when nothing of a name is here any more.
    pub(super) fn guest_is_less(&mut self, key: NameKey) {
        let Entry::Occupied(mut guest) = self.homes.guests.entry(key) else { return };
        guest.get_mut().here = guest.get().here.saturating_sub(1);
        if guest.get().here == 0 {
            let Guest { sent, .. } = guest.remove();
            self.out.peer(DOOR, Told::Vacant { name: key, sent });
        }
    }

    /// Nothing of this name is at its home any more, of what the door had sent there so often.
    pub(super) fn is_vacant(&mut self, name: NameKey, sent: u32) {
        if let Entry::Occupied(mut guest) = self.homes.guests.entry(name) {
            guest.get_mut().sent = guest.get().sent.saturating_sub(sent);
            if guest.get().sent == 0 {
                guest.remove();
            }
        }
    }

    fn counts_guests(&self) -> bool {
        self.place.shard != DOOR && !self.homes.are_parted
    }
}
