//! paho-mqtt (Python) and MQTT.js (Node): over TCP and WebSocket, without TLS and with it, in 3.1.1 and 5.0, at each QoS. The peer is a small script that
//! sends back what it gets, at the QoS at which it came.

use std::path::{Path, PathBuf};

use mqtt::Qos;
use mqtt::packet::Connect;
use tests::{Authority, Bridge, Client, PATIENCE, Process, Wire, message, qos, tool, workspace};

const TRANSPORTS: [&str; 4] = ["tcp", "ws", "tls", "wss"];

/// [MQTT3-7.0.0-2]
#[test]
fn paho_mqtt_talks_through_us() {
    converse(|arguments| {
        let script = script("echo_paho.py");
        let all: Vec<_> = std::iter::once(&*script).chain(arguments.iter().copied()).collect();
        Process::start(&tool("venv/bin/python"), &all)
    });
}

/// [MQTT3-7.0.0-2]
#[test]
fn mqtt_js_talks_through_us() {
    let modules: PathBuf = tool("npm/node_modules");
    converse(|arguments| {
        let script = script("echo_mqtt_js.cjs");
        let all: Vec<_> = std::iter::once(&*script).chain(arguments.iter().copied()).collect();
        Process::start_with(Path::new("node"), &all, &[("NODE_PATH", &modules)])
    });
}

fn script(name: &str) -> String {
    workspace().join("tests/tests/interop").join(name).to_string_lossy().into_owned()
}

/// Starts the peer for each kind, and speaks with it: live messages of each QoS, a retained one, and its will.
fn converse(start: impl Fn(&[&str]) -> Process) {
    let authority = Authority::new();
    let files = authority.server("server");
    let bridge = Bridge::configured(&format!(
        "[listen]\ntls = [\"127.0.0.1:0\"]\nhttps = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        files.certificate.display(),
        files.key.display()
    ));
    let ca = authority.certificate.to_string_lossy();
    let mut client = Client::new(Wire::tcp(bridge.tcp), mqtt::Version::V5);
    client.connect(&Connect::new(mqtt::Version::V5, "harness"));
    client.subscribe("from/#", Qos::ExactlyOnce);
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for (name, version) in TRANSPORTS.into_iter().flat_map(|name| [(name, "4"), (name, "5")]) {
        let address = match name {
            "tcp" => bridge.tcp,
            "ws" => bridge.http,
            "wss" => bridge.listens("https"),
            other => bridge.listens(other),
        };
        client.retain("to/greeting", format!("hello {name} {version}").as_bytes(), Qos::AtLeastOnce);
        let mut peer = start(&[name, &address.port().to_string(), version, &ca]);
        peer.stdout.expect(&["greeted: hello", name, version, "retained"]);
        for level in 0..3 {
            for payload in [b"".as_slice(), b"short", &binary] {
                let topic = format!("to/{level}");
                let mut publish = message(&topic, payload);
                publish.properties.user_properties = vec![("round", name)];
                client.publish_with(&publish, qos(level));
                let got = client.receive();
                assert_eq!(
                    got.topic.map(|t| t.text().to_owned()),
                    Some(format!("from/{level}")),
                    "{name} {version}"
                );
                assert!(got.payload == payload, "{name} {version}, QoS {level}, {} bytes", payload.len());
                assert_eq!(got.delivery.qos().level(), level, "{name} {version}");
                let expected: &[_] = if version == "5" { &[("round", name)] } else { &[] };
                assert_eq!(got.properties.user_properties, expected, "{name} {version}");
            }
        }
        // A goodbye without a will; then, at the second meeting, the will of one that is killed.
        client.publish("to/end", b"", Qos::AtLeastOnce);
        assert!(peer.wait(PATIENCE).success(), "{name} {version} says goodbye");
        client.expect_nothing();
        let mut peer = start(&[name, &address.port().to_string(), version, &ca]);
        peer.stdout.expect(&["greeted: hello"]);
        peer.kill();
        let will = client.receive();
        assert_eq!(
            (will.topic.map(|t| t.text()), will.payload),
            (Some("from/will"), b"gone".as_slice()),
            "{name} {version}"
        );
    }
}
