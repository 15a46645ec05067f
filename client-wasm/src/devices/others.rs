//! The conventions that come after the page's first paint.

use super::{Found, Others, hass, homie, shelly, tasmota, zigbee};

/// All of them, for a page that is answered at `me/…`.
#[must_use]
pub fn others(me: &str) -> Box<dyn Others> {
    Box::new(All { me: me.into(), ..All::default() })
}

#[derive(Debug, Default)]
struct All {
    me: Box<str>,
    tasmota: tasmota::Known,
    hass: hass::Known,
    homie: homie::Known,
}

impl Others for All {
    fn describe(&mut self, topic: &str, payload: &[u8]) -> Vec<Found> {
        let last = topic.rsplit('/').next().unwrap_or_default();
        match last {
            "devices" => zigbee::describe(topic, payload),
            "config" if topic.starts_with(hass::PREFIX) => self.hass.describe(topic, payload),
            "config" | "sensors" => self.tasmota.describe(topic, payload),
            "rpc" => shelly::describe(&self.me, topic, payload),
            _ if last.starts_with('$') => self.homie.describe(topic, payload),
            _ => Vec::new(),
        }
    }

    fn recognise(&mut self, topic: &str, payload: &[u8]) -> Option<Found> {
        tasmota::recognise(topic, payload).or_else(|| shelly::recognise(&self.me, topic, payload))
    }
}
