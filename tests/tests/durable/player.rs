//! Clients with a memory of their own: what they were promised, and what they got.

use std::collections::{BTreeMap, BTreeSet};

use mqtt::packet::{Ack, Publish, Subscribe, SubscriptionOptions};
use mqtt::{Delivery, Packet, PacketId, Qos, ReasonCode, TopicFilter};
use tests::{Transport, message};

use crate::line::{Line, Place};

/// Messages a publisher has unfinished at once.
const WINDOW: usize = 20;
/// Topics that have a retained value.
pub(crate) const RETAINED: u64 = 20;

/// What a publication waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Puback,
    Pubrec,
    Pubcomp,
}

/// One thing that is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    number: u64,
    qos: Qos,
    /// It is retained.
    is_value: bool,
}

/// Publishes one number after the other, in turn at QoS 1, at QoS 2 and retained.
#[derive(Debug)]
pub(crate) struct Publisher {
    name: String,
    transport: Transport,
    next: u64,
    last_id: u16,
    unfinished: BTreeMap<u16, (Item, Step)>,
    pub(crate) acknowledged: BTreeMap<u64, Qos>,
    /// The last value of each topic that was acknowledged.
    pub(crate) values: BTreeMap<u64, u64>,
}

/// Subscribes once, and counts what it gets.
#[derive(Debug)]
pub(crate) struct Subscriber {
    name: String,
    transport: Transport,
    is_subscribed: bool,
    /// QoS 2 messages that it has, and the broker does not know that it has.
    unreleased: BTreeSet<u16>,
    pub(crate) got: BTreeMap<String, u32>,
    /// Filters that the broker says it has.
    pub(crate) extra: BTreeSet<usize>,
}

impl Publisher {
    pub(crate) fn new(name: &str, transport: Transport) -> Self {
        Self {
            name: name.into(),
            transport,
            next: 0,
            last_id: 0,
            unfinished: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            values: BTreeMap::new(),
        }
    }

    pub(crate) fn is_websocket(&self) -> bool {
        self.transport == Transport::WebSocket
    }

    pub(crate) fn payload(&self, number: u64) -> String {
        format!("{}:{number}", self.name)
    }

    pub(crate) fn topic_of_value(&self, n: u64) -> String {
        format!("value/{}/{n}", self.name)
    }

    /// Publishes until the broker is gone, or the last time until nothing is unfinished. Tells of each answer.
    pub(crate) fn play(
        &mut self,
        place: Place,
        is_last: bool,
        connected: impl FnOnce(),
        mut answered: impl FnMut(),
    ) {
        let Some((mut line, present)) = Line::resume(place, self.transport, &self.name) else { return };
        connected();
        assert!(present || self.acknowledged.is_empty(), "{}: its session is gone", self.name);
        if !present {
            self.unfinished.clear();
        }
        let again: Vec<_> = self.unfinished.iter().map(|(&id, &(item, step))| (id, item, step)).collect();
        for (id, item, step) in again {
            if !self.send(&mut line, id, item, step, true) {
                return;
            }
        }
        loop {
            while !is_last && self.unfinished.len() < WINDOW {
                if !self.begin(&mut line) {
                    return;
                }
            }
            if is_last && self.unfinished.is_empty() {
                return;
            }
            let mut acks = Vec::new();
            let is_alive = line.read(|packet| {
                acks.push(match packet {
                    Packet::Puback(ack) => (Step::Puback, ack.packet_id, ack.reason),
                    Packet::Pubrec(ack) => (Step::Pubrec, ack.packet_id, ack.reason),
                    Packet::Pubcomp(ack) => (Step::Pubcomp, ack.packet_id, ack.reason),
                    other => panic!("a publisher gets {other:?}"),
                });
                true
            });
            for (step, id, reason) in acks {
                if !self.acknowledged(&mut line, step, id, reason) {
                    return;
                }
                answered();
            }
            if !is_alive {
                return;
            }
        }
    }

    fn begin(&mut self, line: &mut Line) -> bool {
        self.next += 1;
        self.last_id = self.last_id % 60_000 + 1;
        let (id, number) = (self.last_id, self.next);
        let qos = if number % 2 == 0 { Qos::AtLeastOnce } else { Qos::ExactlyOnce };
        let item = Item { number, qos, is_value: number % 5 == 0 };
        let step = if qos == Qos::AtLeastOnce { Step::Puback } else { Step::Pubrec };
        self.unfinished.insert(id, (item, step));
        self.send(line, id, item, step, false)
    }

    fn send(&self, line: &mut Line, id: u16, item: Item, step: Step, dup: bool) -> bool {
        let packet_id = PacketId::new(id).expect("identifiers begin with 1");
        let (payload, topic) = match item.is_value {
            true => (item.number.to_string(), self.topic_of_value(item.number % RETAINED)),
            false => (self.payload(item.number), format!("work/{}", self.name)),
        };
        let mut publish: Publish<'_> = message(&topic, payload.as_bytes());
        publish.retain = item.is_value;
        publish.delivery = match step {
            Step::Puback => Delivery::AtLeastOnce { packet_id, dup },
            Step::Pubrec => Delivery::ExactlyOnce { packet_id, dup },
            Step::Pubcomp => return line.send(&Packet::Pubrel(Ack::new(packet_id, ReasonCode::Success))),
        };
        line.send(&Packet::Publish(publish))
    }

    fn acknowledged(&mut self, line: &mut Line, step: Step, id: PacketId, reason: ReasonCode) -> bool {
        let Some(&(item, expected)) = self.unfinished.get(&id.get()) else {
            panic!("{}: {step:?} for {id:?}, which is not in use", self.name)
        };
        let released_before = step == Step::Pubcomp && reason == ReasonCode::PacketIdentifierNotFound;
        assert!(!reason.is_error() || released_before, "{}: {step:?} with {reason:?}", self.name);
        if step == Step::Pubrec && expected == Step::Pubcomp {
            return true; // of a message that was sent again
        }
        assert_eq!(step, expected, "{}: {id:?}", self.name);
        if step == Step::Pubcomp {
            self.unfinished.remove(&id.get());
            return true;
        }
        if item.is_value {
            let value = self.values.entry(item.number % RETAINED).or_default();
            *value = item.number.max(*value);
        } else {
            assert_eq!(reason, ReasonCode::Success, "{}: its subscribers are known", self.name);
            self.acknowledged.insert(item.number, item.qos);
        }
        if step == Step::Puback {
            self.unfinished.remove(&id.get());
            return true;
        }
        self.unfinished.insert(id.get(), (item, Step::Pubcomp));
        self.send(line, id.get(), item, Step::Pubcomp, false)
    }
}

impl Subscriber {
    pub(crate) fn new(name: &str, transport: Transport) -> Self {
        Self {
            name: name.into(),
            transport,
            is_subscribed: false,
            unreleased: BTreeSet::new(),
            got: BTreeMap::new(),
            extra: BTreeSet::new(),
        }
    }

    pub(crate) fn is_websocket(&self) -> bool {
        self.transport == Transport::WebSocket
    }

    /// Makes the subscription that all is about.
    pub(crate) fn prepare(&mut self, place: Place) {
        let (mut line, _) = Line::resume(place, self.transport, &self.name).expect("a broker");
        assert!(subscribe(&mut line, "work/#", 1), "a broker");
        while !self.is_subscribed {
            assert!(line.read(|packet| {
                self.take(packet, 0, &mut Vec::new());
                true
            }));
        }
    }

    /// Takes messages until the broker is gone, or until it has one with each of these payloads.
    pub(crate) fn play(&mut self, place: Place, round: usize, wanted: &[String], connected: impl FnOnce()) {
        let Some((mut line, present)) = Line::resume(place, self.transport, &self.name) else { return };
        connected();
        assert!(present || !self.is_subscribed, "{}: its session is gone", self.name);
        if !present {
            self.unreleased.clear();
        }
        if wanted.is_empty() && !subscribe(&mut line, &format!("extra/{round}"), 2) {
            return;
        }
        loop {
            let mut answers = Vec::new();
            let is_alive = line.read(|packet| {
                self.take(packet, round, &mut answers);
                true
            });
            for answer in answers {
                if !line.send(&answer) {
                    return;
                }
            }
            if !is_alive
                || (!wanted.is_empty() && wanted.iter().all(|payload| self.got.contains_key(payload)))
            {
                return;
            }
        }
    }

    fn take(&mut self, packet: &Packet<'_>, round: usize, answers: &mut Vec<Packet<'static>>) {
        match packet {
            Packet::Suback(ack) => {
                assert!(ack.reasons.iter().all(|reason| !reason.is_error()), "{}: {ack:?}", self.name);
                match ack.packet_id.get() {
                    1 => self.is_subscribed = true,
                    _ => _ = self.extra.insert(round),
                }
            }
            Packet::Publish(publish) => {
                let is_new = match publish.delivery {
                    Delivery::ExactlyOnce { packet_id, .. } => {
                        answers.push(Packet::Pubrec(Ack::new(packet_id, ReasonCode::Success)));
                        self.unreleased.insert(packet_id.get())
                    }
                    Delivery::AtLeastOnce { packet_id, .. } => {
                        answers.push(Packet::Puback(Ack::new(packet_id, ReasonCode::Success)));
                        true
                    }
                    Delivery::AtMostOnce => true,
                };
                if is_new {
                    let payload = String::from_utf8_lossy(publish.payload).into_owned();
                    *self.got.entry(payload).or_default() += 1;
                }
            }
            Packet::Pubrel(ack) => {
                self.unreleased.remove(&ack.packet_id.get());
                answers.push(Packet::Pubcomp(Ack::new(ack.packet_id, ReasonCode::Success)));
            }
            other => panic!("a subscriber gets {other:?}"),
        }
    }
}

fn subscribe(line: &mut Line, filter: &str, id: u16) -> bool {
    let packet_id = PacketId::new(id).expect("not zero");
    let filters =
        vec![(TopicFilter::new(filter).expect("a filter"), SubscriptionOptions::at(Qos::ExactlyOnce))];
    line.send(&Packet::Subscribe(Subscribe {
        packet_id,
        filters,
        subscription_id: None,
        user_properties: vec![],
    }))
}
