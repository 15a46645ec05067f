//! Pairs of topics on one stem, as people write them who build devices themselves.
//!
//! ```text
//! hall/lamp/state     on | off | 21.5 | …      hall/lamp/set   on | off
//! garden/valve/stat   open | closed            garden/valve/cmd
//! ```
//! What a state topic says is shown at once and only told. It can be asked when somebody was heard to do so: nothing is ever
//! published by guess. Knows what was heard of commands; comes last, after every convention that knows better.

use std::rc::Rc;

use super::codec::Codec;
use super::spec::{Found, HOLE, Kind, Range, Spec};
use super::value::{Num, Value};

pub(super) const FILTERS: &[&str] = &[
    "+/state",
    "+/+/state",
    "+/+/+/state",
    "+/+/stat",
    "+/set",
    "+/+/set",
    "+/+/+/set",
    "+/+/command",
    "+/+/cmd",
    "+/+/cmnd",
];

/// Devices of pairs stand behind all others.
pub(super) const FAMILY: u8 = 6;

const STATES: [&str; 3] = ["state", "status", "stat"];
const COMMANDS: [&str; 4] = ["set", "command", "cmd", "cmnd"];
/// Words of switches, on and off.
const WORDS: [(&str, &str); 5] =
    [("ON", "OFF"), ("on", "off"), ("true", "false"), ("open", "closed"), ("On", "Off")];
/// Stems that are remembered; more is a flood.
const MAX_STEMS: usize = 1_000;

/// What was heard of each stem.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<Stem>);

#[derive(Debug)]
struct Stem {
    name: Rc<str>,
    state: Option<(Rc<str>, Class)>,
    command: Option<(Rc<str>, Class)>,
}

/// How a stem's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// These two of [`WORDS`].
    Switch(usize),
    Number,
}

impl Known {
    /// A message of a pair; none when it is none, or says nothing new.
    pub(super) fn recognise(&mut self, topic: &str, payload: &[u8]) -> Option<Found> {
        let (name, end) = topic.rsplit_once('/')?;
        let (is_state, is_command) = (STATES.contains(&end), COMMANDS.contains(&end));
        // `lamp/set/state` asks for the state of a lamp.
        let is_within = name.rsplit('/').next().is_some_and(|last| COMMANDS.contains(&last));
        if !is_state && !is_command || is_within || topic.starts_with(['$', '/']) {
            return None;
        }
        let class = Class::of(std::str::from_utf8(payload).ok()?)?;
        let at = match self.0.binary_search_by(|stem| (*stem.name).cmp(name)) {
            Ok(at) => at,
            Err(_) if self.0.len() >= MAX_STEMS => return None,
            Err(at) => {
                self.0.insert(at, Stem { name: name.into(), state: None, command: None });
                at
            }
        };
        let stem = self.0.get_mut(at)?;
        let place = if is_state { &mut stem.state } else { &mut stem.command };
        *place = Some((topic.into(), class));
        stem.found()
    }
}

impl Stem {
    fn found(&self) -> Option<Found> {
        let (topic, class) = self.state.as_ref()?;
        let (id, key) = self.name.rsplit_once('/').unwrap_or((&self.name, "state"));
        let command = self.command.as_ref().filter(|(_, asked)| asked == class);
        let label = if key == "state" { "State".to_owned() } else { super::label(key) };
        let kind = match (class, command) {
            (Class::Switch(_), Some(_)) => Kind::Switch,
            (Class::Switch(_), None) => Kind::Indicator,
            // How far it goes nobody said.
            (Class::Number, Some(_)) => Kind::Stepper(Range::whole(-1_000_000, 1_000_000, 1)),
            (Class::Number, None) => Kind::Reading,
        };
        let codec = class.codec();
        let mut spec = Spec::new(key, &label, kind).whole(topic, codec.clone());
        if let Some((command, _)) = command {
            spec = spec.ask(command, codec, HOLE);
        }
        Some(Found {
            id: id.into(),
            weight: 1,
            family: FAMILY,
            // One pair is two signals.
            sure: command.is_some(),
            points: vec![spec],
            ..Found::default()
        })
    }
}

impl Class {
    fn of(payload: &str) -> Option<Self> {
        let is = |(on, off): &(&str, &str)| payload == *on || payload == *off;
        WORDS.iter().position(is).map(Self::Switch).or_else(|| Num::read(payload).map(|_| Self::Number))
    }

    fn codec(self) -> Codec {
        match self {
            Self::Switch(at) => WORDS.get(at).map_or_else(Codec::number, |(on, off)| {
                Codec::words(&[(on, Value::Switch(true)), (off, Value::Switch(false))])
            }),
            Self::Number => Codec::number(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::spec::{Heard, Payload};

    /// Device, key, kind, and how it is asked.
    type Made = (String, String, Kind, Option<(String, String)>);

    /// What the last of recorded messages makes.
    fn last(recorded: &[(&str, &str)]) -> Option<Made> {
        let mut known = Known::default();
        let mut found = None;
        for (topic, payload) in recorded {
            found = known.recognise(topic, payload.as_bytes());
        }
        let found = found?;
        let spec = found.points.first()?;
        let wanted = match spec.kind {
            Kind::Stepper(_) => Value::Number(Num::whole(7)),
            _ => Value::Switch(true),
        };
        Some((found.id.to_string(), spec.key.to_string(), spec.kind.clone(), spec.command(&wanted)))
    }

    #[test]
    fn recorded_pairs_are_read() {
        let number = Kind::Stepper(Range::whole(-1_000_000, 1_000_000, 1));
        for (recorded, device, key, kind, asked) in [
            (&[("hall/lamp/state", "on")][..], "hall", "lamp", Kind::Indicator, None),
            (
                &[("hall/lamp/set", "off"), ("hall/lamp/state", "off")],
                "hall",
                "lamp",
                Kind::Switch,
                Some(("hall/lamp/set", "on")),
            ),
            (
                &[("hall/lamp/state", "off"), ("hall/lamp/set", "on")],
                "hall",
                "lamp",
                Kind::Switch,
                Some(("hall/lamp/set", "on")),
            ),
            (
                &[("garden/valve/stat", "closed"), ("garden/valve/cmd", "open")],
                "garden",
                "valve",
                Kind::Switch,
                Some(("garden/valve/cmd", "open")),
            ),
            (
                &[("pump/state", "false"), ("pump/set", "true")],
                "pump",
                "state",
                Kind::Switch,
                Some(("pump/set", "true")),
            ),
            (
                &[("house/attic/fan/state", "40"), ("house/attic/fan/set", "50")],
                "house/attic",
                "fan",
                number,
                Some(("house/attic/fan/set", "7")),
            ),
            (&[("cellar/temperature/state", "17.5")], "cellar", "temperature", Kind::Reading, None),
            (
                &[("plant/relay/status", "ON"), ("plant/relay/command", "OFF")],
                "plant",
                "relay",
                Kind::Switch,
                Some(("plant/relay/command", "ON")),
            ),
        ] {
            let asked = asked.map(|(topic, payload)| (topic.to_owned(), payload.to_owned()));
            assert_eq!(
                last(recorded),
                Some((device.to_owned(), key.to_owned(), kind, asked)),
                "{recorded:?}"
            );
        }
    }

    #[test]
    fn nothing_is_asked_in_words_that_nobody_used() {
        for recorded in [
            &[("hall/lamp/set", "ON"), ("hall/lamp/state", "on")][..],
            &[("hall/lamp/set", "50"), ("hall/lamp/state", "on")],
            &[("hall/other/set", "on"), ("hall/lamp/state", "on")],
        ] {
            assert_eq!(last(recorded).map(|(.., asked)| asked), Some(None), "{recorded:?}");
        }
    }

    #[test]
    fn what_is_no_pair_is_left_alone() {
        for (topic, payload) in [
            ("state", "on"),
            ("/state", "on"),
            ("$SYS/broker/state", "on"),
            ("hall/lamp/state", "online"),
            ("hall/lamp/state", "{\"on\":true}"),
            ("hall/lamp/state", ""),
            ("hall/lamp/State", "on"),
            ("hall/lamp/set", "on"),
            ("zigbee2mqtt/lamp/set/state", "ON"),
        ] {
            assert_eq!(last(&[(topic, payload)]), None, "{topic} {payload}");
        }
        assert_eq!(Known::default().recognise("hall/lamp/state", b"\xff"), None);
    }

    #[test]
    fn a_value_is_read_as_it_is_written() {
        let mut known = Known::default();
        let found = known.recognise("garden/valve/state", b"open").unwrap();
        let heard = |payload: &str| found.points[0].reads[0].hear(&mut Payload::new(payload.as_bytes()));
        assert_eq!(heard("closed"), Heard::Value(Value::Switch(false)));
        assert_eq!(heard("stuck"), Heard::Meaningless);
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let mut known = Known::default();
        let found = |known: &mut Known, n: usize| known.recognise(&format!("a/{n}/state"), b"1").is_some();
        assert!((0..MAX_STEMS).all(|n| found(&mut known, n)));
        assert!(!found(&mut known, MAX_STEMS) && found(&mut known, 3));
    }
}
