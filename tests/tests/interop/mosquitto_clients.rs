//! Debian's mosquitto_pub and mosquitto_sub.

use std::path::Path;

use mqtt::Qos;
use mqtt::packet::Connect;
use tests::{Bridge, Client, PATIENCE, Process, Wire};

const VERSIONS: [&str; 3] = ["mqttv31", "mqttv311", "mqttv5"];

fn client(bridge: &Bridge, program: &str, version: &str, arguments: &[&str]) -> Process {
    let port = bridge.tcp.port().to_string();
    let mut all = vec!["-h", "127.0.0.1", "-p", &port, "-V", version];
    all.extend(arguments);
    Process::start(Path::new(program), &all)
}

fn publish(bridge: &Bridge, version: &str, arguments: &[&str]) {
    let mut process = client(bridge, "mosquitto_pub", version, arguments);
    let status = process.wait(PATIENCE);
    assert!(status.success(), "mosquitto_pub {version} {arguments:?}: {:?}", process.stderr.all());
}

#[test]
fn mosquitto_pub_and_mosquitto_sub_of_every_version_talk_through_us() {
    let bridge = Bridge::start();
    publish(&bridge, "mqttv311", &["-t", "t/greeting", "-m", "hello", "-r", "-q", "1"]);
    for listener in VERSIONS {
        // Topic, QoS, RETAIN and payload in hexadecimal.
        let sub = client(&bridge, "mosquitto_sub", listener, &["-t", "t/#", "-q", "2", "-F", "%t %q %r %x"]);
        sub.stdout.expect(&["t/greeting 1 1 68656c6c6f"]);
        for speaker in VERSIONS {
            for qos in ["0", "1", "2"] {
                let topic = format!("t/{listener}/{speaker}/{qos}");
                publish(&bridge, speaker, &["-t", &topic, "-m", "Grüße", "-q", qos]);
                sub.stdout.expect(&[&format!("{topic} {qos} 0 4772c3bcc39f65")]);
                publish(&bridge, speaker, &["-t", &topic, "-n", "-q", qos]);
                sub.stdout.find("an empty message", |line| {
                    (line.trim_end() == format!("{topic} {qos} 0")).then_some(())
                });
            }
        }
        assert_eq!(sub.stdout.all().len(), 1 + 2 * 9, "each came once");
    }
}

#[test]
fn mosquitto_pub_of_a_file_of_lines_arrives_in_order() {
    let bridge = Bridge::start();
    let mut listener = Client::new(Wire::websocket(bridge.http), mqtt::Version::V5);
    listener.connect(&Connect::new(mqtt::Version::V5, "listener"));
    listener.subscribe("lines", Qos::ExactlyOnce);
    for qos in ["0", "1", "2"] {
        publish(&bridge, "mqttv5", &["-t", "lines", "-m", "again", "-q", qos, "--repeat", "200"]);
        for _ in 0..200 {
            assert_eq!(listener.receive_payload(), b"again");
        }
        listener.expect_nothing();
    }
}

#[test]
fn the_will_of_mosquitto_sub_and_its_kept_session_work() {
    let bridge = Bridge::start();
    for version in ["mqttv311", "mqttv5"] {
        let mut listener = Client::new(Wire::tcp(bridge.tcp), mqtt::Version::V5);
        listener.connect(&Connect::new(mqtt::Version::V5, "listener"));
        listener.subscribe("will", Qos::AtLeastOnce);
        publish(&bridge, version, &["-t", "greeting", "-m", "hello", "-r"]);
        let mut arguments =
            vec!["-t", "greeting", "-t", "kept", "-q", "1", "-i", "sleeper", "-c", "-F", "%p"];
        arguments.extend(["--will-topic", "will", "--will-payload", "gone"]);
        let mut sub = client(&bridge, "mosquitto_sub", version, &arguments);
        sub.stdout.expect(&["hello"]);
        sub.kill();
        assert_eq!(listener.receive_payload(), b"gone", "{version}");
        publish(&bridge, version, &["-t", "kept", "-m", "while you slept", "-q", "1"]);
        let sub = client(&bridge, "mosquitto_sub", version, &arguments);
        sub.stdout.expect(&["while you slept"]);
    }
}

#[test]
fn mosquitto_sub_prints_the_properties_of_a_message() {
    let bridge = Bridge::start();
    let properties =
        ["-D", "publish", "content-type", "text/plain", "-D", "publish", "user-property", "a", "b"];
    let arguments =
        ["-t", "t", "-m", "hello", "-r", "-q", "1"].iter().chain(&properties).copied().collect::<Vec<_>>();
    publish(&bridge, "mqttv5", &arguments);
    let sub = client(&bridge, "mosquitto_sub", "mqttv5", &["-t", "t", "-C", "1", "-F", "%p %C %P"]);
    sub.stdout.expect(&["hello text/plain a:b"]);
}

#[test]
fn mosquitto_sub_reads_sys() {
    let bridge = Bridge::configured("[limits]\nsys_interval_s = 1\n");
    for version in VERSIONS {
        let sub = client(&bridge, "mosquitto_sub", version, &["-t", "$SYS/#", "-v", "-q", "1"]);
        sub.stdout.expect(&["$SYS/broker/version switchboard version "]);
        sub.stdout.expect(&["$SYS/broker/clients/connected 1"]);
        sub.stdout.expect(&["$SYS/broker/load/messages/received/15min "]);
    }
}
