//! Tasmota: devices that describe themselves below `tasmota/discovery`, and older ones known by their will.
//!
//! ```text
//! tasmota/discovery/DC4F22ABCDEF/config   {"t":"plug","ft":"%prefix%/%topic%/","tp":["cmnd","stat","tele"],"rl":[1,0],…}
//! stat/plug/POWER   ON | OFF              stat/plug/RESULT  {"POWER":"ON"}     cmnd/plug/POWER  ← ON | OFF
//! tele/plug/STATE   {"POWER":"ON",…}      tele/plug/SENSOR  {"DS18B20":{"Temperature":20.6}}
//! tele/plug/LWT     Online | Offline
//! ```
//! Nothing but the will and the description is retained: `cmnd/plug/STATE` makes it speak.

use std::rc::Rc;

use crate::text;

use super::codec::Codec;
use super::inside;
use super::json::Json;
use super::spec::{Found, HOLE, Kind, Range, Spec, Tells};
use super::{label, presence};

pub(super) const FILTERS: &[&str] = &["tasmota/discovery/+/+", "tele/+/LWT"];

/// What devices have said of themselves, by hardware address.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known(Vec<(Rc<str>, Option<Topics>, Option<Json>)>);

/// Devices whose description is kept.
const MAX_KNOWN: usize = 1_000;

/// How a device composes its topics, each up to the last level.
#[derive(Clone, Debug, PartialEq)]
struct Topics {
    id: Rc<str>,
    cmnd: String,
    stat: String,
    tele: String,
}

impl Known {
    pub(super) fn describe(&mut self, topic: &str, payload: &[u8]) -> Vec<Found> {
        let Some((mac, what)) =
            topic.strip_prefix("tasmota/discovery/").and_then(|rest| rest.split_once('/'))
        else {
            return Vec::new();
        };
        let at = match self.0.iter().position(|(known, ..)| **known == *mac) {
            Some(at) => at,
            None if self.0.len() >= MAX_KNOWN => return Vec::new(),
            None => {
                self.0.push((mac.into(), None, None));
                self.0.len() - 1
            }
        };
        let Some((_, topics, sensors)) = self.0.get_mut(at) else { return Vec::new() };
        let Some(json) = Json::read(payload) else {
            // Removed, or no description at all.
            let gone = topics.take().filter(|_| payload.is_empty() && what == "config");
            return gone
                .into_iter()
                .map(|topics| Found { id: topics.id, gone: true, ..Found::default() })
                .collect();
        };
        let mut found = Vec::new();
        if what == "config" {
            *topics = Topics::of(&json, mac);
            found.extend(topics.as_ref().map(|topics| device(topics, &json, mac)));
        } else {
            *sensors = json.get("sn").cloned();
        }
        if let (Some(topics), Some(sensors)) = (topics, sensors) {
            found.push(Found {
                id: Rc::clone(&topics.id),
                weight: 2,
                family: 1,
                points: readings(topics, sensors),
                ..Found::default()
            });
        }
        found
    }
}

/// A device that does not describe itself: what it says shows what it has.
pub(super) fn recognise(topic: &str, payload: &[u8]) -> Option<Found> {
    let mut levels = topic.split('/');
    let (prefix, id, last) = (levels.next()?, levels.next()?, levels.next()?);
    if levels.next().is_some() || id.is_empty() || !matches!(prefix, "tele" | "stat") {
        return None;
    }
    let topics = Topics::standard(id);
    let mut found =
        Found { id: id.into(), model: "Tasmota".into(), weight: 2, family: 1, ..Found::default() };
    match (prefix, last) {
        ("tele", "LWT") if matches!(payload, b"Online" | b"Offline") => {
            found = topics.found(found, "Online", "Offline")
        }
        (_, "STATE" | "RESULT") => {
            for (name, value) in Json::read(payload)?.members() {
                let number = name.strip_prefix("POWER").filter(|_| matches!(value, Json::Text(_)));
                if let Some(number) = number.filter(|number| number.bytes().all(|b| b.is_ascii_digit())) {
                    found.points.push(relay(&topics, number, "Power", ("ON", "OFF")));
                }
            }
        }
        ("tele", "SENSOR") => found.points = readings(&topics, &Json::read(payload)?),
        _ => return None,
    }
    (found.points.len() + found.presence.len() > 0).then_some(found)
}

impl Topics {
    fn of(json: &Json, mac: &str) -> Option<Self> {
        let (topic, full) = (json.text("t"), json.text("ft"));
        let prefix = |n: usize| json.at("tp").and_then(|tp| tp.items().get(n)).and_then(Json::plain);
        let compose = |n: usize| {
            let tail = mac.get(mac.len().saturating_sub(6)..).unwrap_or(mac);
            let places = [
                ("%prefix%", prefix(n)?),
                ("%topic%", topic),
                ("%hostname%", json.text("hn")),
                ("%id%", tail),
            ];
            let composed =
                places.iter().fold(full.to_owned(), |text, (place, value)| text::put(&text, place, value));
            Some(if composed.ends_with('/') { composed } else { composed + "/" })
        };
        let topics = Self { id: topic.into(), cmnd: compose(0)?, stat: compose(1)?, tele: compose(2)? };
        (!topic.is_empty() && text::has(full, "%prefix%")).then_some(topics)
    }

    fn standard(id: &str) -> Self {
        let [cmnd, stat, tele] = ["cmnd", "stat", "tele"].map(|prefix| format!("{prefix}/{id}/"));
        Self { id: id.into(), cmnd, stat, tele }
    }

    /// Whether it is there, what to subscribe to, and how it is made to speak.
    fn found(&self, found: Found, online: &str, offline: &str) -> Found {
        Found {
            presence: vec![presence(&format!("{}LWT", self.tele), online, offline)],
            listen: vec![format!("{}+", self.stat), format!("{}+", self.tele)],
            asks: vec![
                (format!("{}STATE", self.cmnd), String::new()),
                (format!("{}STATUS", self.cmnd), "10".to_owned()),
            ],
            ..found
        }
    }

    /// A point that is told in answers and in the state, and whose command may be an error.
    fn told(&self, spec: Spec, path: &str, codec: &Codec) -> Spec {
        let result = format!("{}RESULT", self.stat);
        spec.path(&result, path, codec.clone())
            .path(&format!("{}STATE", self.tele), path, codec.clone())
            .told(
                &result,
                inside::path("Command"),
                Codec::translated(&[
                    ("Error", "The device says: error"),
                    ("Unknown", "The device does not know this command"),
                ]),
                Tells::Refused,
            )
    }

    fn command(&self, name: &str) -> String {
        format!("{}{name}", self.cmnd)
    }
}

fn device(topics: &Topics, json: &Json, mac: &str) -> Found {
    let or = |name: &str, other: &'static str| -> Rc<str> {
        Some(json.text(name)).filter(|t| !t.is_empty()).unwrap_or(other).into()
    };
    let found = Found {
        id: Rc::clone(&topics.id),
        name: json.text("dn").into(),
        model: or("md", "Tasmota"),
        hardware: super::hardware(mac).into_iter().collect(),
        weight: 2,
        family: 1,
        sure: true,
        points: points(topics, json),
        ..Found::default()
    };
    topics.found(found, &or("onln", "Online"), &or("ofln", "Offline"))
}

fn points(topics: &Topics, json: &Json) -> Vec<Spec> {
    let items = |name: &str| json.get(name).map(Json::items).unwrap_or_default();
    let word = |n: usize, other| items("state").get(n).and_then(Json::plain).unwrap_or(other);
    let words = (word(1, "ON"), word(0, "OFF"));
    let relays = items("rl");
    let kind = |n: usize| relays.get(n).and_then(Json::plain).unwrap_or("0");
    let many = relays.iter().filter(|relay| !matches!(relay.plain(), Some("0"))).count() > 1;
    let mut points = Vec::new();
    let mut shutters = 0;
    let mut n = 0;
    while n < relays.len().min(32) {
        let number = if many { (n + 1).to_string() } else { String::new() };
        let name = items("fn").get(n).and_then(Json::plain).unwrap_or("Power");
        match kind(n) {
            "1" => points.push(relay(topics, &number, name, words)),
            "2" => points.extend(light(topics, relay(topics, &number, name, words), json.text("lt_st"))),
            "3" => {
                shutters += 1;
                points.extend(shutter(topics, shutters));
                // A shutter takes two.
                n += 1;
            }
            _ => {}
        }
        n += 1;
    }
    if json.text("if") == "1" {
        let speeds: [Rc<str>; 4] = ["0", "1", "2", "3"].map(Into::into);
        let speed = Spec::new("fan", "Speed", Kind::Select(speeds.clone().into())).icon("#i-fan");
        points.push(topics.told(speed, "FanSpeed", &Codec::one_of(&speeds)).ask(
            &topics.command("FanSpeed"),
            Codec::Text,
            HOLE,
        ));
    }
    points
}

fn relay(topics: &Topics, number: &str, name: &str, words: (&str, &str)) -> Spec {
    let codec = Codec::switch(words.0, words.1);
    let name = if name == "Power" { format!("Power {number}") } else { name.to_owned() };
    let key = format!("power{number}");
    let power = format!("POWER{number}");
    let spec = Spec::new(&key, name.trim_end(), Kind::Switch)
        .whole(&format!("{}{power}", topics.stat), codec.clone());
    let spec = topics.told(spec, &power, &codec).ask(&topics.command(&power), codec.clone(), HOLE);
    // Some say `POWER1` though there is only one.
    match number {
        "" => topics.told(spec.whole(&format!("{}POWER1", topics.stat), codec.clone()), "POWER1", &codec),
        _ => spec,
    }
}

fn light(topics: &Topics, power: Spec, subtype: &str) -> Vec<Spec> {
    let power = power.icon("#i-lamp");
    let part = |name: &str, label: &str, kind| {
        Spec::new(&format!("{}/{name}", power.key), label, kind).within(&power)
    };
    let mut points = Vec::new();
    if subtype != "0" {
        let spec = part("brightness", "Brightness", Kind::Slider(Range::whole(0, 100, 1))).unit("%");
        points.push(topics.told(spec, "Dimmer", &Codec::number()).ask(
            &topics.command("Dimmer"),
            Codec::number(),
            HOLE,
        ));
    }
    if matches!(subtype, "3" | "4" | "5") {
        let spec = topics.told(part("colour", "Colour", Kind::Colour), "HSBColor", &Codec::Hsb);
        // The second form of the command leaves the brightness as it is.
        points.push(spec.ask(&topics.command("Color2"), Codec::Rgb, HOLE));
    }
    if matches!(subtype, "2" | "5") {
        let spec = part("white", "White", Kind::Slider(Range::whole(2_000, 6_500, 100))).unit("K");
        points.push(topics.told(spec, "CT", &Codec::Mireds).ask(&topics.command("CT"), Codec::Mireds, HOLE));
    }
    points.insert(0, power);
    points
}

fn shutter(topics: &Topics, n: u32) -> Vec<Spec> {
    let name = format!("Shutter{n}");
    let moves = Codec::translated(&[("1", "opening"), ("-1", "closing"), ("0", "stopped")]);
    let ways = Codec::translated(&[("Open", "open"), ("Close", "close"), ("Stop", "stop")]);
    let mut cover = topics.told(
        Spec::new(&format!("shutter{n}"), "Shutter", Kind::Cover),
        &format!("{name}/Direction"),
        &moves,
    );
    cover.write = Some(super::spec::Write {
        // The way is part of the topic: one command for all three.
        topic: topics.command("Backlog").into(),
        codec: ways,
        form: super::spec::Form::Around(format!("Shutter{HOLE}{n}").into()),
    });
    cover.travels = true;
    let spec = Spec::new(&format!("shutter{n}/position"), "Position", Kind::Slider(Range::whole(0, 100, 1)))
        .unit("%")
        .within(&cover);
    let mut position = topics.told(spec, &format!("{name}/Position"), &Codec::number()).ask(
        &topics.command(&format!("ShutterPosition{n}")),
        Codec::number(),
        HOLE,
    );
    position.travels = true;
    vec![cover, position]
}

/// Every number of the sensors' report becomes a reading.
fn readings(topics: &Topics, sensors: &Json) -> Vec<Spec> {
    let celsius = if sensors.text("TempUnit") == "F" { "°F" } else { "°C" };
    let mut points = Vec::new();
    for (sensor, values) in sensors.members() {
        for (name, value) in values.members() {
            if points.len() >= 40 || !matches!(value, Json::Number(_)) {
                continue;
            }
            let unit = match name.as_str() {
                "Temperature" | "DewPoint" => celsius,
                "Humidity" => "%",
                "Pressure" => "hPa",
                "Power" => "W",
                "ApparentPower" => "VA",
                "ReactivePower" => "var",
                "Voltage" => "V",
                "Current" => "A",
                "Total" | "Today" | "Yesterday" => "kWh",
                "Illuminance" => "lx",
                "Frequency" => "Hz",
                _ => "",
            };
            let path = format!("{sensor}/{name}");
            let title = if sensor == "ENERGY" {
                label(name)
            } else {
                format!("{sensor} {}", name.to_ascii_lowercase())
            };
            let spec = Spec::new(&path.to_ascii_lowercase(), &title, Kind::Reading).unit(unit);
            points.push(
                spec.path(&format!("{}SENSOR", topics.tele), &path, Codec::Text)
                    .path(&format!("{}STATUS10", topics.stat), &format!("StatusSNS/{path}"), Codec::Text)
                    .path(&format!("{}STATUS8", topics.stat), &format!("StatusSNS/{path}"), Codec::Text),
            );
        }
    }
    points
}
