//! Texts within texts. The standard library is made for long ones, and what that takes is a hundredth of the page; those here are
//! short.

/// Where a part begins in a text for the first time.
fn find(text: &str, part: &str) -> Option<usize> {
    let last = text.len().checked_sub(part.len())?;
    (0..=last).find(|at| text.as_bytes().get(*at..).is_some_and(|rest| rest.starts_with(part.as_bytes())))
}

/// Whether there is such a part.
#[must_use]
pub(crate) fn has(text: &str, part: &str) -> bool {
    find(text, part).is_some()
}

/// What stands before a part that comes for the first time, and behind it.
#[must_use]
pub(crate) fn cut<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    let at = find(text, part)?;
    Some((text.get(..at)?, text.get(at + part.len()..)?))
}

/// What stands before, between and behind such parts; all of the text when the part is empty.
pub(crate) fn pieces<'a>(text: &'a str, part: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        let parted = cut(all, part).filter(|_| !part.is_empty());
        rest = parted.map(|(_, behind)| behind);
        Some(parted.map_or(all, |(before, _)| before))
    })
}

/// The text with something else in place of each such part, which is not empty.
#[must_use]
pub(crate) fn put(text: &str, part: &str, other: &str) -> String {
    put_some(text, part, other, usize::MAX)
}

/// The same of the first parts, as many as said.
#[must_use]
pub(crate) fn put_some(text: &str, part: &str, other: &str, count: usize) -> String {
    let mut all = String::new();
    for (n, piece) in pieces(text, part).enumerate() {
        all.push_str(match n {
            0 => "",
            n if n <= count => other,
            _ => part,
        });
        all.push_str(piece);
    }
    all
}

/// A whole number. For every kind of number the page would pay once more.
#[cfg(feature = "app")]
#[must_use]
#[inline(never)]
pub(crate) fn count(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// One that counts places.
#[cfg(feature = "app")]
#[must_use]
pub(crate) fn place(text: &str) -> Option<usize> {
    count(text).and_then(|n| usize::try_from(n).ok())
}

/// Texts one behind the other, with something between them.
#[cfg(feature = "app")]
#[must_use]
pub(crate) fn join<'a>(texts: impl Iterator<Item = &'a str>, between: &str) -> String {
    let mut all = String::new();
    for (n, text) in texts.enumerate() {
        all.push_str(if n > 0 { between } else { "" });
        all.push_str(text);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_as_the_standard_library_finds_them() {
        let texts = ["", "a", "ab", "aab", "abab", "äbä", "{} of {}", "b{}", "aaa"];
        for text in texts {
            for part in ["a", "ab", "b", "aa", "ä", "{}", "longer than all of them"] {
                assert_eq!(has(text, part), text.contains(part), "{text} {part}");
                assert_eq!(cut(text, part), text.split_once(part), "{text} {part}");
                assert!(pieces(text, part).eq(text.split(part)), "{text} {part}");
                assert_eq!(put(text, part, "-a"), text.replace(part, "-a"), "{text} {part}");
                assert_eq!(put_some(text, part, "-a", 1), text.replacen(part, "-a", 1), "{text} {part}");
            }
            #[cfg(feature = "app")]
            assert_eq!(join(text.split("b"), ", "), text.split("b").collect::<Vec<_>>().join(", "));
            assert!(has(text, ""));
            assert_eq!(put(text, "", "x"), text, "nothing is in no place");
        }
    }
}
