//! SUBSCRIBE and UNSUBSCRIBE (3.8, 3.10).

use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt::packet::{RetainHandling, Subscribe, SubscriptionAck, SubscriptionOptions, Unsubscribe};
use mqtt::{Packet, Qos, ReasonCode, TopicFilter, Version};

use super::io::Fault;
use super::retained::Replay;
use super::subscriptions::Subscription;
use super::{Broker, ConnectionId, Notice, SessionId};

impl Broker {
    pub(super) fn subscribe(&mut self, id: ConnectionId, subscribe: &Subscribe<'_>) -> Result<(), Fault> {
        let Some((session, version)) = self.client(id) else { return Ok(()) };
        let subscription_id = subscribe.subscription_id.and_then(NonZeroU32::new);
        let mut reasons = Vec::with_capacity(subscribe.filters.len());
        for &(filter, options) in &subscribe.filters {
            let options = SubscriptionOptions { qos: options.qos.min(self.config.max_qos), ..options };
            let reason = self.subscribe_one(session, version, filter, options, subscription_id);
            if reason.is_error()
                && let Some(session) = self.sessions.get(session.0 as usize)
            {
                let (client_id, what) = (Arc::clone(&session.client_id), format!("subscribe to {filter}"));
                self.out.notice(Notice::Refused { client_id, what, reason });
            }
            reasons.push(reason);
        }
        self.send(id, &Packet::Suback(SubscriptionAck::new(subscribe.packet_id, reasons))); // [MQTT-3.8.4-1]
        self.pump(session); // the retained messages
        Ok(())
    }

    fn subscribe_one(
        &mut self,
        id: SessionId,
        version: Version,
        filter: TopicFilter<&str>,
        options: SubscriptionOptions,
        subscription_id: Option<NonZeroU32>,
    ) -> ReasonCode {
        if filter.as_str() == "$share" || filter.as_str().starts_with("$share/") {
            return ReasonCode::SharedSubscriptionsNotSupported; // as CONNACK says (3.2.2.3.13)
        }
        if !self.config.wildcard_subscriptions && filter.has_wildcard() {
            return ReasonCode::WildcardSubscriptionsNotSupported;
        }
        let limit = self.config.max_subscriptions;
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return ReasonCode::UnspecifiedError };
        let holds = |place| session.filters.contains(&place);
        if session.filters.len() >= limit && !self.subscriptions.place(filter).is_some_and(holds) {
            return ReasonCode::QuotaExceeded;
        }
        let (place, is_new) =
            self.subscriptions.insert(filter, Subscription { session: id, options, id: subscription_id });
        session.filters.insert(place);
        let replays = match options.retain_handling {
            RetainHandling::Send => true,        // [MQTT-3.3.1-9]
            RetainHandling::SendIfNew => is_new, // [MQTT-3.3.1-10]
            RetainHandling::DoNotSend => false,  // [MQTT-3.3.1-11]
        };
        if replays {
            let filter = filter.to_shared();
            // A filter asked for twice begins again instead of being sent twice at once.
            session.replay.insert(place, Replay { filter, options, id: subscription_id, after: None });
        }
        debug_assert!(version.is_5() || subscription_id.is_none(), "3.x has no subscription identifiers");
        match options.qos {
            Qos::AtMostOnce => ReasonCode::Success,
            Qos::AtLeastOnce => ReasonCode::GrantedQos1,
            Qos::ExactlyOnce => ReasonCode::GrantedQos2,
        }
    }

    pub(super) fn unsubscribe(
        &mut self,
        id: ConnectionId,
        unsubscribe: &Unsubscribe<'_>,
    ) -> Result<(), Fault> {
        let Some((session, _)) = self.client(id) else { return Ok(()) };
        let mut reasons = Vec::with_capacity(unsubscribe.filters.len());
        for &filter in &unsubscribe.filters {
            reasons.push(self.unsubscribe_one(session, filter));
        }
        self.send(id, &Packet::Unsuback(SubscriptionAck::new(unsubscribe.packet_id, reasons))); // [MQTT-3.10.4-4]
        Ok(())
    }

    fn unsubscribe_one(&mut self, id: SessionId, filter: TopicFilter<&str>) -> ReasonCode {
        let place = self.subscriptions.remove(filter, id);
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return ReasonCode::UnspecifiedError };
        let Some(place) = place else { return ReasonCode::NoSubscriptionExisted };
        session.replay.remove(&place);
        session.filters.remove(&place);
        ReasonCode::Success
    }
}
