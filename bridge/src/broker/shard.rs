//! A broker as one of several that share the work: where it stands among them, and what they tell each other.
//!
//! It knows no thread and no queue. What one shard says to another arrives whole and in the order it was said.

use core::hash::BuildHasher;
use core::net::IpAddr;
use std::sync::Arc;

use mqtt::packet::Connect;
use mqtt::{Qos, Rng, TopicFilter};

use super::answers::Serial;
use super::carried;
use super::change::MessageNumber;
use super::cross::{Fate, Receipt};
use super::hash::Keys;
use super::home::NameKey;
use super::limit::Limit;
use super::retained::{Latest, Stamp};
use super::share::Shared;
use super::stored::Stored;
use super::subscribe::{share_named, share_of};
use super::subscriptions::{Members, News};
use super::{Broker, ConnectionId, Peer, sys};

/// One of several brokers that share the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// Which of how many a broker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// This one.
    pub shard: ShardId,
    /// How many there are, itself among them; never zero.
    pub of: u16,
}

impl Place {
    /// The only one.
    #[must_use]
    pub const fn alone() -> Self {
        Self { shard: ShardId(0), of: 1 }
    }

    /// Whether there are others.
    #[must_use]
    pub const fn is_alone(self) -> bool {
        self.of <= 1
    }

    /// The number after this one that is ours to give out.
    pub(super) const fn next_number(self, last: u64) -> u64 {
        let (of, next) = (self.of as u64, last + 1);
        next + (self.shard.0 as u64 + of - next % of) % of
    }

    /// The others.
    pub(super) fn others(self) -> impl Iterator<Item = ShardId> {
        (0..self.of).map(ShardId).filter(move |&shard| shard != self.shard)
    }

    /// Where what has this name belongs.
    pub(super) fn of_name(self, keys: Keys, name: &str) -> ShardId {
        if self.is_alone() {
            return self.shard;
        }
        // Names that are counted up differ in few bits: these are spread once more, so that a few of them divide well.
        let hash = u128::from(Rng::new(keys.hash_one(name)).next_u64());
        ShardId(((hash * u128::from(self.of)) >> 64) as u16)
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::alone()
    }
}

/// The shard that lets all connections in.
pub(super) const DOOR: ShardId = ShardId(0);

/// What is known of a connection that another shard has let in. That one counts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    /// The limit because of which it may only take the place of another, if it may not more.
    pub(super) crowd: Option<Limit>,
    /// Whose it is, once it has said that.
    pub(super) name: Option<NameKey>,
}

/// What one shard tells another.
#[derive(Clone, Debug)]
pub struct PeerItem(pub(super) Told);

/// What is in it.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// A connection that you let in is over. With its address, if that is counted.
    Gone { address: Option<IpAddr> },
    /// Somebody here is subscribed to this filter, or nobody any more.
    Interest { filter: Arc<str>, is_wanted: bool },
    /// A Shared Subscription has so many members here.
    Members { share: Arc<str>, members: Members },
    /// A message for one of your members of a Shared Subscription.
    Share(Shared),
    /// Plain messages that you want, one behind the other.
    Carried(Vec<u8>),
    /// A message that you want, or one that is retained: then with the number of that change.
    Publish { message: Arc<Stored>, receipt: Receipt, stamp: Option<Stamp> },
    /// What has become here of a message that you asked this of.
    Taken { serial: Serial, fate: Fate },
    /// What we retain from now on has greater numbers.
    Count { count: u64 },
    /// A login from this address has failed.
    LoginFailed { address: IpAddr },
    /// How we are.
    Counts(Box<sys::Told>),
    /// None of ours owes this message any more that you keep.
    Done { number: MessageNumber },
    /// Nothing of this name is here any more, of what you have sent here so often.
    Vacant { name: NameKey, sent: u32 },
    /// Clients are at home where their names say from now on.
    Parted,
}

impl PeerItem {
    /// Adds a message of [`super::Output::Carry`] to the last of what the same shard is told. Where there is nothing that takes it,
    /// it becomes an item of its own.
    #[must_use]
    pub fn carry(last: Option<&mut Self>, message: &[u8]) -> Option<Self> {
        match last {
            Some(Self(Told::Carried(bytes))) if bytes.len() + message.len() <= carried::PIECE => {
                if bytes.capacity() < carried::PIECE {
                    bytes.reserve_exact(carried::PIECE - bytes.len()); // where there are two, there may be many
                }
                bytes.extend_from_slice(message);
                None
            }
            _ => Some(Self(Told::Carried(message.to_vec()))),
        }
    }

    /// One that says nothing.
    #[cfg(all(test, feature = "server"))]
    pub(crate) const fn nothing() -> Self {
        Self(Told::Gone { address: None })
    }

    /// Bytes it takes in an inbox, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let own = match &self.0 {
            Told::Interest { filter, .. } => filter.len(),
            Told::Members { share, .. } => share.len(),
            Told::Share(shared) => shared.share.len() + shared.message.message.size(),
            Told::Carried(bytes) => bytes.len(),
            Told::Publish { message, .. } => message.message.size(),
            Told::Gone { .. }
            | Told::Taken { .. }
            | Told::Count { .. }
            | Told::LoginFailed { .. }
            | Told::Counts(_)
            | Told::Done { .. }
            | Told::Vacant { .. }
            | Told::Parted => 0,
        };
        own + size_of::<Self>()
    }
}

impl Broker {
    /// The same broker as one of several: all are made with the same seed, so that they agree where a Client is at home, and
    /// each has a `stream` of its own, from which it draws what differs. To be said before [`Broker::restore`].
    #[must_use]
    pub fn placed(mut self, place: Place, stream: u64) -> Self {
        self.place = place;
        self.keeping.set_place(place);
        if !place.is_alone() {
            self.subscriptions.set_has_peers();
            self.latest = Some(Latest::new(place, self.keys));
        }
        self.rng = Rng::new(self.keys.public_seed() ^ stream);
        self
    }

    /// The shard on which a Client of this name has its Session.
    #[must_use]
    pub fn home(&self, client_id: &str) -> ShardId {
        self.place.of_name(self.keys, client_id)
    }

    /// What another shard said.
    pub(super) fn told(&mut self, from: ShardId, item: PeerItem) {
        match item.0 {
            Told::LoginFailed { address } => self.login_failed_elsewhere(address),
            Told::Gone { address } => self.count_gone_elsewhere(address),
            Told::Interest { filter, is_wanted } => {
                if let Ok(filter) = TopicFilter::new(&*filter) {
                    self.subscriptions.set_peer(filter, from, is_wanted);
                }
            }
            Told::Members { share, members } => {
                if let Some(share) = share_named(&share) {
                    self.subscriptions.set_peer_members(share, from, members);
                }
            }
            Told::Share(shared) => self.take_shared(&shared),
            Told::Carried(bytes) => self.take_carried(from, &bytes),
            Told::Publish { message, receipt, stamp } => self.take_across(from, &message, receipt, stamp),
            Told::Counts(told) => self.told_of_elsewhere(from, *told),
            Told::Count { count } => self.count_elsewhere(from, count),
            Told::Taken { serial, fate } => {
                self.taken(serial, fate);
                self.fetch_what_was_early();
            }
            Told::Done { number } => self.done(number),
            Told::Vacant { name, sent } => self.is_vacant(name, sent),
            Told::Parted => self.parted_elsewhere(),
        }
    }

    /// Tells the other shards what they must know of our subscriptions.
    pub(super) fn tell_news(&mut self) {
        for news in self.subscriptions.news() {
            let told = match news {
                News::Interest { filter, is_wanted } => Told::Interest { filter, is_wanted },
                News::Members { share, members } => Told::Members { share, members },
            };
            self.place.others().for_each(|to| self.out.peer(to, told.clone()));
        }
    }

    /// A subscription from before the start that another shard has.
    pub(super) fn restore_interest(&mut self, filter: TopicFilter<&str>, qos: Qos, home: ShardId) {
        match share_of(filter) {
            None => self.subscriptions.set_peer(filter, home, true),
            Some(Some(share)) if qos != Qos::AtMostOnce => self.subscriptions.add_peer_member(share, home),
            Some(_) => {}
        }
    }

    /// Takes a connection that the door let in, with its CONNECT still to come.
    pub(super) fn moved(&mut self, id: ConnectionId, peer: Peer, crowd: Option<Limit>) {
        self.open(id, peer, Some(Moved { crowd, name: None }));
    }

    /// Gives a connection away whose CONNECT names a Client that is at home elsewhere. True when it is gone.
    pub(super) fn is_given_away(&mut self, id: ConnectionId, connect: &Connect<'_>) -> bool {
        if self.place.is_alone() {
            return false;
        }
        if self.connection(id).is_none_or(|connection| connection.moved.is_some()) {
            self.guest_came(id, connect.client_id);
            return false;
        }
        let to = self.home_of(connect);
        if to == self.place.shard {
            return false;
        }
        self.send_home(connect.client_id);
        let crowd = self.count_given_away(id);
        self.set_connection_timer(id, None);
        if let Some(slot) = self.connections.get_mut(id.0 as usize) {
            *slot = None;
        }
        self.counters.packets_received -= 1; // it is counted where it is handled
        self.counters.connections_opened -= 1;
        self.out.give_away(id, to, crowd);
        true
    }

    /// Clients that let us choose their names are dealt out.
    pub(super) fn next_in_turn(&mut self) -> ShardId {
        let to = self.turn;
        self.turn = ShardId((to.0 + 1) % self.place.of);
        to
    }
}
