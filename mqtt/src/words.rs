//! Words for a person, put together by hand: what `core::fmt` needs for the same would weigh more in a page than all that is said.
//! Knows nothing of what is said.

/// Something that can be said to a person.
pub trait Words {
    /// Appends its words.
    fn say(&self, out: &mut String);

    /// Its words.
    fn words(&self) -> String {
        let mut out = String::new();
        self.say(&mut out);
        out
    }
}

/// A number in decimal digits.
impl Words for usize {
    #[expect(clippy::cast_possible_truncation, reason = "a digit")]
    fn say(&self, out: &mut String) {
        if *self > 9 {
            (self / 10).say(out);
        }
        digit((self % 10) as u8, out);
    }
}

/// Appends a number in hexadecimal digits, with zeros before it.
pub(crate) fn hex(number: u64, digits: u32, out: &mut String) {
    for place in (0..digits).rev() {
        digit((number >> (place * 4) & 0xf) as u8, out);
    }
}

fn digit(digit: u8, out: &mut String) {
    let zero = if digit > 9 { b'a' - 10 } else { b'0' };
    out.push(char::from(zero + digit));
}

/// Lets errors show their words where `core::fmt` is at hand.
macro_rules! errors {
    ($($name:ty),*) => {
        $(
            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(&$crate::Words::words(self))
                }
            }

            impl std::error::Error for $name {}
        )*
    };
}

pub(crate) use errors;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        for n in [0_usize, 7, 10, 99, 100, 65_535, 268_435_455] {
            assert_eq!(n.words(), n.to_string());
            let mut digits = String::new();
            hex(n as u64, 8, &mut digits);
            assert_eq!(digits, format!("{n:08x}"));
        }
    }
}
