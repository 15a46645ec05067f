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
