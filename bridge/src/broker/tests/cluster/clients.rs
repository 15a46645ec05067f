//! Clients of a cluster: what each remembers, and how it answers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt::SessionExpiry;
use mqtt::packet::Unsubscribe;

use super::*;

/// A connection from the client's side.
pub(super) struct Link {
    pub(super) shard: usize,
    pub(super) id: ConnectionId,
    is_ready: bool,
    /// What was sent, with what it waits for.
    pub(super) sent: VecDeque<(Option<Ticket>, Vec<u8>)>,
    /// The shard it goes to.
    pub(super) moves: Option<(usize, Option<crate::broker::Limit>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Puback,
    Pubrec,
    Pubcomp,
}

/// A message as its publisher knows it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) topic: String,
    pub(super) payload: String,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    /// When it was sent first.
    pub(super) at: u64,
    pub(super) is_repeated: bool,
}

/// A message as a subscriber got it, in the order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) topic: String,
    pub(super) payload: String,
    pub(super) qos: Qos,
    pub(super) is_retained: bool,
}

/// What a client remembers, whatever happens to the broker.
#[derive(Default)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) link: Option<Link>,
    pub(super) sent: Vec<Sent>,
    last_id: u16,
    /// By identifier: which of `sent`, and what it waits for.
    pub(super) unfinished: BTreeMap<u16, (usize, Waits)>,
    pub(super) acknowledged: BTreeSet<usize>,
    unreleased: BTreeSet<u16>,
    pub(super) got: Vec<Got>,
    /// Since when it may rely on a subscription.
    pub(super) subscribed: BTreeMap<String, (u64, Qos)>,
    asked: BTreeMap<u16, (String, Qos)>,
    last_asked: u16,
    pub(super) was_there: bool,
    /// Its Session ends with its connection.
    pub(super) is_brief: bool,
}

impl Cluster {
    pub(super) fn add(&mut self, name: impl Into<String>) -> usize {
        self.clients.push(Client { name: name.into(), ..Client::default() });
        self.clients.len() - 1
    }

    /// Ticks of this run, to say what came first.
    pub(super) const fn clock(&self) -> u64 {
        self.now.as_millis()
    }

    pub(super) fn is_ready(&self, n: usize) -> bool {
        self.clients[n].link.as_ref().is_some_and(|link| link.is_ready)
    }

    fn open(&mut self, n: usize, shard: usize, moved: Option<Option<crate::broker::Limit>>) -> ConnectionId {
        let at = &mut self.shards[shard];
        at.last_connection += 1;
        let connection = ConnectionId(at.last_connection);
        at.links.insert(connection.0, n);
        let address = Some([192, 0, 2, 1].into());
        let peer = Peer { name: "peer".into(), address, is_loopback: true, is_proxy: false, identity: None };
        self.clients[n].link =
            Some(Link { shard, id: connection, is_ready: false, sent: VecDeque::new(), moves: None });
        match moved {
            Some(crowd) => self.handle(shard, Input::Moved { connection, peer, crowd }),
            None => self.handle(shard, Input::Opened { connection, peer }),
        }
        connection
    }

    /// Connects by the door, and goes where that sends it.
    pub(super) fn connect(&mut self, n: usize) {
        self.open(n, 0, None);
        let name = self.clients[n].name.clone();
        let mut connect = Connect::new(Version::V5, &name);
        let is_brief = self.clients[n].is_brief;
        connect.clean_start = is_brief;
        connect.keep_alive_s = 0;
        connect.properties.session_expiry =
            if is_brief { SessionExpiry::AtDisconnect } else { SessionExpiry::Never };
        let connect = Packet::Connect(Box::new(connect));
        self.packet(n, connect.clone());
        if let Some((to, crowd)) = self.clients[n].link.as_ref().and_then(|link| link.moves) {
            self.open(n, to, Some(crowd));
            self.packet(n, connect);
        }
    }

    pub(super) fn cut_client(&mut self, n: usize) {
        if let Some((shard, id)) = self.clients[n].link.as_ref().map(|link| (link.shard, link.id)) {
            if self.clients[n].is_brief {
                self.clients[n].subscribed.clear();
            }
            self.close(shard, id);
        }
    }

    pub(super) fn packet(&mut self, n: usize, packet: Packet<'_>) {
        if let Some((shard, connection)) = self.clients[n].link.as_ref().map(|link| (link.shard, link.id)) {
            self.handle(shard, Input::Packet { connection, packet });
        }
    }

    pub(super) fn subscribe_to(&mut self, n: usize, filter: &str, qos: Qos) {
        let client = &mut self.clients[n];
        if client.asked.values().any(|(asked, _)| asked == filter) {
            return;
        }
        client.last_asked += 1;
        let id = 60_000 + client.last_asked;
        client.asked.insert(id, (filter.into(), qos));
        let filters = vec![(TopicFilter::new(filter).unwrap(), SubscriptionOptions::at(qos))];
        let (packet_id, user_properties) = (PacketId::new(id).unwrap(), vec![]);
        self.packet(
            n,
            Packet::Subscribe(Subscribe { packet_id, filters, subscription_id: None, user_properties }),
        );
    }

    pub(super) fn unsubscribe_from(&mut self, n: usize, filter: &str) {
        self.clients[n].subscribed.remove(filter);
        let filters = vec![TopicFilter::new(filter).unwrap()];
        let (packet_id, user_properties) = (PacketId::new(59_999).unwrap(), vec![]);
        self.packet(n, Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties }));
    }

    /// Publishes one more, if the window allows.
    pub(super) fn publish_one(&mut self, n: usize, topic: &str, qos: Qos, retain: bool) {
        let payload = format!("{n}:{}", self.clients[n].sent.len());
        self.publish_text(n, (topic, payload), qos, retain);
    }

    /// The same with a payload of one's own.
    pub(super) fn publish_text(
        &mut self,
        n: usize,
        (topic, payload): (&str, String),
        qos: Qos,
        retain: bool,
    ) {
        let at = self.clock();
        let client = &mut self.clients[n];
        if client.unfinished.len() >= 5 || !client.link.as_ref().is_some_and(|link| link.is_ready) {
            return;
        }
        client.sent.push(Sent { topic: topic.into(), payload, qos, retain, at, is_repeated: false });
        client.last_id = client.last_id % 20_000 + 1;
        let (id, which) = (client.last_id, client.sent.len() - 1);
        let waits = match qos {
            Qos::AtMostOnce => return self.send_sent(n, None, which, false),
            Qos::AtLeastOnce => Waits::Puback,
            Qos::ExactlyOnce => Waits::Pubrec,
        };
        client.unfinished.insert(id, (which, waits));
        self.send_sent(n, PacketId::new(id), which, false);
    }

    fn send_sent(&mut self, n: usize, id: Option<PacketId>, which: usize, dup: bool) {
        let sent = &mut self.clients[n].sent[which];
        sent.is_repeated |= dup;
        let Sent { topic, payload, qos, retain, .. } = sent.clone();
        let message = message(&topic, &payload, qos).with_retain(retain);
        let delivery = match (qos, id) {
            (Qos::AtLeastOnce, Some(packet_id)) => Delivery::AtLeastOnce { packet_id, dup },
            (Qos::ExactlyOnce, Some(packet_id)) => Delivery::ExactlyOnce { packet_id, dup },
            _ => Delivery::AtMostOnce,
        };
        self.packet(n, Packet::Publish(Publish::of(&message, delivery)));
    }

    /// Lets a client take the next packet that has reached it. False when there is none.
    pub(super) fn read(&mut self, n: usize) -> bool {
        let Some(link) = &self.clients[n].link else { return false };
        let (shard, connection) = (link.shard, link.id);
        match link.sent.front() {
            Some((Some(ticket), _)) if !self.is_over(shard, ticket) => return false,
            None => return false,
            Some(_) => {}
        }
        let Some((_, bytes)) = self.clients[n].link.as_mut().and_then(|link| link.sent.pop_front()) else {
            return false;
        };
        let mut deframer = Deframer::client(Version::V5, u32::MAX);
        let (packet, size) = deframer.next(&bytes).unwrap().unwrap();
        assert_eq!(size, bytes.len(), "one packet at a time");
        self.take_packet(n, &packet);
        if self.clients[n].link.as_ref().is_some_and(|link| (link.shard, link.id) == (shard, connection)) {
            self.handle(shard, Input::Written { connection, pending: 0 });
        }
        true
    }

    fn take_packet(&mut self, n: usize, packet: &Packet<'_>) {
        let clock = self.clock();
        let client = &mut self.clients[n];
        match packet {
            Packet::Connack(connack) => {
                assert_eq!(connack.reason, ReasonCode::Success);
                assert!(
                    connack.session_present != client.is_brief || !client.was_there,
                    "the session of {} is gone",
                    client.name
                );
                if !connack.session_present {
                    client.unfinished.clear();
                    client.unreleased.clear();
                    client.subscribed.clear();
                }
                client.was_there = true;
                client.asked.clear();
                if let Some(link) = &mut client.link {
                    link.is_ready = true;
                }
                for (id, (which, waits)) in client.unfinished.clone() {
                    self.send_again(n, id, which, waits);
                }
            }
            Packet::Suback(ack) => {
                if let Some((filter, qos)) = client.asked.remove(&ack.packet_id.get()) {
                    client.subscribed.insert(filter, (clock, qos));
                }
            }
            Packet::Puback(ack) => self.acknowledged(n, ack, Waits::Puback),
            Packet::Pubrec(ack) => self.acknowledged(n, ack, Waits::Pubrec),
            Packet::Pubcomp(ack) => self.acknowledged(n, ack, Waits::Pubcomp),
            Packet::Publish(publish) => self.take_publish(n, publish),
            Packet::Pubrel(ack) => {
                client.unreleased.remove(&ack.packet_id.get());
                self.packet(n, Packet::Pubcomp(Ack::new(ack.packet_id, ReasonCode::Success)));
            }
            Packet::Unsuback(_) => {}
            other => panic!("client {n} gets {other:?}"),
        }
    }

    fn take_publish(&mut self, n: usize, publish: &Publish<'_>) {
        let client = &mut self.clients[n];
        let (answer, is_new) = match publish.delivery {
            Delivery::ExactlyOnce { packet_id, .. } => {
                let is_new = client.unreleased.insert(packet_id.get());
                (Some(Packet::Pubrec(Ack::new(packet_id, ReasonCode::Success))), is_new)
            }
            Delivery::AtLeastOnce { packet_id, .. } => {
                (Some(Packet::Puback(Ack::new(packet_id, ReasonCode::Success))), true)
            }
            Delivery::AtMostOnce => (None, true),
        };
        if is_new {
            client.got.push(Got {
                topic: publish.topic.unwrap().text().into(),
                payload: String::from_utf8_lossy(publish.payload).into_owned(),
                qos: publish.delivery.qos(),
                is_retained: publish.retain,
            });
        }
        if let Some(answer) = answer {
            self.packet(n, answer);
        }
    }

    fn send_again(&mut self, n: usize, id: u16, which: usize, waits: Waits) {
        let packet_id = PacketId::new(id).unwrap();
        if waits == Waits::Pubcomp {
            return self.packet(n, Packet::Pubrel(Ack::new(packet_id, ReasonCode::Success)));
        }
        self.send_sent(n, Some(packet_id), which, true);
    }

    fn acknowledged(&mut self, n: usize, ack: &Ack<'_>, step: Waits) {
        let client = &mut self.clients[n];
        let id = ack.packet_id.get();
        let Some(&(which, waits)) = client.unfinished.get(&id) else {
            panic!("client {n}: {step:?} for {id}, which is not in use")
        };
        if step == Waits::Pubrec && waits == Waits::Pubcomp {
            return; // of what was sent again
        }
        assert_eq!(step, waits, "client {n}, {id}");
        client.acknowledged.insert(which);
        if step == Waits::Pubrec {
            client.unfinished.insert(id, (which, Waits::Pubcomp));
            return self.send_again(n, id, which, Waits::Pubcomp);
        }
        client.unfinished.remove(&id);
    }
}
