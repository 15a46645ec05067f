//! What somebody who is nobody's user can reach, in each situation that a first start can be in. The lists are what is asserted: who
//! adds a path or a right adds a line here, and sees who gets it.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};

use mqtt::packet::Connect;
use mqtt::{Qos, ReasonCode, Version};
use tests::{Client, PATIENCE, Process, Request, TempFile, TempFolder, Wire, program};

const PATHS: [&str; 20] = [
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
    "/login",
    "/logout",
    "/claim",
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

/// An address of this machine that others would reach it by: traffic to it stays here, and does not come from loopback.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect("192.0.2.1:9").expect("this machine has an address besides loopback"); // which sends nothing
    let own = socket.local_addr().expect("a bound socket").ip();
    assert!(!own.is_loopback() && !own.is_unspecified(), "this machine has an address besides loopback");
    own
}

fn command(config: &str, host: IpAddr, more: &[&str]) -> (Process, (TempFolder, TempFile)) {
    let app = TempFolder::new("app");
    fs::create_dir_all(&app.0).expect("the folder for temporary files can be written to");
    fs::write(app.0.join("index.html"), "<!doctype html>").expect("it can be written to");
    let config = TempFile::new("switchboard.toml", config);
    let at = SocketAddr::new(host, 0).to_string();
    let (app_path, config_path) =
        (app.0.to_string_lossy().into_owned(), config.0.to_string_lossy().into_owned());
    let words =
        ["--config", &config_path, "--app", &app_path, "--data", ":memory:", "--http", &at, "--tcp", &at];
    let process = Process::start(&program(), &[&words, more].concat());
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
    let mut reached = Vec::new();
    for path in PATHS {
        for method in METHODS {
            let status = Request::new(method, path).send(started.http).status;
            if !matches!(status, 404 | 405 | 426) {
                reached.push(format!("{method} {path} {status}"));
            }
        }
    }
    let by_tcp = speak(Wire::tcp(started.tcp));
    assert_eq!(speak(Wire::websocket(started.http)), by_tcp, "by WebSocket");
    reached.extend(by_tcp);
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
    assert_eq!(reach(&alone), list(&[&PAGE, &MQTT_ALL]));
    for address in [alone.http, alone.tcp] {
        let elsewhere = SocketAddr::new(own, address.port());
        assert!(TcpStream::connect_timeout(&elsewhere, PATIENCE).is_err(), "nothing listens at {elsewhere}");
    }

    // The network, and nobody is known: nothing is served at all.
    for more in [&[][..], &["--lan"]] {
        let (mut process, _files) = command("", own, more);
        assert_eq!(process.wait(PATIENCE).code(), Some(2));
        process.stderr.expect(&["there are no users", "user add", "--anonymous"]);
        assert_eq!(process.stdout.all(), [] as [&str; 0]);
    }
    let (mut process, _files) = command(RULES, own, &[]);
    assert_eq!(process.wait(PATIENCE).code(), Some(2), "rules are no users");

    // The network, and everybody is let in, as was said aloud.
    assert_eq!(reach(&start("", own, &["--anonymous"])), list(&[&PAGE, &MQTT_ALL]));
    assert_eq!(reach(&start("[auth]\nanonymous = true\n", own, &[])), list(&[&PAGE, &MQTT_ALL]));

    // The network, and there are users: the page, and nobody else gets in.
    assert_eq!(reach(&start(USERS, own, &[])), list(&[&PAGE, &refused]));
    // This machine, and there are users: who names none is anonymous as before.
    assert_eq!(reach(&start(USERS, loopback, &[])), list(&[&PAGE, &MQTT_ALL]));

    // With rules, what they allow to anonymous. A filter is granted when some of it is, and each message is asked about.
    assert_eq!(reach(&start(RULES, loopback, &[])), list(&[&PAGE, &by_rules]));
    assert_eq!(reach(&start(RULES, own, &["--anonymous"])), list(&[&PAGE, &by_rules]));
    assert_eq!(reach(&start(&[USERS, RULES].concat(), own, &[])), list(&[&PAGE, &refused]));
    let closed = [
        "connect: success",
        "subscribe #: NotAuthorized",
        "subscribe weather/#: NotAuthorized",
        "subscribe $SYS/#: NotAuthorized",
        "publish house/x: NotAuthorized",
    ];
    let for_alice = RULES.replace("anonymous", "alice");
    assert_eq!(reach(&start(&[USERS, &for_alice].concat(), loopback, &[])), list(&[&PAGE, &closed]));

    // Behind a proxy that is said to be one, this machine's address opens nothing.
    let proxied = start("[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n", loopback, &[]);
    assert_eq!(speak(Wire::websocket(proxied.http)), refused);
}
