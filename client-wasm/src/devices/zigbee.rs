//! Zigbee2MQTT: one retained list describes all devices with what they expose.
//!
//! ```text
//! zigbee2mqtt/bridge/devices  [{"ieee_address":"0x00158d…","friendly_name":"my_plug","definition":{"exposes":[…]}},…]
//! zigbee2mqtt/my_plug         {"state":"ON","power":12}           zigbee2mqtt/my_plug/set ← {"state":"ON"}
//! zigbee2mqtt/my_plug/availability   {"state":"online"} | online
//! ```
//! States are not retained unless a device is set so: `zigbee2mqtt/my_plug/get` asks for one.

use std::rc::Rc;

use crate::text;

use super::codec::Codec;
use super::inside;
use super::json::{Json, escaped};
use super::spec::{Found, HOLE, Kind, Range, Spec};
use super::value::Num;
use super::{Read, label, presence};

pub(super) const FILTERS: &[&str] = &["+/bridge/devices", "+/bridge/state"];

/// Where the tiles of settings and diagnoses stand: behind the others.
const BEHIND: u8 = 20;

pub(super) fn describe(topic: &str, payload: &[u8]) -> Vec<Found> {
    let Some(base) = topic.strip_suffix("/bridge/devices") else { return Vec::new() };
    let Some(json) = Json::read(payload) else { return Vec::new() };
    json.items().iter().filter_map(|device| one(base, device)).collect()
}

fn one(base: &str, json: &Json) -> Option<Found> {
    let name = Some(json.text("friendly_name")).filter(|name| !name.is_empty())?;
    let definition = json.get("definition").filter(|definition| definition.get("exposes").is_some())?;
    let topic = format!("{base}/{name}");
    let mut device = Device { topic: &topic, points: Vec::new(), obscure: Vec::new(), gettable: None };
    definition.get("exposes")?.items().iter().for_each(|expose| device.expose(expose));
    let Device { points, obscure, gettable, .. } = device;
    let (vendor, model) = (definition.text("vendor"), definition.text("model"));
    let mut presences = Vec::new();
    for topic in [format!("{base}/bridge/state"), format!("{topic}/availability")] {
        let said = presence(&topic, "online", "offline");
        presences.push(Read { at: inside::path("state"), ..said.clone() });
        presences.push(said);
    }
    Some(Found {
        id: topic.as_str().into(),
        name: name.into(),
        model: format!("{vendor} {model}").trim().into(),
        hardware: super::hardware(json.text("ieee_address")).into_iter().collect(),
        weight: 3,
        family: 3,
        sure: true,
        points,
        presence: presences,
        listen: vec![topic.clone(), format!("{topic}/availability")],
        asks: gettable
            .map(|name| (format!("{topic}/get"), format!("{{\"{}\":\"\"}}", escaped(&name))))
            .into_iter()
            .collect(),
        obscure,
        ..Found::default()
    })
}

struct Device<'a> {
    topic: &'a str,
    points: Vec<Spec>,
    obscure: Vec<Rc<str>>,
    gettable: Option<String>,
}

impl Device<'_> {
    fn expose(&mut self, expose: &Json) {
        let (kind, endpoint) = (expose.text("type"), expose.text("endpoint"));
        let features = expose.get("features").map(Json::items).unwrap_or_default();
        let suffix = if endpoint.is_empty() { String::new() } else { format!(" {endpoint}") };
        let (title, icon, first) = match kind {
            "light" => ("Light", "#i-lamp", "state"),
            "switch" => ("Switch", "#i-power", "state"),
            "fan" => ("Fan", "#i-fan", "state"),
            "cover" => ("Cover", "#i-cover", "state"),
            "lock" => ("Lock", "#i-lock", "state"),
            "climate" => ("Set-point", "#i-thermo", "occupied_heating_setpoint"),
            _ => {
                let point = self.feature(expose, kind);
                self.points.extend(point);
                return;
            }
        };
        let mut specs: Vec<(bool, Spec)> = Vec::new();
        for feature in features {
            let name = feature.text("name");
            let Some(mut spec) = self.feature(feature, kind) else { continue };
            let is_first = name == first
                || (kind == "climate" && name.ends_with("_setpoint") && specs.iter().all(|s| !s.0));
            if is_first {
                spec.label = format!("{title}{suffix}").into();
                spec.icon = icon;
                spec.rank = if kind == "climate" { 3 } else { spec.rank };
            }
            specs.push((is_first, spec));
        }
        let Some(at) = specs.iter().position(|(is_first, _)| *is_first) else {
            self.points.extend(specs.into_iter().map(|(_, spec)| spec));
            return;
        };
        let (_, main) = specs.remove(at);
        self.points.push(main.clone());
        self.points.extend(specs.into_iter().map(|(_, spec)| spec.within(&main)));
    }

    fn feature(&mut self, json: &Json, parent: &str) -> Option<Spec> {
        let (kind, property) = (json.text("type"), json.text("property"));
        let access = text::count(json.text("access")).unwrap_or(if kind == "composite" { 7 } else { 0 });
        if property.is_empty() || (access & 3 == 0 && kind != "composite") {
            return None;
        }
        if access & 4 != 0 && self.gettable.is_none() {
            self.gettable = Some(property.to_owned());
        }
        let title = Some(json.text("label"))
            .filter(|text| !text.is_empty())
            .map_or_else(|| label(property), str::to_owned);
        let title = match json.text("name") {
            "color_temp" => "White".to_owned(),
            name if name.starts_with("color_") => "Colour".to_owned(),
            _ => title,
        };
        let may_ask = access & 2 != 0;
        let (what, read, write) = shape(json, kind, parent, may_ask).or_else(|| {
            self.obscure.push(property.into());
            None
        })?;
        let quoted = matches!(kind, "enum" | "text") || matches!(json.get("value_on"), Some(Json::Text(_)));
        let travels = parent == "cover";
        let mut spec = Spec::new(property, &title, what).unit(json.text("unit"));
        if property == "color_temp"
            || matches!(spec.kind, Kind::Slider(_)) && (property.starts_with("brightness"))
        {
            spec.unit = if property == "color_temp" { "K".into() } else { "%".into() };
        }
        if matches!(json.text("category"), "config" | "diagnostic") || property == "linkquality" {
            spec.rank += BEHIND;
        }
        spec.travels = travels;
        let spec =
            if access & 1 != 0 || kind == "composite" { spec.path(self.topic, property, read) } else { spec };
        if !may_ask {
            return Some(spec);
        }
        let hole = match kind {
            "composite" => format!("{{{HOLE}}}"),
            _ if quoted => format!("\"{HOLE}\""),
            _ => HOLE.to_owned(),
        };
        let form = format!("{{\"{property}\":{hole}}}");
        let topic = format!("{}/set", self.topic);
        // What a colour is made of stands there as JSON already.
        Some(spec.ask(&topic, write, &form))
    }
}

/// What a feature can do, and how its values are written.
fn shape(json: &Json, kind: &str, parent: &str, may_ask: bool) -> Option<(Kind, Codec, Codec)> {
    let words = |name: &str| -> Vec<Rc<str>> {
        json.get(name)
            .map(Json::items)
            .unwrap_or_default()
            .iter()
            .filter_map(Json::plain)
            .map(Into::into)
            .collect()
    };
    Some(match kind {
        "binary" => {
            let word = |name: &str, other| json.get(name).and_then(Json::plain).unwrap_or(other).to_owned();
            let codec = Codec::switch(&word("value_on", "true"), &word("value_off", "false"));
            let what = match (may_ask, parent) {
                (false, _) => Kind::Indicator,
                (true, "lock") if json.text("name") == "state" => Kind::Lock,
                (true, _) => Kind::Switch,
            };
            (what, codec.clone(), codec)
        }
        "numeric" if !may_ask => (Kind::Reading, Codec::Text, Codec::Text),
        "numeric" => {
            let (what, codec) = numeric(json, parent);
            (what, codec.clone(), codec)
        }
        "enum" if parent == "cover" => (
            Kind::Cover,
            Codec::translated(&[("OPEN", "open"), ("CLOSE", "closed"), ("STOP", "stopped")]),
            Codec::translated(&[("OPEN", "open"), ("CLOSE", "close"), ("STOP", "stop")]),
        ),
        "enum" if may_ask => {
            let values = words("values");
            let codec = Codec::one_of(&values);
            (Kind::Select(values.into()), codec.clone(), codec)
        }
        "enum" => (Kind::Reading, Codec::Text, Codec::Text),
        "text" => (if may_ask { Kind::Text } else { Kind::Reading }, Codec::Text, Codec::Text),
        "composite" if json.text("property") == "color" => {
            (Kind::Colour, Codec::ColourJson, Codec::ColourJson)
        }
        _ => return None,
    })
}

/// A number that can be set.
fn numeric(json: &Json, parent: &str) -> (Kind, Codec) {
    let number = |name: &str| json.get(name).and_then(Json::plain).and_then(Num::read);
    match json.text("name") {
        "color_temp" => {
            let kelvin = |mireds: Option<Num>, other| Num::whole(1_000_000).over(mireds.unwrap_or(other));
            let hundred = |n: Num| Num::whole((n.to_whole() + 50) / 100 * 100);
            let (max, min) =
                (kelvin(number("value_min"), Num::whole(153)), kelvin(number("value_max"), Num::whole(500)));
            (
                Kind::Slider(Range { min: hundred(min), max: hundred(max), step: Num::whole(100) }),
                Codec::Mireds,
            )
        }
        "brightness" => {
            let max = number("value_max").filter(|n| n.0 > 0).unwrap_or(const { Num::whole(254) });
            (Kind::Slider(Range::whole(0, 100, 1)), Codec::percent(max))
        }
        _ => {
            let step = number("value_step").filter(|step| step.0 > 0).unwrap_or(const { Num::whole(1) });
            let (Some(min), Some(max)) = (number("value_min"), number("value_max")) else {
                return (
                    Kind::Stepper(Range { step, ..Range::whole(-1_000_000, 1_000_000, 1) }),
                    Codec::number(),
                );
            };
            let range = Range { min, max, step };
            let is_short = parent == "climate" || !(4..=1_000).contains(&((max.0 - min.0) / step.0));
            (if is_short { Kind::Stepper(range) } else { Kind::Slider(range) }, Codec::number())
        }
    }
}
