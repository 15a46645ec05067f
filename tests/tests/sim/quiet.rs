//! The end of a run: the network heals, all that is owed arrives, everyone leaves, and nothing remains.

use std::time::Duration;

use mqtt::client::Client;
use mqtt::packet::{Connect, Disconnect, SubscriptionOptions};
use mqtt::{Packet, Qos, ReasonCode, Version};

use crate::model::Letter;
use crate::raw::Raw;
use crate::world::World;

/// Long enough for every delay, backoff and keep alive.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longer than any Session lives alone.
const FOR_EVER: Duration = Duration::from_secs(8 * 24 * 3600);

impl World {
    pub(crate) fn end_in_quiet(&mut self) {
        self.is_calm = true;
        for at in 0..self.raws.len() {
            self.raw_sends(at, &Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
            self.raw_leaves(at);
        }
        self.settle();
        self.check_machines();
        self.check_retained();
        self.leave();
    }

    /// Until all machines are connected and everything has arrived.
    fn settle(&mut self) {
        let end = self.now + PATIENCE;
        while self.now < end {
            for at in 0..self.machines.len() {
                self.with(at, Client::start); // does nothing to one that has begun
            }
            self.pass(Duration::from_millis(500));
            let is_quiet = self.links.values().all(|link| link.is_quiet(self.now));
            if is_quiet && self.machines.iter().all(|m| m.is_settled()) && self.model.is_settled() {
                return;
            }
        }
        let open: Vec<_> = self.machines.iter().filter(|machine| !machine.is_settled()).collect();
        panic!("it does not settle: {open:#?} {:#?}", self.model.sessions);
    }

    /// Everything that was sent at QoS 1 and 2 has come to the application, and both sides agree on the subscriptions.
    fn check_machines(&self) {
        for machine in &self.machines {
            let client_id = machine.client.client_id();
            let session = self.model.sessions.get(client_id).expect("a connected client has a session");
            self.model.ledger.assert_all_got(session.instance);
            if self.model.ledger.has_met(session.instance) {
                let there: Vec<_> = session.subscriptions.keys().collect();
                let here: Vec<_> = machine.subscribed.iter().collect();
                assert_eq!(there, here, "what {client_id} is subscribed to");
            }
        }
    }

    /// Somebody new sees the last message of each topic. That what is sent to it is right and complete, the model knows.
    fn check_retained(&mut self) {
        let witness = self.raws.len();
        let mut raw = Raw::new("witness".into(), Version::V5);
        raw.is_eager = true;
        self.raws.push(raw);
        self.raw_connects(witness, &Connect::new(Version::V5, "witness"));
        for filter in ["#", "$own/#"] {
            let filter = filter.parse().expect("a filter");
            self.raw_subscribes(witness, &filter, SubscriptionOptions::at(Qos::ExactlyOnce), None);
        }
        let end = self.now + PATIENCE;
        self.pass(Duration::from_secs(5));
        // A will whose delay passes just then is on its way.
        while !self.model.is_settled() && self.now < end {
            self.pass(Duration::from_millis(500));
        }
        assert!(self.model.is_settled(), "{:#?}", self.model.sessions.get("witness"));
        let shown = self.model.ledger.shown("witness");
        // A will whose delay passes just then comes on top.
        let kept = self.model.retained.iter().filter(|(_, kept)| !kept.is_expired(self.now));
        for (topic, kept) in kept {
            assert!(shown.contains(&&Letter::new(topic, &kept.payload)), "{topic} is retained: {kept:?}");
        }
        self.raw_sends(witness, &Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
        self.raw_leaves(witness);
    }

    /// Everyone goes. Sessions end in their time, and the broker has nothing left to wait for.
    fn leave(&mut self) {
        for at in 0..self.machines.len() {
            self.with(at, |client, now| client.stop(now, ReasonCode::Success));
        }
        self.pass(FOR_EVER);
        assert!(self.model.is_empty(), "{:?}", self.model);
        assert!(self.links.is_empty() && self.events.is_empty(), "{:?}", self.links);
        assert_eq!(self.wait, None, "nothing is left to wait for");
        let counters = self.shards.counters();
        let left = [counters.connections, counters.sessions, counters.subscriptions];
        assert_eq!(left, [0, 0, 0], "connections, sessions, subscriptions");
    }
}
