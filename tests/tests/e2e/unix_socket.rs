//! MQTT over a socket of this machine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use mqtt::packet::Connect;
use mqtt::{Packet, Version};
use tests::{Bridge, PATIENCE, Process, TempFolder, program, until};

fn folder() -> TempFolder {
    let folder = TempFolder::new("unix");
    fs::create_dir_all(&folder.0).expect("the folder for temporary files can be written to");
    folder
}

fn connect(path: &Path, id: &str) -> UnixStream {
    let mut stream = UnixStream::connect(path).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    say(&mut stream, &Packet::Connect(Box::new(Connect::new(Version::V3_1_1, id))), &[0x20, 2, 0, 0]);
    stream
}

fn say(stream: &mut UnixStream, packet: &Packet<'_>, answer: &[u8]) {
    let mut bytes = Vec::new();
    packet.encode(Version::V3_1_1, &mut bytes).expect("a packet that can be written");
    stream.write_all(&bytes).expect("it reads");
    let mut got = vec![0; answer.len()];
    stream.read_exact(&mut got).expect("an answer");
    assert_eq!(got, answer);
}

fn start(path: &str) -> Process {
    let ports = ["--data", ":memory:", "--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    Process::start(&program(), &[&ports[..], &["--unix", path]].concat())
}

#[test]
fn programs_of_this_machine_come_by_a_path() {
    let folder = folder();
    let path = folder.0.join("mqtt.sock");
    let shown = path.to_string_lossy();
    let mut bridge = Bridge::start_with(&["--unix", &shown]);
    assert_eq!(bridge.place("unix"), shown);
    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut clients: Vec<_> = (0..8).map(|n| connect(&path, &format!("client-{n}"))).collect();
    let large = [&[0x30, 0xa3, 0x8d, 0x06, 0, 1, b'a'][..], &vec![7; 100_000]].concat();
    for client in &mut clients {
        client.write_all(&large).expect("it reads");
        say(client, &Packet::Pingreq, &[0xd0, 0]);
    }
    bridge.process.stderr.expect(&["connected", "client-7", "peer=unix"]);
    assert_eq!(bridge.metric("messages_received_total"), 8);
    let mut second = start(&shown);
    assert_eq!(second.wait(PATIENCE).code(), Some(1));
    second.stderr.expect(&["another program does"]);
    bridge.process.terminate();
    assert!(!path.exists(), "its file goes with it");
}

#[test]
fn a_file_that_was_left_behind_is_taken_and_another_is_not() {
    let folder = folder();
    let path = folder.0.join("mqtt.sock");
    let shown = path.to_string_lossy();
    let mut killed = Bridge::start_with(&["--unix", &shown]);
    killed.kill();
    assert!(path.exists());
    let bridge = Bridge::start_with(&["--unix", &shown]);
    let client = connect(&path, "after");
    drop(client);
    until("its end in the log", PATIENCE, || {
        bridge.log_of("after").iter().any(|line| line.contains("lost")).then_some(())
    });
    let other = folder.0.join("notes.txt");
    fs::write(&other, "precious").expect("the folder for temporary files can be written to");
    let mut refused = start(&other.to_string_lossy());
    assert_eq!(refused.wait(PATIENCE).code(), Some(1));
    assert_eq!(fs::read(&other).expect("it is there"), b"precious");
}
