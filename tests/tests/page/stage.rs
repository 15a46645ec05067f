//! What each scene stands on: a browser with the page, a bridge, and a device that a test plays itself.

use std::net::SocketAddr;
use std::time::Duration;

use mqtt::packet::{Connect, ConnectWill, Publish, PublishProperties};
use mqtt::{Qos, TopicName, Version};
use serde_json::{Value, json};
use tests::{Bridge, Browser, Client, Process, Wire, program};

/// The demo's device, and the one that tests play.
pub(crate) const DEVICE: &str = "wut-0a4711";
/// How long the page may take to show what has happened.
pub(crate) const SOON: Duration = Duration::from_secs(10);
pub(crate) const PHONE: (u32, u32) = (360, 740);
pub(crate) const DESKTOP: (u32, u32) = (1440, 900);

/// A browser that shows the page of a bridge.
pub(crate) struct Stage {
    pub(crate) browser: Browser,
    pub(crate) bridge: Bridge,
}

/// What a tile says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) state: String,
    pub(crate) value: String,
    pub(crate) checked: String,
}

impl Stage {
    /// The panel, online, on a phone.
    pub(crate) fn new(bridge: Bridge) -> Self {
        let stage = Self::at(bridge, PHONE, "/");
        stage.wait_for_link("online");
        stage
    }

    pub(crate) fn at(bridge: Bridge, size: (u32, u32), path: &str) -> Self {
        let browser = Browser::start(size.0, size.1);
        browser.open(&format!("http://{}{path}", bridge.http));
        Self { browser, bridge }
    }

    pub(crate) fn wait_for_link(&self, state: &str) {
        let script = format!("return document.documentElement.dataset.link === '{state}'");
        self.browser.wait_for(&format!("the link is {state}"), SOON, &script);
    }

    pub(crate) fn tile(&self, key: &str) -> Tile {
        let script = "const t = document.querySelector(arguments[0]);
            if (!t) return ['absent', '', ''];
            const s = t.querySelector('[role=switch]');
            return [t.dataset.state, t.dataset.value ?? '', s?.getAttribute('aria-checked') ?? ''];";
        tile_of(&self.browser.run(script, &[selector(key).into()]))
    }

    pub(crate) fn wait_for_tile(&self, key: &str, state: &str, value: &str) {
        let script = format!(
            "const t = document.querySelector('{}'); return !!t && t.dataset.state === '{state}' && (t.dataset.value ?? '') === '{value}'",
            selector(key)
        );
        let seen = || format!("tile {key} is {state} {value:?}");
        self.browser.wait_for(&seen(), SOON, &script);
    }

    pub(crate) fn is_stale(&self, key: &str) -> bool {
        self.browser.attribute(&selector(key), "data-stale").is_some()
    }

    pub(crate) fn wait_for_stale(&self, key: &str, is_stale: bool) {
        let script = format!(
            "return document.querySelector('{}')?.hasAttribute('data-stale') === {is_stale}",
            selector(key)
        );
        self.browser.wait_for(&format!("tile {key} is stale: {is_stale}"), SOON, &script);
    }

    pub(crate) fn tap(&self, key: &str) {
        let control =
            self.browser.element(&format!("{} [role=switch], {} button", selector(key), selector(key)));
        self.browser.click(&control);
    }

    /// Taps a tile and gives what it says in the frame that is drawn next.
    pub(crate) fn tap_and_look(&self, key: &str) -> Tile {
        let script = "const done = arguments[arguments.length - 1];
            const t = document.querySelector(arguments[0]), s = t.querySelector('[role=switch]');
            const look = () => [t.dataset.state, t.dataset.value, s.getAttribute('aria-checked')];
            let first;
            const drawn = new MutationObserver(() => first ??= look());
            drawn.observe(t, { attributeFilter: ['data-state', 'data-value', 'aria-checked'], subtree: true });
            s.click();
            requestAnimationFrame(() => { drawn.disconnect(); done(first ?? look()); });";
        tile_of(&self.browser.run_async(script, &[selector(key).into()]))
    }

    /// All words on the page.
    pub(crate) fn words(&self) -> String {
        let words = self.browser.run("return document.body.innerText", &[]);
        words.as_str().unwrap_or_default().to_owned()
    }
}

/// Waits until a script says so, as long as anything of the page may take.
pub(crate) fn wait(stage: &Stage, what: &str, script: &str) {
    stage.browser.wait_for(what, SOON, script);
}

pub(crate) fn selector(key: &str) -> String {
    format!("[data-tile=\"{DEVICE}/{key}\"]")
}

fn tile_of(value: &Value) -> Tile {
    let text = |n: usize| value[n].as_str().unwrap_or_default().to_owned();
    Tile { state: text(0), value: text(1), checked: text(2) }
}

/// The demo's device as a process of its own, so that its plug can be pulled.
pub(crate) fn demo_device(broker: SocketAddr) -> Process {
    let device = Process::start(&program(), &["demo", "-h", "127.0.0.1", "-p", &broker.port().to_string()]);
    device.stderr.expect(&["connected"]);
    device
}

/// A Web-IO of which the test decides when and what it answers.
pub(crate) struct Device(pub(crate) Client);

impl Device {
    /// Plugs it in: a will, `online`, and all values retained.
    pub(crate) fn plug_in(broker: SocketAddr) -> Self {
        let mut client = Client::new(Wire::tcp(broker), Version::V5);
        let status = format!("{DEVICE}/status");
        let topic = TopicName::new(status.as_str()).expect("a topic");
        let properties = PublishProperties::default();
        let will = ConnectWill {
            topic,
            payload: b"offline",
            qos: Qos::AtLeastOnce,
            retain: true,
            delay_s: 0,
            properties,
        };
        client.connect(&Connect { will: Some(will), ..Connect::new(Version::V5, DEVICE) });
        client.subscribe(&format!("{DEVICE}/set/+/+"), Qos::AtLeastOnce);
        let mut device = Self(client);
        device.0.retain(&status, b"online", Qos::AtLeastOnce);
        device.say_all();
        device
    }

    pub(crate) fn say_all(&mut self) {
        for n in 0..12 {
            self.say(&format!("output/{n}"), "OFF");
            self.say(&format!("input/{n}"), "OFF");
            self.say(&format!("counter/{n}"), "0");
        }
    }

    pub(crate) fn say(&mut self, key: &str, value: &str) {
        self.0.retain(&format!("{DEVICE}/get/{key}"), value.as_bytes(), Qos::AtLeastOnce);
    }

    /// The next command: its topic behind the device's name, and the message.
    pub(crate) fn command(&mut self) -> (String, Publish<'static>) {
        let publish = self.0.receive();
        let topic = publish.topic.expect("a topic").text();
        (topic.trim_start_matches(DEVICE).trim_start_matches('/').to_owned(), publish)
    }
}

/// A JSON array of texts.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
}

/// Lets the page be seen as a person set it up.
pub(crate) fn prefer(browser: &Browser, feature: &str, value: &str) {
    browser.devtools(
        "Emulation.setEmulatedMedia",
        &json!({ "features": [{ "name": feature, "value": value }] }),
    );
}
