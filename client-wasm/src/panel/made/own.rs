//! Tiles that people make themselves of any topic: a value with a path into it, a switch, a button, a slider, a picture, a
//! place on earth. Pure; written beside what else is said of the place:
//! `{"kind":"value","key":"k3f9","topic":"hall/air","path":"sensor.t","title":"Hall","unit":"°C"}`.
//!
//! They are points of one device, [`OWN`](crate::panel::state::OWN), so that each tells the truth as every other tile does. Knows no browser.

use std::rc::Rc;

use mqtt::TopicName;

use crate::devices::codec::Codec;
use crate::devices::json::Json;
use crate::devices::spec::{At, HOLE};
use crate::devices::{Heard, Inside, Kind as Point, Payload, Range, Spec, Value};
use crate::panel::layout::{Layout, Of, Place};
use crate::tongue::say;

use super::shows::{number, text};
use super::{path, picture, point};

/// Characters of a member.
pub const MAX_CHARS: usize = 1_000;

/// What such a tile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value as it is said; a number is also shown as a gauge or a chart.
    Value,
    /// On and off.
    Switch,
    /// Sends something.
    Button,
    /// A number that is set.
    Slider,
    /// A picture.
    Picture,
    /// A place on earth.
    Map,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Value, Self::Switch, Self::Button, Self::Slider, Self::Picture, Self::Map];

    /// How it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Switch => "switch",
            Self::Button => "button",
            Self::Slider => "slider",
            Self::Picture => "picture",
            Self::Map => "map",
        }
    }

    /// What stands at a place; none when it is something else.
    #[must_use]
    pub fn of(place: &Place) -> Option<Self> {
        let Of::Made(word) = &place.of else { return None };
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether a member means something to it.
    #[must_use]
    pub fn has(self, member: &str) -> bool {
        match member {
            "topic" => self != Self::Button,
            "path" => !matches!(self, Self::Button | Self::Picture),
            "unit" => matches!(self, Self::Value | Self::Slider),
            "set" => matches!(self, Self::Switch | Self::Button | Self::Slider),
            "on" => matches!(self, Self::Switch | Self::Button),
            "off" => self == Self::Switch,
            "min" | "max" | "step" => self == Self::Slider,
            _ => true,
        }
    }
}

/// Its name for people: as it is called, or the last level of its topic.
#[must_use]
pub fn title(place: &Place) -> &str {
    let last = |name| text(place, name).rsplit('/').next().unwrap_or_default();
    [text(place, "title"), last("topic"), last("set")]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default()
}

/// What is sent for on and off, and understood as them; of a button only the first.
#[must_use]
pub fn words(place: &Place) -> (&str, &str) {
    let word = |name, otherwise| Some(text(place, name)).filter(|text| !text.is_empty()).unwrap_or(otherwise);
    (word("on", "ON"), word("off", "OFF"))
}

/// The range of a slider, from 0 to 100 until another is set.
#[must_use]
pub fn range(place: &Place) -> Range {
    let otherwise = Range::whole(0, 100, 1);
    let step = number(place, "step").filter(|step| step.0 > 0);
    Range {
        min: number(place, "min").unwrap_or(otherwise.min),
        max: number(place, "max").unwrap_or(otherwise.max),
        step: step.unwrap_or(otherwise.step),
    }
}

/// All points of a layout's own tiles, each once.
#[must_use]
pub fn specs(layout: &Layout) -> Vec<Spec> {
    let mut specs: Vec<Spec> = Vec::new();
    for place in layout.pages.iter().flat_map(|page| &page.places) {
        if let Some(spec) = spec(place)
            && !specs.iter().any(|other| other.key == spec.key)
        {
            specs.push(spec);
        }
    }
    specs
}

/// The point of one; none while it has no topic.
#[must_use]
pub fn spec(place: &Place) -> Option<Spec> {
    let kind = Kind::of(place)?;
    let member = |name| Some(text(place, name)).filter(|text| kind.has(name) && !text.is_empty());
    // A layout may come from anywhere: what is no topic is not subscribed to.
    let topic = |name| member(name).filter(|topic| topic.parse::<TopicName>().is_ok());
    let (topic, set) = (topic("topic"), topic("set"));
    topic.or(set)?;
    let (on, off) = words(place);
    let is = |on| Value::Switch(on);
    let (point, codec) = match kind {
        Kind::Value | Kind::Picture | Kind::Map => (Point::Reading, Codec::Text),
        Kind::Switch => (Point::Switch, Codec::words(&[(on, is(true)), (off, is(false))])),
        Kind::Button => (Point::Button, Codec::words(&[(on, is(true))])),
        Kind::Slider => (Point::Slider(range(place)), Codec::number()),
    };
    let mut spec = Spec::new(&place.key, title(place), point).unit(member("unit").unwrap_or_default());
    if let Some(topic) = topic {
        let path: Box<str> = member("path").unwrap_or_default().into();
        let inside: Rc<dyn Inside> = match kind {
            Kind::Picture => Rc::new(Picture),
            Kind::Map => Rc::new(Spot(path)),
            _ => Rc::new(Picked(path)),
        };
        spec = spec.read(topic, At::Inside(inside), codec.clone());
    }
    if let Some(set) = set {
        spec = spec.ask(set, codec, HOLE);
    }
    Some(spec)
}

/// Whether a point is a place on earth.
#[must_use]
pub fn is_spot(spec: &Spec) -> bool {
    let is = |at: &At| matches!(at, At::Inside(inside) if inside.source().0 == Kind::Map.word());
    spec.reads.iter().any(|read| is(&read.at))
}

/// A value of a payload, by a person's path.
#[derive(Debug)]
struct Picked(Box<str>);

impl Inside for Picked {
    fn hear(&self, payload: &mut Payload<'_>, codec: &Codec) -> Heard {
        let text = payload.text();
        path::value(payload.json(), text, &self.0)
            .map_or(Heard::Meaningless, |value| codec.hear(Some(&value)))
    }

    fn render(&self, _: &str) -> Option<String> {
        None
    }

    fn source(&self) -> (&'static str, &str) {
        (Kind::Value.word(), &self.0)
    }
}

/// The whole payload as a picture. Its value is an address that carries it.
#[derive(Debug)]
struct Picture;

impl Inside for Picture {
    fn hear(&self, payload: &mut Payload<'_>, _: &Codec) -> Heard {
        picture::address(payload.bytes())
            .map_or(Heard::Meaningless, |address| Heard::Value(Value::Text(address.into())))
    }

    fn render(&self, _: &str) -> Option<String> {
        None
    }

    fn source(&self) -> (&'static str, &str) {
        (Kind::Picture.word(), "")
    }
}

/// A place on earth at a path.
#[derive(Debug)]
struct Spot(Box<str>);

impl Inside for Spot {
    fn hear(&self, payload: &mut Payload<'_>, _: &Codec) -> Heard {
        match point::read(payload.json(), &self.0) {
            Ok(point) => Heard::Value(Value::Text(point.to_string().into())),
            Err(_) => Heard::Meaningless,
        }
    }

    fn render(&self, _: &str) -> Option<String> {
        None
    }

    fn source(&self) -> (&'static str, &str) {
        (Kind::Map.word(), &self.0)
    }
}

/// What a message is best shown as.
#[must_use]
pub fn guess(payload: &[u8]) -> Kind {
    if picture::address(payload).is_some() {
        return Kind::Picture;
    }
    match point::read(Json::read(payload).as_ref(), "") {
        Ok(_) => Kind::Map,
        Err(_) => Kind::Value,
    }
}

/// What a message says to such a tile, in words; a picture and a place speak for themselves.
///
/// # Errors
/// In words, why it says nothing.
pub fn preview(kind: Kind, payload: &[u8], path: &str) -> Result<String, String> {
    let mut payload = Payload::new(payload);
    let text = payload.text();
    match kind {
        Kind::Picture => match picture::address(payload.bytes()) {
            Some(_) => Ok(String::new()),
            None => Err(say("This message is no picture that a browser shows.")),
        },
        Kind::Map => point::read(payload.json(), path).map(|point| point.words()),
        _ => path::value(payload.json(), text, path).map(|json| json.plain().unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use mqtt::Instant;

    use crate::panel::layout::{Document, Page};
    use crate::panel::made::shows::set;
    use crate::panel::state::{OWN, State};
    use crate::panel::tile::{Phase, Tile};

    use super::*;

    fn at(s: u64) -> Instant {
        Instant::from_millis(s * 1_000)
    }

    fn place(kind: Kind, key: &str, members: &[(&str, &str)]) -> Place {
        let mut place =
            Place { of: Of::Made(kind.word().to_owned()), key: key.to_owned(), ..Place::default() };
        for (name, value) in members {
            set(&mut place, name, Some(Json::Text((*value).to_owned())));
        }
        place
    }

    fn layout(places: Vec<Place>) -> Layout {
        Layout { pages: vec![Page { title: "A".into(), places, ..Page::default() }], ..Layout::default() }
    }

    fn tile<'a>(state: &'a State, key: &str) -> &'a Tile {
        state.device(OWN).and_then(|device| device.tile(key)).unwrap()
    }

    fn value(state: &State, key: &str) -> Option<String> {
        tile(state, key).value().map(ToString::to_string)
    }

    #[test]
    fn a_tile_hears_the_topic_and_the_path_that_a_person_wrote() {
        let mut state = State::new("me", 1);
        state.meet(at(0), crate::devices::others("me"));
        let made = [
            place(Kind::Value, "a", &[("topic", "hall/air"), ("path", "s[0].t"), ("unit", "°C")]),
            place(Kind::Map, "m", &[("topic", "car"), ("title", "Car")]),
            place(Kind::Picture, "p", &[("topic", "door/camera")]),
            place(Kind::Value, "odd", &[("topic", "hall/#")]),
            place(Kind::Value, "none", &[]),
        ];
        state.make(at(0), specs(&layout(made.to_vec())));
        assert_eq!(state.take_listen(), ["hall/air", "car", "door/camera"]);
        assert!(state.by_family().is_empty(), "they stand on pages, not among the devices");
        state.hear(at(1), "hall/air", br#"{"s":[{"t":21.5}]}"#, true);
        state.hear(at(1), "car", br#"{"lat":48.2,"lon":16.4}"#, false);
        state.hear(at(1), "door/camera", b"GIF89a", false);
        assert_eq!(value(&state, "a").as_deref(), Some("21.5"));
        assert_eq!(value(&state, "m").as_deref(), Some("48.2,16.4"));
        assert_eq!(value(&state, "p").as_deref(), Some("data:image/gif;base64,R0lGODlh"));
        let spec = &tile(&state, "m").spec;
        assert!((&*spec.label, is_spot(spec)) == ("Car", true) && !is_spot(&tile(&state, "a").spec));
        state.hear(at(2), "hall/air", b"{}", false);
        assert_eq!(value(&state, "a"), None, "what has no meaning is no value");
    }

    #[test]
    fn what_is_changed_forgets_and_what_stays_keeps() {
        let mut state = State::new("me", 1);
        state.meet(at(0), crate::devices::others("me"));
        let (kept, moved) =
            (place(Kind::Value, "k", &[("topic", "a")]), place(Kind::Value, "m", &[("topic", "b")]));
        state.make(at(0), specs(&layout(vec![kept.clone(), moved])));
        state.hear(at(1), "a", b"1", false);
        state.hear(at(1), "b", b"2", false);
        state.take_listen();
        let moved = place(Kind::Value, "m", &[("topic", "c")]);
        state.make(at(2), specs(&layout(vec![kept.clone(), moved])));
        assert_eq!(state.take_listen(), ["c"]);
        assert_eq!((value(&state, "k").as_deref(), value(&state, "m")), (Some("1"), None));
        state.hear(at(3), "b", b"3", false);
        assert_eq!(value(&state, "m"), None, "it no longer listens there");
        state.make(at(4), specs(&layout(vec![])));
        assert!(state.device(OWN).is_none());
        state.make(at(5), specs(&layout(vec![kept])));
        assert_eq!(state.take_listen(), ["a"], "what the broker keeps is asked for anew");
    }

    #[test]
    fn a_switch_waits_for_its_topic_and_a_button_is_assumed() {
        let mut state = State::new("me", 1);
        state.meet(at(0), crate::devices::others("me"));
        let switch = [("topic", "pump"), ("set", "pump/set"), ("path", "run"), ("on", "1"), ("off", "0")];
        let made = [
            place(Kind::Switch, "s", &switch),
            place(Kind::Button, "b", &[("set", "bell"), ("on", "{\"ring\":true}")]),
            place(Kind::Slider, "l", &[("set", "lamp/set"), ("topic", "lamp"), ("max", "254")]),
        ];
        state.make(at(0), specs(&layout(made.to_vec())));
        state.hear(at(0), "pump", b"{\"run\":0}", true);
        let asked = state.wish(at(1), OWN, "s", Value::Switch(true)).unwrap();
        assert_eq!((asked.topic.as_str(), asked.payload.as_str()), ("pump/set", "1"));
        state.sent(asked.id);
        assert!(tile(&state, "s").wanted().is_some(), "the broker's word is not the device's");
        state.hear(at(2), "pump", b"{\"run\":1}", false);
        assert_eq!(tile(&state, "s").phase, Phase::Settled { otherwise: false });
        let asked = state.wish(at(1), OWN, "b", Value::Switch(true)).unwrap();
        assert_eq!((asked.topic.as_str(), asked.payload.as_str()), ("bell", "{\"ring\":true}"));
        state.sent(asked.id);
        assert!(matches!(tile(&state, "b").phase, Phase::Assumed { .. }));
        let Point::Slider(range) = tile(&state, "l").spec.kind else { panic!("a slider") };
        assert_eq!((range.max, range.step), (crate::devices::Num::whole(254), crate::devices::Num::whole(1)));
    }

    #[test]
    fn other_conventions_understand_a_topic_all_the_same() {
        let mut state = State::new("me", 1);
        state.meet(at(0), crate::devices::others("me"));
        state.make(
            at(0),
            specs(&layout(vec![place(Kind::Value, "v", &[("topic", "wut-0a4711/get/output/3")])])),
        );
        state.hear(at(1), "wut-0a4711/get/output/3", b"ON", true);
        state.hear(at(1), "wut-0a4711/status", b"online", true);
        let devices = state.by_family();
        assert_eq!(devices.iter().map(|device| &*device.name).collect::<Vec<_>>(), ["wut-0a4711"]);
        state.hear(at(2), "wut-0a4711/get/output/3", b"OFF", false);
        let web_io = state.device("wut-0a4711").and_then(|device| device.tile("output/3")?.value().cloned());
        assert_eq!((web_io, value(&state, "v").as_deref()), (Some(Value::Switch(false)), Some("OFF")));
    }

    #[test]
    fn it_is_written_beside_what_else_is_said_of_the_place() {
        let made = place(Kind::Value, "k3f9", &[("topic", "hall/air"), ("path", "t"), ("glow", "1")]);
        let document =
            Document { version: 1, id: 1, parent: 0, author: "x".into(), layout: layout(vec![made]) };
        let written = document.write();
        assert!(
            written.contains(r#"{"kind":"value","key":"k3f9","topic":"hall/air","path":"t","glow":"1"}"#),
            "{written}"
        );
        assert_eq!(Document::read(written.as_bytes()), Ok(document));
    }

    #[test]
    fn a_message_is_guessed_and_told_of() {
        for (payload, kind, words) in [
            (&b"21.5"[..], Kind::Value, Ok("21.5")),
            (b"{\"t\":1}", Kind::Value, Err("This message is JSON: say which value of it is meant.")),
            (b"{\"lat\":1,\"lon\":2}", Kind::Map, Ok("1°\u{202f}N, 2°\u{202f}E")),
            (b"GIF89a", Kind::Picture, Ok("")),
        ] {
            assert_eq!(guess(payload), kind);
            let said = preview(kind, payload, "");
            assert_eq!(said.as_deref().map_err(String::as_str), words);
        }
        assert!(preview(Kind::Picture, b"21.5", "").is_err());
    }
}
