//! Users with passwords (3.1.3.5, 3.1.3.6) with the built program: `switchboard user`, and who gets in by it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use mqtt::packet::{Connect, Disconnect};
use mqtt::{Packet, Qos, ReasonCode, Version};
use tests::{Bridge, Client, PATIENCE, Process, TempFile, TempFolder, Wire, message, program};

/// Runs `switchboard user …` with the state of this broker.
fn user(data: &str, words: &[&str], input: &str) -> (Option<i32>, Process) {
    let words = [&["user"], words, &["--data", data]].concat();
    let mut process = Process::start_with_input(&program(), &words, input);
    (process.wait(PATIENCE).code(), process)
}

fn add(data: &str, name: &str, password: &str) {
    assert_eq!(user(data, &["add", name], password).0, Some(0));
}

fn hello<'a>(version: Version, user: &'a str, password: &'a str) -> Connect<'a> {
    let (user_name, password) = (Some(user), Some(password.as_bytes()));
    Connect { user_name, password, ..Connect::new(version, "phone") }
}

fn with_users(users: &[(&str, &str)], config: &str) -> (Bridge, String) {
    let folder = TempFolder::new("users");
    let data = folder.0.to_string_lossy().into_owned();
    users.iter().for_each(|(name, password)| add(&data, name, password));
    (Bridge::keeping_in_with(folder, config), data)
}

#[test]
fn a_password_lets_in_by_each_version_and_transport() {
    let (bridge, _) = with_users(&[("alice", "pencil\n")], "");
    for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
        for wire in [Wire::tcp, Wire::websocket]
            .map(|open| open as fn(_) -> _)
            .into_iter()
            .zip([bridge.tcp, bridge.http])
        {
            let (open, address): (fn(std::net::SocketAddr) -> Wire, _) = wire;
            let mut client = Client::new(open(address), version);
            assert_eq!(client.connect(&hello(version, "alice", "pencil")).reason, ReasonCode::Success);
            client.subscribe("a", Qos::AtLeastOnce);
            client.publish("a", b"1", Qos::AtLeastOnce);
            assert_eq!(client.receive_payload(), b"1");
            client.disconnect();
            for (user, password) in [("alice", "stylus"), ("alice", ""), ("bob", "pencil"), ("", "")] {
                let mut client = Client::new(open(address), version);
                let reason = client.connect(&hello(version, user, password)).reason;
                assert_eq!(reason, ReasonCode::BadUserNameOrPassword, "{user} {password}");
                client.end();
            }
        }
    }
    bridge.process.stderr.expect(&["connected", "phone", "user=\"alice\""]);
    for user in ["alice", "bob", ""] {
        let (who, why) = (format!("user={user:?}"), "the user name or the password is wrong");
        bridge.process.stderr.expect(&["connection ended by us", "client=\"phone\"", &who, why]);
    }
}

/// A Client need not wait for CONNACK [MQTT-3.1.4-5].
#[test]
fn what_comes_behind_connect_waits_for_the_password() {
    let (bridge, _) = with_users(&[("alice", "pencil")], "");
    let mut reader = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    reader.connect(&Connect::new(Version::V5, "reader"));
    reader.subscribe("a", Qos::AtMostOnce);
    for (wire, password) in [
        (Wire::tcp(bridge.tcp), "pencil"),
        (Wire::websocket(bridge.http), "pencil"),
        (Wire::tcp(bridge.tcp), "x"),
    ] {
        let mut client = Client::new(wire, Version::V5);
        client.send_all(&[
            Packet::Connect(Box::new(hello(Version::V5, "alice", password))),
            Packet::Publish(message("a", password.as_bytes())),
            Packet::Disconnect(Disconnect::new(ReasonCode::Success)),
        ]);
        if password == "x" {
            assert_eq!(client.connack().reason, ReasonCode::BadUserNameOrPassword);
        } else {
            assert_eq!(client.connack().reason, ReasonCode::Success);
            assert_eq!(reader.receive_payload(), password.as_bytes());
        }
        client.end();
    }
    reader.expect_nothing();
}

#[test]
fn users_come_and_go_while_it_runs() {
    let (bridge, data) = with_users(&[("alice", "pencil"), ("bob", "eraser")], "");
    let mut alice = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    assert_eq!(alice.connect(&hello(Version::V5, "alice", "pencil")).reason, ReasonCode::Success);
    let (code, removed) = user(&data, &["remove", "alice"], "");
    assert_eq!(code, Some(0));
    removed.stdout.expect(&["alice", "may not log in any more"]);
    assert_eq!(alice.end().reason, Some(ReasonCode::NotAuthorized), "at once");
    let again = |password| {
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        client.connect(&hello(Version::V5, "alice", password)).reason
    };
    assert_eq!(again("pencil"), ReasonCode::BadUserNameOrPassword);
    add(&data, "alice", "another");
    bridge.process.stderr.expect(&["users and rules were read anew", "users=2"]);
    assert_eq!(again("another"), ReasonCode::Success);
    let file = format!("{data}/users.toml");
    assert_eq!(fs::metadata(&file).expect("the file of users").permissions().mode() & 0o777, 0o600);
    // One that is damaged changes nothing, and says where.
    fs::write(&file, "[[user]]\nname = \"alice\"\npasword = \"x\"\n").expect("it can be written");
    bridge.process.stderr.expect(&[
        "users and rules stay as they were",
        "line 3",
        "did you mean `password`?",
    ]);
    assert_eq!(again("another"), ReasonCode::Success);
}

#[test]
fn users_are_listed_without_their_secrets() {
    let folder = TempFolder::new("users");
    let data = folder.0.to_string_lossy().into_owned();
    assert_eq!(user(&data, &["add", "alice", "--group", "house", "--scram"], "pencil").0, Some(0));
    let (code, listed) = user(&data, &["list"], "");
    assert_eq!(code, Some(0));
    let line = listed.stdout.expect(&["alice", "password+scram", "house", "users.toml"]);
    assert!(!line.contains("argon2"), "{line}");
    let (code, refused) = user(&data, &["remove", "alcie"], "");
    assert_eq!(code, Some(2));
    refused.stderr.expect(&["there is no user \"alcie\"; there are alice"]);
    let (code, refused) = user(&data, &["add", "anonymous"], "x");
    assert_eq!(code, Some(2));
    refused.stderr.expect(&["anonymous", "without a user"]);
    let (code, refused) = user(&data, &["add", "bob"], "\n");
    assert_eq!(code, Some(2));
    refused.stderr.expect(&["no password"]);
    let (code, refused) = user(":memory:", &["add", "bob"], "x");
    assert_eq!(code, Some(2));
    refused.stderr.expect(&["keeps no users", "--data"]);
}

/// Lines of `mosquitto_passwd` 2.0, of 1.6, and what is no such file.
#[test]
fn users_of_mosquitto_come_with_their_passwords() {
    let file = TempFile::new(
        "passwords",
        "# ours\n\
         new:$7$101$E7qumMw3rpX6HxR/$5bkYBHsogSraog7uqGbB0ya6mjNq1knts52DBjNAM9h+DtflvMJ4wm5ar+AW+pnBGKQPIkhdTfJr/G4WD5vxYw==\n\
         old:$6$M7Dfb6w3ZMSpfCP+$cNCEztVmKLcH9s7ScnjeEuyLo9/NPkjkQOeVAMpuB6VKJApx212BIGcofqcb5ya2E5ITajynFOUhdUi9SMjL1g==\n",
    );
    let folder = TempFolder::new("users");
    let data = folder.0.to_string_lossy().into_owned();
    assert_eq!(user(&data, &["import", &file.0.to_string_lossy()], "").0, Some(0));
    let plain = TempFile::new("plain", "alice:pencil\n");
    let (code, refused) = user(&data, &["import", &plain.0.to_string_lossy()], "");
    assert_eq!(code, Some(2));
    refused.stderr.expect(&["line 1", "alice", "mosquitto_passwd -U"]);
    let bridge = Bridge::keeping_in(folder);
    for (name, password, reason) in [
        ("new", "pencil", ReasonCode::Success),
        ("old", "pencil", ReasonCode::Success),
        ("new", "stylus", ReasonCode::BadUserNameOrPassword),
        ("old", "stylus", ReasonCode::BadUserNameOrPassword),
    ] {
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V3_1_1);
        assert_eq!(
            client.connect(&hello(Version::V3_1_1, name, password)).reason,
            reason,
            "{name} {password}"
        );
    }
}

#[test]
fn our_own_client_and_that_of_mosquitto_log_in() {
    let (bridge, _) = with_users(&[("alice", "pencil")], "");
    let port = bridge.tcp.port().to_string();
    for (password, code) in [("pencil", Some(0)), ("stylus", Some(1))] {
        let line = ["pub", "-p", &port, "-t", "a", "-m", "x", "-q", "1", "-u", "alice", "-P", password];
        assert_eq!(Process::start(&program(), &line).wait(PATIENCE).code(), code, "{password}");
    }
}

/// Broken security is said before anything listens.
#[test]
fn a_user_that_is_wrong_stops_the_start() {
    let file = TempFile::new("switchboard.toml", "[[auth.user]]\nname = \"bob\"\npassword = \"plain\"\n");
    let mut process =
        Process::start(&program(), &["--config", &file.0.to_string_lossy(), "--data", ":memory:"]);
    assert_eq!(process.wait(PATIENCE).code(), Some(2));
    process.stderr.expect(&["bob", "no hash of a password", "switchboard user add"]);
    assert_eq!(process.stdout.all(), [] as [&str; 0]);
}

/// A copy would be of little use to those who could not log in with it.
#[test]
fn a_copy_carries_the_users() {
    let (bridge, data) = with_users(&[("alice", "pencil")], "");
    let file = TempFile::new("copy", "");
    fs::remove_file(&file.0).expect("it was there");
    let copy = file.0.to_string_lossy().into_owned();
    let run = |words: &[&str]| {
        let mut process = Process::start(&program(), words);
        (process.wait(PATIENCE).code(), process)
    };
    assert_eq!(run(&["backup", &copy, "--data", &data]).0, Some(0), "while it runs");
    let folder = TempFolder::new("restored");
    let place = folder.0.to_string_lossy().into_owned();
    // Nobody's users are written over.
    add(&place, "bob", "eraser");
    let (code, process) = run(&["restore", &copy, "--data", &place]);
    assert_eq!(code, Some(1));
    process.stderr.expect(&["users.toml is there already", "move it away"]);
    fs::remove_file(folder.0.join("users.toml")).expect("it was there");
    assert_eq!(run(&["restore", &copy, "--data", &place]).0, Some(0));
    let mode = fs::metadata(folder.0.join("users.toml")).expect("the file of users").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(bridge);
    let bridge = Bridge::keeping_in(folder);
    let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    assert_eq!(client.connect(&hello(Version::V5, "alice", "pencil")).reason, ReasonCode::Success);
    // One that is cut within them is not put back.
    let whole = fs::read(&file.0).expect("the copy");
    fs::write(&file.0, &whole[..whole.len() - 30]).expect("it can be written");
    let (code, process) = run(&["restore", &copy, "--data", &TempFolder::new("cut").0.to_string_lossy()]);
    assert_eq!(code, Some(1));
    process.stderr.expect(&["is not put back", "cut short"]);
}
