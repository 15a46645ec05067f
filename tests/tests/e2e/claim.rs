//! The first start with the built program: what other machines get of a server that nobody owns yet, and how somebody does.

use std::net::SocketAddr;

use mqtt::packet::Connect;
use mqtt::{ReasonCode, Version};
use serde_json::json;
use tests::{Bridge, Client, PATIENCE, Process, Request, Response, TempFolder, Wire, own_address, program};

/// All that another machine gets before the claim.
const OPEN: [&str; 5] = ["/claim", "/api/claim", "/pages/style.css", "/pages/script.js", "/pages/icon.svg"];
const PASSWORD: &str = "correct horse";

fn unclaimed() -> Bridge {
    Bridge::open_in(TempFolder::new("claim"), "")
}

/// What the printed link carries.
fn printed(bridge: &Bridge) -> String {
    let start = format!("http://{}:{}/claim#", own_address(), bridge.http.port());
    let link = |line: &str| line.split_once(&start).map(|(_, token)| token.trim().to_owned());
    bridge.process.stdout.find("a link to claim it", link)
}

fn claim(at: SocketAddr, token: &str, name: &str, password: &str) -> Response {
    Request::post("/api/claim", &json!({ "token": token, "name": name, "password": password })).send(at)
}

#[test]
fn nothing_else_is_served_to_other_machines_until_it_is_claimed() {
    let bridge = unclaimed();
    let token = printed(&bridge);
    let (http, tcp) = (Bridge::from_afar(bridge.http), Bridge::from_afar(bridge.tcp));
    for path in
        ["/", "/explorer", "/health", "/metrics", "/login", "/users", "/api/me", "/api/users", "/nothing"]
    {
        let refused = Request::get(path).send(http);
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.text().contains("nobody has claimed this Switchboard yet"), "{path}: {refused:?}");
    }
    let login = Request::post("/api/login", &json!({ "name": "a", "password": "b" })).send(http);
    assert_eq!(login.status, 403);
    let refused = Request::upgrade("/mqtt", "mqtt").send(http);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("open the link"), "{refused:?}");
    for path in OPEN {
        let answer = Request::get(path).send(http);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains(&token), "{path}");
    }
    for version in [Version::V3_1_1, Version::V5] {
        let mut client = Client::new(Wire::tcp(tcp), version);
        let refused = client.connect(&Connect::new(version, "c"));
        assert_eq!(refused.reason, ReasonCode::NotAuthorized);
        let words = refused.properties.reason_string.unwrap_or_default();
        assert_eq!(words.contains("nobody has claimed this server yet"), version.is_5(), "{words}");
    }
    // This machine is as it always was.
    assert_eq!(Request::get("/").send(bridge.http).status, 200);
    let mut client = Client::new(Wire::websocket(bridge.http), Version::V5);
    assert_eq!(client.connect(&Connect::new(Version::V5, "c")).reason, ReasonCode::Success);
}

#[test]
fn the_link_makes_its_first_user_once() {
    let mut bridge = unclaimed();
    let (token, http) = (printed(&bridge), Bridge::from_afar(bridge.http));
    assert!(token.len() >= 22, "128 bits in base64: {token}");
    for (given, name, password, status) in [
        ("", "alice", PASSWORD, 403),
        (&token[1..], "alice", PASSWORD, 403),
        (&*token, "alice", "short", 400),
        (&*token, "anonymous", PASSWORD, 400),
        (&*token, "", PASSWORD, 400),
    ] {
        assert_eq!(claim(http, given, name, password).status, status, "{given} {name} {password}");
    }
    let claimed = claim(http, &token, "alice", PASSWORD);
    assert_eq!((claimed.status, claimed.json()["is_admin"].as_bool()), (200, Some(true)), "{claimed:?}");
    assert_eq!(claim(http, &token, "mallory", PASSWORD).status, 410, "once");
    // Logged in at once, and everything is there.
    let cookie = claimed.cookie();
    let me = Request::get("/api/me").with("Cookie", &cookie).send(http).json();
    assert_eq!((me["user"].as_str(), me["is_admin"].as_bool()), (Some("alice"), Some(true)));
    assert_eq!(Request::get("/").with("Cookie", &cookie).send(http).status, 200);
    let wire = Wire::websocket_with("mqtt", &[("Cookie", &cookie)], http);
    let mut client = Client::new(wire, Version::V5);
    assert_eq!(client.connect(&Connect::new(Version::V5, "c")).reason, ReasonCode::Success);
    bridge.process.stderr.expect(&["connected", "user=\"alice\""]);
    // Whoever has no cookie is led to the login.
    let led = Request::get("/explorer").send(http);
    assert_eq!((led.status, led.header("location")), (303, Some("/login?back=/explorer")));
    let all = [bridge.process.stderr.all().concat(), format!("{:?}", bridge.process.stderr.all())].concat();
    assert!(!all.contains(&token) && !all.contains(PASSWORD), "neither is ever logged");
    // It stays so.
    bridge.restart();
    assert_eq!(Request::get("/api/claim").send(http).json()["is_unclaimed"], false);
    assert!(!bridge.process.stdout.all().concat().contains("/claim#"));
}

#[test]
fn an_unclaimed_server_prints_another_link_at_each_start() {
    let mut bridge = unclaimed();
    let first = printed(&bridge);
    bridge.restart();
    let (second, http) = (printed(&bridge), Bridge::from_afar(bridge.http));
    assert_ne!(first, second);
    assert_eq!(claim(http, &first, "alice", PASSWORD).status, 403);
    assert_eq!(claim(http, &second, "alice", PASSWORD).status, 200);
}

#[test]
fn of_many_who_claim_at_once_one_does() {
    let bridge = unclaimed();
    let (token, http) = (printed(&bridge), Bridge::from_afar(bridge.http));
    let claims: Vec<_> = (0..6)
        .map(|n| {
            let token = token.clone();
            std::thread::spawn(move || claim(http, &token, &format!("user{n}"), PASSWORD).status)
        })
        .collect();
    let mut statuses: Vec<_> = claims.into_iter().map(|claim| claim.join().expect("an answer")).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200, "{statuses:?}");
    assert!(statuses[1..].iter().all(|status| matches!(status, 403 | 410)), "{statuses:?}");
    let users = std::fs::read_to_string(bridge.data().join("users.toml")).expect("users");
    assert_eq!(users.matches("[[user]]").count(), 1, "{users}");
}

#[test]
fn a_user_who_is_added_at_the_terminal_claims_it_too() {
    let bridge = unclaimed();
    let (token, http) = (printed(&bridge), Bridge::from_afar(bridge.http));
    let data = bridge.data().to_string_lossy().into_owned();
    let line = ["user", "add", "alice", "--data", &data];
    assert_eq!(Process::start_with_input(&program(), &line, "pencil").wait(PATIENCE).code(), Some(0));
    bridge.process.stderr.expect(&["users and rules were read anew", "users=1"]);
    assert_eq!(claim(http, &token, "mallory", PASSWORD).status, 410);
    assert_eq!(Request::get("/").send(http).header("location"), Some("/login"));
}

#[test]
fn without_a_place_for_users_or_with_everyone_there_is_nothing_to_claim() {
    let words = ["--http", "0.0.0.0:0", "--tcp", "127.0.0.1:0", "--data", ":memory:"];
    let mut process = Process::start(&program(), &words);
    assert_eq!(process.wait(PATIENCE).code(), Some(2));
    process.stderr.expect(&["`:memory:` would keep none", "--data", "--anonymous"]);
    let open = Bridge::open_in(TempFolder::new("open"), "[auth]\nanonymous = true\n");
    assert_eq!(Request::get("/").send(Bridge::from_afar(open.http)).status, 200);
    assert!(!open.process.stdout.all().concat().contains("/claim#"));
    let near = Bridge::keeping("");
    assert_eq!(Request::get("/").send(near.http).status, 200);
    assert!(!near.process.stdout.all().concat().contains("/claim#"), "nobody else can reach it");
}

#[test]
fn guesses_of_the_link_are_bounded() {
    let bridge = unclaimed();
    let (token, http) = (printed(&bridge), Bridge::from_afar(bridge.http));
    for _ in 0..10 {
        assert_eq!(claim(http, "AAAAAAAAAAAAAAAAAAAAAA", "mallory", PASSWORD).status, 403);
    }
    assert_eq!(claim(http, &token, "mallory", PASSWORD).status, 429);
    assert_eq!(claim(bridge.http, &token, "alice", PASSWORD).status, 200, "of that address alone");
}
