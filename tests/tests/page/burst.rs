//! A burst of messages lets the page be drawn: no task of the client takes longer than promised.

use std::fs;

use mqtt::packet::Connect;
use mqtt::{Packet, Version};
use serde_json::Value;
use tests::{Client, TempFile, Wire, message};

use crate::npm::{Stage, site};
use crate::stage::SOON;

const MESSAGES: usize = 100_000;
/// What one task may take, in milliseconds.
const LONGEST_MS: f64 = 8.0;
/// Other work of the machine makes a task longer, never shorter: the shortest of several counts.
const BURSTS: usize = 12;

/// Times each task in which the client is called: those of its sockets and of its message channels.
const PAGE: &str = "
    window.longest = 0;
    window.tasks = 0;
    const timed = (f) => f && ((e) => {
        const start = performance.now();
        f(e);
        window.longest = Math.max(window.longest, performance.now() - start);
        window.tasks += 1;
    });
    for (const kind of [WebSocket, MessagePort]) {
        const { get, set } = Object.getOwnPropertyDescriptor(kind.prototype, 'onmessage');
        Object.defineProperty(kind.prototype, 'onmessage', { get, set(f) { set.call(this, timed(f)); } });
    }
    new PerformanceObserver((list) => { window.longTasks += list.getEntries().length; }).observe({ type: 'longtask' });
    const { connect } = await import('/switchboard-mqtt/index.js');
    window.seen = 0;
    const client = window.client = await connect('/mqtt', { on: { message: ({ payload }) => { window.seen += payload.length; } } });
    await client.subscribe('b');
    window.isReady = true;
";

#[test]
fn a_hundred_thousand_messages_block_the_page_for_eight_milliseconds_at_most() {
    let site = site();
    fs::write(site.0.join("burst.js"), PAGE).expect("a file can be written");
    let html = "<!doctype html><script type=module src=/burst.js></script>";
    fs::write(site.0.join("burst.html"), html).expect("a file can be written");
    let config = TempFile::new("switchboard.toml", "[limits]\nmax_output_bytes = 67108864\n");
    let stage = Stage::with(site, "/burst.html", &["--config", &config.0.to_string_lossy()]);
    stage.browser.wait_for("the page is ready", SOON, "return window.isReady === true");
    let mut friend = Client::new(Wire::tcp(stage.bridge.tcp), Version::V5);
    friend.connect(&Connect::new(Version::V5, "friend"));
    let packets: Vec<_> = (0..MESSAGES).map(|_| Packet::Publish(message("b", b"!"))).collect();
    let bytes = friend.encode(&packets);
    let mut seen = Vec::new();
    for _ in 0..BURSTS {
        let begins = "[window.seen, window.longest, window.tasks, window.longTasks] = [0, 0, 0, 0]";
        stage.browser.run(begins, &[]);
        friend.send_bytes(&bytes);
        let all = format!("return window.seen === {MESSAGES}");
        stage.browser.wait_for("all are there", SOON * 3, &all);
        let told = stage.browser.run("return [window.longest, window.tasks, window.longTasks]", &[]);
        let number = |n: usize| told.get(n).and_then(Value::as_f64).expect("a number");
        seen.push((number(0), number(1), number(2)));
        if number(0) <= LONGEST_MS && number(2) == 0.0 {
            eprintln!("longest task, tasks, long tasks of the browser, for each burst: {seen:?}");
            return;
        }
    }
    panic!("longest task in ms, tasks, long tasks of the browser: {seen:?}");
}
