//! Mutual TLS: a client is whom its certificate names, without a password, and rules hold for that user.

use std::path::Path;
use std::sync::Arc;

use mqtt::packet::Connect;
use mqtt::{Qos, ReasonCode, Version};
use rustls::HandshakeKind;
use tests::{Authority, Bridge, Client, Credentials, PATIENCE, Process, TempFile, Wire, dial_tls, program};

const RULES: &str = "
[[auth.rule]]
allow = \"publish\"
user = \"sensor\"
topics = [\"own/%u/#\"]

[[auth.rule]]
allow = \"subscribe\"
topics = [\"#\"]
";

struct House {
    authority: Authority,
    clients: Authority,
    bridge: Bridge,
}

fn configuration(authority: &Authority, clients: &Authority, more: &str) -> String {
    let files = authority.server("server");
    format!(
        "[listen]\ntls = [\"127.0.0.1:0\"]\nhttps = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n\
         client_ca = \"{}\"\n{more}",
        files.certificate.display(),
        files.key.display(),
        clients.certificate.display(),
    )
}

impl House {
    fn new(more: &str) -> Self {
        let (authority, clients) = (Authority::new(), Authority::new());
        let bridge = Bridge::configured(&configuration(&authority, &clients, more));
        Self { authority, clients, bridge }
    }

    fn wires(&self, credentials: Option<&Credentials>) -> [Wire; 2] {
        let config = Arc::new(self.authority.client_config(credentials));
        let dial = |kind: &str| dial_tls(&config, self.bridge.listens(kind));
        [Wire::Tls(Box::new(dial("tls"))), Wire::secure_websocket(dial("https"))]
    }
}

fn connect(wire: Wire, connect: &Connect<'_>) -> (Client, ReasonCode) {
    let mut client = Client::new(wire, connect.version);
    let reason = client.connect(connect).reason;
    (client, reason)
}

#[test]
fn the_name_in_a_certificate_is_the_user_and_rules_hold_for_it() {
    let house = House::new(RULES);
    let sensor = house.clients.client("sensor");
    for version in [Version::V3_1_1, Version::V5] {
        for (n, wire) in house.wires(Some(&sensor)).into_iter().enumerate() {
            let id = format!("c{n}-{version:?}");
            let (mut client, reason) = connect(wire, &Connect::new(version, &id));
            assert_eq!(reason, ReasonCode::Success);
            house.bridge.process.stderr.expect(&["connected", &id, "user=\"sensor\""]);
            client.subscribe("own/#", Qos::AtMostOnce);
            client.publish("own/sensor/temp", b"21", Qos::AtLeastOnce);
            assert_eq!(client.receive_payload(), b"21");
            let refused = client.publish("own/other/temp", b"1", Qos::AtLeastOnce);
            assert_eq!(refused.is_error(), version == Version::V5, "{refused:?}");
            client.disconnect();
        }
    }
    house.bridge.process.stderr.expect(&["refused", "own/other/temp"]);
}

#[test]
fn who_shows_no_certificate_or_a_strangers_is_refused() {
    let house = House::new("");
    let strangers = Authority::new();
    let stranger = strangers.client("sensor");
    let config = Arc::new(house.authority.client_config(Some(&stranger)));
    let nobody = Arc::new(house.authority.client_config(None));
    for (config, words) in [(&nobody, "the client has no certificate"), (&config, "is not from the CA")] {
        for kind in ["tls", "https"] {
            let stream = dial_tls(config, house.bridge.listens(kind));
            let mut client = Client::new(Wire::Tls(Box::new(stream)), Version::V5);
            let connect = client.encode(&[mqtt::Packet::Connect(Box::new(Connect::new(Version::V5, "x")))]);
            client.wire().send(&connect); // with TLS 1.3 it learns of it only afterwards
            assert!(client.next_until(tests::Deadline::after(PATIENCE)).is_none());
            house.bridge.process.stderr.expect(&[words]);
        }
    }
    assert_eq!(house.bridge.metric("tls_failures_total"), 4);
    assert_eq!(house.bridge.metric("clients_connected_total"), 0);
}

#[test]
fn a_certificate_may_be_left_out_where_it_is_optional() {
    let house = House::new("client_certificates = \"optional\"\nclient_user = \"alternative_name\"\n");
    for (n, wire) in house.wires(None).into_iter().enumerate() {
        let id = format!("nobody{n}");
        assert_eq!(connect(wire, &Connect::new(Version::V5, &id)).1, ReasonCode::Success);
        let line = house.bridge.process.stderr.expect(&["connected", &id]);
        assert!(!line.contains("user="), "{line}");
    }
    for (n, wire) in house.wires(Some(&house.clients.client("lamp"))).into_iter().enumerate() {
        let id = format!("lamp{n}");
        assert_eq!(connect(wire, &Connect::new(Version::V5, &id)).1, ReasonCode::Success);
        house.bridge.process.stderr.expect(&["connected", &id, "user=\"lamp.devices.test\""]);
    }
    let house = House::new("client_user = \"none\"\n");
    for wire in house.wires(Some(&house.clients.client("lamp"))) {
        assert_eq!(connect(wire, &Connect::new(Version::V5, "lamp")).1, ReasonCode::Success);
        let line = house.bridge.process.stderr.expect(&["connected"]);
        assert!(!line.contains("user="), "it only lets in: {line}");
    }
}

/// A session is its user's alone, also one whom only a certificate knows.
#[test]
fn a_session_is_for_the_certificate_that_made_it() {
    let house = House::new("client_certificates = \"optional\"\n");
    let (sensor, lamp) = (house.clients.client("sensor"), house.clients.client("lamp"));
    let keeping = Connect {
        properties: mqtt::packet::ConnectProperties {
            session_expiry: mqtt::SessionExpiry::After(600),
            ..Default::default()
        },
        ..Connect::new(Version::V5, "shared")
    };
    for (first, second) in house.wires(Some(&sensor)).into_iter().zip(house.wires(Some(&lamp))) {
        let (client, reason) = connect(first, &keeping);
        assert_eq!(reason, ReasonCode::Success);
        assert_eq!(connect(second, &keeping).1, ReasonCode::ClientIdentifierNotValid);
        client.disconnect();
    }
    assert_eq!(connect(Wire::tcp(house.bridge.tcp), &keeping).1, ReasonCode::ClientIdentifierNotValid);
}

#[test]
fn a_session_that_goes_on_brings_its_user_along() {
    let house = House::new("");
    let config = Arc::new(house.authority.client_config(Some(&house.clients.client("sensor"))));
    for (n, kind) in [HandshakeKind::Full, HandshakeKind::Resumed].into_iter().enumerate() {
        let stream = dial_tls(&config, house.bridge.listens("tls"));
        let id = format!("r{n}");
        let (mut client, reason) = connect(Wire::Tls(Box::new(stream)), &Connect::new(Version::V5, &id));
        assert_eq!(reason, ReasonCode::Success);
        client.sync();
        let Wire::Tls(stream) = client.wire() else { unreachable!("it was made so") };
        assert_eq!(stream.conn.handshake_kind(), Some(kind));
        house.bridge.process.stderr.expect(&["connected", &id, "user=\"sensor\""]);
    }
}

#[test]
fn other_programs_come_by_their_certificate_and_go_when_it_counts_no_more() {
    let house = House::new(RULES);
    let sensor = house.clients.client("sensor");
    let (ca, port) =
        (house.authority.certificate.to_string_lossy(), house.bridge.listens("tls").port().to_string());
    let (cert, key) = (sensor.certificate.to_string_lossy(), sensor.key.to_string_lossy());
    let how = ["-h", "localhost", "-p", &port, "--cafile", &ca, "--cert", &cert, "--key", &key];
    let what = ["-t", "own/sensor/temp", "-m", "21", "-q", "1", "-V", "5"];
    let sub = Process::start(&program(), &[&["sub"], &how[..], &["-t", "own/#", "-v"]].concat());
    house.bridge.process.stderr.expect(&["connected", "user=\"sensor\""]);
    let mut ours = Process::start(&program(), &[&["pub"], &how[..], &what].concat());
    assert_eq!(ours.wait(PATIENCE).code(), Some(0), "{:?}", ours.stderr.all());
    sub.stdout.expect(&["own/sensor/temp 21"]);
    let what = ["-t", "own/sensor/temp", "-m", "22", "-q", "1", "-u", "sensor"];
    let mut mosquitto = Process::start(Path::new("mosquitto_pub"), &[&how[..], &what].concat());
    assert!(mosquitto.wait(PATIENCE).success(), "{:?}", mosquitto.stderr.all());
    sub.stdout.expect(&["own/sensor/temp 22"]);

    let text = configuration(&house.authority, &house.clients, RULES);
    house.bridge.configure(&text.replace("[tls]\n", "[tls]\nclient_user = \"none\"\n"));
    house.bridge.process.stderr.expect(&["its user is gone"]);
}

#[test]
fn why_knows_users_whom_only_certificates_name() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let file = TempFile::new("switchboard.toml", &configuration(&authority, &clients, RULES));
    let config = file.0.to_string_lossy();
    for (user, topic, words) in [
        ("sensor", "own/sensor/x", "may publish"),
        ("sensor", "own/b/x", "may not"),
        ("lamp", "own/lamp/x", "may not"),
    ] {
        let arguments = ["why", user, "publish", topic, "--config", &config, "--data", ":memory:"];
        let mut why = Process::start(&program(), &arguments);
        assert_eq!(why.wait(PATIENCE).code(), Some(0), "{:?}", why.stderr.all());
        why.stdout.expect(&[user, words]);
    }
}
