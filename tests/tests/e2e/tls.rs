//! TLS with the built program: MQTT and browsers over it, what goes wrong, certificates that change, sessions that go on.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use mqtt::packet::{Connect, ConnectWill, PublishProperties};
use mqtt::{Qos, ReasonCode, TopicName, Version};
use rustls::HandshakeKind;
use tests::{
    Authority, Bridge, Client, Credentials, PATIENCE, Process, Request, TempFile, TlsStream, Wire, dial_tls,
    program, until,
};

const LISTEN: &str = "[listen]\ntls = [\"127.0.0.1:0\"]\nhttps = [\"127.0.0.1:0\"]\n";

fn configuration(files: &Credentials, more: &str) -> String {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    format!("{LISTEN}[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n{more}")
}

/// A program with a certificate of a CA.
fn secure(authority: &Authority, more: &str) -> Bridge {
    Bridge::configured(&configuration(&authority.server("server"), more))
}

fn wires(bridge: &Bridge, authority: &Authority) -> [Wire; 2] {
    [
        Wire::Tls(Box::new(authority.dial(bridge.listens("tls")))),
        Wire::secure_websocket(authority.dial(bridge.listens("https"))),
    ]
}

fn connect(wire: Wire, version: Version, id: &str) -> Client {
    let mut client = Client::new(wire, version);
    assert_eq!(client.connect(&Connect::new(version, id)).reason, ReasonCode::Success);
    client
}

/// Completes the handshake and reads on, so that the tickets are taken that come behind it.
fn shake_hands(stream: &mut TlsStream, end: &str) -> Option<HandshakeKind> {
    let answer = Request::get(end).exchange(stream, stream.sock.peer_addr().expect("connected"));
    assert_eq!(answer.status, 200);
    stream.conn.handshake_kind()
}

#[test]
fn messages_of_every_size_and_qos_pass_both_ways() {
    let authority = Authority::new();
    let bridge = secure(&authority, "");
    for version in [Version::V3_1_1, Version::V5] {
        for wire in wires(&bridge, &authority) {
            let mut client = connect(wire, version, "alice");
            for (qos, size) in [
                (Qos::AtMostOnce, 1),
                (Qos::AtLeastOnce, 16_300),
                (Qos::ExactlyOnce, 16_400),
                (Qos::AtLeastOnce, 900_000),
            ] {
                let payload: Vec<u8> = (0..size).map(|n: u32| (n % 251) as u8).collect();
                assert!(!client.subscribe("a", qos).is_error());
                client.publish("a", &payload, qos);
                assert!(client.receive_payload() == payload, "{size} bytes");
            }
            client.disconnect();
        }
    }
    let mut plain = connect(Wire::tcp(bridge.tcp), Version::V5, "plain");
    plain.subscribe("b", Qos::AtLeastOnce);
    for wire in wires(&bridge, &authority) {
        connect(wire, Version::V5, "bob").publish("b", b"from TLS", Qos::AtLeastOnce);
        assert_eq!(plain.receive_payload(), b"from TLS");
    }
}

#[test]
fn mosquitto_and_curl_trust_the_ca_alone() {
    let authority = Authority::new();
    let bridge = secure(&authority, "");
    let (port, ca) = (bridge.listens("tls").port().to_string(), authority.certificate.to_string_lossy());
    let run = |program: &str, arguments: &[&str]| Process::start(Path::new(program), arguments);
    let to = ["-h", "localhost", "-p", &port];
    let sub = run("mosquitto_sub", &[&to[..], &["--cafile", &ca, "-t", "a", "-v", "-q", "1"]].concat());
    bridge.process.stderr.expect(&["connected"]);
    for version in ["mqttv31", "mqttv311", "mqttv5"] {
        for tls in ["tlsv1.2", "tlsv1.3"] {
            let message = format!("{version} by {tls}");
            let how = ["--cafile", &ca, "-V", version, "--tls-version", tls];
            let mut publish = run(
                "mosquitto_pub",
                &[&to[..], &how, &["-t", "a", "-m", &message, "-q", "1", "-r"]].concat(),
            );
            assert!(publish.wait(PATIENCE).success(), "{:?}", publish.stderr.all());
            sub.stdout.expect(&[&format!("a {message}")]);
        }
    }
    let stranger = Authority::new();
    let other = stranger.certificate.to_string_lossy();
    let mut publish =
        run("mosquitto_pub", &[&to[..], &["--cafile", &other, "-t", "a", "-m", "x", "-q", "1"]].concat());
    assert!(!publish.wait(PATIENCE).success());
    bridge.process.stderr.expect(&["the client does not trust our certificate"]);

    let url = format!("https://localhost:{}/health", bridge.listens("https").port());
    let mut curl = run("curl", &["--silent", "--show-error", "--include", "--cacert", &ca, &url]);
    assert!(curl.wait(PATIENCE).success(), "{:?}", curl.stderr.all());
    curl.stdout.expect(&["\"status\":\"ok\""]);
    curl.stdout.expect(&["strict-transport-security: max-age=31536000"]);
    let plain = Request::get("/health").send(bridge.http);
    assert_eq!(plain.header("strict-transport-security"), None, "without TLS it says nothing");
}

#[test]
fn who_speaks_the_wrong_one_of_the_two_is_named_in_the_log() {
    let authority = Authority::new();
    let bridge = secure(&authority, "");
    let log = |bridge: &Bridge, who: &str, words: &str| {
        until("a line of the log", PATIENCE, || {
            bridge.log_of(who).iter().any(|line| line.contains(words)).then_some(())
        });
    };
    let mut plain = Wire::tcp(bridge.listens("tls"));
    assert!(plain.send(b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04beta"));
    log(&bridge, &plain.local().to_string(), "speaks MQTT without TLS");
    let (answer, stream) = Request::get("/").connect(bridge.listens("https"));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{answer:?}");
    log(&bridge, &stream.local_addr().expect("connected").to_string(), "speaks HTTP without TLS");
    let mut lost = authority.dial(bridge.tcp);
    assert!(lost.write_all(b"x").is_err());
    log(&bridge, &lost.sock.local_addr().expect("connected").to_string(), "it speaks TLS");
    let mut lost = authority.dial(bridge.http);
    assert!(lost.write_all(b"x").is_err());
    log(&bridge, &lost.sock.local_addr().expect("connected").to_string(), "it speaks TLS");
    assert_eq!(bridge.metric("tls_failures_total"), 2);
}

#[test]
fn a_handshake_has_as_long_as_connect_and_may_come_in_pieces() {
    let authority = Authority::new();
    let bridge = secure(&authority, "[limits]\nconnect_timeout_s = 2\n");
    for place in ["tls", "https"] {
        let mut silent = TcpStream::connect(bridge.listens(place)).expect("it listens");
        silent.write_all(&[0x16, 3, 1]).expect("it reads");
        silent.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        let mut rest = Vec::new();
        let end = silent.read_to_end(&mut rest);
        assert!(end.is_ok() || end.is_err_and(|e| e.kind() == ErrorKind::ConnectionReset), "{place}");
    }
    bridge.process.stderr.expect(&["no CONNECT in time"]);
    bridge.process.stderr.expect(&["the TLS handshake was not complete in time"]);
    let mut slow = authority.dial(bridge.listens("tls"));
    let mut hello = Vec::new();
    slow.conn.write_tls(&mut hello).expect("memory takes it");
    for byte in &hello {
        slow.sock.write_all(&[*byte]).expect("it reads");
    }
    connect(Wire::Tls(Box::new(slow)), Version::V5, "slow").disconnect();
}

#[test]
fn a_session_goes_on_where_another_ended() {
    let authority = Authority::new();
    let bridge = secure(&authority, "");
    for tls in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = Arc::new(authority.client_config_of(&[tls], None));
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut stream = dial_tls(&config, bridge.listens("https"));
            kinds.push(shake_hands(&mut stream, "/health"));
        }
        assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)], "{tls:?}");
    }
    assert_eq!(bridge.metric("tls_handshakes_total"), 4);
    assert_eq!(bridge.metric("tls_resumptions_total"), 2);
    // A ticket of a browser's listener is as good at the other one.
    let config = Arc::new(authority.client_config(None));
    shake_hands(&mut dial_tls(&config, bridge.listens("https")), "/health");
    let stream = dial_tls(&config, bridge.listens("tls"));
    let mut client = connect(Wire::Tls(Box::new(stream)), Version::V5, "again");
    client.sync();
    let Wire::Tls(stream) = client.wire() else { unreachable!("it was made so") };
    assert_eq!(stream.conn.handshake_kind(), Some(HandshakeKind::Resumed));
}

#[test]
fn a_new_certificate_counts_for_new_connections_and_a_bad_one_does_not() {
    let authority = Authority::new();
    let files = authority.server("server");
    let bridge = Bridge::configured(&configuration(&files, ""));
    let certificate = || {
        let mut stream = authority.dial(bridge.listens("tls"));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).expect("a handshake");
        }
        stream.conn.peer_certificates().expect("the server has one")[0].to_vec()
    };
    let first = certificate();
    let mut old: Vec<_> =
        wires(&bridge, &authority).map(|wire| connect(wire, Version::V5, "")).into_iter().collect();

    let _the_same_files = authority.server("server"); // with another key, under the same names
    bridge.process.stderr.expect(&["the TLS certificate was read anew"]);
    let second = until("another certificate", PATIENCE, || Some(certificate()).filter(|it| *it != first));

    std::fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\nno base64!\n")
        .expect("it can be written");
    bridge.process.stderr.expect(&["stays as it was", "server.crt line 2: is not base64"]);
    assert!(certificate() == second);
    for client in &mut old {
        client.sync();
    }
}

/// The end of a connection whose bytes are no TLS any more is the end of its Client.
#[test]
fn bytes_that_were_changed_on_their_way_end_the_connection_and_the_will_is_sent() {
    let authority = Authority::new();
    let bridge = secure(&authority, "");
    let mut watcher = connect(Wire::tcp(bridge.tcp), Version::V5, "watcher");
    watcher.subscribe("will", Qos::AtMostOnce);
    for wire in wires(&bridge, &authority) {
        let mut client = Client::new(wire, Version::V5);
        let will = ConnectWill {
            topic: TopicName::new("will").expect("a topic"),
            payload: b"gone",
            qos: Qos::AtMostOnce,
            retain: false,
            delay_s: 0,
            properties: PublishProperties::default(),
        };
        client.connect(&Connect { will: Some(will), ..Connect::new(Version::V5, "victim") });
        let record = [&[0x17, 3, 3, 0, 32][..], &[7; 32]].concat();
        assert!(client.wire().send_raw(&record));
        assert_eq!(watcher.receive_payload(), b"gone");
        bridge.process.stderr.expect(&["what came over TLS is not what was sent", "victim"]);
    }
}

#[test]
fn a_bad_certificate_is_refused_before_anything_listens() {
    let authority = Authority::new();
    let (good, other) = (authority.server("good"), authority.server("other"));
    let empty = TempFile::new("empty.crt", "nothing\n");
    let broken = TempFile::new("broken.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let of =
        |certificate: &Path, key: &Path| Credentials { certificate: certificate.into(), key: key.into() };
    for (files, more, words) in [
        (of(&good.certificate, &other.key), "", "the key is not the certificate's"),
        (of(&empty.0, &good.key), "", "has no certificate"),
        (of(&good.certificate, &empty.0), "", "has no private key"),
        (of(&broken.0, &good.key), "", "line 1: the section that begins here has no end"),
        (of(Path::new("/nowhere.crt"), &good.key), "", "cannot read /nowhere.crt"),
        (good.clone(), "min_version = \"1.1\"", "use \"1.2\" or \"1.3\""),
        (good.clone(), "client_certificates = \"required\"", "client_ca"),
        (good.clone(), "client_ca = \"/nowhere.crt\"", "cannot read /nowhere.crt"),
        (good.clone(), "certifikate = \"x\"", "did you mean `certificate`?"),
    ] {
        let file = TempFile::new("switchboard.toml", &configuration(&files, more));
        let path = file.0.to_string_lossy();
        for arguments in [vec!["check", "--config", &path], vec!["--config", &path, "--data", ":memory:"]] {
            let mut process = Process::start(&program(), &arguments);
            assert_eq!(process.wait(PATIENCE).code(), Some(2), "{arguments:?}");
            process.stderr.expect(&[words]);
            assert!(process.stdout.all().is_empty(), "nothing listens");
        }
    }
    let file = TempFile::new("switchboard.toml", &configuration(&good, ""));
    let mut process = Process::start(&program(), &["check", "--config", &file.0.to_string_lossy()]);
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
}
