//! What the page remembers of its layout until the part that arranges tiles is there: where it is kept, and what the broker said.
//! Knows nothing of what is in a layout.

use bytes::Bytes;

/// Where layouts are kept, retained: below this by name.
const TOPICS: &str = "switchboard/layouts/";

/// The layout of this page.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Its name for people and in the topic.
    pub(crate) name: String,
    /// Where it is kept.
    pub(crate) topic: String,
    /// Where a browser keeps the draft of it.
    pub(crate) draft_key: String,
    /// What the broker keeps, empty for nothing any more.
    pub(crate) kept: Option<Bytes>,
    /// That is from an earlier visit; the broker has said nothing of it yet.
    pub(crate) is_remembered: bool,
    /// What it said since it was last asked, in order.
    pub(crate) news: Vec<Bytes>,
    /// What became of the last save.
    pub(crate) said: Option<Result<(), String>>,
    /// A person wants to arrange.
    pub(crate) begins: bool,
    /// A topic that a person wants to have a tile of, and what it said last.
    pub(crate) adds: Option<(String, Bytes)>,
    /// A person arranges, or has a draft from an earlier visit.
    pub(crate) is_open: bool,
}

impl Slot {
    /// The layout that an address asks for; `home` when it asks for none that can be a part of a topic.
    /// `broker` tells it from one of the same name elsewhere.
    pub(crate) fn named(asked: Option<String>, broker: &str) -> Self {
        let is_level = |name: &String| {
            (1..=60).contains(&name.len()) && !name.contains(['/', '+', '#', '\0']) && !name.starts_with('$')
        };
        let name = asked.filter(is_level).unwrap_or_else(|| "home".to_owned());
        Self {
            topic: format!("{TOPICS}{name}"),
            draft_key: format!("switchboard-draft {broker} {name}"),
            name,
            kept: None,
            is_remembered: false,
            news: Vec::new(),
            said: None,
            begins: false,
            adds: None,
            is_open: false,
        }
    }

    /// Takes a message of the layout's topic; others are left to others.
    pub(crate) fn hear(&mut self, topic: &str, payload: &Bytes) -> bool {
        let is_mine = topic == self.topic;
        if is_mine {
            self.news.push(payload.clone());
            self.kept = Some(payload.clone());
            self.is_remembered = false;
        }
        is_mine
    }

    /// The same of an earlier visit: it stands until the broker says what is so. Layouts of other names are nobody's.
    pub(crate) fn recall(&mut self, topic: &str, payload: &str) -> bool {
        self.is_remembered |= self.hear(topic, &Bytes::copy_from_slice(payload.as_bytes()));
        topic.starts_with(TOPICS)
    }

    /// The broker has been asked long enough: what it did not say, it keeps no more. Says whether there was such a thing.
    pub(crate) fn forget(&mut self) -> bool {
        let was = self.is_remembered;
        if was {
            let topic = self.topic.clone();
            self.hear(&topic, &Bytes::new());
        }
        was
    }

    /// Whether the part that draws pages is needed.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_open || self.begins || self.kept.as_ref().is_some_and(|kept| !kept.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_level_of_a_topic() {
        let topic = |asked: &str| Slot::named(Some(asked.to_owned()), "b").topic;
        assert_eq!(Slot::named(None, "b").topic, "switchboard/layouts/home");
        assert_eq!(topic("küche"), "switchboard/layouts/küche");
        for odd in ["", "a/b", "+", "#", "$x", "a\0b"] {
            assert_eq!(topic(odd), "switchboard/layouts/home", "{odd}");
        }
        assert_eq!(topic(&"x".repeat(61)), "switchboard/layouts/home");
    }

    #[test]
    fn what_the_broker_keeps_calls_for_the_pages() {
        let mut slot = Slot::named(None, "b");
        assert!(!slot.hear("switchboard/layouts/other", &Bytes::from_static(b"{}")) && !slot.is_wanted());
        assert!(slot.hear("switchboard/layouts/home", &Bytes::from_static(b"{}")) && slot.is_wanted());
        assert!(slot.hear("switchboard/layouts/home", &Bytes::new()) && !slot.is_wanted(), "it was removed");
        assert_eq!(slot.news.len(), 2);
    }

    #[test]
    fn what_was_kept_at_an_earlier_visit_stands_until_the_broker_has_spoken() {
        let mut slot = Slot::named(None, "b");
        assert!(!slot.recall("hall/lamp", "ON") && !slot.is_wanted() && !slot.forget());
        assert!(slot.recall("switchboard/layouts/guests", "{}") && !slot.is_wanted() && !slot.forget());
        assert!(slot.recall("switchboard/layouts/home", "{}") && slot.is_wanted());
        slot.hear("switchboard/layouts/home", &Bytes::from_static(b"{\"a\":1}"));
        assert!(!slot.forget() && slot.is_wanted(), "it is the broker's now");
        let mut slot = Slot::named(None, "b");
        slot.recall("switchboard/layouts/home", "{}");
        assert!(slot.forget() && !slot.is_wanted(), "somebody removed it meanwhile");
    }
}
