//! Connections and Sessions: who gets which, when they end, and what becomes of the will (3.1).

use std::time::Duration;

use mqtt::packet::Connect;
use mqtt::{ReasonCode, SessionExpiry};

use super::session::Session;
use super::{Line, Live, Model, State};
use crate::link::LinkKey;

impl Model {
    pub(crate) fn opened(&mut self, link: LinkKey) {
        let deadline = self.now + Duration::from_millis(self.config.connect_timeout_ms);
        self.lines.insert(link, Line { state: State::AwaitConnect { deadline }, pending: 0 });
    }

    /// The bytes were no packet, or the order of packets was broken.
    pub(crate) fn malformed(&mut self, link: LinkKey) {
        self.end(link, true);
    }

    /// The connection is gone.
    pub(crate) fn closed(&mut self, link: LinkKey) {
        if let Some(line) = self.lines.remove(&link) {
            self.leave(line.state, true);
        }
    }

    /// The Server ends the connection.
    pub(super) fn end(&mut self, link: LinkKey, with_will: bool) {
        let Some(line) = self.lines.get_mut(&link) else { return };
        let state = std::mem::replace(&mut line.state, State::Closing);
        if !matches!(state, State::Closing) {
            self.closes.insert(link);
            self.leave(state, with_will);
        }
    }

    fn leave(&mut self, state: State, with_will: bool) {
        let State::Live(live) = state else { return };
        self.has_ended = true;
        let Some(session) = self.sessions.get_mut(&live.client) else { return };
        session.link = None;
        // What may not be lost stays owed.
        session.lose_replays();
        session.again.clear();
        session.ends = session.expiry.duration().map(|after| self.now + after);
        if let Some(will) = live.will.filter(|_| with_will) {
            let due = self.now + Duration::from_secs(u64::from(will.delay_s));
            session.will = Some((session.ends.map_or(due, |ends| ends.min(due)), will)); // [MQTT-3.1.3-9]
        }
        self.session_due(&live.client);
    }

    /// Publishes a will whose time has come, and ends a Session whose time is over.
    pub(super) fn session_due(&mut self, client: &str) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(client) else { return };
        if session.link.is_some() {
            return;
        }
        let is_over = session.ends.is_some_and(|at| at <= now);
        if let Some((_, will)) = session.will.take_if(|will| will.0 <= now) {
            self.publish_message(client, &will.message);
        }
        if is_over {
            self.remove(client);
        }
    }

    fn remove(&mut self, client: &str) {
        let will = self.sessions.get_mut(client).and_then(|session| session.will.take());
        if let Some((_, will)) = will {
            self.publish_message(client, &will.message);
        }
        if let Some(session) = self.sessions.remove(client) {
            self.has_ended = true;
            let large = session.debts.iter().filter(|debt| debt.may_be_gone || session.is_too_large(debt));
            self.too_large.perhaps += large.count() as u64;
            self.hand_over(session.flights);
        }
    }

    pub(super) fn connect(&mut self, link: LinkKey, connect: &Connect<'_>) {
        // Until it is told another, which no Session has.
        let nameless = format!("nameless on {link}");
        let client = if connect.client_id.is_empty() { &nameless } else { connect.client_id };
        match self.sessions.get(client).and_then(|session| session.link) {
            Some(other) => self.end(other, true), // [MQTT-3.1.4-3]
            None => self.session_due(client),
        }
        if connect.clean_start {
            self.remove(client); // [MQTT-3.1.2-4]
        }
        let is_present = self.sessions.contains_key(client); // [MQTT-3.2.2-3]
        if !is_present {
            self.next_instance += 1;
            self.sessions.insert(client.to_owned(), Session::new(self.next_instance));
        }
        let (max_expiry, max_inflight) = (self.config.max_session_expiry_s, self.config.max_inflight);
        let receive_maximum = usize::from(connect.properties.receive_maximum.unwrap_or(u16::MAX));
        let Some(session) = self.sessions.get_mut(client) else { return };
        session.link = Some(link);
        session.expiry =
            SessionExpiry::from_secs(connect.properties.session_expiry.as_secs().min(max_expiry));
        (session.ends, session.will) = (None, None);
        let max_packet = connect.properties.maximum_packet_size.map(|limit| limit as usize);
        session.pass_large_replays(&self.retained);
        session.max_packet = max_packet.unwrap_or(usize::MAX);
        self.too_large.perhaps += session.large_replays(&self.retained);
        session.received_before = session.receiving.clone();
        session.window = receive_maximum.min(usize::from(max_inflight));
        session.again = session.flights.iter().map(|flight| flight.packet_id).collect(); // [MQTT-4.4.0-1]
        self.ledger.begins(link, client, session.instance);
        self.go_live(link, connect, client, receive_maximum);
        let reason = ReasonCode::Success;
        self.answer(link, if is_present { "CONNACK present" } else { "CONNACK" }, 0, vec![reason]);
    }

    fn go_live(&mut self, link: LinkKey, connect: &Connect<'_>, client: &str, receive_maximum: usize) {
        let limit = self.config.max_keep_alive_s;
        let asked = connect.keep_alive_s;
        let is_over = limit > 0 && (asked > limit || asked == 0) && connect.version.is_5();
        let keep_alive_s = if is_over { limit } else { asked };
        let silence = (keep_alive_s > 0).then(|| Duration::from_millis(u64::from(keep_alive_s) * 1500));
        self.next_instance += 1;
        let live = Live {
            client: client.to_owned(),
            number: self.next_instance,
            is_nameless: connect.client_id.is_empty() && connect.version.is_5(),
            version: connect.version,
            silence,
            last_heard: self.now,
            will: connect.will.as_ref().map(|will| will.to_will()),
            aliases: std::collections::BTreeMap::new(),
            told_aliases: std::collections::BTreeMap::new(),
            alias_maximum: connect.properties.topic_alias_maximum,
            receive_maximum,
            unacknowledged: std::collections::BTreeSet::new(),
        };
        if let Some(line) = self.lines.get_mut(&link) {
            line.state = State::Live(Box::new(live));
        }
    }
}
