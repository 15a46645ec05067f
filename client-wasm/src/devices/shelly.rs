//! Shelly, both generations.
//!
//! ```text
//! shellyplus1-a8/online        true | false            shellyplus1-a8/rpc ← {"id":1,"src":"me/…","method":"Switch.Set",…}
//! shellyplus1-a8/events/rpc    {"method":"NotifyStatus","params":{"switch:0":{"output":true}}}
//! shellyplus1-a8/status/switch:0   {"output":true,"apower":12.4}
//! me/shellyplus1-a8/rpc        {"result":{"switch:0":{…},"input:0":{…}}}      the answer to Shelly.GetStatus
//! shellies/shelly1-483FDA/relay/0   on | off           shellies/shelly1-483FDA/relay/0/command ← on | off
//! ```
//! Every point asks under a name of its own, so an answer or an error finds the point that asked.

mod first;

use super::codec::Codec;
use super::inside;
use super::json::Json;
use super::presence;
use super::spec::{Found, HOLE, Kind, Range, Spec, Tells};
use super::value::Num;

pub(super) const FILTERS: &[&str] = &["+/online", "+/events/rpc", "shellies/#"];

/// The answer to the question for all values.
pub(super) fn describe(me: &str, topic: &str, payload: &[u8]) -> Vec<Found> {
    let id = topic
        .strip_prefix(me)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.strip_suffix("/rpc"));
    let Some(id) = id.filter(|id| !id.contains('/')) else { return Vec::new() };
    let Some(json) = Json::read(payload) else { return Vec::new() };
    let points = json.get("result").map(Json::members).unwrap_or_default();
    let points: Vec<_> = points.iter().flat_map(|(name, status)| component(me, id, name, status)).collect();
    if points.is_empty() {
        return Vec::new();
    }
    let hardware = json.at("result/sys/mac").and_then(Json::plain).and_then(super::hardware);
    vec![Found { hardware: hardware.into_iter().collect(), points, sure: true, ..device(me, id) }]
}

/// The first word of a device: then it is asked for the rest.
pub(super) fn recognise(me: &str, topic: &str, payload: &[u8]) -> Option<Found> {
    if let Some(rest) = topic.strip_prefix("shellies/") {
        return first::recognise(rest, payload);
    }
    let id = match topic.split_once('/')? {
        (id, "online") if matches!(payload, b"true" | b"false") => id,
        (id, "events/rpc") if Json::read(payload)?.text("method").starts_with("Notify") => id,
        _ => return None,
    };
    Some(device(me, id))
}

fn device(me: &str, id: &str) -> Found {
    let ask = format!("{{\"id\":1,\"src\":\"{me}/{id}\",\"method\":\"Shelly.GetStatus\"}}");
    Found {
        id: id.into(),
        model: "Shelly".into(),
        weight: 2,
        family: 2,
        presence: vec![presence(&format!("{id}/online"), "true", "false")],
        listen: vec![format!("{id}/status/+")],
        asks: vec![(format!("{id}/rpc"), ask)],
        ..Found::default()
    }
}

/// One component, and where its values and answers come from.
struct Component<'a> {
    me: &'a str,
    id: &'a str,
    name: &'a str,
}

fn component(me: &str, id: &str, name: &str, status: &Json) -> Vec<Spec> {
    let Some((kind, number)) = name.split_once(':') else { return Vec::new() };
    let here = Component { me, id, name };
    let title = |word: &str| if number == "0" { word.to_owned() } else { format!("{word} {number}") };
    let bools = Codec::switch("true", "false");
    let mut points = Vec::new();
    match kind {
        "switch" | "light" | "rgb" | "rgbw" | "cct" => {
            let method = match kind {
                "switch" => "Switch.Set",
                "light" => "Light.Set",
                "rgb" => "RGB.Set",
                "rgbw" => "RGBW.Set",
                _ => "CCT.Set",
            };
            let icon = if kind == "switch" { "#i-power" } else { "#i-lamp" };
            let word = if kind == "switch" { "Switch" } else { "Light" };
            let main = Spec::new(name, &title(word), Kind::Switch).icon(icon);
            let main = here.asked(here.told(main, "output", &bools), method, "on", bools.clone());
            let part = |spec: Spec| spec.within(&main);
            if status.get("brightness").is_some() {
                let spec = part(here.spec("brightness", "Brightness", Kind::Slider(Range::whole(0, 100, 1))))
                    .unit("%");
                let spec = here.told(spec, "brightness", &Codec::number());
                points.push(here.asked(spec, method, "brightness", Codec::number()));
            }
            if status.get("rgb").is_some() {
                let spec =
                    here.told(part(here.spec("rgb", "Colour", Kind::Colour)), "rgb", &Codec::ColourJson);
                points.push(here.asked(spec, method, "rgb", Codec::Rgb));
            }
            if status.get("ct").is_some() {
                let spec =
                    part(here.spec("ct", "White", Kind::Slider(Range::whole(2_700, 6_500, 100)))).unit("K");
                points.push(here.asked(
                    here.told(spec, "ct", &Codec::number()),
                    method,
                    "ct",
                    Codec::number(),
                ));
            }
            points.insert(0, main);
        }
        "cover" => points.extend(here.cover(&title("Cover"), status)),
        "input" if matches!(status.get("state"), Some(Json::Bool(_))) => {
            points.push(here.told(
                Spec::new(name, &format!("Input {number}"), Kind::Indicator),
                "state",
                &bools,
            ));
        }
        _ => {}
    }
    for (path, word, unit) in [
        ("apower", "Power", "W"),
        ("voltage", "Voltage", "V"),
        ("total_act_power", "Power", "W"),
        ("aenergy/total", "Energy", "Wh"),
        ("tC", "Temperature", "°C"),
        ("rh", "Humidity", "%"),
        ("battery/percent", "Battery", "%"),
        ("lux", "Light", "lx"),
    ] {
        if status.at(path).is_some() {
            let spec = here.spec(path, &title(word), Kind::Reading).unit(unit);
            points.push(here.told(spec, path, &Codec::Text));
        }
    }
    points
}

impl Component<'_> {
    fn spec(&self, path: &str, label: &str, kind: Kind) -> Spec {
        Spec::new(&format!("{}/{path}", self.name), label, kind)
    }

    /// A value stands in notifications, in the component's own status, and in the answer to the question for all.
    fn told(&self, spec: Spec, path: &str, codec: &Codec) -> Spec {
        let (Self { me, id, name }, read) = (self, || codec.clone());
        spec.path(&format!("{id}/events/rpc"), &format!("params/{name}/{path}"), read())
            .path(&format!("{id}/status/{name}"), path, read())
            .path(&format!("{me}/{id}/rpc"), &format!("result/{name}/{path}"), read())
    }

    fn asked(&self, spec: Spec, method: &str, parameter: &str, codec: Codec) -> Spec {
        let value = if parameter == "rgb" { format!("[{HOLE}]") } else { HOLE.to_owned() };
        self.call(spec, method, &format!(",\"{parameter}\":{value}"), codec)
    }

    fn call(&self, spec: Spec, method: &str, parameters: &str, codec: Codec) -> Spec {
        let Self { me, id, name } = self;
        let number = name.split_once(':').map_or("0", |(_, number)| number);
        let src = format!("{me}/{id}/{}", spec.key);
        let form = format!(
            "{{\"id\":1,\"src\":\"{src}\",\"method\":\"{method}\",\"params\":{{\"id\":{number}{parameters}}}}}"
        );
        let answer = format!("{src}/rpc");
        spec.told(&answer, inside::path("result"), Codec::Text, Tells::Accepted)
            .told(&answer, inside::path("error/message"), Codec::Text, Tells::Refused)
            .ask(&format!("{id}/rpc"), codec, &form)
    }

    fn cover(&self, label: &str, status: &Json) -> Vec<Spec> {
        let states = Codec::translated(&[
            ("open", "open"),
            ("closed", "closed"),
            ("opening", "opening"),
            ("closing", "closing"),
            ("stopped", "stopped"),
        ]);
        let ways = Codec::translated(&[("Open", "open"), ("Close", "close"), ("Stop", "stop")]);
        let main = self.told(Spec::new(self.name, label, Kind::Cover), "state", &states);
        let mut main = self.call(main, &format!("Cover.{HOLE}"), "", ways);
        main.travels = true;
        let mut points = Vec::new();
        if status.get("current_pos").and_then(Json::plain).and_then(Num::read).is_some() {
            let spec =
                self.spec("pos", "Position", Kind::Slider(Range::whole(0, 100, 1))).unit("%").within(&main);
            let spec = self.told(spec, "current_pos", &Codec::number());
            let mut spec =
                self.call(spec, "Cover.GoToPosition", &format!(",\"pos\":{HOLE}"), Codec::number());
            spec.travels = true;
            points.push(spec);
        }
        points.insert(0, main);
        points
    }
}
