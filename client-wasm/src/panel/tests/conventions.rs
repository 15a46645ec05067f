//! Recorded messages of every convention, and what the panel makes of them: devices, tiles, values and commands.

mod any_order;
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
        assert!(!site.state.meet(site.now, others("me")), "nothing waited");
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
    assert!(!state.meet(now, others("me")), "all of it found room");
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
        assert!(state.meet(now, others("me")), "{count} of {bytes} are too many");
    }
}

#[test]
fn what_was_said_last_is_shown_as_old_until_it_is_heard_again() {
    use std::time::Duration;
    let now = Instant::from_millis(10_000_000);
    let said = Instant::from_millis(9_400_000);
    let mut state = State::new("me", 1);
    state.hear(now, "tele/lamp/LWT", b"Online", true);
    for (topic, payload) in [
        ("wut-0a4711/get/output/3", "ON"),
        ("wut-0a4711/status", "offline"),
        ("tele/plug/LWT", "Online"),
        ("stat/plug/POWER", "ON"),
        ("tele/lamp/LWT", "Offline"),
    ] {
        state.recall(now, &[(said, topic, payload)]);
    }
    state.meet(now, others("me"));
    let reading = |state: &State, device: &str, key: &str| {
        state.device(device).unwrap().tile(key).unwrap().reading.clone().unwrap()
    };
    let output = reading(&state, "wut-0a4711", "output/3");
    assert_eq!((output.since, output.stale, output.longer), (Instant::from_millis(9_400_000), true, true));
    let presence = |state: &State, device: &str| state.device(device).map(|device| device.presence);
    let away = Presence::Offline { since: Instant::from_millis(9_400_000), longer: true };
    assert_eq!(presence(&state, "wut-0a4711"), Some(away));
    // What was heard is newer than what is recalled, whenever that arrives.
    state.hear(now, "tele/lamp/STATE", br#"{"POWER":"OFF"}"#, false);
    assert_eq!(presence(&state, "lamp"), Some(Presence::Online));
    state.recall(now, &[(said, "stat/lamp/POWER", "ON")]);
    assert_eq!(reading(&state, "lamp", "power").value, Value::Switch(false));
    // It is asked in a second or so as always, not at once.
    assert_eq!(state.questions(now), []);
    assert!(
        state.questions(now + Duration::from_secs(2)).iter().any(|(topic, _)| topic == "cmnd/plug/STATE")
    );
    state.hear(now, "wut-0a4711/get/output/3", b"ON", true);
    let output = reading(&state, "wut-0a4711", "output/3");
    assert_eq!((output.since, output.stale), (Instant::from_millis(9_400_000), false), "it is still so");
}

#[test]
fn pairs_of_topics_are_there_at_once_and_asked_only_as_somebody_did() {
    let now = Instant::from_millis(1_000_000);
    let mut state = State::new("me", 1);
    state.hear(now, "hall/lamp/state", b"off", true);
    assert!(state.device("hall").is_none(), "one topic is no device");
    state.hear(now, "hall/temperature/state", b"21.5", true);
    assert!(!state.needs_others(), "this takes nothing more");
    let tile = |state: &State| state.device("hall").unwrap().tile("lamp").unwrap().clone();
    assert_eq!(tile(&state).value(), Some(&Value::Switch(false)));
    assert_eq!(state.wish(now, "hall", "lamp", Value::Switch(true)), None, "nobody was heard to ask for it");
    state.hear(now, "hall/lamp/set", b"on", false);
    assert_eq!(tile(&state).value(), Some(&Value::Switch(false)), "to ask is not to be");
    let command = state.wish(now, "hall", "lamp", Value::Switch(true)).unwrap();
    assert_eq!((&*command.topic, &*command.payload), ("hall/lamp/set", "on"));
    state.hear(now, "hall/lamp/state", b"on", false);
    assert_eq!((tile(&state).value(), tile(&state).phase), (Some(&Value::Switch(true)), SETTLED));
}

#[test]
fn a_pair_that_turns_out_to_be_a_device_is_no_pair_any_more() {
    let mut site = Site::hears(
        r#"
        garden/pump/state ON
        garden/well/state 3
        garden/rain/state 0
        homeassistant/switch/pump/config {"name":"Pump","unique_id":"p1","cmd_t":"garden/pump/set","stat_t":"garden/pump/state","dev":{"ids":"pump-1"}}
        "#,
    );
    site.hear("garden/pump/state OFF");
    site.shows("garden", "rain 0\nwell 3");
    assert!(site.tiles("pump-1").ends_with("OFF"), "{}", site.tiles("pump-1"));
}
