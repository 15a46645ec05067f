//! `switchboard pub`, `switchboard sub` and `switchboard demo`, at our own broker and at a real Mosquitto.

use std::net::SocketAddr;

use tests::{Bridge, Mosquitto, PATIENCE, Process, program};

fn switchboard(command: &str, broker: SocketAddr, arguments: &[&str]) -> Process {
    let port = broker.port().to_string();
    let mut all = vec![command, "-h", "127.0.0.1", "-p", &port];
    all.extend(arguments);
    Process::start(&program(), &all)
}

fn publish(broker: SocketAddr, arguments: &[&str]) {
    let mut process = switchboard("pub", broker, arguments);
    let status = process.wait(PATIENCE);
    assert!(status.success(), "pub {arguments:?}: {:?}", process.stderr.all());
}

#[test]
fn pub_and_sub_have_the_habits_of_mosquittos() {
    let (bridge, mosquitto) = (Bridge::start(), Mosquitto::start());
    for broker in [bridge.tcp, mosquitto.tcp] {
        publish(broker, &["-t", "t/greeting", "-m", "hello", "-r", "-q", "1"]);
        let sub = switchboard("sub", broker, &["-t", "t/#", "-q", "2"]);
        sub.stdout.expect(&["hello"]);
        for qos in ["0", "1", "2"] {
            let words = format!("at QoS {qos}");
            publish(broker, &["-t", "t/live", "-m", &words, "-q", qos]);
            sub.stdout.expect(&[&words]);
        }
    }
}

#[test]
fn pub_fails_in_words_when_nobody_listens() {
    let mut bridge = Bridge::start();
    bridge.kill();
    let mut process = switchboard("pub", bridge.tcp, &["-t", "t", "-m", "x"]);
    let status = process.wait(PATIENCE);
    assert_eq!(status.code(), Some(1), "1: failed while running");
    process.stderr.expect(&[&bridge.tcp.port().to_string()]);
}

#[test]
fn the_demo_device_lives_at_a_mosquitto_too() {
    let mosquitto = Mosquitto::start();
    let sub =
        switchboard("sub", mosquitto.tcp, &["-t", "wut-0a4711/get/output/3", "-t", "wut-0a4711/status"]);
    let mut device = switchboard("demo", mosquitto.tcp, &[]);
    sub.stdout.expect(&["online"]);
    sub.stdout.expect(&["OFF"]);
    publish(mosquitto.tcp, &["-t", "wut-0a4711/set/output/3", "-m", "ON", "-q", "1"]);
    sub.stdout.expect(&["ON"]);
    device.kill();
    sub.stdout.expect(&["offline"]);
}
