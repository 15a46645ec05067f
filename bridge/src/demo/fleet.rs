//! The other devices of the demo: one for each convention of the panel, each an ordinary MQTT Client with a will.
//!
//! Some have a fault that a panel must show truly: one is slow, one refuses, one does something else than it was asked, one
//! goes away now and then. A device is a pure [`Machine`]; what drives it is here.

mod esphome;
mod homie;
mod shelly;
mod tasmota;
mod zigbee;

use std::collections::VecDeque;
use std::time::Duration;

use mqtt::client::{Backoff, Config, Ended, Event, Offline};
use mqtt::packet::{RetainHandling, SubscriptionOptions};
use mqtt::{Instant, Message, Qos, Rng, TopicFilter, TopicName, Will};

use crate::cli::Link;

/// All of them.
pub(super) fn all() -> Vec<Box<dyn Machine>> {
    vec![
        Box::new(tasmota::Plug::default()),
        Box::new(shelly::Plus),
        Box::new(shelly::First::default()),
        Box::new(zigbee::Network::default()),
        Box::new(esphome::House::default()),
        Box::new(homie::Lamp::default()),
        Box::new(homie::Sensor),
    ]
}

/// A device: what it is called, what it says and how it answers. It knows no connection and no clock.
pub(super) trait Machine {
    /// Its Client Identifier.
    fn id(&self) -> &'static str;

    /// What the broker says for it when it is gone.
    fn will(&self) -> Said;

    /// What it listens to.
    fn listens(&self) -> &'static [&'static str];

    /// What it does when it is connected.
    fn greet(&mut self, stage: &mut Stage);

    /// What it does with a command.
    fn hear(&mut self, stage: &mut Stage, topic: &str, payload: &str);

    /// What it does every few seconds.
    fn live(&mut self, _stage: &mut Stage) {}

    /// How long it stays before it goes away for a while.
    fn stays(&self) -> Option<Duration> {
        None
    }
}

/// A message of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    topic: String,
    payload: String,
    retain: bool,
}

/// Where devices say things, some of them later.
pub(super) struct Stage {
    now: Instant,
    due: VecDeque<(Instant, Said)>,
    rng: Rng,
}

impl Stage {
    fn new(seed: u64) -> Self {
        Self { now: Instant::START, due: VecDeque::new(), rng: Rng::new(seed) }
    }

    /// Says something after so many milliseconds; what was said before keeps its place.
    fn later(&mut self, ms: u64, topic: impl Into<String>, payload: impl Into<String>, retain: bool) {
        let at = self.now + Duration::from_millis(ms);
        let place = self.due.partition_point(|(other, _)| *other <= at);
        self.due.insert(place, (at, Said { topic: topic.into(), payload: payload.into(), retain }));
    }

    fn say(&mut self, topic: impl Into<String>, payload: impl Into<String>) {
        self.later(0, topic, payload, false);
    }

    fn keep(&mut self, topic: impl Into<String>, payload: impl Into<String>) {
        self.later(0, topic, payload, true);
    }

    /// As long as a relay takes.
    fn relay(&mut self) -> u64 {
        60 + self.rng.up_to(200)
    }

    /// A number near another, as sensors tell them: tenths.
    fn near(&mut self, tenths: u64) -> String {
        let n = tenths - 5 + self.rng.up_to(10);
        format!("{}.{}", n / 10, n % 10)
    }

    fn take_due(&mut self) -> Option<Said> {
        let is_due = self.due.front().is_some_and(|(at, _)| *at <= self.now);
        is_due.then(|| self.due.pop_front()).flatten().map(|(_, said)| said)
    }
}

/// Between two signs of life.
const PACE: Duration = Duration::from_secs(5);
/// How long one that goes away is away.
const AWAY: Duration = Duration::from_secs(20);

/// Lets a device live at a broker until that refuses it for good.
pub(super) async fn run(mut device: Box<dyn Machine>, address: String) -> Ended {
    let mut stage: Option<Stage> = None;
    loop {
        match live(&mut device, &address, &mut stage).await {
            Some(end) => return end,
            None => tokio::time::sleep(AWAY).await,
        }
    }
}

/// One life: until it goes away by itself, or is refused.
async fn live(device: &mut Box<dyn Machine>, address: &str, stage: &mut Option<Stage>) -> Option<Ended> {
    let will = device.will();
    let topic = TopicName::new(will.topic.into()).ok()?;
    let message = Message::new(topic, will.payload).with_qos(Qos::AtLeastOnce).with_retain(will.retain);
    let config = Config {
        client_id: device.id().into(),
        keep_alive_s: 10,
        backoff: Backoff { first: Duration::from_millis(250), max: Duration::from_secs(5) },
        will: Some(Will { message, delay_s: 0 }),
        ..Config::default()
    };
    let mut link = Link::new(address.to_owned(), config);
    let stage = stage.insert(Stage::new(link.random()));
    subscribe(&mut link, device.listens());
    let end = device.stays().map(|time| link.now() + time);
    let mut next_sign = link.now() + PACE;
    loop {
        stage.now = link.now();
        if end.is_some_and(|end| end <= stage.now) {
            // Without a word: the broker says it.
            return None;
        }
        if next_sign <= stage.now {
            next_sign = stage.now + PACE;
            device.live(stage);
        }
        while let Some(said) = stage.take_due() {
            say(&mut link, said);
        }
        let due = stage.due.front().map(|(at, _)| *at);
        let wake = [due, end, Some(next_sign)].into_iter().flatten().min().unwrap_or(next_sign);
        let sleep = link.sleep_until(wake);
        tokio::select! {
            event = link.next() => {
                stage.now = link.now();
                if let Some(end) = event_of(device, stage, event) {
                    return Some(end);
                }
            }
            () = sleep => {}
        }
    }
}

fn subscribe(link: &mut Link, filters: &[&str]) {
    let options = SubscriptionOptions {
        retain_handling: RetainHandling::DoNotSend,
        ..SubscriptionOptions::at(Qos::AtLeastOnce)
    };
    let asked: Vec<_> = filters
        .iter()
        .filter_map(|filter| Some((TopicFilter::new((*filter).into()).ok()?, options)))
        .collect();
    link.with(|client, now| {
        client.subscribe(now, &asked, None);
        client.start(now);
    });
}

fn say(link: &mut Link, said: Said) {
    let Ok(topic) = TopicName::new(said.topic.into()) else { return };
    let message = Message::new(topic, said.payload).with_qos(Qos::AtLeastOnce).with_retain(said.retain);
    // Not connected: it greets again when it is.
    let _unsaid = link.with(|client, now| client.publish_with(now, message, Offline::FailNow));
}

fn event_of(device: &mut Box<dyn Machine>, stage: &mut Stage, event: Event) -> Option<Ended> {
    match event {
        Event::Connected(_) => {
            tracing::debug!(device = device.id(), "a demo device is connected");
            stage.due.clear();
            device.greet(stage);
        }
        Event::Message(received) => {
            let payload = String::from_utf8_lossy(&received.message.payload);
            device.hear(stage, received.message.topic.as_str(), &payload);
        }
        Event::Ended { why, retry_at: None } => {
            tracing::warn!(device = device.id(), %why, "a demo device gives up");
            return Some(why);
        }
        _ => {}
    }
    None
}

#[cfg(test)]
mod tests;
