//! A link in components of Yew: what it says is state, and what a component wants of it ends with the component. Knows Yew and
//! the [`Link`], nothing of a page.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use client_wasm::connection::hooks::{LinkState, Publishing, use_link, use_link_state, use_publish, use_subscription};
//! use client_wasm::connection::identity;
//! use mqtt::client::Config;
//! use mqtt::{Message, Qos};
//! use yew::prelude::*;
//!
//! #[component]
//! fn Lamp() -> Html {
//!     let config = || Config { client_id: identity::take("lamp-"), seed: identity::seed(), ..Config::default() };
//!     let link = use_link("ws://localhost:8080/mqtt", config);
//!     let state = use_link_state(&link);
//!     let seen = use_subscription(&link, "home/lamp", Qos::AtLeastOnce);
//!     let publish = use_publish(&link, Duration::from_secs(5));
//!     let tap = publish.callback(|_: MouseEvent| {
//!         let topic = "home/lamp/set".parse().ok()?;
//!         Some(Message::new(topic, "ON").with_qos(Qos::AtLeastOnce))
//!     });
//!     let says = seen.map(|seen| String::from_utf8_lossy(&seen.message.payload).into_owned());
//!     html! {
//!         <button onclick={tap} disabled={!matches!(*state, LinkState::Connected(_))}>
//!             { match publish.state() {
//!                 Publishing::UnderWay => "…".to_owned(),
//!                 Publishing::Failed(why) => why.to_string(),
//!                 Publishing::Nothing | Publishing::Done => says.unwrap_or_else(|| "?".to_owned()),
//!             } }
//!         </button>
//!     }
//! }
//! ```

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use mqtt::client::{Config, Connected, Ended, Event, Outcome, PublishError, Received};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, Message, Qos, TopicError, TopicFilter};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::link::Link;

/// How a link stands.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkState {
    /// The first attempt is made.
    Connecting,
    /// The broker has accepted it.
    Connected(Rc<Connected>),
    /// It is lost, and will be tried again at that time of [`now`](super::now).
    Waiting(Rc<Ended>, Instant),
    /// It is over until [`Link::retry`].
    Closed(Rc<Ended>),
}

/// A link that lives as long as the component. Another address makes another link; the configuration is that of the moment.
#[hook]
pub fn use_link(address: impl Into<AttrValue>, config: impl FnOnce() -> Config) -> Link {
    let link = use_memo(address.into(), |address| Link::open(address, config(), |_| ()));
    (*link).clone()
}

/// How a link stands, from now on: the component is drawn again when that changes.
#[hook]
pub fn use_link_state(link: &Link) -> Rc<LinkState> {
    let state = use_state_eq(|| Rc::new(first(link)));
    let set = state.setter();
    use_effect_with(link.clone(), move |link| {
        set.set(Rc::new(first(link)));
        let listening = link.listen(move |event| match event {
            Event::Connected(connected) => {
                set.set(Rc::new(LinkState::Connected(Rc::new((**connected).clone()))));
            }
            Event::Ended { why, retry_at } => {
                let why = Rc::new(why.clone());
                set.set(Rc::new(retry_at.map_or_else(
                    || LinkState::Closed(Rc::clone(&why)),
                    |at| LinkState::Waiting(Rc::clone(&why), at),
                )));
            }
            _ => {}
        });
        move || drop(listening)
    });
    (*state).clone()
}

fn first(link: &Link) -> LinkState {
    link.granted().map_or(LinkState::Connecting, |granted| LinkState::Connected(Rc::new(granted)))
}

/// The newest message that fits a filter, since the component is there; its payload is shared, not copied. Components that
/// subscribe to one filter share the subscription, with the QoS of the first, and the last to go ends it. A text that is
/// no filter brings no message.
#[hook]
pub fn use_subscription(link: &Link, filter: impl Into<AttrValue>, qos: Qos) -> Option<Rc<Received>> {
    let newest = use_state(|| None::<Rc<Received>>);
    let set = newest.setter();
    use_effect_with((link.clone(), filter.into(), qos.level()), move |(link, filter, _)| {
        let filter: Result<TopicFilter, TopicError> = TopicFilter::new(filter.as_str().into());
        let kept = filter.ok().map(|filter| {
            let wanted = filter.clone();
            let listening = link.listen(move |event| {
                if let Event::Message(received) = event
                    && wanted.matches(&received.message.topic.borrowed())
                {
                    set.set(Some(Rc::new(received.clone())));
                }
            });
            let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
            (listening, link.share(filter, options))
        });
        move || drop(kept)
    });
    (*newest).clone()
}

/// What became of the last message of [`use_publish`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publishing {
    /// None was published yet.
    Nothing,
    /// It is on its way.
    UnderWay,
    /// It did all that its QoS can promise.
    Done,
    /// It did not.
    Failed(NotPublished),
}

/// Why a message was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotPublished {
    /// It was not taken.
    NotTaken(PublishError),
    /// It was, and came to this end.
    Ended(Outcome),
}

impl fmt::Display for NotPublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTaken(why) | Self::Ended(Outcome::Impossible(why)) => why.fmt(f),
            Self::Ended(Outcome::Refused { reason, reason_string: None }) => reason.fmt(f),
            Self::Ended(Outcome::Refused { reason, reason_string: Some(words) }) => {
                write!(f, "{reason}: {words}")
            }
            Self::Ended(Outcome::Expired) => f.write_str("not delivered in its time"),
            Self::Ended(_) => f.write_str("lost with the connection"),
        }
    }
}

/// A way to publish, and what became of the last message.
#[derive(Clone, Debug)]
pub struct UsePublish {
    link: Link,
    time: Duration,
    state: UseStateHandle<(u64, Publishing)>,
    count: Rc<std::cell::Cell<u64>>,
}

/// Publishes messages that are worth nothing after `time` ([`Link::send`]), and shows what becomes of the last of them.
#[hook]
pub fn use_publish(link: &Link, time: Duration) -> UsePublish {
    let state = use_state_eq(|| (0, Publishing::Nothing));
    let count = use_memo((), |()| Rc::new(std::cell::Cell::new(0)));
    UsePublish { link: link.clone(), time, state, count: Rc::clone(&count) }
}

impl UsePublish {
    /// What became of the last message.
    #[must_use]
    pub fn state(&self) -> &Publishing {
        &self.state.1
    }

    /// Publishes a message.
    pub fn publish(&self, message: Message) {
        // What becomes of one before it is of no interest any more.
        let number = self.count.get() + 1;
        self.count.set(number);
        let (set, count) = (self.state.setter(), Rc::clone(&self.count));
        match self.link.send(message, self.time) {
            Err(why) => set.set((number, Publishing::Failed(NotPublished::NotTaken(why)))),
            Ok(sending) => {
                set.set((number, Publishing::UnderWay));
                spawn_local(async move {
                    let outcome = sending.await;
                    let end = if outcome.is_success() {
                        Publishing::Done
                    } else {
                        Publishing::Failed(NotPublished::Ended(outcome))
                    };
                    if count.get() == number {
                        set.set((number, end));
                    }
                });
            }
        }
    }

    /// A callback that publishes what a function makes of its event; nothing when that makes nothing.
    #[must_use]
    pub fn callback<E: 'static>(&self, message: impl Fn(E) -> Option<Message> + 'static) -> Callback<E> {
        let publish = self.clone();
        Callback::from(move |event| {
            if let Some(message) = message(event) {
                publish.publish(message);
            }
        })
    }
}
