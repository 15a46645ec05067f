//! Hours of a link in seconds: many sessions one after the other, after which the memory of the module and of JavaScript is what it
//! was after the first of them.

use std::fs;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tests::{Bridge, Mosquitto};

use crate::npm::{Stage, site};
use crate::stage::SOON;

/// Sessions in one call, and messages in each: a third at each QoS.
const SESSIONS: u32 = 20;
const MESSAGES: u32 = 30;
/// Calls before memory is measured, and after.
const WARM: u32 = 2;
const CALLS: u32 = 4;
/// What JavaScript may hold more after [`CALLS`] calls than before them: far less than one message of each session.
const MORE_BYTES: f64 = 200_000.0;

const PAGE: &str = "
    const memories = window.memories = [];
    for (const name of ['instantiate', 'instantiateStreaming']) {
        const real = WebAssembly[name];
        WebAssembly[name] = async (...how) => {
            const made = await real.apply(WebAssembly, how);
            memories.push((made.instance ?? made).exports.memory);
            return made;
        };
    }
    const { connect } = await import('/switchboard-mqtt/index.js');
    const payload = new Uint8Array(1000);
    window.soak = async (broker, options, sessions, messages) => {
        for (let n = 0; n < sessions; n += 1) {
            let all;
            const arrived = new Promise((resolve) => { all = resolve; });
            let seen = 0;
            const message = (m) => { if (m.payload.length === 1000 && (seen += 1) === messages) all(); };
            const client = await connect(broker, { ...options, on: { message } });
            await client.subscribe(`soak/${n % 7}/#`, { qos: 2 });
            await Promise.all(Array.from({ length: messages }, (_, i) =>
                client.publish(`soak/${n % 7}/${i}`, payload, { qos: i % 3, deadline: 20_000 })));
            await arrived;
            await client.unsubscribe(`soak/${n % 7}/#`);
            const over = new Promise((resolve) => client.on('close', resolve));
            client.end();
            await over;
        }
        return sessions * messages;
    };
    window.isReady = true;
";

/// Bytes that JavaScript holds when nothing more can be freed, and those of each module.
fn memory(stage: &Stage) -> (f64, Value) {
    for _ in 0..3 {
        stage.browser.devtools("HeapProfiler.collectGarbage", &json!({}));
    }
    let held = stage.browser.devtools("Runtime.getHeapUsage", &json!({}))["usedSize"].as_f64();
    let modules = stage.browser.run("return window.memories.map((memory) => memory.buffer.byteLength)", &[]);
    (held.expect("a number"), modules)
}

fn soak(broker: SocketAddr) {
    let site = site();
    fs::write(site.0.join("soak.js"), PAGE).expect("a file can be written");
    let html = "<!doctype html><script type=module src=/soak.js></script>";
    fs::write(site.0.join("soak.html"), html).expect("a file can be written");
    let stage = Stage::of(site, "/soak.html");
    for version in [5, 4] {
        for durable in [false, true] {
            stage.browser.reload();
            stage.browser.wait_for("the page is ready", SOON, "return window.isReady === true");
            let options = json!({ "version": version, "durable": durable });
            let script = "const done = arguments[arguments.length - 1];
                window.soak(...[...arguments].slice(0, -1)).then(done, (error) => done(`${error.stack}`));";
            let address = format!("ws://{broker}/mqtt");
            let arguments = [address.into(), options, SESSIONS.into(), MESSAGES.into()];
            let call = || assert_eq!(stage.browser.run_async(script, &arguments), json!(SESSIONS * MESSAGES));
            (0..WARM).for_each(|_| call());
            let (before, modules) = memory(&stage);
            (0..CALLS).for_each(|_| call());
            let (after, modules_after) = memory(&stage);
            let what = format!("{version}, durable: {durable}: {before} → {after} bytes");
            eprintln!("{what}; modules {modules}");
            assert_eq!(modules, modules_after, "the memory of the module is flat: {what}");
            assert!(after - before < MORE_BYTES, "that of JavaScript too: {what}");
        }
    }
}

#[test]
fn memory_is_flat_over_many_sessions_with_our_broker() {
    let broker = Bridge::keeping_as(&[]);
    soak(broker.http);
}

#[test]
fn memory_is_flat_over_many_sessions_with_mosquitto() {
    let mosquitto = Mosquitto::start();
    soak(mosquitto.websocket);
}
