//! A Client with its driver, and the Server's end of the wire in the hands of the test.

use std::time::Duration;

use mqtt::client::{Client, Config, Ended, Event, Input, Offline, Outcome, Output, PublishId};
use mqtt::codec::Deframer;
use mqtt::packet::{Connack, Packet, Publish};
use mqtt::{Delivery, Instant, Message, PacketId, Qos, ReasonCode, TopicFilter, TopicName, Version};

pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) now: Instant,
    pub(crate) wait: Option<Instant>,
    pub(crate) version: Version,
    /// How often the driver was asked to open and to close.
    pub(crate) opens: u32,
    pub(crate) closes: u32,
    /// Writes of the present connection.
    pub(crate) writes: Vec<Vec<u8>>,
    /// What a durable Client asked to keep, oldest first.
    pub(crate) stores: Vec<Vec<u8>>,
    events: Vec<Event>,
    connect_seen: bool,
}

impl Pair {
    pub(crate) fn new(config: Config) -> Self {
        let version = config.version;
        Self::of(Client::new(config), version)
    }

    pub(crate) fn of(client: Client, version: Version) -> Self {
        let now = Instant::from_millis(1_000_000);
        let (writes, events) = (Vec::new(), Vec::new());
        let stores = Vec::new();
        let (opens, closes, connect_seen) = (0, 0, false);
        Self { client, now, wait: None, version, opens, closes, writes, stores, events, connect_seen }
    }

    /// A Client that is connected with these grants; its CONNECT and Connected were looked at.
    pub(crate) fn connected(config: Config) -> Self {
        let mut pair = Self::new(config);
        pair.client.start(pair.now);
        pair.drain();
        pair.accept(false);
        pair.events();
        pair
    }

    /// The transport opens and the Server accepts.
    pub(crate) fn accept(&mut self, session_present: bool) {
        self.accept_with(Connack { session_present, ..Connack::new(ReasonCode::Success) });
    }

    pub(crate) fn accept_with(&mut self, connack: Connack<'_>) {
        self.open();
        assert!(matches!(self.packets()[..], [Packet::Connect(_)]), "CONNECT comes first and alone");
        self.server(&Packet::Connack(Box::new(connack)));
    }

    pub(crate) fn open(&mut self) {
        self.writes.clear();
        self.connect_seen = false;
        self.input(Input::Opened);
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.client.handle(self.now, input);
        self.drain();
    }

    /// The Server sends a packet.
    pub(crate) fn server(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).unwrap();
        self.input(Input::Received(&bytes));
    }

    /// The transport breaks.
    pub(crate) fn cut(&mut self) {
        self.input(Input::Closed { why: "cut".into() });
    }

    /// The transport breaks, and the next attempt has begun.
    pub(crate) fn cut_and_reopen(&mut self) {
        let opens = self.opens;
        self.cut();
        self.pass(Duration::from_secs(60));
        assert!(self.opens > opens, "no attempt within a minute");
    }

    pub(crate) fn drain(&mut self) {
        loop {
            match self.client.poll() {
                Output::Open => self.opens += 1,
                Output::Close => self.closes += 1,
                Output::Send(bytes) => {
                    assert!(!bytes.is_empty());
                    self.writes.push(bytes);
                }
                Output::Store(saved) => self.stores.push(saved),
                Output::Event(event) => self.events.push(event),
                Output::Wait(until) => {
                    self.wait = until;
                    return;
                }
            }
        }
    }

    /// Lets time pass, with a Tick whenever the Client asked for one; stops early when an attempt begins.
    pub(crate) fn pass(&mut self, time: Duration) {
        let (end, opens) = (self.now + time, self.opens);
        let mut ticks = 0;
        while let Some(at) = self.wait.filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.input(Input::Tick);
            ticks += 1;
            assert!(ticks < 10_000, "the client asks for the same moment again and again");
            if self.opens > opens {
                return;
            }
        }
        self.now = end;
    }

    pub(crate) fn pass_s(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// The packets the Client has sent since the last call. Their bytes are leaked: it is a test.
    pub(crate) fn packets(&mut self) -> Vec<Packet<'static>> {
        let bytes: &'static [u8] = Box::leak(std::mem::take(&mut self.writes).concat().into_boxed_slice());
        let mut deframer = Deframer::server(u32::MAX);
        if self.connect_seen {
            let mut connect = Vec::new();
            let first = mqtt::packet::Connect::new(self.version, "x");
            Packet::Connect(Box::new(first)).encode(self.version, &mut connect).unwrap();
            deframer.next(&connect).unwrap();
        }
        let (mut packets, mut rest) = (Vec::new(), bytes);
        while let Some((packet, length)) = deframer.next(rest).unwrap() {
            self.connect_seen |= matches!(packet, Packet::Connect(_));
            packets.push(packet);
            rest = &rest[length..];
        }
        assert!(rest.is_empty(), "the client sent part of a packet");
        packets
    }

    /// The only packet sent since the last call.
    pub(crate) fn packet(&mut self) -> Packet<'static> {
        let mut packets = self.packets();
        assert_eq!(packets.len(), 1, "{packets:?}");
        packets.remove(0)
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Why the connection ended, if it did, and when the next attempt is.
    pub(crate) fn ended(&mut self) -> (Ended, Option<Instant>) {
        let ends = self.events().into_iter().filter_map(|event| match event {
            Event::Ended { why, retry_at } => Some((why, retry_at)),
            _ => None,
        });
        ends.last().unwrap()
    }

    pub(crate) fn outcomes(&mut self) -> Vec<(PublishId, Outcome)> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                Event::Published { id, outcome } => Some((id, outcome)),
                _ => None,
            })
            .collect()
    }

    /// Payloads of the messages that came.
    pub(crate) fn messages(&mut self) -> Vec<String> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                Event::Message(received) => {
                    Some(String::from_utf8(received.message.payload.to_vec()).unwrap())
                }
                _ => None,
            })
            .collect()
    }

    pub(crate) fn publish(&mut self, message: Message) -> PublishId {
        self.publish_with(message, Offline::Wait)
    }

    pub(crate) fn publish_with(&mut self, message: Message, offline: Offline) -> PublishId {
        let id = self.client.publish_with(self.now, message, offline).unwrap();
        self.drain();
        id
    }

    /// The PUBLISH packets sent since the last call: payload, identifier, DUP.
    pub(crate) fn publishes(&mut self) -> Vec<(String, Option<u16>, bool)> {
        let packets = self.packets().into_iter();
        packets
            .filter_map(|packet| match packet {
                Packet::Publish(Publish { payload, delivery, .. }) => {
                    let id = delivery.packet_id().map(PacketId::get);
                    Some((String::from_utf8(payload.to_vec()).unwrap(), id, delivery.dup()))
                }
                _ => None,
            })
            .collect()
    }
}

pub(crate) fn config(version: Version) -> Config {
    Config { version, client_id: "c".into(), seed: 7, ..Config::default() }
}

/// Keeps its Session over connections.
pub(crate) fn durable(version: Version) -> Config {
    Config { clean_start: false, session_expiry: mqtt::SessionExpiry::Never, ..config(version) }
}

pub(crate) const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

pub(crate) fn id(n: u16) -> PacketId {
    PacketId::new(n).unwrap()
}

pub(crate) fn topic(text: &str) -> TopicName {
    TopicName::new(text.into()).unwrap()
}

pub(crate) fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text.into()).unwrap()
}

pub(crate) fn message(payload: &'static str, qos: Qos) -> Message {
    Message::new(topic("t"), payload).with_qos(qos)
}

/// A message of the Server.
pub(crate) fn publish(payload: &'static str, delivery: Delivery) -> Packet<'static> {
    Packet::Publish(Publish {
        delivery,
        retain: false,
        topic: Some(TopicName::new("t").unwrap()),
        payload: payload.as_bytes(),
        properties: mqtt::packet::BoxedProperties::default(),
    })
}
