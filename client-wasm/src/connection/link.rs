//! The handle of a connection: what an application holds. Knows no frame and no timer.

use std::rc::Rc;

use mqtt::client::{Config, Event, Offline, PublishError, PublishId, RequestId};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Message, ReasonCode, TopicFilter};

use super::driver::{Driver, Observer, Tell};
use super::lifecycle::Lifecycle;

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
    _lifecycle: Lifecycle,
}

impl Link {
    /// Begins to connect to a `ws://` or `wss://` address. An address that the browser does not accept is told as
    /// [`Ended::TransportClosed`](mqtt::client::Ended::TransportClosed), as is everything else that keeps a socket from
    /// opening.
    pub fn open(address: &str, config: Config, on_event: impl FnMut(Event) + 'static) -> Self {
        Self::open_for(address, config, Tell(on_event))
    }

    /// The same for an observer who also wants to know when all of a frame has been told.
    pub fn open_for(address: &str, config: Config, observer: impl Observer + 'static) -> Self {
        let driver = Driver::new(address, config, Box::new(observer));
        let lifecycle = Lifecycle::watch(&driver);
        driver.start();
        Self(Rc::new(Inner { driver, _lifecycle: lifecycle }))
    }

    /// Publishes a message; `offline` says what it does without a connection. What becomes of it is told by
    /// [`Event::Published`].
    ///
    /// # Errors
    /// No connection for a message that will not wait, a full queue, or more than the broker takes.
    pub fn publish(&self, message: Message, offline: Offline) -> Result<PublishId, PublishError> {
        self.0.driver.turn(|client, now| client.publish_with(now, message, offline))
    }

    /// Takes a message back that was not sent yet, which [`Outcome::Cancelled`](mqtt::client::Outcome::Cancelled) tells. False
    /// when it is on its way or has its end.
    pub fn cancel(&self, id: PublishId) -> bool {
        self.0.driver.turn(|client, _| client.cancel(id))
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

    /// Whether the broker has accepted the present connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.driver.look(mqtt::client::Client::is_connected)
    }

    /// The client identifier, once it is known.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.0.driver.look(|client| client.client_id().to_owned())
    }
}
