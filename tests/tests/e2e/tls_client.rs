//! `switchboard pub` and `sub` over TLS: whom they trust, and what they say when they do not.

use tests::{Authority, Bridge, Credentials, PATIENCE, Process, program};

fn secure(files: &Credentials) -> Bridge {
    Bridge::configured(&format!(
        "[listen]\ntls = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        files.certificate.display(),
        files.key.display()
    ))
}

fn run(arguments: &[&str]) -> Process {
    Process::start(&program(), arguments)
}

#[test]
fn they_speak_tls_when_a_ca_is_named_or_the_address_says_so() {
    let authority = Authority::new();
    let bridge = secure(&authority.server("server"));
    let port = bridge.listens("tls").port().to_string();
    let ca = authority.certificate.to_string_lossy();
    let sub = run(&["sub", "-h", "localhost", "-p", &port, "--cafile", &ca, "-t", "a/#", "-v", "-q", "1"]);
    bridge.process.stderr.expect(&["connected"]);
    let url = format!("mqtts://localhost:{port}/a/url");
    for (message, how) in [
        ("by name", vec!["-h", "localhost", "-p", &port, "--cafile", &ca, "-t", "a/b"]),
        ("by address", vec!["-p", &port, "--cafile", &ca, "-t", "a/b"]),
        ("by url", vec!["-L", &url, "--cafile", &ca]),
        ("insecurely", vec!["-h", "localhost", "-p", &port, "--insecure", "-t", "a/b"]),
    ] {
        let mut publish = run(&[&["pub", "-m", message, "-r", "-q", "1"], &how[..]].concat());
        assert_eq!(publish.wait(PATIENCE).code(), Some(0), "{message}: {:?}", publish.stderr.all());
        sub.stdout.expect(&["a/", message]);
    }
    let large = tests::TempFile::new("large", &"x".repeat(1_000_000));
    let file = large.0.to_string_lossy();
    let mut publish = run(&["pub", "-p", &port, "--cafile", &ca, "-t", "a/large", "-f", &file, "-q", "2"]);
    assert_eq!(publish.wait(PATIENCE).code(), Some(0), "{:?}", publish.stderr.all());
    sub.stdout.find("all of it", |line| (line.len() > 1_000_000).then_some(()));
}

#[test]
fn they_say_why_they_do_not_trust_a_server() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let bridge = secure(&authority.server_for("server", &["house.example"]));
    let port = bridge.listens("tls").port().to_string();
    let (ca, other) = (authority.certificate.to_string_lossy(), stranger.certificate.to_string_lossy());
    let plain = bridge.tcp.port().to_string();
    for (how, code, words) in [
        (vec!["-p", &port, "--cafile", &*other], 1, "is not from a CA that is trusted here"),
        (vec!["-p", &port, "--tls"], 1, "CA"),
        (vec!["-p", &port, "--cafile", &*ca], 1, "not valid for name"),
        (vec!["-p", &port, "--cafile", &*ca, "--insecure"], 0, ""),
        (vec!["-p", &port, "--cafile", &*other, "--insecure"], 1, "is not from a CA that is trusted here"),
        (vec!["-p", &port, "--cafile", "/nowhere.crt"], 2, "/nowhere.crt cannot be read"),
        (vec!["-p", &plain, "--cafile", &*ca], 1, "closed"),
        (vec!["-p", &port], 1, "closed"),
    ] {
        let mut publish = run(&[&["pub", "-t", "a", "-m", "x", "-q", "1"], &how[..]].concat());
        assert_eq!(publish.wait(PATIENCE).code(), Some(code), "{how:?}: {:?}", publish.stderr.all());
        if code != 0 {
            publish.stderr.expect(&[words]);
        }
    }
}
