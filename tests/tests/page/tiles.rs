//! Lines, charts and gauges of what devices tell.

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use serde_json::{Value, json};
use tests::{Bridge, Client, Wire, keys};

use crate::arrange::{kept, press, save};
use crate::looks::look;
use crate::stage::{PHONE, SOON, Stage};

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

fn wait(stage: &Stage, what: &str, script: &str) {
    stage.browser.wait_for(what, SOON, script);
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
    wait(&stage, "the style of lines", "return !!document.querySelector('link[href=\"/tiles.css\"]')?.sheet");
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
             return new RegExp('^{value}\u{202f}°C at \\\\d\\\\d:\\\\d\\\\d:\\\\d\\\\d$').test(i.ariaValueText ?? i.getAttribute('aria-valuetext'))
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
