//! When the broker has nothing more to say: whether all that was due is done, and nothing was lost without being counted.

use std::collections::BTreeSet;

use bridge::broker::Counters;
use mqtt::{Instant, Qos};

use super::session::Session;
use super::{Model, State};
use crate::link::LinkKey;

/// The counts of the turn before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dropped {
    slow_reader: u64,
    queue_full: u64,
}

impl Model {
    /// The end of a turn: all outputs were polled.
    pub(crate) fn turn(&mut self, closed: &BTreeSet<LinkKey>, wait: Option<Instant>, counters: &Counters) {
        assert_eq!(*closed, self.closes, "the connections that are closed");
        assert!(self.answers.is_empty(), "{:?} was not sent", self.answers);
        self.closes.clear();
        self.check_lost(counters);
        self.check_counters(counters);
        self.check_wait(wait);
        self.check_progress();
        self.check_too_large(counters);
        self.check_parcels();
    }

    /// Bytes on their way to a Session's connection.
    pub(super) fn pending(&self, session: &Session) -> usize {
        session.link.and_then(|link| self.lines.get(&link)).map_or(0, |line| line.pending)
    }

    /// A Session is connected, and its window and socket take more.
    pub(super) fn has_room(&self, session: &Session) -> bool {
        let in_window = session.flights.len() - session.again.len();
        let flows = self.pending(session) <= self.config.max_output_bytes / 2;
        session.link.is_some() && flows && in_window < session.window
    }

    /// QoS 0 is sent at once or counted as lost, and so is what a full queue turns away.
    fn check_lost(&mut self, counters: &Counters) {
        let has_ended = std::mem::take(&mut self.has_ended);
        let limit = self.config.max_output_bytes;
        let slow_reader = counters.dropped_slow_reader - self.dropped.slow_reader;
        let queue_full = counters.dropped_queue_full - self.dropped.queue_full;
        self.dropped =
            Dropped { slow_reader: counters.dropped_slow_reader, queue_full: counters.dropped_queue_full };
        assert_eq!(queue_full, std::mem::take(&mut self.turned_away), "messages that full queues turn away");
        let mut missed = self.lose_parcels();
        let mut either = 0;
        for session in self.sessions.values_mut() {
            let takes = session.max_packet;
            let pending = session.link.and_then(|link| self.lines.get(&link)).map_or(0, |line| line.pending);
            for debt in session.debts.iter_mut().filter(|debt| !debt.is_done && debt.qos == Qos::AtMostOnce) {
                if debt.size > takes {
                    let is_certain = session.link.is_some() && pending <= limit;
                    self.too_large.certain += u64::from(is_certain);
                    self.too_large.perhaps += u64::from(!is_certain);
                    either += u64::from(!is_certain);
                    debt.is_done = true;
                    continue;
                }
                assert!(session.link.is_none() || pending > limit, "{:?} is lost at QoS 0", debt.letter);
                missed += 1;
                debt.is_done = true;
            }
            session.debts.retain(|debt| !debt.is_done);
        }
        assert!(
            (missed..=missed + either).contains(&slow_reader) || has_ended,
            "{missed} QoS 0 messages are lost, {slow_reader} counted"
        );
    }

    fn check_counters(&self, counters: &Counters) {
        let connections = self.lines.values().filter(|line| matches!(line.state, State::Live(_))).count();
        let subscriptions: usize = self.sessions.values().map(|session| session.subscriptions.len()).sum();
        let ours = [connections, self.sessions.len(), subscriptions, self.retained.len()];
        let theirs = [counters.connections, counters.sessions, counters.subscriptions, counters.retained];
        assert_eq!(theirs, ours.map(|n| n as u64), "connections, sessions, subscriptions, retained");
    }

    /// The broker wakes in time for all that is due, and not at all when nothing is.
    fn check_wait(&self, wait: Option<Instant>) {
        match (self.next_deadline(), wait) {
            (None, None) => {}
            (Some(due), Some(wait)) => {
                assert!(wait <= due, "the broker sleeps until {wait:?}, {due:?} is due")
            }
            (due, wait) => panic!("the broker waits for {wait:?}, due is {due:?}"),
        }
    }

    /// Where window and socket have room, nothing waits.
    fn check_progress(&mut self) {
        if self.is_fetching {
            return;
        }
        let (now, limit) = (self.now, self.config.max_output_bytes);
        let retained = &self.retained;
        for (client, session) in &mut self.sessions {
            let Some(link) = session.link else { continue };
            let pending = self.lines.get(&link).map_or(0, |line| line.pending);
            let in_window = session.flights.len() - session.again.len();
            if pending > limit / 2 || in_window >= session.window {
                continue;
            }
            let again = &session.again;
            assert!(again.is_empty(), "{again:?} are not sent again to {client} [MQTT-4.4.0-1]");
            let stuck = session
                .debts
                .iter()
                .find(|debt| debt.is_due(now) && !debt.may_be_gone && !session.is_too_large(debt));
            assert!(stuck.is_none(), "{stuck:?} waits for nothing on the way to {client}");
            let dropped = session.drop_too_large(now);
            self.too_large.certain += dropped.certain;
            self.too_large.perhaps += dropped.perhaps;
            session.debts.clear(); // what is left has expired
            let is_gone = |topic: &String| retained.get(topic).is_none_or(|kept| kept.is_expired(now));
            session.past_replays.clear();
            let replays = std::mem::take(&mut session.replays);
            let brought: BTreeSet<_> =
                std::mem::take(&mut session.replayed).into_keys().map(|key| key.0).collect();
            for (filter, replay) in &replays {
                let is_large = |topic: &str| {
                    retained.get(topic).is_some_and(|kept| session.is_kept_too_large(topic, kept, replay))
                };
                let mut wanted = replay.wanted.iter();
                let missing =
                    wanted.find(|topic| !brought.contains(*topic) && !is_gone(topic) && !is_large(topic));
                assert!(
                    missing.is_none(),
                    "{missing:?} is retained, and {filter} did not bring it to {client}"
                );
            }
        }
    }

    /// Whether nothing waits for a connected Client.
    pub(crate) fn is_settled(&self) -> bool {
        self.sessions.values().filter(|session| session.is_connected()).all(Session::is_settled)
            && self.shares_are_settled()
    }
}
