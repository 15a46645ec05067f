//! Recorded messages of every convention, and what the panel makes of them: devices, tiles, values and commands.

mod hass;
mod homie;
mod shelly;
mod tasmota;
mod zigbee;

use mqtt::Instant;

use crate::devices::{Num, Value, others};
use crate::panel::state::{Presence, State};
use crate::panel::tile::{Phase, Proof};

/// A panel that hears recorded messages.
pub(super) struct Site {
    state: State,
    now: Instant,
}

impl Site {
    /// Hears messages, one to a line: topic, space, payload.
    pub(super) fn hears(recorded: &str) -> Self {
        let mut site = Self { state: State::new("me", 1), now: Instant::from_millis(1_000_000) };
        assert!(!site.state.meet(others("me")), "nothing waited");
        site.hear(recorded);
        site
    }

    pub(super) fn hear(&mut self, recorded: &str) {
        for line in recorded.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (topic, payload) = line.split_once(' ').unwrap_or((line, ""));
            self.state.hear(self.now, topic, payload.as_bytes(), false);
        }
    }

    /// The tiles of a device, one to a line: key, value, unit.
    pub(super) fn tiles(&self, device: &str) -> String {
        let Some(device) = self.state.device(device) else { return "no device".to_owned() };
        let tile = |tile: &crate::panel::tile::Tile| {
            let value = tile.value().map_or_else(|| "-".to_owned(), Value::to_string);
            format!("{} {value} {}", tile.spec.key, tile.spec.unit).trim().to_owned()
        };
        device.tiles.iter().map(tile).collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    pub(super) fn shows(&self, device: &str, expected: &str) {
        let expected: Vec<_> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let names: Vec<_> = self.state.shown().map(|device| device.name.to_string()).collect();
        assert_eq!(self.tiles(device), expected.join("\n"), "of {device}; there are {names:?}");
    }

    /// Asks a tile and gives the command as `topic payload`.
    #[track_caller]
    pub(super) fn asks(&mut self, device: &str, key: &str, wanted: Value) -> String {
        let Some(command) = self.state.wish(self.now, device, key, wanted) else {
            return "nothing".to_owned();
        };
        format!("{} {}", command.topic, command.payload)
    }

    pub(super) fn phase(&self, device: &str, key: &str) -> Phase {
        self.state.device(device).unwrap().tile(key).unwrap().phase.clone()
    }

    pub(super) fn presence(&self, device: &str) -> Presence {
        self.state.device(device).unwrap().presence
    }

    /// What it is asked after two seconds of silence.
    pub(super) fn questions(&mut self) -> Vec<String> {
        self.now = self.now + std::time::Duration::from_secs(2);
        self.state
            .questions(self.now)
            .into_iter()
            .map(|(topic, payload)| format!("{topic} {payload}"))
            .collect()
    }
}

pub(super) fn n(text: &str) -> Value {
    Value::Number(Num::read(text).unwrap())
}

pub(super) fn word(text: &str) -> Value {
    Value::word(text)
}

pub(super) const SETTLED: Phase = Phase::Settled { otherwise: false };

#[track_caller]
pub(super) fn accepted(phase: &Phase) {
    assert!(matches!(phase, Phase::Pending { proof: Proof::Accepted, .. }), "{phase:?}");
}

#[test]
fn what_came_before_its_convention_is_understood_when_that_is_there() {
    let now = Instant::from_millis(1_000_000);
    let mut state = State::new("me", 1);
    assert!(!state.needs_others());
    state.hear(now, "wut-0a4711/get/output/3", b"ON", true);
    assert!(state.device("wut-0a4711").is_some() && !state.needs_others(), "a Web-IO is there at once");
    state.hear(now, "tele/plug/LWT", b"Online", true);
    state.hear(now, "tele/plug/STATE", br#"{"POWER":"ON"}"#, false);
    state.hear(now, "stat/plug/POWER", b"OFF", false);
    assert!(state.device("plug").is_none() && state.needs_others());
    assert!(!state.meet(others("me")), "all of it found room");
    let device = state.device("plug").unwrap();
    assert_eq!(device.tile("power").unwrap().value(), Some(&Value::Switch(false)), "in the order it came");
    assert_eq!(state.take_listen(), ["stat/plug/+", "tele/plug/+"]);
    assert!(!state.needs_others());
}

#[test]
fn not_everything_waits_and_what_does_not_is_asked_for_again() {
    let now = Instant::from_millis(1_000_000);
    for (count, bytes) in [(5_001, 1), (9, 1 << 20)] {
        let mut state = State::new("me", 1);
        for n in 0..count {
            state.hear(now, &format!("tele/{n}/SENSOR"), &vec![b'1'; bytes], true);
        }
        assert!(state.needs_others());
        assert!(state.meet(others("me")), "{count} of {bytes} are too many");
    }
}
