//! A broker out of what another one kept before its process ended.
//!
//! Rows come in the order of their keys, from a place that is not trusted: what refers to nothing is let go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mqtt::delivery::{InFlight, Sender};
use mqtt::{Instant, PacketId, Qos, SessionExpiry, Will};

use super::change::{Change, MessageNumber, Ower, SessionNumber, Step};
use super::queue::HEAD_AWAY;
use super::retained::Replay;
use super::session::{Queued, Session};
use super::shard::{DOOR, ShardId, Told};
use super::stored::Stored;
use super::subscriptions::{ShareId, Subscription};
use super::{Broker, SessionId};

/// A broker that is being filled.
#[derive(Debug)]
pub struct Restore<'a> {
    broker: &'a mut Broker,
    sessions: BTreeMap<SessionNumber, Restoring>,
    /// Those of other shards.
    elsewhere: BTreeMap<SessionNumber, ShardId>,
    /// The highest numbers that any row names. A Session may have ended while messages still name it, and no other may be
    /// taken for it.
    last: (SessionNumber, MessageNumber),
    /// Messages of Shared Subscriptions whose members are gone.
    orphans: Vec<Queued>,
}

/// What is known of a Session while its messages are still to come.
#[derive(Debug)]
struct Restoring {
    id: SessionId,
    /// The first message that may still wait.
    next: MessageNumber,
    /// What each message in flight waits for, by the order it was sent in.
    in_flight: BTreeMap<MessageNumber, (PacketId, Step)>,
    sent: BTreeMap<MessageNumber, (PacketId, InFlight<Queued>)>,
}

impl Broker {
    /// Goes on with what was kept: to be called once, before the first `handle`. What fell due meanwhile is due at the first
    /// [`super::Input::Tick`]; before that, `poll` until it says `Wait`. Of several shards each takes all rows: what is another's
    /// it must know of.
    pub fn restore(&mut self, now: Instant) -> Restore<'_> {
        self.now = self.now.max(now);
        Restore {
            broker: self,
            sessions: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            last: (0, 0),
            orphans: Vec::new(),
        }
    }
}

impl Restore<'_> {
    /// Takes one row.
    pub fn take(&mut self, change: Change) {
        let (session, message) = numbers_in(&change);
        self.last = (session.max(self.last.0), message.max(self.last.1));
        let Self { broker, sessions, elsewhere, .. } = self;
        match change {
            Change::Session { session, client_id, owner, expiry, ends } => {
                let home = broker.home(&client_id);
                broker.guest_was_here(&client_id, home);
                if home != broker.place.shard {
                    elsewhere.insert(session, home);
                } else if let Some(id) = broker.restore_session(session, (client_id, owner), expiry, ends) {
                    let (in_flight, sent) = (BTreeMap::new(), BTreeMap::new());
                    sessions.insert(session, Restoring { id, next: 0, in_flight, sent });
                }
            }
            Change::Subscribed { session, filter, options, id } => {
                if let Some(restoring) = sessions.get(&session) {
                    let subscription = Subscription { session: restoring.id, options, id };
                    broker.restore_subscription(filter.borrowed(), subscription);
                } else if let Some(&home) = elsewhere.get(&session) {
                    broker.restore_interest(filter.borrowed(), options.qos, home);
                }
            }
            Change::InFlight { session, packet_id, message, step } => {
                if let Some(restoring) = sessions.get_mut(&session) {
                    restoring.in_flight.insert(message, (packet_id, step));
                }
            }
            Change::Received { session, packet_id } => {
                if let Some(session) = sessions.get(&session).and_then(|known| broker.session(known.id)) {
                    session.receiver.publish(packet_id);
                    session.kept_received.insert(packet_id);
                }
            }
            Change::Position { session, next } => {
                if let Some(restoring) = sessions.get_mut(&session) {
                    restoring.next = next;
                }
            }
            Change::Will { session, due, will } => {
                if let Some(restoring) = sessions.get(&session) {
                    broker.restore_will(restoring.id, due, will);
                }
            }
            Change::Replay { session, filter, options, id, from } => {
                if let Some(restoring) = sessions.get(&session) {
                    broker.restore_replay(restoring.id, Replay::new(filter, options, id).restored(from));
                }
            }
            Change::LoneWill { number, client_id, owner, will } => {
                let home = broker.home(&client_id);
                broker.guest_was_here(&client_id, home);
                if home == broker.place.shard {
                    broker.restore_lone_will(number, (client_id, owner), will);
                }
            }
            Change::Retained { message } => {
                broker.retained.set(&message, (usize::MAX, usize::MAX)); // what was taken stays
            }
            Change::Message { number, message, owers } => self.take_message(number, &message, &owers),
            // These remove something, and nothing that was removed comes back.
            Change::SessionGone { .. }
            | Change::Unsubscribed { .. }
            | Change::Free { .. }
            | Change::Released { .. }
            | Change::ReplayGone { .. }
            | Change::WillGone { .. }
            | Change::LoneWillGone { .. }
            | Change::RetainedGone { .. }
            | Change::MessageGone { .. } => {}
        }
    }

    fn take_message(&mut self, number: MessageNumber, message: &Arc<Stored>, owers: &[Ower]) {
        let count = self.broker.restore_message(number, message, owers, &mut self.sessions);
        let others = owers.iter().filter_map(|ower| self.elsewhere.get(&ower.session).copied());
        let is_owed = owers.iter().any(|ower| self.sessions.contains_key(&ower.session));
        if let [ower] = owers
            && !is_owed
            && !self.elsewhere.contains_key(&ower.session)
            && let Some(share) = ower.share.as_deref().and_then(|text| self.broker.known_share(text))
        {
            return self.take_orphan(number, message, (ower, share));
        }
        self.broker.restore_owed(number, is_owed.then_some(count), others.collect());
    }

    /// What a member that is gone has left behind was on its way to a member of another shard. One shard sends it again.
    fn take_orphan(&mut self, number: MessageNumber, message: &Arc<Stored>, (ower, share): (&Ower, ShareId)) {
        if self.broker.place.shard == DOOR {
            self.broker.keeping.owed_before(number, 1, None);
            let (message, subscription_ids) = (Arc::clone(message), ower.subscription_ids.clone());
            let (qos, retain, share) = (ower.qos, ower.retain, Some(share));
            self.orphans.push(Queued { message, qos, retain, share, subscription_ids, number });
        }
    }

    /// That was all.
    pub fn finish(self) {
        self.broker.keeping.go_on_after(self.last.0, self.last.1);
        self.broker.subscriptions.news(); // the others have found it themselves
        for (number, restoring) in self.sessions {
            self.broker.finish_session(number, restoring);
        }
        for queued in self.orphans {
            self.broker.pass_on(queued);
        }
        self.broker.keeping.flush(&mut self.broker.out);
    }
}

/// A Client Identifier, and the user it belongs to.
type Identity = (Arc<str>, Option<Arc<str>>);

/// The highest numbers of a Session and of a message that a row names.
fn numbers_in(change: &Change) -> (SessionNumber, MessageNumber) {
    match change {
        Change::Session { session, .. }
        | Change::Subscribed { session, .. }
        | Change::Received { session, .. }
        | Change::Replay { session, .. }
        | Change::Will { session, .. }
        | Change::LoneWill { number: session, .. } => (*session, 0),
        Change::InFlight { session, message, .. } => (*session, *message),
        Change::Position { session, next } => (*session, next.saturating_sub(1)),
        Change::Message { number, owers, .. } => {
            (owers.iter().map(|ower| ower.session).max().unwrap_or(0), *number)
        }
        Change::Retained { .. }
        | Change::SessionGone { .. }
        | Change::Unsubscribed { .. }
        | Change::Free { .. }
        | Change::Released { .. }
        | Change::ReplayGone { .. }
        | Change::WillGone { .. }
        | Change::LoneWillGone { .. }
        | Change::RetainedGone { .. }
        | Change::MessageGone { .. } => (0, 0),
    }
}

impl Broker {
    fn restore_session(
        &mut self,
        number: SessionNumber,
        (client_id, user): Identity,
        expiry: SessionExpiry,
        ends: Option<Instant>,
    ) -> Option<SessionId> {
        if self.by_client.contains_key(&client_id) {
            self.out.store(Change::SessionGone { session: number }); // only what was salvaged can be there twice
            return None;
        }
        // One whose Client was there was left when the process ended, which is taken to be now; also if this one ends soon.
        let was_there = ends.is_none();
        let ends = ends.or_else(|| expiry.duration().map(|after| self.now + after));
        let mut session = Session::restored(Arc::clone(&client_id), number, ends);
        (session.expiry, session.user) = (expiry, user);
        let id = SessionId(u32::try_from(self.sessions.insert(session)).unwrap_or(u32::MAX));
        self.by_client.insert(client_id, id);
        if was_there && ends.is_some() {
            self.keep_session(id);
        }
        Some(id)
    }

    fn restore_will(&mut self, id: SessionId, due: Option<Instant>, will: Arc<Will>) {
        let now = self.now;
        let Some(session) = self.session(id) else { return };
        let was_there = due.is_none();
        let due = due.unwrap_or_else(|| now + Duration::from_secs(u64::from(will.delay_s)));
        let due = session.ends().map_or(due, |ends| ends.min(due));
        session.kept_will = session.number;
        if was_there {
            self.keep_will(id, Some((Some(due), &will)));
        }
        if let Some(session) = self.session(id) {
            session.will = Some(Box::new((due, will)));
        }
    }

    /// The Session has ended with the process, and its will is due.
    fn restore_lone_will(&mut self, number: SessionNumber, (client_id, user): Identity, will: Arc<Will>) {
        if self.by_client.contains_key(&client_id) {
            return self.out.store(Change::LoneWillGone { number }); // only what was salvaged can be there twice
        }
        let mut session = Session::restored(Arc::clone(&client_id), 0, Some(self.now));
        (session.user, session.kept_will) = (user, number);
        session.will = Some(Box::new((self.now, will)));
        let id = SessionId(u32::try_from(self.sessions.insert(session)).unwrap_or(u32::MAX));
        self.by_client.insert(client_id, id);
        self.set_session_timer(id, Some(self.now));
    }

    /// Hands a message to those who still owe it, and says how many that are.
    fn restore_message(
        &mut self,
        number: MessageNumber,
        message: &Arc<Stored>,
        owers: &[Ower],
        sessions: &mut BTreeMap<SessionNumber, Restoring>,
    ) -> u32 {
        let mut count = 0;
        for ower in owers {
            let Some(restoring) = sessions.get_mut(&ower.session) else { continue };
            let share = ower.share.as_deref().and_then(|text| self.known_share(text));
            let Some(session) = self.sessions.get_mut(restoring.id.0 as usize) else { continue };
            let queued = Queued {
                message: Arc::clone(message),
                qos: ower.qos,
                retain: ower.retain,
                share,
                subscription_ids: ower.subscription_ids.clone(),
                number,
            };
            match restoring.in_flight.remove(&number) {
                Some((packet_id, Step::Puback)) => {
                    restoring.sent.insert(number, (packet_id, InFlight::AwaitPuback(queued)));
                }
                Some((packet_id, Step::Pubrec)) => {
                    restoring.sent.insert(number, (packet_id, InFlight::AwaitPubrec(queued)));
                }
                Some((packet_id, Step::Pubcomp)) => {
                    restoring.sent.insert(number, (packet_id, InFlight::AwaitPubcomp));
                    continue;
                }
                None if number < restoring.next || ower.qos == Qos::AtMostOnce => continue,
                None => session.queue.push(queued, HEAD_AWAY),
            }
            count += 1;
        }
        count
    }

    /// How many Sessions here owe a message, if any has, and on which other shards there are some. The first of all these
    /// shards removes it, when the others have told it that they are done.
    fn restore_owed(&mut self, number: MessageNumber, here: Option<u32>, others: BTreeSet<ShardId>) {
        let own = self.place.shard;
        let first = others.first().copied().into_iter().chain(here.map(|_| own)).min();
        let (keeper, count) = (first.unwrap_or(DOOR), here.unwrap_or(0));
        if keeper == own {
            match count + others.len() as u32 {
                0 => self.out.store(Change::MessageGone { number }),
                count => self.keeping.owed_before(number, count, None),
            }
        } else if count > 0 {
            self.keeping.owed_before(number, count, Some(keeper));
        } else if here.is_some() {
            self.out.peer(keeper, Told::Done { number });
        }
    }

    fn finish_session(&mut self, number: SessionNumber, mut restoring: Restoring) {
        let window = self.config.max_inflight;
        // What is left has no message any more: none is needed, or it was lost, or never had room. Its identifier is freed, at
        // QoS 2 together with the Client, which may hold it for received.
        for (message, (packet_id, step)) in std::mem::take(&mut restoring.in_flight) {
            match step {
                Step::Pubrec | Step::Pubcomp => {
                    restoring.sent.insert(message, (packet_id, InFlight::AwaitPubcomp));
                }
                Step::Puback => self.out.store(Change::Free { session: number, packet_id }),
            }
        }
        let Some(session) = self.session(restoring.id) else { return };
        session.sender = Sender::restore(window, restoring.sent.into_values());
        let will = session.will.as_ref().map(|will| will.0);
        let due = [will, session.ends()].into_iter().flatten().min();
        self.set_session_timer(restoring.id, due);
    }
}
