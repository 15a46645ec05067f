//! A connected Client that moves from the door to its home, with its Session as it stands.
//!
//! It knows no socket. Its owner sees to it that nothing is under way between any two shards, neither when the Client is
//! taken out nor until all have heard where it is subscribed now. So no message passes it by, and none comes twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use mqtt::TopicFilter;
use mqtt::delivery::InFlight;

use super::connection::{Connection, State};
use super::session::{Queued, Session};
use super::shard::{DOOR, Moved, ShardId};
use super::subscriptions::{FilterId, Standing, Subscription};
use super::{Broker, ConnectionId, SessionId};

/// A Client between two shards.
#[derive(Debug)]
pub struct Resettled {
    connection: Connection,
    session: Session,
    subscriptions: Vec<Standing>,
}

impl Session {
    /// Whether nothing of it is bound to this shard: neither what is kept, nor what waits for others, nor a part of what is shared.
    fn may_leave(&self) -> bool {
        let is_kept = self.number != 0 || self.kept_will != 0 || !self.kept_received.is_empty();
        let waits = !self.answers.is_empty() || !self.replay.is_empty() || self.replay_rests();
        let is_plain = |queued: &Queued| queued.share.is_none() && queued.number == 0;
        let mut in_flight = self.sender.in_flight().map(|(_, step)| step);
        !is_kept
            && !waits
            && self.shares.is_empty()
            && self.queue.all(is_plain)
            && in_flight.all(|step| match step {
                InFlight::AwaitPuback(queued) | InFlight::AwaitPubrec(queued) => is_plain(queued),
                InFlight::AwaitPubcomp | InFlight::Request => true,
            })
    }
}

impl Broker {
    /// Clients at the door that are at home elsewhere and may go there, with their homes; so many at most.
    #[must_use]
    pub fn settlers(&self, at_most: usize) -> Vec<(ConnectionId, ShardId)> {
        let connected = (0..).map(ConnectionId).zip(&self.connections).filter_map(|(id, connection)| {
            let State::Connected(live) = &connection.as_ref()?.state else { return None };
            // One that is proving anew who it is may do that first.
            let is_busy = live.login.as_ref().is_some_and(|login| login.step.is_some());
            let session = self.sessions.get(live.session.0 as usize).filter(|session| session.may_leave())?;
            let home = self.home(&session.client_id);
            (home != self.place.shard && !is_busy).then_some((id, home))
        });
        connected.take(at_most).collect()
    }

    /// Takes a Client out that [`Broker::settlers`] has named, and that may still go; its connection's number is free then. To be
    /// followed by [`Broker::poll`] until it waits, and to be handed to its home by [`super::Input::Resettled`].
    #[must_use]
    pub fn resettle(&mut self, id: ConnectionId) -> Option<Box<Resettled>> {
        debug_assert!(self.out.is_drained(), "poll until Wait before");
        self.out.reset();
        let at = self.connection(id)?.live()?.session;
        if self.place.shard != DOOR || !self.session(at)?.may_leave() {
            return None;
        }
        self.set_connection_timer(id, None);
        self.set_session_timer(at, None);
        let connection = self.connections.get_mut(id.0 as usize)?.take()?;
        self.connected = self.connected.saturating_sub(1);
        self.given_away += 1;
        let mut session = self.sessions.try_remove(at.0 as usize)?;
        self.by_client.remove(&session.client_id);
        let filters = std::mem::take(&mut session.filters);
        let subscriptions = filters.iter().filter_map(|&filter| self.subscriptions.at(filter, at)).collect();
        self.subscriptions.remove_all(at, &filters);
        self.finish_input();
        Some(Box::new(Resettled { connection, session, subscriptions }))
    }

    /// Takes in a Client that the door has let in before.
    pub(super) fn settle(&mut self, id: ConnectionId, resettled: Resettled) {
        let Resettled { mut connection, mut session, subscriptions } = resettled;
        let Some(due) = connection.live().map(|live| live.due()) else { return };
        connection.moved = Some(Moved { crowd: None, name: None });
        session.connection = Some(id);
        let client_id = Arc::clone(&session.client_id);
        debug_assert!(!self.by_client.contains_key(&client_id), "a name has one Session among all shards");
        let at = SessionId(u32::try_from(self.sessions.insert(session)).unwrap_or(u32::MAX));
        self.by_client.insert(client_id, at);
        if let Some(live) = connection.live() {
            live.session = at;
        }
        self.put_connection(id, connection);
        self.connected += 1;
        self.set_connection_timer(id, due);
        let filters = self.settle_subscriptions(at, &subscriptions);
        if let Some(session) = self.session(at) {
            session.filters = filters;
        }
        self.pump(at);
    }

    fn settle_subscriptions(&mut self, session: SessionId, subscriptions: &[Standing]) -> BTreeSet<FilterId> {
        let insert = |(filter, options, id): &Standing| {
            let filter = TopicFilter::new(filter.as_str()).ok()?;
            Some(self.subscriptions.insert(filter, Subscription { session, options: *options, id: *id }).0)
        };
        subscriptions.iter().filter_map(insert).collect()
    }
}
