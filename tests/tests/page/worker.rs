//! The page as an app: it is installed, opens without its server, and changes from one version to the next as a whole.

use std::fs;

use serde_json::{Value, json};
use tests::{Bridge, Browser, Request, TempFolder, workspace};

use crate::stage::{PHONE, SOON, Stage, texts};

/// Waits until the worker has the whole page, and opens it again under its control.
pub(crate) fn under_control(stage: &Stage) {
    let script = "const done = arguments[arguments.length - 1];
        navigator.serviceWorker.ready.then((r) => done(r.active.scriptURL), (e) => done(String(e)));";
    let url = stage.browser.run_async(script, &[]);
    assert!(url.as_str().is_some_and(|url| url.ends_with("/sw.js")), "{url}");
    let active = "const done = arguments[arguments.length - 1];
        navigator.serviceWorker.ready.then((r) => { const go = () => r.active.state === 'activated' ? done(true) : setTimeout(go, 20); go(); });";
    assert_eq!(stage.browser.run_async(active, &[]), true);
    stage.browser.open(&format!("http://{}/", stage.bridge.http));
    assert_eq!(stage.browser.run("return navigator.serviceWorker.controller !== null", &[]), true);
}

/// A page in a folder, which a test changes.
pub(crate) struct Page {
    folder: TempFolder,
    /// Its files by address.
    files: Vec<(String, Vec<u8>)>,
}

impl Page {
    /// The page that is built into the program.
    pub(crate) fn built_in() -> Self {
        let bridge = Bridge::start();
        let get = |path: &str| {
            let answer = Request::get(path).send(bridge.http);
            assert_eq!(answer.status, 200, "{path}");
            answer.body
        };
        let worker = get("/sw.js");
        let mut files: Vec<_> = list(&worker).into_iter().map(|path| (path.clone(), get(&path))).collect();
        files.push(("/index.html".to_owned(), get("/index.html")));
        files.push(("/sw.js".to_owned(), worker));
        let page = Self { folder: TempFolder::new("app"), files };
        page.write();
        page
    }

    /// The next version: another style sheet under another name, and all that follows from it. The old one is gone.
    fn update(&mut self) {
        let old =
            self.files.iter().find(|(path, _)| path.ends_with(".css")).expect("a style sheet").0.clone();
        let new = "/assets/style-00000000feedf00d.css".to_owned();
        for (path, content) in &mut self.files {
            if *path == old {
                path.clone_from(&new);
                content.extend(b"\n/* the next version */\n");
            } else if path == "/index.html" || path == "/sw.js" {
                *content = String::from_utf8_lossy(content).replace(&old, &new).into_bytes();
            }
        }
        let index = self.files.iter().find(|(path, _)| path == "/index.html").expect("a page").1.clone();
        let worker = &mut self.files.iter_mut().find(|(path, _)| path == "/sw.js").expect("a worker").1;
        let text = String::from_utf8_lossy(worker).into_owned();
        let of = |name: &str| text.lines().find(|line| line.contains(name)).expect("a constant").to_owned();
        let text = text
            .replace(&of("const VERSION"), "const VERSION = 'next';")
            .replace(&of("const INDEX_HASH"), &format!("const INDEX_HASH = '{:016x}';", fnv1a(&index)));
        *worker = text.into_bytes();
        self.write();
    }

    /// Lets the worker do more.
    pub(crate) fn extend_worker(&mut self, script: &str) {
        let worker = self.files.iter_mut().find(|(path, _)| path == "/sw.js").expect("a worker");
        worker.1.extend(script.as_bytes());
        self.write();
    }

    fn write(&self) {
        let _ = fs::remove_dir_all(&self.folder.0); // it is there from the second time on
        for (path, content) in &self.files {
            let path = self.folder.0.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().expect("a folder")).expect("a temporary folder");
            fs::write(path, content).expect("a temporary file");
        }
    }

    pub(crate) fn start(&self) -> Bridge {
        Bridge::start_with(&["--app", &self.folder.0.to_string_lossy()])
    }

    fn hashed(&self) -> Vec<String> {
        self.files.iter().map(|(path, _)| path.clone()).filter(|path| path.starts_with("/assets/")).collect()
    }
}

/// The addresses in a worker's list.
fn list(worker: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(worker).into_owned();
    let list = text.split("const FILES = [").nth(1).and_then(|rest| rest.split(']').next()).expect("a list");
    list.split('\'').filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

fn fnv1a(content: &[u8]) -> u64 {
    content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The hashed files that the page in the browser has loaded.
fn loaded(browser: &Browser) -> Vec<String> {
    let script = "return performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname)
        .filter((path) => path.startsWith('/assets/'))";
    let mut paths = texts(&browser.run(script, &[]));
    paths.sort();
    paths.dedup();
    paths
}

#[test]
fn it_can_be_installed() {
    let stage = Stage::new(Bridge::start());
    under_control(&stage);
    let errors = stage.browser.devtools("Page.getInstallabilityErrors", &json!({}));
    assert_eq!(errors["installabilityErrors"], json!([]), "Chromium would offer to install it");
    let manifest = stage.browser.devtools("Page.getAppManifest", &json!({}));
    assert_eq!(manifest["errors"], json!([]));
    let manifest: Value =
        serde_json::from_str(manifest["data"].as_str().expect("a manifest")).expect("a manifest is JSON");
    for icon in manifest["icons"].as_array().expect("icons") {
        let answer = Request::get(icon["src"].as_str().expect("an address")).send(stage.bridge.http);
        assert_eq!(answer.status, 200, "{icon}");
        if icon["type"] == "image/png" {
            let side =
                |at: usize| u32::from_be_bytes(answer.body[at..at + 4].try_into().expect("four bytes"));
            assert_eq!(icon["sizes"], format!("{}x{}", side(16), side(20)));
        }
    }
}

#[test]
fn it_opens_without_its_server_after_one_visit() {
    let mut stage = Stage::at(Bridge::start_with(&["--demo"]), PHONE, "/");
    stage.wait_for_link("online");
    under_control(&stage);
    let plug = "return document.querySelector('[data-tile=\"tasmota_DEMO01/power\"]')?.dataset.state === 'confirmed'";
    stage.browser.wait_for("all conventions have spoken", SOON, plug);
    stage.browser.open(&format!("http://{}/health", stage.bridge.http));
    stage.bridge.kill();
    for path in ["/settings", "/explorer", "/"] {
        stage.browser.open(&format!("http://{}{path}", stage.bridge.http));
        stage.browser.element("nav.bar a[aria-current=page]");
        stage.wait_for_link("reconnecting");
    }
    // What it heard is there, with its time, and not as what is.
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    assert!(stage.is_stale("output/11"));
    let words = format!("return document.querySelector('{}').innerText", crate::stage::selector("output/11"));
    let words = stage.browser.run(&words, &[]);
    assert!(words.as_str().is_some_and(|words| words.contains("heard ")), "{words}");
    let plug = "const t = document.querySelector('[data-tile=\"tasmota_DEMO01/power\"]'); return !!t && 'stale' in t.dataset";
    stage.browser.wait_for("devices of other conventions are there too", SOON, plug);
    stage.bridge.restart();
    stage.wait_for_link("online");
    stage.wait_for_stale("output/11", false);
}

#[test]
fn what_is_no_file_of_the_page_goes_past_the_worker() {
    let mut stage = Stage::new(Bridge::start());
    under_control(&stage);
    let fetched = "const done = arguments[arguments.length - 1];
        fetch(arguments[0]).then((r) => done(r.status), () => done(0));";
    let fetch = |stage: &Stage, path: &str| stage.browser.run_async(fetched, &[path.into()]);
    for path in ["/health", "/metrics"] {
        assert_eq!(fetch(&stage, path), 200, "{path}");
    }
    assert_eq!(fetch(&stage, "/not-there"), 404);
    stage.browser.open(&format!("http://{}/health", stage.bridge.http));
    assert!(stage.words().contains("uptime_s"), "{}", stage.words());
    stage.browser.run("history.back()", &[]);
    stage.wait_for_link("online");
    stage.bridge.kill();
    for path in ["/health", "/metrics", "/not-there", "/sw.js", "/icon-512.png"] {
        assert_eq!(fetch(&stage, path), 0, "{path} was kept");
    }
    for path in ["/icon.svg", "/de.json", "/lines.css", "/later.css"] {
        assert_eq!(fetch(&stage, path), 200, "{path}");
    }
}

#[test]
fn a_visit_again_loads_nothing() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    under_control(&stage);
    stage.wait_for_link("online");
    let script =
        "return performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
        .filter((e) => e.workerStart === 0 && !/\\/health$/.test(e.name)).map((e) => e.name)";
    assert_eq!(texts(&stage.browser.run(script, &[])), [] as [&str; 0], "these went past the worker");
}

#[test]
fn a_new_version_is_offered_and_taken_as_a_whole() {
    let mut page = Page::built_in();
    let mut stage = Stage::new(page.start());
    under_control(&stage);
    let old = loaded(&stage.browser);
    assert!(old.len() >= 4 && old.iter().all(|path| page.hashed().contains(path)), "{old:?}");

    page.update();
    stage.bridge.restart();
    // The page finds out by itself when its connection is there again, and goes on as it is.
    let offered = "return document.getElementById('news').hidden === false";
    stage.browser.wait_for("the new version is offered", SOON, offered);
    assert_eq!(loaded(&stage.browser), old);
    // Who does not want it yet has the old version, whole, though the server has it no more.
    let gone = old.iter().find(|path| path.ends_with(".css")).expect("a style sheet");
    assert_eq!(Request::get(gone).send(stage.bridge.http).status, 404);
    stage.browser.open(&format!("http://{}/", stage.bridge.http));
    stage.wait_for_link("online");
    stage.browser.wait_for("it is offered again", SOON, offered);
    assert_eq!(loaded(&stage.browser), old);

    stage.browser.run("window.isOld = true", &[]);
    stage.browser.click(&stage.browser.element("#news button"));
    stage.browser.wait_for("the new version", SOON, "return window.isOld === undefined");
    stage.wait_for_link("online");
    let new = loaded(&stage.browser);
    assert!(new.iter().all(|path| page.hashed().contains(path)), "a mixture: {new:?}");
    assert!(new.contains(&"/assets/style-00000000feedf00d.css".to_owned()), "{new:?}");
    assert_eq!(stage.browser.run("return document.getElementById('news').hidden", &[]), true);
    let caches = "const done = arguments[arguments.length - 1]; caches.keys().then(done);";
    assert_eq!(
        texts(&stage.browser.run_async(caches, &[])),
        ["switchboard-next"],
        "the old one is thrown away"
    );
}

#[test]
fn a_version_that_is_not_whole_is_never_kept() {
    let mut page = Page::built_in();
    let mut stage = Stage::new(page.start());
    under_control(&stage);
    let old = loaded(&stage.browser);
    page.update();
    // The server was given yet another page while the worker looked.
    let index = &mut page.files.iter_mut().find(|(path, _)| path == "/index.html").expect("a page").1;
    index.extend(b"<!-- later -->");
    page.write();
    stage.bridge.restart();
    stage.wait_for_link("online");
    let script = "const done = arguments[arguments.length - 1];
        navigator.serviceWorker.ready.then((r) => r.update()).then((r) => {
            const coming = r.installing;
            if (!coming) return done('none');
            coming.addEventListener('statechange', () => done(coming.state));
        }, (e) => done(e.name));";
    let state = stage.browser.run_async(script, &[]);
    assert_ne!(state, "installed");
    stage.browser.open(&format!("http://{}/", stage.bridge.http));
    stage.wait_for_link("online");
    assert_eq!(loaded(&stage.browser), old, "the old version goes on");
    assert_eq!(stage.browser.run("return document.getElementById('news').hidden", &[]), true);
}

#[test]
fn a_page_without_a_worker_takes_the_old_one_away() {
    let mut page = Page::built_in();
    let mut stage = Stage::new(page.start());
    under_control(&stage);
    let worker = fs::read(workspace().join("www/sw.js")).expect("the worker's source");
    let boot = page.hashed().into_iter().find(|path| path.contains("boot-")).expect("a start script");
    for (path, content) in &mut page.files {
        if path == "/sw.js" {
            content.clone_from(&worker);
        } else if *path == boot {
            "/assets/boot-0.js".clone_into(path);
            let at = content.windows(12).position(|part| part == b"const worker");
            content.truncate(at.expect("the part of the worker"));
        } else if path == "/index.html" {
            *content = String::from_utf8_lossy(content).replace(&boot, "/assets/boot-0.js").into_bytes();
        }
    }
    page.write();
    stage.bridge.restart();
    let reloaded = "return [...document.scripts].some((script) => script.src.endsWith('/assets/boot-0.js'))";
    stage.browser.wait_for("the page without a worker", SOON * 3, reloaded);
    // It goes when the last page goes that it served.
    stage.browser.open(&format!("http://{}/health", stage.bridge.http));
    stage.browser.open(&format!("http://{}/", stage.bridge.http));
    let left = "const done = arguments[arguments.length - 1];
        navigator.serviceWorker.getRegistrations().then((all) => done(all.length));";
    assert_eq!(stage.browser.run_async(left, &[]), 0);
    let caches = "const done = arguments[arguments.length - 1]; caches.keys().then(done);";
    assert_eq!(texts(&stage.browser.run_async(caches, &[])), [] as [&str; 0]);
}
