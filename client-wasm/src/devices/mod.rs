//! Conventions of real devices as data: a message in, what it says about a device out; a wish in, the message that asks
//! for it out.
//!
//! Knows no page, no connection, no clock and no values: whoever remembers is [`panel::state`](crate::panel::state). Some
//! conventions say in several messages what a device is; what was said so far is kept here.

pub mod codec;
pub mod json;
pub mod spec;
pub mod template;
pub mod value;

mod hass;
mod homie;
mod shelly;
mod tasmota;
mod web_io;
mod zigbee;

use std::rc::Rc;

pub use spec::{Found, Heard, Kind, Payload, Range, Read, Spec, Tells};
pub use value::{Num, Value};

use codec::Codec;
use spec::At;

/// How many families of devices there are.
pub const FAMILIES: u8 = 6;

/// All conventions, with what they have heard so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conventions {
    /// The first level of topics on which devices answer this page.
    me: Rc<str>,
    tasmota: tasmota::Known,
    hass: hass::Known,
    homie: homie::Known,
}

impl Conventions {
    /// Of a page that is answered at `me/…`.
    #[must_use]
    pub fn new(me: &str) -> Self {
        Self { me: me.into(), ..Self::default() }
    }

    /// What the page subscribes to so that devices are found by themselves.
    #[must_use]
    pub fn filters(&self) -> Vec<String> {
        let all = [
            web_io::FILTERS,
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

    /// A message that describes devices, or nothing. `is_fed` says that its topic is known to feed points; then only
    /// descriptions are looked for, not values that speak for themselves.
    pub fn hear(&mut self, topic: &str, payload: &[u8], is_fed: bool) -> Vec<Found> {
        let last = topic.rsplit('/').next().unwrap_or_default();
        let described = match last {
            "devices" => zigbee::describe(topic, payload),
            "config" if topic.starts_with(hass::PREFIX) => self.hass.describe(topic, payload),
            "config" | "sensors" => self.tasmota.describe(topic, payload),
            "rpc" => shelly::describe(&self.me, topic, payload),
            _ if last.starts_with('$') => self.homie.describe(topic, payload),
            _ => Vec::new(),
        };
        if is_fed || !described.is_empty() {
            return described;
        }
        let recognised = web_io::recognise(topic, payload)
            .or_else(|| tasmota::recognise(topic, payload))
            .or_else(|| shelly::recognise(&self.me, topic, payload));
        recognised.into_iter().collect()
    }
}

/// A topic that says whether a device is there, in these words.
fn presence(topic: &str, online: &str, offline: &str) -> Read {
    Read { topic: topic.into(), at: At::Whole, codec: Codec::switch(online, offline), tells: Tells::Value }
}

/// A hardware address in plain small hexadecimal; none when it is not one.
fn hardware(text: &str) -> Option<Rc<str>> {
    let text =
        text.strip_prefix("0x").or_else(|| text.rsplit_once("_0x").map(|(_, tail)| tail)).unwrap_or(text);
    let plain: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect();
    let is_address = plain.len() >= 12 && plain.bytes().all(|b| b.is_ascii_hexdigit());
    is_address.then(|| plain.to_ascii_lowercase().into())
}

/// A name of a machine for people: `local_temperature` becomes `Local temperature`.
fn label(name: &str) -> String {
    crate::words::capital(&name.replace('_', " "))
}
