//! Lines 6 and 9 to 11: rights that are taken away, who may administrate, logins, and files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use mqtt::packet::{Connect, ConnectWill, PublishProperties};
use mqtt::{Qos, ReasonCode, SessionExpiry, TopicName, Version};
use tests::{Bridge, Client, PATIENCE, Process, Request, TempFile, TempFolder, Wire, program, until};

use super::connect;

const USERS: &str = "[[auth.user]]\nname = \"alice\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jeHutNAspXQ+Qpnj83+s4w\"\n\
                     [[auth.user]]\nname = \"bob\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jeHutNAspXQ+Qpnj83+s4w\"\n";

fn user<'a>(name: &'a str, id: &'a str) -> Connect<'a> {
    let mut connect = Connect {
        user_name: Some(name),
        password: Some(b"pencil"),
        clean_start: false,
        ..Connect::new(Version::V5, id)
    };
    connect.properties.session_expiry = SessionExpiry::from_secs(600);
    connect
}

/// Every way out: what is retained, waits in a queue, is in flight, is a will, is shared, and the server's own topics.
#[test]
fn what_waits_is_asked_about_again_cve_2018_12546_cve_2021_34434_cve_2026_33217() {
    let all = format!("{USERS}[[auth.rule]]\nallow = \"all\"\ntopics = [\"#\", \"$SYS/#\"]\n");
    let bridge = Bridge::configured(&all);
    let open = |name: &str, id: &str| {
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        assert_eq!(client.connect(&user(name, id)).reason, ReasonCode::Success);
        client
    };
    let mut bob = open("bob", "bob");
    bob.retain("secret/retained", b"1", Qos::AtLeastOnce);
    // One who is away, with something in its queue, and something in flight.
    let mut away = open("alice", "away");
    away.subscribe("secret/queue", Qos::AtLeastOnce);
    bob.publish("secret/queue", b"in flight", Qos::AtLeastOnce);
    away.receive_only();
    away.cut();
    bob.publish("secret/queue", b"queued", Qos::AtLeastOnce);
    // One who is there.
    let mut there = open("alice", "there");
    for filter in ["secret/live", "$share/g/secret/shared", "secret/will", "$SYS/broker/version"] {
        assert!(!there.subscribe(filter, Qos::AtLeastOnce).is_error(), "{filter}");
    }
    assert!(there.receive_payload().starts_with(b"switchboard"), "before");
    // A will of one who may publish it, until it may not.
    let will = ConnectWill {
        topic: TopicName::new("secret/bobs-will").expect("a topic"),
        payload: b"x",
        qos: Qos::AtLeastOnce,
        retain: false,
        delay_s: 0,
        properties: PublishProperties::default(),
    };
    let mut mortal = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    assert_eq!(
        mortal.connect(&Connect { will: Some(will), ..user("alice", "mortal") }).reason,
        ReasonCode::Success
    );
    bob.subscribe("secret/bobs-will", Qos::AtLeastOnce);

    let denied = "[[auth.rule]]\ndeny = \"all\"\nuser = \"alice\"\ntopics = [\"secret/#\", \"$SYS/#\"]\n";
    bridge.configure(&all.replacen("[[auth.rule]]", &format!("{denied}[[auth.rule]]"), 1));
    bridge.process.stderr.expect(&["read anew", "rules=2"]);
    until("all shards have heard of it", PATIENCE, || {
        let reasons = ["a", "b", "c", "d"].map(|id| open("alice", id).subscribe("secret/x", Qos::AtMostOnce));
        reasons.iter().all(|reason| *reason == ReasonCode::NotAuthorized).then_some(())
    });
    for topic in ["secret/live", "secret/shared", "secret/will"] {
        bob.publish(topic, b"2", Qos::AtLeastOnce);
    }
    there.expect_nothing();
    for filter in ["secret/retained", "secret/#", "$SYS/#", "$share/g/secret/shared"] {
        assert_eq!(there.subscribe(filter, Qos::AtMostOnce), ReasonCode::NotAuthorized, "{filter}");
    }
    assert_eq!(there.subscribe("#", Qos::AtMostOnce), ReasonCode::Success, "what else there is");
    there.expect_nothing();
    let mut back = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    assert!(back.connect(&user("alice", "away")).session_present);
    back.expect_nothing();
    mortal.cut();
    bridge.process.stderr.expect(&["connection lost", "mortal"]);
    bob.expect_nothing();
}

#[test]
fn there_is_no_default_user_and_no_default_password() {
    let bridge = Bridge::keeping("");
    let data = bridge.data().to_string_lossy().into_owned();
    let mut listed = Process::start(&program(), &["user", "list", "--data", &data]);
    assert_eq!(listed.wait(PATIENCE).code(), Some(0));
    assert!(!listed.stdout.all().iter().any(|line| line.contains("users.toml")), "{:?}", listed.stdout.all());
    // Names that others ship with open nothing that anybody could not open.
    let bridge = Bridge::configured(USERS);
    for (name, password) in
        [("admin", "admin"), ("admin", "public"), ("root", ""), ("guest", "guest"), ("anonymous", "")]
    {
        let login = Connect {
            user_name: Some(name),
            password: Some(password.as_bytes()),
            ..Connect::new(Version::V5, "x")
        };
        let reason = Client::new(Wire::tcp(bridge.tcp), Version::V5).connect(&login).reason;
        assert_eq!(reason, ReasonCode::BadUserNameOrPassword, "{name}");
    }
}

/// Nothing that changes anything is reached without MQTT.
#[test]
fn nothing_but_reading_is_served() {
    let bridge = Bridge::start();
    for path in ["/", "/health", "/metrics", "/settings", "/index.html"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"] {
            let status = Request::new(method, path).with_body(b"{}").send(bridge.http).status;
            assert!(matches!(status, 400 | 405), "{method} {path}: {status}");
        }
    }
}

#[test]
fn what_decides_a_login_fails_closed() {
    for (text, said) in [
        ("[[user]]\nname = \"alice\"\npassword = \"$argon2id$v=19$broken\"\n", "alice"),
        ("[[user]]\nname = \"alice\"\npassword = \"pencil\"\n", "alice"),
        ("[[user]]\nname = \"alice\"\n", "alice"),
        ("[[user]]\nname = \"\"\nscram = \"x\"\n", "users.toml"),
        ("[[user\n", "users.toml"),
        ("\u{0}", "users.toml"),
    ] {
        let folder = TempFolder::new("damaged");
        fs::create_dir_all(&folder.0).expect("the folder for temporary files can be written to");
        fs::write(folder.0.join("users.toml"), text).expect("it can be written to");
        let data = folder.0.to_string_lossy().into_owned();
        let words = ["--data", &data, "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"];
        let mut process = Process::start(&program(), &words);
        assert_eq!(process.wait(PATIENCE).code(), Some(2), "{text:?}");
        process.stderr.expect(&[said]);
        assert_eq!(process.stdout.all(), [] as [&str; 0], "nobody is served");
    }
}

#[test]
fn logins_of_one_address_are_bounded_also_behind_a_proxy() {
    let listen = "[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n[limits]\nmax_login_failures_per_minute = 3\n";
    let bridge = Bridge::configured(&format!("{USERS}{listen}"));
    let login = |from: &str, password: &[u8]| {
        let upgrade = Request::upgrade("/mqtt", "mqtt").with("X-Forwarded-For", from);
        let mut client = Client::new(Wire::websocket_by(upgrade, "mqtt", bridge.http), Version::V5);
        client.connect(&Connect { password: Some(password), ..user("alice", "x") }).reason
    };
    for _ in 0..3 {
        assert_eq!(login("203.0.113.9", b"guess"), ReasonCode::BadUserNameOrPassword);
    }
    assert_eq!(
        login("203.0.113.9", b"pencil"),
        ReasonCode::ConnectionRateExceeded,
        "even the right one has to wait"
    );
    assert_eq!(
        login("1.2.3.4, 203.0.113.9", b"pencil"),
        ReasonCode::ConnectionRateExceeded,
        "no header helps"
    );
    assert_eq!(login("203.0.113.10", b"pencil"), ReasonCode::Success);
}

#[test]
fn who_does_not_exist_is_checked_like_who_does() {
    let bridge = Bridge::configured(USERS);
    let reason = |name: &str| {
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        let connack = client.connect(&Connect { password: Some(b"guess"), ..user(name, "x") });
        (connack.reason, connack.properties.reason_string.map(str::to_owned))
    };
    assert_eq!(reason("alice"), reason("nobody"));
}

#[test]
fn state_is_for_its_user_alone() {
    let bridge = Bridge::keeping("");
    let data = bridge.data().to_string_lossy().into_owned();
    let mut added =
        Process::start_with_input(&program(), &["user", "add", "alice", "--data", &data], "pencil");
    assert_eq!(added.wait(PATIENCE).code(), Some(0));
    connect(&bridge, "x").retain("a", b"1", Qos::AtLeastOnce);
    let copy = TempFile::new("copy", "");
    fs::remove_file(&copy.0).expect("it was there");
    let mut backup = Process::start(&program(), &["backup", &copy.0.to_string_lossy(), "--data", &data]);
    assert_eq!(backup.wait(PATIENCE).code(), Some(0));
    let mut seen = 0;
    let mut look = |path: &Path| {
        let mode = fs::metadata(path).expect("a file of the state").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is {:o}", path.display(), mode & 0o777);
        seen += 1;
    };
    look(&bridge.data());
    look(&copy.0);
    for entry in fs::read_dir(bridge.data()).expect("the state").flatten() {
        look(&entry.path());
    }
    assert!(seen >= 5, "{seen}");
}
