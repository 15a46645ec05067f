//! What a screen reader finds: a name for everything that can be used, and words that say how it is.

use serde_json::{Value, json};
use tests::{Bridge, keys};

use crate::stage::{DESKTOP, SOON, Stage, texts};

const USABLE: [&str; 12] = [
    "button",
    "switch",
    "link",
    "textbox",
    "checkbox",
    "combobox",
    "treeitem",
    "tree",
    "slider",
    "radio",
    "searchbox",
    "img",
];

fn text(value: &Value) -> &str {
    value["value"].as_str().unwrap_or_default()
}

#[test]
fn every_control_has_a_role_and_a_name() {
    let stage = Stage::at(Bridge::start_with(&["--demo"]), DESKTOP, "/");
    for path in ["/", "/explorer", "/settings"] {
        stage.browser.open(&format!("http://{}{path}", stage.bridge.http));
        stage.wait_for_link("online");
        if path == "/" {
            stage.wait_for_tile("output/11", "confirmed", "OFF");
        }
        let tree = stage.browser.devtools("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().expect("an accessibility tree");
        let seen = nodes.iter().filter(|node| node["ignored"] == false);
        let controls: Vec<_> = seen.filter(|node| USABLE.contains(&text(&node["role"]))).collect();
        assert!(controls.len() >= 3, "{path} has controls");
        for node in controls {
            assert!(
                !text(&node["name"]).trim().is_empty(),
                "{path}: a {} without a name: {node}",
                text(&node["role"])
            );
        }
    }
}

#[test]
fn switches_are_named_and_say_how_they_are() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    let tree = stage.browser.devtools("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().expect("an accessibility tree");
    let switches: Vec<_> = nodes.iter().filter(|node| text(&node["role"]) == "switch").collect();
    let names: Vec<_> = switches.iter().map(|node| text(&node["name"])).collect();
    let expected: Vec<_> = (0..12).map(|n| format!("Output {n}")).collect();
    assert_eq!(names[..12], expected, "the Web-IO comes first");
    assert!(names.iter().all(|name| !name.is_empty()), "{names:?}");
    let checked = |node: &Value| {
        let properties = node["properties"].as_array().cloned().unwrap_or_default();
        properties.iter().find(|p| p["name"] == "checked").map(|p| p["value"]["value"].clone())
    };
    assert!(switches[..12].iter().all(|node| checked(node) == Some(json!("false"))));
    let is_said = |node: &&Value| matches!(checked(node), Some(said) if said == "true" || said == "false");
    assert!(switches.iter().all(is_said), "every switch says how it is");
}

#[test]
fn the_document_is_well_formed() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    for path in ["/", "/explorer", "/settings"] {
        stage.browser.open(&format!("http://{}{path}", stage.bridge.http));
        stage.wait_for_link("online");
        let script = "const wrong = [];
            if (!document.documentElement.lang) wrong.push('no language');
            if (!document.title) wrong.push('no title');
            if (document.querySelectorAll('main').length !== 1) wrong.push('not one main');
            if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
            if (!document.querySelector('nav[aria-label]')) wrong.push('no labelled navigation');
            if (!document.querySelector('[aria-live], [role=status], [role=alert]')) wrong.push('nothing is announced');
            if (/user-scalable=no|maximum-scale/.test(document.querySelector('meta[name=viewport]').content)) wrong.push('no zoom');
            const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
            wrong.push(...ids.filter((id, n) => ids.indexOf(id) !== n).map(id => `id ${id} twice`));
            for (const e of document.querySelectorAll('[aria-labelledby], [aria-describedby], [aria-controls], [aria-activedescendant]'))
                for (const a of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'aria-activedescendant'])
                    for (const id of (e.getAttribute(a) ?? '').split(' ').filter(Boolean))
                        if (!document.getElementById(id)) wrong.push(`${a} names ${id}, which is not there`);
            wrong.push(...[...document.querySelectorAll('[tabindex]')].filter(e => e.tabIndex > 0).map(e => `tabindex ${e.tabIndex}`));
            return wrong;";
        let wrong = texts(&stage.browser.run(script, &[]));
        assert!(wrong.is_empty(), "{path}: {wrong:?}");
        assert_eq!(stage.browser.complaints(), [] as [&str; 0], "{path}: the console is quiet");
    }
}

#[test]
fn what_has_the_focus_is_not_covered() {
    let stage = Stage::new(Bridge::start_with(&["--demo"]));
    // Nothing moves any more when the whole fleet is there.
    let script = "return ['tasmota_DEMO01/energy/voltage', 'shelly1-DE0003/input:0', 'zigbee2mqtt/Colour lamp/color',
        'shellyplus1pm-demo02/temperature:100/tC', 'zigbee2mqtt/Lying plug/power', 'homie/5/desk-lamp/light/brightness',
        'de0000000006/climate/living-room/heating/current', 'homie/garden/air/temperature', 'wut-0a4711/output/11']
        .every(tile => (document.querySelector(`[data-tile=\"${tile}\"]`)?.dataset.state ?? 'unknown') !== 'unknown')";
    stage.browser.wait_for("all devices of the demo", SOON, script);
    // More than all controls of the panel: once around, on a phone, where the bar lies over the lower edge.
    for _ in 0..70 {
        stage.browser.press(keys::TAB);
        let script = "const e = document.activeElement; if (!e || e === document.body) return '';
            const r = (e.closest('[data-tile]') ?? e).getBoundingClientRect();
            const covered = [0.2, 0.5, 0.8].filter(y => {
                const at = document.elementFromPoint((r.left + r.right) / 2, r.top + r.height * y);
                return !at || !((e.closest('[data-tile]') ?? e).contains(at) || at.contains(e));
            });
            return covered.length ? `${e.ariaLabel ?? e.innerText} at ${r.top} to ${r.bottom} of ${innerHeight}` : '';";
        let covered = stage.browser.run(script, &[]);
        assert_eq!(covered, "", "covered while it has the focus (WCAG 2.2, 2.4.11)");
    }
}
