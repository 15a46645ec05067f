//! Line 12: the browser's side.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use tests::{Bridge, PATIENCE, RawWebSocket, Request, Response, mask};

/// The answer of each kind that there is, by what it is.
fn answers(bridge: &Bridge) -> Vec<(&'static str, Response)> {
    let at = bridge.http;
    let upgrade = || Request::upgrade("/mqtt", "mqtt");
    let mut answers = vec![
        ("the page", Request::get("/").send(at)),
        ("a path of the page", Request::get("/explorer").send(at)),
        ("health", Request::get("/health").send(at)),
        ("metrics", Request::get("/metrics").send(at)),
        ("only the head", Request::new("HEAD", "/health").send(at)),
        ("not found", Request::get("/nothing").send(at)),
        ("not done", Request::new("POST", "/").with_body(b"x").send(at)),
        ("no upgrade", Request::get("/mqtt").send(at)),
        ("an upgrade of an old version", upgrade().without("Sec-WebSocket-Version").send(at)),
        ("a login without anything", Request::post("/api/login", &serde_json::json!({})).send(at)),
        ("what asks for a login", Request::get("/api/users").send(at)),
        ("an upgrade by another method", Request::new("POST", "/mqtt").send(at)),
        ("an upgrade of another page", upgrade().with("Origin", "https://evil.example").send(at)),
        ("an upgrade without a key", upgrade().without("Sec-WebSocket-Key").send(at)),
        ("an upgrade without a protocol", Request::upgrade("/mqtt", "").send(at)),
    ];
    if let Some(etag) = answers[0].1.header("etag").map(str::to_owned) {
        answers.push(("what is known", Request::get("/").with("If-None-Match", &etag).send(at)));
    }
    answers
}

#[test]
fn every_kind_of_answer_carries_the_headers_that_protect_it() {
    let bridge = Bridge::configured("[listen]\ntrusted_proxies = [\"127.0.0.2\"]\n");
    for (what, answer) in answers(&bridge) {
        let said = |name| answer.header(name).unwrap_or_else(|| panic!("{what} has no {name}: {answer:?}"));
        assert_eq!(said("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(said("x-frame-options"), "DENY", "{what}");
        assert_eq!(said("referrer-policy"), "no-referrer", "{what}");
        let policy: Vec<_> = said("content-security-policy").split(';').map(str::trim).collect();
        for part in [
            "default-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(&part), "{what}: {part}");
        }
        for part in policy {
            let words: Vec<_> = part.split(' ').collect();
            for bad in ["'unsafe-inline'", "'unsafe-eval'", "blob:", "*", "http:", "https:"] {
                assert!(!words.contains(&bad), "{what}: {part}");
            }
            assert!(!words.contains(&"data:") || words[0] == "img-src", "{what}: {part}");
        }
        // A page whose WebSocket fails may ask why, wherever it comes from: that is all it may read.
        let may_be_read = answer.header("access-control-allow-origin");
        assert_eq!(may_be_read, what.contains("upgrade").then_some("*"), "{what}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{what}");
        assert_eq!(answer.header("server"), None, "{what} does not say what it is");
    }
}

#[test]
fn origins_are_compared_whole() {
    let bridge =
        Bridge::configured("[listen]\norigins = [\"https://example.com\", \"https://example.net:8443\"]\n");
    for (origin, status) in [
        ("https://example.com", 101),
        ("https://example.net:8443", 101),
        ("https://example.co", 403),
        ("https://example.com.evil.example", 403),
        ("https://example.com:443", 403),
        ("https://example.com/", 403),
        ("https://evil.example#https://example.com", 403),
        ("https://example.net", 403),
        ("https://example.net:84430", 403),
        ("https://example.net:8443@evil.example", 403),
        ("https://sub.example.com", 403),
        ("HTTPS://EXAMPLE.COM", 403),
        ("http://example.com", 403),
        ("https://example.com https://evil.example", 403),
        ("null", 403),
    ] {
        let answer = Request::upgrade("/mqtt", "mqtt").with("Origin", origin).send(bridge.http);
        assert_eq!(answer.status, status, "{origin}");
    }
    // Two of them are none; and a host that was made to lead here is not ours because it says so.
    let two = Request::upgrade("/mqtt", "mqtt").with("Origin", "https://evil.example");
    assert_eq!(two.with("Origin", "https://example.com").send(bridge.http).status, 403);
}

#[test]
fn heads_of_requests_have_a_bound() {
    let bridge = Bridge::start();
    let grown = super::growth(&bridge, || {
        for _ in 0..20 {
            let big =
                Request::upgrade("/mqtt", "mqtt").with("X-Big", &"x".repeat(17 << 10)).send(bridge.http);
            assert_eq!(big.status, 431);
            let many = (0..200).fold(Request::get("/"), |request, n| request.with(&format!("X-{n}"), "x"));
            assert!(matches!(many.send(bridge.http).status, 400 | 431));
            let mut long = TcpStream::connect(bridge.http).expect("it listens");
            long.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
            let line = ["GET /", &"x".repeat(60 << 10), " HTTP/1.1\r\n\r\n"].concat();
            let _ = long.write_all(line.as_bytes()); // which may be refused before it is whole
            let mut answer = Vec::new();
            let _ = long.read_to_end(&mut answer);
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", answer.escape_ascii());
        }
    });
    assert!(grown < 4 << 10, "{grown} KiB");
    assert_eq!(Request::get("/health").send(bridge.http).status, 200);
}

/// So that no bomb can be packed.
#[test]
fn compression_is_never_agreed_on() {
    let bridge = Bridge::start();
    let offer = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame";
    let (answer, _stream) =
        Request::upgrade("/mqtt", "mqtt").with("Sec-WebSocket-Extensions", offer).connect(bridge.http);
    assert_eq!((answer.status, answer.header("sec-websocket-extensions")), (101, None));
    let mut socket = RawWebSocket::connect(bridge.http);
    socket.write(&mask(0xc2, &[0xab, 0x2e, 0x4e, 0x4d, 0x05, 0x00]));
    assert_eq!(socket.read_close(), 1002, "RSV1 without an extension that means something by it");
    let post = Request::new("POST", "/").with("Content-Encoding", "gzip").with_body(&[0x1f, 0x8b, 8, 0]);
    assert_eq!(post.send(bridge.http).status, 405, "no body is ever taken");
}

/// A browser sends what stands in an address to whoever it asks, and so may a person paste it.
#[test]
fn what_stands_in_an_address_is_not_logged() {
    let bridge = Bridge::configured("[log]\nlevel = \"trace\"\n");
    for path in [
        "/?token=TopSecret",
        "/mqtt?access_token=TopSecret",
        "/health?TopSecret",
        "/TopSecret",
        "/explorer?claim=TopSecret",
    ] {
        let _ = Request::get(path).send(bridge.http);
        let _ = Request::new("POST", path).send(bridge.http);
        let _ = Request::upgrade(path, "mqtt")
            .with("Cookie", "session=TopSecret")
            .with("Authorization", "Bearer TopSecret")
            .send(bridge.http);
        let _ = Request::upgrade(path, "").with("Referer", "http://x/?TopSecret").send(bridge.http);
    }
    let last = Request::upgrade("/mqtt", "mqtt").with("Origin", "https://evil.example");
    assert_eq!(last.send(bridge.http).status, 403);
    bridge.process.stderr.expect(&["WebSocket refused", "status=403"]);
    let log = bridge.process.stderr.all();
    assert!(!log.iter().any(|line| line.contains("TopSecret")), "{log:#?}");
}
