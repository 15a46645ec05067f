//! Shared Subscriptions (4.8.2): each message goes to one member. Which one is the broker's choice, so the model owes it to
//! all of them together, and books it on whoever gets it.

use std::collections::BTreeSet;
use std::time::Duration;

use mqtt::{Instant, Message, MessageProperties, Qos};

use super::session::{Flight, Session, Step};
use super::{Letter, Model, filter};

/// A message that one member is to get.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// The whole filter, `$share` and name included.
    share: String,
    letter: Letter,
    qos: Qos,
    retain: bool,
    pub(super) expires: Option<Instant>,
    pub(super) properties: MessageProperties,
    /// There was a moment when nobody was a member. It may still be in the queue of one that was.
    is_orphan: bool,
    /// No member was connected while it waited, so it may be in the queue of one that is away. Else it is never.
    is_alone: bool,
    /// Its publisher sent it twice, and which of the two somebody got nobody can tell: their times may be exchanged.
    pub(super) may_be_other: bool,
}

impl Parcel {
    /// The seconds it may still live, as they are told.
    fn left(&self, now: Instant) -> Option<u32> {
        self.expires.map(|at| u32::try_from(at.since(now).as_secs().max(1)).expect("not long"))
    }
}

/// The filter behind `$share` and the name; none when it is not shared.
pub(super) fn shared_filter(name: &str) -> Option<&str> {
    name.strip_prefix("$share/")?.split_once('/').map(|(_, filter)| filter)
}

impl Model {
    /// A message is owed to each Shared Subscription that matches; says to how many.
    pub(super) fn share_message(&mut self, message: &Message, properties: &MessageProperties) -> usize {
        let topic = message.topic.as_str();
        let all = self.sessions.values().flat_map(|session| session.subscriptions.keys());
        let mut shares: Vec<_> = all
            .filter(|name| shared_filter(name).is_some_and(|filter| filter::matches(filter, topic)))
            .cloned()
            .collect();
        shares.sort();
        shares.dedup();
        let expiry = message.properties.as_deref().and_then(|p| p.message_expiry_s);
        let mut reached = 0;
        for share in shares {
            let keeps = |session: &Session| session.link.is_some() || message.qos != Qos::AtMostOnce;
            if !self.members(&share).any(keeps) {
                continue; // an absent Client misses QoS 0
            }
            reached += 1;
            self.parcels.push(Parcel {
                share,
                letter: Letter::new(topic, &message.payload),
                qos: message.qos,
                retain: message.retain,
                expires: expiry.map(|secs| self.now + Duration::from_secs(u64::from(secs))),
                properties: properties.clone(),
                is_orphan: false,
                is_alone: false,
                may_be_other: false,
            });
        }
        reached
    }

    fn members<'a>(&'a self, share: &'a str) -> impl Iterator<Item = &'a Session> {
        self.sessions.values().filter(move |session| session.subscriptions.contains_key(share))
    }

    /// Takes out what a member is just being sent: the oldest that looks like this.
    pub(super) fn parcel_for(
        &mut self,
        client: &str,
        (letter, qos, retain): (&Letter, Qos, bool),
        ids: Option<&[u32]>,
        lives: Option<Option<u32>>,
    ) -> Option<Parcel> {
        let session = self.sessions.get(client)?;
        let fits = |parcel: &Parcel| {
            let member = session.subscriptions.get(&parcel.share);
            let as_member = member.is_some_and(|member| {
                qos == parcel.qos.min(member.options.qos)
                    && retain == (parcel.retain && member.options.retain_as_published)
                    && ids.is_none_or(|ids| ids == member.id.as_slice())
            });
            // What was in its queue when it changed its subscription, or left, has the old options.
            let as_it_was = session.former_shares.contains(&parcel.share) && qos <= parcel.qos && !retain;
            parcel.letter == *letter && (as_member || as_it_was)
        };
        let counts = |parcel: &Parcel| {
            fits(parcel) && !parcel.is_orphan && parcel.expires.is_none_or(|at| at > self.now)
        };
        // One that its publisher sent twice is there twice, and the later one lives longer.
        let is_it =
            |parcel: &Parcel| counts(parcel) && lives.is_none_or(|lives| lives == parcel.left(self.now));
        let position = |of: &dyn Fn(&Parcel) -> bool| self.parcels.iter().position(of);
        let at = position(&is_it).or_else(|| position(&counts)).or_else(|| position(&fits))?;
        let taken = self.parcels.remove(at);
        for parcel in self.parcels.iter_mut().filter(|parcel| parcel.letter == taken.letter) {
            parcel.may_be_other = true;
            parcel.is_alone |= taken.is_alone;
        }
        Some(taken)
    }

    /// A Session has ended: what it was sent at QoS 1 goes to another member; of QoS 2 nobody knows [MQTT-4.8.2-5].
    pub(super) fn hand_over(&mut self, flights: Vec<Flight>) {
        let of_qos_1 = flights.into_iter().filter(|flight| flight.step == Step::Puback);
        for parcel in of_qos_1.filter_map(|flight| flight.parcel) {
            if self.members(&parcel.share).next().is_some() {
                self.parcels.push(Parcel { is_alone: false, may_be_other: true, ..parcel });
            }
        }
        self.find_orphans();
    }

    /// Also of what is in flight: who subscribes later makes another share of the same name.
    pub(super) fn find_orphans(&mut self) {
        let all = self.sessions.values().flat_map(|session| session.subscriptions.keys());
        let shares: BTreeSet<_> = all.filter(|name| shared_filter(name).is_some()).cloned().collect();
        let flights = self.sessions.values_mut().flat_map(|session| &mut session.flights);
        let in_flight = flights.filter_map(|flight| flight.parcel.as_mut());
        for parcel in self.parcels.iter_mut().chain(in_flight) {
            parcel.is_orphan |= !shares.contains(&parcel.share);
        }
    }

    /// QoS 0 is sent at once, or no member could take it; says how many were lost.
    pub(super) fn lose_parcels(&mut self) -> u64 {
        let (parcels, limit) = (std::mem::take(&mut self.parcels), self.config.max_output_bytes);
        let (lost, left): (Vec<_>, Vec<_>) =
            parcels.into_iter().partition(|parcel| parcel.qos == Qos::AtMostOnce);
        for parcel in &lost {
            let takes_more = |session: &Session| session.link.is_some() && self.pending(session) <= limit;
            assert!(!self.members(&parcel.share).any(takes_more), "{parcel:?} is lost at QoS 0");
        }
        let now = self.now;
        self.parcels = left.into_iter().filter(|parcel| parcel.expires.is_none_or(|at| at > now)).collect();
        lost.len() as u64
    }

    /// Nothing waits where all that may hold it have room.
    pub(super) fn check_parcels(&mut self) {
        let mut parcels = std::mem::take(&mut self.parcels);
        for parcel in &mut parcels {
            parcel.is_alone |= !self.members(&parcel.share).any(Session::is_connected);
            let may_hold =
                |session: &Session| !self.has_room(session) && (parcel.is_alone || session.is_connected());
            let is_held = parcel.is_orphan || self.members(&parcel.share).any(may_hold);
            assert!(is_held, "{parcel:?} waits for nobody");
        }
        self.parcels = parcels;
    }

    /// Nothing waits for members that are all there.
    pub(super) fn shares_are_settled(&self) -> bool {
        let waits =
            |parcel: &Parcel| !parcel.is_orphan && self.members(&parcel.share).all(Session::is_connected);
        !self.parcels.iter().any(waits)
    }
}
