//! Lines, charts and gauges of what devices tell.

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use serde_json::{Value, json};
use tests::{Bridge, Client, Request, Wire, keys};

use crate::arrange::{kept, press, save};
use crate::looks::look;
use crate::stage::{Device, PHONE, SOON, Stage, wait};

/// A thermometer, described as Home Assistant is told, of which the test says the values.
struct Room(Client);

impl Room {
    fn plug_in(bridge: &Bridge) -> Self {
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        client.connect(&Connect::new(Version::V5, "room"));
        let config = json!({
            "name": "Air", "uniq_id": "room-air", "stat_t": "room/air", "avty_t": "room/there", "unit_of_meas": "°C",
            "dev": { "ids": ["room"], "name": "Room" },
        });
        let mut room = Self(client);
        room.say("homeassistant/sensor/air/config", &config.to_string());
        room.say("room/there", "online");
        room
    }

    fn say(&mut self, topic: &str, payload: &str) {
        self.0.retain(topic, payload.as_bytes(), Qos::AtLeastOnce);
    }
}

fn run(stage: &Stage, script: &str) -> Value {
    stage.browser.run(script, &[])
}

/// Says values one after the other, each when the one before is seen.
fn say_in_turn(stage: &Stage, room: &mut Room, values: &[&str]) {
    for value in values {
        room.say("room/air", value);
        let script =
            format!("return !!document.querySelector('[data-tile$=\"air\"][data-value=\"{value}\"]')");
        wait(stage, value, &script);
    }
}

#[test]
fn a_number_has_a_line_that_opens_to_a_chart_and_is_gone_through_by_keys() {
    let bridge = Bridge::start();
    let mut room = Room::plug_in(&bridge);
    room.say("room/air", "20");
    let stage = Stage::at(bridge, PHONE, "/");
    say_in_turn(&stage, &mut room, &["20"]);
    wait(&stage, "the style of lines", "return !!document.querySelector('link[href=\"/lines.css\"]')?.sheet");
    assert_eq!(
        run(&stage, "return !!document.querySelector('.spark')"),
        json!(false),
        "one value has no line"
    );
    say_in_turn(&stage, &mut room, &["23", "21.5"]);
    wait(&stage, "its line", "return document.querySelector('.spark path')?.getAttribute('d').includes('V')");
    let small = stage.browser.element("[data-tile$=\"air\"] button.spark");
    stage.browser.click(&small);
    let chart = "document.querySelector('[role=group][aria-label=\"History of Air\"]')";
    wait(
        &stage,
        "the chart",
        &format!("return {chart}?.innerText.includes('Between 20\u{202f}°C and 23\u{202f}°C since ')"),
    );
    assert_eq!(stage.browser.attribute("button.spark", "aria-expanded").as_deref(), Some("true"));
    run(&stage, &format!("{chart}.querySelector('input').focus()"));
    for (key, value) in [(keys::LEFT, "23"), (keys::LEFT, "20"), (keys::RIGHT, "23")] {
        stage.browser.press(key);
        let script = format!(
            "const i = {chart}.querySelector('input');
             return new RegExp('^{value}\u{202f}°C at \\\\d+:\\\\d\\\\d:\\\\d\\\\d.[AP]M$').test(i.ariaValueText ?? i.getAttribute('aria-valuetext'))
                 && {chart}.querySelector('b').innerText === i.getAttribute('aria-valuetext')"
        );
        wait(&stage, value, &script);
    }
    // What comes while it is looked at is drawn, and the look stays where it is.
    say_in_turn(&stage, &mut room, &["30"]);
    wait(
        &stage,
        "the new end",
        &format!(
            "return {chart}.innerText.includes('and 30\u{202f}°C since') && {chart}.querySelector('b').innerText.startsWith('23')"
        ),
    );
    look(&stage, "chart");
    // Nobody knows what is so while it is away: the line ends where it was known.
    room.say("room/there", "offline");
    let ends = format!(
        "const d = {chart}.querySelector('.plot path:not(.ground, .at)').getAttribute('d');
         return document.querySelector('[data-tile$=\"air\"]').dataset.state === 'offline' && Number(/H(\\\\d+)$/.exec(d)?.[1] ?? 600) < 600"
    );
    stage.browser.wait_for("the line ends before the edge", SOON * 2, &ends.replace("\\\\", "\\"));
    stage.browser.click(&stage.browser.element("button.spark"));
    wait(&stage, "it is closed", &format!("return !{chart}"));
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_line_begins_with_what_was_said_before_the_page_was_opened() {
    let bridge = Bridge::start();
    // As the first page ever does: from then on the broker remembers.
    assert_eq!(Request::get("/api/last?filter=x").send(bridge.http).status, 200);
    let mut room = Room::plug_in(&bridge);
    room.say("room/air", "20");
    room.say("room/air", "23");
    let stage = Stage::at(bridge, PHONE, "/");
    say_in_turn(&stage, &mut room, &["23"]);
    stage.browser.wait_for(
        "its line has a step of the past",
        SOON * 4,
        "return document.querySelector('.spark path')?.getAttribute('d').includes('V')",
    );
    stage.browser.click(&stage.browser.element("[data-tile$=\"air\"] button.spark"));
    let said = "document.querySelector('[role=group][aria-label=\"History of Air\"]')?.innerText";
    wait(
        &stage,
        "the past",
        &format!("return {said}?.includes('Between 20\u{202f}°C and 23\u{202f}°C since ')"),
    );
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

/// Chooses in the list of this name.
fn choose(stage: &Stage, name: &str, value: &str) {
    let script = format!(
        "const s = document.querySelector('.chosen [name=\"{name}\"]'); if (!s) return false;
         s.closest('details').open = true; s.value = '{value}';
         s.dispatchEvent(new Event('change', {{ bubbles: true }})); return true;"
    );
    wait(stage, name, &script);
}

#[test]
fn a_person_makes_a_gauge_of_a_number_and_every_page_has_it() {
    let bridge = Bridge::start();
    let mut room = Room::plug_in(&bridge);
    room.say("room/air", "20");
    let stage = Stage::at(bridge, PHONE, "/");
    say_in_turn(&stage, &mut room, &["20"]);
    press(&stage, "Arrange");
    press(&stage, "Air");
    press(&stage, "Close list");
    run(&stage, "document.querySelector('[data-place=\"0\"] .choose').click()");
    choose(&stage, "show", "gauge");
    for (name, value) in [("max", "40"), ("warn", "25"), ("bad", "30,5")] {
        choose(&stage, name, value);
    }
    let meter = "document.querySelector('.place [role=meter]')";
    wait(
        &stage,
        "its scale",
        &format!("return {meter}?.ariaValueMin === '-20' && {meter}.ariaValueMax === '40'"),
    );
    save(&stage);
    let tile = kept(&stage.bridge)["pages"][0]["tiles"][0].clone();
    assert_eq!(
        (&tile["show"], &tile["min"], &tile["max"], &tile["warn"], &tile["bad"]),
        (&json!("gauge"), &json!(-20), &json!(40), &json!(25), &json!(30.5))
    );
    press(&stage, "Done");
    for (value, zone, words) in
        [("24.9", "good", ""), ("25", "warn", "Warning"), ("50", "bad", "Critical, above the scale")]
    {
        say_in_turn(&stage, &mut room, &[value]);
        let script = format!(
            "const t = {meter}.closest('.tile');
             return {meter}.ariaValueNow === '{value}' && t.dataset.zone === '{zone}' && t.innerText.includes('{words}')"
        );
        wait(&stage, zone, &script);
    }
    look(&stage, "gauge");
    // Another page draws it as it was saved, and a chart is as near.
    stage.browser.reload();
    wait(&stage, "the gauge of another page", &format!("return {meter}?.ariaValueNow === '50'"));
    press(&stage, "Arrange");
    run(&stage, "document.querySelector('[data-place=\"0\"] .choose').click()");
    choose(&stage, "show", "chart");
    wait(
        &stage,
        "a chart",
        "return !!document.querySelector('.place .chart') && !document.querySelector('[role=meter]')",
    );
    press(&stage, "Take back");
    wait(&stage, "the gauge again", &format!("return {meter}?.ariaValueMax === '40'"));
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

/// Presses the mouse in the middle of a control, or lets it go.
fn mouse(stage: &Stage, selector: &str, kind: &str) {
    let script = format!(
        "const c = document.querySelector('{selector}'); c.scrollIntoView({{ block: 'center' }});
         const r = c.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]"
    );
    let at = run(stage, &script);
    let event = json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
    stage.browser.devtools("Input.dispatchMouseEvent", &event);
}

#[test]
fn what_is_held_is_done_when_it_was_held_or_pressed_twice_and_never_by_a_touch() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let layout = r#"{"switchboard":"layout 1","version":1,"id":"1","author":"A","pages":[{"title":"Hall","tiles":[
        {"device":"wut-0a4711","key":"output/3","hold":true},{"device":"wut-0a4711","key":"output/4"}]}]}"#;
    device.0.retain("switchboard/layouts/home", layout.as_bytes(), Qos::AtLeastOnce);
    let stage = Stage::at(bridge, PHONE, "/");
    let control = "[data-tile$=\"output/3\"] [role=switch]";
    let is = |word: &str| {
        wait(&stage, word, &format!("return document.querySelector('{control}')?.dataset.hold === '{word}'"));
    };
    is("rest");
    wait(&stage, "the style", "return !!document.querySelector('link[href=\"/lines.css\"]')?.sheet");
    look(&stage, "hold");
    let told = stage.browser.attribute(control, "aria-description").unwrap_or_default();
    assert!(told.ends_with("Hold it for a second, or press it twice."), "{told}");
    // A touch in passing does nothing; what the next tile is asked for comes first.
    stage.browser.click(&stage.browser.element(control));
    is("rest");
    stage.browser.click(&stage.browser.element("[data-tile$=\"output/4\"] [role=switch]"));
    assert_eq!(device.command().0, "set/output/4");
    device.say("output/4", "ON");
    // Held, it shows how far it is, and is done while it is still held.
    mouse(&stage, control, "mousePressed");
    is("held");
    wait(
        &stage,
        "words",
        &format!("return document.querySelector('{control}').innerText.includes('Keep holding')"),
    );
    let (topic, publish) = device.command();
    assert_eq!((topic.as_str(), publish.payload), ("set/output/3", &b"ON"[..]));
    mouse(&stage, control, "mouseReleased");
    stage.wait_for_tile("output/3", "pending", "OFF");
    device.say("output/3", "ON");
    stage.wait_for_tile("output/3", "confirmed", "ON");
    is("rest");
    // Keys, and tools that only click: the second press.
    run(&stage, &format!("document.querySelector('{control}').focus()"));
    stage.browser.press(keys::ENTER);
    is("asks");
    wait(
        &stage,
        "it is said",
        "return [...document.querySelectorAll('[role=status]')].some(s => s.innerText === 'Press again')",
    );
    stage.browser.press(keys::SPACE);
    let (topic, publish) = device.command();
    assert_eq!((topic.as_str(), publish.payload), ("set/output/3", &b"OFF"[..]));
    device.say("output/3", "OFF");
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    is("rest");
    run(&stage, &format!("document.querySelector('{control}').click()"));
    is("asks");
    stage.browser.wait_for(
        "it is too late",
        SOON,
        &format!("return document.querySelector('{control}').dataset.hold === 'rest'"),
    );
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_counter_has_a_line_and_is_not_set_back_nor_a_gate_opened_in_passing() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let gate = json!({ "name": "Gate", "uniq_id": "gate", "cmd_t": "gate/set", "stat_t": "gate/state", "avty_t": "gate/there", "dev": { "ids": ["gate"], "name": "Yard" } });
    device.0.retain("homeassistant/cover/gate/config", gate.to_string().as_bytes(), Qos::AtLeastOnce);
    device.0.retain("gate/there", b"online", Qos::AtLeastOnce);
    device.0.retain("gate/state", b"closed", Qos::AtLeastOnce);
    device.0.subscribe("gate/set", Qos::AtLeastOnce);
    let layout = r#"{"switchboard":"layout 1","version":1,"id":"1","author":"A","pages":[{"title":"Yard","tiles":[
        {"device":"wut-0a4711","key":"counter/0","hold":true},{"device":"gate","key":"cover/gate","hold":true}]}]}"#;
    device.0.retain("switchboard/layouts/home", layout.as_bytes(), Qos::AtLeastOnce);
    let stage = Stage::at(bridge, PHONE, "/");
    for count in ["7", "9"] {
        device.say("counter/0", count);
        stage.wait_for_tile("counter/0", "confirmed", count);
    }
    wait(&stage, "its line", "return !!document.querySelector('.place .counter .spark path')");
    let press_twice = |control: &str| {
        let is =
            |word: &str| format!("return document.querySelector('{control}')?.dataset.hold === '{word}'");
        wait(&stage, "it rests", &is("rest"));
        // A touch in passing.
        stage.browser.click(&stage.browser.element(control));
        run(&stage, &format!("document.querySelector('{control}').focus()"));
        stage.browser.press(keys::ENTER);
        wait(&stage, "it asks", &is("asks"));
        stage.browser.press(keys::ENTER);
    };
    press_twice(".place .counter button.hold");
    let (topic, publish) = device.command();
    assert_eq!((topic.as_str(), publish.payload), ("set/counter/0", &b"0"[..]));
    device.say("counter/0", "0");
    stage.wait_for_tile("counter/0", "confirmed", "0");
    look(&stage, "hold-others");
    press_twice(".place button.hold[aria-label=\"Open Gate\"]");
    let (topic, publish) = device.command();
    assert_eq!((topic.as_str(), publish.payload), ("gate/set", &b"OPEN"[..]));
    // Stopping is done at once.
    run(&stage, "document.querySelector('.place button[aria-label=\"Stop Gate\"]').click()");
    let (topic, publish) = device.command();
    assert_eq!((topic.as_str(), publish.payload), ("gate/set", &b"STOP"[..]));
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_person_says_what_is_held_and_a_restart_is_by_itself() {
    let bridge = Bridge::start();
    let mut device = Device::plug_in(bridge.tcp);
    let config = json!({ "name": "Restart", "uniq_id": "boot", "cmd_t": "boot/now", "dev_cla": "restart", "avty_t": "boot/there", "dev": { "ids": ["boot"], "name": "Boot" } });
    device.0.retain("homeassistant/button/boot/config", config.to_string().as_bytes(), Qos::AtLeastOnce);
    device.0.retain("boot/there", b"online", Qos::AtLeastOnce);
    device.0.subscribe("boot/now", Qos::AtLeastOnce);
    let stage = Stage::at(bridge, PHONE, "/");
    let button = "[data-tile$=\"boot\"] button.hold";
    wait(
        &stage,
        "it is held",
        &format!("return document.querySelector('{button}')?.dataset.hold === 'rest'"),
    );
    mouse(&stage, button, "mousePressed");
    assert_eq!(device.command().0, "boot/now");
    mouse(&stage, button, "mouseReleased");
    press(&stage, "Arrange");
    press(&stage, "Output 3");
    press(&stage, "Close list");
    run(&stage, "document.querySelector('[data-place=\"0\"] .choose').click()");
    wait(
        &stage,
        "its choice",
        "const h = document.querySelector('.chosen [name=hold]'); if (!h || h.checked) return false; h.click(); return true",
    );
    wait(&stage, "it is held now", "return !!document.querySelector('.place [data-hold]')");
    save(&stage);
    assert_eq!(kept(&stage.bridge)["pages"][0]["tiles"][0]["hold"], json!(true));
}

#[test]
fn a_person_writes_a_heading_and_a_text_and_nothing_in_it_is_html() {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    press(&stage, "Arrange");
    press(&stage, "Output 3");
    press(&stage, "Add a text");
    let write = "const t = document.querySelector('.chosen textarea'); if (!t) return false;
        t.value = '# The hall\\n- *one*\\n- [door](https://example.org/d)\\n\\n<img src=x> [bad](javascript:alert(1))';
        t.dispatchEvent(new Event('change', { bubbles: true })); return true";
    wait(&stage, "its field", write);
    wait(&stage, "its name", "return document.querySelector('.chosen strong').innerText === 'The hall'");
    look(&stage, "text-arranged");
    save(&stage);
    press(&stage, "Done");
    let shown = "const t = document.querySelector('.place > .text'); if (!t) return false;
        return t.querySelector('h2').innerText === 'The hall' && t.querySelectorAll('li').length === 2
            && t.querySelectorAll('a').length === 1 && t.querySelector('a').href === 'https://example.org/d'
            && !t.querySelector('img') && t.innerText.includes('<img src=x> [bad](javascript:alert(1))')";
    wait(&stage, "what was written", shown);
    look(&stage, "text");
    let text = &kept(&stage.bridge)["pages"][0]["tiles"][1];
    assert_eq!((&text["kind"], &text["wide"]), (&json!("text"), &json!(true)));
    stage.browser.open(&format!("http://{}/", stage.bridge.http));
    wait(&stage, "it is there again", shown);
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}
