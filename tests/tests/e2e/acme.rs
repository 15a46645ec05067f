//! Certificates by ACME, from a directory of the test's own.

use std::path::Path;

use tests::{AcmeDirectory, Authority, Bridge, PATIENCE, Process, Request, TempFile, program};

fn configuration(directory: &AcmeDirectory) -> String {
    format!(
        "[listen]\nhttps = [\"127.0.0.1:0\"]\ntls = [\"127.0.0.1:0\"]\n[tls]\nacme_names = [\"house.test\", \"panel.house.test\"]\n\
         acme_contact = \"mailto:me@house.test\"\nacme_directory = \"{}\"\nacme_directory_ca = \"{}\"\n",
        directory.url(),
        directory.authority().certificate.display()
    )
}

/// What curl, which trusts this CA alone, gets at a name.
fn get(bridge: &Bridge, ca: &Path, name: &str) -> Option<Vec<String>> {
    let port = bridge.listens("https").port();
    let (url, place) = (format!("https://{name}:{port}/health"), format!("{name}:{port}:127.0.0.1"));
    let ca = ca.to_string_lossy();
    let arguments = ["--silent", "--include", "--cacert", &ca, "--resolve", &place, &url];
    let mut curl = Process::start(Path::new("curl"), &arguments);
    curl.wait(PATIENCE).success().then(|| {
        curl.stdout.expect(&["\"status\":\"ok\""]);
        curl.stdout.all()
    })
}

#[test]
fn a_directory_gives_a_certificate_which_is_kept() {
    let directory = AcmeDirectory::start(Authority::new());
    let mut bridge = Bridge::keeping(&configuration(&directory));
    let own = bridge.data().join("tls/ca.crt");
    let before = get(&bridge, &own, "localhost").expect("until then our own CA's counts");
    assert!(!before.iter().any(|line| line.starts_with("strict-transport-security")), "{before:?}");
    directory.look_at(bridge.http);
    bridge.process.stderr.expect(&["a certificate was had by ACME", "house.test panel.house.test"]);
    bridge.process.stderr.expect(&["was read anew"]);
    let trusted = directory.authority().certificate.clone();
    let after = get(&bridge, &trusted, "house.test").expect("the directory's CA has signed it");
    assert!(after.iter().any(|line| line.starts_with("strict-transport-security")), "{after:?}");
    assert!(get(&bridge, &trusted, "panel.house.test").is_some());
    assert_eq!(Request::get("/trust").send(bridge.http).status, 404, "there is nothing of ours to trust");
    let answer = Request::get("/.well-known/acme-challenge/token-of-order-0-name-0").send(bridge.http);
    assert_eq!(answer.status, 404, "the answer is gone when it was looked at");

    bridge.restart();
    assert!(get(&bridge, &trusted, "house.test").is_some(), "it was kept");
    assert_eq!(directory.orders(), 1, "nobody was asked again");
}

#[test]
fn a_directory_that_does_not_find_us_is_told_in_the_log_and_asked_again_later() {
    let directory = AcmeDirectory::start(Authority::new());
    let other = Bridge::start();
    directory.look_at(other.http);
    let bridge = Bridge::keeping(&configuration(&directory));
    bridge.process.stderr.expect(&[
        "no certificate by ACME",
        "port 80",
        "not there",
        "the next try is in 60 s",
    ]);
    assert!(get(&bridge, &bridge.data().join("tls/ca.crt"), "localhost").is_some(), "all else goes on");
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    for (more, words) in [
        ("acme_names = [\"10.0.0.1\"]", "use names"),
        ("acme_names = [\"a.test\"]\nacme_directory = \"http://a.test/\"", "https://"),
        ("acme_names = [\"a.test\"]\nacme_contact = \"me\"", "mailto:"),
        ("acme_names = [\"a.test\"]\ncertificate = \"a\"\nkey = \"b\"", "acme_names"),
    ] {
        let file = TempFile::new("switchboard.toml", &format!("[tls]\n{more}\n"));
        let mut process = Process::start(&program(), &["check", "--config", &file.0.to_string_lossy()]);
        assert_eq!(process.wait(PATIENCE).code(), Some(2), "{more}");
        process.stderr.expect(&[words]);
    }
}
