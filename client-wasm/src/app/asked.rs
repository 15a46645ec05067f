//! Pages tell each other which tile they have asked and wait for, so that two people do not switch against each other.
//!
//! It is a topic of the panel's own, for any broker: the devices' commands are not subscribed to, because then a broker could no
//! longer tell that nobody listens to one. What is said is not retained and not acknowledged, and is worth nothing once the
//! tile has given up. Where rules refuse it, nothing else is missing. [`talk`] comes with a later part of the page, when
//! there is something to hear or to say.

use mqtt::client::{Offline, RequestId};
use mqtt::{Message, ReasonCode, TopicFilter};

use crate::connection::{Link, unix_now};
use crate::panel::state::State as Panel;
use crate::panel::tile::CommandId;

/// Below this each page speaks at its own name.
const TOPICS: &str = "switchboard/asked/";
/// What is subscribed to.
pub(crate) const FILTER: &str = "switchboard/asked/+";
/// How long the word is worth something that a page waits no longer, in seconds.
const END_LIFE_S: u32 = 5;
/// Words of others that wait for the part that understands them.
const MAX_HEARD: usize = 64;

/// What this page tells the others, and they tell it.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The subscription of which [`FILTER`] is the last.
    pub(crate) subscribing: Option<RequestId>,
    /// A broker that lets us hear it lets us say it, as far as can be known without trying.
    pub(crate) is_granted: bool,
    heard: Vec<Message>,
    /// What was asked, and for how many seconds it waits; 0 when that was told.
    waiting: Vec<(CommandId, String, u32)>,
}

impl Asked {
    /// The broker's answer to a subscription, perhaps to this one.
    pub(crate) fn subscribed(&mut self, id: RequestId, reasons: &[ReasonCode]) {
        if self.subscribing == Some(id) {
            self.is_granted = reasons.last().is_some_and(|reason| !reason.is_error());
        }
    }

    /// A subscription is no longer there, perhaps this one.
    pub(crate) fn lost(&mut self, filter: &TopicFilter) {
        self.is_granted &= filter.as_str() != FILTER;
    }

    /// Takes what another page says; other messages are left to others.
    pub(crate) fn hear(&mut self, message: &Message) -> bool {
        let is_of_pages = message.topic.as_str().starts_with(TOPICS);
        if is_of_pages && self.heard.len() < MAX_HEARD {
            self.heard.push(message.clone());
        }
        is_of_pages
    }

    /// This page has asked a tile.
    pub(crate) fn begin(&mut self, command: CommandId, handle: String, life_s: u32) {
        if self.is_granted {
            self.waiting.push((command, handle, life_s));
        }
    }

    /// Whether there is something to hear or to say.
    pub(crate) const fn is_any(&self) -> bool {
        !self.heard.is_empty() || !self.waiting.is_empty()
    }
}

/// Hears and says what there is.
pub(crate) fn talk(asked: &mut Asked, panel: &mut Panel, link: Option<&Link>) {
    for message in asked.heard.drain(..) {
        // Without No Local, which not every broker knows, a page hears itself.
        let page = &message.topic.as_str()[TOPICS.len()..];
        if page != panel.me()
            && !message.retain
            && let Ok(words) = std::str::from_utf8(&message.payload)
        {
            panel.hear_page(unix_now(), words);
        }
    }
    let waiting = std::mem::take(&mut asked.waiting);
    for (at, (command, handle, life_s)) in waiting.iter().enumerate() {
        // A tile that was asked again waits for the later wish.
        if waiting[at + 1..].iter().any(|later| later.1 == *handle) {
            continue;
        }
        let waits = panel.waits_for(*command);
        match (waits, *life_s) {
            (true, 1..) => tell(link, panel.me(), *life_s, handle, *life_s),
            (false, 0) => tell(link, panel.me(), 0, handle, END_LIFE_S),
            _ => {}
        }
        if waits {
            asked.waiting.push((*command, handle.clone(), 0));
        }
    }
}

fn tell(link: Option<&Link>, me: &str, waits_s: u32, handle: &str, life_s: u32) {
    let link = link.filter(|link| link.is_connected());
    if let (Some(link), Ok(topic)) = (link, format!("{TOPICS}{me}").parse()) {
        let message = Message::new(topic, format!("{waits_s} {handle}")).with_expiry(life_s);
        // Not sent: the other pages see what the device says, as before.
        let _unsent = link.publish(message, Offline::FailNow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loss_of_its_own_subscription_makes_a_page_silent() {
        let mut asked = Asked { is_granted: true, ..Asked::default() };
        asked.lost(&"plant/#".parse().unwrap());
        assert!(asked.is_granted);
        asked.lost(&FILTER.parse().unwrap());
        assert!(!asked.is_granted);
    }
}
