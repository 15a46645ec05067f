//! Homie 5, where one document describes a device, and Homie 4, where every attribute has a topic. All of it is retained.
//!
//! ```text
//! homie/5/lamp/$description   {"nodes":{"light":{"properties":{"power":{"datatype":"boolean","settable":true}}}}}
//! homie/5/lamp/light/power    true      homie/5/lamp/light/power/set ← false     …/power/$target  false
//! homie/car/$homie 4.0.0      homie/car/engine/temperature/$datatype  float      homie/car/engine/temperature  21.5
//! ```

use std::rc::Rc;

use crate::text;

use super::codec::Codec;
use super::json::Json;
use super::label;
use super::spec::{At, Found, HOLE, Kind, Range, Read, Spec, Tells};
use super::value::{Num, Value};

pub(super) const FILTERS: &[&str] = &["+/5/+/$description", "+/+/$homie"];

/// Devices of version 4 and their attributes that are kept.
const MAX_KNOWN: usize = 20_000;

/// What devices of version 4 have said of themselves: topic and value, sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known(Vec<(Rc<str>, Rc<str>)>);

/// A property, whichever version describes it.
struct Property<'a> {
    datatype: &'a str,
    format: &'a str,
    unit: &'a str,
    settable: bool,
    retained: bool,
}

impl Known {
    pub(super) fn describe(&mut self, topic: &str, payload: &[u8]) -> Vec<Found> {
        let Some((path, attribute)) = topic.rsplit_once('/') else { return Vec::new() };
        if attribute == "$description" {
            return version_5(path, payload).into_iter().collect();
        }
        let Ok(text) = std::str::from_utf8(payload) else { return Vec::new() };
        if attribute == "$homie" {
            // Version 5 says its version in the description.
            return if text.is_empty() || text::has(path, "/5/") {
                Vec::new()
            } else {
                vec![Found {
                    name: label(path.rsplit('/').next().unwrap_or(path)).into(),
                    ..device(path, "")
                }]
            };
        }
        if !matches!(attribute, "$name" | "$datatype" | "$format" | "$settable" | "$retained" | "$unit") {
            return Vec::new();
        }
        match self.0.binary_search_by(|(known, _)| (**known).cmp(topic)) {
            Ok(at) => self.0[at].1 = text.into(),
            Err(at) if self.0.len() < MAX_KNOWN => self.0.insert(at, (topic.into(), text.into())),
            Err(_) => return Vec::new(),
        }
        match path.split('/').collect::<Vec<_>>()[..] {
            [root, id] if attribute == "$name" => {
                vec![Found { name: text.into(), ..device(&format!("{root}/{id}"), "") }]
            }
            [root, id, node, property] => {
                let base = format!("{root}/{id}");
                let said = |name: &str| self.said(&format!("{path}/{name}"));
                let datatype = said("$datatype");
                if datatype.is_empty() {
                    return Vec::new();
                }
                let described = Property {
                    datatype,
                    format: said("$format"),
                    unit: said("$unit"),
                    settable: said("$settable") == "true",
                    retained: said("$retained") != "false",
                };
                let title = Some(said("$name"))
                    .filter(|name| !name.is_empty())
                    .map_or_else(|| label(property), str::to_owned);
                vec![Found {
                    points: vec![described.point(&base, node, property, &title, false)],
                    // The attributes come in any order, and the value perhaps before them.
                    listen: vec![path.to_owned()],
                    anew: true,
                    ..device(&base, "")
                }]
            }
            _ => Vec::new(),
        }
    }

    fn said(&self, topic: &str) -> &str {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(topic));
        at.ok().and_then(|at| self.0.get(at)).map_or("", |(_, text)| text)
    }
}

/// `base` is the topic of the device.
fn device(base: &str, name: &str) -> Found {
    let words = [
        ("ready", Value::Switch(true)),
        ("alert", Value::Switch(true)),
        ("init", Value::Switch(true)),
        ("sleeping", Value::Switch(true)),
        ("disconnected", Value::Switch(false)),
        ("lost", Value::Switch(false)),
    ];
    let state = Read {
        topic: format!("{base}/$state").into(),
        at: At::Whole,
        codec: Codec::words(&words),
        tells: Tells::Value,
    };
    Found {
        id: base.into(),
        name: name.into(),
        model: "Homie".into(),
        weight: 2,
        family: 5,
        sure: true,
        presence: vec![state],
        listen: vec![format!("{base}/#")],
        ..Found::default()
    }
}

fn version_5(base: &str, payload: &[u8]) -> Option<Found> {
    if payload.is_empty() {
        return Some(Found { id: base.into(), gone: true, ..Found::default() });
    }
    let json = Json::read(payload)?;
    let mut found = device(base, json.text("name"));
    for (node, described) in json.get("nodes")?.members() {
        for (id, property) in described.get("properties").map(Json::members).unwrap_or_default() {
            let is = |name: &str| property.get(name).and_then(Json::plain);
            let described = Property {
                datatype: property.text("datatype"),
                format: property.text("format"),
                unit: property.text("unit"),
                settable: is("settable") == Some("true"),
                retained: is("retained") != Some("false"),
            };
            let title = Some(property.text("name"))
                .filter(|name| !name.is_empty())
                .map_or_else(|| label(id), str::to_owned);
            found.points.push(described.point(base, node, id, &title, true));
        }
    }
    Some(found)
}

impl Property<'_> {
    fn point(&self, base: &str, node: &str, id: &str, title: &str, has_target: bool) -> Spec {
        let (kind, codec) = self.shape(has_target);
        let topic = format!("{base}/{node}/{id}");
        let is_pressed = self.settable && !self.retained;
        let mut spec = Spec::new(&format!("{node}/{id}"), title, kind).unit(self.unit);
        // It says each step of the way.
        spec.travels = matches!(spec.kind, Kind::Slider(_) | Kind::Stepper(_));
        if !is_pressed {
            spec = spec.whole(&topic, codec.clone());
        }
        if !self.settable {
            return spec;
        }
        if has_target {
            spec = spec.told(&format!("{topic}/$target"), At::Whole, Codec::Text, Tells::Accepted);
        }
        spec.ask(&format!("{topic}/set"), codec, HOLE)
    }

    fn shape(&self, has_target: bool) -> (Kind, Codec) {
        let bools = Codec::switch("true", "false");
        if self.settable && !self.retained {
            let first = self.format.split(',').next().unwrap_or_default();
            let word = if self.datatype == "enum" { first } else { "true" };
            return (Kind::Button, Codec::switch(word, ""));
        }
        match (self.datatype, self.settable) {
            ("boolean", true) => (Kind::Switch, bools),
            ("boolean", false) => (Kind::Indicator, bools),
            ("integer" | "float", true) => {
                let mut parts = self.format.split(':').map(Num::read);
                let mut part = || parts.next().flatten();
                let (min, max, step) = (part(), part(), part());
                let fine = if self.datatype == "float" { Num(100_000) } else { Num::whole(1) };
                let step = step.filter(|step| step.0 > 0).unwrap_or(fine);
                let kind = match (min, max) {
                    (Some(min), Some(max)) if (max.0 - min.0) / step.0 <= 1_000 => {
                        Kind::Slider(Range { min, max, step })
                    }
                    _ => Kind::Stepper(Range {
                        min: min.unwrap_or(Num::whole(-1_000_000)),
                        max: max.unwrap_or(Num::whole(1_000_000)),
                        step,
                    }),
                };
                (kind, Codec::number())
            }
            ("enum", true) => {
                let options: Rc<[Rc<str>]> = self.format.split(',').map(Rc::from).collect();
                let codec = Codec::one_of(&options);
                (Kind::Select(options), codec)
            }
            // Version 5 says its kind of colour with each value; only plain ones are set.
            ("color", true) if !has_target && self.format == "hsv" => (Kind::Colour, Codec::Hsb),
            ("color", true) if !has_target => (Kind::Colour, Codec::Rgb),
            ("color", true) => (Kind::Text, Codec::Text),
            ("string", true) => (Kind::Text, Codec::Text),
            _ => (Kind::Reading, Codec::Text),
        }
    }
}
