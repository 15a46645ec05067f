//! Home Assistant's discovery, as ESPHome, rtl_433, Z-Wave JS and many others speak it: one retained configuration for each
//! point, or one for a whole device.
//!
//! ```text
//! homeassistant/switch/garden/config   {"~":"garden","name":"Pump","cmd_t":"~/set","stat_t":"~/state"}
//! homeassistant/device/ea33/config     {"dev":{"ids":"ea33"},"o":{…},"cmps":{"t1":{"p":"sensor",…}},"state_topic":"…"}
//! ```
//! Names may be short, `~` stands for a base topic, an empty payload removes. Templates that are not understood leave
//! their point out; they are counted.

mod entity;
mod names;
mod parts;
mod rest;
mod simple;

use std::rc::Rc;

use super::codec::Codec;
use super::inside;
use super::json::Json;
use super::spec::{At, Found, Read, Tells};

/// The first level of its topics.
pub(super) const PREFIX: &str = "homeassistant/";

pub(super) const FILTERS: &[&str] = &["homeassistant/+/+/config", "homeassistant/+/+/+/config"];

/// Configurations that are remembered, so that they can be taken back.
const MAX_KNOWN: usize = 10_000;

/// Which device each configuration speaks of, and which points it made: by topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known(Vec<(Rc<str>, Rc<str>, Keys)>);

type Keys = Vec<Rc<str>>;

/// A configuration, with what it shares with its whole device.
#[derive(Clone, Copy)]
struct Config<'a> {
    own: &'a Json,
    shared: Option<&'a Json>,
    base: &'a str,
}

impl Known {
    pub(super) fn describe(&mut self, topic: &str, payload: &[u8]) -> Vec<Found> {
        let Some(path) = topic.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix("/config")) else {
            return Vec::new();
        };
        let Some((component, id)) = path.split_once('/') else { return Vec::new() };
        let mut found = Vec::new();
        let before = self.0.iter().position(|(known, ..)| **known == *topic).map(|at| self.0.swap_remove(at));
        let new = Json::read(payload).and_then(|mut json| {
            names::shorten(&mut json);
            configured(component, id, &json)
        });
        if let Some((_, device, mut keys)) = before {
            // What the new configuration names again stays, with its value.
            let kept = new.as_ref().filter(|new| new.id == device);
            keys.retain(|key| kept.is_none_or(|new| !new.points.iter().any(|point| point.key == *key)));
            found.push(Found { id: device, weight: 1, family: 4, lost: keys, ..Found::default() });
        }
        if let Some(new) = new.filter(|_| self.0.len() < MAX_KNOWN) {
            let keys = new.points.iter().map(|point| &point.key).chain(&new.obscure).map(Rc::clone).collect();
            self.0.push((topic.into(), Rc::clone(&new.id), keys));
            found.push(new);
        }
        found
    }
}

fn configured(component: &str, id: &str, json: &Json) -> Option<Found> {
    let Some(parts) = ["cmps", "cmp"].into_iter().find_map(|name| json.get(name)) else {
        let config = Config { own: json, shared: None, base: json.text("~") };
        return Some(found(id, json, vec![(component, id, config)])).filter(|_| component != "device");
    };
    let all = parts.members().iter().filter_map(|(name, own)| {
        let platform = Some(own.text("p")).filter(|text| !text.is_empty())?;
        let base =
            [own.text("~"), json.text("~")].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        // Only its platform: it is to be removed.
        (own.members().len() > 1).then_some((
            platform,
            name.as_str(),
            Config { own, shared: Some(json), base },
        ))
    });
    Some(found(id, json, all.collect()))
}

fn found(id: &str, json: &Json, parts: Vec<(&str, &str, Config<'_>)>) -> Found {
    let nothing = Json::Null;
    let device = json.get("dev").unwrap_or(&nothing);
    let text = |name| device.get(name).and_then(Json::plain).unwrap_or_default().to_owned();
    let mut names: Vec<&str> = Vec::new();
    for json in [device.get("ids"), device.get("cns")].into_iter().flatten() {
        names.extend(json.plain());
        // A connection is a kind and an address.
        names.extend(
            json.items().iter().filter_map(|item| item.plain().or_else(|| item.items().get(1)?.plain())),
        );
    }
    let mut title = text("name");
    if title.is_empty() && names.is_empty() {
        title = super::label(id.rsplit('/').next().unwrap_or(id));
    }
    let mut found = Found {
        id: names.first().copied().unwrap_or(id).into(),
        // One entity may carry the name, and others of its device only who it is.
        name: title.into(),
        model: format!("{} {}", text("mf"), text("mdl")).trim().into(),
        hardware: names.iter().filter_map(|name| super::hardware(name)).collect(),
        weight: 1,
        family: 4,
        sure: true,
        ..Found::default()
    };
    for (component, name, config) in parts {
        // Automations and trackers are no points of a panel.
        if matches!(component, "device_automation" | "tag" | "device_tracker" | "camera" | "image") {
            continue;
        }
        match entity::points(component, name, config, &found.name) {
            Some(points) if !points.is_empty() => {
                found.points.extend(points);
                presences(config, &mut found.presence);
            }
            _ => found.obscure.push(format!("{component}/{name}").into()),
        }
    }
    for read in found.points.iter().flat_map(|point| &point.reads).chain(&found.presence) {
        if !found.listen.iter().any(|topic| **topic == *read.topic) {
            found.listen.push(read.topic.to_string());
        }
    }
    found
}

fn presences(config: Config<'_>, all: &mut Vec<Read>) {
    let mut add = |topic: String, json: Config<'_>, template: &str| {
        let word = |name, other| json.text(name).unwrap_or(other).to_owned();
        let online = word("pl_avail", "online");
        let offline = word("pl_not_avail", "offline");
        let is_plain = template == "{{ value }}";
        let at = if is_plain { None } else { inside::template(template) }.unwrap_or(At::Whole);
        let read =
            Read { topic: topic.into(), at, codec: Codec::switch(&online, &offline), tells: Tells::Value };
        if !all.contains(&read) {
            all.push(read);
        }
    };
    if let Some(topic) = config.topic("avty") {
        add(topic, config, config.template("avty").unwrap_or("{{ value }}"));
    }
    for own in config.get("avty").map(Json::items).unwrap_or_default() {
        let one = Config { own, shared: None, base: config.base };
        if let Some(topic) = one.text("t").map(|text| one.based(text)) {
            add(topic, one, one.text("val_tpl").unwrap_or("{{ value }}"));
        }
    }
}

impl<'a> Config<'a> {
    fn get(&self, name: &str) -> Option<&'a Json> {
        self.own.get(name).or_else(|| self.shared?.get(name))
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Json::plain)
    }

    /// The topic whose name begins like this.
    fn topic(&self, stem: &str) -> Option<String> {
        self.text(&format!("{stem}_t")).map(|text| self.based(text))
    }

    /// The template that goes with such a topic. That of a state is also named after the value, or after both.
    fn template(&self, stem: &str) -> Option<&'a str> {
        let of_value = stem.strip_suffix("stat").and_then(|front| {
            self.text(&format!("{stem}_val_tpl")).or_else(|| self.text(&format!("{front}val_tpl")))
        });
        of_value.or_else(|| self.text(&format!("{stem}_tpl")))
    }

    /// With the base in place of a `~` at either end.
    fn based(&self, text: &str) -> String {
        if let Some(rest) = text.strip_prefix('~') {
            format!("{}{rest}", self.base)
        } else if let Some(rest) = text.strip_suffix('~') {
            format!("{rest}{}", self.base)
        } else {
            text.to_owned()
        }
    }
}
