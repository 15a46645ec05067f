//! Values of points, and the numbers in them: decimals of six places, so that they can be compared and the page needs no
//! code for floating point text.

use std::fmt;
use std::rc::Rc;

/// A decimal number in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Num(pub i64);

/// One whole.
const ONE: i64 = 1_000_000;

/// A value that a device confirmed or a person wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// On or off, open or closed, locked or not.
    Switch(bool),
    /// A number.
    Number(Num),
    /// A word or text.
    Text(Rc<str>),
    /// A colour without its brightness: hue in degrees, saturation in percent.
    Colour(u16, u8),
}

impl Num {
    /// A whole number.
    #[must_use]
    pub const fn whole(n: i64) -> Self {
        Self(n.saturating_mul(ONE))
    }

    /// Reads `-12.5`, `1e3`; none for what is no number or too large. What is finer than a millionth is cut off.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() + part.len() == 0 || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(6)?;
        let mut n: i64 = 0;
        let mut digits = whole.bytes().chain(part.bytes());
        for at in 0..point.max(0) {
            let digit = digits.next();
            if digit.is_none() && (n == 0 || at > 64) {
                break;
            }
            n = n.checked_mul(10)?.checked_add(i64::from(digit.unwrap_or(b'0') - b'0'))?;
        }
        Some(Self(if negative { -n } else { n }))
    }

    /// The product, rounded.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        self.ratio(other.0, ONE)
    }

    /// The quotient, rounded; nothing by nothing.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        self.ratio(ONE, other.0)
    }

    /// Rounded to a number of places.
    #[must_use]
    pub fn rounded(self, places: u32) -> Self {
        let unit = 10_i64.pow(6 - places.min(6));
        Self((self.0 + self.0.signum() * unit / 2) / unit * unit)
    }

    /// The nearest whole number.
    #[must_use]
    pub fn to_whole(self) -> i64 {
        self.rounded(0).0 / ONE
    }

    /// By floating point, whose 53 bits are enough for what devices say; 128-bit integers would weigh more in the page.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "see above; a cast saturates"
    )]
    fn ratio(self, by: i64, of: i64) -> Self {
        if of == 0 {
            return Self(0);
        }
        let quotient = self.0 as f64 * by as f64 / of as f64;
        Self((quotient + if quotient < 0.0 { -0.5 } else { 0.5 }) as i64)
    }
}

/// `21.4`, `-3`, `0.05`.
impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) =
            (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if part > 0 {
            f.write_str(format!(".{part:06}").trim_end_matches('0'))?;
        }
        Ok(())
    }
}

impl Value {
    /// A word.
    #[must_use]
    pub fn word(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// As tests and tools see it: `ON`, `OFF`, `1432`, `heat`, `120,100`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(true) => f.write_str("ON"),
            Self::Switch(false) => f.write_str("OFF"),
            Self::Number(n) => n.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Colour(hue, saturation) => write!(f, "{hue},{saturation}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written() {
        for (text, written) in [
            ("0", "0"),
            ("21.40", "21.4"),
            ("-3", "-3"),
            ("+3", "3"),
            ("-0.05", "-0.05"),
            ("1e3", "1000"),
            ("1.5E-2", "0.015"),
            (" 7 ", "7"),
            (".5", "0.5"),
            ("1234567.1234567", "1234567.123456"),
            ("0e99", "0"),
        ] {
            assert_eq!(Num::read(text).map(|n| n.to_string()).as_deref(), Some(written), "{text}");
        }
        for text in ["", "-", "x", "1x", "1.2.3", "NaN", "inf", "99999999999999999999", "1e99", "1e", "--1"] {
            assert_eq!(Num::read(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_scaled_and_rounded() {
        let n = |text| Num::read(text).unwrap();
        assert_eq!(n("127").times(n("100")).over(n("254")), n("50"));
        assert_eq!((n("2.5").to_whole(), n("-2.5").to_whole(), n("2.449").rounded(1)), (3, -3, n("2.4")));
        assert_eq!(n("7").over(Num(0)), Num(0));
        assert_eq!(n("1").over(n("-3")), n("-0.333333"));
    }
}
