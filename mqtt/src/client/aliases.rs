//! Topic aliases of one Network Connection (3.3.2.3.4), both ways. They end with it [MQTT-3.3.2-7].

use super::Misbehaviour;
use crate::TopicName;

/// The topic aliases that the Server has set.
#[derive(Debug)]
pub(super) struct Inbound {
    names: Vec<Option<TopicName>>,
    maximum: u16,
}

impl Inbound {
    pub(super) const fn new(maximum: u16) -> Self {
        Self { names: Vec::new(), maximum }
    }

    /// All up to the maximum are taken [MQTT-3.3.2-10]. The topic of a PUBLISH that says a name, an alias, or both.
    pub(super) fn resolve(
        &mut self,
        name: Option<TopicName<&str>>,
        alias: Option<u16>,
    ) -> Result<TopicName, Misbehaviour> {
        let Some(alias) = alias else {
            return name.map(|name| name.to_shared()).ok_or(Misbehaviour::UnknownTopicAlias);
        };
        if alias == 0 || alias > self.maximum {
            return Err(Misbehaviour::TopicAlias); // [MQTT-3.3.2-8], [MQTT-3.3.2-11]
        }
        let at = usize::from(alias) - 1;
        if let Some(name) = name {
            if self.names.len() <= at {
                self.names.resize(at + 1, None);
            }
            let name = name.to_shared();
            if let Some(place) = self.names.get_mut(at) {
                *place = Some(name.clone());
            }
            return Ok(name);
        }
        self.names.get(at).cloned().flatten().ok_or(Misbehaviour::UnknownTopicAlias)
    }
}

/// How a PUBLISH of ours says its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By its name.
    Plain,
    /// By its name, which this alias stands for from now on.
    Set(u16),
    /// By the alias alone.
    Alias(u16),
}

/// The topic aliases that we have set. A topic gets one when it comes the second time among the last topics: one that is
/// published once costs nothing. When all are in use, the one that was not used for longest is given to another topic.
#[derive(Debug)]
pub(super) struct Outbound {
    /// What each alias stands for, and when that was last used; the place is the alias less one.
    names: Vec<(TopicName, u64)>,
    /// Topics that came once, latest last.
    once: Vec<TopicName>,
    maximum: u16,
    uses: u64,
}

impl Outbound {
    /// At most this many: what the Server takes [MQTT-3.3.2-9] or what the configuration gives out, whichever is less.
    pub(super) const fn new(maximum: u16) -> Self {
        Self { names: Vec::new(), once: Vec::new(), maximum, uses: 0 }
    }

    /// How the next PUBLISH to this topic may say it. Nothing changes before [`sent`](Self::sent).
    pub(super) fn naming(&self, topic: &TopicName) -> Naming {
        // An alias takes three bytes itself.
        if self.maximum == 0 || topic.as_str().len() <= 3 {
            return Naming::Plain;
        }
        if let Some(at) = self.names.iter().position(|(name, _)| name == topic) {
            return alias(at).map_or(Naming::Plain, Naming::Alias);
        }
        if !self.once.contains(topic) {
            return Naming::Plain;
        }
        let free = self.names.len();
        if free < usize::from(self.maximum) {
            return alias(free).map_or(Naming::Plain, Naming::Set);
        }
        let oldest = self.names.iter().enumerate().min_by_key(|(_, (_, used))| *used);
        oldest.and_then(|(at, _)| alias(at)).map_or(Naming::Plain, Naming::Set)
    }

    /// The PUBLISH was sent with this naming.
    pub(super) fn sent(&mut self, topic: &TopicName, naming: Naming) {
        if self.maximum == 0 {
            return;
        }
        self.uses += 1;
        let used = self.uses;
        match naming {
            Naming::Plain => {
                if !self.once.contains(topic) {
                    if self.once.len() >= usize::from(self.maximum) {
                        self.once.remove(0);
                    }
                    self.once.push(topic.clone());
                }
            }
            Naming::Set(alias) => {
                if let Some(at) = self.once.iter().position(|once| once == topic) {
                    self.once.remove(at);
                }
                match self.names.get_mut(usize::from(alias) - 1) {
                    Some(place) => *place = (topic.clone(), used),
                    None => self.names.push((topic.clone(), used)),
                }
            }
            Naming::Alias(alias) => {
                if let Some(place) = self.names.get_mut(usize::from(alias) - 1) {
                    place.1 = used;
                }
            }
        }
    }
}

/// Aliases count from 1 [MQTT-3.3.2-8].
fn alias(at: usize) -> Option<u16> {
    u16::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(aliases: &mut Outbound, topics: &[&str]) -> Vec<Naming> {
        let step = |text: &&str| {
            let topic = TopicName::new((*text).into()).unwrap();
            let naming = aliases.naming(&topic);
            aliases.sent(&topic, naming);
            naming
        };
        topics.iter().map(step).collect()
    }

    #[test]
    fn a_topic_that_comes_again_gets_an_alias_and_the_one_unused_for_longest_gives_its_up() {
        use Naming::{Alias, Plain, Set};
        let mut aliases = Outbound::new(2);
        let topics = ["aaaa", "aaaa", "aaaa", "bbbb", "bbbb", "aaaa", "cccc", "cccc", "aaaa", "bbbb"];
        let expected = [Plain, Set(1), Alias(1), Plain, Set(2), Alias(1), Plain, Set(2), Alias(1), Plain];
        assert_eq!(names(&mut aliases, &topics), expected);
    }

    #[test]
    fn topics_that_come_once_or_are_short_get_none() {
        let mut aliases = Outbound::new(2);
        let topics = ["a", "a", "a", "bbbb", "cccc", "dddd", "bbbb", "cccc", "dddd"];
        assert_eq!(names(&mut aliases, &topics), [Naming::Plain; 9]);
        assert_eq!(names(&mut Outbound::new(0), &["aaaa", "aaaa", "aaaa"]), [Naming::Plain; 3]);
    }
}
