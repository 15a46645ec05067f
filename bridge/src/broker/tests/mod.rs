//! The broker in virtual time, without sockets: what depends on the clock and on slow readers. What a client sees on the
//! wire is tested end to end elsewhere.

mod alias;
mod away;
mod bounds;
mod cluster;
mod connect;
mod costs;
mod crash;
mod durable;
mod identity;
mod login;
mod overlap;
mod password;
mod qos;
mod rules;
mod share;
mod sys;
mod time;
mod words;

use std::sync::Arc;
use std::time::Duration;

use mqtt::codec::Deframer;
use mqtt::packet::{Ack, Connect, Publish, Subscribe, SubscriptionOptions};
use mqtt::{Delivery, Instant, Message, Packet, PacketId, Qos, ReasonCode, TopicFilter, Version};

use super::change::{MessageNumber, Rows};
use super::{Broker, Config, ConnectionId, Found, Input, Output, Overlapping, Peer};

/// A broker with any number of clients, and the clock in the test's hand.
struct World {
    broker: Broker,
    now: Instant,
    wire: Vec<Wire>,
    deadline: Option<Instant>,
    /// Who connects now is on another machine.
    is_far: bool,
    /// What whoever connects now has proved before.
    identity: Option<Arc<crate::broker::Identity>>,
    /// What it has kept.
    disk: Rows,
    /// Changes since it was last looked at.
    changes: usize,
    /// What is wanted of the disk waits for `answer`.
    disk_is_slow: bool,
    /// Messages that had no room on the disk.
    unstored: Vec<MessageNumber>,
    wanted: Vec<crate::broker::Fetch>,
    /// Passwords that are to be checked.
    checks: Vec<crate::broker::Check>,
}

/// What one connection has been sent.
struct Wire {
    version: Version,
    bytes: Vec<u8>,
    is_closed: bool,
    /// Its socket takes nothing.
    is_stalled: bool,
    /// Of `bytes`, what came with the word that it has to wait for the disk.
    held: Vec<u8>,
}

impl World {
    /// One that tells nothing in `$SYS`, so that time passes without a word.
    fn new(config: Config) -> Self {
        Self::with_sys(Config { sys_interval_s: 0, ..config })
    }

    fn with_sys(config: Config) -> Self {
        Self {
            broker: Broker::new(config, 1),
            now: Instant::from_millis(1000),
            wire: Vec::new(),
            deadline: None,
            is_far: false,
            identity: None,
            disk: Rows::default(),
            changes: 0,
            disk_is_slow: false,
            unstored: Vec::new(),
            wanted: Vec::new(),
            checks: Vec::new(),
        }
    }

    fn open(&mut self, version: Version) -> usize {
        let id = self.wire.len();
        self.wire.push(Wire {
            version,
            bytes: Vec::new(),
            is_closed: false,
            is_stalled: false,
            held: Vec::new(),
        });
        let address = Some(if self.is_far { [192, 0, 2, 1] } else { [127, 0, 0, 1] }.into());
        let peer = Peer {
            name: format!("peer-{id}").into(),
            address,
            is_loopback: !self.is_far,
            is_proxy: false,
            identity: self.identity.clone(),
        };
        self.handle(Input::Opened { connection: ConnectionId(id as u32), peer });
        id
    }

    /// Connects a client and takes its CONNACK off the wire.
    fn connect(&mut self, connect: &Connect<'_>) -> usize {
        let id = self.open(connect.version);
        self.send(id, &Packet::Connect(Box::new(connect.clone())));
        assert!(self.take(id).first().is_some_and(|p| p.starts_with("Connack")), "a CONNACK comes first");
        id
    }

    /// Connects a client and leaves its CONNACK where it is.
    fn connect_only(&mut self, connect: &Connect<'_>) -> usize {
        let id = self.open(connect.version);
        self.send(id, &Packet::Connect(Box::new(connect.clone())));
        id
    }

    fn client(&mut self, client_id: &str) -> usize {
        self.connect(&Connect::new(Version::V5, client_id))
    }

    fn send(&mut self, id: usize, packet: &Packet<'_>) {
        self.handle(Input::Packet { connection: ConnectionId(id as u32), packet: packet.clone() });
    }

    fn subscribe(&mut self, id: usize, filter: &str, qos: Qos) {
        self.subscribe_with(id, &[filter], SubscriptionOptions::at(qos), None);
    }

    fn subscribe_with(
        &mut self,
        id: usize,
        filters: &[&str],
        options: SubscriptionOptions,
        subscription_id: Option<u32>,
    ) {
        let filters = filters.iter().map(|&filter| (TopicFilter::new(filter).unwrap(), options)).collect();
        let packet_id = PacketId::new(999).unwrap();
        let user_properties = vec![];
        self.send(id, &Packet::Subscribe(Subscribe { packet_id, filters, subscription_id, user_properties }));
    }

    fn publish(&mut self, id: usize, message: &Message) {
        let packet_id = PacketId::new(7).unwrap();
        let delivery = match message.qos {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup: false },
            Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup: false },
        };
        self.send(id, &Packet::Publish(Publish::of(message, delivery)));
    }

    /// Acknowledges the QoS 1 message with this identifier.
    fn puback(&mut self, id: usize, packet_id: u16) {
        self.send(id, &Packet::Puback(Ack::new(PacketId::new(packet_id).unwrap(), ReasonCode::Success)));
    }

    fn cut(&mut self, id: usize) {
        self.handle(Input::Closed { connection: ConnectionId(id as u32) });
    }

    /// Lets time pass, ticking at each deadline on the way.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.deadline.filter(|&at| at <= end) {
            self.now = at;
            self.handle(Input::Tick);
        }
        self.now = end;
    }

    /// Those of them that had to wait for the disk.
    fn take_held(&mut self, id: usize) -> Vec<String> {
        let wire = &mut self.wire[id];
        wire.bytes = std::mem::take(&mut wire.held);
        self.take(id)
    }

    /// The packets a connection was sent since the last take, in short.
    fn take(&mut self, id: usize) -> Vec<String> {
        let wire = &mut self.wire[id];
        let bytes = std::mem::take(&mut wire.bytes);
        wire.held = Vec::new();
        let mut deframer = Deframer::client(wire.version, u32::MAX);
        let (mut at, mut packets) = (0, Vec::new());
        while let Some((packet, size)) = deframer.next(&bytes[at..]).unwrap() {
            at += size;
            packets.push(short(&packet));
        }
        assert_eq!(at, bytes.len(), "only whole packets are sent");
        packets
    }

    fn handle(&mut self, input: Input<'_>) {
        self.broker.handle(self.now, input);
        self.take_outputs();
    }

    /// Drains the broker; sockets that are not stalled take what they are given.
    fn take_outputs(&mut self) {
        let (mut taken, mut wanted) = (Vec::new(), Vec::new());
        loop {
            match self.broker.poll() {
                Output::Send { connection, bytes, held } => {
                    let wire = &mut self.wire[connection.0 as usize];
                    if held {
                        wire.held.extend_from_slice(bytes);
                    }
                    assert!(!wire.is_closed, "nothing is sent after a close");
                    wire.bytes.extend_from_slice(bytes);
                    if !wire.is_stalled {
                        taken.push(connection);
                    }
                }
                Output::Close { connection } => self.wire[connection.0 as usize].is_closed = true,
                Output::Notice(_) | Output::Peer { .. } | Output::Carry { .. } | Output::Move { .. } => {}
                Output::Check(check) => self.checks.push(check),
                Output::Fetch(fetch) => wanted.push(fetch),
                Output::Store(change) => {
                    let mut rows = Rows::default();
                    rows.apply(change);
                    self.disk.absorb(&rows);
                    self.changes += 1;
                }
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    break;
                }
            }
        }
        for connection in taken {
            self.handle(Input::Written { connection, pending: 0 });
        }
        if self.disk_is_slow {
            return self.wanted.extend(wanted);
        }
        for fetch in wanted {
            let found = Found { messages: self.disk.find(fetch.numbers()), unstored: self.unstored.clone() };
            self.handle(Input::Fetched { fetch, found });
        }
    }

    /// A stalled socket takes all it was given.
    fn drain(&mut self, id: usize) {
        self.wire[id].is_stalled = false;
        self.handle(Input::Written { connection: ConnectionId(id as u32), pending: 0 });
    }
}

fn short(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Publish(p) => {
            let (topic, payload) = (p.topic.map_or("", |t| t.text()), String::from_utf8_lossy(p.payload));
            let flags = format!(
                "{}{}",
                if p.delivery.dup() { " dup" } else { "" },
                if p.retain { " retain" } else { "" }
            );
            let left = p.properties.message_expiry_s.map(|s| format!(" expires {s}")).unwrap_or_default();
            let ids = &p.properties.subscription_ids;
            let ids = if ids.is_empty() { String::new() } else { format!(" ids {ids:?}") };
            let alias = p.properties.topic_alias.map(|alias| format!(" alias {alias}")).unwrap_or_default();
            format!("{topic}={payload} q{}{flags}{left}{ids}{alias}", p.delivery.qos().level())
        }
        Packet::Disconnect(p) => format!("Disconnect {:02x}", p.reason.byte()),
        Packet::Connack(p) => {
            format!("Connack {:02x}{}", p.reason.byte(), if p.session_present { " present" } else { "" })
        }
        Packet::Puback(p) => format!("Puback {:02x}", p.reason.byte()),
        Packet::Suback(p) | Packet::Unsuback(p) => {
            // Success is not worth a word in most tests.
            let bytes: Vec<u8> = p.reasons.iter().map(|r| r.byte()).filter(|&byte| byte > 2).collect();
            if bytes.is_empty() {
                packet.name().to_owned()
            } else {
                format!("{} {bytes:02x?}", packet.name())
            }
        }
        other => other.name().to_owned(),
    }
}

fn message(topic: &str, payload: &str, qos: Qos) -> Message {
    Message::new(topic.parse().unwrap(), payload.as_bytes().to_vec()).with_qos(qos)
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
