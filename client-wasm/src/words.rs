//! Times and sizes in words. Knows no clock: moments and the distance from UTC come in.

use mqtt::Instant;

use crate::locale::{self, point};
use crate::tongue::{fill, say};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago something was, in the largest fitting unit: `just now`, `2 min`, `3 h`, `5 d`.
#[must_use]
pub fn age(now: Instant, then: Instant) -> String {
    let ms = now.as_millis().saturating_sub(then.as_millis());
    match ms {
        0..MINUTE => say("just now"),
        MINUTE..HOUR => fill("{} min", &[&(ms / MINUTE).to_string()]),
        HOUR..DAY => fill("{} h", &[&(ms / HOUR).to_string()]),
        _ => fill("{} d", &[&(ms / DAY).to_string()]),
    }
}

/// The same with seconds, where they matter: `now`, `42 s`, `2 min`.
#[must_use]
pub fn short_age(now: Instant, then: Instant) -> String {
    match now.as_millis().saturating_sub(then.as_millis()) {
        0..1000 => say("now"),
        ms @ 1000..MINUTE => fill("{} s", &[&(ms / 1000).to_string()]),
        _ => age(now, then),
    }
}

/// The time of day of a moment counted from 1970 UTC, as it is written here: `14:02`.
#[must_use]
pub fn clock(at: Instant, minutes_east: i32) -> String {
    let minutes = i64::try_from(at.as_millis() / MINUTE).unwrap_or(0) + i64::from(minutes_east);
    locale::time_of_day(u32::try_from(minutes.rem_euclid(24 * 60)).unwrap_or(0), None)
}

/// The same with seconds: `14:02:09`.
#[must_use]
pub fn time(at: Instant, minutes_east: i32) -> String {
    let seconds = i64::try_from(at.as_millis() / 1_000).unwrap_or(0) + 60 * i64::from(minutes_east);
    let of_day = u32::try_from(seconds.rem_euclid(24 * 60 * 60)).unwrap_or(0);
    locale::time_of_day(of_day / 60, Some(of_day % 60))
}

/// Words of a machine as a sentence: without the place in the standard that they cite, `Like this.`
#[must_use]
pub fn sentence<E: std::fmt::Display>(words: E) -> String {
    let words = words.to_string();
    let plain = words.split('[').next().unwrap_or(&words).trim_end();
    capital(plain) + "."
}

/// The same words with a capital first letter. The words of machines begin with plain letters; to know those of all
/// languages would weigh more than this page has to spare.
#[must_use]
pub fn capital(words: &str) -> String {
    let mut words = words.to_owned();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// The same with a small first letter.
#[must_use]
pub fn small(words: &str) -> String {
    let mut words = words.to_owned();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    words
}

/// `1 device`, `2 devices`.
#[must_use]
pub fn counted(n: usize, thing: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    fill(&format!("{{}} {thing}{plural}"), &[&n.to_string()])
}

/// A size in bytes: `12 B`, `3.4 KB`, `1.2 MB`.
#[must_use]
pub fn bytes(n: usize) -> String {
    let tenths = |unit: usize| (n * 10 / unit / 10, n * 10 / unit % 10);
    match n {
        0..1000 => format!("{n} B"),
        1000..1_000_000 => {
            let (whole, tenth) = tenths(1000);
            format!("{whole}{}{tenth} KB", point())
        }
        _ => {
            let (whole, tenth) = tenths(1_000_000);
            format!("{whole}{}{tenth} MB", point())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn ages_are_said_in_the_largest_unit() {
        for (ms, long, short) in [
            (0, "just now", "now"),
            (59_999, "just now", "59 s"),
            (60_000, "1 min", "1 min"),
            (14 * MINUTE, "14 min", "14 min"),
            (3 * HOUR + 59 * MINUTE, "3 h", "3 h"),
            (50 * HOUR, "2 d", "2 d"),
        ] {
            assert_eq!(age(at(DAY + ms), at(DAY)), long);
            assert_eq!(short_age(at(DAY + ms), at(DAY)), short);
        }
        assert_eq!(age(at(5), at(10)), "just now", "a clock that was set back");
    }

    #[test]
    fn the_time_of_day_follows_the_place() {
        let at = at(20_000 * DAY + 23 * HOUR + 5 * MINUTE);
        assert_eq!(clock(at, 0), "23:05");
        assert_eq!(clock(at, 120), "01:05");
        assert_eq!(clock(at, -330), "17:35");
    }

    #[test]
    fn sizes_are_rounded_down() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(3456), "3.4 KB");
        assert_eq!(bytes(1_299_999), "1.2 MB");
        assert_eq!(sentence("a topic is odd [4.7]"), "A topic is odd.");
        assert_eq!((capital("").as_str(), capital("äb").as_str()), ("", "äb"));
        assert_eq!(counted(1, "device"), "1 device");
        assert_eq!(counted(0, "device"), "0 devices");
    }
}
