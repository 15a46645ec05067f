//! Why there is no connection, found out by what a browser allows; and what becomes of a link while its page sleeps or its clock
//! jumps. With the npm package.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use mqtt::Qos;
use serde_json::{Value, json};
use tests::{Bridge, TempFile, TempFolder};

use crate::npm::{Stage, site};
use crate::stage::SOON;

/// The code with which an attempt is rejected.
fn code(stage: &Stage, address: &str, options: &str) -> Value {
    stage.play(&format!("return (await rejection(mqtt.connect('{address}', {options})))[2];"))
}

/// A server that answers everything with this, as long as the test runs.
fn answering(head: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            // A request fits into one read; who says nothing gets the answer too.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream
                .write_all(format!("{head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").as_bytes());
        }
    });
    address
}

/// A page that may ask whom it likes: without the security policy of ours.
pub(crate) fn open_page(stage: &Stage, host: &str, site: TempFolder) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            serve(stream, &site);
        }
    });
    stage.browser.open(&format!("http://{host}:{port}/example.js"));
}

/// Answers one request by a file of the site.
fn serve(mut stream: TcpStream, site: &TempFolder) {
    let mut line = String::new();
    let _ = BufReader::new(&stream).read_line(&mut line);
    let path = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let kind = match path.rsplit('.').next() {
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        _ => "text/html",
    };
    let (status, body) = match std::fs::read(site.0.join(&path)) {
        Ok(body) if !path.is_empty() => ("200 OK", body),
        _ => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

#[test]
fn a_refused_attempt_says_why_by_what_a_page_may_find_out() {
    let stage = Stage::new("/example.js");
    open_page(&stage, "127.0.0.1", site());
    for (head, expected) in [
        ("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *", "not-a-broker"),
        ("HTTP/1.1 503 Busy\r\nAccess-Control-Allow-Origin: *", "server-busy"),
        ("HTTP/1.1 200 OK", "not-taken"),
        ("HTTP/1.1 404 Not Found\r\nAccess-Control-Allow-Origin: *", "wrong-path"),
    ] {
        let address = format!("ws://{}/mqtt", answering(head));
        assert_eq!(code(&stage, &address, "{}"), json!(expected), "{head}");
    }
    assert_eq!(code(&stage, "ws://127.0.0.1:1/mqtt", "{}"), json!("unreachable"));
    assert_eq!(code(&stage, "/elsewhere", "{}"), json!("wrong-path"));
    let elsewhere = format!("ws://{}/elsewhere", stage.bridge.http);
    assert_eq!(code(&stage, &elsewhere, "{}"), json!("not-taken"), "its answer is not for this page");
    // TLS where there is none.
    let plain = format!("wss://{}/mqtt", answering("HTTP/1.1 200 OK"));
    assert_eq!(code(&stage, &plain, "{}"), json!("tls-untrusted"));
    let no_login = format!("ws://{}/mqtt", Bridge::start().http);
    assert_eq!(code(&stage, &no_login, "{}"), json!("unreachable"), "it is gone");
}

#[test]
fn a_page_of_another_origin_is_told_that_it_is_refused() {
    let stage = Stage::new("/example.js");
    // A name of this machine that is not taken for it.
    open_page(&stage, "panel.localhost", site());
    let address = format!("ws://{}/mqtt", stage.bridge.http);
    assert_eq!(code(&stage, &address, "{}"), json!("origin-refused"));
}

#[test]
fn the_brokers_own_reasons_are_typed_too() {
    let hash = "$7$101$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
    let text = format!("[[auth.user]]\nname = \"alice\"\npassword = \"{hash}\"\n");
    let config = TempFile::new("switchboard.toml", &text);
    let stage = Stage::with(site(), "/example.js", &["--config", &config.0.to_string_lossy()]);
    let wrong = code(&stage, "/mqtt", "{ username: 'alice', password: 'no' }");
    assert!(wrong == "bad-credentials" || wrong == "not-authorized", "{wrong}");
    let method = "{ authentication: { method: 'guess', begin: () => 'who am I?', answer: () => '' } }";
    assert_eq!(code(&stage, "/mqtt", method), json!("bad-authentication-method"));
    let throws =
        "{ authentication: { method: 'x', begin() { throw new Error('no key'); }, answer: () => '' } }";
    assert_eq!(code(&stage, "/mqtt", throws), json!("server-unproven"));
    let seen = stage.play(
        "const first = await mqtt.connect('/mqtt', { clientId: 'same' });
         const why = next(first, 'why');
         const second = await mqtt.connect('/mqtt', { clientId: 'same' });
         const { reason, words } = await why;
         return [reason, words, first.state, second.state];",
    );
    assert_eq!(seen, json!(["taken-over", seen[1], "closed", "connected"]), "{seen}");
}

/// A page that hears, and says what it went through.
const HEARS: &str = "
    window.heard = [];
    for (const kind of ['freeze', 'resume']) document.addEventListener(kind, () => window.heard.push(kind));
    window.client = await mqtt.connect('/mqtt', { sessionExpiry: 60, on: { message: ({ text }) => window.heard.push(text) } });
    return (await window.client.subscribe('t', { qos: 1 })).qos;";

#[test]
fn a_page_that_was_frozen_finds_its_broker_again() {
    let mut stage = Stage::new("/example.js");
    assert_eq!(stage.play(HEARS), json!(1));
    let freeze = |stage: &Stage, state: &str| {
        stage.browser.devtools("Page.setWebLifecycleState", &json!({ "state": state }));
    };
    let heard = |text: &str| format!("return window.heard.includes('{text}')");
    // The connection lives on.
    freeze(&stage, "frozen");
    stage.friend().publish("t", b"while it was frozen", Qos::AtLeastOnce);
    freeze(&stage, "active");
    stage.browser.wait_for("what came meanwhile", SOON, &heard("while it was frozen"));
    // The connection dies meanwhile.
    freeze(&stage, "frozen");
    stage.bridge.kill();
    stage.bridge.restart();
    freeze(&stage, "active");
    stage.browser.wait_for("it is connected", SOON, "return window.client.state === 'connected'");
    let subscribed = "await window.client.publish('t', 'after it', { qos: 1, deadline: 9_000 }); return 0;";
    stage.play(subscribed);
    stage.browser.wait_for("what comes afterwards", SOON, &heard("after it"));
    let events =
        stage.browser.run("return window.heard.filter((text) => /^(freeze|resume)$/.test(text))", &[]);
    assert_eq!(events, json!(["freeze", "resume", "freeze", "resume"]));
}

#[test]
fn clocks_that_jump_break_nothing() {
    let stage = Stage::new("/example.js");
    let clocks = "const [tick, date] = [performance.now.bind(performance), Date.now];
        window.jump = window.set = 0;
        performance.now = () => tick() + window.jump;
        Date.now = () => date() + window.set;";
    stage.browser.run(clocks, &[]);
    assert_eq!(stage.play(HEARS), json!(1));
    // The machine slept three hours, without a word to the page; somebody sets the clock on, and back.
    for (jump, set) in [(3 * 3_600_000, 0), (3 * 3_600_000, 86_400_000), (4 * 3_600_000, -86_400_000_i64)] {
        let script = format!(
            "window.jump = {jump}; window.set = {set};
             const outcome = await window.client.publish('t', '{jump} {set}', {{ qos: 1, deadline: 9_000 }});
             return [outcome.status, window.client.state];"
        );
        assert_eq!(stage.play(&script), json!(["acknowledged", "connected"]));
        let heard = format!("return window.heard.includes('{jump} {set}')");
        stage.browser.wait_for("it came round", SOON, &heard);
    }
    // What waits when the clock jumps over its deadline is over, and not sent late.
    let late = stage.play(
        "const real = WebSocket.prototype.__lookupGetter__('bufferedAmount');
         Object.defineProperty(WebSocket.prototype, 'bufferedAmount', { get: () => 1 << 20, configurable: true });
         await window.client.publish('t', 'fills the buffer');
         const late = window.client.publish('t', 'late', { qos: 1, expiry: 60 });
         const soon = window.client.publish('urgent', '', { qos: 1, deadline: 60_000 });
         const first = (await soon).status;
         window.jump += 3_600_000;
         Object.defineProperty(WebSocket.prototype, 'bufferedAmount', { get: real, configurable: true });
         return [first, await rejection(late)];",
    );
    // And a command overtakes what fills the browser's buffer.
    assert_eq!(late, json!(["acknowledged", [true, true, "expired"]]));
}
