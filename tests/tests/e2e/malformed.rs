//! Bad input (4.13): the connection ends with the standard's reason (5.0) or closes (3.1.1), one line in the log says who and
//! why, and everybody else goes on.

use mqtt::packet::ConnackProperties;
use mqtt::{Packet, Qos, ReasonCode as R};
use tests::{Client, RawWebSocket, Rng, Scenario, Transport, mask, on_all, on_v5};

/// A packet with this first byte around a body.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let more = length > 127;
        bytes.push((length & 127) as u8 | u8::from(more) << 7);
        length >>= 7;
        if !more {
            break;
        }
    }
    [bytes, body.to_vec()].concat()
}

/// A string with its length.
fn text(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Two clients that must not notice anything.
struct Bystanders {
    publisher: Client,
    subscriber: Client,
    rounds: u8,
}

impl Bystanders {
    fn new(s: &Scenario) -> Self {
        let (publisher, mut subscriber) = (s.connect("good-publisher"), s.connect("good-subscriber"));
        subscriber.subscribe("good", Qos::ExactlyOnce);
        Self { publisher, subscriber, rounds: 0 }
    }

    fn go_on(&mut self) {
        self.rounds = self.rounds.wrapping_add(1);
        self.publisher.publish("good", &[self.rounds], Qos::ExactlyOnce);
        assert_eq!(self.subscriber.receive_payload(), [self.rounds]);
        self.subscriber.expect_nothing();
    }
}

/// Sends bad bytes on a connection and checks its end, the log and the others.
fn refused(
    s: &Scenario,
    others: &mut Bystanders,
    mut client: Client,
    what: &str,
    bytes: &[u8],
    reason: Option<R>,
) {
    let peer = client.local().to_string();
    client.send_bytes(bytes);
    let end = client.end();
    assert_eq!(end.reason, reason, "{what}: {:?}", end.words);
    s.bridge.process.stderr.expect(&["connection ended by us", &format!("peer={peer} ")]);
    others.go_on();
    let lines = s.bridge.log_of(&format!("peer={peer}"));
    let ends: Vec<_> = lines.iter().filter(|line| !line.contains(" connected ")).collect();
    assert_eq!(ends.len(), 1, "{what}: one line says who and why: {ends:?}");
    assert!(ends[0].contains("reason=") && ends[0].contains("why="), "{what}: {}", ends[0]);
}

/// [MQTT-3.1.4-1], [MQTT-3.1.0-1], [MQTT3-3.1.0-1], [MQTT3-3.1.4-1]
#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn before_connect_nothing_else_counts_mqtt_3_1_0_1() {
    on_all(|s| {
        let five = s.is_5();
        let mut others = Bystanders::new(s);
        let level = if five { 5 } else { 4 };
        let head = |name: &str, level: u8, flags: u8| {
            join(&[&text(name), &[level, flags, 0, 0], if five { &[0] } else { &[] }])
        };
        let ok = head("MQTT", level, 2);
        let none: &[u8] = if five { &[0] } else { &[] };
        let told = |reason| five.then_some(reason);
        let cases: Vec<(&str, Vec<u8>, Option<R>)> = vec![
            ("PUBLISH first", packet(0x30, &join(&[&text("a"), &[0]])), None),
            ("PINGREQ first", vec![0xc0, 0], None),
            ("DISCONNECT first", vec![0xe0, 0], None),
            ("CONNACK first", vec![0x20, 2, 0, 0], None),
            ("packet type 0", vec![0x00, 0], None),
            ("an HTTP request", b"GET / HTTP/1.1\r\n\r\n".to_vec(), None),
            ("a TLS hello", vec![0x16, 3, 1, 0, 200, 1, 0], None),
            (
                "a wrong protocol name [MQTT-3.1.2-1], [MQTT3-3.1.2-1]",
                packet(0x10, &join(&[&head("MQTX", level, 2), &text("x")])),
                None,
            ),
            (
                "a protocol name in small letters",
                packet(0x10, &join(&[&head("mqtt", level, 2), &text("x")])),
                None,
            ),
            ("flags of CONNECT's fixed header", packet(0x11, &join(&[&ok, &text("x")])), None),
            ("a length in five bytes", vec![0x10, 0xff, 0xff, 0xff, 0xff, 0x7f], None),
            ("a length of a gigabyte", vec![0x10, 0xff, 0xff, 0xff, 0x7f], None),
            (
                "the reserved flag of CONNECT [MQTT-3.1.2-3], [MQTT3-3.1.2-3]",
                packet(0x10, &join(&[&head("MQTT", level, 3), &text("x")])),
                told(R::MalformedPacket),
            ),
            (
                "will QoS without will [MQTT-3.1.2-11], [MQTT3-3.1.2-11], [MQTT3-3.1.2-13]",
                packet(0x10, &join(&[&head("MQTT", level, 0x0a), &text("x")])),
                told(R::MalformedPacket),
            ),
            (
                "will retain without will [MQTT-3.1.2-13], [MQTT3-3.1.2-15]",
                packet(0x10, &join(&[&head("MQTT", level, 0x22), &text("x")])),
                told(R::MalformedPacket),
            ),
            (
                "a will that is announced and missing [MQTT-3.1.2-9], [MQTT3-3.1.2-9]",
                packet(0x10, &join(&[&head("MQTT", level, 6), &text("x")])),
                told(R::MalformedPacket),
            ),
            (
                "a will topic that is no UTF-8 [MQTT-3.1.3-11], [MQTT3-3.1.3-10]",
                packet(0x10, &join(&[&head("MQTT", level, 6), &text("x"), none, &text([0xff]), &text("p")])),
                told(R::MalformedPacket),
            ),
            (
                "a user name that is no UTF-8 [MQTT-3.1.3-12], [MQTT3-3.1.3-11]",
                packet(0x10, &join(&[&head("MQTT", level, 0x82), &text("x"), &text([0xff])])),
                told(R::MalformedPacket),
            ),
            (
                "a password that is announced and missing [MQTT-3.1.2-19], [MQTT3-3.1.2-21]",
                packet(0x10, &join(&[&head("MQTT", level, 0xc2), &text("x"), &text("user")])),
                told(R::MalformedPacket),
            ),
            (
                "no client id at all [MQTT-3.1.3-3], [MQTT3-3.1.3-3]",
                packet(0x10, &ok),
                told(R::MalformedPacket),
            ),
            (
                "will QoS 3 [MQTT-3.1.2-12], [MQTT3-3.1.2-14]",
                packet(0x10, &join(&[&head("MQTT", level, 0x1e), &text("x"), &text("t"), &text("p")])),
                told(R::MalformedPacket),
            ),
            (
                "a client id that is no UTF-8 [MQTT-1.5.4-1], [MQTT-3.1.3-4], [MQTT3-1.5.3-1], [MQTT3-3.1.3-4]",
                packet(0x10, &join(&[&ok, &text([0xc3, 0x28])])),
                told(R::MalformedPacket),
            ),
            (
                "a surrogate in the client id [MQTT-1.5.4-1], [MQTT3-1.5.3-1]",
                packet(0x10, &join(&[&ok, &text([0xed, 0xa0, 0x80])])),
                told(R::MalformedPacket),
            ),
            (
                "U+0000 in the client id [MQTT-1.5.4-2], [MQTT3-1.5.3-2]",
                packet(0x10, &join(&[&ok, &text("a\0b")])),
                told(R::MalformedPacket),
            ),
            (
                "a client id longer than the packet",
                packet(0x10, &join(&[&ok, &[0xff, 0xff, b'x']])),
                told(R::MalformedPacket),
            ),
            (
                "a user name nobody announced [MQTT-3.1.2-16], [MQTT-3.1.2-18], [MQTT3-3.1.2-18], [MQTT3-3.1.2-20]",
                packet(0x10, &join(&[&ok, &text("x"), &text("user")])),
                told(R::MalformedPacket),
            ),
            (
                "a user name that is announced and missing [MQTT-3.1.2-17], [MQTT3-3.1.2-19]",
                packet(0x10, &join(&[&head("MQTT", level, 0x82), &text("x")])),
                told(R::MalformedPacket),
            ),
        ];
        for (what, bytes, reason) in &cases {
            refused(s, &mut others, s.open(), what, bytes, *reason);
        }
    });
}

/// [MQTT3-4.8.0-1]
#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_connected_client_that_breaks_the_rules_is_told_why_mqtt_4_13_1_1() {
    on_all(|s| {
        let five = s.is_5();
        let none: &[u8] = if five { &[0] } else { &[] };
        let mut others = Bystanders::new(s);
        let again = {
            let client = s.open();
            client.encode(&[Packet::Connect(Box::new(s.hello("bad")))])
        };
        let publish = |first: u8, parts: &[&[u8]]| packet(first, &join(parts));
        let sub = |parts: &[&[u8]]| packet(0x82, &join(&[&[0, 1], none, &join(parts)]));
        let cases: Vec<(&str, Vec<u8>, R)> = vec![
            ("a second CONNECT [MQTT-3.1.0-2], [MQTT3-3.1.0-2]", again, R::ProtocolError),
            ("CONNACK", packet(0x20, &join(&[&[0, 0], none])), R::ProtocolError),
            ("SUBACK", packet(0x90, &join(&[&[0, 1], none, &[0]])), R::ProtocolError),
            ("UNSUBACK", packet(0xb0, &join(&[&[0, 1], if five { &[0, 0] } else { &[] }])), R::ProtocolError),
            ("PINGRESP", vec![0xd0, 0], R::ProtocolError),
            ("packet type 0 (2.1.2)", vec![0x00, 0], R::MalformedPacket),
            (
                "flags of PINGREQ [MQTT-2.1.3-1], [MQTT3-2.2.2-1], [MQTT3-2.2.2-2]",
                vec![0xc1, 0],
                R::MalformedPacket,
            ),
            ("flags of PUBREL [MQTT-3.6.1-1], [MQTT3-3.6.1-1]", vec![0x60, 2, 0, 1], R::MalformedPacket),
            (
                "flags of SUBSCRIBE [MQTT-3.8.1-1], [MQTT3-3.8.1-1]",
                packet(0x80, &join(&[&[0, 1], none, &text("a"), &[0]])),
                R::MalformedPacket,
            ),
            (
                "flags of UNSUBSCRIBE [MQTT-3.10.1-1], [MQTT3-3.10.1-1]",
                packet(0xa0, &join(&[&[0, 1], none, &text("a")])),
                R::MalformedPacket,
            ),
            ("flags of DISCONNECT [MQTT-3.14.1-1], [MQTT3-3.14.1-1]", vec![0xe1, 0], R::MalformedPacket),
            ("PINGREQ with a body", vec![0xc0, 1, 0], R::MalformedPacket),
            ("a length in five bytes", vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01], R::MalformedPacket),
            ("a length over our maximum", vec![0x30, 0xff, 0xff, 0xff, 0x7f], R::PacketTooLarge),
            (
                "QoS 3 [MQTT-3.3.1-4], [MQTT3-3.3.1-4]",
                publish(0x36, &[&text("a"), &[0, 1], none]),
                R::MalformedPacket,
            ),
            (
                "DUP at QoS 0 [MQTT-3.3.1-2], [MQTT3-3.3.1-2]",
                publish(0x38, &[&text("a"), none]),
                R::MalformedPacket,
            ),
            (
                "packet identifier 0 [MQTT-2.2.1-3], [MQTT3-2.3.1-1]",
                publish(0x32, &[&text("a"), &[0, 0], none]),
                R::MalformedPacket,
            ),
            (
                "a wildcard in a topic [MQTT-3.3.2-2], [MQTT-4.7.0-1], [MQTT3-3.3.2-2], [MQTT3-4.7.1-1]",
                publish(0x30, &[&text("a/+"), none]),
                R::TopicNameInvalid,
            ),
            (
                "a hash in a topic [MQTT-3.3.2-2], [MQTT3-3.3.2-2]",
                publish(0x30, &[&text("#"), none]),
                R::TopicNameInvalid,
            ),
            (
                "a topic that is no UTF-8 [MQTT-3.3.2-1], [MQTT3-3.3.2-1]",
                publish(0x30, &[&text([0xff]), none]),
                R::MalformedPacket,
            ),
            (
                "U+0000 in a topic [MQTT-4.7.3-2], [MQTT3-4.7.3-2]",
                publish(0x30, &[&text("a\0"), none]),
                R::MalformedPacket,
            ),
            ("a topic longer than the packet", packet(0x30, &[0xff, 0xff, b'a']), R::MalformedPacket),
            (
                "PUBLISH without a topic [MQTT-3.3.2-1], [MQTT3-3.3.2-1]",
                packet(0x30, &[]),
                R::MalformedPacket,
            ),
            ("65 400 slashes", publish(0x30, &[&text("/".repeat(65_400)), none]), R::TopicNameInvalid),
            ("SUBSCRIBE without filters [MQTT-3.8.3-2], [MQTT3-3.8.3-3]", sub(&[]), R::ProtocolError),
            ("SUBSCRIBE without options", sub(&[&text("a")]), R::MalformedPacket),
            ("SUBSCRIBE at QoS 3 [MQTT3-3.8.3-4]", sub(&[&text("a"), &[3]]), R::ProtocolError),
            (
                "reserved bits of the options [MQTT-3.8.3-5], [MQTT3-3.8.3-4]",
                sub(&[&text("a"), &[0xc0]]),
                R::MalformedPacket,
            ),
            (
                "an empty filter [MQTT-4.7.3-1], [MQTT3-4.7.3-1]",
                sub(&[&text(""), &[0]]),
                R::TopicFilterInvalid,
            ),
            (
                "a hash that is not last [MQTT-4.7.1-1], [MQTT3-4.7.1-2]",
                sub(&[&text("a/#/b"), &[0]]),
                R::TopicFilterInvalid,
            ),
            (
                "a hash beside a letter [MQTT-4.7.1-1], [MQTT3-4.7.1-2]",
                sub(&[&text("a#"), &[0]]),
                R::TopicFilterInvalid,
            ),
            (
                "a plus beside a letter [MQTT-4.7.1-2], [MQTT3-4.7.1-3]",
                sub(&[&text("a+/b"), &[0]]),
                R::TopicFilterInvalid,
            ),
            (
                "U+0000 in a filter [MQTT-4.7.3-2], [MQTT3-4.7.3-2]",
                sub(&[&text("a\0"), &[0]]),
                R::MalformedPacket,
            ),
            (
                "SUBSCRIBE with identifier 0 [MQTT-2.2.1-3], [MQTT3-2.3.1-1]",
                packet(0x82, &join(&[&[0, 0], none, &text("a"), &[0]])),
                R::MalformedPacket,
            ),
            (
                "a filter that is no UTF-8 [MQTT-3.8.3-1], [MQTT3-3.8.3-1]",
                sub(&[&text([0xff]), &[0]]),
                R::MalformedPacket,
            ),
            (
                "UNSUBSCRIBE of what is no UTF-8 [MQTT-3.10.3-1], [MQTT3-3.10.3-1]",
                packet(0xa2, &join(&[&[0, 1], none, &text([0xff])])),
                R::MalformedPacket,
            ),
            (
                "UNSUBSCRIBE with identifier 0 [MQTT-2.2.1-3], [MQTT3-2.3.1-1]",
                packet(0xa2, &join(&[&[0, 0], none, &text("a")])),
                R::MalformedPacket,
            ),
            ("QoS 1 without an identifier", packet(0x32, &text("a")), R::MalformedPacket),
            (
                "UNSUBSCRIBE without filters [MQTT-3.10.3-2], [MQTT3-3.10.3-2]",
                packet(0xa2, &join(&[&[0, 1], none])),
                R::ProtocolError,
            ),
            ("half a PUBACK", vec![0x40, 1, 0], R::MalformedPacket),
        ];
        for (what, bytes, reason) in &cases {
            refused(s, &mut others, s.connect("bad"), what, bytes, five.then_some(*reason));
        }
    });
}

/// [MQTT3-4.7.3-1], CVE-2021-34432
#[test]
fn an_empty_topic_is_refused_mqtt_4_7_3_1() {
    on_all(|s| {
        let mut others = Bystanders::new(s);
        let bytes = packet(0x30, &join(&[&text(""), if s.is_5() { &[0] } else { &[] }]));
        // In 5.0 it would stand for an alias, which is missing.
        refused(
            s,
            &mut others,
            s.connect("bad"),
            "an empty topic",
            &bytes,
            s.either(Some(R::ProtocolError), None),
        );
    });
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn properties_that_are_wrong_are_refused_in_every_packet_2_2_2_2() {
    on_v5(|s| {
        let mut others = Bystanders::new(s);
        let props = |bytes: &[u8]| join(&[&[bytes.len() as u8], bytes]);
        let publish = |bytes: &[u8]| packet(0x30, &join(&[&text("a"), &props(bytes)]));
        let ack = |first: u8, bytes: &[u8]| packet(first, &join(&[&[0, 1, 0], &props(bytes)]));
        let reason_string = join(&[&[0x1f], &text("x")]);
        let cases: Vec<(&str, Vec<u8>, R)> = vec![
            ("an identifier nobody knows", publish(&[0x7f, 0]), R::MalformedPacket),
            ("a length longer than the packet", packet(0x30, &join(&[&text("a"), &[9]])), R::MalformedPacket),
            (
                "a length in five bytes",
                packet(0x30, &join(&[&text("a"), &[0xff, 0xff, 0xff, 0xff, 1]])),
                R::MalformedPacket,
            ),
            ("half a property", publish(&[0x02, 0, 0]), R::MalformedPacket),
            ("a property of CONNECT in PUBLISH", publish(&[0x21, 0, 1]), R::MalformedPacket),
            ("a property of PUBLISH in PUBACK", ack(0x40, &[0x01, 1]), R::MalformedPacket),
            ("a property of CONNECT in PUBREC", ack(0x50, &[0x11, 0, 0, 0, 1]), R::MalformedPacket),
            ("a property of CONNECT in PUBREL", ack(0x62, &[0x11, 0, 0, 0, 1]), R::MalformedPacket),
            ("a property of CONNECT in PUBCOMP", ack(0x70, &[0x11, 0, 0, 0, 1]), R::MalformedPacket),
            ("a property twice", publish(&[0x01, 1, 0x01, 1]), R::ProtocolError),
            ("a reason string twice", ack(0x40, &join(&[&reason_string, &reason_string])), R::ProtocolError),
            ("a flag that is 2", publish(&[0x01, 2]), R::ProtocolError),
            ("a subscription identifier from a client [MQTT-3.3.4-6]", publish(&[0x0b, 1]), R::ProtocolError),
            (
                "subscription identifier 0",
                packet(0x82, &join(&[&[0, 1], &props(&[0x0b, 0]), &text("a"), &[0]])),
                R::ProtocolError,
            ),
            (
                "a wildcard in a response topic [MQTT-3.3.2-14]",
                publish(&join(&[&[0x08], &text("a/#")])),
                R::TopicNameInvalid,
            ),
            (
                "U+0000 in a user property [MQTT-1.5.7-1]",
                publish(&join(&[&[0x26], &text("a\0"), &text("b")])),
                R::MalformedPacket,
            ),
            (
                "a content type that is no UTF-8 [MQTT-3.3.2-19]",
                publish(&join(&[&[0x03], &text([0xff])])),
                R::MalformedPacket,
            ),
            (
                "a response topic that is no UTF-8 [MQTT-3.3.2-13]",
                publish(&join(&[&[0x08], &text([0xff])])),
                R::MalformedPacket,
            ),
            (
                "a length longer than it needs [MQTT-1.5.5-1]",
                packet(0x30, &join(&[&text("a"), &[0x80, 0]])),
                R::MalformedPacket,
            ),
            ("flags of AUTH [MQTT-3.15.1-1]", vec![0xf1, 0], R::MalformedPacket),
            ("a reason code AUTH does not have [MQTT-3.15.2-1]", packet(0xf0, &[0x04]), R::MalformedPacket),
            ("half a user property", publish(&join(&[&[0x26], &text("a")])), R::MalformedPacket),
            (
                "a reason code PUBACK does not have [MQTT-3.4.2-1]",
                packet(0x40, &[0, 1, 0x8e]),
                R::MalformedPacket,
            ),
            (
                "a reason code PUBREC does not have [MQTT-3.5.2-1]",
                packet(0x50, &[0, 1, 0x92]),
                R::MalformedPacket,
            ),
            (
                "a reason code PUBREL does not have [MQTT-3.6.2-1]",
                packet(0x62, &[0, 1, 0x80]),
                R::MalformedPacket,
            ),
            (
                "a reason code PUBCOMP does not have [MQTT-3.7.2-1]",
                packet(0x70, &[0, 1, 0x10]),
                R::MalformedPacket,
            ),
            (
                "a reason code DISCONNECT does not have [MQTT-3.14.2-1]",
                packet(0xe0, &[0x01]),
                R::MalformedPacket,
            ),
            (
                "a server reference from a client",
                packet(0xe0, &join(&[&[0x04], &props(&join(&[&[0x1c], &text("x")]))])),
                R::ProtocolError,
            ),
            ("AUTH without a method [MQTT-4.12.0-7]", packet(0xf0, &[]), R::ProtocolError),
            ("retain handling 3", packet(0x82, &join(&[&[0, 1, 0], &text("a"), &[0x30]])), R::ProtocolError),
            (
                "no local on a shared subscription [MQTT-3.8.3-4]",
                packet(0x82, &join(&[&[0, 1, 0], &text("$share/g/a"), &[4]])),
                R::ProtocolError,
            ),
        ];
        for (what, bytes, reason) in &cases {
            refused(s, &mut others, s.connect("bad"), what, bytes, Some(*reason));
        }
        let connect = |properties: &[u8]| {
            packet(0x10, &join(&[&text("MQTT"), &[5, 2, 0, 0], &props(properties), &text("bad")]))
        };
        for (what, bytes, reason) in [
            ("receive maximum 0", connect(&[0x21, 0, 0]), R::ProtocolError),
            ("maximum packet size 0", connect(&[0x27, 0, 0, 0, 0]), R::ProtocolError),
            ("receive maximum twice", connect(&[0x21, 0, 1, 0x21, 0, 1]), R::ProtocolError),
            ("a topic alias in CONNECT", connect(&[0x23, 0, 1]), R::MalformedPacket),
            ("authentication data without a method", connect(&[0x16, 0, 1, 0]), R::ProtocolError),
        ] {
            refused(s, &mut others, s.open(), what, &bytes, Some(reason));
        }
    });
}

#[test]
fn every_truncation_of_a_good_packet_waits_or_ends_quietly() {
    on_all(|s| {
        let mut others = Bystanders::new(s);
        let whole = {
            let client = s.open();
            client.encode(&[Packet::Connect(Box::new(s.hello("half")))])
        };
        for length in 0..whole.len() {
            let mut client = s.open();
            if length > 0 {
                client.send_bytes(&whole[..length]);
            }
            client.cut();
        }
        others.go_on();
        assert!(s.bridge.process.stderr.all().iter().all(|line| !line.contains("panic")));
    });
}

#[test]
fn random_bytes_end_a_connection_and_nothing_else() {
    on_all(|s| {
        let mut rng = Rng::new(0x5eed);
        let mut others = Bystanders::new(s);
        for round in 0..120 {
            // Half of them are let in first; the rest throw at the door.
            let mut client = if round % 2 == 0 { s.connect("random") } else { s.open() };
            let size = 1 + rng.below(2000);
            let noise = rng.bytes(size);
            // Well framed or not: a type that exists, a length that fits, and noise inside.
            let bytes = if round % 3 == 0 { packet((rng.below(15) as u8 + 1) << 4, &noise) } else { noise };
            // What is sent may end the connection while it is being sent.
            client.wire().send(&bytes);
            client.cut();
            if round % 20 == 0 {
                others.go_on();
            }
        }
        others.go_on();
        assert!(s.bridge.process.is_alive());
        assert!(s.bridge.process.stderr.all().iter().all(|line| !line.contains("panic")));
    });
}

#[test]
fn changed_bytes_in_a_good_conversation_end_it_and_nothing_else() {
    on_all(|s| {
        let mut rng = Rng::new(0xb17);
        let mut others = Bystanders::new(s);
        let good = {
            let client = s.open();
            let publish = Packet::Publish(tests::message("a/b/c", b"payload"));
            client.encode(&[Packet::Connect(Box::new(s.hello("changed"))), publish, Packet::Pingreq])
        };
        for round in 0..150 {
            let mut bytes = good.clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(bytes.len());
                bytes[at] ^= 1 << rng.below(8);
            }
            let mut client = s.open();
            client.wire().send(&bytes);
            client.cut();
            if round % 25 == 0 {
                others.go_on();
            }
        }
        others.go_on();
        assert!(s.bridge.process.stderr.all().iter().all(|line| !line.contains("panic")));
    });
}

#[test]
fn a_reason_is_not_lost_in_a_reset() {
    // A client that goes on sending must still be able to read why it was cut off.
    on_v5(|s| {
        for _ in 0..20 {
            let mut client = s.connect("talker");
            let bad = packet(0x36, &join(&[&text("a"), &[0, 1, 0]]));
            let more = vec![0x30; 30_000];
            client.send_bytes(&join(&[&bad, &more]));
            client.wire().send(&more);
            assert_eq!(client.end().reason, Some(R::MalformedPacket));
        }
    });
}

#[test]
fn frames_that_promise_more_than_memory_holds_cost_nothing() {
    on_all(|s| {
        if s.kind.transport != Transport::WebSocket {
            return;
        }
        let before = s.bridge.process.resident_kib();
        let sockets: Vec<_> = (0..50)
            .map(|_| {
                let mut socket = RawWebSocket::connect(s.bridge.http);
                // A frame of a tebibyte, of which the mask and one byte come.
                socket.write(&[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0x11]);
                socket
            })
            .collect();
        Bystanders::new(s).go_on();
        let grown = s.bridge.process.resident_kib().saturating_sub(before);
        assert!(grown < 20 << 10, "{grown} KiB");
        drop(sockets);
        let mut socket = RawWebSocket::connect(s.bridge.http);
        socket.write(&mask(0x82, &[0x10]));
        Bystanders::new(s).go_on();
    });
}

#[test]
fn a_refused_connect_promises_nothing() {
    on_v5(|s| {
        let mut client = s.open();
        let bytes = packet(0x10, &join(&[&text("MQTT"), &[5, 3, 0, 0, 0], &text("bad")]));
        client.send_bytes(&bytes);
        let Packet::Connack(connack) = client.next() else { panic!("CONNACK comes [MQTT-3.14.0-1]") };
        assert!(!connack.session_present, "[MQTT-3.2.2-6]");
        assert_eq!(connack.properties.receive_maximum, ConnackProperties::default().receive_maximum);
    });
}
