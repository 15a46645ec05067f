//! What 5.0 adds, used by other clients: each feature is a small program of paho-mqtt or MQTT.js that fails when our broker does
//! not do its part. And members of all of them in one group, and Mosquitto's own clients.

use std::path::Path;

use mqtt::packet::{Connect, SubscriptionOptions};
use mqtt::{Qos, ReasonCode, Version};
use tests::{Bridge, Client, PATIENCE, Process, Wire, message, tool, workspace};

#[test]
fn paho_mqtt_has_all_of_5_0_through_us() {
    play(12, |transport, port| {
        Process::start(&tool("venv/bin/python"), &[&script("features_paho.py"), transport, port])
    });
}

#[test]
fn mqtt_js_has_all_of_5_0_through_us() {
    let modules = tool("npm/node_modules");
    play(11, |transport, port| {
        let arguments = [&*script("features_mqtt_js.cjs"), transport, port];
        Process::start_with(Path::new("node"), &arguments, &[("NODE_PATH", &modules)])
    });
}

/// Plays all features over both transports, each time with a broker of its own.
fn play(features: usize, start: impl Fn(&str, &str) -> Process) {
    for transport in ["tcp", "ws"] {
        let bridge = Bridge::start();
        let address = if transport == "tcp" { bridge.tcp } else { bridge.http };
        let mut process = start(transport, &address.port().to_string());
        let status = process.wait(4 * PATIENCE);
        let (played, words) = (process.stdout.all(), process.stderr.all());
        assert!(status.success(), "over {transport}, after {played:#?}: {words:#?}");
        assert_eq!(played.len(), features, "over {transport}: {played:#?}");
    }
}

fn script(name: &str) -> String {
    workspace().join("tests/tests/interop").join(name).to_string_lossy().into_owned()
}

fn mosquitto(bridge: &Bridge, program: &str, arguments: &[&str]) -> Process {
    let port = bridge.tcp.port().to_string();
    let mut all = vec!["-h", "127.0.0.1", "-p", &port, "-V", "mqttv5"];
    all.extend(arguments);
    Process::start(Path::new(program), &all)
}

fn client(bridge: &Bridge, name: &str) -> Client {
    let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    assert_eq!(client.connect(&Connect::new(Version::V5, name)).reason, ReasonCode::Success);
    client
}

/// Subscribes at once to what the group and to what everybody gets, so that a line about the first means both.
fn member(bridge: &Bridge, name: &str) -> Process {
    let member = mosquitto(
        bridge,
        "mosquitto_sub",
        &["-i", name, "-q", "1", "-t", "$share/group/work", "-t", "ready", "-F", "%t %p"],
    );
    member.stdout.expect(&["ready"]);
    member
}

#[test]
fn members_of_different_makes_share_the_work() {
    let bridge = Bridge::start();
    let mut publisher = client(&bridge, "publisher");
    publisher.retain("ready", b"yes", Qos::AtLeastOnce);
    let mut ours = client(&bridge, "ours");
    ours.subscribe("$share/group/work", Qos::AtLeastOnce);
    let theirs = [member(&bridge, "first"), member(&bridge, "second")];
    for n in 0..30 {
        assert_eq!(
            publisher.publish("work", n.to_string().as_bytes(), Qos::AtLeastOnce),
            ReasonCode::Success
        );
    }
    publisher.publish("ready", b"done", Qos::AtLeastOnce);
    let mut done: Vec<u32> = Vec::new();
    for member in &theirs {
        member.stdout.expect(&["ready done"]);
        let lines = member.stdout.all();
        let shares = lines.iter().filter_map(|line| line.strip_prefix("work ")?.trim().parse::<u32>().ok());
        let before = done.len();
        done.extend(shares);
        assert!(done.len() > before, "each member has some");
    }
    while done.len() < 30 {
        let payload = ours.receive_payload();
        done.push(String::from_utf8_lossy(payload).parse().expect("a number"));
    }
    ours.expect_nothing();
    done.sort_unstable();
    assert_eq!(done, (0..30).collect::<Vec<_>>(), "each message went to one member");
}

#[test]
fn mosquitto_rr_is_answered() {
    let bridge = Bridge::start();
    let mut server = client(&bridge, "server");
    server.subscribe("service", Qos::ExactlyOnce);
    for qos in ["0", "1", "2"] {
        let arguments = [
            "-t",
            "service",
            "-e",
            "answers",
            "-m",
            "6*7",
            "-q",
            qos,
            "-D",
            "publish",
            "correlation-data",
            "a b",
        ];
        let mut asking = mosquitto(&bridge, "mosquitto_rr", &arguments);
        let request = server.receive();
        assert_eq!(request.payload, b"6*7");
        assert_eq!(request.properties.correlation_data, Some(b"a b".as_slice()));
        let topic = request.properties.response_topic.expect("where the answer goes");
        let mut answer = message(topic, b"42");
        answer.properties.correlation_data = request.properties.correlation_data;
        server.publish_with(&answer, Qos::AtLeastOnce);
        asking.stdout.expect(&["42"]);
        assert!(asking.wait(PATIENCE).success());
    }
}

#[test]
fn mosquitto_pub_gives_a_topic_an_alias_and_an_end() {
    let bridge = Bridge::start();
    let mut listener = client(&bridge, "listener");
    listener.subscribe_with("t", SubscriptionOptions::at(Qos::AtLeastOnce), Some(9));
    let mut publisher = mosquitto(
        &bridge,
        "mosquitto_pub",
        &[
            "-t",
            "t",
            "-m",
            "x",
            "-q",
            "1",
            "--repeat",
            "5",
            "-D",
            "publish",
            "topic-alias",
            "3",
            "-D",
            "publish",
            "message-expiry-interval",
            "60",
            "-D",
            "publish",
            "user-property",
            "b",
            "1",
            "-D",
            "publish",
            "user-property",
            "a",
            "2",
        ],
    );
    for _ in 0..5 {
        let got = listener.receive();
        let p = &got.properties;
        assert_eq!(got.topic.map(|topic| topic.text()), Some("t"));
        assert_eq!((p.topic_alias, p.subscription_ids.as_slice()), (None, &[9][..]));
        assert!(p.message_expiry_s.is_some_and(|left| (50..=60).contains(&left)), "{p:?}");
        assert_eq!(p.user_properties, [("b", "1"), ("a", "2")], "in their order");
    }
    assert!(publisher.wait(PATIENCE).success());
}
