//! Alarms: what people want to be told of the tiles they arranged, from its beginning to its end. Pure: the time, the layout and
//! the panel's memory come in; what is so, what was so, and what is to be said aloud come out.
//!
//! A value that was not heard since the link or its device came back neither raises an alarm nor ends one: nobody knows.

use std::rc::Rc;
use std::time::Duration;

use mqtt::Instant;

use crate::devices::{Num, Value};
use crate::locale;
use crate::tongue::{fill, say};

use super::layout::{Alarm, Layout, Of, Place};
use super::look::shown;
use super::state::{Device, OWN, State};

/// Nothing is said aloud sooner than this after what was said before: it is summed up instead.
const PAUSE: Duration = Duration::from_secs(5);
/// How many that ended are kept in sight until a person closes them.
const MAX_PAST: usize = 5;

/// All alarms of a page.
#[derive(Debug, Default)]
pub struct Alarms {
    on: Vec<Raised>,
    past: Vec<(Raised, Instant)>,
    closed: bool,
    unsaid: Vec<String>,
    said: String,
    quiet_until: Option<Instant>,
}

/// One that was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// Whose.
    pub device: Rc<str>,
    /// Of which point.
    pub key: String,
    /// Why.
    pub cause: Cause,
    /// Device and point for people.
    pub what: String,
    /// The limit in words.
    pub limit: String,
    /// When.
    pub since: Instant,
}

/// Why an alarm is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The value is larger than this.
    Above(Num),
    /// The value is smaller than this.
    Below(Num),
    /// The device is away.
    Silent,
}

impl Alarms {
    /// Looks at everything. Gives what has to be said to a person who looks elsewhere: what was raised since that was given
    /// last, summed up.
    pub fn watch(&mut self, now: Instant, layout: &Layout, panel: &State) -> Option<String> {
        let (mut asked, mut on) = (Vec::new(), Vec::new());
        let places = layout.pages.iter().flat_map(|page| &page.places);
        for place in places.filter(|place| place.alarm != Alarm::default()) {
            for device in panel.shown().filter(|device| place.is_of(device)) {
                for cause in causes(place.alarm) {
                    let raised = raised(device, place, cause, now);
                    let before = self.on.iter().find(|other| other.is_same(&raised));
                    if is_so(device, place, cause, before.is_some())
                        && !on.iter().any(|other: &Raised| other.is_same(&raised))
                    {
                        on.push(before.cloned().unwrap_or_else(|| raised.clone()));
                    }
                    asked.push(raised);
                }
            }
        }
        let before = std::mem::replace(&mut self.on, on);
        for new in self.on.iter().filter(|new| !before.iter().any(|old| old.is_same(new))) {
            self.unsaid.push(new.words());
            self.closed = false;
        }
        for old in before {
            // What nobody wants to be told of any more did not end.
            if asked.iter().any(|it| it.is_same(&old)) && !self.on.iter().any(|it| it.is_same(&old)) {
                self.past.push((old, now));
            }
        }
        let surplus = self.past.len().saturating_sub(MAX_PAST);
        self.past.drain(..surplus);
        self.speak(now)
    }

    fn speak(&mut self, now: Instant) -> Option<String> {
        if self.unsaid.is_empty() || self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        self.quiet_until = Some(now + PAUSE);
        let count = self.unsaid.len();
        let first = self.unsaid.drain(..).take(3).collect::<Vec<_>>().join(". ");
        self.said = if count == 1 { first } else { fill("{} alarms: {}", &[&count.to_string(), &first]) };
        Some(self.said.clone())
    }

    /// What is so now; empty while a person has closed it.
    #[must_use]
    pub fn on(&self) -> &[Raised] {
        if self.closed { &[] } else { &self.on }
    }

    /// What was so, and when it ended.
    #[must_use]
    pub fn past(&self) -> &[(Raised, Instant)] {
        &self.past
    }

    /// The last words that were said aloud.
    #[must_use]
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Whether there is an alarm of a point.
    #[must_use]
    pub fn is_on(&self, device: &str, key: &str) -> bool {
        self.on.iter().any(|it| *it.device == *device && it.key == key)
    }

    /// A person has seen it: it comes back with the next one.
    pub fn close(&mut self) {
        self.closed = true;
        self.past.clear();
    }
}

impl Raised {
    fn is_same(&self, other: &Self) -> bool {
        self.device == other.device && self.key == other.key && self.cause == other.cause
    }

    /// What is so.
    #[must_use]
    pub fn words(&self) -> String {
        match self.cause {
            Cause::Above(_) => fill("{} is above {}", &[&self.what, &self.limit]),
            Cause::Below(_) => fill("{} is below {}", &[&self.what, &self.limit]),
            Cause::Silent => fill("{} is offline", &[&self.what]),
        }
    }

    /// What was so, between these times of day.
    #[must_use]
    pub fn past_words(&self, from: &str, to: &str) -> String {
        match self.cause {
            Cause::Above(_) => fill("{} was above {} from {} to {}", &[&self.what, &self.limit, from, to]),
            Cause::Below(_) => fill("{} was below {} from {} to {}", &[&self.what, &self.limit, from, to]),
            Cause::Silent => fill("{} was offline from {} to {}", &[&self.what, from, to]),
        }
    }
}

impl Place {
    /// Whether a device's tile stands here.
    #[must_use]
    pub fn is_of(&self, device: &Device) -> bool {
        match &self.of {
            Of::Device(name) => *device.name == **name,
            Of::Model(model) => *device.model == **model && device.tile(&self.key).is_some(),
            Of::Made(_) => *device.name == *OWN && device.tile(&self.key).is_some(),
        }
    }
}

fn causes(alarm: Alarm) -> impl Iterator<Item = Cause> {
    let limits = [alarm.above.map(Cause::Above), alarm.below.map(Cause::Below)];
    limits.into_iter().flatten().chain(alarm.silent.then_some(Cause::Silent))
}

fn raised(device: &Device, place: &Place, cause: Cause, now: Instant) -> Raised {
    let tile = device.tile(&place.key);
    let label = tile.map_or_else(|| place.key.clone(), |tile| tile.spec.label.to_string());
    let limit = match cause {
        Cause::Above(n) | Cause::Below(n) => {
            tile.map_or_else(|| n.to_string(), |tile| shown(&tile.spec, &Value::Number(n)))
        }
        Cause::Silent => String::new(),
    };
    let what = match cause {
        Cause::Silent => device.called().to_owned(),
        // What people made themselves has no device to name.
        _ if *device.name == *OWN => label,
        _ => format!("{}: {label}", device.called()),
    };
    Raised { device: Rc::clone(&device.name), key: place.key.clone(), cause, what, limit, since: now }
}

/// Whether it is so; one that was raised ends only when the value has come back by its margin.
fn is_so(device: &Device, place: &Place, cause: Cause, was_so: bool) -> bool {
    if cause == Cause::Silent {
        return device.is_offline();
    }
    let tile = device.tile(&place.key).filter(|tile| !tile.is_stale() && !device.is_offline());
    let Some(Value::Number(n)) = tile.and_then(|tile| tile.value()) else { return was_so };
    let margin = if was_so { place.alarm.margin.0 } else { 0 };
    match cause {
        Cause::Above(limit) => n.0 > limit.0.saturating_sub(margin),
        Cause::Below(limit) => n.0 < limit.0.saturating_add(margin),
        Cause::Silent => was_so,
    }
}

/// The number that a person wrote, as it is done here or with a point.
#[must_use]
pub fn read_number(text: &str) -> Option<Num> {
    Num::read(&locale::plain(text))
}

/// What an alarm is about, for whoever arranges it.
#[must_use]
pub fn summary(alarm: Alarm) -> String {
    let parts = causes(alarm).map(|cause| match cause {
        Cause::Above(n) => fill("above {}", &[&super::look::number(n)]),
        Cause::Below(n) => fill("below {}", &[&super::look::number(n)]),
        Cause::Silent => say("when offline"),
    });
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
