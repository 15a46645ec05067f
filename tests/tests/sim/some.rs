//! Clients, messages and filters of chance: few enough that they meet.

use std::time::Duration;

use bridge::broker::Config;
use mqtt::client::{Backoff, Config as ClientConfig};
use mqtt::packet::{RetainHandling, SubscriptionOptions};
use mqtt::{Message, MessageProperties, Qos, SessionExpiry, TopicFilter, Version, Will};

use crate::dice::Dice;
use crate::world::World;

const TOPICS: [&str; 9] = [
    "a",
    "a/b",
    "a/b/c",
    "a/c",
    "b",
    "b/c",
    "/b",
    // Long enough for aliases, and more of them than some Clients take.
    "a/b/long/enough/for/an/alias",
    "b/long/enough/for/another",
];
const RESERVED: &str = "$own/a";
const FILTERS: [&str; 14] =
    ["#", "+", "a/#", "a/+", "+/b", "a/b", "+/+/c", "a/b/c", "b/#", "b", "will/+", "/#", "+/#", "$own/#"];
/// Filters that are shared: those that match no will, for two wills of one Client look alike.
const SHARED: [&str; 7] = ["a/#", "a/+", "+/b", "a/b", "+/+/c", "b/#", "b"];

/// The one filter that Clients share in a run, if they do: which of several brought a message nobody could tell. And where
/// queues are short none is shared, for nobody can tell in whose queue a message is.
pub(crate) fn some_shared_filter(dice: &mut Dice, config: &Config) -> Option<&'static str> {
    let is_shared = config.max_queued_messages > 1_000 && !config.keeps_state && dice.chance(60);
    is_shared.then(|| dice.pick(&SHARED))
}

impl World {
    pub(crate) fn some_client(&mut self, n: usize) -> ClientConfig {
        let version = self.dice.pick(&[Version::V3_1_1, Version::V5]);
        // One of them takes what it is given. It has no will, for that of the one before might be of the same moment.
        let is_nameless = n == 0 && version.is_5() && self.dice.chance(50);
        let client_id = if is_nameless { String::new() } else { format!("m{n}") };
        let some = [SessionExpiry::AtDisconnect, SessionExpiry::Never, SessionExpiry::Never];
        let any = [SessionExpiry::After(5), SessionExpiry::After(60), SessionExpiry::After(3_600)];
        let is_5 = version.is_5() && self.dice.chance(60);
        // Whose queue a shared message is in nobody can tell, nor in a short one what has been dropped.
        let is_foretold = self.shared_filter.is_none() && self.model.config().max_queued_messages > 1_000;
        let takes_little = version.is_5() && is_foretold && self.dice.chance(40);
        ClientConfig {
            version,
            fall_back: false,
            will: self.some_will(&client_id, version).filter(|_| !is_nameless),
            client_id,
            clean_start: self.dice.chance(30),
            keep_alive_s: self.dice.pick(&[0, 5, 20]),
            session_expiry: if is_5 { self.dice.pick(&any) } else { self.dice.pick(&some) },
            receive_maximum: self.dice.pick(&[1, 2, 5, 256]),
            // What was sent by an alias may be too large to be sent again in full.
            topic_alias_maximum: if takes_little { 0 } else { self.dice.pick(&[0, 1, 2, 32]) },
            max_packet_bytes: if takes_little { 250 } else { ClientConfig::default().max_packet_bytes },
            connect_timeout: Duration::from_secs(4),
            ping_timeout: Duration::from_secs(4),
            backoff: Backoff { first: Duration::from_millis(200), max: Duration::from_secs(2) },
            seed: self.dice.seed(),
            ..ClientConfig::default()
        }
    }

    pub(crate) fn some_will(&mut self, client_id: &str, version: Version) -> Option<Will> {
        // One topic for each, so that two wills of one moment do not race.
        let topic = format!("will/{client_id}").parse().expect("a topic");
        let mut message = Message::new(topic, format!("{client_id} is gone")).with_qos(self.dice.qos());
        message = message.with_retain(self.dice.chance(50));
        if version.is_5() && self.dice.chance(20) {
            message = message.with_expiry(self.dice.pick(&[1, 30]));
        }
        let delay_s = if version.is_5() { self.dice.pick(&[0, 0, 2, 30]) } else { 0 };
        self.dice.chance(60).then_some(Will { message, delay_s })
    }

    pub(crate) fn some_message(&mut self, version: Version) -> Message {
        self.next_message += 1;
        let padding = if self.dice.chance(20) { self.dice.below(400) } else { 0 };
        let is_retained = self.dice.chance(25);
        // Empty ones look alike, so whether one was shared nobody could tell.
        let is_empty = self.dice.chance(if is_retained { 30 } else { 2 }) && self.shared_filter.is_none();
        let payload = format!("{}{}", self.next_message, " ".repeat(padding));
        let reserved = self.dice.chance(2);
        let topic = if reserved { RESERVED } else { self.dice.pick(&TOPICS) };
        let message =
            Message::new(topic.parse().expect("a topic"), if is_empty { String::new() } else { payload });
        let mut message = message.with_qos(self.dice.qos()).with_retain(is_retained);
        if version.is_5() && !is_empty && self.dice.chance(20) {
            message.properties = Some(self.some_properties());
        }
        if version.is_5() && self.dice.chance(15) {
            message.with_expiry(self.dice.pick(&[1, 5, 60]))
        } else {
            message
        }
    }

    pub(crate) fn some_properties(&mut self) -> Box<MessageProperties> {
        let pair = || ("key".into(), "value".into());
        let has = |dice: &mut Dice| dice.chance(50);
        Box::new(MessageProperties {
            payload_is_utf8: has(&mut self.dice).then_some(true),
            message_expiry_s: None,
            response_topic: has(&mut self.dice).then(|| "answers/here".into()),
            correlation_data: has(&mut self.dice).then(|| [0, 1, 255].into()),
            user_properties: (0..self.dice.below(3)).map(|_| pair()).collect(),
            content_type: has(&mut self.dice).then(|| "text/plain".into()),
        })
    }

    /// A filter with its options, shared or not.
    pub(crate) fn some_subscription(&mut self) -> (TopicFilter, SubscriptionOptions) {
        let (filter, options) = (self.some_filter(), self.some_options());
        let Some(shared) = self.shared_filter.filter(|_| self.dice.chance(20)) else {
            return (filter, options);
        };
        let shared = format!("$share/s/{shared}");
        let qos = self.dice.pick(&[Qos::AtLeastOnce, Qos::ExactlyOnce]);
        // With RETAIN a message would look like one that another subscription brings.
        let options = SubscriptionOptions { qos, no_local: false, retain_as_published: false, ..options };
        (shared.parse().expect("a filter"), options)
    }

    pub(crate) fn some_filter(&mut self) -> TopicFilter {
        self.dice.pick(&FILTERS).parse().expect("a filter")
    }

    pub(crate) fn some_options(&mut self) -> SubscriptionOptions {
        let handling = [RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend];
        SubscriptionOptions {
            qos: self.dice.pick(&[Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce, Qos::ExactlyOnce]),
            no_local: self.dice.chance(15),
            retain_as_published: self.dice.chance(20),
            retain_handling: self.dice.pick(&handling),
        }
    }

    pub(crate) fn some_subscription_id(&mut self) -> Option<u32> {
        self.dice.chance(30).then(|| self.dice.pick(&[1, 2, 300]))
    }
}
