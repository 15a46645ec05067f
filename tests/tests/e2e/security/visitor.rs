//! What somebody who is nobody's user can reach, in each situation that a first start can be in. The lists are what is asserted: who
//! adds a path or a right adds a line here, and sees who gets it.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};

use mqtt::packet::Connect;
use mqtt::{Qos, ReasonCode, Version};
use tests::{
    Authority, Client, PATIENCE, Process, Request, Response, TempFile, TempFolder, Wire, own_address, program,
};

const PATHS: [&str; 36] = [
    "/",
    "/index.html",
    "/explorer",
    "/settings",
    "/health",
    "/metrics",
    "/mqtt",
    "/login",
    "/claim",
    "/account",
    "/users",
    "/permissions",
    "/pages/script.js",
    "/pages/style.css",
    "/pages/icon.svg",
    "/trust",
    "/trust/ca.crt",
    "/trust/ca.pem",
    "/trust/style.css",
    "/trust/ca.key",
    "/api",
    "/api/",
    "/api/me",
    "/api/login",
    "/api/logout",
    "/api/claim",
    "/api/sessions",
    "/api/sessions/1",
    "/api/users",
    "/api/users/alice",
    "/api/why",
    "/api/config",
    "/admin",
    "/debug",
    "/.well-known/acme-challenge/x",
    "/users.toml",
];
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

const USERS: &str = "[[auth.user]]\nname = \"alice\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jeHutNAspXQ+Qpnj83+s4w\"\n";
const RULES: &str = "[[auth.rule]]\nallow = \"subscribe\"\nuser = \"anonymous\"\ntopics = [\"weather/#\"]\n";

/// The panel's page.
const PANEL: [&str; 4] = [
    "/ GET=200 HEAD=200",
    "/index.html GET=200 HEAD=200",
    "/explorer GET=200 HEAD=200",
    "/settings GET=200 HEAD=200",
];
/// The same where its visitor has to log in first: its file has no secrets.
const PANEL_BEHIND_LOGIN: [&str; 4] = [
    "/ GET=303 HEAD=303",
    "/index.html GET=200 HEAD=200",
    "/explorer GET=303 HEAD=303",
    "/settings GET=303 HEAD=303",
];
/// How the program is: numbers, and no names.
const HOW_IT_IS: [&str; 2] = ["/health GET=200 HEAD=200", "/metrics GET=200 HEAD=200"];
/// Pages that are empty until whoever sees them has logged in.
const FORMS: [&str; 8] = [
    "/login GET=200 HEAD=200",
    "/claim GET=200 HEAD=200",
    "/account GET=200 HEAD=200",
    "/users GET=200 HEAD=200",
    "/permissions GET=200 HEAD=200",
    "/pages/script.js GET=200 HEAD=200",
    "/pages/style.css GET=200 HEAD=200",
    "/pages/icon.svg GET=200 HEAD=200",
];
/// Our own CA's certificate, and how to trust it.
const TRUST: [&str; 4] = [
    "/trust GET=200 HEAD=200",
    "/trust/ca.crt GET=200 HEAD=200",
    "/trust/ca.pem GET=200 HEAD=200",
    "/trust/style.css GET=200 HEAD=200",
];
/// Who one is, which is nobody; a login, which nothing was sent for; and what asks for one first.
const API: [&str; 9] = [
    "/api/me GET=200 HEAD=200",
    "/api/login POST=400",
    "/api/logout POST=204",
    "/api/claim GET=200 HEAD=200 POST=400",
    "/api/sessions GET=401 HEAD=401",
    "/api/sessions/1 DELETE=401",
    "/api/users GET=401 HEAD=401 POST=401",
    "/api/users/alice DELETE=401",
    "/api/why GET=401 HEAD=401",
];
/// All that there is before a claim.
const CLAIM: [&str; 6] = [
    "/claim GET=200 HEAD=200",
    "/pages/script.js GET=200 HEAD=200",
    "/pages/style.css GET=200 HEAD=200",
    "/pages/icon.svg GET=200 HEAD=200",
    "/api/claim GET=200 HEAD=200 POST=400",
    "connect: NotAuthorized",
];
const MQTT_ALL: [&str; 5] = [
    "connect: success",
    "subscribe #: success",
    "subscribe weather/#: success",
    "subscribe $SYS/#: success",
    "publish house/x: success",
];
/// A filter is granted when some of it may be read; each message is asked about.
const MQTT_BY_RULES: [&str; 5] = [
    "connect: success",
    "subscribe #: success",
    "subscribe weather/#: success",
    "subscribe $SYS/#: NotAuthorized",
    "publish house/x: NotAuthorized",
];
const MQTT_FOR_OTHERS: [&str; 5] = [
    "connect: success",
    "subscribe #: NotAuthorized",
    "subscribe weather/#: NotAuthorized",
    "subscribe $SYS/#: NotAuthorized",
    "publish house/x: NotAuthorized",
];
const MQTT_NONE: [&str; 1] = ["connect: NotAuthorized"];

/// A started program.
struct Started {
    process: Process,
    http: SocketAddr,
    tcp: SocketAddr,
    _files: (TempFolder, TempFile, TempFolder),
}

impl Started {
    /// Where it listens for something else.
    fn at(&self, key: &str) -> SocketAddr {
        self.process
            .stdout
            .find(key, |line| line.split(' ').find_map(|word| word.strip_prefix(key)?.parse().ok()))
    }
}

fn command(config: &str, host: IpAddr, more: &[&str]) -> (Process, (TempFolder, TempFile, TempFolder)) {
    let app = TempFolder::new("app");
    fs::create_dir_all(&app.0).expect("the folder for temporary files can be written to");
    fs::write(app.0.join("index.html"), "<!doctype html>").expect("it can be written to");
    let config = TempFile::new("switchboard.toml", config);
    let data = TempFolder::new("data");
    let data_path = data.0.to_string_lossy().into_owned();
    let at = SocketAddr::new(host, 0).to_string();
    let (app_path, config_path) =
        (app.0.to_string_lossy().into_owned(), config.0.to_string_lossy().into_owned());
    let words =
        ["--config", &config_path, "--app", &app_path, "--data", &data_path, "--http", &at, "--tcp", &at];
    let process = Process::start(&program(), &[&words, more].concat());
    (process, (app, config, data))
}

fn start(config: &str, host: IpAddr, more: &[&str]) -> Started {
    let (process, files) = command(config, host, more);
    let (http, tcp) = process.stdout.find("where it listens", |line| {
        let at = |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key)?.parse().ok());
        Some((at("http=")?, at("tcp=")?))
    });
    Started { process, http, tcp, _files: files }
}

/// All that is answered with something else than that it is not there, not so, or not for others; and what MQTT allows. Both
/// transports must allow the same.
fn reach(started: &Started) -> Vec<String> {
    let mut reached = pages(|request| request.send(started.http));
    let by_tcp = speak(Wire::tcp(started.tcp));
    match Request::upgrade("/mqtt", "mqtt").send(started.http).status {
        101 => assert_eq!(speak(Wire::websocket(started.http)), by_tcp, "by WebSocket"),
        status => assert_eq!((status, &*by_tcp), (403, &list(&[&MQTT_NONE])[..]), "no WebSocket"),
    }
    reached.extend(by_tcp);
    reached
}

fn pages(ask: impl Fn(Request) -> Response) -> Vec<String> {
    let mut reached = Vec::new();
    for path in PATHS {
        let mut line = path.to_owned();
        for method in METHODS {
            let request = match method {
                "POST" => Request::post(path, &serde_json::json!({})),
                _ => Request::new(method, path),
            };
            let status = ask(request).status;
            if !matches!(status, 403 | 404 | 405 | 426) {
                line.push_str(&format!(" {method}={status}"));
            }
        }
        if line != path {
            reached.push(line);
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

/// The list, and only what differs when it does.
fn expect(what: &str, reached: Vec<String>, parts: &[&[&str]]) {
    let expected = list(parts);
    let more: Vec<_> = reached.iter().filter(|line| !expected.contains(line)).collect();
    let less: Vec<_> = expected.iter().filter(|line| !reached.contains(line)).collect();
    assert!(more.is_empty() && less.is_empty(), "{what}: {more:#?} is reached, and {less:#?} is not");
}

#[test]
fn what_a_visitor_can_reach() {
    let loopback: IpAddr = [127, 0, 0, 1].into();
    let own = own_address();
    let open = [&PANEL[..], &HOW_IT_IS, &FORMS, &API];
    let closed = [&PANEL_BEHIND_LOGIN[..], &HOW_IT_IS, &FORMS, &API];

    // Nothing is said: this machine alone, and it may do everything.
    let alone = start("", loopback, &[]);
    expect("nothing is said", reach(&alone), &[&open[..], &[&MQTT_ALL]].concat());
    for address in [alone.http, alone.tcp] {
        let elsewhere = SocketAddr::new(own, address.port());
        assert!(TcpStream::connect_timeout(&elsewhere, PATIENCE).is_err(), "nothing listens at {elsewhere}");
    }

    // The network, and nobody is known: the page of the claim, and nothing else. Rules are no users.
    for (config, more) in [("", &[][..]), ("", &["--lan"]), (RULES, &[])] {
        expect("unclaimed", reach(&start(config, own, more)), &[&CLAIM]);
    }

    // Where nothing is kept nobody could be made an owner: nothing is served at all.
    let at = SocketAddr::new(own, 0).to_string();
    let mut process = Process::start(&program(), &["--data", ":memory:", "--http", &at, "--tcp", &at]);
    assert_eq!(process.wait(PATIENCE).code(), Some(2));
    process.stderr.expect(&["there are no users", "--data", "--anonymous"]);
    assert_eq!(process.stdout.all(), [] as [&str; 0]);

    // The network, and everybody is let in, as was said aloud.
    let all = [&open[..], &[&MQTT_ALL]].concat();
    expect("--anonymous", reach(&start("", own, &["--anonymous"])), &all);
    expect("anonymous", reach(&start("[auth]\nanonymous = true\n", own, &[])), &all);

    // The network, and there are users: forms, and nobody else gets in. On this machine who names none is anonymous as before.
    expect("users", reach(&start(USERS, own, &[])), &[&closed[..], &[&MQTT_NONE]].concat());
    expect("users, here", reach(&start(USERS, loopback, &[])), &all);

    // With rules, what they allow to anonymous.
    let by_rules = [&open[..], &[&MQTT_BY_RULES]].concat();
    expect("rules, here", reach(&start(RULES, loopback, &[])), &by_rules);
    expect("rules, --anonymous", reach(&start(RULES, own, &["--anonymous"])), &by_rules);
    let with_users = [USERS, RULES].concat();
    expect("rules and users", reach(&start(&with_users, own, &[])), &[&closed[..], &[&MQTT_NONE]].concat());
    let for_alice = [USERS, &RULES.replace("anonymous", "alice")].concat();
    let for_others = [&open[..], &[&MQTT_FOR_OTHERS]].concat();
    expect("rules for another", reach(&start(&for_alice, loopback, &[])), &for_others);

    // Behind a proxy that is said to be one, this machine's address opens nothing by its port for browsers.
    let proxied = start("[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n", loopback, &[]);
    assert_eq!(speak(Wire::websocket(proxied.http)), MQTT_NONE);
}

/// The same by TLS, and at the port for browsers that is left beside it; with a certificate of our own its CA is there for everyone.
#[test]
fn what_a_visitor_can_reach_by_tls() {
    let loopback: IpAddr = [127, 0, 0, 1].into();
    let authority = Authority::new();
    let files = authority.server("visitor");
    let tls = format!(
        "[listen]\nhttps = [\"127.0.0.1:0\"]\n[tls]\ncertificate = {:?}\nkey = {:?}\n",
        files.certificate, files.key
    );
    let started = start(&tls, loopback, &[]);
    let open = [&PANEL[..], &HOW_IT_IS, &FORMS, &API];
    let https = started.at("https=");
    expect("by TLS", pages(|request| request.exchange(&mut authority.dial(https), https)), &open);
    expect("beside it", pages(|request| request.send(started.http)), &open);

    let started = start("[listen]\nhttps = [\"127.0.0.1:0\"]\n", loopback, &[]);
    let with_trust = [&open[..], &[&TRUST]].concat();
    expect("our own CA", pages(|request| request.send(started.http)), &with_trust);
}
