//! What the browser's port serves besides MQTT: the page, its files and `/health`.

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use tests::{Bridge, Client, Request, Response, Wire};

/// Paths that the page's own index.html names, which are hashed.
fn assets(bridge: &Bridge) -> Vec<String> {
    let index = Request::get("/").send(bridge.http);
    let html = String::from_utf8(index.decoded()).expect("html is text");
    let mut found: Vec<String> =
        html.split(['"', '\'']).filter(|text| text.starts_with("/assets/")).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    assert!(found.len() >= 3, "the page has a style, a script and a module: {found:?}");
    found
}

#[test]
fn every_path_of_the_page_gives_the_page() {
    let bridge = Bridge::start();
    for path in ["/", "/explorer", "/settings", "/?broker=ws://127.0.0.1:9001/mqtt", "/explorer?x=1"] {
        let response = Request::get(path).send(bridge.http);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(response.header("cache-control"), Some("no-cache"), "{path}");
        assert!(response.text().contains("data-link"), "{path} is the page");
    }
}

#[test]
fn each_asset_has_its_type_and_is_kept_for_ever() {
    let bridge = Bridge::start();
    for path in assets(&bridge) {
        let response = Request::get(&path).send(bridge.http);
        assert_eq!(response.status, 200, "{path}");
        let kind = match path.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            Some("wasm") => "application/wasm",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("woff2") => "font/woff2",
            other => panic!("a file of an unknown kind: {other:?}"),
        };
        let told = response.header("content-type").unwrap_or_default();
        assert_eq!(told.split(';').next(), Some(kind), "{path}");
        let cache = response.header("cache-control").unwrap_or_default();
        assert!(cache.contains("immutable") && cache.contains("max-age=31536000"), "{path}: {cache}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

#[test]
fn the_best_encoding_that_was_offered_is_sent() {
    let bridge = Bridge::start();
    let wasm = assets(&bridge).into_iter().find(|path| path.ends_with(".wasm")).expect("a module");
    let get = |accept: &str| -> Response {
        let request = Request::get(&wasm);
        let request = if accept.is_empty() { request } else { request.with("Accept-Encoding", accept) };
        request.send(bridge.http)
    };
    let plain = get("");
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("content-type"), Some("application/wasm"), "what streaming compilation needs");
    for (accept, encoding) in [
        ("gzip, deflate, br", Some("br")),
        ("br", Some("br")),
        ("gzip", Some("gzip")),
        ("gzip;q=1.0, br;q=0", Some("gzip")),
        ("deflate", None),
        ("identity", None),
        ("br;q=0, gzip;q=0", None),
    ] {
        let response = get(accept);
        assert_eq!(response.header("content-encoding"), encoding, "{accept}");
        assert!(
            response.header("vary").is_some_and(|vary| vary.to_lowercase().contains("accept-encoding")),
            "{accept}"
        );
        assert!(response.decoded() == plain.body, "{accept}: the same bytes");
        if encoding.is_some() {
            assert!(response.body.len() < plain.body.len(), "{accept}: smaller");
        }
    }
}

#[test]
fn an_etag_that_is_known_is_answered_with_304() {
    let bridge = Bridge::start();
    for path in std::iter::once("/".to_owned()).chain(assets(&bridge)) {
        let first = Request::get(&path).send(bridge.http);
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has an ETag")).to_owned();
        let again = Request::get(&path).with("If-None-Match", &tag).send(bridge.http);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let other = Request::get(&path).with("If-None-Match", "\"other\"").send(bridge.http);
        assert_eq!(other.status, 200, "{path}");
    }
}

#[test]
fn head_gives_the_head_alone() {
    let bridge = Bridge::start();
    for path in ["/", "/health", "/api/me"] {
        let (get, head) =
            (Request::get(path).send(bridge.http), Request::new("HEAD", path).send(bridge.http));
        assert_eq!(head.status, 200, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
    let (get, head) = (Request::get("/").send(bridge.http), Request::new("HEAD", "/").send(bridge.http));
    assert_eq!(head.header("content-length"), get.header("content-length"));
}

#[test]
fn health_says_how_the_server_is() {
    let bridge = Bridge::start();
    let response = Request::get("/health").send(bridge.http);
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let health: serde_json::Value = serde_json::from_str(response.text()).expect("JSON");
    assert_eq!(health["status"], "ok");
    assert!(health["version"].as_str().is_some_and(|version| version.split('.').count() == 3), "{health}");
    assert!(health["uptime_s"].is_u64(), "{health}");
    assert!(health["durability"].is_string(), "with `:memory:` it promises nothing, and says so: {health}");
}

#[test]
fn metrics_count_what_happens() {
    let bridge = Bridge::start();
    let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    client.connect(&Connect::new(Version::V5, "alice"));
    client.subscribe("a/#", Qos::AtLeastOnce);
    client.retain("a/b", b"1", Qos::AtLeastOnce);
    client.receive();
    client.sync();
    let response = Request::get("/metrics").send(bridge.http);
    assert_eq!(response.status, 200);
    let value = |name: &str| {
        let line =
            response.text().lines().find_map(|line| line.strip_prefix(&format!("switchboard_{name} ")));
        line.and_then(|value| value.parse::<u64>().ok())
            .unwrap_or_else(|| panic!("{name} in {}", response.text()))
    };
    assert_eq!(
        (value("connections"), value("sessions"), value("subscriptions"), value("retained_messages")),
        (1, 1, 1, 1)
    );
    assert_eq!((value("messages_received_total"), value("messages_sent_total")), (1, 1));
}

#[test]
fn every_answer_carries_the_headers_that_protect_it() {
    let bridge = Bridge::start();
    for path in ["/", "/explorer", "/nothing-here", "/health"] {
        let response = Request::get(path).send(bridge.http);
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    let page = Request::get("/").send(bridge.http);
    let policy = page.header("content-security-policy").expect("a content security policy");
    for part in ["default-src 'self'", "'wasm-unsafe-eval'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{part} is in {policy}");
    }
    for part in ["'unsafe-inline'", "'unsafe-eval'", "blob:", "*"] {
        assert!(!policy.split([' ', ';']).any(|word| word == part), "{part} is not in {policy}");
    }
    let referrer = page.header("referrer-policy").unwrap_or_default();
    assert!(matches!(referrer, "no-referrer" | "same-origin"), "{referrer}");
}

#[test]
fn what_is_not_there_is_404_and_what_is_not_done_is_405() {
    let bridge = Bridge::start();
    for path in ["/nothing-here", "/assets/none.js", "/assets/", "/favicon.icon", "/health/more"] {
        let response = Request::get(path).send(bridge.http);
        assert_eq!(response.status, 404, "{path}");
        assert!(!response.text().contains("data-link"), "{path} is not the page");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let response = Request::new(method, "/").with_body(b"x").send(bridge.http);
        assert_eq!(response.status, 405, "{method}");
        assert!(
            response.header("allow").is_some_and(|allow| allow.contains("GET")),
            "{method}: Allow says what would do"
        );
    }
    for (path, allow) in [("/api/me", "GET, HEAD"), ("/api/login", "POST"), ("/api/users", "GET, HEAD, POST")]
    {
        let response = Request::new("PUT", path).with_body(b"x").send(bridge.http);
        assert_eq!((response.status, response.header("allow")), (405, Some(allow)), "{path}");
    }
}

#[test]
fn no_path_leaves_the_page() {
    let bridge = Bridge::start();
    for path in [
        "/../Cargo.toml",
        "/assets/../../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/assets/%2e%2e%2f%2e%2e%2fetc/passwd",
        "//etc/passwd",
        "/..%5c..%5cetc%5cpasswd",
        "/assets/..%00.js",
        "/index.html.br",
        "/%",
        "/%ff",
    ] {
        let response = Request::get(path).send(bridge.http);
        assert!(matches!(response.status, 400 | 404), "{path}: {}", response.status);
        assert!(!response.body.windows(5).any(|five| five == b"root:"), "{path}");
    }
}

#[test]
fn a_connection_serves_many_requests_and_bad_ones_end_it() {
    let bridge = Bridge::start();
    let (first, mut stream) = Request::get("/health").connect(bridge.http);
    assert_eq!(first.status, 200);
    std::io::Write::write_all(&mut stream, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("the connection is open");
    let mut part = [0; 1024];
    let n = std::io::Read::read(&mut stream, &mut part).expect("a second answer");
    assert!(part[..n].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&part[..n]));
    let long = "x".repeat(300_000);
    let refused = Request::get("/").with("X-Long", &long).send(bridge.http);
    assert_eq!(refused.status, 431, "headers have a bound");
    assert_eq!(Request::get("/health").send(bridge.http).status, 200, "and the server goes on");
}
