//! One device of the panel's memory.

use std::rc::Rc;

use mqtt::Instant;

use crate::devices::{Heard, Payload, Read, Tells, Value};
use crate::panel::tile::{Proof, Source, Tile};
use crate::tongue::say;

/// One device with its tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name in topics and handles.
    pub name: Rc<str>,
    /// Its name for people; empty when there is no other.
    pub title: Rc<str>,
    /// What it is.
    pub model: Rc<str>,
    /// What it, or its will, says of itself.
    pub presence: Presence,
    /// In the order of the page.
    pub tiles: Vec<Tile>,
    /// Points, by their keys, that were described in a way that is not understood.
    pub obscure: Vec<Rc<str>>,
    /// Devices of one family stand together, in this order.
    pub family: u8,
    pub(super) hardware: Vec<Rc<str>>,
    pub(super) weight: u8,
    pub(super) sure: bool,
    pub(super) presences: Vec<Read>,
    /// What each topic said last about its being there.
    pub(super) said: Vec<(Rc<str>, bool)>,
    /// Some of that was heard, not only remembered.
    presence_is_heard: bool,
    pub(super) asks: Vec<(String, String)>,
    pub(super) asks_at: Option<Instant>,
    pub(super) asked: Option<Instant>,
}

/// Whether a device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing was said.
    Unknown,
    /// It says so.
    Online,
    /// Its will, or itself, says it is not.
    Offline {
        /// When that was heard.
        since: Instant,
        /// It was the broker's memory that said so: it has been away for longer.
        longer: bool,
    },
}

impl Device {
    pub(super) fn new(name: Rc<str>) -> Self {
        Self {
            title: "".into(),
            model: "".into(),
            presence: Presence::Unknown,
            tiles: Vec::new(),
            obscure: Vec::new(),
            family: 0,
            hardware: Vec::new(),
            weight: 0,
            sure: false,
            presences: Vec::new(),
            said: Vec::new(),
            presence_is_heard: false,
            asks: Vec::new(),
            asks_at: None,
            asked: None,
            name,
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn called(&self) -> &str {
        if self.title.is_empty() { &self.name } else { &self.title }
    }

    /// Whether it is known to be away.
    #[must_use]
    pub const fn is_offline(&self) -> bool {
        matches!(self.presence, Presence::Offline { .. })
    }

    /// The tile of a point.
    #[must_use]
    pub fn tile(&self, key: &str) -> Option<&Tile> {
        self.position(key).and_then(|at| self.tiles.get(at))
    }

    /// Two signals, or one and a name that only such a device has: broad filters catch strangers.
    pub(super) fn is_shown(&self) -> bool {
        let says_presence = usize::from(self.presence != Presence::Unknown);
        match self.tiles.len() {
            0 => !self.obscure.is_empty(),
            tiles => self.sure || tiles + says_presence >= 2,
        }
    }

    /// Whether one of its values is not known, or may have changed.
    pub(super) fn is_silent(&self) -> bool {
        // Without points nothing is known yet.
        self.tiles.is_empty()
            || self.tiles.iter().any(|tile| tile.is_told() && (tile.reading.is_none() || tile.is_stale()))
    }

    pub(super) fn position(&self, key: &str) -> Option<usize> {
        self.tiles.iter().position(|tile| *tile.spec.key == *key)
    }

    /// A message of one of its topics.
    pub(super) fn hear(&mut self, now: Instant, topic: &str, payload: &mut Payload<'_>, source: Source) {
        for at in 0..self.presences.len() {
            let read = &self.presences[at];
            // What is remembered counts only while nothing was heard.
            let is_old = source == Source::Recalled && self.presence_is_heard;
            if *read.topic == *topic
                && !is_old
                && let Heard::Value(Value::Switch(online)) = read.hear(payload)
            {
                self.hear_presence(now, topic, online, source);
            }
        }
        for tile in &mut self.tiles {
            let spec = Rc::clone(&tile.spec);
            for read in spec.reads.iter().filter(|read| *read.topic == *topic) {
                match (read.tells, read.hear(payload)) {
                    (_, Heard::Nothing) => {}
                    (Tells::Value, Heard::Value(value)) => tile.hear(now, Some(value), source),
                    (Tells::Value, Heard::Meaningless) => tile.hear(now, None, source),
                    // It answers another page's wish, or none any more.
                    (Tells::Accepted | Tells::Refused, _) if source == Source::Recalled => {}
                    (Tells::Accepted, _) => tile.advance(Proof::Accepted),
                    (Tells::Refused, Heard::Value(Value::Text(reason))) => tile.give_up(&reason),
                    (Tells::Refused, _) => {}
                }
            }
        }
    }

    /// It is there when nothing says that it is not.
    fn hear_presence(&mut self, now: Instant, topic: &str, online: bool, source: Source) {
        self.presence_is_heard |= source != Source::Recalled;
        match self.said.iter_mut().find(|(known, _)| **known == *topic) {
            Some(said) => said.1 = online,
            None => self.said.push((topic.into(), online)),
        }
        let online = self.said.iter().all(|(_, online)| *online);
        match (online, self.presence) {
            (true, presence) => {
                // What it said before it went away need not be so any more.
                if let Presence::Offline { .. } = presence {
                    self.tiles.iter_mut().for_each(Tile::doubt);
                }
                self.presence = Presence::Online;
            }
            (false, Presence::Offline { .. }) => {}
            (false, _) => {
                self.presence = Presence::Offline { since: now, longer: source != Source::Live };
                for tile in &mut self.tiles {
                    tile.give_up(&say("The device went offline"));
                }
            }
        }
    }
}
