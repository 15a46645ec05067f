//! What is subscribed to, and the requests that are not yet answered. It knows no bytes and no connection.

use super::RequestId;
#[cfg(feature = "durable")]
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

/// A filter and how it is subscribed to.
type Wanted = (TopicFilter, SubscriptionOptions);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Subscribe { filters: Vec<Wanted>, subscription_id: Option<u32>, user_properties: Vec<(String, String)> },
    Unsubscribe { filters: Vec<TopicFilter>, user_properties: Vec<(String, String)> },
}

#[derive(Clone, Copy, Debug)]
struct Granted {
    options: SubscriptionOptions,
    subscription_id: Option<u32>,
}

/// The subscriptions of a Session and the requests that will change them, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    /// Sorted by filter. A plain list, as are the requests: a page carries far fewer kilobytes for it than for a tree, and
    /// nothing here is done for each message.
    granted: Vec<(TopicFilter, Granted)>,
    requests: Vec<Request>,
    /// The Server's Session may lack what was granted, even if it is present the next time.
    is_unsure: bool,
}

impl Subscriptions {
    pub(super) fn request(&mut self, id: RequestId, kind: Kind) {
        if let Kind::Unsubscribe { filters, .. } = &kind {
            self.remove(filters); // at once: a reconnect must not make them again
        }
        self.requests.push(Request { id: Some(id), kind, packet_id: None });
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
        let mut by_id: Vec<(Option<u32>, Vec<Wanted>)> = Vec::new();
        for (filter, granted) in &self.granted {
            let at = by_id.partition_point(|(id, _)| *id < granted.subscription_id);
            if by_id.get(at).is_none_or(|(id, _)| *id != granted.subscription_id) {
                by_id.insert(at, (granted.subscription_id, Vec::new()));
            }
            if let Some((_, filters)) = by_id.get_mut(at) {
                filters.push((filter.clone(), granted.options));
            }
        }
        let later = std::mem::take(&mut self.requests);
        for (subscription_id, filters) in by_id {
            for filters in filters.chunks(FILTERS_AT_ONCE) {
                let (filters, user_properties) = (filters.to_vec(), Vec::new());
                let kind = Kind::Subscribe { filters, subscription_id, user_properties };
                self.requests.push(Request { id: None, kind, packet_id: None });
            }
        }
        self.requests.extend(later);
    }

    /// The filters that were granted.
    pub(super) fn filters(&self) -> impl Iterator<Item = &TopicFilter> {
        self.granted.iter().map(|(filter, _)| filter)
    }

    /// The first request that was not sent.
    pub(super) fn next_unsent(&mut self) -> Option<&mut Request> {
        self.requests.iter_mut().find(|request| request.packet_id.is_none())
    }

    /// Takes out the first request that was not sent.
    pub(super) fn take_unsent(&mut self) -> Option<Request> {
        let at = self.requests.iter().position(|request| request.packet_id.is_none())?;
        Some(self.requests.remove(at))
    }

    /// Takes out the request with this identifier.
    pub(super) fn take(&mut self, packet_id: PacketId) -> Option<Request> {
        let at = self.requests.iter().position(|request| request.packet_id == Some(packet_id))?;
        Some(self.requests.remove(at))
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
            self.grant(filter.clone(), Granted { options, subscription_id });
        }
    }

    pub(super) fn remove(&mut self, filters: &[TopicFilter]) {
        for filter in filters {
            if let Ok(at) = self.place(filter) {
                self.granted.remove(at);
            }
        }
    }

    fn grant(&mut self, filter: TopicFilter, granted: Granted) {
        match self.place(&filter) {
            Ok(at) => {
                if let Some(place) = self.granted.get_mut(at) {
                    place.1 = granted;
                }
            }
            Err(at) => self.granted.insert(at, (filter, granted)),
        }
    }

    /// Where a filter stands, or where it belongs.
    fn place(&self, filter: &TopicFilter) -> Result<usize, usize> {
        self.granted.binary_search_by(|(other, _)| other.cmp(filter))
    }
}

/// For a Session that outlives its program.
#[cfg(feature = "durable")]
impl Subscriptions {
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
        for (filter, options, subscription_id) in saved {
            self.grant(filter, Granted { options, subscription_id });
        }
        self.is_unsure = true;
    }
}
