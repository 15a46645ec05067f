//! What a broker that keeps its state must know after a crash: all that it knew at the last sync and that outlives a
//! connection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mqtt::{Instant, Qos, Will};

use super::ledger::Marks;
use super::session::Step;
use super::{Kept, Model, Session};

/// What the disk holds, as the model sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    sessions: BTreeMap<String, Session>,
    /// Of Clients that are there.
    wills: BTreeMap<String, Will>,
    /// Of Clients that are there, and whose Session ends with that; in the order they came in.
    lone_wills: BTreeMap<u64, (String, Will)>,
    retained: BTreeMap<String, Kept>,
    marks: Marks,
}

/// Identifiers of QoS 2 messages that the disk holds as received, by Client. Of some that nobody waits for only the broker
/// says whether they are kept.
pub(crate) type Received = BTreeMap<String, BTreeSet<u16>>;

impl Model {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let kept = self.sessions.iter().filter(|(_, session)| session.is_kept());
        let sessions: BTreeMap<_, _> =
            kept.map(|(client, session)| (client.clone(), session.clone())).collect();
        let will = |session: &Session| self.live(session.link?)?.will.clone();
        let wills = sessions.iter().filter_map(|(client, session)| Some((client.clone(), will(session)?)));
        Snapshot {
            wills: wills.collect(),
            lone_wills: self.lone_wills(),
            marks: self.ledger.marks(sessions.values().map(|session| session.instance)),
            retained: self.retained.clone(),
            sessions,
        }
    }

    /// The broker dies, and another goes on with what was kept. What Clients were told must be there.
    pub(crate) fn crash(&mut self, kept: &Snapshot, received: &Received) {
        for (client, session) in &self.sessions {
            if session.is_kept() && self.ledger.is_relied_on(session.instance) {
                let there = kept.sessions.get(client).map(|session| session.instance);
                assert_eq!(there, Some(session.instance), "the session of {client} is lost");
            }
        }
        let mut ledger = std::mem::take(&mut self.ledger);
        ledger.rewind(&kept.marks, &self.owed());
        let (now, next_instance) = (self.now, self.next_instance);
        let restored = |(client, session): (&String, &Session)| {
            let session = session.clone().restored(now, kept.wills.get(client), received.get(client));
            (client.clone(), session)
        };
        *self = Self {
            ledger,
            now,
            next_instance,
            retained: kept.retained.clone(),
            sessions: kept.sessions.iter().map(restored).collect(),
            ..Self::new(self.config.clone())
        };
        for (client, will) in kept.lone_wills.values() {
            self.next_instance += 1;
            let mut session = Session::new(self.next_instance);
            (session.ends, session.will) = (Some(now), Some((now, will.clone())));
            self.sessions.insert(client.clone(), session);
        }
        let retained = &self.retained;
        self.too_large.perhaps = self.sessions.values().map(|session| session.large_replays(retained)).sum();
    }

    fn lone_wills(&self) -> BTreeMap<u64, (String, Will)> {
        let lone = self.sessions.iter().filter(|(_, session)| !session.is_kept());
        let will = |session: &Session| match session.link {
            Some(link) => self.live(link).and_then(|live| Some((live.number, live.will.clone()?))),
            None => session.will.clone().map(|(_, will)| (session.instance, will)), // from before another crash
        };
        let named = lone.filter_map(|(client, session)| {
            let (number, will) = will(session)?;
            Some((number, (client.clone(), will)))
        });
        named.collect()
    }

    /// What must still be there: messages that kept Sessions have not delivered, and what is retained.
    fn owed(&self) -> BTreeSet<Vec<u8>> {
        let sessions = self.sessions.values().filter(|session| session.is_kept());
        let debts = sessions.clone().flat_map(|session| &session.debts);
        let debts = debts.filter(|debt| debt.qos != Qos::AtMostOnce && !debt.is_expired(self.now));
        let flights = sessions.flat_map(|session| &session.flights);
        let flights = flights.filter(|flight| flight.step != Step::Pubcomp);
        let letters = debts.map(|debt| &debt.letter).chain(flights.map(|flight| &flight.letter));
        let retained = self.retained.values().map(|kept| &kept.payload);
        letters.map(|letter| &letter.payload).chain(retained).cloned().collect()
    }

    /// Sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }
}

impl Session {
    /// As it is after a crash. One whose Client was there was left at that moment.
    fn restored(mut self, now: Instant, will: Option<&Will>, received: Option<&BTreeSet<u16>>) -> Self {
        if self.link.take().is_some() {
            self.ends = self.expiry.duration().map(|after| now + after);
            self.will = will.map(|will| {
                let due = now + Duration::from_secs(u64::from(will.delay_s));
                (self.ends.map_or(due, |ends| ends.min(due)), will.clone())
            });
        }
        self.again.clear();
        self.lose_replays();
        self.debts.retain(|debt| debt.qos != Qos::AtMostOnce);
        self.doubt_too_large();
        let received = received.cloned().unwrap_or_default();
        let (certain, all) = (&self.kept_receiving, &self.receiving);
        assert!(certain.is_subset(&received), "{certain:?} were received, {received:?} are kept");
        assert!(received.is_subset(all), "{received:?} are kept as received, {all:?} were");
        self.receiving = received;
        self
    }
}
