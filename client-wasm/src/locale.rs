//! How numbers and times of day are written where the reader lives. Knows no browser: what a place does is told to it.
//!
//! Until then numbers have spaces between groups of three and a point, and days have 24 hours.

use std::borrow::Cow;
use std::cell::RefCell;

use crate::text;

/// The manners of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale {
    /// Stands before the part of a number that is less than one.
    pub point: Cow<'static, str>,
    /// Stands between groups of three digits.
    pub group: Cow<'static, str>,
    /// Words for before and after noon where a day has twice twelve hours.
    pub halves: Option<[String; 2]>,
}

/// What is done until a place is told.
const NOWHERE: Locale = Locale { point: Cow::Borrowed("."), group: Cow::Borrowed("\u{202f}"), halves: None };

impl Default for Locale {
    fn default() -> Self {
        NOWHERE
    }
}

impl Locale {
    /// The manners of a place that many live in, by its tag: a browser that is asked for them first reads its tables, which takes
    /// as long as the page's first drawing.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let (point, group, halves) = match tag {
            "en-US" => (".", ",", Some(["AM".to_owned(), "PM".to_owned()])),
            "en-GB" => (".", ",", None),
            "de" | "de-DE" => (",", ".", None),
            _ => return None,
        };
        Some(Self { point: Cow::Borrowed(point), group: Cow::Borrowed(group), halves })
    }
}

thread_local! {
    /// The same on the whole page, for as long as it lives.
    static HERE: RefCell<Locale> = const { RefCell::new(NOWHERE) };
}

/// Writes like this from now on.
pub fn adopt(locale: Locale) {
    HERE.set(locale);
}

/// The decimal sign.
pub(crate) fn point() -> String {
    HERE.with_borrow(|here| here.point.clone().into_owned())
}

/// A count in groups of three: `1,432`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    HERE.with_borrow(|here| {
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 * here.group.len());
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                grouped.push_str(&here.group);
            }
            grouped.push(digit);
        }
        grouped
    })
}

/// A minute of the day, or a second of it: `14:02`, or `2:02:09 PM`.
#[must_use]
pub fn time_of_day(minute: u32, second: Option<u32>) -> String {
    let (hour, minute) = (minute / 60, minute % 60);
    let second = second.map_or_else(String::new, |second| format!(":{second:02}"));
    HERE.with_borrow(|here| match &here.halves {
        None => format!("{hour:02}:{minute:02}{second}"),
        Some(halves) => {
            let half = &halves[usize::from(hour >= 12)];
            format!("{}:{minute:02}{second}\u{202f}{half}", (hour + 11) % 12 + 1)
        }
    })
}

/// A number as a person wrote it, as programs write it: with a point, and nothing between its digits. A sign that
/// stands between groups here is one only where it does; elsewhere it is meant as the decimal sign.
#[must_use]
pub fn plain(written: &str) -> String {
    let mut bare: String =
        written.chars().filter(|c| !c.is_whitespace() && *c != '\u{2019}' && *c != '\'').collect();
    bare = bare.replace('\u{2212}', "-");
    let (point, group) = HERE.with_borrow(|here| (here.point.clone(), here.group.clone()));
    if text::has(&bare, &group) && is_grouped(&bare, &point, &group) {
        bare = text::put(&bare, &group, "");
    }
    bare.replace(',', ".")
}

/// Whether its whole part is one to three digits, and then groups of three.
fn is_grouped(text: &str, point: &str, group: &str) -> bool {
    let whole = text::pieces(text, point).next().unwrap_or_default().trim_start_matches('-');
    let mut groups = text::pieces(whole, group);
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len()) && !first.starts_with('0') && groups.all(|digits| digits.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(point: &'static str, group: &'static str, look: impl FnOnce() -> T) -> T {
        adopt(Locale { point: point.into(), group: group.into(), halves: None });
        let seen = look();
        adopt(Locale::default());
        seen
    }

    #[test]
    fn counts_stand_in_the_groups_of_the_place() {
        assert_eq!((grouped(0), grouped(999)), ("0".into(), "999".into()));
        assert_eq!(grouped(1_432), "1\u{202f}432");
        assert_eq!(with(",", ".", || grouped(1_000_000)), "1.000.000");
        assert_eq!(with(".", "\u{2019}", || grouped(1_432)), "1\u{2019}432");
    }

    #[test]
    fn a_day_has_24_hours_or_twice_twelve() {
        let minutes = [0, 59, 12 * 60, 14 * 60 + 2, 23 * 60 + 59];
        assert_eq!(
            minutes.map(|minute| time_of_day(minute, None)),
            ["00:00", "00:59", "12:00", "14:02", "23:59"]
        );
        adopt(Locale { halves: Some(["AM".into(), "PM".into()]), ..Locale::default() });
        let said = minutes.map(|minute| time_of_day(minute, None).replace('\u{202f}', " "));
        assert_eq!(said, ["12:00 AM", "12:59 AM", "12:00 PM", "2:02 PM", "11:59 PM"]);
        assert_eq!(time_of_day(14 * 60 + 2, Some(9)).replace('\u{202f}', " "), "2:02:09 PM");
        adopt(Locale::default());
        assert_eq!(time_of_day(14 * 60 + 2, Some(9)), "14:02:09");
    }

    #[test]
    fn what_a_person_writes_is_read_as_it_is_meant_there() {
        for (written, meant) in
            [("1,5", "1.5"), ("1.5", "1.5"), ("1\u{202f}234,5", "1234.5"), ("\u{2212}3", "-3")]
        {
            assert_eq!(plain(written), meant);
        }
        for (written, meant) in [("1,234", "1234"), ("1,234.5", "1234.5"), ("1,5", "1.5"), ("0,125", "0.125")]
        {
            assert_eq!(with(".", ",", || plain(written)), meant, "{written} in English");
        }
        for (written, meant) in
            [("1.234", "1234"), ("-1.234.567,5", "-1234567.5"), ("1.5", "1.5"), ("12345.678", "12345.678")]
        {
            assert_eq!(with(",", ".", || plain(written)), meant, "{written} in German");
        }
        assert_eq!(with(".", "\u{2019}", || plain("1'234.5")), "1234.5", "by the key that there is");
    }
}
