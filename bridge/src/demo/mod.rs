//! Simulated devices: ordinary MQTT Clients of whatever broker they are told. They take no shortcut into ours.

mod fleet;
mod web_io;

pub use web_io::{Input, Output, POINTS, Point, Value, WebIo};

use std::pin::Pin;
use std::time::Duration;

use mqtt::client::{Backoff, Config, Ended, Event, Offline};
use mqtt::packet::{RetainHandling, SubscriptionOptions};
use mqtt::{Message, Qos, TopicError, TopicFilter, TopicName, Will};

use crate::cli::Link;

/// The Web-IO's Client Identifier, and the first level of its topics.
pub const WEB_IO: &str = "wut-0a4711";

/// Lets the demo's devices live at the broker of `address` (`host:port`) until that broker refuses the Web-IO for good. They
/// reconnect by themselves and then say all their values again. Dropping the future pulls their plugs: the broker publishes
/// their wills.
pub async fn run(address: impl ToString) -> Ended {
    let address = address.to_string();
    let mut others = futures(&address);
    let web_io = async {
        match Topics::new() {
            Ok(topics) => Demo::new(address.clone(), topics).run().await,
            Err(e) => Ended::TransportClosed { why: e.to_string() },
        }
    };
    tokio::pin!(web_io);
    std::future::poll_fn(|context| {
        // One that was refused is gone; the others go on.
        others.retain_mut(|device| device.as_mut().poll(context).is_pending());
        web_io.as_mut().poll(context)
    })
    .await
}

fn futures(address: &str) -> Vec<Pin<Box<dyn Future<Output = Ended>>>> {
    fleet::all().into_iter().map(|device| Box::pin(fleet::run(device, address.to_owned())) as _).collect()
}

struct Demo {
    link: Link,
    device: WebIo,
    topics: Topics,
}

struct Topics {
    status: TopicName,
    commands: TopicFilter,
}

impl Topics {
    fn new() -> Result<Self, TopicError> {
        Ok(Self {
            status: TopicName::new(format!("{WEB_IO}/status").into())?,
            commands: TopicFilter::new(format!("{WEB_IO}/set/+/+").into())?,
        })
    }
}

impl Demo {
    fn new(address: String, topics: Topics) -> Self {
        let offline =
            Message::new(topics.status.clone(), "offline").with_qos(Qos::AtLeastOnce).with_retain(true);
        let config = Config {
            client_id: WEB_IO.into(),
            keep_alive_s: 10,
            // A local device is back soon after its broker.
            backoff: Backoff { first: Duration::from_millis(250), max: Duration::from_secs(5) },
            will: Some(Will { message: offline, delay_s: 0 }),
            ..Config::default()
        };
        let link = Link::new(address, config);
        let device = WebIo::new(link.random(), link.now());
        Self { link, device, topics }
    }

    async fn run(mut self) -> Ended {
        let options = SubscriptionOptions {
            retain_handling: RetainHandling::DoNotSend,
            ..SubscriptionOptions::at(Qos::AtLeastOnce)
        };
        let commands = self.topics.commands.clone();
        self.link.with(|client, now| {
            client.subscribe(now, &[(commands, options)], None);
            client.start(now);
        });
        loop {
            let wait = self.reports();
            tokio::select! {
                event = self.link.next() => {
                    if let Some(end) = self.event(event) {
                        return end;
                    }
                }
                () = wait => self.device.handle(self.link.now(), Input::Tick),
            }
        }
    }

    /// Publishes what the device says, and names the moment it will say more. Without a connection it speaks into the
    /// void, as a device does: all is said again when there is one.
    fn reports(&mut self) -> impl Future<Output = ()> + use<> {
        loop {
            match self.device.poll() {
                Output::Report(point, value) => {
                    if let Ok(topic) = TopicName::new(format!("{WEB_IO}/get/{point}").into()) {
                        self.say(topic, value.to_string());
                    }
                }
                Output::Wait(at) => return self.link.sleep_until(at),
            }
        }
    }

    fn event(&mut self, event: Event) -> Option<Ended> {
        match event {
            Event::Connected(_) => {
                tracing::info!(device = WEB_IO, "the demo device is connected");
                self.say(self.topics.status.clone(), "online".into());
                self.device.handle(self.link.now(), Input::ReportAll);
            }
            Event::Message(received) => {
                let message = &received.message;
                let behind_name =
                    message.topic.as_str().strip_prefix(WEB_IO).and_then(|rest| rest.strip_prefix('/'));
                if let Some(topic) = behind_name {
                    self.device.handle(self.link.now(), Input::Command { topic, payload: &message.payload });
                }
            }
            Event::Ended { why, retry_at: None } => {
                tracing::warn!(device = WEB_IO, %why, "the demo device gives up");
                return Some(why);
            }
            Event::Ended { why, .. } => tracing::info!(device = WEB_IO, %why, "the demo device reconnects"),
            Event::SubscriptionLost { reason, .. } => {
                tracing::warn!(device = WEB_IO, %reason, "the demo device cannot hear its commands");
            }
            Event::Subscribed { reasons, .. } => {
                if let Some(reason) = reasons.iter().find(|reason| reason.is_error()) {
                    tracing::warn!(device = WEB_IO, %reason, "the demo device cannot hear its commands");
                }
            }
            Event::Published { .. }
            | Event::Unsubscribed { .. }
            | Event::Remark { .. }
            | Event::InDoubt { .. }
            | Event::NotStored { .. }
            | Event::Reauthenticated => {}
        }
        None
    }

    fn say(&mut self, topic: TopicName, words: String) {
        let message = Message::new(topic, words).with_qos(Qos::AtLeastOnce).with_retain(true);
        // Not connected, or more to say than the broker takes: the next connection says it all again.
        let _unsaid = self.link.with(|client, now| client.publish_with(now, message, Offline::FailNow));
    }
}
