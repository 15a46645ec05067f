//! Headless Chromium, driven by WebDriver (W3C): JSON over HTTP, one request at a time.

use std::net::SocketAddr;
use std::panic;
use std::time::Duration;

use serde_json::{Value, json};

use crate::deadline::{Deadline, until};
use crate::http::Request;
use crate::paths;
use crate::process::Process;

/// How an element is named on the wire.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    address: SocketAddr,
    session: String,
    // Dropped last: its end is the browser's.
    _driver: Process,
}

/// An element of the page.
#[derive(Clone, Debug)]
pub struct Element(String);

/// Keys that have no character of their own.
pub mod keys {
    /// Moves the focus.
    pub const TAB: &str = "\u{e004}";
    /// Presses a button.
    pub const ENTER: &str = "\u{e007}";
    /// Toggles a switch.
    pub const SPACE: &str = " ";
    /// Back in a row.
    pub const LEFT: &str = "\u{e012}";
    /// On in a row.
    pub const RIGHT: &str = "\u{e014}";
    /// Away with it.
    pub const DELETE: &str = "\u{e017}";
    /// Down a list.
    pub const DOWN: &str = "\u{e015}";
}

/// A driver, and where it listens. It picks a port of IPv6 and gives up where somebody has the same one of IPv4: then another
/// has to try.
fn driver() -> (Process, u16) {
    for _ in 0..10 {
        let driver = Process::start(&paths::chromedriver(), &["--port=0"]);
        let port = driver.stdout.find("the driver's port", |line| {
            if line.contains("port not available") {
                return Some(None);
            }
            let port = line.split("started successfully on port ").nth(1)?;
            Some(Some(port.trim_end_matches('.').trim().parse().ok()?))
        });
        if let Some(port) = port {
            return (driver, port);
        }
    }
    panic!("ten drivers found no port")
}

impl Browser {
    /// Starts a driver and a browser of this size, in CSS pixels.
    ///
    /// # Panics
    /// One of them does not start.
    #[must_use]
    pub fn start(width: u32, height: u32) -> Self {
        Self::start_with(width, height, &[])
    }

    /// The same with a browser that takes the certificate of this key for a good one: the SHA-256 of its public key, in base64.
    ///
    /// # Panics
    /// One of them does not start.
    #[must_use]
    pub fn trusting(width: u32, height: u32, key: &str) -> Self {
        Self::start_with(width, height, &[format!("--ignore-certificate-errors-spki-list={key}")])
    }

    /// The same with more arguments for Chromium.
    ///
    /// # Panics
    /// One of them does not start.
    #[must_use]
    pub fn start_with(width: u32, height: u32, more: &[String]) -> Self {
        let (driver, port) = driver();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let arguments = [
            "--no-sandbox",
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ];
        let arguments: Vec<_> = arguments.into_iter().chain(more.iter().map(String::as_str)).collect();
        let options = json!({ "args": arguments });
        let asked = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let answer =
            call(address, "POST", "/session", Some(&asked)).unwrap_or_else(|e| panic!("no browser: {e}"));
        let session = text(&answer["sessionId"]);
        let browser = Self { address, session, _driver: driver };
        browser.resize(width, height);
        browser
    }

    /// Makes the page exactly this large, also smaller than a window can be.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Sends a command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Opens an address and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Loads the page anew, as a person does.
    pub fn reload(&self) {
        self.post("/refresh", &json!({}));
    }

    /// Runs a function body in the page; its arguments are `arguments[0]` and so on.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Runs a function body that answers by calling its last argument.
    pub fn run_async(&self, script: &str, arguments: &[Value]) -> Value {
        self.post("/execute/async", &json!({ "script": script, "args": arguments }))
    }

    /// Waits until a script gives `true`; says what the page shows when it does not.
    ///
    /// # Panics
    /// It does not in time.
    pub fn wait_for(&self, what: &str, limit: Duration, script: &str) {
        let deadline = Deadline::after(limit);
        loop {
            let answer = self.run(script, &[]);
            if answer == Value::Bool(true) {
                return;
            }
            if deadline.left().is_none() {
                let page = text(&self.run("return document.body.innerText", &[]));
                panic!(
                    "{what}: not within {} s; last answer {answer}. The page shows:\n{page}",
                    limit.as_secs_f32()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The element of a CSS selector, once it is there.
    ///
    /// # Panics
    /// It does not come in time.
    pub fn element(&self, selector: &str) -> Element {
        let question = json!({ "using": "css selector", "value": selector });
        until(&format!("an element {selector}"), crate::PATIENCE, || {
            let found = self.try_post("/element", &question).ok()?;
            Some(Element(text(&found[ELEMENT])))
        })
    }

    /// Scrolls to an element as a person does, clear of what lies over the edges, and clicks it where a finger would.
    pub fn click(&self, element: &Element) {
        self.run(
            "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })",
            &[element.to_json()],
        );
        self.post(&format!("/element/{}/click", element.0), &json!({}));
    }

    /// Types into an element.
    pub fn type_into(&self, element: &Element, text: &str) {
        self.post(&format!("/element/{}/value", element.0), &json!({ "text": text }));
    }

    /// Presses a key where the focus is.
    pub fn press(&self, key: &str) {
        self.press_often(key, 1);
    }

    /// Presses a key so many times, without a rest.
    pub fn press_often(&self, key: &str, times: usize) {
        let press = [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        let actions: Vec<_> = press.iter().cycle().take(2 * times).cloned().collect();
        self.post(
            "/actions",
            &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }),
        );
    }

    /// Drags from the middle of one element to the middle of another, by `mouse` or `touch`.
    pub fn drag(&self, pointer: &str, from: &Element, to: &Element) {
        let go = |element: &Element, ms: u32| json!({ "type": "pointerMove", "duration": ms, "origin": element.to_json(), "x": 0, "y": 0 });
        let actions = json!([
            go(from, 0),
            { "type": "pointerDown", "button": 0 },
            go(to, 200),
            go(to, 50),
            { "type": "pointerUp", "button": 0 },
        ]);
        let finger = json!({ "type": "pointer", "id": pointer, "parameters": { "pointerType": pointer }, "actions": actions });
        self.post("/actions", &json!({ "actions": [finger] }));
    }

    /// What is seen, as a PNG in Base64.
    #[must_use]
    pub fn screenshot(&self) -> String {
        let path = format!("/session/{}/screenshot", self.session);
        let picture = call(self.address, "GET", &path, None).unwrap_or_else(|e| panic!("no picture: {e}"));
        text(&picture)
    }

    /// An attribute; none when it is not there.
    #[must_use]
    pub fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let script =
            "const e = document.querySelector(arguments[0]); return e && e.getAttribute(arguments[1]);";
        self.run(script, &[selector.into(), name.into()]).as_str().map(str::to_owned)
    }

    /// Errors and warnings on the page's console since the last time this was asked.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        let is_bad = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        entries.iter().filter(is_bad).map(|entry| text(&entry["message"])).collect()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap_or_else(|e| panic!("{path} {body}: {e}"))
    }

    fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        call(self.address, "POST", &format!("/session/{}{path}", self.session), Some(body))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium. This also runs while a failed test unwinds, when a second panic must not get out.
        let end = || call(self.address, "DELETE", &format!("/session/{}", self.session), None);
        let _ = panic::catch_unwind(panic::AssertUnwindSafe(end));
    }
}

impl Element {
    /// The element as an argument of a script.
    fn to_json(&self) -> Value {
        json!({ ELEMENT: self.0 })
    }
}

fn call(address: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let request = Request::new(method, path).with("Content-Type", "application/json");
    let request = match body {
        Some(body) => request.with_body(body.to_string().as_bytes()),
        None => request,
    };
    let response = request.send(address);
    let mut answer: Value = serde_json::from_slice(&response.body).map_err(|e| e.to_string())?;
    let value = answer["value"].take();
    if response.status == 200 { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
