//! The wasm part of the npm package: a [`Link`] for pages that are written in JavaScript.
//!
//! It knows no more of JavaScript than the [`Host`] it tells; Promises, events and errors are made in `ts/`. A crate of its
//! own, so that what it exports weighs on no page that is written in Rust.

mod host;
mod inbox;
mod settings;
mod tell;

use std::time::Duration;

use client_wasm::connection::{Link, now};
use mqtt::client::{Offline, PublishId};
use mqtt::packet::{RetainHandling, SubscriptionOptions};
use mqtt::{ReasonCode, TopicFilter};
use wasm_bindgen::prelude::*;

/// Faster than the one of the standard library, and two kilobytes of brotli less.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

pub use host::{Host, Properties, Settings};

/// One connection that keeps itself alive.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Core {
    link: Link,
    host: Host,
}

#[wasm_bindgen]
impl Core {
    /// Begins to connect to an address that a WebSocket takes.
    ///
    /// # Errors
    /// What is wrong with the settings.
    #[wasm_bindgen(constructor)]
    pub fn new(address: &str, settings: &Settings, host: Host) -> Result<Self, JsValue> {
        let config = settings::config(&host, settings)?;
        let observer = tell::Tell::new(host.clone().unchecked_into());
        let link = Link::open_for(address, config, observer);
        Ok(Self { link, host })
    }

    /// Publishes; gives the number by which [`Host`] hears what became of it. Without a connection it waits: until `patience`
    /// milliseconds are over, for ever if that is negative, not at all if it is zero.
    ///
    /// # Errors
    /// Why it is not taken. Nothing was sent then.
    pub fn publish(
        &self,
        topic: &str,
        payload: Vec<u8>,
        qos: u8,
        retain: bool,
        patience: f64,
        properties: Option<Properties>,
    ) -> Result<f64, JsValue> {
        let host = &self.host;
        let message = settings::message(host, topic, payload, qos, retain, properties.as_ref())?;
        let offline = match patience {
            0.0 => Offline::FailNow,
            ms if ms > 0.0 => Offline::WaitUntil(now() + Duration::from_secs_f64(ms / 1000.0)),
            _ => Offline::Wait,
        };
        let id = self.link.publish(message, offline).map_err(|e| settings::not_taken(host, e))?;
        Ok(id.number() as f64)
    }

    /// Takes back what was not sent yet; says whether it was so, as the host hears too.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it came from `publish`")]
    #[must_use]
    pub fn cancel(&self, id: f64) -> bool {
        self.link.cancel(PublishId::from_number(id as u64))
    }

    /// Subscribes; gives the number by which the answer comes. `options` are those of the packet (3.8.3.1), one byte for all
    /// filters; `id` 0 is none.
    ///
    /// # Errors
    /// What is wrong with a filter.
    pub fn subscribe(&self, filters: Vec<String>, options: u8, id: u32) -> Result<f64, JsValue> {
        let options = SubscriptionOptions {
            qos: settings::qos(&self.host, options & 3)?,
            no_local: options & 4 != 0,
            retain_as_published: options & 8 != 0,
            retain_handling: match options >> 4 {
                0 => RetainHandling::Send,
                1 => RetainHandling::SendIfNew,
                _ => RetainHandling::DoNotSend,
            },
        };
        let filters: Vec<_> = self.filters(&filters)?.into_iter().map(|filter| (filter, options)).collect();
        Ok(self.link.subscribe(&filters, (id != 0).then_some(id)).number() as f64)
    }

    /// Ends subscriptions; gives the number by which the answer comes.
    ///
    /// # Errors
    /// What is wrong with a filter.
    pub fn unsubscribe(&self, filters: Vec<String>) -> Result<f64, JsValue> {
        Ok(self.link.unsubscribe(&self.filters(&filters)?).number() as f64)
    }

    /// Connects now instead of waiting for the next attempt; probes a connection that is there.
    pub fn retry(&self) {
        self.link.retry();
    }

    /// Says goodbye and stays away until [`retry`](Self::retry).
    pub fn close(&self) {
        self.link.close();
    }

    /// The client identifier, once it is known.
    #[wasm_bindgen(getter, js_name = clientId)]
    #[must_use]
    pub fn client_id(&self) -> String {
        self.link.client_id()
    }

    fn filters(&self, texts: &[String]) -> Result<Vec<TopicFilter>, JsValue> {
        let filter = |text: &String| {
            TopicFilter::new(text.as_str().into()).map_err(|e| settings::no_topic(&self.host, text, e))
        };
        texts.iter().map(filter).collect()
    }
}

/// What a Reason Code means, in words for a person.
#[wasm_bindgen(js_name = reasonText)]
#[must_use]
pub fn reason_text(code: u8) -> String {
    ReasonCode::from_byte(code).map_or_else(String::new, |reason| reason.text().to_owned())
}
