//! How a tile looks: one word for the style, one line for the person. Pure; knows no browser.

use mqtt::Instant;

use crate::devices::{Kind, Num, Spec, Value};
use crate::locale;
use crate::tongue::{fill, say};
use crate::{text, words};

use super::state::Presence;
use super::tile::{Phase, Proof, Reading, Tile};

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
    let spec = &tile.spec;
    let (state, note) = match (presence, &tile.phase) {
        (Presence::Offline { since, longer }, _) => ("offline", offline(since, longer, clock)),
        (_, Phase::Pending { wanted, proof, .. }) => ("pending", asking(spec, wanted, *proof)),
        _ if tile.elsewhere.is_some() => ("pending", asked_elsewhere(spec)),
        (_, Phase::Refused { reason }) => ("refused", reason.clone()),
        (_, Phase::TimedOut { .. }) => ("timeout", timed_out(spec)),
        (_, Phase::Assumed { .. }) if spec.kind == Kind::Button => ("assumed", say("Sent")),
        (_, Phase::Assumed { value }) => ("assumed", fill("{} · assumed", &[&shown(spec, value)])),
        (_, Phase::Settled { otherwise }) => match &tile.reading {
            None if spec.kind == Kind::Button => ("unknown", String::new()),
            None if !tile.is_told() => ("unknown", say("Says nothing itself")),
            None if tile.puzzles => ("unknown", say("Says something that is not understood")),
            None => ("unknown", say("Not heard yet")),
            Some(reading) if *otherwise => {
                ("confirmed", fill("Device says {}", &[&words::small(&shown(spec, &reading.value))]))
            }
            Some(reading) => ("confirmed", fact(spec, reading, clock)),
        },
    };
    let otherwise = tile.elsewhere.is_none() && matches!(tile.phase, Phase::Settled { otherwise: true });
    Look { state, note, value: tile.value().cloned(), stale: tile.is_stale(), otherwise }
}

/// A value in words, with its unit.
#[must_use]
pub fn shown(spec: &Spec, value: &Value) -> String {
    match (&spec.kind, value) {
        (Kind::Lock, Value::Switch(true)) => say("Locked"),
        (Kind::Lock, Value::Switch(false)) => say("Unlocked"),
        (_, Value::Switch(true)) => say("On"),
        (_, Value::Switch(false)) => say("Off"),
        (_, Value::Number(n)) => {
            // Rounded as it is set: a device that counts to 254 has no whole percents.
            let n = match &spec.kind {
                Kind::Slider(range) | Kind::Stepper(range) if range.step >= Num::whole(1) => n.rounded(0),
                _ => *n,
            };
            let unit = if spec.unit.is_empty() { String::new() } else { format!("\u{202f}{}", spec.unit) };
            number(n) + &unit
        }
        (Kind::Text | Kind::Select(_), Value::Text(text)) => text.to_string(),
        (_, Value::Text(text)) => words::capital(&spaced(text)),
        (_, Value::Colour(_, saturation)) if *saturation < 8 => say("White"),
        (_, Value::Colour(hue, _)) => say(hue_word(*hue)),
    }
}

/// What a machine calls a state, such as `armed_away`, in words; any other text is as it is.
fn spaced(text: &str) -> String {
    let is_state = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_state { text.replace('_', " ") } else { text.to_owned() }
}

/// A number in groups of three, with at most two places.
#[must_use]
pub fn number(n: Num) -> String {
    let text = n.rounded(2).to_string();
    let (whole, places) = text.split_once('.').unwrap_or((&text, ""));
    let digits = whole.trim_start_matches('-');
    let sign = if digits.len() < whole.len() { "\u{2212}" } else { "" };
    let grouped = locale::grouped(digits.parse().unwrap_or(0));
    let point = if places.is_empty() { String::new() } else { locale::point() };
    text::join([sign, &grouped, &point, places].into_iter(), "")
}

fn hue_word(hue: u16) -> &'static str {
    match hue {
        15..45 => "Orange",
        45..70 => "Yellow",
        70..180 => "Green",
        180..270 => "Blue",
        270..345 => "Pink",
        _ => "Red",
    }
}

/// The line below a device's name that is away.
#[must_use]
pub fn offline(since: Instant, longer: bool, clock: Clock) -> String {
    let time = words::clock(since, clock.minutes_east);
    // The broker's memory says that it went, not when.
    if longer { fill("Offline, before {}", &[&time]) } else { fill("Offline since {}", &[&time]) }
}

fn fact(spec: &Spec, reading: &Reading, clock: Clock) -> String {
    let age = words::age(clock.now, reading.since);
    let is_young = clock.now.since(reading.since).as_secs() < 60;
    let is_zero = reading.value == Value::Number(Num(0));
    // Where the value stands large beside it, the note is about its age only.
    let is_plain =
        matches!(reading.value, Value::Switch(_)) || matches!(spec.kind, Kind::Cover | Kind::Colour);
    match (&spec.kind, reading.longer) {
        (_, _) if reading.stale => {
            let heard = heard(reading.heard, clock);
            if is_plain {
                fill("{} · heard {}", &[&shown(spec, &reading.value), &heard])
            } else {
                fill("Heard {}", &[&heard])
            }
        }
        _ if is_plain && reading.longer && is_young => shown(spec, &reading.value),
        _ if is_plain && reading.longer => fill("{} · over {}", &[&shown(spec, &reading.value), &age]),
        _ if is_plain => format!("{} · {age}", shown(spec, &reading.value)),
        (Kind::Counter, true) if is_young => say("Last count"),
        (Kind::Counter, false) if is_zero && is_young => say("Set to 0 just now"),
        (Kind::Counter, false) if is_zero => fill("Set to 0 {} ago", &[&age]),
        (Kind::Counter, false) if is_young => say("Counted just now"),
        (Kind::Counter, false) => fill("Counted {} ago", &[&age]),
        (_, true) if is_young => say("Last value"),
        (_, true) => fill("Same for over {}", &[&age]),
        _ if is_young => words::capital(&age),
        _ => fill("Since {}", &[&age]),
    }
}

/// When something was, of which it is not known whether it is still so.
fn heard(at: Instant, clock: Clock) -> String {
    const TODAY_S: u64 = 18 * 3_600;
    match clock.now.since(at).as_secs() {
        0..TODAY_S => words::clock(at, clock.minutes_east),
        _ => fill("{} ago", &[&words::age(clock.now, at)]),
    }
}

fn asking(spec: &Spec, wanted: &Value, proof: Proof) -> String {
    if proof == Proof::Accepted {
        return say("Accepted, not done yet…");
    }
    match (&spec.kind, wanted) {
        (Kind::Lock, Value::Switch(true)) => say("Locking…"),
        (Kind::Lock, _) => say("Unlocking…"),
        (Kind::Button, _) => say("Sending…"),
        (Kind::Cover, Value::Text(way)) => match &**way {
            "open" => say("Asked to open…"),
            "close" => say("Asked to close…"),
            _ => say("Asked to stop…"),
        },
        (_, Value::Switch(true)) => say("Switching on…"),
        (_, Value::Switch(false)) => say("Switching off…"),
        (_, wanted) => fill("Setting to {}…", &[&shown(spec, wanted)]),
    }
}

fn asked_elsewhere(spec: &Spec) -> String {
    match spec.kind {
        Kind::Switch | Kind::Lock => say("Another page is switching this…"),
        _ => say("Another page is setting this…"),
    }
}

fn timed_out(spec: &Spec) -> String {
    match spec.kind {
        Kind::Switch | Kind::Lock => say("No answer · tap to retry"),
        _ => say("No answer · try again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    const MINUTE: u64 = 60_000;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn tile(kind: Kind, value: Value, longer: bool) -> Tile {
        let mut tile = Tile::new(Rc::new(
            Spec::new("output/3", "Output 3", kind).whole("a", crate::devices::codec::Codec::Text),
        ));
        tile.reading = Some(Reading { value, since: at(0), heard: at(0), longer, stale: false });
        tile
    }

    fn note(tile: &Tile, minutes: u64) -> String {
        look(tile, Presence::Unknown, Clock { now: at(minutes * MINUTE), minutes_east: 60 }).note
    }

    #[test]
    fn numbers_are_written_as_it_is_done_here_and_sent_with_a_point() {
        let n = Num::read("-1234.56").unwrap();
        assert_eq!(number(n), "\u{2212}1\u{202f}234.56");
        locale::adopt(locale::Locale { point: ",".into(), group: ".".into(), halves: None });
        assert_eq!(number(n), "\u{2212}1.234,56");
        assert_eq!(number(Num::whole(3)), "3");
        assert_eq!(words::bytes(3456), "3,4 KB");
        assert_eq!(crate::panel::alarm::read_number(&number(n)), Some(n), "what is shown can be written");
        assert_eq!(n.to_string(), "-1234.56");
        locale::adopt(locale::Locale::default());
    }

    #[test]
    fn facts_come_with_their_age() {
        let mut on = tile(Kind::Switch, Value::Switch(true), false);
        assert_eq!((note(&on, 0).as_str(), note(&on, 14).as_str()), ("On · just now", "On · 14 min"));
        on.reading.as_mut().unwrap().stale = true;
        assert_eq!(note(&on, 14), "On · heard 01:00");
        let off = tile(Kind::Switch, Value::Switch(false), true);
        assert_eq!((note(&off, 0).as_str(), note(&off, 2).as_str()), ("Off", "Off · over 2 min"));
        let count = |n, longer| tile(Kind::Counter, Value::Number(Num::whole(n)), longer);
        assert_eq!(note(&count(7, true), 0), "Last count");
        assert_eq!(note(&count(7, true), 3), "Same for over 3 min");
        assert_eq!(note(&count(0, false), 0), "Set to 0 just now");
        let count = count(7, false);
        assert_eq!(note(&count, 3), "Counted 3 min ago");
    }

    #[test]
    fn what_is_away_says_since_when_whatever_else_is_so() {
        let mut tile = tile(Kind::Switch, Value::Switch(true), false);
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
        let mut tile = tile(Kind::Switch, Value::Switch(false), false);
        let wanted = Value::Switch(true);
        let pending = Phase::Pending {
            command: super::super::tile::CommandId(1),
            wanted: wanted.clone(),
            since: at(0),
            deadline: at(9),
            proof: Proof::Asked,
        };
        for (phase, state, note) in [
            (pending, "pending", "Switching on…"),
            (Phase::Refused { reason: "Not allowed for you".into() }, "refused", "Not allowed for you"),
            (Phase::TimedOut { wanted: wanted.clone() }, "timeout", "No answer · tap to retry"),
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
