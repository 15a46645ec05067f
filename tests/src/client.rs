//! A client that does what a test says and nothing by itself. It blocks, and fails at a deadline.

use std::collections::VecDeque;
use std::net::SocketAddr;

use mqtt::codec::Deframer;
use mqtt::packet::{
    Ack, BoxedProperties, Connack, Connect, Disconnect, Publish, Subscribe, SubscriptionAck,
    SubscriptionOptions, Unsubscribe,
};
use mqtt::{Delivery, Packet, PacketId, Qos, ReasonCode, TopicFilter, TopicName, Version};

use crate::deadline::{Deadline, PATIENCE};
use crate::wire::{Received, Wire};

/// The codec refuses what a Server may not send, so that every scenario holds these.
const A_PACKET: &str = "the broker sends packets, with reason codes of their lists [MQTT-3.2.2-8], [MQTT-3.4.2-1], [MQTT-3.5.2-1], [MQTT-3.6.2-1], [MQTT-3.7.2-1], [MQTT-3.9.3-2], [MQTT-3.11.3-2], [MQTT-3.14.2-1], [MQTT-3.15.2-1]";

/// An MQTT client of one connection. Packets it reads live as long as the test process.
#[derive(Debug)]
pub struct Client {
    /// What it speaks.
    pub version: Version,
    /// Reads or frames so far.
    pub reads: usize,
    wire: Wire,
    deframer: Deframer,
    bytes: Vec<u8>,
    inbox: VecDeque<Packet<'static>>,
    last_id: u16,
}

/// How the broker ended a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// From its DISCONNECT or CONNACK, when it sent one.
    pub reason: Option<ReasonCode>,
    /// The reason string with it.
    pub words: Option<String>,
    /// The status code of its WebSocket close frame.
    pub close_code: Option<u16>,
}

impl Client {
    /// A client on a connection that has said nothing yet.
    #[must_use]
    pub const fn new(wire: Wire, version: Version) -> Self {
        Self {
            version,
            reads: 0,
            wire,
            deframer: Deframer::client(version, u32::MAX),
            bytes: Vec::new(),
            inbox: VecDeque::new(),
            last_id: 0,
        }
    }

    /// Our end of the connection, as the broker's log names it.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.wire.local()
    }

    /// The transport below.
    #[must_use]
    pub const fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    // What goes out.

    /// Packets as bytes.
    ///
    /// # Panics
    /// One cannot be written.
    #[must_use]
    pub fn encode(&self, packets: &[Packet<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for packet in packets {
            packet.encode(self.version, &mut bytes).expect("a packet that can be written");
        }
        bytes
    }

    /// Sends one packet.
    pub fn send(&mut self, packet: &Packet<'_>) {
        self.send_all(std::slice::from_ref(packet));
    }

    /// Sends packets in one write or one frame.
    pub fn send_all(&mut self, packets: &[Packet<'_>]) {
        let bytes = self.encode(packets);
        self.send_bytes(&bytes);
    }

    /// Sends bytes in one write or one frame.
    ///
    /// # Panics
    /// The broker is gone.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        assert!(self.wire.send(bytes), "the broker still reads");
    }

    /// A Packet Identifier that was not used yet.
    ///
    /// # Panics
    /// All were.
    pub fn new_id(&mut self) -> PacketId {
        self.last_id += 1;
        PacketId::new(self.last_id).expect("the last identifier is not zero")
    }

    /// Sends CONNECT and waits for the answer.
    pub fn connect(&mut self, connect: &Connect<'_>) -> Connack<'static> {
        self.send(&Packet::Connect(Box::new(connect.clone())));
        self.connack()
    }

    /// Publishes, waits for all acknowledgements, and says how it went.
    pub fn publish(&mut self, topic: &str, payload: &[u8], qos: Qos) -> ReasonCode {
        self.publish_with(&message(topic, payload), qos)
    }

    /// Publishes with RETAIN.
    pub fn retain(&mut self, topic: &str, payload: &[u8], qos: Qos) -> ReasonCode {
        self.publish_with(&Publish { retain: true, ..message(topic, payload) }, qos)
    }

    /// Publishes any message; the QoS is the argument's. A message of QoS 0 was read when this returns.
    ///
    /// # Panics
    /// An acknowledgement is for another message or does not come.
    pub fn publish_with(&mut self, publish: &Publish<'_>, qos: Qos) -> ReasonCode {
        let id = self.new_id();
        let mut publish = publish.clone();
        publish.delivery = delivery(qos, id);
        self.send(&Packet::Publish(publish));
        match qos {
            Qos::AtMostOnce => {
                self.sync();
                ReasonCode::Success
            }
            Qos::AtLeastOnce => self.ack("PUBACK", id).reason,
            Qos::ExactlyOnce => {
                let received = self.ack("PUBREC", id).reason;
                if !received.is_error() {
                    self.send(&Packet::Pubrel(Ack::new(id, ReasonCode::Success)));
                    assert_eq!(self.ack("PUBCOMP", id).reason, ReasonCode::Success);
                }
                received
            }
        }
    }

    /// Subscribes and gives the answer for the one filter.
    pub fn subscribe(&mut self, filter: &str, qos: Qos) -> ReasonCode {
        self.subscribe_with(filter, SubscriptionOptions::at(qos), None)
    }

    /// Subscribes with options and a Subscription Identifier.
    pub fn subscribe_with(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
        id: Option<u32>,
    ) -> ReasonCode {
        let reasons = self.subscribe_all(&[(filter, options)], id);
        reasons[0]
    }

    /// Subscribes to several filters with one packet.
    ///
    /// # Panics
    /// The answer does not fit the question, or a filter is none.
    pub fn subscribe_all(
        &mut self,
        filters: &[(&str, SubscriptionOptions)],
        id: Option<u32>,
    ) -> Vec<ReasonCode> {
        let packet_id = self.new_id();
        let filters = filters.iter().map(|&(text, options)| (filter(text), options)).collect::<Vec<_>>();
        let count = filters.len();
        self.send(&Packet::Subscribe(Subscribe {
            packet_id,
            filters,
            subscription_id: id,
            user_properties: Vec::new(),
        }));
        let Packet::Suback(ack) = self.take("SUBACK") else { unreachable!("its name says so") };
        assert_eq!(
            (ack.packet_id, ack.reasons.len()),
            (packet_id, count),
            "[MQTT-3.8.4-2], [MQTT-3.8.4-6], [MQTT-2.2.1-6], [MQTT3-3.8.4-2], [MQTT3-3.8.4-5], [MQTT3-2.3.1-7]"
        );
        ack.reasons
    }

    /// Unsubscribes and gives the answer, which has no reasons in 3.1.1.
    ///
    /// # Panics
    /// The answer does not fit the question, or the filter is none.
    pub fn unsubscribe(&mut self, text: &str) -> SubscriptionAck<'static> {
        let packet_id = self.new_id();
        let filters = vec![filter(text)];
        self.send(&Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties: Vec::new() }));
        let Packet::Unsuback(ack) = self.take("UNSUBACK") else { unreachable!("its name says so") };
        assert_eq!(
            ack.packet_id, packet_id,
            "[MQTT-3.10.4-4], [MQTT-3.10.4-5], [MQTT3-3.10.4-4], [MQTT3-2.3.1-7]"
        );
        ack
    }

    /// Says goodbye and waits until the broker has closed the connection.
    pub fn disconnect(self) {
        self.disconnect_with(&Disconnect::new(ReasonCode::Success));
    }

    /// Says goodbye with a reason.
    pub fn disconnect_with(mut self, disconnect: &Disconnect<'_>) {
        self.send(&Packet::Disconnect(disconnect.clone()));
        assert_eq!(self.end().reason, None, "a DISCONNECT is not answered");
    }

    /// Ends the connection without a word, as a phone in a lift does.
    pub fn cut(self) {
        self.wire.cut();
    }

    // What comes in.

    /// The answer to CONNECT.
    ///
    /// # Panics
    /// Something else comes.
    pub fn connack(&mut self) -> Connack<'static> {
        match self.next() {
            Packet::Connack(connack) => *connack,
            other => panic!("CONNACK must come first [MQTT-3.2.0-1], [MQTT3-3.2.0-1], not {other:?}"),
        }
    }

    /// The next packet, which must be a PUBLISH, with its acknowledgements.
    pub fn receive(&mut self) -> Publish<'static> {
        let publish = self.receive_only();
        self.acknowledge(&publish);
        publish
    }

    /// The payload of the next message, acknowledged.
    pub fn receive_payload(&mut self) -> &'static [u8] {
        self.receive().payload
    }

    /// The next packet, which must be a PUBLISH, without acknowledging it.
    ///
    /// # Panics
    /// Something else comes.
    pub fn receive_only(&mut self) -> Publish<'static> {
        match self.next() {
            Packet::Publish(publish) => publish,
            other => panic!("a PUBLISH should come, not {other:?}"),
        }
    }

    /// Acknowledges a message to the end of its handshake.
    pub fn acknowledge(&mut self, publish: &Publish<'_>) {
        match publish.delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.send(&Packet::Puback(Ack::new(packet_id, ReasonCode::Success)));
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                self.send(&Packet::Pubrec(Ack::new(packet_id, ReasonCode::Success)));
                assert_eq!(self.ack("PUBREL", packet_id).reason, ReasonCode::Success);
                self.send(&Packet::Pubcomp(Ack::new(packet_id, ReasonCode::Success)));
            }
        }
    }

    /// Waits for an acknowledgement by its name. Messages that come before it are kept for later.
    ///
    /// # Panics
    /// It does not come, or is for another packet.
    pub fn ack(&mut self, name: &str, id: PacketId) -> Ack<'static> {
        match self.take(name) {
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                assert_eq!(
                    ack.packet_id, id,
                    "{name} for the packet that was sent [MQTT-2.2.1-5], [MQTT3-2.3.1-6]"
                );
                ack
            }
            other => panic!("{name} should come, not {other:?}"),
        }
    }

    /// Returns when the broker has read all that was sent, and all it had to send before is here.
    pub fn sync(&mut self) {
        self.send(&Packet::Pingreq);
        self.take("PINGRESP");
    }

    /// Makes sure that nothing was sent: the answer to a PINGREQ comes first.
    ///
    /// # Panics
    /// Something was.
    pub fn expect_nothing(&mut self) {
        self.send(&Packet::Pingreq);
        let next = self.next();
        assert_eq!(next, Packet::Pingresp, "nothing should have come");
    }

    /// The next packet.
    ///
    /// # Panics
    /// The connection ends, or nothing comes in time.
    #[expect(clippy::should_implement_trait, reason = "it panics where an iterator would end")]
    pub fn next(&mut self) -> Packet<'static> {
        if let Some(packet) = self.inbox.pop_front() {
            return packet;
        }
        match self.read_packet(Deadline::after(PATIENCE)) {
            Ok(packet) => packet,
            Err(Received::Nothing) => panic!("nothing came in time"),
            Err(end) => panic!("the broker ended the connection: {end:?}"),
        }
    }

    /// The packet that comes until the deadline, if one does.
    pub fn next_until(&mut self, deadline: Deadline) -> Option<Packet<'static>> {
        self.inbox.pop_front().or_else(|| self.read_packet(deadline).ok())
    }

    /// Waits until the broker ends the connection, and says how. Before that only its reason may come.
    ///
    /// # Panics
    /// It does not, or sends something else before.
    pub fn end(&mut self) -> End {
        let mut end = End::default();
        loop {
            let next = self.inbox.pop_front().map_or_else(|| self.read_packet(Deadline::after(PATIENCE)), Ok);
            match next {
                Ok(Packet::Disconnect(disconnect)) if end.reason.is_none() => {
                    assert_eq!(disconnect.session_expiry, None, "[MQTT-3.14.2-2]");
                    end.reason = Some(disconnect.reason);
                    end.words = disconnect.reason_string.map(str::to_owned);
                }
                Ok(Packet::Connack(connack)) if end.reason.is_none() && connack.reason.is_error() => {
                    end.reason = Some(connack.reason);
                    end.words = connack.properties.reason_string.map(str::to_owned);
                }
                Ok(other) => panic!("nothing follows the end [MQTT-3.14.4-1], yet there comes {other:?}"),
                Err(Received::End(close_code)) => return End { close_code, ..end },
                Err(other) => {
                    panic!("the connection should end [MQTT-3.14.4-2], yet in time there came {other:?}")
                }
            }
        }
    }

    fn take(&mut self, name: &str) -> Packet<'static> {
        let mut before = VecDeque::new();
        loop {
            let packet = self.next();
            if packet.name() == name {
                before.append(&mut self.inbox);
                self.inbox = before;
                return packet;
            }
            assert_eq!(packet.name(), "PUBLISH", "waiting for {name}, there comes {packet:?}");
            before.push_back(packet);
        }
    }

    fn read_packet(&mut self, deadline: Deadline) -> Result<Packet<'static>, Received> {
        loop {
            let next = self.deframer.next(&self.bytes).expect(A_PACKET);
            if let Some((_, size)) = next {
                let rest = self.bytes.split_off(size);
                // A test process is short; its packets may live as long, which keeps the tests plain.
                let packet: &'static [u8] = Vec::leak(std::mem::replace(&mut self.bytes, rest));
                let again = self.deframer.next(packet).ok().flatten();
                return Ok(again.expect("it was a packet a moment ago").0);
            }
            match self.wire.receive(deadline) {
                Received::Bytes(bytes) => {
                    self.reads += 1;
                    self.bytes.extend_from_slice(&bytes);
                }
                other => return Err(other),
            }
        }
    }
}

/// A message at QoS 0 without properties.
///
/// # Panics
/// The topic is none.
#[must_use]
pub fn message<'a>(topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
    Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: Some(TopicName::new(topic).unwrap_or_else(|e| panic!("{topic} is a topic: {e}"))),
        payload,
        properties: BoxedProperties::default(),
    }
}

fn filter(text: &str) -> TopicFilter<&str> {
    TopicFilter::new(text).unwrap_or_else(|e| panic!("{text} is a filter: {e}"))
}

#[must_use]
pub const fn delivery(qos: Qos, packet_id: PacketId) -> Delivery {
    match qos {
        Qos::AtMostOnce => Delivery::AtMostOnce,
        Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup: false },
        Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup: false },
    }
}
