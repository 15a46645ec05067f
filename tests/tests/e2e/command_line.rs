//! The command line and the file: what is wrong is said in one sentence, and the exit code says whose fault it is.

use std::path::Path;

use tests::{Bridge, PATIENCE, Process, TempFile, TempFolder, program};

/// Runs to the end; gives the exit code and all it said.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let mut process = Process::start(&program(), arguments);
    let status = process.wait(PATIENCE);
    // The end of the streams comes right behind the end of the process.
    let said = tests::until("its last words", PATIENCE, || {
        let said = [process.stdout.all(), process.stderr.all()].concat().join("\n");
        (!said.is_empty()).then_some(said)
    });
    (status.code(), said)
}

#[test]
fn bad_usage_is_exit_code_2() {
    for arguments in [
        &["--no-such-flag"][..],
        &["--http", "nonsense"],
        &["no-such-command"],
        &["check", "--config", "/no/such/file"],
    ] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
    }
    for address in ["localhost:1883", "1883", "127.0.0.1", "::1:1883"] {
        let (code, said) = run(&["--tcp", address]);
        assert_eq!(code, Some(2), "{address}: {said}");
        assert!(said.contains(address) && said.contains("as 127.0.0.1:1883"), "{address}: {said}");
    }
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest_known_one() {
    for (text, hint) in [
        ("[limits]\nmax_packet_byte = 5\n", "max_packet_bytes"),
        ("[listn]\nhttp = []\n", "listen"),
        ("[limits]\nmax_qos = 3\n", "max_qos"),
        ("[limits]\nversions = [\"6.0\"]\n", "6.0"),
        ("[log]\nlevel = \"loud\"\n", "loud"),
        ("this is no toml", "line 1"),
    ] {
        let file = TempFile::new("bad.toml", text);
        let path = file.0.to_string_lossy();
        for arguments in [&["check", "--config", &path][..], &["--config", &path]] {
            let (code, said) = run(arguments);
            assert_eq!(code, Some(2), "{text}: {said}");
            assert!(said.contains(hint) && said.contains(&*path), "{text}: it says where and what: {said}");
        }
    }
    let good = TempFile::new("good.toml", "[limits]\nmax_packet_bytes = 5000\n");
    assert_eq!(run(&["check", "--config", &good.0.to_string_lossy()]).0, Some(0));
}

#[test]
fn what_cannot_be_served_is_not_valid() {
    for (text, hint) in [
        ("[listen]\nproxy_protocol = [\"tls\"]\ntrusted_proxies = [\"10.0.0.0/8\"]\n", "tls"),
        ("[listen]\napp = \"/no/such/page\"\n", "/no/such/page"),
        ("[listen]\norigins = [\"panel.example\"]\n", "panel.example"),
        ("[auth.jwt]\nsecret_file = \"/no/such/key\"\n", "/no/such/key"),
        ("[limits]\nversions = []\n", "versions"),
        ("[data]\npath = \"\"\n", "--data"),
    ] {
        let file = TempFile::new("useless.toml", text);
        let path = file.0.to_string_lossy();
        for arguments in [&["check", "--config", &path][..], &["--config", &path]] {
            let (code, said) = run(arguments);
            assert_eq!(code, Some(2), "{arguments:?} {text}: {said}");
            assert!(said.contains(hint), "{text}: {said}");
        }
    }
}

#[test]
fn the_configuration_that_is_checked_is_the_one_that_would_be_read() {
    let file = TempFile::new("named.toml", "[limits]\nmax_qos = 3\n");
    let mut process =
        Process::start_with(&program(), &["check"], &[("SWITCHBOARD_CONFIG", file.0.as_path())]);
    assert_eq!(process.wait(PATIENCE).code(), Some(2));
    process.stderr.expect(&["max_qos", &file.0.to_string_lossy()]);
}

#[test]
fn a_configuration_that_is_not_read_is_told_of() {
    let folder = TempFolder::new("here");
    std::fs::create_dir_all(&folder.0).expect("the folder for temporary files can be written to");
    std::fs::write(folder.0.join("switchboard.toml"), "").expect("the folder can be written to");
    let (here, program) = (folder.0.to_string_lossy(), program());
    let script = "cd \"$1\" && exec \"$2\" --http 127.0.0.1:0 --tcp 127.0.0.1:0 --data :memory: $3";
    let start = |more: &str| {
        let process =
            Process::start(Path::new("sh"), &["-c", script, "sh", &here, &program.to_string_lossy(), more]);
        process.stdout.expect(&["listening"]);
        process
    };
    start("").stderr.expect(&["WARN", "switchboard.toml", "not read"]);
    let named = start("--config=switchboard.toml").stderr.all();
    assert!(!named.iter().any(|line| line.contains("not read")), "{named:?}");
}

#[test]
fn an_address_that_is_taken_is_exit_code_1_and_named() {
    let bridge = Bridge::start();
    let taken = bridge.tcp.to_string();
    let (code, said) = run(&["--http", "127.0.0.1:0", "--tcp", &taken, "--data", ":memory:"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&taken), "{said}");
}

#[test]
fn a_port_is_free_again_at_once() {
    let mut bridge = Bridge::start();
    for _ in 0..3 {
        let _client = tests::Wire::tcp(bridge.tcp);
        bridge.restart();
    }
}

#[test]
fn the_listening_line_is_all_there_is_on_stdout() {
    let mut bridge = Bridge::start_with(&["--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"]);
    let lines = bridge.process.stdout.all();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        lines[0].matches(" http=127.0.0.1:").count(),
        2,
        "repeated keys for several addresses: {lines:?}"
    );
    assert_eq!(lines[0].matches(" tcp=127.0.0.1:").count(), 2, "{lines:?}");
    assert_eq!(bridge.process.terminate().code(), Some(0));
}

#[test]
fn the_log_can_be_json() {
    let bridge = Bridge::configured("[log]\njson = true\n");
    let wire = tests::Wire::tcp(bridge.tcp);
    let peer = wire.local().to_string();
    wire.cut();
    let line = bridge.process.stderr.expect(&["lost", &peer]);
    let event: serde_json::Value = serde_json::from_str(&line).expect("each line is JSON");
    assert_eq!(event["fields"]["peer"], peer.as_str(), "{line}");
}

#[test]
fn the_version_is_told() {
    let (code, said) = run(&["--version"]);
    assert_eq!(code, Some(0));
    assert_eq!(said.trim(), format!("switchboard {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_refused_subscription_is_told_however_its_topic_was_named() {
    let bridge = Bridge::configured("[[auth.rule]]\nallow = \"subscribe\"\ntopics = [\"a\"]\n");
    let (port, url) = (bridge.tcp.port().to_string(), format!("mqtt://{}/b", bridge.tcp));
    for arguments in [&["sub", "-p", &port, "-t", "b"][..], &["sub", "-L", &url]] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        assert!(said.contains("\"b\"") && said.contains("not authorized"), "{arguments:?}: {said}");
    }
}

#[test]
fn who_stops_a_subscriber_ends_it_in_order() {
    let bridge = Bridge::start();
    let port = bridge.tcp.port().to_string();
    assert_eq!(
        Process::start(&program(), &["pub", "-p", &port, "-t", "a", "-m", "here", "-r"])
            .wait(PATIENCE)
            .code(),
        Some(0)
    );
    let mut subscriber = Process::start(&program(), &["sub", "-p", &port, "-t", "a", "-i", "watcher"]);
    subscriber.stdout.expect(&["here"]);
    assert_eq!(subscriber.terminate().code(), Some(0));
    bridge.process.stderr.expect(&["disconnected by the client", "watcher"]);
}
