//! Lines 1 to 4: lengths that lie, memory before anybody is known, what is never acknowledged, and depth.

use mqtt::packet::{Connect, Publish};
use mqtt::{Packet, Qos, ReasonCode, Version};
use tests::{Bridge, Client, RawWebSocket, Wire, delivery, mask, message};

use super::{connect, growth, packet, text};

fn hello(id: &str) -> Vec<u8> {
    packet(0x10, &[text("MQTT"), vec![5, 2, 0, 0, 0], text(id)].concat())
}

#[test]
fn a_frame_that_is_shorter_than_its_packet_says_cve_2026_25627() {
    let bridge = Bridge::start();
    let mut reader = connect(&bridge, "reader");
    reader.subscribe("a", Qos::AtMostOnce);
    let publish = packet(0x30, &[text("a"), vec![0], vec![b'x'; 1000]].concat());
    // The rest comes in another frame: it is one packet.
    let mut socket = RawWebSocket::connect(bridge.http);
    socket.write(&mask(0x82, &hello("one")));
    socket.read().expect("CONNACK");
    socket.write(&mask(0x82, &publish[..20]));
    reader.expect_nothing();
    socket.write(&mask(0x82, &publish[20..]));
    assert_eq!(reader.receive_payload().len(), 1000);
    // The rest never comes: nothing is delivered, of whatever lies behind it in memory.
    for _ in 0..50 {
        let mut socket = RawWebSocket::connect(bridge.http);
        socket.write(&mask(0x82, &[hello("two"), publish[..20].to_vec()].concat()));
        socket.read().expect("CONNACK");
        socket.write(&mask(0x88, &1000_u16.to_be_bytes()));
        assert_eq!(socket.read_close(), 1000);
    }
    reader.expect_nothing();
}

#[test]
fn a_length_of_five_bytes_cve_2026_21888() {
    let bridge = Bridge::start();
    let mut good = connect(&bridge, "good");
    for first in [0x10, 0x30, 0x32, 0x40, 0x50, 0x62, 0x70, 0x82, 0xa2, 0xc0, 0xe0, 0xf0] {
        let bad = [first, 0xff, 0xff, 0xff, 0xff, 0x01];
        let mut before = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        before.send_bytes(&bad);
        before.end();
        let mut after = connect(&bridge, "bad");
        after.send_bytes(&bad);
        assert_eq!(after.end().reason, Some(ReasonCode::MalformedPacket), "{first:x}");
    }
    good.expect_nothing();
}

#[test]
fn subscribe_without_its_options_byte() {
    let bridge = Bridge::start();
    for body in [
        [vec![0, 1, 0], text("a")].concat(),
        [vec![0, 1, 0], text("a"), vec![0], text("b")].concat(),
        [vec![0, 1, 0], text("a"), vec![0], vec![0]].concat(),
    ] {
        let mut client = connect(&bridge, "a");
        client.send_bytes(&packet(0x82, &body));
        assert_eq!(client.end().reason, Some(ReasonCode::MalformedPacket));
    }
}

/// A length is a claim; what is taken for it is what has come.
#[test]
fn memory_grows_by_what_came_cve_2017_7651() {
    let bridge = Bridge::start();
    let mut good = connect(&bridge, "good");
    let mut held = Vec::new();
    let grown = growth(&bridge, || {
        for n in 0..300 {
            // A CONNECT of nearly a mebibyte, of which twenty bytes come.
            let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
            client.send_bytes(&[0x10, 0xf0, 0xff, 0x3f]);
            client.send_bytes(&hello("x")[2..]);
            held.push(client);
            if n % 50 == 0 {
                good.expect_nothing();
            }
        }
        good.expect_nothing();
    });
    assert!(grown < 8 << 10, "{grown} KiB for 300 claims of a mebibyte");
    // One over what is allowed is not waited for at all.
    let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    client.send_bytes(&[0x10, 0xff, 0xff, 0xff, 0x7f]);
    client.end();
}

#[test]
fn a_first_packet_that_is_no_connect_is_not_gathered_cve_2023_0809() {
    let bridge = Bridge::start();
    let grown = growth(&bridge, || {
        for _ in 0..50 {
            let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
            client.send_bytes(&[0x30, 0xf0, 0xff, 0x3f]);
            client.end();
        }
    });
    assert!(grown < 4 << 10, "{grown} KiB");
}

#[test]
fn qos_2_that_is_never_released_is_bounded_cve_2023_28366() {
    let bridge = Bridge::start();
    let publish = |client: &mut Client| {
        let id = client.new_id();
        Packet::Publish(Publish { delivery: delivery(Qos::ExactlyOnce, id), ..message("a", b"1") })
    };
    // 5.0 has a bound of its own.
    let mut five = connect(&bridge, "five");
    let all: Vec<_> = (0..257).map(|_| publish(&mut five)).collect();
    five.send_all(&all);
    for _ in 0..256 {
        assert_eq!(five.next().name(), "PUBREC");
    }
    assert_eq!(five.end().reason, Some(ReasonCode::ReceiveMaximumExceeded));
    // 3.1.1 has none, but its identifiers.
    let grown = growth(&bridge, || {
        let mut three = Client::new(Wire::tcp(bridge.tcp), Version::V3_1_1);
        three.connect(&Connect::new(Version::V3_1_1, "three"));
        for round in 0..20 {
            let all: Vec<_> = (0..1000).map(|_| publish(&mut three)).collect();
            three.send_all(&all);
            (0..1000).for_each(|n| assert_eq!(three.next().name(), "PUBREC", "{round} {n}"));
        }
        three.disconnect();
    });
    assert!(grown < 8 << 10, "{grown} KiB for 20 000 identifiers");
}

#[test]
fn refused_subscriptions_leave_nothing() {
    let bridge = Bridge::configured("[limits]\nmax_subscriptions = 0\n");
    let mut client = connect(&bridge, "a");
    let mut ask = |from: u32, to: u32| {
        for n in from..to {
            let filter = format!("site/{n}/dev/+/state/{n}");
            assert_eq!(client.subscribe(&filter, Qos::AtMostOnce), ReasonCode::QuotaExceeded);
        }
    };
    ask(0, 1000);
    let grown = growth(&bridge, || ask(1000, 11_000));
    assert!(grown < 4 << 10, "{grown} KiB for 10 000 refusals");
    assert_eq!(bridge.metric("subscriptions"), 0);
}

#[test]
fn bad_will_properties_leave_nothing_cve_2023_3592() {
    let bridge = Bridge::start();
    let attack = |times| {
        for _ in 0..times {
            // A will with a payload of 1 000 bytes, whose properties have the same one twice.
            let will =
                [vec![10, 1, 1, 1, 1, 3, 0, 3], b"a/b".to_vec(), vec![0, 0], text("w"), text([0; 1000])]
                    .concat();
            let body = [text("MQTT"), vec![5, 6, 0, 0, 0], text("x"), will].concat();
            let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
            client.send_bytes(&packet(0x10, &body));
            assert!(client.end().reason.is_some_and(ReasonCode::is_error));
        }
    };
    attack(200);
    let grown = growth(&bridge, || attack(2000));
    assert!(grown < 4 << 10, "{grown} KiB for 2 000 of them");
    assert_eq!(bridge.metric("sessions"), 0);
}

#[test]
fn slashes_without_end_cve_2019_11779() {
    let bridge = Bridge::start();
    let deep = vec![b'/'; 65_400];
    let grown = growth(&bridge, || {
        for (bytes, reason) in [
            (packet(0x30, &[text(&deep), vec![0]].concat()), ReasonCode::TopicNameInvalid),
            (packet(0x82, &[vec![0, 1, 0], text(&deep), vec![0]].concat()), ReasonCode::TopicFilterInvalid),
            (packet(0xa2, &[vec![0, 1, 0], text(&deep)].concat()), ReasonCode::TopicFilterInvalid),
        ] {
            let mut client = connect(&bridge, "a");
            client.send_bytes(&bytes);
            assert_eq!(client.end().reason, Some(reason));
        }
        let will = [vec![0], text(&deep), text("x")].concat();
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        client.send_bytes(&packet(0x10, &[text("MQTT"), vec![5, 6, 0, 0, 0], text("x"), will].concat()));
        assert_eq!(client.end().reason, Some(ReasonCode::TopicNameInvalid));
    });
    assert!(grown < 4 << 10, "{grown} KiB");
    assert_eq!(bridge.reached("max_topic_levels"), 4);
}

/// CVE-2021-33175, CVE-2021-33176, CVE-2021-22116: what is kept is in a bound proportion to what was sent.
#[test]
fn small_packets_take_little_memory_cve_2021_33175() {
    let bridge = Bridge::start();
    let mut client = connect(&bridge, "a");
    client.subscribe("warm/up", Qos::AtMostOnce);
    let mut sent = 0;
    let grown = growth(&bridge, || {
        for n in 0..500 {
            // As deep as is allowed, and no level like that of another.
            let levels = (0..100).map(|level| format!("{n:x}{level:x}")).collect::<Vec<_>>().join("/");
            sent += levels.len();
            assert_eq!(client.subscribe(&levels, Qos::AtMostOnce), ReasonCode::Success);
        }
        for n in 0..500 {
            let levels = (0..100).map(|level| format!("{n:x}r{level:x}")).collect::<Vec<_>>().join("/");
            sent += levels.len();
            client.retain(&levels, b"1", Qos::AtLeastOnce);
        }
    });
    let sent = sent as u64 >> 10;
    assert!(grown < 16 * sent, "{grown} KiB for {sent} KiB");
    // Properties are no way around it: 20 000 in a packet, none of which stays.
    let many: Vec<u8> = (0..20_000).flat_map(|_| [0x26, 0, 1, b'a', 0, 1, b'b']).collect();
    let grown = growth(&bridge, || {
        for _ in 0..20 {
            let mut length = Vec::new();
            let mut left = many.len();
            while left > 127 {
                length.push((left & 127) as u8 | 0x80);
                left >>= 7;
            }
            length.push(left as u8);
            client.send_bytes(&packet(0x30, &[text("nobody/reads"), length, many.clone()].concat()));
        }
        client.expect_nothing();
    });
    assert!(grown < 8 << 10, "{grown} KiB");
}
