//! What a convention says about a device: its points, which topics speak for them, and how they are asked.
//!
//! Data only. Several topics may feed one point, and one topic many points; whoever routes messages is
//! [`panel::state`](crate::panel::state). Does not know how payloads are taken apart: that comes with the conventions that
//! need it ([`Inside`]).

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use crate::text;

use super::codec::Codec;
use super::json::{Json, escaped};
use super::value::{Num, Value};

/// Where the value of a command stands in its payload.
pub const HOLE: &str = "\u{1}";

/// A device, or what was learnt of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Names it in handles: the name in its topics.
    pub id: Rc<str>,
    /// Its name for people; empty when the id is all there is.
    pub name: Rc<str>,
    /// What it is: `Web-IO`, `Shelly`.
    pub model: Rc<str>,
    /// Addresses of its hardware in plain hexadecimal: two conventions that name the same speak of one device.
    pub hardware: Vec<Rc<str>>,
    /// Of two conventions that speak of one device, the one with more of this says what its points are.
    pub weight: u8,
    /// Devices of one family stand together, in this order.
    pub family: u8,
    /// It is a device beyond doubt; others need a second signal before they are shown.
    pub sure: bool,
    /// It says that it is no more.
    pub gone: bool,
    /// Its points; those it had stay.
    pub points: Vec<Spec>,
    /// Points it has no more: these keys and what is below them.
    pub lost: Vec<Rc<str>>,
    /// Who says whether it is there.
    pub presence: Vec<Read>,
    /// What the page has to subscribe to.
    pub listen: Vec<String>,
    /// And even when it is already: what was heard before was not understood in full.
    pub anew: bool,
    /// What makes it say its values, when they were not heard by themselves.
    pub asks: Vec<(String, String)>,
    /// Points, by their keys, that were described in a way that is not understood.
    pub obscure: Vec<Rc<str>>,
}

/// A point of a device.
///
/// One word: a convention hands it on from step to step, and each would copy all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec(Box<Point>);

/// What is known of a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its name within the device: `output/3`.
    pub key: Rc<str>,
    /// Its name for people.
    pub label: Rc<str>,
    /// What it can do.
    pub kind: Kind,
    /// Of its number.
    pub unit: Rc<str>,
    /// The picture, a symbol of the page.
    pub icon: &'static str,
    /// The key of the point whose tile it shares; its own when it has a tile of its own.
    pub card: Rc<str>,
    /// Where its tile stands among the others.
    pub rank: u8,
    /// Who speaks for it; the device never confirms it when nobody does.
    pub reads: Vec<Read>,
    /// How it is asked; it only tells when there is no way.
    pub write: Option<Write>,
    /// It moves towards what is wished and says so on the way.
    pub travels: bool,
    /// It is not to be done by a touch in passing.
    pub held: bool,
}

/// What a point can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On and off.
    Switch,
    /// Locked and not.
    Lock,
    /// Opens, closes, stops.
    Cover,
    /// Is pressed.
    Button,
    /// A number that is set by a slider.
    Slider(Range),
    /// A number that is set in steps.
    Stepper(Range),
    /// One of these.
    Select(Rc<[Rc<str>]>),
    /// Any text.
    Text,
    /// A colour.
    Colour,
    /// On and off, but only tells.
    Indicator,
    /// Any value, but only tells.
    Reading,
    /// Counts, and can be set back.
    Counter,
}

/// What a number may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// At least.
    pub min: Num,
    /// At most.
    pub max: Num,
    /// In steps of.
    pub step: Num,
}

/// A topic that speaks for a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The topic.
    pub topic: Rc<str>,
    /// Where in the payload.
    pub at: At,
    /// What is made of it.
    pub codec: Codec,
    /// What it proves.
    pub tells: Tells,
}

/// A place in a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// All of it, as text.
    Whole,
    /// Somewhere inside.
    Inside(Rc<dyn Inside>),
}

/// A way into payloads of a form. Not `Debug` itself, as [`Others`](super::Others) is not.
pub trait Inside {
    /// What a payload says there, written in a way.
    fn hear(&self, payload: &mut Payload<'_>, codec: &Codec) -> Heard;

    /// The payload that has a value there; none when it cannot be made.
    fn render(&self, value: &str) -> Option<String>;

    /// What it was made of: equal for those that do the same.
    fn source(&self) -> (&'static str, &str);
}

impl PartialEq for dyn Inside {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for dyn Inside {}

impl fmt::Debug for dyn Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source().fmt(f)
    }
}

/// What a message proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// The value is so.
    Value,
    /// The device took the command.
    Accepted,
    /// The device does not do it, and this is why.
    Refused,
}

/// How a point is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The topic.
    pub topic: Rc<str>,
    /// How the value is written.
    pub codec: Codec,
    /// What stands around it.
    pub form: Form,
}

/// A payload around a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// With a [`HOLE`] for it.
    Around(Rc<str>),
    /// Made by this.
    Made(Rc<dyn Inside>),
}

/// What a message says through a [`Read`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It says nothing about this.
    Nothing,
    /// What it says has no meaning: the value is not known any more.
    Meaningless,
    /// This.
    Value(Value),
}

/// A payload, read as JSON at most once.
#[derive(Debug)]
pub struct Payload<'a> {
    bytes: &'a [u8],
    json: Option<Option<Json>>,
}

impl Deref for Spec {
    type Target = Point;

    fn deref(&self) -> &Point {
        &self.0
    }
}

impl DerefMut for Spec {
    fn deref_mut(&mut self) -> &mut Point {
        &mut self.0
    }
}

impl Spec {
    // Not inlined: they are called from everywhere, and the page pays for each copy.

    /// A point of no topics, in a tile of its own.
    #[must_use]
    #[inline(never)]
    pub fn new(key: &str, label: &str, kind: Kind) -> Self {
        let key: Rc<str> = key.into();
        let (rank, icon) = match kind {
            Kind::Switch => (0, "#i-power"),
            Kind::Lock => (1, "#i-lock"),
            Kind::Cover => (2, "#i-cover"),
            Kind::Slider(_) | Kind::Stepper(_) | Kind::Colour => (4, ""),
            Kind::Select(_) | Kind::Text => (5, ""),
            Kind::Button => (6, ""),
            Kind::Indicator => (7, ""),
            Kind::Counter => (8, ""),
            Kind::Reading => (9, ""),
        };
        Self(Box::new(Point {
            card: Rc::clone(&key),
            key,
            label: label.into(),
            kind,
            unit: "".into(),
            icon,
            rank,
            reads: Vec::new(),
            write: None,
            travels: false,
            held: false,
        }))
    }

    /// With a unit.
    #[must_use]
    #[inline(never)]
    pub fn unit(mut self, unit: &str) -> Self {
        self.unit = unit.into();
        self
    }

    /// Not to be done by a touch in passing.
    #[must_use]
    #[inline(never)]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// With a picture.
    #[must_use]
    #[inline(never)]
    pub fn icon(mut self, icon: &'static str) -> Self {
        self.icon = icon;
        self
    }

    /// In the tile of another point.
    #[must_use]
    #[inline(never)]
    pub fn within(mut self, main: &Self) -> Self {
        self.card = Rc::clone(&main.card);
        self.rank = main.rank;
        self
    }

    /// Its value is all of a topic's payload.
    #[must_use]
    #[inline(never)]
    pub fn whole(self, topic: &str, codec: Codec) -> Self {
        self.read(topic, At::Whole, codec)
    }

    /// Its value stands at a path of a topic's JSON.
    #[must_use]
    #[inline(never)]
    pub fn path(self, topic: &str, path: &str, codec: Codec) -> Self {
        self.read(topic, super::inside::path(path), codec)
    }

    /// Its value stands there.
    #[must_use]
    #[inline(never)]
    pub fn read(self, topic: &str, at: At, codec: Codec) -> Self {
        self.told(topic, at, codec, Tells::Value)
    }

    /// A topic proves something about its commands.
    #[must_use]
    #[inline(never)]
    pub fn told(mut self, topic: &str, at: At, codec: Codec, tells: Tells) -> Self {
        self.reads.push(Read { topic: topic.into(), at, codec, tells });
        self
    }

    /// It is asked there, with the value in a form that has a [`HOLE`] for it.
    #[must_use]
    #[inline(never)]
    pub fn ask(self, topic: &str, codec: Codec, around: &str) -> Self {
        self.write(topic, codec, Form::Around(around.into()))
    }

    /// It is asked there.
    #[must_use]
    #[inline(never)]
    pub fn write(mut self, topic: &str, codec: Codec, form: Form) -> Self {
        self.write = Some(Write { topic: topic.into(), codec, form });
        self
    }

    /// The topic and payload that ask for a value; none when the point only tells or cannot be this.
    #[must_use]
    #[inline(never)]
    pub fn command(&self, wanted: &Value) -> Option<(String, String)> {
        let Write { topic, codec, form } = self.write.as_ref()?;
        let value = codec.write(wanted)?;
        let payload = match form {
            // Numbers and colours stand in JSON as they are.
            Form::Around(around) if around.starts_with('{') && matches!(wanted, Value::Text(_)) => {
                text::put(around, HOLE, &escaped(&value))
            }
            Form::Around(around) => text::put(around, HOLE, &value),
            Form::Made(inside) => inside.render(&value)?,
        };
        Some((topic.to_string(), payload))
    }

    /// Where it stands within its tile: what is set before what is only read.
    #[must_use]
    pub fn part_rank(&self) -> u8 {
        match self.kind {
            Kind::Slider(_) | Kind::Stepper(_) => 0,
            Kind::Colour => 1,
            Kind::Select(_) | Kind::Text => 2,
            _ => 3,
        }
    }

    /// Whether it is one of the inputs of a device, which share a card of lamps.
    #[must_use]
    pub fn is_input(&self) -> bool {
        self.kind == Kind::Indicator && self.key.starts_with("input/")
    }

    /// Whether it is the first of its tile.
    #[must_use]
    pub fn is_main(&self) -> bool {
        self.card == self.key
    }
}

impl Range {
    /// From, to and step.
    #[must_use]
    pub const fn whole(min: i64, max: i64, step: i64) -> Self {
        Self { min: Num::whole(min), max: Num::whole(max), step: Num::whole(step) }
    }

    /// The nearest number in it.
    #[must_use]
    pub fn clamp(&self, n: Num) -> Num {
        n.clamp(self.min, self.max.max(self.min))
    }
}

impl Read {
    /// What a payload says.
    #[must_use]
    pub fn hear(&self, payload: &mut Payload<'_>) -> Heard {
        match &self.at {
            At::Whole => self.codec.hear(payload.text().map(|text| Json::Text(text.to_owned())).as_ref()),
            At::Inside(inside) => inside.hear(payload, &self.codec),
        }
    }
}

impl<'a> Payload<'a> {
    /// Of a message.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, json: None }
    }

    /// All of it.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All of it; none when it is no text.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes).ok()
    }

    /// The document that it is; none when it is not one.
    pub fn json(&mut self) -> Option<&Json> {
        self.json.get_or_insert_with(|| Json::read(self.bytes)).as_ref()
    }
}
