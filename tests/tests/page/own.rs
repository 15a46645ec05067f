//! Tiles that people make of any topic: values in JSON, switches, pictures, places on earth.

use std::path::Path;

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use serde_json::{Value, json};
use tests::{Bridge, Client, Wire};

use crate::arrange::{kept, press, save};
use crate::looks::look;
use crate::stage::{PHONE, Stage, wait};
use crate::worker::under_control;

/// Whatever is at the other end of a topic.
struct Thing(Client);

impl Thing {
    fn plug_in(bridge: &Bridge) -> Self {
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        client.connect(&Connect::new(Version::V5, "thing"));
        Self(client)
    }

    fn say(&mut self, topic: &str, payload: &[u8]) {
        self.0.retain(topic, payload, Qos::AtLeastOnce);
    }

    /// A page of these tiles, as somebody saved it.
    fn arrange(&mut self, title: &str, tiles: &Value) {
        let page = json!({ "title": title, "tiles": tiles });
        let layout =
            json!({ "switchboard": "layout 1", "version": 1, "id": "1", "author": "A", "pages": [page] });
        self.say("switchboard/layouts/home", layout.to_string().as_bytes());
    }
}

/// Writes into a field of the chosen tile, as a person does who then goes on.
fn write(stage: &Stage, name: &str, text: &str) {
    let script = format!(
        "const f = document.querySelector('.chosen [name=\"{name}\"]'); if (!f) return false;
         f.value = {}; f.dispatchEvent(new Event('change', {{ bubbles: true }})); return true;",
        json!(text)
    );
    wait(stage, name, &script);
}

/// Waits until the own tile of this name has a value in a state.
fn wait_for(stage: &Stage, label: &str, state: &str, value: &str) {
    let script = format!(
        "return [...document.querySelectorAll('[data-tile^=\"+own/\"]')].some(t => t.innerText.includes('{label}')
            && t.dataset.state === '{state}' && (t.dataset.value ?? '') === '{value}')"
    );
    wait(stage, &format!("{label} is {state} {value:?}"), &script);
}

#[test]
fn a_person_makes_a_tile_of_a_value_in_json_and_a_gauge_of_it() {
    let bridge = Bridge::start();
    let mut thing = Thing::plug_in(&bridge);
    thing.say("hall/air", br#"{"s":[{"t":21.5,"name":"A"}],"on":true}"#);
    let stage = Stage::new(bridge);
    // No device is there: pages are made all the same.
    press(&stage, "Arrange");
    press(&stage, "Add any topic");
    let focus = "return document.activeElement?.name === 'topic'";
    wait(&stage, "the topic is asked for", focus);
    write(&stage, "topic", "hall/+");
    wait(&stage, "why not", "return document.querySelector('.wrong')?.innerText.includes('wildcard')");
    write(&stage, "topic", "hall/air");
    let hint = "return document.querySelector('.making .note')?.innerText.startsWith('This message is JSON')";
    wait(&stage, "what is asked next", hint);
    let offered = "return [...document.querySelectorAll('#paths option')].map(o => o.value).join(' ') === 's[0].t s[0].name on'";
    wait(&stage, "what there is", offered);
    write(&stage, "path", "s[0].x");
    let why =
        "return document.querySelector('.making .note')?.innerText === 'There is no x in this message.'";
    wait(&stage, "why it is empty", why);
    write(&stage, "path", "s[0].t");
    write(&stage, "title", "Hall");
    write(&stage, "unit", "°C");
    wait_for(&stage, "Hall", "confirmed", "21.5");
    look(&stage, "own-arranged");
    write(&stage, "show", "gauge");
    write(&stage, "above", "25");
    save(&stage);
    let tile = kept(&stage.bridge)["pages"][0]["tiles"][0].clone();
    assert_eq!(
        (&tile["kind"], &tile["topic"], &tile["path"], &tile["unit"], &tile["show"], &tile["alarm"]["above"]),
        (&json!("value"), &json!("hall/air"), &json!("s[0].t"), &json!("°C"), &json!("gauge"), &json!(25))
    );
    press(&stage, "Done");
    thing.say("hall/air", br#"{"s":[{"t":26}]}"#);
    let meter = "return document.querySelector('.place [role=meter]')?.ariaValueNow === '26'
        && document.querySelector('.alarms')?.innerText.includes('Hall is above 25')";
    wait(&stage, "the gauge and the alarm", meter);
    thing.say("hall/air", b"broken");
    wait_for(&stage, "Hall", "unknown", "");
    assert!(stage.words().contains("Says something that is not understood"), "{}", stage.words());
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_switch_of_ones_own_tells_the_truth_too() {
    let bridge = Bridge::start();
    let mut thing = Thing::plug_in(&bridge);
    thing.arrange("Garden", &json!([
        { "kind": "switch", "key": "p", "topic": "pump", "path": "run", "set": "pump/set", "on": "1", "off": "0", "title": "Pump" },
        { "kind": "button", "key": "b", "set": "bell", "on": "{\"ring\":true}", "title": "Bell" },
        { "kind": "slider", "key": "l", "topic": "light", "set": "light/set", "max": 254, "title": "Light" },
    ]));
    thing.say("pump", b"{\"run\":0}");
    thing.say("light", b"100");
    for topic in ["pump/set", "bell", "light/set"] {
        thing.0.subscribe(topic, Qos::AtLeastOnce);
    }
    let stage = Stage::new(bridge);
    wait_for(&stage, "Pump", "confirmed", "OFF");
    stage.browser.click(&stage.browser.element("[data-tile=\"+own/p\"] [role=switch]"));
    let asked = thing.0.receive();
    assert_eq!((asked.topic.map(|t| t.text()), asked.payload), (Some("pump/set"), &b"1"[..]));
    wait_for(&stage, "Pump", "pending", "OFF");
    thing.say("pump", b"{\"run\":1}");
    wait_for(&stage, "Pump", "confirmed", "ON");
    // Nobody tells how a bell is: it is not shown as a fact.
    stage.browser.click(&stage.browser.element("[data-tile=\"+own/b\"] button"));
    let asked = thing.0.receive();
    assert_eq!((asked.topic.map(|t| t.text()), asked.payload), (Some("bell"), &b"{\"ring\":true}"[..]));
    wait_for(&stage, "Bell", "assumed", "");
    let slide = "const i = document.querySelector('[data-tile=\"+own/l\"] input'); i.value = 200;
        i.dispatchEvent(new Event('input', { bubbles: true })); i.dispatchEvent(new Event('change', { bubbles: true })); return i.max";
    assert_eq!(stage.browser.run(slide, &[]), json!("254"));
    let asked = thing.0.receive();
    assert_eq!((asked.topic.map(|t| t.text()), asked.payload), (Some("light/set"), &b"200"[..]));
    thing.say("light", b"180");
    wait_for(&stage, "Light", "confirmed", "180");
    look(&stage, "own-controls");
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_picture_and_a_place_are_shown_as_they_come() {
    let bridge = Bridge::start();
    let mut thing = Thing::plug_in(&bridge);
    thing.arrange(
        "Away",
        &json!([
            { "kind": "picture", "key": "c", "topic": "door/camera", "title": "Door" },
            { "kind": "map", "key": "m", "topic": "car", "path": "gps", "title": "Car" },
        ]),
    );
    let stage = Stage::at(bridge, PHONE, "/");
    wait_for(&stage, "Door", "unknown", "");
    let icon =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/icon-192.png")).expect("an icon");
    thing.say("door/camera", &icon);
    let shown = "const i = document.querySelector('.picture img');
        return i?.naturalWidth === 192 && i.alt === 'Door' && i.closest('.tile').dataset.state === 'confirmed'";
    wait(&stage, "the picture", shown);
    for (latitude, longitude) in [("48.2", "16.37"), ("48.21", "16.37"), ("48.21", "16.39")] {
        thing.say(
            "car",
            format!("{{\"gps\":{{\"lat\":{latitude},\"lon\":{longitude},\"acc\":12}}}}").as_bytes(),
        );
        wait_for(&stage, "Car", "confirmed", &format!("{latitude},{longitude},12"));
    }
    let way = "const t = document.querySelector('.spot'), a = t.querySelector('a');
        return t.querySelector('polyline').getAttribute('points').split(' ').length === 3
            && a.innerText === '48.21°\\u202fN, 16.39°\\u202fE' && a.href.startsWith('https://www.openstreetmap.org/?mlat=48.21&mlon=16.39')
            && /^within 12\\u202fm · 2\\.\\d\\u202fkm on the way/.test(t.querySelector('.note').innerText)";
    wait(&stage, "the way", way);
    look(&stage, "own");
    // What is no picture and no place is not shown as one.
    thing.say("door/camera", b"<script>alert(1)</script>");
    thing.say("car", b"{\"gps\":{\"lat\":91,\"lon\":0}}");
    wait_for(&stage, "Door", "unknown", "");
    wait_for(&stage, "Car", "unknown", "");
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_topic_that_was_found_among_all_messages_becomes_a_tile() {
    let bridge = Bridge::start();
    let mut thing = Thing::plug_in(&bridge);
    thing.say("attic/fan/rpm", b"840");
    let stage = Stage::at(bridge, PHONE, "/explorer");
    stage.wait_for_link("online");
    stage.browser.click(&stage.browser.element("[role=treeitem][data-topic=\"attic/fan/rpm\"]"));
    let make =
        "const b = [...document.querySelectorAll('.detail button')].find(b => b.innerText === 'Make a tile');
        b?.click(); return !!b";
    wait(&stage, "a button for it", make);
    wait(
        &stage,
        "its form",
        "return document.querySelector('.chosen [name=topic]')?.value === 'attic/fan/rpm'",
    );
    assert_eq!(stage.browser.run("return location.pathname", &[]), json!("/"));
    wait_for(&stage, "rpm", "confirmed", "840");
    write(&stage, "kind", "slider");
    write(&stage, "set", "attic/fan/set");
    write(&stage, "max", "2000");
    let slider = "const i = document.querySelector('.place input[type=range]'); return i?.value === '840' && i.max === '2000'";
    wait(&stage, "a slider", slider);
    save(&stage);
    press(&stage, "Done");
    stage.browser.reload();
    wait(&stage, "it is there for everyone", slider);
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn an_arranged_page_is_there_without_its_broker_and_gone_when_it_was_removed() {
    let bridge = Bridge::start();
    let mut thing = Thing::plug_in(&bridge);
    thing.arrange(
        "Hall",
        &json!([
            { "kind": "value", "key": "v", "topic": "hall/air", "title": "Air" },
        ]),
    );
    thing.say("hall/air", b"21");
    let mut stage = Stage::new(bridge);
    wait_for(&stage, "Air", "confirmed", "21");
    under_control(&stage);
    wait_for(&stage, "Air", "confirmed", "21");
    stage.bridge.kill();
    stage.browser.open(&format!("http://{}/", stage.bridge.http));
    stage.wait_for_link("reconnecting");
    wait_for(&stage, "Air", "confirmed", "21");
    let is_dated = "const t = document.querySelector('[data-tile=\"+own/v\"]');
        return 'stale' in t.dataset && t.innerText.includes('Heard ')
            && document.querySelector('.page[aria-current=page]').innerText === 'Hall'";
    wait(&stage, "it is as it was, and says when", is_dated);
    look(&stage, "own-offline");
    // The broker comes back and keeps nothing: then there is no such page.
    stage.bridge.restart();
    stage.wait_for_link("online");
    wait(
        &stage,
        "no page",
        "return !document.querySelector('.page') && !document.querySelector('[data-tile]')",
    );
}
