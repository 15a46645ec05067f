//! The product's own client machine on a simulated transport, and an application above it that remembers what it was told.

use std::collections::{BTreeMap, BTreeSet};

use mqtt::client::{Client, Config, Ended, Event as Told, Input, Outcome, Output, PublishId, RequestId};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, Message, Qos, ReasonCode, TopicFilter};

use crate::link::{LinkKey, Owner};
use crate::model::Letter;
use crate::network::Event;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) client: Client,
    pub(crate) config: Config,
    pub(crate) wait: Option<Instant>,
    pub(crate) link: Option<LinkKey>,
    attempt: u64,
    published: BTreeMap<PublishId, Message>,
    requests: BTreeMap<RequestId, Vec<TopicFilter>>,
    /// What the Server said it is subscribed to.
    pub(crate) subscribed: BTreeSet<String>,
}

impl Machine {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            client: Client::new(config.clone()),
            config,
            wait: None,
            link: None,
            attempt: 0,
            published: BTreeMap::new(),
            requests: BTreeMap::new(),
            subscribed: BTreeSet::new(),
        }
    }

    /// Connected, and waiting for nothing from the Server.
    pub(crate) fn is_settled(&self) -> bool {
        self.client.is_connected()
            && self.client.queued() + self.client.in_flight() + self.requests.len() == 0
    }
}

impl World {
    /// Does something with a machine, and then all that it asks for.
    pub(crate) fn with<T>(&mut self, at: usize, act: impl FnOnce(&mut Client, Instant) -> T) -> T {
        let value = act(&mut self.machines[at].client, self.now);
        loop {
            match self.machines[at].client.poll() {
                Output::Open => {
                    let delay = self.delay();
                    let machine = &mut self.machines[at];
                    assert_eq!(machine.link, None, "one transport at a time");
                    machine.attempt += 1;
                    let attempt = machine.attempt;
                    self.plan(self.now + delay, Event::Opening { machine: at, attempt });
                }
                Output::Send(bytes) => {
                    let link = self.machines[at].link.expect("it sends when there is a transport");
                    self.send_up(link, bytes);
                }
                Output::Close => {
                    self.machines[at].attempt += 1; // one that is being opened is given up
                    if let Some(link) = self.machines[at].link.take() {
                        self.close(link);
                    }
                }
                Output::Store(_) => panic!("it was not asked to keep its session"),
                Output::Event(told) => self.told(at, told),
                Output::Wait(wait) => {
                    self.machines[at].wait = wait;
                    return value;
                }
            }
        }
    }

    fn told(&mut self, at: usize, told: Told) {
        let link = self.machines[at].link;
        if let (true, Some(link)) = (relies(&told), link) {
            self.model.ledger.relies(link);
        }
        match told {
            Told::Connected(connected) if !connected.session_present => {
                self.model.ledger.met(link.expect("it is connected"));
            }
            Told::Connected(_) => {}
            Told::Ended { why, .. } => {
                assert!(
                    !matches!(why, Ended::Malformed(_) | Ended::Misbehaved(_) | Ended::Refused(_)),
                    "{why}"
                );
                self.trace.note(|| format!("         {at} ended: {why}"));
            }
            Told::Message(received) => {
                let letter = Letter::new(received.message.topic.as_str(), &received.message.payload);
                let link = link.expect("a message comes on a connection");
                self.model.ledger.got(link, received.message.qos, &letter);
            }
            Told::Published { id, outcome } => self.published(at, id, &outcome),
            Told::Subscribed { id, reasons } => {
                assert!(reasons.iter().all(|reason| !reason.is_error()), "{reasons:?}");
                let machine = &mut self.machines[at];
                let filters = machine.requests.remove(&id).expect("a request is answered once");
                machine.subscribed.extend(filters.iter().map(|filter| filter.as_str().to_owned()));
            }
            Told::Unsubscribed { id, .. } => {
                let machine = &mut self.machines[at];
                for filter in machine.requests.remove(&id).expect("a request is answered once") {
                    machine.subscribed.remove(filter.as_str());
                }
            }
            Told::SubscriptionLost { filter, reason } => panic!("{filter} is lost: {reason}"),
            Told::Reauthenticated | Told::NotStored { .. } => panic!("nobody asked for it"),
            // What becomes of the message follows.
            Told::InDoubt { .. } | Told::Remark { .. } => {}
        }
    }

    fn published(&mut self, at: usize, id: PublishId, outcome: &Outcome) {
        let message = self.machines[at].published.remove(&id);
        match (message, outcome) {
            (Some(message), Outcome::Acknowledged(_)) if !message.payload.is_empty() => {
                self.model.ledger.assert_taken(message.qos, &message.payload);
            }
            (Some(message), Outcome::Refused { reason, .. }) => {
                let is_expected = message.topic.is_reserved() || *reason == ReasonCode::QuotaExceeded;
                assert!(is_expected, "{} is refused: {reason}", message.topic);
            }
            // At QoS 0 the outcome comes before the identifier does.
            (Some(_) | None, _) => {}
        }
    }

    pub(crate) fn machine_publishes(&mut self, at: usize, message: Message) {
        let kept = message.clone();
        let id = self.machines[at].client.publish(self.now, message);
        if let Ok(id) = id
            && kept.qos != Qos::AtMostOnce
        {
            self.machines[at].published.insert(id, kept);
        }
        self.with(at, |_, _| ());
    }

    pub(crate) fn machine_subscribes(
        &mut self,
        at: usize,
        filters: &[(TopicFilter, SubscriptionOptions)],
        id: Option<u32>,
    ) {
        let machine = &mut self.machines[at];
        let request = machine.client.subscribe(self.now, filters, id);
        machine.requests.insert(request, filters.iter().map(|(filter, _)| filter.clone()).collect());
        self.with(at, |_, _| ());
    }

    pub(crate) fn machine_unsubscribes(&mut self, at: usize, filter: &TopicFilter) {
        let machine = &mut self.machines[at];
        let request = machine.client.unsubscribe(self.now, std::slice::from_ref(filter));
        machine.requests.insert(request, vec![filter.clone()]);
        self.with(at, |_, _| ());
    }

    pub(crate) fn machine_ticks(&mut self, at: usize) {
        self.with(at, |client, now| client.handle(now, Input::Tick));
    }

    pub(crate) fn machine_received(&mut self, at: usize, bytes: &[u8]) {
        self.with(at, |client, now| client.handle(now, Input::Received(bytes)));
    }

    /// Its transport is gone.
    pub(crate) fn machine_lost(&mut self, at: usize) {
        self.machines[at].link = None;
        self.with(at, |client, now| client.handle(now, Input::Closed { why: "gone".into() }));
    }

    pub(crate) fn transport_opens(&mut self, at: usize, attempt: u64) {
        if self.machines[at].attempt != attempt {
            return;
        }
        if !self.is_calm && self.dice.chance(5) {
            return self.machine_lost(at);
        }
        let link = self.open(Owner::Machine(at));
        self.machines[at].link = Some(link);
        if !self.is_calm && self.dice.chance(8) {
            let soon = self.dice.up_to_ms(120); // in the middle of CONNECT, CONNACK, SUBSCRIBE and all that is sent again
            self.plan(self.now + soon, Event::Cut(link));
        }
        self.with(at, |client, now| client.handle(now, Input::Opened));
    }

    /// Its process dies, and another begins with nothing but its configuration.
    pub(crate) fn replace(&mut self, at: usize) {
        if let Some(link) = self.machines[at].link.take() {
            self.close(link);
        }
        let seed = self.dice.seed();
        let attempt = self.machines[at].attempt + 1;
        let config = Config { seed, clean_start: true, ..self.machines[at].config.clone() };
        self.machines[at] = Machine { attempt, ..Machine::new(config) };
        self.with(at, Client::start);
    }
}

/// Whether the Client may rely on its Session from now on. One that is new holds nothing before something was acknowledged.
fn relies(told: &Told) -> bool {
    match told {
        Told::Connected(connected) => connected.session_present,
        Told::Subscribed { .. } => true,
        _ => false,
    }
}
