//! Every screen in every width, dark and light: a picture of each in target/screens for people to look at, and nothing that
//! axe-core finds fault with.

use std::fs;

use base64ct::{Base64, Encoding as _};
use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use serde_json::json;
use tests::{Bridge, Client, Wire, tool, workspace};

use crate::stage::{DESKTOP, SOON, Stage, texts};

const WIDTHS: [(u32, u32); 4] = [(360, 740), (412, 915), (768, 1024), DESKTOP];

/// A still page in a colour scheme.
fn wear(stage: &Stage, scheme: &str) {
    let features = json!([{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
    stage.browser.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
}

/// Looks at what is there now, in each width and scheme.
pub(crate) fn look(stage: &Stage, name: &str) {
    let axe = fs::read_to_string(tool("npm/node_modules/axe-core/axe.min.js")).expect("axe-core is text");
    stage.browser.run(&axe, &[]);
    let folder = workspace().join("target/screens");
    fs::create_dir_all(&folder).expect("target/ can be written to");
    let mut found = Vec::new();
    for size in WIDTHS {
        stage.browser.resize(size.0, size.1);
        for scheme in ["light", "dark"] {
            wear(stage, scheme);
            let frames = "const done = arguments[arguments.length - 1];
                requestAnimationFrame(() => requestAnimationFrame(() => done(true)));";
            stage.browser.run_async(frames, &[]);
            let picture = Base64::decode_vec(&stage.browser.screenshot()).expect("a picture in Base64");
            let file = folder.join(format!("{name}-{}-{scheme}.png", size.0));
            fs::write(file, picture).expect("target/ can be written to");
            let script = "const done = arguments[arguments.length - 1];
                axe.run(document, { resultTypes: ['violations'] }).then(
                    (r) => done(r.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`)),
                    (e) => done([String(e)]));";
            let wrong = texts(&stage.browser.run_async(script, &[]));
            found
                .extend(wrong.into_iter().map(|wrong| format!("{name} at {} px, {scheme}: {wrong}", size.0)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn press(stage: &Stage, words: &str) {
    let script = format!(
        "const b = [...document.querySelectorAll('button')].find(b => (b.innerText.trim() || b.ariaLabel) === '{words}');
         if (!b || b.disabled) return false; b.click(); return true;"
    );
    stage.browser.wait_for(words, SOON, &script);
}

fn fleet(path: &str) -> Stage {
    let stage = Stage::at(Bridge::start_with(&["--demo"]), DESKTOP, path);
    stage.wait_for_link("online");
    stage
}

#[test]
fn the_panel_and_its_pages() {
    let stage = fleet("/");
    let plug = "return document.querySelector('[data-tile=\"tasmota_DEMO01/power\"]')?.dataset.state === 'confirmed'";
    stage.browser.wait_for("all conventions have spoken", SOON, plug);
    look(&stage, "panel");
    press(&stage, "Arrange");
    stage.browser.element(".shelf");
    for n in 0..5 {
        let pick = format!(
            "[...document.querySelectorAll('.pick')].find(p => p.innerText === 'Output {n}').click()"
        );
        stage.browser.run(&pick, &[]);
    }
    stage.browser.run("[...document.querySelectorAll('.pick')].filter(p => /^(Inputs|Heating|Light|Counter 0)$/.test(p.innerText)).forEach(p => p.click())", &[]);
    look(&stage, "arrange-list");
    press(&stage, "Close list");
    stage.browser.click(&stage.browser.element("[data-place=\"1\"] .choose"));
    look(&stage, "arrange");
    press(&stage, "Save");
    press(&stage, "Done");
    stage.browser.wait_for("the page", SOON, "return !document.querySelector('.bench')");
    look(&stage, "page");
}

#[test]
fn the_explorer() {
    let stage = fleet("/explorer");
    stage.browser.element("[role=treeitem]");
    look(&stage, "explorer");
    stage.browser.click(&stage.browser.element("[role=treeitem]"));
    look(&stage, "explorer-topic");
}

#[test]
fn the_settings() {
    let stage = fleet("/settings");
    stage.browser.element("[data-durability]");
    look(&stage, "settings");
}

#[test]
fn nothing_to_see_and_nobody_there() {
    let stage = Stage::at(Bridge::start(), DESKTOP, "/");
    stage.wait_for_link("online");
    stage.browser.wait_for(
        "it says so",
        SOON,
        "return document.body.innerText.includes('No device has spoken')",
    );
    look(&stage, "empty");
    stage.browser.open(&format!("http://{}/?broker=ws://127.0.0.1:1/mqtt", stage.bridge.http));
    stage.browser.wait_for(
        "it says so",
        SOON,
        "return document.querySelectorAll('.empty button').length > 0",
    );
    look(&stage, "unreachable");
}

#[test]
fn what_was_heard_before_the_broker_went() {
    let mut stage = fleet("/");
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    stage.bridge.kill();
    stage.wait_for_link("reconnecting");
    stage.wait_for_stale("output/11", true);
    stage.browser.element(".trouble");
    look(&stage, "offline");
}

/// What a person cannot read: a page that is wider than its window, and values and names that lose their end.
const CUT: &str = "const cut = e => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 3;
    const found = [...document.querySelectorAll('.value, .name, .note, .device h2, .ways')].filter(cut).map(e => e.textContent);
    return document.documentElement.scrollWidth > innerWidth ? [...found, 'the page'] : found";

#[test]
fn no_number_and_no_name_is_cut_on_a_narrow_phone() {
    let bridge = Bridge::start();
    let mut room = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    room.connect(&Connect::new(Version::V5, "room"));
    for (topic, payload) in [
        ("shop/get/counter/0", "1234"),
        ("shop/get/counter/1", "98765"),
        ("shop/get/counter/2", "4294967295"),
        ("the-machine-behind-the-door-at-the-end-of-the-long-corridor/get/output/0", "ON"),
        ("the-machine-behind-the-door-at-the-end-of-the-long-corridor/get/output/1", "ON"),
        ("pump/pressure/state", "-1234.56"),
        ("pump/pressure/set", "7"),
    ] {
        room.retain(topic, payload.as_bytes(), Qos::AtLeastOnce);
    }
    for (topic, config) in [
        (
            "sensor/energy",
            r#"{"name":"Energy of the heat pump in the cellar","stat_t":"e","unit_of_meas":"kWh/m²"}"#,
        ),
        ("cover/blind", r#"{"name":"Blind","stat_t":"b","cmd_t":"b/set"}"#),
    ] {
        let topic = format!("homeassistant/{topic}/config");
        room.retain(&topic, config.as_bytes(), Qos::AtLeastOnce);
    }
    room.retain("e", b"12345.678", Qos::AtLeastOnce);
    room.retain("b", b"open", Qos::AtLeastOnce);
    let stage = Stage::at(bridge, (360, 740), "/");
    let all = "return document.querySelectorAll('.tile[data-state=confirmed]').length === 8";
    stage.browser.wait_for("all tiles", SOON, all);
    assert_eq!(stage.browser.run(CUT, &[]), json!([]));
}
