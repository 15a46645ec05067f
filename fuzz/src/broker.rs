//! The broker and two Clients that do anything, valid or not: it never panics, never spins, speaks only to connections that
//! are there and only in whole packets, and when all have gone nothing of them is left.

use std::time::Duration;

use bridge::broker::change::{Change, Rows};
use bridge::broker::{Broker, Config, ConnectionId, Found, Input, Output, Overlapping, Peer};
use mqtt::codec::Deframer;
use mqtt::packet::{Ack, Connect, Disconnect, Publish, Subscribe, SubscriptionOptions, Unsubscribe};
use mqtt::{
    Delivery, Instant, Message, Packet, PacketId, Qos, ReasonCode, SessionExpiry, TopicFilter, TopicName,
    Version,
};

const TOPICS: [&str; 4] = ["a", "a/b", "b", "$SYS/x"];
const FILTERS: [&str; 8] = ["#", "a/#", "+/b", "a", "$share/s/#", "$share/s/a/+", "$SYS/#", "$share/x"];
const OUTCOMES: [ReasonCode; 3] =
    [ReasonCode::Success, ReasonCode::UnspecifiedError, ReasonCode::PacketIdentifierNotFound];

/// What the script has not said yet.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let (bytes, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        bytes.to_vec()
    }
}

/// One connection as a shard keeps it.
struct Link {
    is_open: bool,
    is_closing: bool,
    deframer: Deframer,
    partial: Vec<u8>,
    pending: usize,
}

struct World {
    broker: Broker,
    now: Instant,
    wait: Option<Instant>,
    /// What it has kept.
    disk: Rows,
    links: [Link; 2],
}

pub fn play(script: &[u8]) {
    let mut script = Script(script);
    let Some(first) = script.byte() else { return };
    let config = Config {
        keeps_state: true,
        max_inflight: [1, 2, 256, 256][usize::from(first & 3)],
        receive_maximum: 3,
        max_queued_messages: [2, 1000][usize::from(first >> 2 & 1)],
        max_output_bytes: [100, 1 << 20][usize::from(first >> 3 & 1)],
        overlapping: [Overlapping::One, Overlapping::Each][usize::from(first >> 4 & 1)],
        max_packet_bytes: 10_000,
        max_retained_messages: 3,
        sys_interval_s: [0, 10][usize::from(first >> 5 & 1)],
        ..Config::default()
    };
    let links = [0, 1].map(|_| Link::new());
    let mut world = World {
        broker: Broker::new(config, 1),
        now: Instant::from_millis(1),
        wait: None,
        disk: Rows::default(),
        links,
    };
    while let Some(step) = script.byte() {
        if world.act(step, &mut script).is_none() {
            break;
        }
    }
    world.leave();
}

impl Link {
    const fn new() -> Self {
        let deframer = Deframer::server(10_000);
        Self { is_open: false, is_closing: false, deframer, partial: Vec::new(), pending: 0 }
    }
}

impl World {
    fn act(&mut self, step: u8, script: &mut Script<'_>) -> Option<()> {
        let at = usize::from(step & 1);
        if !self.links[at].is_open {
            self.open(at);
        }
        match step >> 1 & 15 {
            0 => {
                let many = usize::from(script.byte()?);
                let bytes = script.bytes(many);
                self.arrive(at, &bytes);
            }
            1 => self.connect(at, script.byte()?, script.byte()?),
            2 | 3 => self.publish(at, script.byte()?, script.byte()?),
            4 => self.subscribe(at, script.byte()?, script.byte()?),
            5 => {
                let filters = vec![filter(script.byte()?)];
                let unsubscribe = Unsubscribe { packet_id: id(1), filters, user_properties: Vec::new() };
                self.packet(at, &Packet::Unsubscribe(unsubscribe));
            }
            6..=9 => {
                let byte = script.byte()?;
                let ack = Ack::new(id(byte & 15), OUTCOMES[usize::from(byte >> 4) % 3]);
                let all = [Packet::Puback, Packet::Pubrec, Packet::Pubrel, Packet::Pubcomp];
                self.packet(at, &all[usize::from(step >> 1 & 15) - 6](ack));
            }
            10 => {
                self.now = self.now + Duration::from_millis(u64::from(script.byte()?) * 100);
                self.input(Input::Tick);
            }
            11 => {
                let pending = self.links[at].pending / 2;
                self.links[at].pending = pending;
                self.input(Input::Written { connection: connection(at), pending });
            }
            12 => self.disconnect(at, script.byte()?),
            13 => self.input(Input::Left { connection: connection(at) }),
            14 => self.input(Input::Violation { connection: connection(at), why: "a frame".into() }),
            _ => self.close(at),
        }
        Some(())
    }

    fn open(&mut self, at: usize) {
        self.links[at] = Link { is_open: true, ..Link::new() };
        let peer = Peer {
            name: "a fuzzer".into(),
            address: None,
            is_loopback: true,
            is_proxy: false,
            identity: None,
        };
        self.input(Input::Opened { connection: connection(at), peer });
    }

    fn close(&mut self, at: usize) {
        if std::mem::take(&mut self.links[at].is_open) {
            self.input(Input::Closed { connection: connection(at) });
        }
    }

    fn connect(&mut self, at: usize, how: u8, more: u8) {
        let version = [Version::V3_1_1, Version::V5, Version::V5, Version::V3_1][usize::from(how & 3)];
        let name = ["c0", "c1", "", "c0"][usize::from(how >> 2 & 3)];
        let mut connect = Connect::new(version, name);
        connect.clean_start = how & 0x10 != 0;
        connect.keep_alive_s = [0, 5][usize::from(how >> 5 & 1)];
        let will =
            Message::new(topic("a").to_shared(), "gone").with_retain(more & 1 != 0).with_qos(qos(more >> 1));
        let will =
            mqtt::Will { message: will, delay_s: if version.is_5() { u32::from(more >> 3 & 7) } else { 0 } };
        connect.will = (how & 0x40 != 0).then(|| mqtt::packet::ConnectWill::of(&will));
        if version.is_5() {
            let p = &mut connect.properties;
            p.session_expiry = [SessionExpiry::AtDisconnect, SessionExpiry::After(20)][usize::from(how >> 7)];
            p.receive_maximum = [None, Some(1)][usize::from(more >> 6 & 1)];
            p.maximum_packet_size = [None, Some(30)][usize::from(more >> 7)];
        }
        let mut bytes = Vec::new();
        if Packet::Connect(Box::new(connect)).encode(version, &mut bytes).is_ok() {
            self.arrive(at, &bytes);
        }
    }

    fn publish(&mut self, at: usize, how: u8, more: u8) {
        let packet_id = id(more & 7);
        let delivery = match qos(how) {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup: how & 0x20 != 0 },
            Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup: how & 0x20 != 0 },
        };
        let mut message = Message::new(
            topic(TOPICS[usize::from(how >> 2 & 3)]).to_shared(),
            vec![more; usize::from(more >> 4)],
        );
        message = message.with_retain(how & 0x10 != 0);
        if how & 0x40 != 0 {
            message = message.with_expiry(u32::from(more >> 5));
        }
        let mut publish = Publish::of(&message, delivery);
        if how & 0x80 != 0 {
            publish.properties.topic_alias = Some(u16::from(more >> 3 & 3));
            publish.topic = publish.topic.filter(|_| more & 0x80 == 0);
        }
        self.packet(at, &Packet::Publish(publish));
    }

    fn subscribe(&mut self, at: usize, how: u8, more: u8) {
        let handling = mqtt::packet::RetainHandling::Send;
        let options = SubscriptionOptions {
            qos: qos(more),
            no_local: more & 4 != 0,
            retain_as_published: more & 8 != 0,
            retain_handling: handling,
        };
        let filters = vec![(filter(how), options), (filter(how >> 3), options)];
        let subscription_id = [None, Some(1 + u32::from(how >> 6))][usize::from(more >> 4 & 1)];
        let packet_id = id(2);
        let user_properties = Vec::new();
        self.packet(
            at,
            &Packet::Subscribe(Subscribe { packet_id, filters, subscription_id, user_properties }),
        );
    }

    fn disconnect(&mut self, at: usize, how: u8) {
        let mut disconnect =
            Disconnect::new([ReasonCode::Success, ReasonCode::DisconnectWithWill][usize::from(how & 1)]);
        let expiries = [
            None,
            Some(SessionExpiry::AtDisconnect),
            Some(SessionExpiry::After(5)),
            Some(SessionExpiry::Never),
        ];
        disconnect.session_expiry = expiries[usize::from(how >> 1 & 3)];
        self.packet(at, &Packet::Disconnect(disconnect));
    }

    /// Sends a packet in the words of this connection's version.
    fn packet(&mut self, at: usize, packet: &Packet<'_>) {
        let version = self.links[at].deframer.version().unwrap_or(Version::V5);
        let mut bytes = Vec::new();
        if packet.encode(version, &mut bytes).is_ok() {
            self.arrive(at, &bytes);
        }
    }

    fn arrive(&mut self, at: usize, bytes: &[u8]) {
        let link = &mut self.links[at];
        let mut all = std::mem::take(&mut link.partial);
        all.extend_from_slice(bytes);
        let mut used = 0;
        while self.links[at].is_open && !self.links[at].is_closing {
            let mut deframer = self.links[at].deframer;
            let next = deframer.next(&all[used..]);
            self.links[at].deframer = deframer;
            match next {
                Ok(Some((packet, size))) => {
                    used += size;
                    self.input(Input::Packet { connection: connection(at), packet });
                }
                Ok(None) => break,
                Err(error) => {
                    let version = deframer.version();
                    self.input(Input::Malformed { connection: connection(at), version, error });
                    assert!(self.links[at].is_closing, "what is no packet ends the connection: {error}");
                }
            }
        }
        self.links[at].partial = all.split_off(used);
    }

    /// One turn, and what must hold at its end.
    fn input(&mut self, input: Input<'_>) {
        self.broker.handle(self.now, input);
        let mut wanted = Vec::new();
        for polls in 0.. {
            assert!(polls < 100_000, "it never waits");
            match self.broker.poll() {
                Output::Send { connection, bytes, .. } => {
                    let link = &mut self.links[connection.0 as usize];
                    assert!(link.is_open && !link.is_closing, "it speaks to nobody");
                    link.pending += bytes.len();
                    assert_whole(link.deframer.version().unwrap_or(Version::V3_1_1), bytes);
                }
                Output::Close { connection } => self.links[connection.0 as usize].is_closing = true,
                Output::Store(change) => {
                    let mut rows = Rows::default();
                    rows.apply(change);
                    self.disk.absorb(&rows);
                }
                Output::Notice(_)
                | Output::Check(_)
                | Output::Peer { .. }
                | Output::Carry { .. }
                | Output::Move { .. } => {}
                Output::Fetch(fetch) => wanted.push(fetch),
                Output::Wait(wait) => {
                    self.wait = wait;
                    break;
                }
            }
        }
        for fetch in wanted {
            let found = Found { messages: self.disk.find(fetch.numbers()), unstored: Vec::new() };
            self.input(Input::Fetched { fetch, found });
        }
    }

    /// All go, and time passes until nothing is due but what the broker tells of itself.
    fn leave(&mut self) {
        self.close(0);
        self.close(1);
        for _ in 0..8 {
            self.now = self.now + Duration::from_secs(24 * 3600);
            self.input(Input::Tick);
            assert!(self.wait.is_none_or(|wait| wait > self.now), "what is due is done");
        }
        let counters = self.broker.counters();
        let left = [counters.connections, counters.sessions, counters.subscriptions];
        assert_eq!(left, [0, 0, 0], "connections, sessions, subscriptions");
        let kept = self.disk.puts().find(|change| !matches!(change, Change::Retained { .. }));
        assert!(kept.is_none(), "nothing of a session outlives it: {kept:?}");
    }
}

fn assert_whole(version: Version, mut bytes: &[u8]) {
    let mut deframer = Deframer::client(version, u32::MAX);
    while let Some((_, size)) = deframer.next(bytes).expect("a packet that is in order") {
        bytes = &bytes[size..];
    }
    assert!(bytes.is_empty(), "only whole packets are sent");
}

fn connection(at: usize) -> ConnectionId {
    ConnectionId(u32::try_from(at).expect("there are two"))
}

fn id(number: u8) -> PacketId {
    PacketId::new(u16::from(number) + 1).expect("it is not zero")
}

fn qos(bits: u8) -> Qos {
    Qos::from_level(bits & 3).unwrap_or(Qos::AtLeastOnce)
}

fn topic(text: &str) -> TopicName<&str> {
    TopicName::new(text).expect("a topic")
}

fn filter(number: u8) -> TopicFilter<&'static str> {
    TopicFilter::new(FILTERS[usize::from(number & 7)]).expect("a filter")
}
