//! A number between two ends, and what is thought of it. Pure.

use crate::devices::Num;
use crate::tongue::say;

use super::history::share;

/// The ends, and from where on it is not well. A bad end below the warning means that low is bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// The lower end.
    pub min: Num,
    /// The upper end.
    pub max: Num,
    /// Worth a look from here on.
    pub warn: Option<Num>,
    /// Bad from here on.
    pub bad: Option<Num>,
}

/// What is thought of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Nothing.
    Good,
    /// It is worth a look.
    Warn,
    /// It is bad.
    Bad,
}

impl Gauge {
    /// A scale for a number of a unit, until a person says another.
    #[must_use]
    pub fn around(value: Option<Num>, unit: &str) -> Self {
        let scale = |min, max| Self { min: Num::whole(min), max: Num::whole(max), ..Self::default() };
        match unit {
            "%" => return scale(0, 100),
            "°C" => return scale(-20, 50),
            _ => {}
        }
        let value = value.unwrap_or(Num::whole(50)).to_whole();
        let wanted = value.unsigned_abs().saturating_add(1);
        let tens = (0..13).map(|n| 10_u64.pow(n));
        let max = tens.flat_map(|ten| [ten, ten * 2, ten * 5]).find(|max| *max >= wanted);
        let max = max.and_then(|max| i64::try_from(max).ok()).unwrap_or(i64::MAX / 1_000_000);
        scale(if value < 0 { -max } else { 0 }, max)
    }

    /// How far between the ends, in thousandths; what is beyond stands at the end.
    #[must_use]
    pub fn share(&self, value: Num) -> i32 {
        let (min, max) = (self.min.0.min(self.max.0), self.min.0.max(self.max.0));
        share(value.0.clamp(min, max).abs_diff(min), max.abs_diff(min), 1_000)
    }

    /// What is thought of it.
    #[must_use]
    pub fn zone(&self, value: Num) -> Zone {
        let low_is_bad = matches!((self.warn, self.bad), (Some(warn), Some(bad)) if bad < warn);
        let reaches = |limit: Option<Num>| {
            limit.is_some_and(|limit| if low_is_bad { value <= limit } else { value >= limit })
        };
        match (reaches(self.warn), reaches(self.bad)) {
            (_, true) => Zone::Bad,
            (true, _) => Zone::Warn,
            _ => Zone::Good,
        }
    }

    /// The same in words, and whether it is beyond the ends; nothing when all is well.
    #[must_use]
    pub fn words(&self, value: Num) -> String {
        let beyond = match value {
            value if value > self.min.max(self.max) => Some("above the scale"),
            value if value < self.min.min(self.max) => Some("below the scale"),
            _ => None,
        };
        let zone = match self.zone(value) {
            Zone::Good => None,
            Zone::Warn => Some(say("Warning")),
            Zone::Bad => Some(say("Critical")),
        };
        let said: Vec<_> = zone.into_iter().chain(beyond.map(say)).collect();
        said.join(", ")
    }
}

impl Zone {
    /// For the style and for tests.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Num {
        Num::read(text).unwrap()
    }

    #[test]
    fn a_number_stands_between_the_ends() {
        let gauge = Gauge { min: n("-10"), max: n("30"), ..Gauge::default() };
        for (value, share) in
            [("-10", 0), ("0", 250), ("12.34", 558), ("30", 1_000), ("-99", 0), ("99", 1_000)]
        {
            assert_eq!(gauge.share(n(value)), share, "{value}");
        }
        let turned = Gauge { min: gauge.max, max: gauge.min, ..gauge };
        assert_eq!(turned.share(n("0")), 250, "ends that were mixed up");
        let none = Gauge { min: n("1"), max: n("1"), ..gauge };
        assert_eq!(none.share(n("1")), 0);
        let all = Gauge { min: Num(i64::MIN), max: Num(i64::MAX), ..gauge };
        assert_eq!((all.share(Num(i64::MAX)), all.share(Num(0))), (1_000, 500));
    }

    #[test]
    fn a_first_scale_has_room_for_the_number() {
        for (value, unit, min, max) in [
            ("21", "°C", -20, 50),
            ("55", "%", 0, 100),
            ("0.4", "bar", 0, 1),
            ("230", "V", 0, 500),
            ("1013", "hPa", 0, 2_000),
            ("-3", "A", -5, 5),
            ("9000000000000", "", 0, 9_223_372_036_854),
        ] {
            let gauge = Gauge::around(Some(n(value)), unit);
            assert_eq!((gauge.min, gauge.max), (Num::whole(min), Num::whole(max)), "{value} {unit}");
        }
        assert_eq!(Gauge::around(None, "").max, Num::whole(100));
    }

    #[test]
    fn limits_are_reached_from_below_or_from_above() {
        let hot = Gauge { min: n("0"), max: n("100"), warn: Some(n("60")), bad: Some(n("80")) };
        for (value, zone) in [("59.9", Zone::Good), ("60", Zone::Warn), ("80", Zone::Bad)] {
            assert_eq!(hot.zone(n(value)), zone, "{value}");
        }
        let empty = Gauge { warn: Some(n("20")), bad: Some(n("5")), ..hot };
        for (value, zone) in [("21", Zone::Good), ("20", Zone::Warn), ("5", Zone::Bad), ("-1", Zone::Bad)] {
            assert_eq!(empty.zone(n(value)), zone, "{value}");
        }
        assert_eq!((hot.words(n("5")), hot.words(n("61"))), (String::new(), "Warning".to_owned()));
        assert_eq!(hot.words(n("120")), "Critical, above the scale");
        assert_eq!(Gauge { warn: None, bad: None, ..hot }.words(n("-1")), "below the scale");
    }
}
