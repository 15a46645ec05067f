//! Lines 5, 7 and 8: takeovers and churn, sessions of others, fields that are absent and packets of the other side.

use std::thread;

use mqtt::packet::{Ack, Connect, Disconnect, Publish};
use mqtt::{Packet, Qos, ReasonCode, SessionExpiry, Version};
use tests::{Bridge, Client, PATIENCE, Rng, Wire, delivery, message, until};

use super::{connect, packet, text};

const ALICE: &str = "[[auth.user]]\nname = \"alice\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jeHutNAspXQ+Qpnj83+s4w\"\n";

fn durable(version: Version, id: &str) -> Connect<'_> {
    let mut connect = Connect { clean_start: false, ..Connect::new(version, id) };
    connect.properties.session_expiry = SessionExpiry::from_secs(600);
    connect
}

/// Six threads take four client ids from each other, over both transports, and subscribe and leave as they like.
#[test]
fn takeovers_and_subscriptions_in_a_hurry_cve_2026_22040_cve_2025_59946() {
    let bridge = Bridge::start();
    let mut reader = connect(&bridge, "reader");
    reader.subscribe("good", Qos::ExactlyOnce);
    let (tcp, http) = (bridge.tcp, bridge.http);
    let storm: Vec<_> = (0..6_u64)
        .map(|seed| {
            thread::spawn(move || {
                let mut rng = Rng::new(seed);
                for _ in 0..100 {
                    let wire = if rng.below(2) == 0 { Wire::tcp(tcp) } else { Wire::websocket(http) };
                    let id = format!("shared-{}", rng.below(4));
                    let mut client = Client::new(wire, Version::V5);
                    let mut bytes = client.encode(&[Packet::Connect(Box::new(durable(Version::V5, &id)))]);
                    for n in 1..=rng.below(6) as u8 {
                        let filter = text(["#", "a/+", "$share/g/a/#", "good", "a/b"][rng.below(5)]);
                        bytes.extend(match rng.below(3) {
                            0 => packet(0xa2, &[vec![0, n, 0], filter].concat()),
                            _ => packet(0x82, &[vec![0, n, 0], filter, vec![2]].concat()),
                        });
                        bytes.extend(client.encode(&[Packet::Publish(message("a/b", b"storm"))]));
                    }
                    client.wire().send(&bytes); // which another may cut short
                    if rng.below(3) > 0 {
                        client.next_until(tests::Deadline::after(std::time::Duration::from_millis(20)));
                    }
                    client.cut();
                }
            })
        })
        .collect();
    let mut publisher = connect(&bridge, "publisher");
    for n in 0..60_u8 {
        publisher.publish("good", &[n], Qos::ExactlyOnce);
        assert_eq!(reader.receive_payload(), [n], "once, and in its order");
    }
    for thread in storm {
        thread.join().expect("a client of the storm does not fail");
    }
    reader.expect_nothing();
    until("four sessions are left", PATIENCE, || (bridge.metric("sessions") == 6).then_some(()));
    for n in 0..4 {
        let id = format!("shared-{n}");
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        let clean = Connect { clean_start: true, ..Connect::new(Version::V5, &id) };
        assert_eq!(client.connect(&clean).reason, ReasonCode::Success);
        client.disconnect();
    }
    until("nothing of them is left", PATIENCE, || {
        let left = (
            bridge.metric("sessions"),
            bridge.metric("subscriptions"),
            bridge.metric("shared_subscriptions"),
        );
        (left == (2, 1, 0)).then_some(())
    });
}

#[test]
fn a_takeover_within_a_qos_2_handshake_delivers_once_cve_2026_8741() {
    let bridge = Bridge::keeping("");
    let open = || Client::new(Wire::tcp(bridge.tcp), Version::V5);
    let mut reader = open();
    reader.connect(&durable(Version::V5, "reader"));
    reader.subscribe("a", Qos::ExactlyOnce);
    let mut one = open();
    one.connect(&durable(Version::V5, "writer"));
    let id = one.new_id();
    let publish = Publish { delivery: delivery(Qos::ExactlyOnce, id), ..message("a", b"once") };
    one.send(&Packet::Publish(publish.clone()));
    one.ack("PUBREC", id);
    // Another connection of the same session repeats it, at every step.
    let mut two = open();
    assert!(two.connect(&durable(Version::V5, "writer")).session_present);
    assert_eq!(one.end().reason, Some(ReasonCode::SessionTakenOver));
    for _ in 0..3 {
        two.send(&Packet::Publish(publish.clone()));
        two.ack("PUBREC", id);
    }
    let first = reader.receive_only();
    assert_eq!(first.payload, b"once");
    let mut again = open();
    assert!(again.connect(&durable(Version::V5, "reader")).session_present);
    let repeated = again.receive_only();
    assert_eq!(
        (repeated.payload, repeated.delivery.packet_id()),
        (first.payload, first.delivery.packet_id())
    );
    again.acknowledge(&repeated);
    let mut three = open();
    assert!(three.connect(&durable(Version::V5, "writer")).session_present);
    for _ in 0..2 {
        three.send(&Packet::Pubrel(Ack::new(id, ReasonCode::Success)));
        three.ack("PUBCOMP", id);
    }
    again.expect_nothing();
    three.publish("a", b"next", Qos::ExactlyOnce);
    assert_eq!(again.receive_payload(), b"next");
}

/// Also while its Client is away, and whatever another asks for.
#[test]
fn a_session_that_waits_is_its_users_alone_cve_2026_6564() {
    let bridge = Bridge::configured(&format!("[auth]\nanonymous = true\n{ALICE}"));
    let log_in = |clean_start| Connect {
        user_name: Some("alice"),
        password: Some(b"pencil"),
        clean_start,
        ..durable(Version::V5, "phone")
    };
    let open = || Client::new(Wire::tcp(bridge.tcp), Version::V5);
    let mut alice = open();
    assert_eq!(alice.connect(&log_in(true)).reason, ReasonCode::Success);
    alice.subscribe("a", Qos::AtLeastOnce);
    alice.disconnect_with(&Disconnect::new(ReasonCode::Success));
    connect(&bridge, "writer").publish("a", b"for alice", Qos::AtLeastOnce);
    for clean_start in [false, true] {
        let hijack = Connect { clean_start, ..durable(Version::V5, "phone") };
        assert_eq!(
            open().connect(&hijack).reason,
            ReasonCode::ClientIdentifierNotValid,
            "clean: {clean_start}"
        );
    }
    let mut alice = open();
    assert!(alice.connect(&log_in(false)).session_present);
    assert_eq!(alice.receive_payload(), b"for alice");
}

#[test]
fn absent_fields_are_absent_cve_2026_32696() {
    let bridge = Bridge::configured(ALICE);
    let mut good = connect(&bridge, "good");
    let hello = |flags: u8, rest: &[u8]| {
        packet(0x10, &[text("MQTT"), vec![5, flags, 0, 0, 0], rest.to_vec()].concat())
    };
    for (what, bytes) in [
        ("a user name that is announced and absent", hello(0x82, &text("x"))),
        ("a password that is announced and absent", hello(0x42, &text("x"))),
        ("both", hello(0xc2, &text("x"))),
        ("a user name without a password", hello(0x82, &[text("x"), text("alice")].concat())),
        ("a password without a user name", hello(0x42, &[text("x"), text("pencil")].concat())),
        ("an empty user name", hello(0xc2, &[text("x"), text(""), text("")].concat())),
        ("no payload at all", hello(0x02, &[])),
        (
            "a method without data",
            packet(
                0x10,
                &[text("MQTT"), vec![5, 2, 0, 0, 16, 0x15], text("SCRAM-SHA-256"), text("x")].concat(),
            ),
        ),
    ] {
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        client.send_bytes(&bytes);
        // Whatever is made of it, nobody is let in by it who has to say who it is, and the others go on.
        match client.next_until(tests::Deadline::after(PATIENCE)) {
            Some(Packet::Connack(connack)) if what.starts_with("a password without") => drop(connack),
            Some(Packet::Connack(connack)) => assert!(connack.reason.is_error(), "{what}: {connack:?}"),
            Some(Packet::Auth(_)) | None => {}
            other => panic!("{what}: {other:?}"),
        }
        client.cut();
        good.expect_nothing();
    }
    // What may be left out in 5.0, and with no identifier where one is needed.
    for bytes in [
        vec![0x40, 2, 0, 1],
        vec![0x40, 3, 0, 1, 0],
        vec![0x62, 2, 0, 9],
        vec![0xe0, 0],
        vec![0xe0, 1, 0],
        vec![0x40, 0],
        vec![0x82, 0],
        vec![0xf0, 0],
    ] {
        let mut client = connect(&bridge, "x");
        client.send_bytes(&bytes);
        client.next_until(tests::Deadline::after(std::time::Duration::from_millis(20)));
        client.cut();
        good.expect_nothing();
    }
}

#[test]
fn packets_that_only_servers_send_cve_2021_28166() {
    let bridge = Bridge::start();
    let mut good = connect(&bridge, "good");
    let packets =
        [vec![0x20, 3, 0, 0, 0], vec![0x90, 4, 0, 1, 0, 0], vec![0xb0, 4, 0, 1, 0, 0], vec![0xd0, 0]];
    for bytes in &packets {
        let mut before = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        before.send_bytes(bytes);
        before.end();
        let mut after = connect(&bridge, "bad");
        after.send_bytes(bytes);
        assert_eq!(after.end().reason, Some(ReasonCode::ProtocolError), "{bytes:x?}");
        good.expect_nothing();
    }
}
