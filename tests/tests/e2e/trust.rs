//! The CA that the program makes by itself: what it keeps, whom it vouches for, and the page that leads people through trusting it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tests::{Bridge, PATIENCE, Process, Request, TempFile, TempFolder, own_address, program};

const LISTEN: &str = "[listen]\ntls = [\"127.0.0.1:0\"]\nhttps = [\"127.0.0.1:0\"]\n";

/// Whether curl, which trusts this CA alone, reaches the program under a name.
fn reaches(bridge: &Bridge, ca: &Path, name: &str) -> bool {
    let port = bridge.listens("https").port();
    let (url, place) = (format!("https://{name}:{port}/health"), format!("{name}:{port}:127.0.0.1"));
    let ca = ca.to_string_lossy();
    let arguments = ["--silent", "--show-error", "--cacert", &ca, "--resolve", &place, &url];
    let mut curl = Process::start(Path::new("curl"), &arguments);
    curl.wait(PATIENCE).success()
}

fn get(address: SocketAddr, path: &str) -> tests::Response {
    let answer = Request::get(path).send(address);
    assert_eq!(answer.status, 200, "{path}");
    answer
}

#[test]
fn the_first_start_makes_a_ca_that_later_ones_keep() {
    let mut bridge = Bridge::keeping(LISTEN);
    let folder = bridge.data().join("tls");
    let ca = folder.join("ca.crt");
    for name in ["ca.key", "own.key", "ca.crt", "own.crt"] {
        let mode = fs::metadata(folder.join(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name} is its owner's alone");
    }
    assert!(reaches(&bridge, &ca, "localhost"));
    let all = |folder: &Path| ["ca.crt", "own.crt"].map(|name| fs::read(folder.join(name)).expect(name));
    let before = all(&folder);
    bridge.restart();
    assert!(all(&folder) == before, "the same certificates");
    assert!(reaches(&bridge, &ca, "localhost"));
    fs::remove_file(folder.join("own.crt")).expect("it is there");
    bridge.restart();
    let after = all(&folder);
    assert!(after[0] == before[0] && after[1] != before[1], "another of the same CA");
    assert!(reaches(&bridge, &ca, "localhost"));
}

#[test]
fn names_that_are_asked_for_are_in_the_certificate_or_refused() {
    let ask = |names: &str| format!("{LISTEN}[tls]\nnames = [{names}]\n");
    let mut bridge = Bridge::keeping(&ask("\"panel.example\""));
    let ca = bridge.data().join("tls/ca.crt");
    assert!(reaches(&bridge, &ca, "panel.example"));
    assert!(!reaches(&bridge, &ca, "pi.lan"), "nobody asked for it");
    bridge.configure(&ask("\"panel.example\", \"pi.lan\", \"10.1.2.3\""));
    bridge.process.stderr.expect(&["a TLS certificate was made", "pi.lan", "10.1.2.3"]);
    bridge.process.stderr.expect(&["was read anew"]);
    assert!(reaches(&bridge, &ca, "pi.lan") && reaches(&bridge, &ca, "panel.example"));
    bridge.configure(&ask("\"bank.example\""));
    bridge.process.stderr.expect(&["stays as it was", "was not made for \"bank.example\""]);
    assert!(reaches(&bridge, &ca, "pi.lan"), "the last one counts");
    bridge.kill();

    let file = TempFile::new("switchboard.toml", &ask("\"bank.example\""));
    let (data, config) = (bridge.data(), file.0.to_string_lossy().into_owned());
    let data = data.to_string_lossy();
    let mut process = Process::start(&program(), &["--config", &config, "--data", &data]);
    assert_eq!(process.wait(PATIENCE).code(), Some(1));
    process.stderr.expect(&["was not made for \"bank.example\""]);
    let file = TempFile::new("switchboard.toml", &ask("\"a b\""));
    let mut process = Process::start(&program(), &["check", "--config", &file.0.to_string_lossy()]);
    assert_eq!(process.wait(PATIENCE).code(), Some(2));
    process.stderr.expect(&["\"a b\" is neither a name nor an address"]);
}

#[test]
fn the_page_gives_the_ca_away_with_the_fingerprint_that_the_log_shows() {
    for bridge in [Bridge::keeping(LISTEN), Bridge::configured(LISTEN)] {
        let page = get(bridge.http, "/trust");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(
            page.header("content-security-policy").is_some_and(|policy| policy.contains("style-src 'self'"))
        );
        assert!(!page.text().contains("<script") && !page.text().contains("style=\""));
        let https = format!("https://127.0.0.1:{}/", bridge.listens("https").port());
        assert!(page.text().contains(&https), "it leads on to {https}");
        let fingerprint = bridge.process.stderr.find("the fingerprint", |line| {
            line.split_once("sha256=\"")?.1.split('"').next().map(str::to_owned)
        });
        assert!(page.text().contains(&fingerprint));

        let folder = TempFolder::new("trust");
        fs::create_dir_all(&folder.0).expect("the folder for temporary files can be written to");
        let (der, pem) = (get(bridge.http, "/trust/ca.crt"), get(bridge.http, "/trust/ca.pem"));
        assert_eq!(der.header("content-type"), Some("application/x-x509-ca-cert"));
        let ca = folder.0.join("ca.pem");
        fs::write(&ca, pem.text()).expect("the folder for temporary files can be written to");
        let place = ca.to_string_lossy();
        let arguments = ["x509", "-in", &place, "-noout", "-fingerprint", "-sha256"];
        Process::start(Path::new("openssl"), &arguments).stdout.expect(&[&fingerprint]);
        assert!(reaches(&bridge, &ca, "localhost"));
        let css = get(bridge.http, "/trust/style.css");
        assert_eq!(css.header("content-type"), Some("text/css; charset=utf-8"));
        assert_eq!(Request::get("/trust/ca.key").send(bridge.http).status, 404);
    }
    let bridge = Bridge::start();
    assert_eq!(Request::get("/trust").send(bridge.http).status, 404, "without TLS there is nothing to trust");
}

#[test]
fn a_code_leads_a_phone_to_the_page() {
    let data = TempFolder::new("data");
    let arguments = ["--anonymous", "--tcp", "127.0.0.1:0", "--http", "0.0.0.0:0", "--https", "0.0.0.0:0"];
    let folder = data.0.to_string_lossy();
    let process = Process::start(&program(), &[&arguments[..], &["--data", &folder]].concat());
    process.stdout.expect(&["to trust this machine, scan this or open http://", "/trust"]);
    process.stdout.expect(&["fingerprint ", ":"]);
}

/// The link that makes somebody the owner goes by https where there is that: so this comes first.
#[test]
fn the_page_is_there_before_anybody_owns_the_server() {
    let data = TempFolder::new("data");
    let arguments = ["--tcp", "127.0.0.1:0", "--http", "0.0.0.0:0", "--https", "0.0.0.0:0"];
    let folder = data.0.to_string_lossy();
    let process = Process::start(&program(), &[&arguments[..], &["--data", &folder]].concat());
    let port = process
        .stdout
        .find("its port", |line| line.split_once("http=0.0.0.0:")?.1.split(' ').next()?.parse().ok());
    let at = SocketAddr::new(own_address(), port);
    assert_eq!(Request::get("/trust").send(at).status, 200);
    assert_eq!(Request::get("/trust/ca.crt").send(at).status, 200);
    assert_eq!(Request::get("/health").send(at).status, 403, "all else is for its owner");
    process.stdout.expect(&["/claim#"]);
}
