//! Logins of browsers with the built program: a cookie that says who comes, until it does not any more.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use mqtt::packet::Connect;
use mqtt::{Qos, ReasonCode, SessionExpiry, Version};
use serde_json::{Value, json};
use tests::{Bridge, Client, PATIENCE, Process, Request, Response, TempFolder, Wire, program, until};

const PASSWORD: &str = "correct horse";

/// A server on all addresses with the admin alice and bob of the house.
fn house(text: &str) -> Bridge {
    let folder = TempFolder::new("house");
    let data = folder.0.to_string_lossy().into_owned();
    for (name, group) in [("alice", "admin"), ("bob", "house")] {
        let line = ["user", "add", name, "--group", group, "--data", &data];
        assert_eq!(Process::start_with_input(&program(), &line, PASSWORD).wait(PATIENCE).code(), Some(0));
    }
    Bridge::open_in(folder, text)
}

fn log_in_with(at: SocketAddr, name: &str, password: &str) -> Response {
    Request::post("/api/login", &json!({ "name": name, "password": password })).send(at)
}

/// A cookie of this user.
fn log_in(at: SocketAddr, name: &str) -> String {
    let answer = log_in_with(at, name, PASSWORD);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.cookie()
}

fn get(at: SocketAddr, path: &str, cookie: &str) -> Response {
    Request::get(path).with("Cookie", cookie).send(at)
}

fn delete(at: SocketAddr, path: &str, cookie: &str) -> u16 {
    Request::new("DELETE", path).with("Cookie", cookie).send(at).status
}

fn user(at: SocketAddr, cookie: &str) -> Value {
    get(at, "/api/me", cookie).json()["user"].clone()
}

fn page(at: SocketAddr, cookie: &str) -> Client {
    Client::new(Wire::websocket_with("mqtt", &[("Cookie", cookie)], at), Version::V5)
}

fn connect(at: SocketAddr, cookie: &str, client_id: &str) -> Client {
    let mut client = page(at, cookie);
    assert_eq!(client.connect(&Connect::new(Version::V5, client_id)).reason, ReasonCode::Success);
    client
}

#[test]
fn a_cookie_is_its_user_at_the_websocket() {
    let bridge = house("[[auth.rule]]\nallow = \"all\"\ntopics = [\"own/%u/#\"]\n");
    let http = Bridge::from_afar(bridge.http);
    let answer = log_in_with(http, "alice", PASSWORD);
    let line = answer.header("set-cookie").expect("a cookie").to_owned();
    for word in ["switchboard=", "; Path=/;", "; HttpOnly", "; SameSite=Strict"] {
        assert!(line.contains(word), "{word}: {line}");
    }
    assert!(!line.contains("Secure") && !line.contains("Domain"), "it came without TLS: {line}");
    let mut alice = connect(http, &answer.cookie(), "a");
    assert_eq!(alice.publish("own/alice/x", b"1", Qos::AtLeastOnce), ReasonCode::NoMatchingSubscribers);
    assert_eq!(alice.publish("own/bob/x", b"1", Qos::AtLeastOnce), ReasonCode::NotAuthorized);
    // A CONNECT that names a user has to prove it itself.
    for (name, password, reason) in [
        ("bob", PASSWORD, ReasonCode::Success),
        ("bob", "wrong", ReasonCode::BadUserNameOrPassword),
        ("alice", "wrong", ReasonCode::BadUserNameOrPassword),
    ] {
        let mut client = page(http, &answer.cookie());
        let (user_name, password) = (Some(name), Some(password.as_bytes()));
        let connect = Connect { user_name, password, ..Connect::new(Version::V5, "b") };
        assert_eq!(client.connect(&connect).reason, reason);
    }
    // Without a cookie, or with one of nobody, it is a stranger.
    for cookie in ["", "switchboard=", "switchboard=AAAA", "other=1", "switchboard"] {
        let mut client = page(http, cookie);
        let refused = client.connect(&Connect::new(Version::V5, "c"));
        assert_eq!(refused.reason, ReasonCode::NotAuthorized, "{cookie}");
    }
    // Among others, it is found.
    let among = format!("a=b; {}; c", answer.cookie());
    assert_eq!(user(http, &among), "alice");
}

#[test]
fn a_cookie_is_for_tls_alone_where_a_trusted_proxy_says_so() {
    let names = "origins = [\"https://panel.example\", \"http://panel.example\"]";
    let trusting = house(&format!("[listen]\ntrusted_proxies = [\"127.0.0.0/8\"]\n{names}\n"));
    let plain = house("");
    let by = |bridge: &Bridge, headers: [(&'static str, &'static str); 3]| {
        let form = Request::post("/api/login", &json!({ "name": "alice", "password": PASSWORD }));
        headers.into_iter().fold(form, |form, (name, value)| form.with(name, value)).send(bridge.http)
    };
    let from = ("X-Forwarded-For", "203.0.113.9");
    let own = ("Origin", "https://panel.example");
    let (host, tls) = (("Host", "panel.example"), ("X-Forwarded-Proto", "https"));
    let answer = by(&trusting, [from, host, tls]);
    let line = answer.header("set-cookie").expect("a cookie");
    assert!(line.starts_with("__Host-switchboard=") && line.contains("; Secure"), "{line}");
    let me = Request::get("/api/me").with("Cookie", &answer.cookie()).with(from.0, from.1);
    assert_eq!(me.with(tls.0, tls.1).send(trusting.http).json()["user"], "alice");
    for (bridge, proto) in [(&trusting, "http"), (&plain, "https")] {
        let answer = by(bridge, [from, host, ("X-Forwarded-Proto", proto)]);
        let line = answer.header("set-cookie").expect("a cookie");
        assert!(line.starts_with("switchboard=") && !line.contains("Secure"), "{line}");
    }
    assert_eq!(by(&trusting, [own, host, tls]).status, 200, "our own page under a public name");
    let page_without_tls = ("Origin", "http://panel.example");
    assert_eq!(by(&trusting, [page_without_tls, host, tls]).status, 403, "which is not the same place");
    let without_tls = ("X-Forwarded-Proto", "http");
    assert_eq!(by(&trusting, [page_without_tls, host, without_tls]).status, 200);
}

#[test]
fn a_wrong_password_is_refused_and_too_many_are_not_listened_to() {
    let bridge = house("");
    let http = Bridge::from_afar(bridge.http);
    for (name, password) in [("alice", "wrong"), ("nobody", PASSWORD), ("", ""), ("alice\u{0}", PASSWORD)] {
        let refused = log_in_with(http, name, password);
        assert_eq!((refused.status, refused.header("set-cookie")), (401, None), "{name:?}");
        assert_eq!(refused.json()["error"], "the user name or the password is wrong");
    }
    // They count together with those of MQTT.
    for _ in 0..6 {
        let mut client = Client::new(Wire::tcp(Bridge::from_afar(bridge.tcp)), Version::V5);
        let (user_name, password) = (Some("alice"), Some(&b"wrong"[..]));
        client.connect(&Connect { user_name, password, ..Connect::new(Version::V5, "c") });
    }
    let refused = log_in_with(http, "alice", PASSWORD);
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.json()["error"].as_str().is_some_and(|why| why.contains("try again in a minute")));
    let mut client = Client::new(Wire::tcp(Bridge::from_afar(bridge.tcp)), Version::V5);
    let (user_name, password) = (Some("alice"), Some(PASSWORD.as_bytes()));
    let refused = client.connect(&Connect { user_name, password, ..Connect::new(Version::V5, "c") });
    assert_eq!(refused.reason, ReasonCode::ConnectionRateExceeded, "the other way round too");
    assert_eq!(log_in_with(bridge.http, "alice", PASSWORD).status, 200, "of that address alone");
    let log = bridge.process.stderr.all().concat();
    assert!(!log.contains(PASSWORD), "no password is logged");
}

#[test]
fn logging_out_ends_the_page_at_once() {
    let bridge = house("");
    let http = Bridge::from_afar(bridge.http);
    let (cookie, other) = (log_in(http, "alice"), log_in(http, "alice"));
    let (mut page, mut other_page) = (connect(http, &cookie, "a"), connect(http, &other, "b"));
    let out = Request::new("POST", "/api/logout").with("Cookie", &cookie).send(http);
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").is_some_and(|line| line.contains("Max-Age=0")), "{out:?}");
    assert_eq!(page.end().reason, Some(ReasonCode::AdministrativeAction));
    assert_eq!((user(http, &cookie), user(http, &other)), (Value::Null, "alice".into()));
    other_page.sync();
    let mut again = self::page(http, &cookie);
    assert_eq!(again.connect(&Connect::new(Version::V5, "a")).reason, ReasonCode::NotAuthorized);
    // Nothing to log out of is no mistake.
    assert_eq!(Request::new("POST", "/api/logout").send(http).status, 204);
}

#[test]
fn logins_are_listed_and_revoked() {
    let bridge = house("");
    let http = Bridge::from_afar(bridge.http);
    let (alice, bob) = (log_in(http, "alice"), log_in(http, "bob"));
    let mut page = connect(http, &bob, "bobs");
    let list = |cookie: &str| get(http, "/api/sessions", cookie).json();
    let id_of = |list: &Value, user: &str| {
        let sessions = list["sessions"].as_array().cloned().unwrap_or_default();
        let found = sessions.iter().find(|session| session["user"] == user).cloned();
        found.map(|session| session["id"].as_str().unwrap_or_default().to_owned())
    };
    let bobs = list(&bob);
    assert_eq!(bobs["sessions"].as_array().map(Vec::len), Some(1), "one's own: {bobs}");
    assert_eq!(bobs["sessions"][0]["is_connected"], true);
    let all = list(&alice);
    assert_eq!(all["sessions"].as_array().map(Vec::len), Some(2), "an admin sees all: {all}");
    assert!(!all.to_string().contains(bob.split_once('=').expect("a cookie").1), "no token");
    let (alices, id) = (id_of(&all, "alice").expect("hers"), id_of(&all, "bob").expect("his"));
    assert_eq!(delete(http, &format!("/api/sessions/{alices}"), &bob), 404, "not his to end");
    assert_eq!(delete(http, &format!("/api/sessions/{id}"), ""), 401);
    assert_eq!(delete(http, "/api/sessions/1", &alice), 404);
    assert_eq!(delete(http, &format!("/api/sessions/{id}"), &alice), 204);
    assert_eq!(page.end().reason, Some(ReasonCode::AdministrativeAction), "at once");
    assert_eq!(get(http, "/api/sessions", &bob).status, 401);
    assert_eq!(list(&alice)["sessions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn only_hashes_are_kept_and_logins_survive_a_restart() {
    let mut bridge = house("");
    let http = Bridge::from_afar(bridge.http);
    let (cookie, gone) = (log_in(http, "alice"), log_in(http, "bob"));
    assert_eq!(Request::new("POST", "/api/logout").with("Cookie", &gone).send(http).status, 204);
    let file = bridge.data().join("logins.json");
    let text = fs::read_to_string(&file).expect("logins are kept");
    assert!(!text.contains(cookie.split_once('=').expect("a cookie").1), "{text}");
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    bridge.restart();
    assert_eq!((user(http, &cookie), user(http, &gone)), ("alice".into(), Value::Null));
    // One that is damaged lets nobody in, and says so.
    fs::write(&file, "{").expect("it can be written");
    bridge.restart();
    assert_eq!(user(http, &cookie), Value::Null);
    bridge.process.stderr.expect(&["logins.json", "is damaged", "has to log in again"]);
}

#[test]
fn another_password_ends_logins_and_pages() {
    let bridge = house("");
    let http = Bridge::from_afar(bridge.http);
    let (alice, bob) = (log_in(http, "alice"), log_in(http, "bob"));
    let mut page = connect(http, &bob, "bobs");
    let change = json!({ "name": "bob", "password": "battery staple" });
    assert_eq!(Request::post("/api/users", &change).with("Cookie", &alice).send(http).status, 200);
    assert_eq!(page.end().reason, Some(ReasonCode::NotAuthorized));
    assert_eq!(user(http, &bob), Value::Null);
    assert_eq!(log_in_with(http, "bob", PASSWORD).status, 401);
    assert_eq!(log_in_with(http, "bob", "battery staple").status, 200);
}

#[test]
fn a_login_ends_when_its_time_is_over() {
    let bridge = house("[auth]\nlogin_max_s = 2\n");
    let http = Bridge::from_afar(bridge.http);
    let cookie = log_in(http, "alice");
    let mut page = connect(http, &cookie, "a");
    assert_eq!(page.end().reason, Some(ReasonCode::MaximumConnectTime), "also while it is used");
    until("the login is over", PATIENCE, || (user(http, &cookie) == Value::Null).then_some(()));
    let bridge = house("[auth]\nlogin_idle_s = 1\n");
    let http = Bridge::from_afar(bridge.http);
    let (used, idle) = (log_in(http, "alice"), log_in(http, "bob"));
    let mut page = connect(http, &used, "a");
    // A page that is connected uses its login; asking after the other one would.
    until("one is over", PATIENCE, || {
        let sessions = get(http, "/api/sessions", &used).json();
        (sessions["sessions"].as_array().map(Vec::len) == Some(1)).then_some(())
    });
    assert_eq!((user(http, &idle), user(http, &used)), (Value::Null, "alice".into()));
    page.sync();
}

#[test]
fn only_our_own_pages_change_anything() {
    let bridge = house("[listen]\norigins = [\"https://panel.example\"]\n");
    let http = Bridge::from_afar(bridge.http);
    let own = format!("http://{http}");
    let post = |origin: &str| {
        let request = Request::post("/api/login", &json!({ "name": "alice", "password": PASSWORD }));
        request.with("Origin", origin).send(http).status
    };
    for (origin, status) in [
        (&*own, 200),
        ("https://panel.example", 200),
        ("https://panel.example.net", 403),
        ("https://panel.exampl", 403),
        ("http://evil.example", 403),
        ("http://localhost:8081", 403),
        ("null", 403),
        ("", 403),
        (&own[..own.len() - 1], 403),
    ] {
        assert_eq!(post(origin), status, "{origin}");
    }
    // No form of another site can say that it is JSON.
    let body = json!({ "name": "alice", "password": PASSWORD }).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = Request::new("POST", "/api/login").with("Content-Type", kind);
        assert_eq!(request.with_body(body.as_bytes()).send(http).status, 415, "{kind}");
    }
    let cookie = log_in(http, "alice");
    for (method, path) in
        [("POST", "/api/logout"), ("DELETE", "/api/users/bob"), ("DELETE", "/api/sessions/1")]
    {
        let request =
            Request::new(method, path).with("Cookie", &cookie).with("Origin", "http://evil.example");
        assert_eq!(request.send(http).status, 403, "{method} {path}");
    }
    assert_eq!(user(http, &cookie), "alice");
    let large = json!({ "name": "alice", "password": "x".repeat(20_000) });
    assert_eq!(Request::post("/api/login", &large).send(http).status, 413);
    let odd = json!({ "name": "alice", "password": PASSWORD, "more": 1 });
    assert_eq!(Request::post("/api/login", &odd).send(http).status, 400);
    assert_eq!(Request::get("/api/login").send(http).status, 405);
    assert_eq!(Request::get("/api/nothing").send(http).status, 404);
}

#[test]
fn the_panel_leads_to_the_login_and_back() {
    let bridge = house("");
    let http = Bridge::from_afar(bridge.http);
    for (path, to) in [
        ("/", "/login"),
        ("/explorer", "/login?back=/explorer"),
        ("/settings?x=//evil.example", "/login?back=/settings"),
    ] {
        let led = Request::get(path).send(http);
        assert_eq!((led.status, led.header("location")), (303, Some(to)), "{path}");
        assert_eq!(led.header("cache-control"), Some("no-store"));
    }
    let cookie = log_in(http, "bob");
    assert_eq!(get(http, "/explorer", &cookie).status, 200);
    assert_eq!(Request::get("/?broker=ws://other:9001").send(http).status, 200, "it needs nothing of us");
    assert_eq!(Request::get("/").send(bridge.http).status, 200, "this machine needs no login");
    for path in ["/login", "/account", "/users", "/permissions"] {
        let page = Request::get(path).send(http);
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"), "{policy}");
        assert!(!page.text().contains("<style") && !page.text().contains("style="), "{path}: nothing inline");
    }
}

#[test]
fn admins_change_users_and_nobody_else() {
    let bridge = house("");
    let http = Bridge::from_afar(bridge.http);
    let (alice, bob) = (log_in(http, "alice"), log_in(http, "bob"));
    let put =
        |cookie: &str, body: Value| Request::post("/api/users", &body).with("Cookie", cookie).send(http);
    let carol = json!({ "name": "carol", "password": PASSWORD, "groups": ["house"] });
    for (cookie, status) in [("", 401), (&*bob, 403)] {
        assert_eq!(get(http, "/api/users", cookie).status, status);
        assert_eq!(put(cookie, carol.clone()).status, status);
        assert_eq!(delete(http, "/api/users/bob", cookie), status);
        assert_eq!(get(http, "/api/why?user=bob&action=publish&topic=a", cookie).status, status);
    }
    assert_eq!(Request::get("/api/users").send(bridge.http).status, 401, "from this machine too");
    assert_eq!(put(&alice, carol).status, 201);
    let carols = log_in(http, "carol");
    let mut page = connect(http, &carols, "carols");
    let listed = get(http, "/api/users", &alice).json();
    let names: Vec<_> =
        listed["users"].as_array().expect("a list").iter().map(|user| &user["name"]).collect();
    assert_eq!(names, ["alice", "bob", "carol"]);
    assert!(!listed.to_string().contains("argon2"), "{listed}");
    // Groups alone, and what the password was stays.
    assert_eq!(put(&alice, json!({ "name": "carol", "groups": ["garden"] })).status, 200);
    page.sync();
    assert_eq!(get(http, "/api/me", &carols).json()["groups"], json!(["garden"]));
    for (body, status) in [
        (json!({ "name": "dave" }), 400),
        (json!({ "name": "dave", "password": "short" }), 400),
        (json!({ "name": "anonymous", "password": PASSWORD }), 400),
        (json!({ "name": "alice", "groups": [] }), 409),
    ] {
        assert_eq!(put(&alice, body.clone()).status, status, "{body}");
    }
    assert_eq!(delete(http, "/api/users/alice", &alice), 409, "the last admin stays");
    assert_eq!(delete(http, "/api/users/nobody", &alice), 404);
    assert_eq!(delete(http, "/api/users/carol", &alice), 204);
    assert_eq!(page.end().reason, Some(ReasonCode::NotAuthorized), "at once");
    assert_eq!(user(http, &carols), Value::Null);
    assert_eq!(put(&alice, json!({ "name": "bob", "groups": ["admin"] })).status, 200);
    assert_eq!(delete(http, "/api/users/alice", &bob), 204, "there is another admin now");
}

#[test]
fn the_permissions_page_says_what_the_command_says() {
    let rules = "[[auth.rule]]\nallow = \"publish\"\nuser = \"bob\"\ntopics = [\"a/+\"]\nmax_qos = 1\n";
    let bridge = house(rules);
    let http = Bridge::from_afar(bridge.http);
    let alice = log_in(http, "alice");
    let why = |query: &str| get(http, &format!("/api/why?{query}"), &alice);
    let yes = why("user=bob&action=publish&topic=a%2Fx").json();
    assert_eq!(yes["may"], true);
    assert_eq!(yes["words"], "bob may publish to a/x: rule 1 (line 1) allows it up to QoS 1");
    let no = why("user=anonymous&action=subscribe&topic=a%2F%23").json();
    assert_eq!(no["may"], false);
    let words = "anonymous may not subscribe to a/#: no rule fits, and what none fits is denied";
    assert_eq!(no["words"], words);
    for bad in
        ["", "user=bob&action=publish", "user=bob&action=do&topic=a", "user=eve&action=publish&topic=a"]
    {
        assert_eq!(why(bad).status, 400, "{bad}");
    }
}

#[test]
fn a_session_of_a_login_is_its_users_alone() {
    let bridge = house("");
    let http = Bridge::from_afar(bridge.http);
    let (alice, bob) = (log_in(http, "alice"), log_in(http, "bob"));
    let mut lasting = Connect { clean_start: false, ..Connect::new(Version::V5, "phone") };
    lasting.properties.session_expiry = SessionExpiry::from_secs(1000);
    let mut first = page(http, &alice);
    assert_eq!(first.connect(&lasting).reason, ReasonCode::Success);
    first.disconnect();
    let mut other = page(http, &bob);
    assert_eq!(other.connect(&lasting).reason, ReasonCode::ClientIdentifierNotValid);
    let mut nobody = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    assert_eq!(nobody.connect(&lasting).reason, ReasonCode::ClientIdentifierNotValid);
    let mut again = page(http, &log_in(http, "alice"));
    assert!(again.connect(&lasting).session_present, "another login of the same user");
}
