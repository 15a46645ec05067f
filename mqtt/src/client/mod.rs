//! An MQTT Client as a pure machine. It knows no socket, no clock, no address and no browser.
//!
//! The driver owns a [`Client`], a transport and a timer. After every [`handle`](Client::handle) and every command it
//! calls [`poll`](Client::poll) until that says [`Output::Wait`], doing what it is told in that order:
//!
//! ```text
//!              start                 Opened                CONNACK
//!   Stopped ──────────▶ Opening ───────────▶ AwaitConnack ─────────▶ Connected
//!      ▲                 ▲   │ Closed, timeout    │ refused, timeout    │ DISCONNECT, Closed,
//!      │                 │   │                    │                     │ silence, bad bytes
//!      │      time, Wake │   ▼                    ▼                     ▼
//!      └────────────── Waiting ◀────────────────────────────────────────┘
//!        stop; or waiting cannot cure it
//! ```
//!
//! What outlives a connection: the Session (messages in flight both ways), the subscriptions, the queue of messages
//! that wait, and the Client Identifier. When the Server still has the Session, what is unacknowledged is sent again;
//! when it has not, the subscriptions are made again.

mod aliases;
mod authenticate;
mod backoff;
mod config;
mod connect;
mod durable;
mod end;
mod ended;
mod event;
mod keep_alive;
mod pressure;
mod questions;
mod queue;
mod receive;
#[cfg(feature = "durable")]
mod saved;
#[cfg(feature = "scram")]
mod scram;
mod send;
mod state;
mod subscriptions;

use std::collections::VecDeque;
use std::time::Duration;

use crate::delivery::{Receiver, Sender};
use crate::packet::{Packet, SubscriptionOptions};
use crate::words::hex;
use crate::{Instant, Message, ReasonCode, Rng, TopicFilter, Version};

pub use authenticate::{AuthenticationError, AuthenticationMethod, Authenticator, ReauthenticateError, Step};
pub use config::{Backoff, Config, Password};
pub use end::{Goodbye, StopError};
pub use ended::{Ended, Farewell, Misbehaviour};
pub use event::{
    Connected, Event, Input, Offline, Outcome, Output, PublishError, PublishId, Received, RequestId, Subject,
};
pub use questions::{QuestionId, Questions};
#[cfg(feature = "durable")]
pub use saved::SavedError;
#[cfg(feature = "scram")]
pub use scram::ScramLogin;

use authenticate::Authentication;
use backoff::Retry;
use durable::Journal;
use keep_alive::Due;
use pressure::Pressure;
use queue::{Outgoing, Queue};
use state::State;
use subscriptions::{Kind, Subscriptions};

/// What a Subscription Identifier may be (3.8.2.1.2).
const SUBSCRIPTION_IDS: std::ops::RangeInclusive<u32> = 1..=268_435_455;

/// One Client: commands and input in, [`Output`] out.
#[derive(Debug)]
pub struct Client {
    config: Config,
    authentication: Authentication,
    /// What is spoken: that of the configuration until a Server refuses it.
    version: Version,
    /// The configured one, or one made up or assigned.
    client_id: String,
    /// The next CONNECT asks for an empty Session.
    clean_start: bool,
    state: State,
    retry: Retry,
    sender: Sender<Outgoing>,
    receiver: Receiver,
    subscriptions: Subscriptions,
    queue: Queue,
    next_id: u64,
    /// Only of a Session that outlives this program.
    journal: Option<Journal>,
    pressure: Pressure,
    /// What is sent at the end of the turn.
    out: Vec<u8>,
    outputs: VecDeque<Output>,
}

impl Client {
    /// A Client that waits for [`start`](Self::start).
    #[must_use]
    pub fn new(config: Config) -> Self {
        let mut rng = Rng::new(config.seed);
        let mut client_id = config.client_id.clone();
        if client_id.is_empty() && !config.version.is_5() {
            client_id = made_up_id(&mut rng); // never empty there [MQTT3-3.1.3-7]
        }
        Self {
            authentication: Authentication::default(),
            version: config.version,
            client_id,
            clean_start: config.clean_start,
            state: State::Stopped,
            retry: Retry::new(config.backoff, rng),
            sender: Sender::new(u16::MAX),
            receiver: Receiver::default(),
            subscriptions: Subscriptions::default(),
            queue: Queue::new(config.max_queued_messages, config.max_queued_bytes),
            next_id: 0,
            journal: None,
            pressure: Pressure::default(),
            out: Vec::new(),
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Begins to connect, and to reconnect. While it waits for an attempt, makes that now.
    pub fn start(&mut self, now: Instant) {
        if matches!(self.state, State::Stopped | State::Waiting { .. }) {
            self.retry.reset();
            self.open(now);
        }
    }

    /// Other credentials from the next connection on.
    pub fn set_credentials(&mut self, user_name: Option<String>, password: Option<Password>) {
        self.config.user_name = user_name;
        self.config.password = password;
    }

    /// Publishes a message; without a connection it waits ([`Offline::Wait`]).
    ///
    /// # Errors
    /// See [`publish_with`](Self::publish_with).
    pub fn publish(&mut self, now: Instant, message: Message) -> Result<PublishId, PublishError> {
        self.publish_with(now, message, Offline::Wait)
    }

    /// Publishes a message; `offline` says what it does without a connection. What becomes of it is told once by
    /// [`Event::Published`]. Messages are sent in the order they are published.
    ///
    /// # Errors
    /// No connection for a message that will not wait, a full queue, or more than the Server said it takes. Nothing was
    /// sent, and no event follows.
    pub fn publish_with(
        &mut self,
        now: Instant,
        message: Message,
        offline: Offline,
    ) -> Result<PublishId, PublishError> {
        match self.state.connection() {
            None if offline == Offline::FailNow => return Err(PublishError::NotConnected),
            None => {}
            Some(connection) => connection.granted.takes(&message)?,
        }
        if let Some(Err(e)) = message.response_topic() {
            return Err(PublishError::ResponseTopic(e)); // [MQTT-3.3.2-14]
        }
        // What a driver has not yet polled counts as waiting too.
        if !self.queue.has_room_for(&message)
            || self.out.len() + self.held_bytes() > self.config.max_queued_bytes
        {
            return Err(PublishError::QueueFull);
        }
        let id = PublishId(self.new_id());
        self.queue.push(Outgoing::new(id, message, offline, now));
        self.flush(now);
        if self.queue.keep_last(id) {
            self.touch();
        }
        Ok(id)
    }

    /// Takes a message back that was not sent yet, which [`Outcome::Cancelled`] tells. False when it is on its way or has its
    /// end: what was sent cannot be taken back.
    pub fn cancel(&mut self, id: PublishId) -> bool {
        let cancelled = self.queue.cancel(id);
        if cancelled {
            self.touch();
            self.published(id, Outcome::Cancelled);
        }
        cancelled
    }

    /// Subscribes to filters, now or as soon as there is a connection. The subscription is made again whenever a Server
    /// has lost it. `subscription_id` (1 to 268 435 455) comes back with each message it brings, in 5.0.
    /// [`Event::Subscribed`] tells the answer, also to what the Server said it does not support.
    pub fn subscribe(
        &mut self,
        now: Instant,
        filters: &[(TopicFilter, SubscriptionOptions)],
        subscription_id: Option<u32>,
    ) -> RequestId {
        self.subscribe_with(now, filters, subscription_id, Vec::new())
    }

    /// The same with user properties, in 5.0. They are not sent again when the subscription is made again.
    pub fn subscribe_with(
        &mut self,
        now: Instant,
        filters: &[(TopicFilter, SubscriptionOptions)],
        subscription_id: Option<u32>,
        user_properties: Vec<(String, String)>,
    ) -> RequestId {
        let id = RequestId(self.new_id());
        let refusal = if filters.is_empty() || self.subscriptions.waiting() >= self.config.max_queued_messages
        {
            Some(ReasonCode::QuotaExceeded)
        } else if subscription_id.is_some_and(|id| !SUBSCRIPTION_IDS.contains(&id)) {
            Some(ReasonCode::SubscriptionIdentifiersNotSupported) // 3.8.2.1.2
        } else {
            None
        };
        if let Some(reason) = refusal {
            self.event(Event::Subscribed { id, reasons: vec![reason; filters.len()] });
            return id;
        }
        let filters = filters.to_vec();
        self.subscriptions.request(id, Kind::Subscribe { filters, subscription_id, user_properties });
        self.flush(now);
        id
    }

    /// Ends subscriptions, now or as soon as there is a connection. [`Event::Unsubscribed`] tells the answer.
    pub fn unsubscribe(&mut self, now: Instant, filters: &[TopicFilter]) -> RequestId {
        self.unsubscribe_with(now, filters, Vec::new())
    }

    /// The same with user properties, in 5.0.
    pub fn unsubscribe_with(
        &mut self,
        now: Instant,
        filters: &[TopicFilter],
        user_properties: Vec<(String, String)>,
    ) -> RequestId {
        let id = RequestId(self.new_id());
        self.touch();
        if filters.is_empty() {
            self.event(Event::Unsubscribed { id, reasons: Vec::new() });
            return id;
        }
        // No bound here: each takes back something that had its place in one.
        self.subscriptions.request(id, Kind::Unsubscribe { filters: filters.to_vec(), user_properties });
        self.flush(now);
        id
    }

    /// Takes what happened outside.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Opened => self.opened(now),
            Input::Received(bytes) => self.received(now, bytes),
            Input::Closed { why } => self.closed(now, why),
            Input::Wake => self.wake(now),
            Input::Tick => self.tick(now),
            Input::Stored => self.stored(),
            Input::NotStored { why } => self.not_stored(why),
        }
        self.flush(now);
    }

    /// The next thing to do. Call until it answers [`Output::Wait`].
    pub fn poll(&mut self) -> Output {
        if let Some(bytes) = self.take_sendable() {
            return Output::Send(bytes);
        }
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if let Some(saved) = self.take_save() {
            return Output::Store(saved);
        }
        Output::Wait(Instant::sooner(self.state.next_deadline(), self.queue.earliest_expiry()))
    }

    /// Whether the Server has accepted the present connection.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// What the Server of the present connection has granted.
    #[must_use]
    pub fn grants(&self) -> Option<&Connected> {
        match &self.state {
            State::Connected(connection) => Some(&connection.granted),
            _ => None,
        }
    }

    /// The Client Identifier: the configured one, or one made up or assigned; empty before that.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Filters that are subscribed to, with what was granted to a program before this one.
    pub fn subscribed(&self) -> impl Iterator<Item = &TopicFilter> {
        self.subscriptions.filters()
    }

    /// Messages that wait to be sent.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// QoS 1 and 2 messages that were sent and are not acknowledged to the end.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.sender.len()
    }

    /// Several reasons to wake may come at once: only the first does anything.
    fn wake(&mut self, now: Instant) {
        match &self.state {
            State::Waiting { .. } => {
                self.retry.reset();
                self.open(now);
            }
            State::Connected(connection) if !connection.keep_alive.is_probed() => {
                self.ping(now, self.config.probe_timeout, true);
            }
            State::Opening { .. } | State::AwaitConnack { .. } if self.authentication.is_awaited() => {}
            State::Opening { deadline } | State::AwaitConnack { deadline, .. } => {
                // An attempt that began before the sleep may hang in a network that is gone.
                let began = *deadline - self.config.connect_timeout;
                if now.since(began) >= self.config.probe_timeout {
                    self.end_and_reopen(now, Ended::ConnectTimeout);
                }
            }
            State::Stopped | State::Connected(_) => {}
        }
    }

    fn tick(&mut self, now: Instant) {
        for expired in self.queue.take_expired(now) {
            self.touch();
            self.published(expired.id, Outcome::Expired);
        }
        match &self.state {
            State::Waiting { until } if now >= *until => self.open(now),
            State::Opening { deadline } | State::AwaitConnack { deadline, .. } if now >= *deadline => {
                self.end(now, Ended::ConnectTimeout);
            }
            State::Connected(connection) => match connection.keep_alive.due(now) {
                Due::Nothing => {}
                Due::Ping => self.ping(now, self.config.ping_timeout, false),
                Due::Dead { probe: true } => self.end_and_reopen(now, Ended::PingTimeout),
                Due::Dead { probe: false } => self.end(now, Ended::PingTimeout),
            },
            State::Stopped | State::Waiting { .. } | State::Opening { .. } | State::AwaitConnack { .. } => {}
        }
    }

    fn ping(&mut self, now: Instant, timeout: Duration, probe: bool) {
        self.write(&Packet::Pingreq);
        if let Some(connection) = self.state.connection() {
            connection.keep_alive.pinged(now, timeout, probe);
        }
    }

    /// Appends a packet of ours that always fits: those without texts of the application.
    fn write(&mut self, packet: &Packet<'_>) {
        let written = packet.encode(self.version, &mut self.out);
        debug_assert!(written.is_ok(), "a packet of a few bytes fits");
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn published(&mut self, id: PublishId, outcome: Outcome) {
        self.event(Event::Published { id, outcome });
    }

    const fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

impl Connected {
    /// Whether the Server takes such a message.
    fn takes(&self, message: &Message) -> Result<(), PublishError> {
        if message.qos > self.maximum_qos {
            return Err(PublishError::QosNotSupported(self.maximum_qos)); // [MQTT-3.2.2-11]
        }
        if message.retain && !self.retain_available {
            return Err(PublishError::RetainNotSupported); // [MQTT-3.2.2-14]
        }
        Ok(())
    }
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// User properties with memory of their own.
fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
}

/// 3.1 takes at most 23 characters.
fn made_up_id(rng: &mut Rng) -> String {
    let mut id = String::from("sw-");
    hex(rng.next_u64(), 16, &mut id);
    id
}
