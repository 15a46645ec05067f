//! The npm package in a browser: its example page as a user would serve it, and its calls one by one. `cargo xtask npm` makes it.

use std::fs;
use std::path::{Path, PathBuf};

use mqtt::packet::{Connect, Publish, PublishProperties};
use mqtt::{Qos, Version};
use serde_json::{Value, json};
use tests::{Bridge, Browser, Client, TempFile, TempFolder, Wire, message, tool};

use crate::secure::{LISTEN, fingerprint};
use crate::stage::{DESKTOP, SOON};

/// A folder of static files: the example page with the package beside it.
pub(crate) fn site() -> TempFolder {
    let package = tool("../npm");
    let folder = TempFolder::new("site");
    copy(&package, &folder.0.join("switchboard-mqtt"));
    copy(&package.join("example"), &folder.0);
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    let entries = fs::read_dir(from).expect("the package can be read");
    let files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    for path in files.iter().filter(|path| path.is_file()) {
        fs::copy(path, to.join(path.file_name().expect("a name"))).expect("a file can be copied");
    }
}

pub(crate) struct Stage {
    pub(crate) browser: Browser,
    pub(crate) bridge: Bridge,
    _site: TempFolder,
}

impl Stage {
    pub(crate) fn new(path: &str) -> Self {
        Self::of(site(), path)
    }

    /// The same with a site that has more files.
    pub(crate) fn of(site: TempFolder, path: &str) -> Self {
        Self::with(site, path, &[])
    }

    /// The same with more arguments for the bridge that serves it.
    pub(crate) fn with(site: TempFolder, path: &str, arguments: &[&str]) -> Self {
        let app = site.0.to_string_lossy();
        let bridge = Bridge::start_with(&[&["--app", &app], arguments].concat());
        let browser = Browser::start(DESKTOP.0, DESKTOP.1);
        browser.open(&format!("http://{}{path}", bridge.http));
        Self { browser, bridge, _site: site }
    }

    /// The same over https, with a browser that trusts this bridge and nobody else, and takes these arguments.
    pub(crate) fn secure(path: &str, arguments: &[&str]) -> Self {
        let (site, config) = (site(), TempFile::new("switchboard.toml", LISTEN));
        let (app, config) = (site.0.to_string_lossy(), config.0.to_string_lossy());
        let bridge = Bridge::keeping_as(&["--app", &app, "--config", &config]);
        let trust = format!("--ignore-certificate-errors-spki-list={}", fingerprint(&bridge));
        let arguments: Vec<_> = arguments.iter().map(|&word| word.to_owned()).chain([trust]).collect();
        let browser = Browser::start_with(DESKTOP.0, DESKTOP.1, &arguments);
        browser.open(&format!("https://localhost:{}{path}", bridge.listens("https").port()));
        Self { browser, bridge, _site: site }
    }

    /// The same in another browser, which shows nothing yet.
    pub(crate) fn seen_by(self, browser: Browser) -> Self {
        Self { browser, ..self }
    }

    /// Runs the body of an async function, in which `mqtt` is the package; gives what it returns.
    pub(crate) fn play(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const rejection = (promise) => promise.then(
                 (value) => ({{ fulfilled: value }}),
                 (e) => [e instanceof Error, e instanceof mqtt.MqttError, e.code ?? e.name]);
             const next = (client, kind) => new Promise((resolve) => client.once(kind, resolve));
             let mqtt;
             import('/switchboard-mqtt/index.js').then(async (module) => {{ mqtt = module; {body} }})
                 .then((value) => done({{ value }}), (error) => done({{ error: `${{error.stack}}` }}));"
        );
        let answer = self.browser.run_async(&script, &[]);
        assert!(answer["error"].is_null(), "{}", answer["error"].as_str().unwrap_or_default());
        answer["value"].clone()
    }

    /// A client beside the page.
    pub(crate) fn friend(&self) -> Client {
        let mut friend = Client::new(Wire::tcp(self.bridge.tcp), Version::V5);
        friend.connect(&Connect::new(Version::V5, "friend"));
        friend
    }
}

#[test]
fn the_example_page_talks() {
    let stage = Stage::new("/");
    let says = |words: &str| format!("return document.querySelector('#state').textContent === '{words}'");
    stage.browser.wait_for("it is subscribed", SOON, &says("connected, QoS 1"));
    let mut friend = stage.friend();
    friend.subscribe("example/chat", Qos::AtLeastOnce);
    stage.browser.click(&stage.browser.element("button"));
    let got = friend.receive();
    assert_eq!((got.payload, got.properties.message_expiry_s), (b"hello".as_slice(), Some(5)));
    friend.publish("example/from/outside", "grüß dich".as_bytes(), Qos::ExactlyOnce);
    let seen = "return [...document.querySelectorAll('li')].map((li) => li.textContent).join() ===
        'example/chat: hello,example/from/outside: grüß dich'";
    stage.browser.wait_for("both are listed", SOON, seen);
    assert_eq!(stage.browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_message_arrives_as_it_was_sent() {
    let stage = Stage::new("/example.js");
    let seen = stage.play(
        "const client = await mqtt.connect('/mqtt');
         await client.subscribe('t/#', { qos: 2, subscriptionId: 77 });
         const messages = client.messages();
         const bytes = Uint8Array.from({ length: 70_000 }, (_, n) => n);
         const outcome = await client.publish('t/a', bytes, { qos: 2, expiry: 60, properties: {
             payloadIsUtf8: false, responseTopic: 'r', correlationData: bytes.slice(250, 260), contentType: 'x/y',
             userProperties: [['a', 'ü'], ['a', '']] } });
         const first = (await messages.next()).value;
         const sent = await client.publish('t/a', '');
         const second = (await messages.next()).value;
         await client.publish('t/\\ufeffb', '\\ufeffc');
         const third = (await messages.next()).value;
         const p = first.properties;
         client.end();
         return [outcome, first.topic, first.payload.length, bytes.every((b, n) => b === first.payload[n]),
             first.qos, first.retain, first.dup, { ...p, correlationData: [...p.correlationData] },
             sent, second.topic, second.text, second.qos, second.properties, third.topic, third.text,
             (await messages.next()).done];",
    );
    let properties = json!({
        "payloadIsUtf8": false, "expiry": 60, "responseTopic": "r", "contentType": "x/y", "subscriptionIds": [77],
        "correlationData": [250, 251, 252, 253, 254, 255, 0, 1, 2, 3], "userProperties": [["a", "ü"], ["a", ""]],
    });
    let expected = json!([
        { "status": "acknowledged", "reason": 0 }, "t/a", 70_000, true, 2, false, false, properties,
        { "status": "sent" }, "t/a", "", 0, { "subscriptionIds": [77] },
        "t/\u{feff}b", "\u{feff}c", true, // [MQTT-1.5.4-3]
    ]);
    assert_eq!(seen, expected);
}

#[test]
fn many_messages_in_one_frame_keep_topic_and_order() {
    let stage = Stage::new("/example.js");
    let ready = "const client = window.client = await mqtt.connect('/mqtt');
         window.seen = [];
         client.on('message', ({ topic, text }) => window.seen.push(`${topic} ${text}`));
         client.on('message', () => { if (window.seen.length === 7) throw new Error('a listener that throws'); });
         // The module's memory grows, and moves, while its messages are told.
         client.once('message', () => [1, 2, 3, 4].map(() => client.publish('elsewhere', new Uint8Array(900_000))));
         return (await client.subscribe('many/#')).qos;";
    assert_eq!(stage.play(ready), json!(0));
    let mut friend = stage.friend();
    // More topics than places in the table, each of them twice.
    let names: Vec<String> = (0..3_000).map(|n| format!("many/{}", n % 1_500)).collect();
    let packets: Vec<_> =
        names.iter().map(|name| mqtt::Packet::Publish(message(name, name.as_bytes()))).collect();
    friend.send_all(&packets);
    let script = "return window.seen.length === 3000 &&
        window.seen.every((text, n) => text === `many/${n % 1500} many/${n % 1500}`)";
    stage.browser.wait_for("all are there in order", SOON, script);
}

#[test]
fn what_goes_wrong_is_an_error_with_a_code() {
    let stage = Stage::new("/example.js");
    let seen = stage.play(
        "const client = await mqtt.connect('/mqtt', { maxQueuedBytes: 200_000 });
         const answers = [
             await rejection(client.publish('a/#', 'x')),
             await rejection(client.subscribe('a/#/b')),
             await rejection(client.publish('t', new Uint8Array(300_000), { qos: 1 })),
             await rejection(client.publish('t', 'x', { qos: 7 })),
             await rejection(client.publish('t', 'x', { signal: AbortSignal.abort() })),
             await rejection(client.respond(new mqtt.Message('t', new Uint8Array(), 0, 0, 0, 0), 'x')),
             await rejection(client.request('nobody/there', '', { deadline: 50 })),
             await rejection(client.subscribe('$share/with-no-filter')),
         ];
         const [good, bad] = await client.subscribe(['ok', '$share/no-filter']);
         client.end();
         answers.push(await rejection(client.publish('t', 'x')));
         answers.push(await rejection(mqtt.connect('mqtt://broker')));
         answers.push(await rejection(mqtt.connect('ws://127.0.0.1:1/mqtt')));
         answers.push(await rejection(mqtt.connect('/nothing-here')));
         answers.push(await rejection(mqtt.connect('/mqtt', { signal: AbortSignal.abort() })));
         answers.push(await rejection(mqtt.connect('ws://127.0.0.1:1/', { waitForServer: true,
             signal: AbortSignal.timeout(200) })));
         const old = await mqtt.connect('/mqtt', { version: 4 });
         answers.push(await rejection(old.request('t', '')));
         return [answers, good, bad.granted, bad.error.code, bad.error.reason, bad.error.message, old.connected.version];",
    );
    let ours = |code: &str| json!([true, true, code]);
    let expected = json!([
        ours("invalid-topic"),
        ours("invalid-topic"),
        ours("queue-full"),
        ours("invalid-argument"),
        json!([true, false, 20]),
        ours("invalid-argument"),
        ours("timeout"),
        ours("refused"),
        ours("ended"),
        ours("invalid-address"),
        ours("unreachable"),
        ours("wrong-path"),
        json!([true, false, 20]),
        json!([true, false, 23]),
        ours("needs-mqtt-5"),
    ]);
    assert_eq!(seen[0], expected);
    assert_eq!(seen[1], json!({ "filter": "ok", "granted": true, "qos": 0, "reason": 0 }));
    let refused = json!([false, "refused", 0x8f, "topic filter invalid", 4]);
    assert_eq!(json!([seen[2], seen[3], seen[4], seen[5], seen[6]]), refused);
}

#[test]
fn a_question_is_answered() {
    let stage = Stage::new("/example.js");
    let ready = "const client = window.client = await mqtt.connect('/mqtt', { requestResponseInformation: true });
         client.on('message', (message) => client.respond(message, `you said ${message.text}`, { expiry: 9 }));
         await client.subscribe('page/asks', { qos: 1 });";
    stage.play(ready);
    let seen = stage.play(
        "const other = await mqtt.connect('/mqtt');
         const answers = await Promise.all(['a', 'b'].map((text) => other.request('page/asks', text, { qos: 1 })));
         return answers.map((answer) => [answer.text, answer.qos, answer.properties.expiry]);",
    );
    assert_eq!(seen, json!([["you said a", 1, 9], ["you said b", 1, 9]]));
    let mut friend = stage.friend();
    friend.subscribe("friend/hears", Qos::AtMostOnce);
    let properties =
        PublishProperties { response_topic: Some("friend/hears"), ..PublishProperties::default() };
    friend.publish_with(
        &Publish { properties: properties.into(), ..message("page/asks", b"hello") },
        Qos::AtLeastOnce,
    );
    assert_eq!(friend.receive_payload(), b"you said hello");
}

#[test]
fn a_link_that_breaks_is_told_and_comes_back() {
    let mut stage = Stage::new("/example.js");
    stage.play(
        "const client = window.client = await mqtt.connect('/mqtt');
         window.states = [client.state];
         window.ends = [];
         client.on('state', (state) => window.states.push(state));
         client.on('close', ({ error, retryIn }) => window.ends.push([error.code, retryIn >= 0]));
         client.on('message', ({ text }) => window.states.push(text));
         await client.subscribe('t', { qos: 1 });",
    );
    stage.bridge.kill();
    stage.browser.wait_for("it is told", SOON, "return window.states.includes('waiting')");
    let seen = stage.play(
        "const cancel = new AbortController();
         const late = [
             rejection(client.publish('t', 'never', { qos: 1, offline: 'fail' })),
             rejection(client.publish('t', 'never', { qos: 1, offline: 30 })),
             rejection(client.publish('t', 'never', { qos: 1, signal: cancel.signal })),
         ];
         cancel.abort(new TypeError('changed my mind'));
         late.push(client.publish('t', 'never', { qos: 1, offline: 20 }).catch((error) => error.message));
         window.kept = client.publish('t', 'kept', { qos: 1 });
         return Promise.all(late);",
    );
    let expected = json!([
        [true, true, "not-connected"],
        [true, true, "expired"],
        [true, false, "TypeError"],
        "the message was not delivered in its time"
    ]);
    assert_eq!(seen, expected);
    stage.bridge.restart();
    let kept = stage.play("client.reconnect(); return window.kept;");
    assert_eq!(kept, json!({ "status": "acknowledged", "reason": 0 }));
    stage.browser.wait_for("what was kept came", SOON, "return window.states.includes('kept')");
    let seen = stage.play(
        "const closed = next(client, 'close');
         client.end();
         return [window.states, window.ends[0], client.state, (await closed).error.code];",
    );
    assert_eq!(
        seen,
        json!([
            ["connected", "waiting", "connected", "kept", "closed"],
            ["transport-closed", true],
            "closed",
            "stopped"
        ])
    );
}
