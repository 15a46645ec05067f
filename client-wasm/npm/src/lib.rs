//! The wasm part of the npm package: a [`Link`] for pages that are written in JavaScript.
//!
//! It knows no more of JavaScript than the [`Host`] it tells; Promises, events and errors are made in `ts/`. A crate of its
//! own, so that what it exports weighs on no page that is written in Rust. With the feature `durable` it is a second, heavier
//! module, which a page loads only when it asks for Sessions that outlive it.

mod authenticate;
mod fields;
mod host;
mod inbox;
mod settings;
mod tell;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use client_wasm::connection::reason::{Place, Probe, Reason};
use client_wasm::connection::{Link, Setup, now};
use mqtt::client::{AuthenticationError, Ended, Offline, PublishId};
use mqtt::packet::{RetainHandling, SubscriptionOptions};
use mqtt::{ReasonCode, TopicFilter, Words as _};
use wasm_bindgen::prelude::*;

use authenticate::ByHost;
use fields::{Fields, name, put, text};
use host::{Failed, Failure};
use settings::{Draft, Settings};
use tell::{Past, Tell};

pub use host::Host;

/// Faster than the one of the standard library, and two kilobytes of brotli less.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// In place of the number of what is not even tried.
const NOT_TAKEN: f64 = -1.0;

/// One connection that keeps itself alive.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Core {
    link: Link,
    host: Host,
    past: Rc<RefCell<Past>>,
}

/// A Session that outlives its page, found and claimed.
#[cfg(feature = "durable")]
#[wasm_bindgen]
#[derive(Debug)]
pub struct Session(client_wasm::connection::Durable);

#[cfg(feature = "durable")]
#[wasm_bindgen]
impl Session {
    /// Finds the Session of this tab; its client identifier begins with `prefix`.
    #[wasm_bindgen(js_name = open)]
    pub async fn open(prefix: Vec<u8>) -> Self {
        Self(client_wasm::connection::Durable::open(&text(prefix)).await)
    }
}

#[wasm_bindgen]
impl Core {
    /// Begins to connect to an address that a WebSocket takes. The settings are fields. None when something is wrong with them,
    /// which the host was told.
    pub fn open(address: Vec<u8>, settings: &[u8], host: Host) -> Option<Self> {
        let (setup, past) = (setup(&host, settings).ok()?, Rc::<RefCell<Past>>::default());
        let link = Link::open_for(&text(address), setup, Tell::new(host.clone(), Rc::clone(&past)));
        Some(Self { link, host, past })
    }

    /// The same with a Session that outlives the page.
    #[cfg(feature = "durable")]
    pub fn durable(address: Vec<u8>, settings: &[u8], host: Host, session: Session) -> Option<Self> {
        let (setup, past) = (setup(&host, settings).ok()?, Rc::<RefCell<Past>>::default());
        let tell = Tell::new(host.clone(), Rc::clone(&past));
        let link = Link::durable_for(&text(address), setup, session.0, tell);
        Some(Self { link, host, past })
    }

    /// Publishes; gives the number by which [`Host`] hears what became of it. Without a connection it waits: until `patience`
    /// milliseconds are over, for ever if that is negative, not at all if it is zero. The properties are fields.
    ///
    /// -1 when it is not taken: the host was told why, and nothing was sent.
    #[must_use]
    pub fn publish(
        &self,
        topic: Vec<u8>,
        payload: Vec<u8>,
        qos: u8,
        retain: bool,
        patience: f64,
        properties: &[u8],
    ) -> f64 {
        let draft = Draft { topic: Some(text(topic)), payload, qos: qos.into(), retain, properties };
        let offline = match patience {
            0.0 => Offline::FailNow,
            ms if ms > 0.0 => Offline::WaitUntil(now() + Duration::from_millis(whole(ms))),
            _ => Offline::Wait,
        };
        let taken = draft.message(&self.host).and_then(|message| {
            self.link.publish(message, offline).map_err(|e| settings::not_taken(&self.host, e))
        });
        taken.map_or(NOT_TAKEN, |id| id.number() as f64)
    }

    /// Takes back what was not sent yet; says whether it was so, as the host hears too.
    #[must_use]
    pub fn cancel(&self, id: f64) -> bool {
        self.link.cancel(PublishId::from_number(whole(id)))
    }

    /// Subscribes to filters, which are fields; gives the number by which the answer comes. `options` are those of the packet
    /// (3.8.3.1), one byte for all filters; `id` 0 is none. -1 when something is wrong with a filter.
    #[must_use]
    pub fn subscribe(&self, filters: &[u8], options: u8, id: u32) -> f64 {
        let (Ok(qos), Ok(filters)) =
            (settings::qos(&self.host, u32::from(options & 3)), self.filters(filters))
        else {
            return NOT_TAKEN;
        };
        let options = SubscriptionOptions {
            qos,
            no_local: options & 4 != 0,
            retain_as_published: options & 8 != 0,
            retain_handling: match options >> 4 {
                0 => RetainHandling::Send,
                1 => RetainHandling::SendIfNew,
                _ => RetainHandling::DoNotSend,
            },
        };
        let filters: Vec<_> = filters.into_iter().map(|filter| (filter, options)).collect();
        self.link.subscribe(&filters, (id != 0).then_some(id)).number() as f64
    }

    /// Ends subscriptions to filters, which are fields; gives the number by which the answer comes. -1 when something
    /// is wrong with a filter.
    #[must_use]
    pub fn unsubscribe(&self, filters: &[u8]) -> f64 {
        let filters = self.filters(filters);
        filters.map_or(NOT_TAKEN, |filters| self.link.unsubscribe(&filters).number() as f64)
    }

    /// Connects now instead of waiting for the next attempt; probes a connection that is there.
    pub fn retry(&self) {
        self.link.retry();
    }

    /// Says goodbye and stays away until [`retry`](Self::retry).
    pub fn close(&self) {
        self.link.close();
    }

    /// Proves anew who this is, by the authentication that it has connected with. False when that cannot be begun: the host was
    /// told why.
    #[must_use]
    pub fn reauthenticate(&self) -> bool {
        self.link.reauthenticate().map_err(|e| self.host.failure(Failure::Argument, &e.words())).is_ok()
    }

    /// What the step has come to that the host was asked for last.
    pub fn prove(&self, data: Vec<u8>) {
        self.link.prove(Ok(data));
    }

    /// Why that step comes to nothing.
    #[wasm_bindgen(js_name = giveUp)]
    pub fn give_up(&self, why: Vec<u8>) {
        self.link.prove(Err(AuthenticationError(text(why))));
    }

    /// Why there is no connection: the place in `REASONS` of `ts/errors.ts`. `probe` is an HTTP status, or below 100 what
    /// `ts/probe.ts` says; `place` has bits for a secure address, this machine, a secure page, and a network.
    #[must_use]
    pub fn reason(&self, probe: u16, place: u8) -> u8 {
        let past = self.past.borrow();
        let probe = match probe {
            0 => Probe::NotAsked,
            1 => Probe::Silent,
            2 => Probe::Unreadable,
            3 => Probe::WithoutTls,
            status => Probe::Status(status),
        };
        let place = Place {
            is_secure: place & 1 != 0,
            is_loopback: place & 2 != 0,
            page_is_secure: place & 4 != 0,
            online: place & 8 != 0,
            was_connected: past.was_connected,
            probe,
        };
        Reason::of(past.ended.as_ref().unwrap_or(&Ended::Stopped), place) as u8
    }

    /// Filters that are subscribed to, also by the page before, as fields.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        for filter in self.link.filters() {
            put(&mut fields, name::FILTER, filter.as_str().as_bytes());
        }
        fields
    }

    /// Whether the Session outlives the page.
    #[wasm_bindgen(getter, js_name = isDurable)]
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.link.is_durable()
    }

    fn filters(&self, fields: &[u8]) -> Result<Vec<TopicFilter>, Failed> {
        let mut filters = Vec::new();
        for (_, text) in Fields(fields).filter(|(name, _)| *name == name::FILTER) {
            let text = text.text();
            let filter = TopicFilter::new(text.as_str().into());
            filters.push(filter.map_err(|e| settings::no_topic(&self.host, &text, e))?);
        }
        Ok(filters)
    }
}

fn setup(host: &Host, settings: &[u8]) -> Result<Setup, Failed> {
    let Settings { config, authentication_method } = Settings::read(host, settings)?;
    let mut setup = Setup::from(config);
    if let Some(method) = authentication_method {
        setup = setup.with_authenticator(ByHost::new(method, host.clone()));
    }
    Ok(setup)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "JavaScript counts what it was given"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}

/// What a Reason Code means, in words for a person.
#[wasm_bindgen(js_name = reasonText)]
#[must_use]
pub fn reason_text(code: u8) -> Vec<u8> {
    ReasonCode::from_byte(code).map_or_else(Vec::new, |reason| reason.text().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_the_same_reasons_in_one_order() {
        let text = include_str!("../ts/errors.ts");
        let list = text.split("REASONS = [").nth(1).unwrap().split(']').next().unwrap();
        let there: Vec<_> = list.split('\'').skip(1).step_by(2).collect();
        let here: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(there, here);
        assert!(Reason::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at));
    }
}
