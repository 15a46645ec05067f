//! How fast clients in a browser take messages: ours beside MQTT.js, Paho and u8-mqtt, all from the same broker in one run, with
//! many packets in a WebSocket frame and with one. `cargo xtask bench-page` installs what it needs and starts it.
//!
//! A burst is published over TCP and the next one waits for the page's word, so no queue grows without bound. The first two
//! bursts are not counted: the page is warm then. Compare the lines of one run, not the numbers of two machines.
#![expect(clippy::print_stdout, reason = "a table for the terminal")]

mod split;

use std::path::Path;
use std::{env, fs};

use mqtt::packet::Connect;
use mqtt::{Packet, Qos, Version};
use serde_json::{Value, json};
use tests::{Bridge, Browser, Client, Deadline, TempFile, TempFolder, Wire, message, tool, workspace};

const PAYLOAD: [u8; 64] = [b'x'; 64];
const TOPICS: usize = 10;
const WARM_UP: u32 = 2;
const CLIENTS: [(&str, &str); 4] =
    [("ours", "switchboard-mqtt"), ("mqttjs", "MQTT.js"), ("paho", "Paho"), ("u8mqtt", "u8-mqtt")];

/// One packet in a frame, or as many as the broker gathers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frames {
    Gathered,
    Single,
}

impl Frames {
    const fn word(self) -> &'static str {
        match self {
            Self::Gathered => "many",
            Self::Single => "one",
        }
    }

    /// Messages of a burst, and how many bursts are counted.
    const fn bursts(self) -> (usize, u32) {
        match self {
            Self::Gathered => (20_000, 10),
            Self::Single => (5_000, 6),
        }
    }
}

fn main() {
    let wanted: Vec<String> = env::args().skip(1).collect();
    let site = site();
    let limits = TempFile::new("page-speed.toml", "[limits]\nmax_output_bytes = 67108864\n");
    let (app, config) = (site.0.to_string_lossy(), limits.0.to_string_lossy());
    let bridge = Bridge::start_with(&["--app", &app, "--config", &config]);
    let splitter = split::start(bridge.tcp);
    println!(
        "packets a frame  client            µs of CPU a message  messages/s in a burst  messages/s by CPU"
    );
    for frames in [Frames::Gathered, Frames::Single] {
        for (client, name) in CLIENTS {
            if !wanted.is_empty() && !wanted.iter().any(|word| word == client) {
                continue;
            }
            let url = match frames {
                Frames::Gathered => format!("ws://{}/mqtt", bridge.http),
                Frames::Single => format!("ws://{splitter}/mqtt"),
            };
            let figures = measure(&bridge, client, &url, frames);
            println!(
                "{:15}  {name:16}  {:>19.2}  {:>21.0}  {:>17.0}",
                frames.word(),
                figures.cpu_us,
                figures.in_a_burst,
                1e6 / figures.cpu_us
            );
        }
    }
}

struct Figures {
    cpu_us: f64,
    in_a_burst: f64,
}

fn measure(bridge: &Bridge, client: &str, url: &str, frames: Frames) -> Figures {
    let (burst, bursts) = frames.bursts();
    let mut publisher = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    publisher.connect(&Connect::new(Version::V5, "publisher"));
    publisher.subscribe("ack", Qos::AtMostOnce);

    let browser = Browser::start(800, 600);
    browser.devtools("Performance.enable", &json!({ "timeDomain": "threadTicks" }));
    browser.open(&format!("http://{}/bench.html?client={client}&url={url}&burst={burst}", bridge.http));
    let ready = "return document.documentElement.dataset.ready === 'yes'";
    browser.wait_for("the page is subscribed", tests::PATIENCE, ready);
    let state = browser.run("return window.state", &[]);
    assert_eq!(state["failed"], json!(""), "{client}");

    let names: Vec<String> = (0..TOPICS).map(|n| format!("bench/sensor-{n}")).collect();
    let packets: Vec<_> =
        (0..burst).map(|n| Packet::Publish(message(&names[n % TOPICS], &PAYLOAD))).collect();
    let bytes = publisher.encode(&packets);
    let mut before = (0.0, 0.0);
    for n in 0..WARM_UP + bursts {
        if n == WARM_UP {
            before = (thread_time(&browser), number(&browser, "busy"));
        }
        publisher.send_bytes(&bytes);
        let word = publisher.next_until(Deadline::after(std::time::Duration::from_secs(20)));
        let is_word = matches!(word, Some(Packet::Publish(_)));
        assert!(
            is_word,
            "{client}: no word of the page, but {word:?}; {}",
            browser.run("return window.state", &[])
        );
    }
    let (cpu, busy) = (thread_time(&browser) - before.0, number(&browser, "busy") - before.1);
    let messages = burst as f64 * f64::from(bursts);
    let all = burst as f64 * f64::from(WARM_UP + bursts);
    assert!(
        (number(&browser, "bytes") - all * PAYLOAD.len() as f64).abs() < 0.5,
        "{client} has seen all bytes"
    );
    publisher.disconnect();
    Figures { cpu_us: cpu * 1e6 / messages, in_a_burst: messages / (busy / 1e3) }
}

/// Seconds of CPU that the page's main thread has used.
fn thread_time(browser: &Browser) -> f64 {
    let answer = browser.devtools("Performance.getMetrics", &json!({}));
    let metrics = answer["metrics"].as_array().cloned().unwrap_or_default();
    let found = metrics.iter().find(|metric| metric["name"] == "ThreadTime");
    found.and_then(|metric| metric["value"].as_f64()).expect("Chromium tells the main thread's time")
}

fn number(browser: &Browser, name: &str) -> f64 {
    let value = browser.run("return window.state[arguments[0]]", &[Value::from(name)]);
    value.as_f64().expect("a number")
}

/// The page, our package, and the others from target/tools.
fn site() -> TempFolder {
    let folder = TempFolder::new("page-speed");
    let here = workspace().join("tests/examples/page_speed");
    let package = folder.0.join("switchboard-mqtt");
    fs::create_dir_all(&package).expect("a folder can be made");
    let copy = |from: &Path, to: &Path| {
        fs::copy(from, to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    };
    copy(&here.join("bench.html"), &folder.0.join("bench.html"));
    copy(&here.join("bench.html"), &folder.0.join("index.html"));
    copy(&here.join("bench.js"), &folder.0.join("bench.js"));
    let modules = tool("npm/node_modules");
    copy(&modules.join("mqtt/dist/mqtt.esm.js"), &folder.0.join("mqtt.esm.js"));
    copy(&modules.join("paho-mqtt/paho-mqtt.js"), &folder.0.join("paho-mqtt.js"));
    copy(&modules.join("u8-mqtt/esm/web/index.js"), &folder.0.join("u8-mqtt.js"));
    let built = fs::read_dir(tool("../npm")).expect("the package can be read");
    for entry in built.filter_map(Result::ok) {
        if entry.path().is_file() {
            copy(&entry.path(), &package.join(entry.file_name()));
        }
    }
    folder
}
