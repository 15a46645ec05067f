//! Conventions of real devices as data: a message in, what it says about a device out; a wish in, the message that asks
//! for it out.
//!
//! Knows no page, no connection, no clock and no state: whoever remembers is [`panel::state`](crate::panel::state).

mod web_io;

use std::fmt;

/// What the page subscribes to so that devices are found by themselves.
pub const FILTERS: &[&str] = web_io::FILTERS;

/// What one message says about one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal<'a> {
    /// The device's name as it stands in the topic.
    pub device: &'a str,
    /// What is said.
    pub says: Says,
}

/// What can be said about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// The device, or its will, says whether it is there.
    Online(bool),
    /// One of its points has this value; none when the payload is not one the convention knows.
    Value {
        /// The point.
        key: TileKey,
        /// Its value.
        value: Option<Value>,
        /// How the device wants to be asked.
        form: Form,
    },
}

/// A point of a device: `output/3`. Its order is the order on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileKey {
    /// What it is.
    pub kind: Kind,
    /// Which of them, counted from 0.
    pub number: u16,
}

/// The kinds of points, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Can be switched.
    Output,
    /// Only tells.
    Input,
    /// Counts, and can be set back.
    Counter,
}

/// A value that a device confirmed or a person wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// `ON` or `OFF`.
    Switch(bool),
    /// A count.
    Count(u64),
}

/// The ways in which Web-IOs are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `<device>/set/output/3`: the standard topics.
    Standard,
    /// `<device>/output3/set`: the form of the maker's tutorial.
    Tutorial,
}

/// Reads a message; none when no convention knows its topic.
#[must_use]
pub fn read<'a>(topic: &'a str, payload: &[u8]) -> Option<Signal<'a>> {
    web_io::read(topic, payload)
}

/// The topic and payload that ask a device to bring a point to a value.
#[must_use]
pub fn command(device: &str, key: TileKey, form: Form, wanted: Value) -> (String, String) {
    web_io::command(device, key, form, wanted)
}

/// Whether the name alone proves that this is a device; others need a second signal before they are shown.
#[must_use]
pub fn is_known_name(device: &str) -> bool {
    web_io::is_factory_name(device)
}

impl Kind {
    /// The word in topics and handles.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Input => "input",
            Self::Counter => "counter",
        }
    }

    /// The word for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Output => "Output",
            Self::Input => "Input",
            Self::Counter => "Counter",
        }
    }
}

impl TileKey {
    /// The name for people: `Output 3`.
    #[must_use]
    pub fn label(self) -> String {
        format!("{} {}", self.kind.label(), self.number)
    }
}

impl fmt::Display for TileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.number)
    }
}

/// The wire form: `ON`, `OFF`, `1432`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(true) => f.write_str("ON"),
            Self::Switch(false) => f.write_str("OFF"),
            Self::Count(n) => n.fmt(f),
        }
    }
}
