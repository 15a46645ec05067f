//! Clients behind proxies: whose word counts for where they come from, and what that decides. The proxy is this test.

use std::net::SocketAddr;

use mqtt::packet::Connect;
use mqtt::{ReasonCode, Version};
use tests::{Bridge, Client, PATIENCE, Process, Request, TempFile, Wire, program};

/// Its proxies are on this machine, and both kinds of listeners expect their header.
const BEHIND: &str = "[listen]\ntrusted_proxies = [\"127.0.0.0/8\"]\nproxy_protocol = [\"tcp\", \"http\"]\n";
const EVERYBODY: &str = "[auth]\nanonymous = true\n";

/// A connection that begins with this.
fn greeted(address: SocketAddr, header: &[u8]) -> Client {
    let mut wire = Wire::tcp(address);
    assert!(wire.send(header));
    Client::new(wire, Version::V5)
}

fn line(from: &str) -> Vec<u8> {
    format!("PROXY TCP4 {from} 192.0.2.1 4711 1883\r\n").into_bytes()
}

/// Version 2 for an address of IPv4, with a TLV behind it.
fn binary(command: u8, from: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, 0x11, 0, 16]);
    header.extend(from);
    header.extend([192, 0, 2, 1, 0x12, 0x67, 7, 0x5b, 4, 0, 1, 0]);
    header
}

fn hello(client: &mut Client, name: &str) -> ReasonCode {
    client.connect(&Connect::new(Version::V5, name)).reason
}

#[test]
fn the_header_says_where_a_client_comes_from() {
    let bridge = Bridge::configured(&[BEHIND, EVERYBODY].concat());
    let mut one = greeted(bridge.tcp, &line("203.0.113.9"));
    assert_eq!(hello(&mut one, "one"), ReasonCode::Success);
    bridge.process.stderr.expect(&["connected", "one", "peer=203.0.113.9:4711"]);
    let mut two = greeted(bridge.tcp, &binary(0x21, [203, 0, 113, 10]));
    assert_eq!(hello(&mut two, "two"), ReasonCode::Success);
    bridge.process.stderr.expect(&["connected", "two", "peer=203.0.113.10:4711"]);
    // All in one piece, and byte by byte.
    for pace in [usize::MAX, 1] {
        let mut wire = Wire::tcp(bridge.tcp);
        let client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        let connect = mqtt::Packet::Connect(Box::new(Connect::new(Version::V5, "three")));
        let bytes = [line("203.0.113.11"), client.encode(&[connect, mqtt::Packet::Pingreq])].concat();
        for piece in bytes.chunks(pace.min(bytes.len())) {
            assert!(wire.send(piece));
        }
        let mut client = Client::new(wire, Version::V5);
        assert_eq!(client.connack().reason, ReasonCode::Success);
        assert_eq!(client.next(), mqtt::Packet::Pingresp, "what comes right behind the header is not lost");
    }
}

#[test]
fn nobody_is_on_this_machine_because_the_proxy_is() {
    let bridge = Bridge::configured(BEHIND);
    for header in [
        line("203.0.113.9"),
        line("127.0.0.1"),
        b"PROXY UNKNOWN\r\n".to_vec(),
        binary(0x21, [127, 0, 0, 1]),
        binary(0x20, [127, 0, 0, 1]),
    ] {
        let mut client = greeted(bridge.tcp, &header);
        assert_eq!(hello(&mut client, "x"), ReasonCode::NotAuthorized, "{}", header.escape_ascii());
        client.end();
    }
}

#[test]
fn limits_hold_for_the_clients_address_and_not_for_the_proxys() {
    let limits = "[limits]\nmax_connections_per_address = 1\nmax_login_failures_per_minute = 2\n";
    let user = "[[auth.user]]\nname = \"alice\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jeHutNAspXQ+Qpnj83+s4w\"\n";
    let bridge = Bridge::configured(&[BEHIND, EVERYBODY, user, limits].concat());
    let (mut one, mut two) =
        (greeted(bridge.tcp, &line("203.0.113.1")), greeted(bridge.tcp, &line("203.0.113.2")));
    assert_eq!((hello(&mut one, "1"), hello(&mut two, "2")), (ReasonCode::Success, ReasonCode::Success));
    let mut again = greeted(bridge.tcp, &line("203.0.113.1"));
    assert_eq!(hello(&mut again, "3"), ReasonCode::QuotaExceeded, "the second of its address");
    let log_in = |from: &str| {
        let connect =
            Connect { user_name: Some("alice"), password: Some(b"wrong"), ..Connect::new(Version::V5, "4") };
        greeted(bridge.tcp, &line(from)).connect(&connect).reason
    };
    for expected in [
        ReasonCode::BadUserNameOrPassword,
        ReasonCode::BadUserNameOrPassword,
        ReasonCode::ConnectionRateExceeded,
    ] {
        assert_eq!(log_in("203.0.113.7"), expected);
    }
    assert_eq!(log_in("203.0.113.8"), ReasonCode::BadUserNameOrPassword, "another has tries of its own");
}

#[test]
fn a_header_is_neither_taken_from_anybody_nor_guessed() {
    // Where none is expected it is no MQTT.
    let bridge = Bridge::configured("[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    for header in [line("203.0.113.9"), binary(0x21, [203, 0, 113, 9])] {
        let mut client = greeted(bridge.tcp, &header);
        client.end();
        bridge.process.stderr.expect(&["connection ended by us", &client.local().to_string()]);
    }
    // Where one is expected nothing else counts.
    let bridge = Bridge::configured(&[BEHIND, EVERYBODY].concat());
    for bytes in
        [&b"\x10\x0d\0\x04MQTT\x05\0"[..], b"PROXY TCP4 203.0.113.9 x 4711 1883\r\n", b"GET / HTTP/1.1\r\n"]
    {
        for address in [bridge.tcp, bridge.http] {
            let mut client = greeted(address, bytes);
            client.end();
            bridge.process.stderr.expect(&["connection refused", "PROXY", &client.local().to_string()]);
        }
    }
    // And from nobody who is not trusted.
    let config = "[listen]\ntrusted_proxies = [\"10.0.0.0/8\"]\nproxy_protocol = [\"tcp\"]\n";
    let bridge = Bridge::configured(&[config, EVERYBODY].concat());
    let mut client = greeted(bridge.tcp, &line("203.0.113.9"));
    client.end();
    bridge.process.stderr.expect(&["connection refused", "trusted_proxies", &client.local().to_string()]);
    assert_eq!(Request::get("/health").send(bridge.http).status, 200, "the other listener is as ever");
}

#[test]
fn a_browser_behind_a_proxy_is_known_by_header_or_by_request() {
    let bridge = Bridge::configured(&[BEHIND, EVERYBODY].concat());
    let request =
        [&line("203.0.113.9")[..], b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"].concat();
    let mut wire = Wire::tcp(bridge.http);
    assert!(wire.send(&request));
    let tests::Received::Bytes(answer) = wire.receive(tests::Deadline::after(PATIENCE)) else {
        panic!("an answer")
    };
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());

    let bridge = Bridge::configured(&["[listen]\ntrusted_proxies = [\"127.0.0.0/8\"]\n", EVERYBODY].concat());
    for (name, headers, peer) in [
        ("a", vec![("X-Forwarded-For", "127.0.0.1, 203.0.113.9, 127.0.0.7")], "peer=203.0.113.9"),
        ("b", vec![("Forwarded", "for=\"[2001:db8::9]:4711\";proto=https")], "peer=[2001:db8::9]:4711"),
    ] {
        let upgrade = Request::upgrade("/mqtt", "mqtt");
        let upgrade = headers.into_iter().fold(upgrade, |upgrade, (name, value)| upgrade.with(name, value));
        let mut client = Client::new(Wire::websocket_by(upgrade, "mqtt", bridge.http), Version::V5);
        assert_eq!(hello(&mut client, name), ReasonCode::Success);
        bridge.process.stderr.expect(&["connected", &format!("client=\"{name}\""), peer]);
    }
    for (name, value) in [("X-Forwarded-For", "evil"), ("Forwarded", "for=unknown")] {
        let answer = Request::upgrade("/mqtt", "mqtt").with(name, value).send(bridge.http);
        assert_eq!(answer.status, 400);
        bridge.process.stderr.expect(&["request refused", "no address"]);
    }
    let both = Request::upgrade("/mqtt", "mqtt").with("Forwarded", "for=203.0.113.1");
    assert_eq!(both.with("X-Forwarded-For", "203.0.113.2").send(bridge.http).status, 400, "who is it?");
}

/// Also where nobody said that there is a proxy, which a browser cannot pretend.
#[test]
fn a_browser_behind_a_proxy_is_not_on_this_machine() {
    let trusting = Bridge::configured("[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let plain = Bridge::start();
    for bridge in [&trusting, &plain] {
        for (name, value) in [
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Forwarded-For", "203.0.113.9"),
            ("Forwarded", "for=127.0.0.1"),
        ] {
            let upgrade = Request::upgrade("/mqtt", "mqtt").with(name, value);
            let mut client = Client::new(Wire::websocket_by(upgrade, "mqtt", bridge.http), Version::V5);
            assert_eq!(hello(&mut client, "x"), ReasonCode::NotAuthorized, "{name}: {value}");
        }
        let origin = Request::upgrade("/mqtt", "mqtt").with("Origin", "http://localhost:9");
        assert_eq!(
            origin.with("X-Forwarded-For", "127.0.0.1").send(bridge.http).status,
            403,
            "nor is its page"
        );
    }
    let mut silent = Client::new(Wire::websocket(trusting.http), Version::V5);
    assert_eq!(
        hello(&mut silent, "x"),
        ReasonCode::NotAuthorized,
        "a proxy that does not say whom it speaks for"
    );
    let mut direct = Client::new(Wire::websocket(plain.http), Version::V5);
    assert_eq!(hello(&mut direct, "x"), ReasonCode::Success);
    let mut direct = Client::new(Wire::tcp(trusting.tcp), Version::V5);
    assert_eq!(hello(&mut direct, "x"), ReasonCode::Success, "nothing is forwarded there");
}

#[test]
fn trusted_proxies_are_read_anew() {
    let bridge = Bridge::configured("");
    let peer = |peer: &str, name: &str| {
        let upgrade = Request::upgrade("/mqtt", "mqtt").with("X-Forwarded-For", "203.0.113.9");
        hello(&mut Client::new(Wire::websocket_by(upgrade, "mqtt", bridge.http), Version::V5), name);
        bridge.process.stderr.expect(&[&format!("client=\"{name}\""), peer]);
    };
    bridge.configure(&["[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n", EVERYBODY].concat());
    bridge.process.stderr.expect(&["read anew"]);
    peer("peer=203.0.113.9", "after");
    bridge.configure(EVERYBODY);
    tests::until("another reading", PATIENCE, || (bridge.log_of("anew").len() >= 2).then_some(()));
    peer("peer=127.0.0.1", "later");
}

#[test]
fn a_configuration_of_proxies_that_is_wrong_stops_the_start() {
    for (text, words) in [
        ("[listen]\ntrusted_proxies = [\"10.0.0.1/8\"]\n", "set the others to zero"),
        ("[listen]\ntrusted_proxies = [\"house\"]\n", "is no network"),
        ("[listen]\nproxy_protocol = [\"tcp\"]\n", "needs trusted_proxies"),
        (
            "[listen]\ntrusted_proxies = [\"10.0.0.0/8\"]\nproxy_protocol = [\"127.0.0.1:1884\"]\n",
            "is no listener",
        ),
        (
            "[listen]\ntrusted_proxies = [\"10.0.0.0/8\"]\nproxy_protocol = [\"tpc\"]\n",
            "\"tpc\" is no listener",
        ),
        ("[listen]\ntrusted_proxy = [\"10.0.0.0/8\"]\n", "did you mean `trusted_proxies`?"),
    ] {
        let file = TempFile::new("switchboard.toml", text);
        let words_to = ["--config", &file.0.to_string_lossy(), "--data", ":memory:", "--tcp", "127.0.0.1:0"];
        let mut process = Process::start(&program(), &words_to);
        assert_eq!(process.wait(PATIENCE).code(), Some(2), "{text}");
        process.stderr.expect(&[words]);
    }
}
