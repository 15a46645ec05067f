//! What is subscribed to, and the requests that are not yet answered. It knows no bytes and no connection.

use std::collections::{BTreeMap, VecDeque};

use super::RequestId;
use crate::packet::SubscriptionOptions;
use crate::{PacketId, ReasonCode, TopicFilter};

/// Filters in one SUBSCRIBE when subscriptions are made again: keeps the packet far below usual limits.
const FILTERS_AT_ONCE: usize = 32;

/// A SUBSCRIBE or UNSUBSCRIBE that the Server has not answered.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// None when this Client itself makes granted subscriptions again.
    pub(super) id: Option<RequestId>,
    pub(super) kind: Kind,
    /// Set while it is on its way.
    pub(super) packet_id: Option<PacketId>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Subscribe {
        filters: Vec<(TopicFilter, SubscriptionOptions)>,
        subscription_id: Option<u32>,
        user_properties: Vec<(String, String)>,
    },
    Unsubscribe {
        filters: Vec<TopicFilter>,
        user_properties: Vec<(String, String)>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Granted {
    options: SubscriptionOptions,
    subscription_id: Option<u32>,
}

/// The subscriptions of a Session and the requests that will change them, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    granted: BTreeMap<TopicFilter, Granted>,
    requests: VecDeque<Request>,
    /// The Server's Session may lack what was granted, even if it is present the next time.
    is_unsure: bool,
}

impl Subscriptions {
    pub(super) fn request(&mut self, id: RequestId, kind: Kind) {
        if let Kind::Unsubscribe { filters, .. } = &kind {
            self.remove(filters); // at once: a reconnect must not make them again
        }
        self.requests.push_back(Request { id: Some(id), kind, packet_id: None });
    }

    pub(super) fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// CONNECT was not answered: it may have made a new Session of which nobody will say that it is new.
    pub(super) const fn unanswered_connect(&mut self) {
        self.is_unsure = true;
    }

    /// Whether subscriptions have to be made again on a Session that is present.
    pub(super) const fn is_unsure(&self) -> bool {
        self.is_unsure
    }

    /// The connection is gone: what was on its way will be sent again.
    pub(super) fn disconnected(&mut self) {
        self.is_unsure |= self.requests.iter().any(|request| request.id.is_none());
        self.requests.retain(|request| request.id.is_some()); // the others follow from `granted`
        for request in &mut self.requests {
            request.packet_id = None;
        }
    }

    /// The Server has a new Session, or may have one: all that was granted is asked for again, before any other request.
    pub(super) fn restore(&mut self) {
        self.is_unsure = false;
        let mut by_id: BTreeMap<Option<u32>, Vec<(TopicFilter, SubscriptionOptions)>> = BTreeMap::new();
        for (filter, granted) in &self.granted {
            by_id.entry(granted.subscription_id).or_default().push((filter.clone(), granted.options));
        }
        for (subscription_id, filters) in by_id.into_iter().rev() {
            for filters in filters.rchunks(FILTERS_AT_ONCE) {
                let (filters, user_properties) = (filters.to_vec(), Vec::new());
                let kind = Kind::Subscribe { filters, subscription_id, user_properties };
                self.requests.push_front(Request { id: None, kind, packet_id: None });
            }
        }
    }

    /// The first request that was not sent.
    pub(super) fn next_unsent(&mut self) -> Option<&mut Request> {
        self.requests.iter_mut().find(|request| request.packet_id.is_none())
    }

    /// Takes out the first request that was not sent.
    pub(super) fn take_unsent(&mut self) -> Option<Request> {
        let at = self.requests.iter().position(|request| request.packet_id.is_none())?;
        self.requests.remove(at)
    }

    /// Takes out the request with this identifier.
    pub(super) fn take(&mut self, packet_id: PacketId) -> Option<Request> {
        let at = self.requests.iter().position(|request| request.packet_id == Some(packet_id))?;
        self.requests.remove(at)
    }

    /// The Server has answered for one filter.
    pub(super) fn answered(
        &mut self,
        filter: &TopicFilter,
        options: SubscriptionOptions,
        subscription_id: Option<u32>,
        reason: ReasonCode,
    ) {
        if !reason.is_error() {
            self.granted.insert(filter.clone(), Granted { options, subscription_id });
        }
    }

    pub(super) fn remove(&mut self, filters: &[TopicFilter]) {
        for filter in filters {
            self.granted.remove(filter);
        }
    }
}
