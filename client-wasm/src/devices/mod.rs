//! Conventions of real devices as data: a message in, what it says about a device out; a wish in, the message that asks
//! for it out.
//!
//! Knows no page, no connection, no clock and no values: whoever remembers is [`panel::state`](crate::panel::state). Some
//! conventions say in several messages what a device is; what was said so far is kept in [`Others`].

pub mod codec;
pub mod inside;
pub mod json;
pub mod spec;
pub mod template;
pub mod value;

mod hass;
mod homie;
mod others;
mod pairs;
mod shelly;
mod tasmota;
mod web_io;
mod zigbee;

use std::fmt;
use std::rc::Rc;

pub use others::others;
pub use spec::{Found, Heard, Inside, Kind, Payload, Range, Read, Spec, Tells};
pub use value::{Num, Value};

use crate::text;
use codec::Codec;
use spec::At;

/// How many families of devices there are.
pub const FAMILIES: u8 = 7;

/// The family of what only looks like a device: pairs of topics. Whatever knows better about a topic takes it away.
pub const LOOSE: u8 = pairs::FAMILY;

/// All conventions. Those whose topics and payloads speak for themselves are there from the beginning; the others come when
/// a message is not understood without them, because they weigh more than all else in the page.
#[derive(Debug, Default)]
pub struct Conventions {
    /// The first level of topics on which devices answer this page.
    me: Rc<str>,
    pairs: pairs::Known,
    others: Option<Box<dyn Others>>,
}

/// The conventions that come later, with what they have heard so far.
///
/// Not `Debug` itself: what a trait asks for is in the page for each of its types, whether somebody calls it or not.
pub trait Others {
    /// A message that describes devices, or nothing.
    fn describe(&mut self, topic: &str, payload: &[u8]) -> Vec<Found>;

    /// A message that speaks for itself.
    fn recognise(&mut self, topic: &str, payload: &[u8]) -> Option<Found>;
}

impl fmt::Debug for dyn Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Others")
    }
}

/// What a message said to the conventions.
#[derive(Debug)]
pub enum Said {
    /// This; often nothing.
    Known(Vec<Found>),
    /// It takes the [`Others`] to know.
    NotYet,
}

impl Conventions {
    /// Of a page that is answered at `me/…`.
    #[must_use]
    pub fn new(me: &str) -> Self {
        Self { me: me.into(), ..Self::default() }
    }

    /// The first level of topics on which devices answer.
    #[must_use]
    pub fn me(&self) -> &str {
        &self.me
    }

    /// What the page subscribes to so that devices are found by themselves.
    #[must_use]
    pub fn filters(&self) -> Vec<String> {
        let all = [
            web_io::FILTERS,
            pairs::FILTERS,
            tasmota::FILTERS,
            shelly::FILTERS,
            zigbee::FILTERS,
            hass::FILTERS,
            homie::FILTERS,
        ];
        let mut filters: Vec<String> = all.concat().into_iter().map(str::to_owned).collect();
        filters.push(format!("{}/#", self.me));
        filters
    }

    /// From now on all are there.
    pub fn meet(&mut self, others: Box<dyn Others>) {
        self.others = Some(others);
    }

    /// A message. `is_fed` says that its topic is known to feed points; then only descriptions are looked for, not values
    /// that speak for themselves.
    pub fn hear(&mut self, topic: &str, payload: &[u8], is_fed: bool) -> Said {
        let described =
            self.others.as_mut().map(|others| others.describe(topic, payload)).unwrap_or_default();
        if is_fed || !described.is_empty() {
            return Said::Known(described);
        }
        let known = web_io::recognise(topic, payload)
            .or_else(|| self.others.as_mut().and_then(|others| others.recognise(topic, payload)))
            .or_else(|| self.pairs.recognise(topic, payload));
        if known.is_none() && self.others.is_none() {
            return Said::NotYet;
        }
        Said::Known(known.into_iter().collect())
    }
}

/// A topic that says whether a device is there, in these words.
fn presence(topic: &str, online: &str, offline: &str) -> Read {
    Read { topic: topic.into(), at: At::Whole, codec: Codec::switch(online, offline), tells: Tells::Value }
}

/// A hardware address in plain small hexadecimal; none when it is not one.
fn hardware(text: &str) -> Option<Rc<str>> {
    let text = text.strip_prefix("0x").or_else(|| text::pieces(text, "_0x").last()).unwrap_or(text);
    let plain: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect();
    let is_address = plain.len() >= 12 && plain.bytes().all(|b| b.is_ascii_hexdigit());
    is_address.then(|| plain.to_ascii_lowercase().into())
}

/// A name of a machine for people: `local_temperature` becomes `Local temperature`.
fn label(name: &str) -> String {
    crate::words::capital(&name.replace('_', " "))
}
