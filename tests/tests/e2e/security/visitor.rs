//! What somebody who is nobody's user can reach, in each situation that a first start can be in. The lists are what is asserted: who
//! adds a path or a right adds a line here, and sees who gets it.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};

use mqtt::packet::Connect;
use mqtt::{Qos, ReasonCode, Version};
use tests::{Client, PATIENCE, Process, Request, TempFile, TempFolder, Wire, own_address, program};

const PATHS: [&str; 31] = [
    "/",
    "/index.html",
    "/explorer",
    "/settings",
    "/health",
    "/metrics",
    "/mqtt",
    "/api",
    "/api/",
    "/api/users",
    "/api/sessions",
    "/api/config",
    "/api/me",
    "/api/login",
    "/api/logout",
    "/api/why",
    "/api/claim",
    "/login",
    "/logout",
    "/claim",
    "/account",
    "/users",
    "/permissions",
    "/pages/style.css",
    "/pages/script.js",
    "/pages/icon.svg",
    "/ca",
    "/admin",
    "/debug",
    "/.well-known/acme-challenge/x",
    "/users.toml",
];
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

const USERS: &str = "[[auth.user]]\nname = \"alice\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jeHutNAspXQ+Qpnj83+s4w\"\n";
const RULES: &str = "[[auth.rule]]\nallow = \"subscribe\"\nuser = \"anonymous\"\ntopics = [\"weather/#\"]\n";

/// The page and what says how the program is: for everyone who gets to the port.
const PAGE: [&str; 12] = [
    "GET / 200",
    "HEAD / 200",
    "GET /index.html 200",
    "HEAD /index.html 200",
    "GET /explorer 200",
    "HEAD /explorer 200",
    "GET /settings 200",
    "HEAD /settings 200",
    "GET /health 200",
    "HEAD /health 200",
    "GET /metrics 200",
    "HEAD /metrics 200",
];
/// Where one says who one is, and what is for those who have: pages without a secret, and questions that are refused.
const DOOR: [&str; 25] = [
    "GET /api/users 401",
    "POST /api/users 415",
    "GET /api/sessions 401",
    "GET /api/me 200",
    "POST /api/login 415",
    "POST /api/logout 204",
    "GET /api/why 401",
    "GET /api/claim 200",
    "POST /api/claim 415",
    "GET /login 200",
    "HEAD /login 200",
    "GET /claim 200",
    "HEAD /claim 200",
    "GET /account 200",
    "HEAD /account 200",
    "GET /users 200",
    "HEAD /users 200",
    "GET /permissions 200",
    "HEAD /permissions 200",
    "GET /pages/style.css 200",
    "HEAD /pages/style.css 200",
    "GET /pages/script.js 200",
    "HEAD /pages/script.js 200",
    "GET /pages/icon.svg 200",
    "HEAD /pages/icon.svg 200",
];
/// The same for somebody who could do nothing with the page: it leads to the login.
const PAGE_BEHIND_LOGIN: [&str; 12] = [
    "GET / 303",
    "HEAD / 303",
    "GET /index.html 200",
    "HEAD /index.html 200",
    "GET /explorer 303",
    "HEAD /explorer 303",
    "GET /settings 303",
    "HEAD /settings 303",
    "GET /health 200",
    "HEAD /health 200",
    "GET /metrics 200",
    "HEAD /metrics 200",
];
/// All there is before somebody owns it.
const CLAIM: [&str; 10] = [
    "GET /api/claim 200",
    "POST /api/claim 415",
    "GET /claim 200",
    "HEAD /claim 200",
    "GET /pages/style.css 200",
    "HEAD /pages/style.css 200",
    "GET /pages/script.js 200",
    "HEAD /pages/script.js 200",
    "GET /pages/icon.svg 200",
    "HEAD /pages/icon.svg 200",
];
const MQTT_ALL: [&str; 5] = [
    "connect: success",
    "subscribe #: success",
    "subscribe weather/#: success",
    "subscribe $SYS/#: success",
    "publish house/x: success",
];

/// A started program.
struct Started {
    _process: Process,
    http: SocketAddr,
    tcp: SocketAddr,
    _files: (TempFolder, TempFile),
}

fn command(config: &str, host: IpAddr, more: &[&str]) -> (Process, (TempFolder, TempFile)) {
    let app = TempFolder::new("app");
    fs::create_dir_all(&app.0).expect("the folder for temporary files can be written to");
    fs::write(app.0.join("index.html"), "<!doctype html>").expect("it can be written to");
    let config = TempFile::new("switchboard.toml", config);
    let at = SocketAddr::new(host, 0).to_string();
    let (app_path, config_path) =
        (app.0.to_string_lossy().into_owned(), config.0.to_string_lossy().into_owned());
    let words = ["--config", &config_path, "--app", &app_path, "--http", &at, "--tcp", &at];
    let memory: &[&str] = if more.contains(&"--data") { &[] } else { &["--data", ":memory:"] };
    let process = Process::start(&program(), &[&words, memory, more].concat());
    (process, (app, config))
}

fn start(config: &str, host: IpAddr, more: &[&str]) -> Started {
    let (process, files) = command(config, host, more);
    let (http, tcp) = process.stdout.find("where it listens", |line| {
        let at = |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key)?.parse().ok());
        Some((at("http=")?, at("tcp=")?))
    });
    Started { _process: process, http, tcp, _files: files }
}

/// All that is answered with something, and what MQTT allows. Both transports must allow the same.
fn reach(started: &Started) -> Vec<String> {
    let mut reached = reach_paths(started);
    let by_tcp = speak(Wire::tcp(started.tcp));
    assert_eq!(speak(Wire::websocket(started.http)), by_tcp, "by WebSocket");
    reached.extend(by_tcp);
    reached
}

fn reach_paths(started: &Started) -> Vec<String> {
    let mut reached = Vec::new();
    for path in PATHS {
        for method in METHODS {
            let status = Request::new(method, path).send(started.http).status;
            if !matches!(status, 404 | 405 | 426) {
                reached.push(format!("{method} {path} {status}"));
            }
        }
    }
    reached
}

fn speak(wire: Wire) -> Vec<String> {
    let mut client = Client::new(wire, Version::V5);
    let mut said = Vec::new();
    let mut say = |what: &str, reason: ReasonCode| {
        let is_done = matches!(reason, ReasonCode::Success | ReasonCode::NoMatchingSubscribers);
        said.push(format!("{what}: {}", if is_done { "success".to_owned() } else { format!("{reason:?}") }));
        is_done
    };
    if !say("connect", client.connect(&Connect::new(Version::V5, "visitor")).reason) {
        return said;
    }
    for filter in ["#", "weather/#", "$SYS/#"] {
        say(&format!("subscribe {filter}"), client.subscribe(filter, Qos::AtMostOnce));
    }
    say("publish house/x", client.publish("house/x", b"1", Qos::AtLeastOnce));
    // Never, for anybody.
    assert_eq!(client.publish("$SYS/x", b"1", Qos::AtLeastOnce), ReasonCode::NotAuthorized);
    said
}

fn list(parts: &[&[&str]]) -> Vec<String> {
    parts.concat().into_iter().map(str::to_owned).collect()
}

#[test]
fn what_a_visitor_can_reach() {
    let loopback: IpAddr = [127, 0, 0, 1].into();
    let own = own_address();
    let refused = ["connect: NotAuthorized"];
    let by_rules = [
        "connect: success",
        "subscribe #: success",
        "subscribe weather/#: success",
        "subscribe $SYS/#: NotAuthorized",
        "publish house/x: NotAuthorized",
    ];

    // Nothing is said: this machine alone, and it may do everything.
    let alone = start("", loopback, &[]);
    assert_eq!(reach(&alone), list(&[&PAGE, &DOOR, &MQTT_ALL]));
    for address in [alone.http, alone.tcp] {
        let elsewhere = SocketAddr::new(own, address.port());
        assert!(TcpStream::connect_timeout(&elsewhere, PATIENCE).is_err(), "nothing listens at {elsewhere}");
    }

    // The network, and nobody is known: nothing is served but the way to own it.
    let data = TempFolder::new("unclaimed");
    let unclaimed = start("", own, &["--data", &data.0.to_string_lossy()]);
    let mut paths = reach_paths(&unclaimed);
    paths.retain(|reached| !reached.ends_with(" 403"));
    assert_eq!(paths, list(&[&CLAIM]));
    assert_eq!(speak(Wire::tcp(unclaimed.tcp)), refused);
    assert_eq!(Request::upgrade("/mqtt", "mqtt").send(unclaimed.http).status, 403);

    // The same where no owner could be kept: it does not start.
    for more in [&[][..], &["--lan"]] {
        let (mut process, _files) = command("", own, more);
        assert_eq!(process.wait(PATIENCE).code(), Some(2));
        process.stderr.expect(&["there are no users", "--data", "--anonymous"]);
        assert_eq!(process.stdout.all(), [] as [&str; 0]);
    }
    let (mut process, _files) = command(RULES, own, &[]);
    assert_eq!(process.wait(PATIENCE).code(), Some(2), "rules are no users");

    // The network, and everybody is let in, as was said aloud.
    assert_eq!(reach(&start("", own, &["--anonymous"])), list(&[&PAGE, &DOOR, &MQTT_ALL]));
    assert_eq!(reach(&start("[auth]\nanonymous = true\n", own, &[])), list(&[&PAGE, &DOOR, &MQTT_ALL]));

    // The network, and there are users: the page, and nobody else gets in.
    assert_eq!(reach(&start(USERS, own, &[])), list(&[&PAGE_BEHIND_LOGIN, &DOOR, &refused]));
    // This machine, and there are users: who names none is anonymous as before.
    assert_eq!(reach(&start(USERS, loopback, &[])), list(&[&PAGE, &DOOR, &MQTT_ALL]));

    // With rules, what they allow to anonymous. A filter is granted when some of it is, and each message is asked about.
    assert_eq!(reach(&start(RULES, loopback, &[])), list(&[&PAGE, &DOOR, &by_rules]));
    assert_eq!(reach(&start(RULES, own, &["--anonymous"])), list(&[&PAGE, &DOOR, &by_rules]));
    assert_eq!(
        reach(&start(&[USERS, RULES].concat(), own, &[])),
        list(&[&PAGE_BEHIND_LOGIN, &DOOR, &refused])
    );
    let closed = [
        "connect: success",
        "subscribe #: NotAuthorized",
        "subscribe weather/#: NotAuthorized",
        "subscribe $SYS/#: NotAuthorized",
        "publish house/x: NotAuthorized",
    ];
    let for_alice = RULES.replace("anonymous", "alice");
    assert_eq!(reach(&start(&[USERS, &for_alice].concat(), loopback, &[])), list(&[&PAGE, &DOOR, &closed]));

    // Behind a proxy that is said to be one, this machine's address opens nothing.
    let proxied = start("[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n", loopback, &[]);
    assert_eq!(speak(Wire::websocket(proxied.http)), refused);
}
