//! Messages of Shared Subscriptions (4.8.2): which member gets one, and what becomes of those that a member leaves behind.
//!
//! Members that are connected take turns. A turn goes by where a window or a socket is full while another's is not. While
//! none is connected, QoS 1 and 2 messages go by turns to the queues of the members that are away. What was never sent goes
//! to the others as soon as its member is cut or unsubscribes; what was sent waits for its member, and goes to others,
//! if it is of QoS 1, when the Session ends. What several shards do together `across` knows.

mod across;

use std::sync::Arc;

use mqtt::{Qos, ReasonCode};

pub(super) use self::across::{Leaving, Shared};
use super::route::{Routed, To};
use super::session::{Queued, Session};
use super::shard::ShardId;
use super::subscriptions::{Audience, Kind, Share, ShareId, Subscription, Tried};
use super::{Broker, SessionId};

/// Members that are looked at for one message before it goes to the best of them.
const TRIES: usize = 32;

/// How soon a member would get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Readiness {
    /// At once.
    Now,
    /// When its window and socket allow.
    Later,
    /// Never: its queue is full, or at QoS 0 its socket.
    Full,
}

/// Who gets a message.
enum Chosen {
    Here(Subscription),
    /// A member of another shard, which chooses it, when those were tried.
    Elsewhere(ShardId, Tried),
}

impl Broker {
    /// Delivers a message to one member. False when there is none that can have it.
    pub(super) fn deliver_to_one(
        &mut self,
        share: ShareId,
        routed: &mut Routed<'_>,
        audience: &Audience,
    ) -> bool {
        let qos = routed.publish.delivery.qos();
        let size = if qos == Qos::AtMostOnce {
            0
        } else {
            routed.stored(&audience.topic, &mut self.spare).message.size()
        };
        let wanted = (qos, size, audience.topic.as_str());
        match self.choose(share, wanted, Tried::default(), false) {
            Some(Chosen::Here(member)) => self.deliver_to_member(share, member, routed, audience),
            Some(Chosen::Elsewhere(shard, tried)) => self.choose_elsewhere(share, shard, tried),
            None => return false,
        }
        true
    }

    fn deliver_to_member(
        &mut self,
        share: ShareId,
        member: Subscription,
        routed: &mut Routed<'_>,
        audience: &Audience,
    ) {
        let qos = routed.publish.delivery.qos();
        let id = member.id.map(|id| [id.get()]);
        let to = To {
            session: member.session,
            qos: self.at_most(member.session, &audience.topic, qos.min(member.options.qos)), // [MQTT-4.8.2-3]
            retain_as_published: member.options.retain_as_published,
            share: Some(share),
            ids: id.as_ref().map_or(&[], |id| id),
            is_alone: audience.members.is_empty() && audience.shares.len() == 1,
        };
        self.deliver(to, routed, audience);
    }

    /// Whose turn it is to get a message of so many bytes, and that it was. One that `is_ours` was given to this shard.
    fn choose(
        &mut self,
        id: ShareId,
        message: (Qos, usize, &str),
        tried: Tried,
        is_ours: bool,
    ) -> Option<Chosen> {
        let kinds: &[Kind] =
            if message.0 == Qos::AtMostOnce { &[Kind::Connected] } else { &[Kind::Connected, Kind::Keeping] };
        kinds.iter().find_map(|&kind| self.choose_of(kind, id, message, (tried, is_ours)))
    }

    fn choose_of(
        &mut self,
        kind: Kind,
        id: ShareId,
        message: (Qos, usize, &str),
        (tried, is_ours): (Tried, bool),
    ) -> Option<Chosen> {
        let own = self.place.shard;
        let share = self.subscriptions.share_mut(id)?;
        let shard = match is_ours && share.is_here(kind) && (tried == Tried::ALL || !tried.has(own)) {
            true => own,
            false => share.shard_in_turn(kind, own, tried)?,
        };
        if shard != own {
            return Some(Chosen::Elsewhere(shard, tried));
        }
        let Some((readiness, member)) = self.best_here(kind, id, message) else {
            // None of ours may read it.
            let other = self.subscriptions.share_mut(id)?.shard_in_turn(kind, own, tried.and(own))?;
            return Some(Chosen::Elsewhere(other, tried.and(own)));
        };
        let is_late = match readiness {
            Readiness::Now => false,
            // Another may be sooner, but is not looked for for ever; and of those that are away none is.
            Readiness::Later => kind == Kind::Connected && tried.is_empty(),
            Readiness::Full => true,
        };
        let share = self.subscriptions.share_mut(id)?;
        if is_late && let Some(other) = share.shard_in_turn(kind, own, tried.and(own)) {
            return Some(Chosen::Elsewhere(other, tried.and(own)));
        }
        share.took(member.session);
        Some(Chosen::Here(member))
    }

    fn best_here(
        &self,
        kind: Kind,
        id: ShareId,
        (qos, size, topic): (Qos, usize, &str),
    ) -> Option<(Readiness, Subscription)> {
        let readiness = |member: &Subscription| {
            let id = usize::from(member.id.is_some()) * size_of::<u32>();
            self.readiness(member.session, qos.min(member.options.qos), size + id)
        };
        let members = self.subscriptions.share(id)?.turns(kind).in_turn();
        best(members.filter(|member| self.may_read(member.session, topic).allows()), readiness)
    }

    fn readiness(&self, id: SessionId, qos: Qos, size: usize) -> Readiness {
        let Some(session) = self.sessions.get(id.0 as usize) else { return Readiness::Full };
        let connection = session.connection.and_then(|id| self.connections.get(id.0 as usize)?.as_ref());
        let flows = connection.is_some_and(|connection| connection.pending <= self.config.max_output_bytes);
        let limits = (self.config.max_queued_messages, self.config.max_queued_bytes);
        match qos {
            Qos::AtMostOnce if flows => Readiness::Now,
            Qos::AtMostOnce => Readiness::Full,
            _ if flows && session.queue.is_empty() && session.sender.has_room() => Readiness::Now,
            _ if session.queue.has_room(size, limits) => Readiness::Later,
            _ => Readiness::Full,
        }
    }

    /// A Session's Client has come or gone.
    pub(super) fn set_shares_connected(&mut self, id: SessionId, is_connected: bool) {
        let Some(session) = self.sessions.get(id.0 as usize) else { return };
        for &share in &session.shares {
            self.subscriptions.set_connected(share, id, is_connected);
        }
    }

    /// What a Session that is cut has not been sent yet goes to members that are connected.
    pub(super) fn pass_on_unsent(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return };
        if session.shares.is_empty() {
            return;
        }
        let subscriptions = &self.subscriptions;
        let has_others = |share| subscriptions.share(share).is_some_and(Share::is_connected);
        let left = session.queue.take_all(|queued| queued.share.is_some_and(has_others));
        left.into_iter().for_each(|queued| self.pass_on(queued));
    }

    /// Ends one member's part; what it has been sent is completed with it [MQTT-3.10.4-3].
    pub(super) fn leave_share(&mut self, share: ShareId, id: SessionId) -> ReasonCode {
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return ReasonCode::UnspecifiedError };
        if !session.shares.remove(&share) {
            return ReasonCode::NoSubscriptionExisted;
        }
        self.subscriptions.leave_share(share, id);
        if self.subscriptions.share(share).is_some_and(Share::can_keep) {
            let left = session.queue.take_all(|queued| queued.share == Some(share));
            left.into_iter().for_each(|queued| self.pass_on(queued));
        }
        ReasonCode::Success
    }

    /// A Session has ended: others get its messages of QoS 1, and those of QoS 2 that it was never sent. Of what it was sent
    /// at QoS 2 nobody knows whether it has arrived [MQTT-4.8.2-5].
    pub(super) fn leave_shares(&mut self, id: SessionId, mut session: Session) {
        for &share in &session.shares {
            self.subscriptions.leave_share(share, id);
        }
        session.queue.away().for_each(|number| self.done(number));
        let sent = session.sender.drain();
        let (was_sent, all) = (sent.len(), sent.into_iter().chain(session.queue.take_all(|_| true)));
        for (n, queued) in all.enumerate() {
            if queued.share.is_some() && (n >= was_sent || queued.qos == Qos::AtLeastOnce) {
                self.pass_on(queued);
            } else {
                self.done(queued.number);
            }
        }
    }

    /// Gives a message that a member left behind to another.
    pub(super) fn pass_on(&mut self, queued: Queued) {
        let Some(share) = queued.share else { return self.done(queued.number) };
        if queued.message.is_expired(self.now) {
            self.counters.dropped_expired += 1; // [MQTT-3.3.2-5]
            return self.done(queued.number);
        }
        let message = &queued.message.message;
        let member = match self.choose(
            share,
            (message.qos, message.size(), message.topic.as_str()),
            Tried::default(),
            false,
        ) {
            Some(Chosen::Here(member)) => member,
            Some(Chosen::Elsewhere(shard, tried)) => return self.hand_over(share, queued, shard, tried),
            None => return self.done(queued.number),
        };
        self.done(queued.number);
        let passed = Queued {
            qos: self.at_most(member.session, &message.topic, message.qos.min(member.options.qos)),
            retain: message.retain && member.options.retain_as_published,
            share: Some(share),
            subscription_ids: member.id.iter().map(|id| id.get()).collect(),
            message: Arc::clone(&queued.message),
            number: 0,
        };
        self.deliver_queued(member.session, passed);
    }
}

/// The first that is ready, or else the one that is soonest.
fn best<'a>(
    members: impl Iterator<Item = &'a Subscription>,
    readiness: impl Fn(&Subscription) -> Readiness,
) -> Option<(Readiness, Subscription)> {
    let mut best: Option<(Readiness, &Subscription)> = None;
    for member in members.take(TRIES) {
        let ready = readiness(member);
        if ready == Readiness::Now {
            return Some((ready, *member));
        }
        if best.is_none_or(|(soonest, _)| ready < soonest) {
            best = Some((ready, member));
        }
    }
    best.map(|(ready, member)| (ready, *member))
}
