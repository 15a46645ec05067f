//! What was heard in earlier visits, so that a page that is opened without its broker has something to show: never as what is,
//! always with when it was. Pure; knows no storage.
//!
//! Messages are remembered, not values: whatever a convention learns of them, it learns again.

use std::fmt::Write as _;

use mqtt::Instant;

/// Bytes of all that is remembered; browsers have room for some millions of an address.
const MAX_BYTES: usize = 600_000;
/// Bytes of a message. A bridge of many devices describes them all in one.
const MAX_PAYLOAD: usize = 200_000;
/// What is older says nothing about today.
const MAX_AGE_S: u64 = 14 * 24 * 3_600;

/// The last message of each topic.
#[derive(Debug, Default)]
pub struct Memory {
    /// In the order of their topics, so that one is found quickly. There are some hundreds.
    messages: Vec<Kept>,
    bytes: usize,
    /// There is something that was not written yet.
    changed: bool,
}

#[derive(Debug)]
struct Kept {
    topic: Box<str>,
    at: Instant,
    payload: Box<str>,
}

impl Memory {
    /// Remembers a text, unless a later one is known; what is no text, and what finds no room, is forgotten.
    pub fn keep(&mut self, at: Instant, topic: &str, payload: &[u8]) {
        let place = self.place(topic);
        let (before, known) = match place.ok().and_then(|place| self.messages.get(place)) {
            Some(kept) if kept.at > at => return,
            Some(kept) => (topic.len() + kept.payload.len(), true),
            None => (0, false),
        };
        self.bytes -= before;
        let text = std::str::from_utf8(payload).ok().filter(|text| {
            let bytes = self.bytes + topic.len() + text.len();
            !text.is_empty() && text.len() <= MAX_PAYLOAD && bytes <= MAX_BYTES
        });
        self.changed |= known || text.is_some();
        self.bytes += text.map_or(0, |text| topic.len() + text.len());
        match (place, text) {
            (Ok(place), Some(text)) => {
                if let Some(kept) = self.messages.get_mut(place) {
                    (kept.at, kept.payload) = (at, text.into());
                }
            }
            (Ok(place), None) => drop(self.messages.remove(place)),
            (Err(place), Some(text)) => {
                self.messages.insert(place, Kept { topic: topic.into(), at, payload: text.into() });
            }
            (Err(_), None) => {}
        }
    }

    /// The last message of a topic, and when it came.
    #[must_use]
    pub fn last(&self, topic: &str) -> Option<(Instant, &str)> {
        let kept = self.messages.get(self.place(topic).ok()?)?;
        Some((kept.at, &kept.payload))
    }

    /// The topics of which there is one, in their order.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().map(|kept| &*kept.topic)
    }

    /// Everything, to be written down; none when nothing changed since it was asked last.
    pub fn take(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let mut text = String::with_capacity(self.bytes + 40 * self.messages.len());
        for Kept { topic, at, payload } in &self.messages {
            // Writing to a text does not fail.
            let _ = write!(text, "{} {} {}\n{topic}{payload}", at.as_millis(), topic.len(), payload.len());
        }
        Some(text)
    }

    /// What was written down, without what is too old at `now` or comes from a later time: when, topic and payload. What
    /// follows something odd is left out.
    #[must_use]
    pub fn read(text: &str, now: Instant) -> Vec<(Instant, &str, &str)> {
        let mut rest = text;
        let mut found = Vec::new();
        while let Some((message, behind)) = next(rest) {
            rest = behind;
            if message.0 <= now && now.since(message.0).as_secs() <= MAX_AGE_S {
                found.push(message);
            }
        }
        found
    }

    /// Where a topic stands, or would.
    fn place(&self, topic: &str) -> Result<usize, usize> {
        self.messages.binary_search_by(|kept| (*kept.topic).cmp(topic))
    }
}

fn next(text: &str) -> Option<((Instant, &str, &str), &str)> {
    let (head, rest) = text.split_once('\n')?;
    let mut numbers = head.split(' ').map(str::parse::<u64>);
    let mut number = || numbers.next()?.ok();
    let (at, topic, payload) =
        (number()?, usize::try_from(number()?).ok()?, usize::try_from(number()?).ok()?);
    let (topic, rest) = rest.split_at_checked(topic)?;
    let (payload, rest) = rest.split_at_checked(payload)?;
    Some(((Instant::from_millis(at), topic, payload), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Instant {
        Instant::from_millis(s * 1_000)
    }

    #[test]
    fn the_last_message_of_each_topic_is_remembered() {
        let mut memory = Memory::default();
        assert_eq!(memory.take(), None);
        memory.keep(at(1), "a/b", b"ON");
        memory.keep(at(2), "ä", "{\"x\":\n1} 3 4\n".as_bytes());
        memory.keep(at(3), "a/b", b"OFF");
        memory.keep(at(2), "a/b", b"told by a server that remembers it");
        memory.keep(at(3), "gone", b"x");
        memory.keep(at(4), "gone", b"");
        memory.keep(at(4), "binary", b"\xff");
        let text = memory.take().unwrap();
        assert_eq!(Memory::read(&text, at(5)), [(at(3), "a/b", "OFF"), (at(2), "ä", "{\"x\":\n1} 3 4\n")]);
        assert_eq!(memory.take(), None, "it was written already");
        assert_eq!(Memory::read(&text, at(2)), [(at(2), "ä", "{\"x\":\n1} 3 4\n")], "nothing of tomorrow");
        assert!(Memory::read(&text, at(MAX_AGE_S + 9)).is_empty());
    }

    #[test]
    fn it_has_a_bound_and_forgets_what_finds_no_room() {
        let mut memory = Memory::default();
        memory.keep(at(0), "large", &vec![b'x'; MAX_PAYLOAD + 1]);
        for n in 0..10_000 {
            memory.keep(at(n), &n.to_string(), &[b'x'; 100]);
        }
        assert!(memory.bytes <= MAX_BYTES && memory.bytes > MAX_BYTES - 200);
        memory.keep(at(1), "1", b"");
        memory.keep(at(1), "new", b"small");
        let text = memory.take().unwrap();
        assert!(text.contains("newsmall") && text.len() < 2 * MAX_BYTES);
    }

    #[test]
    fn odd_text_is_left_out() {
        for odd in ["", "x", "1 2\nab", "1 9 9\nab", "1 1 1\n", "1 1 1\nää", "-1 1 1\nab"] {
            assert!(Memory::read(odd, at(9)).is_empty(), "{odd}");
        }
        assert_eq!(Memory::read("1 1 1\nabrubbish", at(9)).len(), 1);
    }
}
