//! Topic aliases that we hand out (3.3.2.3.4): which topic has one on a connection. It knows nothing of packets or sockets.
//!
//! An alias makes a packet its receiver's own, while bytes that go to many are shared. So only a message for a single
//! Session, or one that has waited in a queue, gets one; and only a topic that is long enough and was seen here before.

use std::hash::BuildHasher;

use mqtt::TopicName;

use super::hash::Keys;

/// Bytes a topic must have: an alias takes three, and looking it up takes time.
pub(super) const ALIASED_BYTES: usize = 20;

/// Aliases of one connection, whatever its Client takes: what they hold is memory.
const MAX_ALIASES: u16 = 32;

/// Topics that were sent once lately and would get an alias the next time.
const SEEN: usize = 64;

/// What our aliases stand for on one Network Connection. They end with it [MQTT-3.3.2-7].
#[derive(Debug)]
pub(super) struct Aliases {
    maximum: u16,
    given: Vec<Given>,
    /// The next to be given to another topic, once all are given.
    hand: usize,
    seen: [u32; SEEN],
}

#[derive(Debug)]
struct Given {
    hash: u32,
    topic: TopicName,
    /// It was of use since the hand was here.
    is_used: bool,
}

/// How a topic is said in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saying {
    /// In full.
    Topic,
    /// In full, and from now on this alias stands for it.
    Both(u16),
    /// By its alias alone.
    Alias(u16),
}

impl Saying {
    pub(super) const fn alias(self) -> Option<u16> {
        match self {
            Self::Topic => None,
            Self::Both(alias) | Self::Alias(alias) => Some(alias),
        }
    }
}

impl Aliases {
    /// None for a Client that takes none [MQTT-3.1.2-27].
    pub(super) fn new(maximum: u16) -> Option<Box<Self>> {
        let maximum = maximum.min(MAX_ALIASES); // [MQTT-3.1.2-26], [MQTT-3.3.2-11]
        (maximum > 0).then(|| Box::new(Self { maximum, given: Vec::new(), hand: 0, seen: [0; SEEN] }))
    }

    /// How a topic is to be said. Nothing is taken for known before [`set`](Self::set).
    pub(super) fn say(&mut self, topic: &TopicName) -> Saying {
        let hash = hash(topic);
        let is_it = |given: &&mut Given| given.hash == hash && given.topic == *topic;
        if let Some((alias, given)) = (1..).zip(&mut self.given).find(|(_, given)| is_it(given)) {
            given.is_used = true;
            return Saying::Alias(alias);
        }
        let Some(seen) = self.seen.get_mut(hash as usize % SEEN) else { return Saying::Topic };
        if std::mem::replace(seen, hash) != hash {
            return Saying::Topic; // most topics of a broad filter are seen once
        }
        self.free().map_or(Saying::Topic, Saying::Both)
    }

    /// The packet with topic and alias is on its way.
    pub(super) fn set(&mut self, alias: u16, topic: &TopicName) {
        let at = usize::from(alias).saturating_sub(1); // never 0 [MQTT-3.3.2-8]
        // It has a round to prove itself, or the next topics would take it before it is of use.
        let given = Given { hash: hash(topic), topic: topic.clone(), is_used: true };
        match self.given.get_mut(at) {
            Some(slot) => *slot = given,
            None => self.given.push(given),
        }
    }

    /// An alias to give. One that was of use keeps its topic for another round, so that more topics than aliases do not
    /// take them from each other all the time.
    fn free(&mut self) -> Option<u16> {
        if let Ok(given) = u16::try_from(self.given.len())
            && given < self.maximum
        {
            return Some(given + 1);
        }
        let at = self.hand;
        self.hand = (at + 1) % self.given.len().max(1);
        let given = self.given.get_mut(at)?;
        let is_free = !std::mem::take(&mut given.is_used);
        is_free.then(|| u16::try_from(at + 1).ok()).flatten()
    }
}

/// No secret is needed: at most as many as a connection has are compared.
fn hash(topic: &TopicName) -> u32 {
    // 0 is what `seen` begins with.
    (Keys::new(1).hash_one(topic.as_str()) as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(n: usize) -> TopicName {
        format!("a/long/enough/topic/{n}").parse().unwrap()
    }

    /// Says a topic and sends it.
    fn send(aliases: &mut Aliases, n: usize) -> Saying {
        let saying = aliases.say(&topic(n));
        if let Saying::Both(alias) = saying {
            aliases.set(alias, &topic(n));
        }
        saying
    }

    #[test]
    fn the_second_use_sets_an_alias_and_the_third_is_said_by_it() {
        let mut aliases = Aliases::new(2).unwrap();
        assert_eq!(
            [0; 4].map(|n| send(&mut aliases, n)),
            [Saying::Topic, Saying::Both(1), Saying::Alias(1), Saying::Alias(1)]
        );
        assert_eq!([1; 3].map(|n| send(&mut aliases, n)), [Saying::Topic, Saying::Both(2), Saying::Alias(2)]);
    }

    #[test]
    fn what_was_not_sent_stands_for_nothing() {
        let mut aliases = Aliases::new(2).unwrap();
        send(&mut aliases, 0);
        assert_eq!(aliases.say(&topic(0)), Saying::Both(1));
        assert_eq!(aliases.say(&topic(0)), Saying::Both(1), "it was too large, say");
    }

    #[test]
    fn more_topics_than_aliases_do_not_chase_each_other() {
        let mut aliases = Aliases::new(16).unwrap();
        let mut by_alias = 0;
        for round in 0..100 {
            for n in 0..20 {
                let saying = send(&mut aliases, n);
                assert!(saying.alias().is_none_or(|alias| (1..=16).contains(&alias)), "[MQTT-3.3.2-11]");
                by_alias += u32::from(round > 10 && matches!(saying, Saying::Alias(_)));
            }
        }
        assert!(by_alias > 89 * 20 / 2, "{by_alias} of {}", 89 * 20);
    }

    #[test]
    fn topics_of_yesterday_give_way() {
        let mut aliases = Aliases::new(4).unwrap();
        for n in (0..4).chain(0..4) {
            send(&mut aliases, n);
        }
        for _ in 0..10 {
            for n in 100..104 {
                send(&mut aliases, n);
            }
        }
        assert!((100..104).all(|n| matches!(send(&mut aliases, n), Saying::Alias(_))));
    }
}
