//! A broker with the lines of its clients, treated as a shard treats it: packets are handled where they were read, what
//! comes out gathers per line, and each line is written once a turn.

use bridge::broker::{Broker, Config, ConnectionId, Input, Output, Peer};
use mqtt::codec::Deframer;
use mqtt::packet::{Ack, Connect, Publish, Subscribe, SubscriptionOptions};
use mqtt::{Delivery, Instant, Packet, PacketId, Qos, ReasonCode, TopicFilter, TopicName, Version};

use crate::counted;

/// Bytes of a payload, as the load generator sends them.
const PAYLOAD: [u8; 64] = [b'x'; 64];
const MAX_PACKET_BYTES: u32 = 1 << 20;

pub(crate) struct House {
    broker: Broker,
    now: Instant,
    lines: Vec<Line>,
    /// Lines that something was sent on in this turn.
    dirty: Vec<ConnectionId>,
    deadline: Option<Instant>,
}

/// One client's connection, both ends.
struct Line {
    version: Version,
    deframer: Deframer,
    /// What the broker has sent.
    sent: Vec<u8>,
}

impl House {
    pub(crate) fn new(config: Config) -> Self {
        let broker = Broker::new(Config { sys_interval_s: 0, ..config }, 1);
        Self { broker, now: Instant::from_millis(0), lines: Vec::new(), dirty: Vec::new(), deadline: None }
    }

    /// A client that is let in; not counted.
    pub(crate) fn client(&mut self, version: Version, client_id: &str) -> ConnectionId {
        let connection = self.open(version);
        self.receive(connection, &connect(version, client_id));
        assert!(!self.line(connection).sent.is_empty(), "{client_id} is let in");
        self.forget_sent();
        connection
    }

    /// Subscribes; not counted.
    pub(crate) fn subscribe(&mut self, connection: ConnectionId, filters: &[&str], qos: Qos) {
        let bytes = subscribe(self.line(connection).version, filters, qos);
        self.receive(connection, &bytes);
        self.forget_sent();
    }

    pub(crate) fn open(&mut self, version: Version) -> ConnectionId {
        let connection = ConnectionId(u32::try_from(self.lines.len()).unwrap());
        self.lines.push(Line {
            version,
            deframer: Deframer::server(MAX_PACKET_BYTES),
            sent: Vec::with_capacity(64 << 10),
        });
        let peer =
            Peer { name: "guard".into(), address: None, is_loopback: true, is_proxy: false, identity: None };
        self.broker.handle(self.now, Input::Opened { connection, peer });
        self.outputs();
        connection
    }

    pub(crate) fn close(&mut self, connection: ConnectionId) {
        self.broker.handle(self.now, Input::Closed { connection });
        self.outputs();
    }

    /// All packets in these bytes, then a write for each line that something came out for.
    pub(crate) fn receive(&mut self, connection: ConnectionId, mut bytes: &[u8]) {
        let now = self.now;
        while let Some((packet, size)) = self.line(connection).deframer.next(bytes).unwrap() {
            self.broker.handle_packet(now, connection, &packet);
            self.outputs();
            bytes = &bytes[size..];
        }
        while let Some(connection) = self.dirty.pop() {
            self.broker.handle(now, Input::Written { connection, pending: 0 });
            self.outputs();
        }
    }

    /// Lets the clients answer what they were sent until there is nothing more to say, and counts only the broker's part.
    /// Gives the number of messages that were delivered.
    pub(crate) fn exchange(&mut self, connection: ConnectionId, bytes: &[u8]) -> usize {
        counted(&mut || self.receive(connection, bytes));
        let mut delivered = 0;
        loop {
            let mut is_quiet = true;
            for at in 0..self.lines.len() {
                let line = &mut self.lines[at];
                let (answers, messages) = answers(line);
                line.sent.clear();
                delivered += messages;
                if !answers.is_empty() {
                    is_quiet = false;
                    counted(&mut || self.receive(ConnectionId(at as u32), &answers));
                }
            }
            if is_quiet {
                return delivered;
            }
        }
    }

    /// Everything that is due at once; not counted by itself.
    pub(crate) fn tick_until_idle(&mut self) {
        while let Some(at) = self.deadline.filter(|at| at.since(self.now).as_millis() <= 1) {
            self.now = at;
            self.broker.handle(at, Input::Tick);
            self.outputs();
        }
    }

    pub(crate) fn forget_sent(&mut self) {
        self.lines.iter_mut().for_each(|line| line.sent.clear());
    }

    fn outputs(&mut self) {
        loop {
            match self.broker.poll() {
                Output::Send { connection, bytes, .. } => {
                    let line = &mut self.lines[connection.0 as usize];
                    if line.sent.is_empty() {
                        self.dirty.push(connection);
                    }
                    line.sent.extend_from_slice(bytes);
                }
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
                _ => {}
            }
        }
    }

    fn line(&mut self, connection: ConnectionId) -> &mut Line {
        &mut self.lines[connection.0 as usize]
    }
}

/// What a client says to what it was sent, and how many messages were among that.
fn answers(line: &Line) -> (Vec<u8>, usize) {
    let (mut out, mut messages) = (Vec::new(), 0);
    let mut deframer = Deframer::client(line.version, MAX_PACKET_BYTES);
    let mut rest = line.sent.as_slice();
    while let Some((packet, size)) = deframer.next(rest).unwrap() {
        rest = &rest[size..];
        let ack = |packet_id| Ack::new(packet_id, ReasonCode::Success);
        let answer = match packet {
            Packet::Publish(publish) => {
                messages += 1;
                match publish.delivery {
                    Delivery::AtMostOnce => continue,
                    Delivery::AtLeastOnce { packet_id, .. } => Packet::Puback(ack(packet_id)),
                    Delivery::ExactlyOnce { packet_id, .. } => Packet::Pubrec(ack(packet_id)),
                }
            }
            Packet::Pubrec(pubrec) => Packet::Pubrel(ack(pubrec.packet_id)),
            Packet::Pubrel(pubrel) => Packet::Pubcomp(ack(pubrel.packet_id)),
            _ => continue,
        };
        answer.encode(line.version, &mut out).unwrap();
    }
    (out, messages)
}

pub(crate) fn connect(version: Version, client_id: &str) -> Vec<u8> {
    bytes_of(version, &Packet::Connect(Box::new(Connect::new(version, client_id))))
}

pub(crate) fn subscribe(version: Version, filters: &[&str], qos: Qos) -> Vec<u8> {
    let options = SubscriptionOptions::at(qos);
    let filters = filters.iter().map(|&filter| (TopicFilter::new(filter).unwrap(), options)).collect();
    let packet_id = PacketId::new(1).unwrap();
    let subscribe = Subscribe { packet_id, filters, subscription_id: None, user_properties: vec![] };
    bytes_of(version, &Packet::Subscribe(subscribe))
}

/// One PUBLISH for each topic, with identifiers from 1 on.
pub(crate) fn publish<'a>(
    version: Version,
    topics: impl Iterator<Item = &'a str>,
    qos: Qos,
    retain: bool,
) -> Vec<u8> {
    let mut out = Vec::new();
    for (topic, n) in topics.zip(1..) {
        let packet_id = PacketId::new(n).unwrap();
        let delivery = match qos {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup: false },
            Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup: false },
        };
        let topic = Some(TopicName::new(topic).unwrap());
        let publish = Publish { delivery, retain, topic, payload: &PAYLOAD, properties: Default::default() };
        Packet::Publish(publish).encode(version, &mut out).unwrap();
    }
    out
}

fn bytes_of(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode(version, &mut out).unwrap();
    out
}
