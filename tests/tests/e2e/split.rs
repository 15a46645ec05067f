//! A stream of bytes has no borders: packets come in any pieces, and many at once [MQTT-6.0.0-2].

use mqtt::packet::{Ack, Connect, Publish, Subscribe, SubscriptionOptions, Unsubscribe};
use mqtt::{Packet, PacketId, Qos, ReasonCode, TopicFilter};
use tests::{Client, Scenario, delivery, message, on_all};

fn id(n: u16) -> PacketId {
    PacketId::new(n).expect("not zero")
}

/// A conversation with packets of every kind a client sends.
fn conversation(client: &Client, connect: Connect<'_>) -> Vec<u8> {
    let filter = TopicFilter::new("a/+").expect("a filter");
    let qos2 = SubscriptionOptions::at(Qos::AtMostOnce);
    let subscribe = Subscribe {
        packet_id: id(1),
        filters: vec![(filter, qos2)],
        subscription_id: None,
        user_properties: Vec::new(),
    };
    let publish = |qos, n, payload| {
        Packet::Publish(Publish { delivery: delivery(qos, id(n)), ..message("a/b", payload) })
    };
    let long: &'static [u8] = Vec::leak(vec![b'x'; 200]);
    client.encode(&[
        Packet::Connect(Box::new(connect)),
        Packet::Subscribe(subscribe),
        publish(Qos::AtMostOnce, 1, b"zero"),
        publish(Qos::AtLeastOnce, 2, b"one"),
        publish(Qos::ExactlyOnce, 3, long),
        Packet::Pubrel(Ack::new(id(3), ReasonCode::Success)),
        Packet::Unsubscribe(Unsubscribe {
            packet_id: id(4),
            filters: vec![filter],
            user_properties: Vec::new(),
        }),
        Packet::Pingreq,
    ])
}

/// The answers to it, which are the same however it was cut.
fn expect_answers(client: &mut Client) {
    assert_eq!(client.connack().reason, ReasonCode::Success);
    let mut names = Vec::new();
    let mut payloads = Vec::new();
    loop {
        let packet = client.next();
        match &packet {
            Packet::Publish(publish) => payloads.push(publish.payload.len()),
            other => names.push(other.name()),
        }
        if packet == Packet::Pingresp {
            break;
        }
    }
    assert_eq!(names, ["SUBACK", "PUBACK", "PUBREC", "PUBCOMP", "UNSUBACK", "PINGRESP"]);
    assert_eq!(payloads, [4, 3, 200]);
}

fn converse(s: &Scenario, name: &str, cut: impl Fn(&[u8]) -> Vec<&[u8]>) {
    let mut client = s.open();
    let bytes = conversation(&client, s.hello(name));
    for piece in cut(&bytes) {
        client.send_bytes(piece);
    }
    expect_answers(&mut client);
    client.disconnect();
}

#[test]
fn a_conversation_may_be_cut_at_every_byte() {
    on_all(|s| {
        let length = conversation(&s.open(), s.hello("client")).len();
        for at in 1..length {
            converse(s, "client", |bytes| vec![&bytes[..at], &bytes[at..]]);
        }
    });
}

/// [MQTT-4.2-1], [MQTT3-7.1.1-1], [MQTT3-6.0.0-2]
#[test]
fn a_conversation_may_come_byte_by_byte() {
    on_all(|s| converse(s, "client", |bytes| bytes.chunks(1).collect()));
}

#[test]
fn a_conversation_may_come_in_one_piece() {
    on_all(|s| {
        converse(s, "client", |bytes| vec![bytes]);
        converse(s, "client", |bytes| bytes.chunks(7).collect());
    });
}
