//! How a tile looks: one word for the style, one line for the person. Pure; knows no browser.

use mqtt::Instant;

use crate::devices::{Kind, Value};
use crate::words;

use super::state::Presence;
use super::tile::{Phase, Reading, Tile};

/// What is drawn of a tile besides its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The state's word, for the style and for tests.
    pub state: &'static str,
    /// What is true since when, or what went wrong.
    pub note: String,
    /// The last confirmed value.
    pub value: Option<Value>,
    /// It was not heard since the link or the device came back.
    pub stale: bool,
    /// The device answered a wish with something else.
    pub otherwise: bool,
}

/// The clock of a view: moments are counted from 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The present.
    pub now: Instant,
    /// Minutes that local time is ahead of UTC.
    pub minutes_east: i32,
}

/// How a tile of a device looks at a time.
#[must_use]
pub fn look(tile: &Tile, presence: Presence, clock: Clock) -> Look {
    let (state, note) = match (presence, &tile.phase) {
        (Presence::Offline { since, longer }, _) => ("offline", offline(since, longer, clock)),
        (_, Phase::Pending { wanted, .. }) => ("pending", asking(*wanted)),
        (_, Phase::Refused { reason }) => ("refused", reason.clone()),
        (_, Phase::TimedOut { .. }) => ("timeout", timed_out(tile.key.kind).to_owned()),
        (_, Phase::Assumed { value }) => ("assumed", format!("{} · assumed", word(*value))),
        (_, Phase::Settled { otherwise }) => match tile.reading {
            None => ("unknown", "Not heard yet".to_owned()),
            Some(reading) if *otherwise => ("confirmed", contradiction(reading.value)),
            Some(reading) => ("confirmed", fact(&reading, clock)),
        },
    };
    let otherwise = matches!(tile.phase, Phase::Settled { otherwise: true });
    Look { state, note, value: tile.reading.map(|r| r.value), stale: tile.is_stale(), otherwise }
}

/// The line below a device's name that is away.
#[must_use]
pub fn offline(since: Instant, longer: bool, clock: Clock) -> String {
    let time = words::clock(since, clock.minutes_east);
    // The broker's memory says that it went, not when.
    if longer { format!("Offline, before {time}") } else { format!("Offline since {time}") }
}

fn fact(reading: &Reading, clock: Clock) -> String {
    let age = words::age(clock.now, reading.since);
    let is_young = clock.now.since(reading.since).as_secs() < 60;
    match (reading.value, reading.stale) {
        (Value::Switch(_), true) => {
            format!("{} · heard {}", word(reading.value), words::clock(reading.heard, clock.minutes_east))
        }
        (Value::Count(_), true) => format!("Heard {}", words::clock(reading.heard, clock.minutes_east)),
        (Value::Switch(_), _) if reading.longer && is_young => word(reading.value).to_owned(),
        (Value::Switch(_), _) if reading.longer => format!("{} · over {age}", word(reading.value)),
        (Value::Switch(_), _) => format!("{} · {age}", word(reading.value)),
        (Value::Count(_), _) if reading.longer && is_young => "Last count".to_owned(),
        (Value::Count(_), _) if reading.longer => format!("Same for over {age}"),
        (Value::Count(0), _) if is_young => "Set to 0 just now".to_owned(),
        (Value::Count(0), _) => format!("Set to 0 {age} ago"),
        (Value::Count(_), _) if is_young => "Counted just now".to_owned(),
        (Value::Count(_), _) => format!("Counted {age} ago"),
    }
}

fn asking(wanted: Value) -> String {
    match wanted {
        Value::Switch(true) => "Switching on…",
        Value::Switch(false) => "Switching off…",
        Value::Count(_) => "Setting to 0…",
    }
    .to_owned()
}

const fn timed_out(kind: Kind) -> &'static str {
    match kind {
        Kind::Output | Kind::Input => "No answer · tap to retry",
        Kind::Counter => "No answer · try again",
    }
}

fn contradiction(value: Value) -> String {
    match value {
        Value::Switch(true) => "Device says on".to_owned(),
        Value::Switch(false) => "Device says off".to_owned(),
        Value::Count(n) => format!("Device says {}", words::grouped(n)),
    }
}

const fn word(value: Value) -> &'static str {
    match value {
        Value::Switch(true) => "On",
        Value::Switch(false) => "Off",
        Value::Count(_) => "Counted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::{Form, TileKey};

    const MINUTE: u64 = 60_000;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn tile(kind: Kind, value: Value, longer: bool) -> Tile {
        let mut tile = Tile::new(TileKey { kind, number: 3 }, Form::Standard);
        tile.reading = Some(Reading { value, since: at(0), heard: at(0), longer, stale: false });
        tile
    }

    fn note(tile: &Tile, minutes: u64) -> String {
        look(tile, Presence::Unknown, Clock { now: at(minutes * MINUTE), minutes_east: 60 }).note
    }

    #[test]
    fn facts_come_with_their_age() {
        let mut on = tile(Kind::Output, Value::Switch(true), false);
        assert_eq!((note(&on, 0).as_str(), note(&on, 14).as_str()), ("On · just now", "On · 14 min"));
        on.reading.as_mut().unwrap().stale = true;
        assert_eq!(note(&on, 14), "On · heard 01:00");
        let off = tile(Kind::Output, Value::Switch(false), true);
        assert_eq!((note(&off, 0).as_str(), note(&off, 2).as_str()), ("Off", "Off · over 2 min"));
        let count = |n, longer| tile(Kind::Counter, Value::Count(n), longer);
        assert_eq!(note(&count(7, true), 0), "Last count");
        assert_eq!(note(&count(7, true), 3), "Same for over 3 min");
        assert_eq!(note(&count(0, false), 0), "Set to 0 just now");
        let count = count(7, false);
        assert_eq!(note(&count, 3), "Counted 3 min ago");
    }

    #[test]
    fn what_is_away_says_since_when_whatever_else_is_so() {
        let mut tile = tile(Kind::Output, Value::Switch(true), false);
        tile.phase = Phase::TimedOut { wanted: Value::Switch(true) };
        let clock = Clock { now: at(0), minutes_east: 0 };
        let away = look(&tile, Presence::Offline { since: at(842 * MINUTE), longer: false }, clock);
        assert_eq!((away.state, away.note.as_str()), ("offline", "Offline since 14:02"));
        assert_eq!(away.value, Some(Value::Switch(true)));
        let away = look(&tile, Presence::Offline { since: at(842 * MINUTE), longer: true }, clock);
        assert_eq!(away.note, "Offline, before 14:02");
    }

    #[test]
    fn wishes_and_their_ends_have_words_and_never_change_the_value() {
        let mut tile = tile(Kind::Output, Value::Switch(false), false);
        let wanted = Value::Switch(true);
        let pending = Phase::Pending {
            command: super::super::tile::CommandId(1),
            wanted,
            since: at(0),
            deadline: at(9),
        };
        for (phase, state, note) in [
            (pending, "pending", "Switching on…"),
            (Phase::Refused { reason: "Not allowed for you".into() }, "refused", "Not allowed for you"),
            (Phase::TimedOut { wanted }, "timeout", "No answer · tap to retry"),
            (Phase::Assumed { value: wanted }, "assumed", "On · assumed"),
            (Phase::Settled { otherwise: true }, "confirmed", "Device says off"),
        ] {
            tile.phase = phase;
            let look = look(&tile, Presence::Online, Clock { now: at(0), minutes_east: 0 });
            assert_eq!(
                (look.state, look.note.as_str(), look.value),
                (state, note, Some(Value::Switch(false)))
            );
        }
        tile.phase = Phase::Settled { otherwise: false };
        tile.reading = None;
        assert_eq!(look(&tile, Presence::Online, Clock { now: at(0), minutes_east: 0 }).state, "unknown");
    }
}
