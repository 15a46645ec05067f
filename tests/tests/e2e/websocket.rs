//! MQTT over WebSocket (chapter 6, RFC 6455).

use std::thread;

use mqtt::packet::{Connect, ConnectWill, PublishProperties};
use mqtt::{Packet, Qos, TopicName, Version};
use tests::{Bridge, Client, RawWebSocket, Request, Wire, mask, message};

const BINARY: u8 = 0x82;

fn connect_bytes(client_id: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    Packet::Connect(Box::new(Connect::new(Version::V3_1_1, client_id)))
        .encode(Version::V3_1_1, &mut bytes)
        .expect("a packet that can be written");
    bytes
}

/// [MQTT-6.0.0-4], [MQTT3-6.0.0-4]
#[test]
fn subprotocols_are_chosen_as_offered_mqtt_6_0_0_3_and_4() {
    let bridge = Bridge::start();
    for (offered, chosen) in [
        ("mqtt", "mqtt"),
        ("mqttv3.1", "mqttv3.1"),
        ("mqtt, mqttv3.1", "mqtt"),
        ("mqttv3.1, mqtt", "mqtt"),
        ("chat, mqtt", "mqtt"),
        ("chat,mqttv3.1 ,soap", "mqttv3.1"),
    ] {
        let response = Request::upgrade("/mqtt", offered).send(bridge.http);
        assert_eq!(response.status, 101, "{offered}: {response:?}");
        let answer = response.header("sec-websocket-protocol").expect("a subprotocol");
        let is_offered = offered.split(',').any(|one| one.trim() == answer);
        assert!(is_offered && answer.starts_with("mqtt"), "{answer} of {offered}");
        if !offered.contains("mqttv3.1, mqtt") {
            assert_eq!(answer, chosen);
        }
        assert_eq!(
            response.header("sec-websocket-accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "RFC 6455, 4.2.2"
        );
    }
}

#[test]
fn anything_else_is_refused_with_a_status_and_a_sentence() {
    let bridge = Bridge::start();
    let upgrade = || Request::upgrade("/mqtt", "mqtt");
    for (what, request, status) in [
        ("no subprotocol", Request::upgrade("/mqtt", ""), 400),
        ("another subprotocol", Request::upgrade("/mqtt", "chat"), 400),
        ("another path", Request::upgrade("/other", "mqtt"), 404),
        ("no upgrade", Request::get("/mqtt"), 426),
        ("an old HTTP", upgrade().in_version("HTTP/1.0"), 505),
        (
            "an old version",
            upgrade().without("Sec-WebSocket-Version").with("Sec-WebSocket-Version", "8"),
            426,
        ),
        ("no key", upgrade().without("Sec-WebSocket-Key"), 400),
        (
            "a key that is none",
            upgrade().without("Sec-WebSocket-Key").with("Sec-WebSocket-Key", "short"),
            400,
        ),
    ] {
        let response = request.send(bridge.http);
        assert_eq!(response.status, status, "{what}: {response:?}");
        assert!(response.text().trim().len() > 10, "{what} says why: {:?}", response.text());
        if status == 426 {
            assert_eq!(response.header("sec-websocket-version"), Some("13"), "{what} says what would do");
        }
    }
}

#[test]
fn pages_of_other_origins_may_not_connect() {
    let bridge = Bridge::configured("[listen]\norigins = [\"https://panel.example\"]\n");
    let own = format!("http://{}", bridge.http);
    for (origin, status) in [
        (own.as_str(), 101),
        ("https://panel.example", 101),
        ("https://panel.example.net", 403),
        ("https://panel.exampl", 403),
        ("http://panel.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("file://", 403),
    ] {
        let response = Request::upgrade("/mqtt", "mqtt").with("Origin", origin).send(bridge.http);
        assert_eq!(response.status, status, "{origin}");
        // A page whose WebSocket failed may ask why, by plain HTTP.
        for (method, otherwise) in [("GET", 426), ("POST", 405)] {
            let response = Request::new(method, "/mqtt").with("Origin", origin).send(bridge.http);
            assert_eq!(response.status, if status == 101 { otherwise } else { status }, "{method} {origin}");
            assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{method} {origin}");
        }
    }
}

#[test]
fn a_burst_travels_in_few_frames() {
    let bridge = Bridge::start();
    let mut subscriber = Client::new(Wire::websocket(bridge.http), Version::V5);
    subscriber.connect(&Connect::new(Version::V5, "subscriber"));
    subscriber.subscribe("a", Qos::AtMostOnce);
    let mut publisher = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    publisher.connect(&Connect::new(Version::V5, "publisher"));
    let before = subscriber.reads;
    let burst: Vec<_> = (0..100).map(|_| Packet::Publish(message("a", b"one of many"))).collect();
    publisher.send_all(&burst);
    for _ in 0..100 {
        subscriber.receive();
    }
    let frames = subscriber.reads - before;
    assert!(frames <= 10, "100 messages of one read took {frames} frames");
}

/// [MQTT3-6.0.0-1]
#[test]
fn a_text_frame_is_answered_with_1003_mqtt_6_0_0_1() {
    violation(&mask(0x81, b"hello"), 1003, "text frame");
}

#[test]
fn an_unmasked_frame_is_answered_with_1002() {
    violation(&[BINARY, 2, 0xc0, 0], 1002, "masked");
}

#[test]
fn broken_framing_is_answered_with_1002() {
    violation(&mask(0x80, b"x"), 1002, "continuation");
    violation(&mask(0xc2, b"x"), 1002, "reserved");
    violation(&mask(0x83, b"x"), 1002, "reserved");
    violation(&mask(0x09, b"x"), 1002, "control frame");
    violation(&mask(0x89, &[0; 126]), 1002, "control frame");
    let both = [mask(0x02, &[]), mask(BINARY, &[])].concat();
    violation(&both, 1002, "inside an unfinished");
    violation(&[BINARY, 0x80 | 126, 0, 2, 0, 0, 0, 0, 0xc0, 0], 1002, "length");
}

/// Sends a bad frame as a client that is connected, and checks the answer, the will, the log and the others.
fn violation(bytes: &[u8], code: u16, words: &str) {
    let bridge = Bridge::start();
    let mut watcher = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    watcher.connect(&Connect::new(Version::V5, "watcher"));
    watcher.subscribe("will", Qos::AtMostOnce);
    let mut socket = RawWebSocket::connect(bridge.http);
    let topic = TopicName::new("will").expect("a topic");
    let properties = PublishProperties::default();
    let will =
        ConnectWill { topic, payload: b"gone", qos: Qos::AtMostOnce, retain: false, delay_s: 0, properties };
    let mut connect = Vec::new();
    Packet::Connect(Box::new(Connect { will: Some(will), ..Connect::new(Version::V3_1_1, "rude") }))
        .encode(Version::V3_1_1, &mut connect)
        .expect("a packet that can be written");
    socket.write(&mask(BINARY, &connect));
    assert_eq!(socket.read().expect("CONNACK").payload, [0x20, 2, 0, 0]);
    socket.write(bytes);
    assert_eq!(socket.read_close(), code);
    assert_eq!(socket.read(), None, "the connection is closed");
    assert_eq!(watcher.receive_payload(), b"gone", "the will is sent after a framing violation");
    bridge.process.stderr.expect(&["rude", words]);
    watcher.expect_nothing();
}

#[test]
fn a_close_frame_is_answered_and_the_will_is_sent() {
    let bridge = Bridge::start();
    let mut socket = RawWebSocket::connect(bridge.http);
    socket.write(&mask(BINARY, &connect_bytes("alice")));
    socket.read().expect("CONNACK");
    socket.write(&mask(0x88, &1001_u16.to_be_bytes()));
    assert_eq!(socket.read_close(), 1001);
    assert_eq!(socket.read(), None);
}

#[test]
fn a_disconnect_is_followed_by_a_close_frame() {
    let bridge = Bridge::start();
    let mut socket = RawWebSocket::connect(bridge.http);
    socket.write(&mask(BINARY, &connect_bytes("alice")));
    socket.read().expect("CONNACK");
    socket.write(&mask(BINARY, &[0xe0, 0]));
    let frame = socket.read();
    assert!(
        frame.as_ref().is_none_or(|frame| frame.first == 0x88),
        "a close frame or the end, not {frame:?}"
    );
}

/// [MQTT3-6.0.0-2]
#[test]
fn fragments_with_pings_between_are_one_stream_mqtt_6_0_0_2() {
    let bridge = Bridge::start();
    let mut socket = RawWebSocket::connect(bridge.http);
    let connect = connect_bytes("alice");
    let pings = [0xc0, 0, 0xc0, 0];
    let bytes = [
        mask(0x02, &connect[..5]),
        mask(0x89, b"are you there"),
        mask(0x00, &connect[5..]),
        mask(0x8a, b"a pong nobody asked for"),
        mask(0x80, &pings[..3]),
        mask(BINARY, &[]),
        mask(BINARY, &pings[3..]),
    ]
    .concat();
    // Also the frames themselves may come in any pieces.
    for piece in bytes.chunks(3) {
        socket.write(piece);
    }
    let (mut data, mut pongs) = (Vec::new(), Vec::new());
    while data.len() < 8 {
        let frame = socket.read().expect("a frame");
        match frame.first {
            BINARY => data.extend(frame.payload),
            0x8a => pongs.push(frame.payload),
            other => panic!("frame {other:#x}"),
        }
    }
    assert_eq!(data, [0x20, 2, 0, 0, 0xd0, 0, 0xd0, 0], "CONNACK and two PINGRESP");
    assert_eq!(pongs, [b"are you there"], "a pong with the bytes of the ping (RFC 6455, 5.5.3)");
}

#[test]
fn a_large_message_may_come_in_many_fragments() {
    let bridge = Bridge::start();
    let mut socket = RawWebSocket::connect(bridge.http);
    socket.write(&mask(BINARY, &connect_bytes("alice")));
    socket.read().expect("CONNACK");
    let mut watcher = Client::new(Wire::websocket(bridge.http), Version::V3_1_1);
    watcher.connect(&Connect::new(Version::V3_1_1, "watcher"));
    watcher.subscribe("a", Qos::AtMostOnce);
    let payload: Vec<u8> = (0..1_040_000_u32).map(|n| (n % 253) as u8).collect();
    let mut packet = Vec::new();
    Packet::Publish(message("a", &payload)).encode(Version::V3_1_1, &mut packet).expect("a packet");
    let pieces: Vec<_> = packet.chunks(9_973).collect();
    for (n, piece) in pieces.iter().enumerate() {
        let first = if n == 0 { 0x02 } else { u8::from(n + 1 == pieces.len()) << 7 };
        socket.write(&mask(first, piece));
        if n % 10 == 0 {
            socket.write(&mask(0x89, &[n as u8]));
        }
    }
    assert!(watcher.receive_payload() == payload);
}

#[test]
fn a_packet_may_come_right_behind_the_upgrade() {
    // A client may not wait for the answer to its upgrade before it writes on; what came with the request is not lost.
    let bridge = Bridge::start();
    let frame = mask(BINARY, &connect_bytes("eager"));
    let request = Request::upgrade("/mqtt", "mqtt");
    let (response, mut stream) = request.with_tail(&frame).connect(bridge.http);
    assert_eq!(response.status, 101);
    let mut got = response.body;
    while got.len() < 6 {
        let mut part = [0; 64];
        let n = std::io::Read::read(&mut stream, &mut part).expect("CONNACK comes");
        assert!(n > 0, "the connection ended");
        got.extend_from_slice(&part[..n]);
    }
    assert_eq!(got, [BINARY, 4, 0x20, 2, 0, 0]);
}

#[test]
fn two_pages_side_by_side_do_not_disturb_each_other() {
    let bridge = Bridge::start();
    let address = bridge.http;
    let threads: Vec<_> = (0..8)
        .map(|n| {
            thread::spawn(move || {
                let mut client = Client::new(Wire::websocket(address), Version::V5);
                client.connect(&Connect::new(Version::V5, &format!("page-{n}")));
                client.subscribe(&format!("page/{n}"), Qos::AtLeastOnce);
                for round in 0..100_u8 {
                    client.publish(&format!("page/{n}"), &[round], Qos::AtLeastOnce);
                    assert_eq!(client.receive_payload(), [round]);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("each page is served");
    }
}
