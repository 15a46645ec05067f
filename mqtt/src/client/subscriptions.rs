//! What is subscribed to, and the requests that are not yet answered. It knows no bytes and no connection.

use std::collections::{BTreeMap, VecDeque};

use super::RequestId;
use super::saved::Subscription;
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

    /// What was granted, for a Session that is kept.
    pub(super) fn to_save(&self) -> Vec<Subscription> {
        let granted = self.granted.iter();
        granted.map(|(filter, granted)| (filter.clone(), granted.options, granted.subscription_id)).collect()
    }

    /// What is to be unsubscribed from, which the Server has not confirmed.
    pub(super) fn unwanted(&self) -> Vec<TopicFilter> {
        let unwanted = self.requests.iter().filter_map(|request| match &request.kind {
            Kind::Unsubscribe { filters, .. } => Some(filters),
            Kind::Subscribe { .. } => None,
        });
        unwanted.flatten().cloned().collect()
    }

    /// What was granted to the program before this one. Nobody knows what the Server has of it.
    pub(super) fn restore_saved(&mut self, saved: Vec<Subscription>) {
        let granted = saved.into_iter();
        self.granted = granted
            .map(|(filter, options, subscription_id)| (filter, Granted { options, subscription_id }))
            .collect();
        self.is_unsure = true;
    }

    /// The filters that were granted.
    pub(super) fn filters(&self) -> impl Iterator<Item = &TopicFilter> {
        self.granted.keys()
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
