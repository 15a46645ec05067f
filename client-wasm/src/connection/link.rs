//! The handle of a connection: what an application holds. Knows no frame and no timer.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use mqtt::client::{
    Client, Event, Offline, PublishError, PublishId, ReauthenticateError, Received, RequestId, Step,
};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Message, ReasonCode, TopicFilter};

use super::answers::{Answer, Answers, Sending};
use super::driver::{Driver, Observer, Setup, Tell};
#[cfg(feature = "durable")]
use super::durable::Durable;
use super::request::{Asker, NoAnswer};
use super::timer::now;

/// A connection to a broker that keeps itself alive: it reconnects with full jitter, looks after itself when the page
/// wakes, and lets go of its socket when the page is left, so that the browser may keep the page for a return.
///
/// Nothing here blocks or waits. Everything that happens is told to the callback given to [`open`](Self::open), from which
/// all methods may be called. Dropping the last clone of a handle closes the connection.
#[derive(Clone, Debug)]
pub struct Link(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    driver: Rc<Driver>,
    /// Both live as what hears the driver, once they were asked for: a page that never asks carries nothing of them.
    answers: RefCell<Weak<Answers>>,
    asker: RefCell<Weak<Asker>>,
    #[cfg(feature = "hooks")]
    shared: super::share::Shares,
}

/// Somebody who hears what happens on a link, until this is dropped.
#[derive(Debug)]
pub struct Listening {
    driver: Weak<Driver>,
    name: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.upgrade() {
            driver.forget(self.name);
        }
    }
}

/// Two handles are equal when they are of one link.
impl PartialEq for Link {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Link {
    /// Begins to connect to a `ws://` or `wss://` address. An address that the browser does not accept is told as
    /// [`Ended::TransportClosed`](mqtt::client::Ended::TransportClosed), as is everything else that keeps a socket from
    /// opening.
    pub fn open(address: &str, setup: impl Into<Setup>, on_event: impl FnMut(Event) + 'static) -> Self {
        Self::open_for(address, setup, Tell(on_event))
    }

    /// The same for an observer who also wants to know when all of a frame has been told.
    pub fn open_for(address: &str, setup: impl Into<Setup>, observer: impl Observer + 'static) -> Self {
        Self::of(Driver::new(address, setup.into(), Box::new(observer)))
    }

    /// The same with a Session that outlives the page: subscriptions, messages under way and messages that wait go on after a
    /// reload or a crash, if [`Config::session_expiry`](mqtt::client::Config::session_expiry) lets the broker keep its side. Its client identifier is that of
    /// the `Durable`. A storage that fails is told by [`Event::NotStored`], and the link goes on without.
    #[cfg(feature = "durable")]
    pub fn durable(
        address: &str,
        setup: impl Into<Setup>,
        durable: Durable,
        on_event: impl FnMut(Event) + 'static,
    ) -> Self {
        Self::durable_for(address, setup, durable, Tell(on_event))
    }

    /// The same for an observer who also wants to know when all of a frame has been told.
    #[cfg(feature = "durable")]
    pub fn durable_for(
        address: &str,
        setup: impl Into<Setup>,
        durable: Durable,
        observer: impl Observer + 'static,
    ) -> Self {
        Self::of(Driver::durable(address, setup.into(), durable, Box::new(observer)))
    }

    fn of(driver: Rc<Driver>) -> Self {
        driver.start();
        let (answers, asker) = (RefCell::default(), RefCell::default());
        Self(Rc::new(Inner {
            driver,
            answers,
            asker,
            #[cfg(feature = "hooks")]
            shared: super::share::Shares::default(),
        }))
    }

    /// Lets somebody else hear what happens, each event just before the callback of [`open`](Self::open).
    #[must_use]
    pub fn listen(&self, hear: impl Fn(&Event) + 'static) -> Listening {
        Listening { name: self.0.driver.listen(Rc::new(hear)), driver: Rc::downgrade(&self.0.driver) }
    }

    /// Subscribes for as long as one of those lives who ask for this filter in this way.
    #[cfg(feature = "hooks")]
    pub(super) fn share(&self, filter: TopicFilter, options: SubscriptionOptions) -> super::share::Share {
        super::share::Share::of(self, &self.0.shared, filter, options)
    }

    fn answers(&self) -> Rc<Answers> {
        found_or_made(&self.0.answers, || Answers::of(&self.0.driver))
    }

    /// Publishes a message that is worth nothing after `time`: it waits for a connection until then, is not sent afterwards,
    /// and carries what remains as its message expiry. The future tells what became of it; dropping that changes nothing.
    ///
    /// # Errors
    /// A full queue, or more than the broker takes.
    pub fn send(&self, mut message: Message, time: Duration) -> Result<Sending, PublishError> {
        let deadline = now() + time;
        let properties = message.properties.get_or_insert_default();
        let seconds = u32::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        properties.message_expiry_s.get_or_insert(seconds);
        let answers = self.answers();
        // The answer may come before this returns: whoever waits for it has to be known before.
        self.0.driver.turn(|client, now| {
            let id = client.publish_with(now, message, Offline::WaitUntil(deadline))?;
            Ok(answers.of_publish(id, deadline))
        })
    }

    /// Publishes a question and waits for its answer (5.0, 4.10): it gets a Response Topic of this page's own and Correlation
    /// Data. A broker that has Response Information, which [`Config::request_response_information`] asks for, says where
    /// answers go; else they go below `reply/`. Dropping the future gives the question up.
    ///
    /// [`Config::request_response_information`]: mqtt::client::Config::request_response_information
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn request(&self, message: Message, time: Duration) -> Result<Received, NoAnswer> {
        let asker = found_or_made(&self.0.asker, || Asker::of(&self.0.driver));
        asker.ask(self.clone(), message, now() + time).await
    }

    /// Answers a message that asks for it, at its QoS, as [`send`](Self::send) does. None when it asks for nothing.
    ///
    /// # Errors
    /// A full queue, or more than the broker takes.
    pub fn respond(
        &self,
        question: &Received,
        payload: impl Into<bytes::Bytes>,
        time: Duration,
    ) -> Option<Result<Sending, PublishError>> {
        question.message.answer(payload).map(|answer| self.send(answer, time))
    }

    /// Takes a message back that was not sent yet, which [`Outcome::Cancelled`](mqtt::client::Outcome::Cancelled) tells. False
    /// when that is too late.
    pub fn cancel(&self, id: PublishId) -> bool {
        self.0.driver.turn(|client, _| client.cancel(id))
    }

    /// Subscribes like [`subscribe`](Self::subscribe), with the broker's answer as a future: one reason for each filter.
    pub fn subscribed(
        &self,
        filters: &[(TopicFilter, SubscriptionOptions)],
        subscription_id: Option<u32>,
    ) -> Answer<Vec<ReasonCode>> {
        let answers = self.answers();
        let ask = |client: &mut Client, now| client.subscribe(now, filters, subscription_id);
        self.0.driver.turn(|client, now| answers.of_request(ask(client, now)))
    }

    /// Ends subscriptions, with the broker's answer as a future.
    pub fn unsubscribed(&self, filters: &[TopicFilter]) -> Answer<Vec<ReasonCode>> {
        let answers = self.answers();
        self.0.driver.turn(|client, now| answers.of_request(client.unsubscribe(now, filters)))
    }

    /// Messages without an end yet, also of the page before: name and message, in their order.
    #[must_use]
    pub fn unfinished(&self) -> Vec<(PublishId, Message)> {
        self.0.driver.look(|client| client.unfinished().map(|(id, message)| (id, message.clone())).collect())
    }

    /// Filters that are subscribed to, also by the page before.
    #[must_use]
    pub fn filters(&self) -> Vec<TopicFilter> {
        self.0.driver.look(|client| client.subscribed().cloned().collect())
    }

    /// Messages of QoS 0 that were dropped because this page could not keep up.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.0.driver.look(Client::shed)
    }

    /// Whether the Session outlives this page.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.0.driver.look(Client::is_durable)
    }

    /// Publishes a message; `offline` says what it does without a connection. What becomes of it is told by
    /// [`Event::Published`].
    ///
    /// # Errors
    /// No connection for a message that will not wait, a full queue, or more than the broker takes.
    pub fn publish(&self, message: Message, offline: Offline) -> Result<PublishId, PublishError> {
        self.0.driver.turn(|client, now| client.publish_with(now, message, offline))
    }

    /// Subscribes, now and after each reconnect. [`Event::Subscribed`] tells the answer. With `subscription_id` (1 to
    /// 268 435 455, MQTT 5) each message says which subscription brought it.
    pub fn subscribe(
        &self,
        filters: &[(TopicFilter, SubscriptionOptions)],
        subscription_id: Option<u32>,
    ) -> RequestId {
        self.0.driver.turn(|client, now| client.subscribe(now, filters, subscription_id))
    }

    /// Ends subscriptions. [`Event::Unsubscribed`] tells the answer.
    pub fn unsubscribe(&self, filters: &[TopicFilter]) -> RequestId {
        self.0.driver.turn(|client, now| client.unsubscribe(now, filters))
    }

    /// Connects now instead of waiting for the next attempt, also after a refusal; an open connection is probed.
    pub fn retry(&self) {
        self.0.driver.start();
        self.0.driver.wake();
    }

    /// Says goodbye to the broker and stays away until [`retry`](Self::retry).
    pub fn close(&self) {
        self.0.driver.turn(|client, now| client.stop(now, ReasonCode::Success));
    }

    /// Proves anew who this is (4.12.1). [`Event::Reauthenticated`] tells that it succeeded.
    ///
    /// # Errors
    /// No connection that was made with an authentication, or one is under way.
    pub fn reauthenticate(&self) -> Result<(), ReauthenticateError> {
        self.0.driver.turn(|client, now| client.reauthenticate(now))
    }

    /// What the step has come to that the [`Authenticator`](mqtt::client::Authenticator) was asked for last, and which was
    /// pending.
    pub fn prove(&self, step: Step) {
        self.0.driver.prove(step);
    }

    /// What the broker of the present connection has granted.
    #[must_use]
    pub fn granted(&self) -> Option<mqtt::client::Connected> {
        self.0.driver.look(|client| client.grants().cloned())
    }

    /// Whether the broker has accepted the present connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.driver.look(Client::is_connected)
    }

    /// The client identifier, once it is known.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.0.driver.look(|client| client.client_id().to_owned())
    }
}

fn found_or_made<T>(kept: &RefCell<Weak<T>>, make: impl FnOnce() -> Rc<T>) -> Rc<T> {
    let found = kept.borrow().upgrade();
    found.unwrap_or_else(|| {
        let made = make();
        *kept.borrow_mut() = Rc::downgrade(&made);
        made
    })
}
