//! An MQTT client for the browser, usable without the rest of this crate.
//!
//! Knows the browser's WebSocket, timers and page life; knows nothing of devices or of what is drawn. The protocol itself
//! is [`mqtt::client::Client`], a pure machine that this module drives:
//!
//! ```text
//!   WebSocket ──frame, one copy──▶ Client::handle ─▶ Client::poll ─▶ your callback
//!   WebSocket ◀─one frame a turn── Client::poll
//!   setTimeout ──Tick──▶    visibilitychange, pageshow, online, resume ──Wake──▶
//! ```
//!
//! ```no_run
//! use client_wasm::connection::{Link, identity};
//! use mqtt::client::{Config, Event};
//! use mqtt::packet::SubscriptionOptions;
//!
//! let config = Config { client_id: identity::take("app-"), seed: identity::seed(), ..Config::default() };
//! let link = Link::open("ws://localhost:8080/mqtt", config, |event| {
//!     if let Event::Message(received) = event {
//!         web_sys::console::log_1(&received.message.topic.as_str().into());
//!     }
//! });
//! link.subscribe(&[("home/#".parse()?, SubscriptionOptions::default())], None);
//! # Ok::<(), mqtt::TopicError>(())
//! ```

pub mod address;
#[cfg(feature = "hooks")]
pub mod hooks;
pub mod identity;
pub mod reason;
pub mod trouble;

mod answers;
mod driver;
#[cfg(feature = "durable")]
mod durable;
mod inbox;
mod link;
mod listener;
mod page;
mod probe;
mod request;
#[cfg(feature = "hooks")]
mod share;
#[cfg(feature = "durable")]
mod store;
mod timer;
mod window;

pub use answers::{Answer, Sending};
pub use driver::{Observer, Setup};
#[cfg(feature = "durable")]
pub use durable::Durable;
pub use link::{Link, Listening};
pub use listener::Listener;
pub use probe::{durability, probe};
pub use request::NoAnswer;
pub use timer::{Timer, now, unix_now};
