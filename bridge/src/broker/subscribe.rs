//! SUBSCRIBE and UNSUBSCRIBE (3.8, 3.10).

use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt::codec::varint_len;
use mqtt::packet::{RetainHandling, Subscribe, SubscriptionAck, SubscriptionOptions, Unsubscribe};
use mqtt::{Packet, Qos, ReasonCode, TopicFilter, Version};

use super::change::Change;
use super::io::Fault;
use super::limit::Limit;
use super::retained::Replay;
use super::subscriptions::{ShareId, Subscription};
use super::{Broker, ConnectionId, Notice, SessionId};

/// Shared Subscriptions of one Session. Each is told when its Client comes and goes, which costs the Client one packet.
const MAX_SHARES: usize = 10_000;

impl Broker {
    pub(super) fn subscribe(&mut self, id: ConnectionId, subscribe: &Subscribe<'_>) -> Result<(), Fault> {
        let Some((session, version)) = self.client(id) else { return Ok(()) };
        if version.is_5() {
            subscribe.filters.iter().try_for_each(|&(filter, options)| check_share(filter, options))?;
            self.check_answer_fits(id, subscribe.filters.len())?;
        }
        let subscription_id = subscribe.subscription_id.and_then(NonZeroU32::new);
        let mut reasons = Vec::with_capacity(subscribe.filters.len());
        // One after the other [MQTT-3.8.4-5], each answered [MQTT-3.8.4-6] in its place [MQTT-3.9.3-1].
        for &(filter, options) in &subscribe.filters {
            let options = SubscriptionOptions { qos: options.qos.min(self.config.max_qos), ..options }; // [MQTT-3.2.2-10]
            let reason = self.subscribe_one(session, version, filter, options, subscription_id);
            let number = self.session_number(session);
            if number != 0 && !reason.is_error() {
                let (filter, id) = (filter.to_shared(), subscription_id);
                self.out.store(Change::Subscribed { session: number, filter, options, id });
            }
            reasons.push(reason);
        }
        self.note_refused_filters(session, subscribe, &reasons);
        // [MQTT-3.8.4-1], with its identifier [MQTT-3.8.4-2], [MQTT-2.2.1-6]. From then on what is published to any shard comes.
        let holds = self.out.has_claims() || !self.place.is_alone();
        self.send_held(id, &Packet::Suback(SubscriptionAck::new(subscribe.packet_id, reasons)), holds);
        self.pump(session); // the retained messages
        self.keep_replays(session, subscribe.filters.iter().map(|&(filter, _)| filter));
        Ok(())
    }

    /// One line for all of them: a packet has room for hundreds of thousands.
    fn note_refused_filters(&mut self, id: SessionId, subscribe: &Subscribe<'_>, reasons: &[ReasonCode]) {
        let mut refused = subscribe.filters.iter().zip(reasons).filter(|(_, reason)| reason.is_error());
        let Some((&(filter, _), &reason)) = refused.next() else { return };
        let Some(session) = self.sessions.get(id.0 as usize) else { return };
        let what = match refused.count() {
            0 => format!("subscribe to {filter}"),
            others => format!("subscribe to {filter} and {others} more"),
        };
        self.out.notice(Notice::Refused { client_id: Arc::clone(&session.client_id), what, reason });
    }

    fn subscribe_one(
        &mut self,
        id: SessionId,
        version: Version,
        filter: TopicFilter<&str>,
        options: SubscriptionOptions,
        subscription_id: Option<NonZeroU32>,
    ) -> ReasonCode {
        let share = share_of(filter);
        if share.is_some() && !self.config.shared_subscriptions {
            self.counters.reached.count(Limit::SharedSubscriptions);
            return ReasonCode::SharedSubscriptionsNotSupported; // as CONNACK says (3.2.2.3.13)
        }
        if !self.config.wildcard_subscriptions && filter.has_wildcard() {
            self.counters.reached.count(Limit::WildcardSubscriptions);
            // [MQTT3-3.8.3-2]
            return ReasonCode::WildcardSubscriptionsNotSupported;
        }
        let asked = match share {
            Some(Some((_, filter))) => filter,
            Some(None) | None => filter,
        };
        if let Some(limit) = self.limit_of_topic(asked.text()) {
            self.counters.reached.count(limit);
            return ReasonCode::TopicFilterInvalid;
        }
        if !self.may_subscribe(id, asked.text()) {
            return ReasonCode::NotAuthorized;
        }
        let subscription = Subscription { session: id, options, id: subscription_id };
        if let Some(share) = share {
            return share
                .map_or(ReasonCode::TopicFilterInvalid, |share| self.join_share(share, subscription));
        }
        let limit = self.config.max_subscriptions;
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return ReasonCode::UnspecifiedError };
        let holds = |place| session.filters.contains(&place);
        if session.subscriptions() >= limit && !self.subscriptions.place(filter).is_some_and(holds) {
            self.counters.reached.count(Limit::Subscriptions);
            return ReasonCode::QuotaExceeded;
        }
        let (place, is_new) = self.subscriptions.insert(filter, subscription);
        session.filters.insert(place);
        let replays = match options.retain_handling {
            RetainHandling::Send => true,        // [MQTT-3.3.1-9], [MQTT-3.8.4-4]
            RetainHandling::SendIfNew => is_new, // [MQTT-3.3.1-10]
            RetainHandling::DoNotSend => false,  // [MQTT-3.3.1-11]
        };
        if replays {
            let filter = filter.to_shared();
            // A filter asked for twice begins again instead of being sent twice at once.
            let old = session.replay.insert(place, Replay::new(filter, options, subscription_id));
            if let Some(old) = old {
                old.done(session.number, &mut self.out);
            }
        }
        debug_assert!(version.is_5() || subscription_id.is_none(), "3.x has no subscription identifiers");
        granted(options.qos)
    }

    /// A subscription from before the start.
    pub(super) fn restore_subscription(&mut self, filter: TopicFilter<&str>, subscription: Subscription) {
        match share_of(filter) {
            Some(Some(share)) => {
                let share = self.subscriptions.insert_shared(share, subscription, false);
                if let Some(session) = self.session(subscription.session) {
                    session.shares.insert(share);
                }
            }
            Some(None) => {}
            None => {
                let (place, _) = self.subscriptions.insert(filter, subscription);
                if let Some(session) = self.session(subscription.session) {
                    session.filters.insert(place);
                }
            }
        }
    }

    /// Retained messages that a subscription from before the start still owes.
    pub(super) fn restore_replay(&mut self, id: SessionId, replay: Replay) {
        let Some(place) = self.subscriptions.place(replay.filter.borrowed()) else { return };
        if let Some(session) = self.session(id).filter(|session| session.filters.contains(&place)) {
            session.replay.insert(place, replay);
        }
    }

    /// The Shared Subscription of a text from before the start, if it has members.
    pub(super) fn known_share(&self, text: &str) -> Option<ShareId> {
        let (name, filter) = share_named(text)?;
        self.subscriptions.find_share(name, filter)
    }

    /// Makes a Session a member of a Shared Subscription. Retained messages are not sent for it (3.8.4).
    fn join_share(&mut self, (name, filter): SharedFilter<'_>, member: Subscription) -> ReasonCode {
        let limit = self.config.max_subscriptions;
        let Some(session) = self.sessions.get_mut(member.session.0 as usize) else {
            return ReasonCode::UnspecifiedError;
        };
        let holds = |share| session.shares.contains(&share);
        let is_full = session.subscriptions() >= limit || session.shares.len() >= MAX_SHARES;
        if is_full && !self.subscriptions.find_share(name, filter).is_some_and(holds) {
            self.counters.reached.count(Limit::Subscriptions);
            return ReasonCode::QuotaExceeded;
        }
        let share = self.subscriptions.insert_shared((name, filter), member, session.connection.is_some());
        session.shares.insert(share);
        granted(member.options.qos)
    }

    pub(super) fn unsubscribe(
        &mut self,
        id: ConnectionId,
        unsubscribe: &Unsubscribe<'_>,
    ) -> Result<(), Fault> {
        let Some((session, version)) = self.client(id) else { return Ok(()) };
        if version.is_5() {
            let options = SubscriptionOptions::default();
            unsubscribe.filters.iter().try_for_each(|&filter| check_share(filter, options))?;
            self.check_answer_fits(id, unsubscribe.filters.len())?;
        }
        let mut reasons = Vec::with_capacity(unsubscribe.filters.len());
        // One after the other [MQTT-3.10.4-6], each answered in its place [MQTT-3.11.3-1].
        for &filter in &unsubscribe.filters {
            let reason = self.unsubscribe_one(session, filter);
            let number = self.session_number(session);
            if number != 0 && reason == ReasonCode::Success {
                self.out.store(Change::Unsubscribed { session: number, filter: filter.to_shared() });
            }
            reasons.push(reason);
        }
        // [MQTT-3.10.4-4], with its identifier [MQTT-3.10.4-5]
        let holds = self.out.has_claims();
        self.send_held(id, &Packet::Unsuback(SubscriptionAck::new(unsubscribe.packet_id, reasons)), holds);
        Ok(())
    }

    /// A Client that takes no packet as large as the answer would wait for it for ever [MQTT-3.1.2-24].
    fn check_answer_fits(&mut self, id: ConnectionId, filters: usize) -> Result<(), Fault> {
        let Some(live) = self.connection(id).and_then(|connection| connection.live()) else { return Ok(()) };
        if answer_size(filters) > live.maximum_packet_size as usize {
            let why = "the client takes no packet as large as our answer to so many filters";
            return Err(Fault::new(ReasonCode::PacketTooLarge, why));
        }
        Ok(())
    }

    fn unsubscribe_one(&mut self, id: SessionId, filter: TopicFilter<&str>) -> ReasonCode {
        if let Some(share) = share_of(filter) {
            let share = share.and_then(|(name, filter)| self.subscriptions.find_share(name, filter));
            return share.map_or(ReasonCode::NoSubscriptionExisted, |share| self.leave_share(share, id));
        }
        // Nothing new is added from now on [MQTT-3.10.4-2]; what is in the queue or in flight stays [MQTT-3.10.4-3].
        let place = self.subscriptions.remove(filter, id);
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return ReasonCode::UnspecifiedError };
        let Some(place) = place else { return ReasonCode::NoSubscriptionExisted };
        if let Some(replay) = session.replay.remove(&place) {
            replay.done(session.number, &mut self.out);
        }
        session.filters.remove(&place);
        ReasonCode::Success
    }
}

/// Bytes of a SUBACK or UNSUBACK of 5.0 without words: first byte, length, identifier, no properties, a reason for each filter.
const fn answer_size(filters: usize) -> usize {
    let rest = 2 + 1 + filters;
    1 + varint_len(rest) + rest
}

/// A share name and the filter behind it.
pub(super) type SharedFilter<'a> = (&'a str, TopicFilter<&'a str>);

/// What a text names that a Shared Subscription is known by.
pub(super) fn share_named(text: &str) -> Option<SharedFilter<'_>> {
    share_of(TopicFilter::new(text).ok()?)?
}

/// None for a filter that is not shared; then what it shares, unless its form is wrong.
pub(super) fn share_of(filter: TopicFilter<&str>) -> Option<Option<SharedFilter<'_>>> {
    let text = filter.text();
    let rest = text.strip_prefix("$share").filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    let named = rest.strip_prefix('/').and_then(|rest| rest.split_once('/')); // [MQTT-4.8.2-2]
    Some(named.and_then(|(name, filter)| {
        let is_name = !name.is_empty() && !name.contains(['+', '#']); // [MQTT-4.8.2-1], [MQTT-4.8.2-2]
        TopicFilter::new(filter).ok().filter(|_| is_name).map(|filter| (name, filter))
    }))
}

/// A Shared Subscription whose form is wrong ends the connection, as every filter does.
fn check_share(filter: TopicFilter<&str>, options: SubscriptionOptions) -> Result<(), Fault> {
    match share_of(filter) {
        Some(None) => {
            let why =
                "a shared subscription is $share/NAME/FILTER, and the name has no wildcard [MQTT-4.8.2-2]";
            Err(Fault::new(ReasonCode::TopicFilterInvalid, why))
        }
        Some(Some(_)) if options.no_local => {
            Err(Fault::protocol("a shared subscription may not ask for no local [MQTT-3.8.3-4]"))
        }
        _ => Ok(()),
    }
}

/// What the SUBACK says of it [MQTT-3.8.4-7].
const fn granted(qos: Qos) -> ReasonCode {
    match qos {
        Qos::AtMostOnce => ReasonCode::Success,
        Qos::AtLeastOnce => ReasonCode::GrantedQos1,
        Qos::ExactlyOnce => ReasonCode::GrantedQos2,
    }
}
