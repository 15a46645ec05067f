//! The order of retained messages, and the way through it that a Topic Filter takes. It knows topics, not messages.
//!
//! Topics stand level by level, so that all below a topic stands right behind it. Where a topic does not match, the place
//! follows where the next one may stand that does: a search skips what it does not want, branch by branch, as if there
//! were a tree, and no topic needs more memory than its text.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use mqtt::{TopicFilter, TopicName};

/// A topic by its place in the order of levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place(pub(super) TopicName);

impl Ord for Place {
    /// As the texts, but that a slash comes before all else. U+0000, which it displaces, is in no topic [MQTT-4.7.3-2].
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.0.as_str().as_bytes(), other.0.as_str().as_bytes());
        let (blocks_a, blocks_b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
        let same = 8 * blocks_a.iter().zip(blocks_b).take_while(|(a, b)| a == b).count();
        compare(a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default())
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a filter says of a topic.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It matches.
    Taken,
    /// It does not, and the next that may stands not before this.
    Skipped(Bound<Place>),
    /// It does not, and none behind it does.
    Over,
}

/// Where the topics begin that a filter may match. None when there can be none.
pub(super) fn begin(filter: &TopicFilter) -> Bound<Place> {
    let text = filter.as_str();
    let end = text.find(['+', '#']).unwrap_or(text.len());
    // "a/#" also takes "a", so the slash before the wildcard is left out.
    let literal = text.get(..end).and_then(|literal| literal.strip_suffix('/').or(Some(literal)));
    literal.and_then(|literal| at(literal.to_owned())).map_or(Bound::Unbounded, Bound::Included)
}

/// Holds a topic against a filter, level by level.
pub(super) fn judge(filter: &TopicFilter, topic: &TopicName) -> Verdict {
    let text = topic.as_str();
    let mut levels = Levels { text, next: Some(0) };
    for (depth, wanted) in filter.as_str().split('/').enumerate() {
        if depth == 0 && topic.is_reserved() && matches!(wanted, "+" | "#") {
            return skip_to(topic, "%".to_owned()); // what stands behind all that begins with $ [MQTT-4.7.2-1]
        }
        if wanted == "#" {
            return Verdict::Taken;
        }
        let Some((start, level)) = levels.next() else {
            // The topic ends above what is wanted: that stands below it, if anywhere.
            let literal = if wanted == "+" { "" } else { wanted };
            return skip_to(topic, format!("{text}/{literal}"));
        };
        if wanted == "+" || wanted == level {
            continue;
        }
        let above = text.get(..start).unwrap_or_default();
        return match compare(level.as_bytes(), wanted.as_bytes()) {
            Ordering::Less => skip_to(topic, format!("{above}{wanted}")),
            _ => above.strip_suffix('/').map_or(Verdict::Over, |above| skip_below(topic, above)),
        };
    }
    match levels.next {
        None => Verdict::Taken,
        Some(start) => skip_below(topic, text.get(..start.saturating_sub(1)).unwrap_or_default()),
    }
}

/// To behind all that stands below this.
fn skip_below(topic: &TopicName, above: &str) -> Verdict {
    skip_to(topic, format!("{above}\u{1}"))
}

/// To this place, or one step where it is none: nothing can stand at what is longer or deeper than a topic may be.
fn skip_to(topic: &TopicName, text: String) -> Verdict {
    let next = at(text).filter(|next| *next > Place(topic.clone()));
    Verdict::Skipped(next.map_or_else(|| Bound::Excluded(Place(topic.clone())), Bound::Included))
}

fn at(text: String) -> Option<Place> {
    TopicName::new(Arc::from(text)).ok().map(Place)
}

fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let rank = |&byte: &u8| if byte == b'/' { 0 } else { byte };
    a.iter().map(rank).cmp(b.iter().map(rank))
}

/// The levels of a topic, each with where it begins.
struct Levels<'a> {
    text: &'a str,
    next: Option<usize>,
}

impl<'a> Iterator for Levels<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<(usize, &'a str)> {
        let start = self.next?;
        let rest = self.text.get(start..)?;
        let end = rest.find('/');
        self.next = end.map(|end| start + end + 1);
        Some((start, rest.get(..end.unwrap_or(rest.len()))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place(text.parse().unwrap())
    }

    #[test]
    fn what_stands_below_a_topic_stands_right_behind_it() {
        let mut places =
            ["a", "a/b", "a//", "a-", "a/b/c", "a b", "a/", "a/b-", "b", "$x", "a\u{1}"].map(place);
        places.sort();
        let texts: Vec<&str> = places.iter().map(|place| place.0.as_str()).collect();
        assert_eq!(texts, ["$x", "a", "a/", "a//", "a/b", "a/b/c", "a/b-", "a\u{1}", "a b", "a-", "b"]);
    }

    #[test]
    fn long_texts_are_compared_as_short_ones() {
        let base = "0123456789abcdef".repeat(3);
        for at in 0..base.len() {
            let (mut less, mut more) = (base.clone(), base.clone());
            less.replace_range(at..=at, "/");
            more.replace_range(at..=at, "-");
            assert!(place(&less) < place(&more), "{at}");
            assert!(place(&base[..at.max(1)]) < place(&base) || at == base.len());
        }
    }

    #[test]
    fn a_skip_goes_forward_and_over_nothing_that_matches() {
        let mut rng = mqtt::Rng::new(5);
        let mut word = move |words: &[&str]| words[rng.up_to(words.len() as u64 - 1) as usize].to_owned();
        let topics = ["a", "b", "", "a-", "$x", "c"];
        let filters = ["a", "b", "", "+", "+", "c", "$x"];
        let mut row = |words: &[&str]| {
            let depth = word(&["1", "2", "3", "4"]).parse().unwrap();
            (0..depth).map(|_| word(words)).collect::<Vec<_>>().join("/")
        };
        let mut all: Vec<Place> = (0..150).filter_map(|_| at(row(&topics))).collect();
        all.sort();
        for n in 0..200 {
            let text = if n % 3 == 0 { format!("{}/#", row(&filters)) } else { row(&filters) };
            let Ok(filter) = text.parse::<TopicFilter>() else { continue };
            for (from, topic) in all.iter().enumerate() {
                let until = match judge(&filter, &topic.0) {
                    Verdict::Taken => {
                        assert!(filter.matches(&topic.0), "{filter} {topic:?}");
                        continue;
                    }
                    Verdict::Over => None,
                    Verdict::Skipped(Bound::Included(next)) => Some(next),
                    Verdict::Skipped(_) => Some(topic.clone()),
                };
                let skipped =
                    all[from..].iter().take_while(|at| until.as_ref().is_none_or(|until| *at < until));
                for skipped in skipped {
                    assert!(!filter.matches(&skipped.0), "{filter} at {topic:?} skips {skipped:?}");
                }
                assert!(!filter.matches(&topic.0), "{filter} {topic:?}");
            }
        }
    }
}
