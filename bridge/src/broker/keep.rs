//! What outlives the process, said as it changes: Sessions, their subscriptions and wills, messages and who owes them.
//!
//! It knows no store. While keeping is off nothing here costs more than a look at a number that is zero.

mod aside;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mqtt::{Instant, Packet, PacketId, Qos, SessionExpiry, Will};

use super::change::{Change, MessageNumber, Ower, SessionNumber, Step};
use super::outbox::Outbox;
use super::owed::Owed;
use super::session::{Queued, Session};
use super::shard::{Place, ShardId, Told};
use super::stored::Stored;
use super::subscriptions::{Share, Subscriptions};
use super::{Broker, ConnectionId, Fetch, Found, Notice, SessionId};

/// Numbers, and which messages are still owed.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    is_on: bool,
    place: Place,
    /// There is no room for more.
    pub(super) is_full: bool,
    last_session: SessionNumber,
    last_message: MessageNumber,
    last_fetch: u64,
    owed: Owed,
    /// Those of them from before the start that another shard keeps, which is told when they are done here.
    kept_elsewhere: BTreeMap<MessageNumber, ShardId>,
    arriving: Option<Arriving>,
    /// Rows of the publication that is being routed, while it is not known who keeps them.
    aside: Option<Vec<Change>>,
    /// Messages whose rows another shard is to write, and whether they are done before that.
    given_away: BTreeMap<MessageNumber, bool>,
    /// Sessions that want some of these back from the disk.
    too_early: BTreeSet<SessionId>,
}

/// A message whose owers are being found.
#[derive(Debug)]
struct Arriving {
    number: MessageNumber,
    message: Arc<Stored>,
    owers: Vec<Ower>,
    /// It was brought by a Shared Subscription.
    is_shared: bool,
}

impl Keeping {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, ..Self::default() }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// This is one of several shards: each gives out numbers of its own.
    pub(super) const fn set_place(&mut self, place: Place) {
        self.place = place;
    }

    /// Numbers up to these were given out before.
    pub(super) fn go_on_after(&mut self, session: SessionNumber, message: MessageNumber) {
        self.last_session = self.last_session.max(session);
        self.last_message = self.last_message.max(message);
    }

    /// A Session has taken a copy of a message of QoS 1 or 2: if it outlives its connection, so must that.
    pub(super) fn owe(
        &mut self,
        session: &mut Session,
        queued: &mut Queued,
        subscriptions: &Subscriptions,
        out: &mut Outbox,
    ) {
        if session.number != 0 && queued.number == 0 {
            let share = queued.share.and_then(|id| subscriptions.share(id)).map(Share::text);
            queued.number = self.owe_kept(session, queued, share, out);
        }
    }

    fn owe_kept(
        &mut self,
        session: &mut Session,
        queued: &Queued,
        share: Option<Arc<str>>,
        out: &mut Outbox,
    ) -> MessageNumber {
        // A Session that gets several copies owes several messages. What may be passed on is kept for itself, so that it can be
        // taken from one and given to another in one step.
        let is_another = |arriving: &Arriving| {
            !Arc::ptr_eq(&arriving.message, &queued.message)
                || session.last_owed == arriving.number
                || arriving.is_shared
                || queued.share.is_some()
        };
        if self.arriving.as_ref().is_some_and(is_another) {
            self.flush(out);
        }
        let arriving = self.arriving.get_or_insert_with(|| {
            self.last_message = self.place.next_number(self.last_message);
            let (number, message) = (self.last_message, Arc::clone(&queued.message));
            Arriving { number, message, owers: Vec::new(), is_shared: queued.share.is_some() }
        });
        arriving.owers.push(Ower {
            session: session.number,
            qos: queued.qos,
            retain: queued.retain,
            subscription_ids: queued.subscription_ids.clone(),
            share,
        });
        session.last_owed = arriving.number;
        self.owed.add(arriving.number, 1);
        arriving.number
    }

    /// All owers of the message that arrived are known.
    #[inline]
    pub(super) fn flush(&mut self, out: &mut Outbox) {
        if self.arriving.is_some() {
            self.flush_arriving(out);
        }
    }

    fn flush_arriving(&mut self, out: &mut Outbox) {
        let Some(Arriving { number, message, owers, .. }) = self.arriving.take() else { return };
        if self.owed.count(number) == 0 {
            return; // it was dropped by all of them
        }
        let row = Change::Message { number, message, owers: owers.into() };
        match &mut self.aside {
            Some(aside) => aside.push(row),
            None => out.store(row),
        }
    }

    /// One copy of a message is done: acknowledged, or dropped.
    pub(super) fn done(&mut self, number: MessageNumber, out: &mut Outbox) {
        if number == 0 {
            return;
        }
        let Some(left) = self.owed.done(number) else { return };
        let is_arriving = self.arriving.as_ref().is_some_and(|arriving| arriving.number == number);
        if left == 0 && !is_arriving {
            if let Some(is_done) = self.given_away.get_mut(&number) {
                *is_done = true;
                return;
            }
            match self.kept_elsewhere.remove(&number) {
                Some(keeper) => out.peer(keeper, Told::Done { number }),
                None => out.store(Change::MessageGone { number }),
            }
        }
    }

    /// The only copy of a message goes to another shard, which keeps it from then on. Names the row that is to be removed there.
    pub(super) fn hand_over(&mut self, number: MessageNumber) -> MessageNumber {
        if self.owed.done(number).is_none() {
            return 0;
        }
        if let Some(is_done) = self.given_away.get_mut(&number) {
            *is_done = true; // this shard removes it, when it is there
            return 0;
        }
        number
    }

    /// A message of a Shared Subscription is on its way to another shard: it is owed by nobody until that one has it. Names its
    /// row, if it has one.
    pub(super) fn keep_on_its_way(
        &mut self,
        message: &Arc<Stored>,
        share: &Arc<str>,
        out: &mut Outbox,
    ) -> MessageNumber {
        let (qos, retain) = (message.message.qos, message.message.retain);
        if !self.is_on || qos == Qos::AtMostOnce {
            return 0;
        }
        self.last_message = self.place.next_number(self.last_message);
        let number = self.last_message;
        let (subscription_ids, share) = (Box::default(), Some(Arc::clone(share)));
        let nobody = Ower { session: 0, qos, retain, subscription_ids, share };
        out.store(Change::Message { number, message: Arc::clone(message), owers: [nobody].into() });
        number
    }

    /// A copy takes an identifier and is about to be sent. One of QoS 2 has to wait: if its identifier were forgotten, it
    /// would be sent again under another.
    pub(super) fn sends(
        &self,
        session: SessionNumber,
        message: MessageNumber,
        (packet_id, qos): (PacketId, Qos),
        out: &mut Outbox,
    ) {
        if message != 0 && session != 0 {
            let is_exact = qos == Qos::ExactlyOnce;
            let step = if is_exact { Step::Pubrec } else { Step::Puback };
            out.store(Change::InFlight { session, packet_id, message, step });
            out.set_holding(is_exact);
        }
    }

    /// A message is still owed by this many, from before the start. Its row may be another shard's to remove.
    pub(super) fn owed_before(&mut self, number: MessageNumber, count: u32, keeper: Option<ShardId>) {
        self.owed.add(number, count);
        self.kept_elsewhere.extend(keeper.map(|keeper| (number, keeper)));
    }
}

impl Broker {
    /// Asks for what is put away and soon to be sent.
    pub(super) fn fetch(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return };
        if session.connection.is_none() {
            return;
        }
        let Keeping { given_away, last_fetch, too_early, .. } = &mut self.keeping;
        match session.queue.fetch(id, last_fetch, |number| !given_away.contains_key(&number)) {
            Some(fetch) => self.out.fetch(fetch),
            None if !given_away.is_empty() => _ = too_early.insert(id),
            None => {}
        }
    }

    /// It is there. A Session that has ended meanwhile has no use for it.
    pub(super) fn fetched(&mut self, fetch: &Fetch, found: Found) {
        let Some(session) = self.sessions.get_mut(fetch.session.0 as usize) else { return };
        let missing = session.queue.fetched(fetch, found.messages);
        let unstored = missing.iter().filter(|number| found.unstored.contains(number)).count();
        let messages = missing.len() - unstored;
        if messages > 0 {
            let client_id = Arc::clone(&session.client_id);
            self.out.notice(Notice::Unreadable { client_id, messages });
        }
        self.counters.dropped_unstored += unstored as u64;
        self.counters.dropped_unreadable += messages as u64;
        missing.into_iter().for_each(|number| self.done(number));
        self.pump(fetch.session);
    }

    /// Sends a packet that claims what was kept just now.
    pub(super) fn send_held(&mut self, id: ConnectionId, packet: &Packet<'_>, holds: bool) {
        self.out.set_holding(holds);
        self.send(id, packet);
        self.out.set_holding(false);
    }

    /// A copy of a message, done.
    pub(super) fn done(&mut self, number: MessageNumber) {
        self.keeping.done(number, &mut self.out);
    }

    /// An identifier that a kept message had is free.
    pub(super) fn freed(&mut self, id: SessionId, packet_id: PacketId) {
        let Some(session) = self.sessions.get(id.0 as usize).map(|session| session.number) else { return };
        if session != 0 {
            self.out.store(Change::Free { session, packet_id });
        }
    }

    /// Something about a Session has changed that must be known after a restart, or it has begun or ceased to outlive its
    /// connection.
    pub(super) fn keep_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return };
        let outlives = session.expiry != SessionExpiry::AtDisconnect;
        if session.number == 0 {
            if !outlives || !self.keeping.is_on {
                return;
            }
            self.keeping.last_session = self.keeping.place.next_number(self.keeping.last_session);
            session.number = self.keeping.last_session;
        } else if !outlives && session.connection.is_some() {
            session.kept_will = 0;
            let session = std::mem::take(&mut session.number);
            return self.out.store(Change::SessionGone { session });
        }
        self.out.store(Change::Session {
            session: session.number,
            client_id: Arc::clone(&session.client_id),
            owner: session.user.clone(),
            expiry: session.expiry,
            ends: session.ends(),
        });
    }

    /// A Session's will, and when it is due: none while its Client is there.
    pub(super) fn keep_will(&mut self, id: SessionId, will: Option<(Option<Instant>, &Arc<Will>)>) {
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return };
        let Some((due, will)) = will else {
            return match std::mem::take(&mut session.kept_will) {
                0 => {}
                number if number == session.number => {
                    self.out.store(Change::WillGone { session: number });
                }
                number => self.out.store(Change::LoneWillGone { number }),
            };
        };
        if session.number == 0 {
            return self.keep_lone_will(id, due, will);
        }
        session.kept_will = session.number;
        self.out.store(Change::Will { session: session.number, due, will: Arc::clone(will) });
    }

    /// A will that ends with its Session's connection is kept while that lasts, so that it is sent when the process ends first.
    /// Nothing waits for it: whatever is acknowledged later is not durable without it.
    fn keep_lone_will(&mut self, id: SessionId, due: Option<Instant>, will: &Arc<Will>) {
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return };
        if due.is_some() || !self.keeping.is_on {
            return; // it is sent in this turn
        }
        self.keeping.last_session = self.keeping.place.next_number(self.keeping.last_session);
        let number = self.keeping.last_session;
        session.kept_will = number;
        let (client_id, owner) = (Arc::clone(&session.client_id), session.user.clone());
        self.out.store(Change::LoneWill { number, client_id, owner, will: Arc::clone(will) });
    }

    /// A QoS 2 message of a Client was taken. It must be known after a restart only if something has come of it.
    pub(super) fn keep_received(&mut self, id: SessionId, packet_id: PacketId) {
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return };
        // Where another shard alone has taken it, that one keeps this.
        if session.number != 0 && self.out.has_claims() && session.kept_received.insert(packet_id) {
            let session = session.number;
            self.out.store(Change::Received { session, packet_id });
        }
    }

    pub(super) fn is_kept_received(&self, id: SessionId, packet_id: PacketId) -> bool {
        let session = self.sessions.get(id.0 as usize);
        session.is_some_and(|session| session.kept_received.contains(&packet_id))
    }

    /// It was released. True when that must be durable before the Client may use the identifier again.
    pub(super) fn keep_released(&mut self, id: SessionId, packet_id: PacketId) -> bool {
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return false };
        if !session.kept_received.remove(&packet_id) {
            return false;
        }
        let session = session.number;
        if session != 0 {
            self.out.store(Change::Released { session, packet_id });
        }
        session != 0
    }

    /// The number of a Session, zero for one that is not kept.
    pub(super) fn session_number(&self, id: SessionId) -> SessionNumber {
        self.sessions.get(id.0 as usize).map_or(0, |session| session.number)
    }
}
