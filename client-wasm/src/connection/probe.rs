//! Asking a broker's host by HTTP: whether it is there at all and what it says, for a WebSocket that fails does not say why;
//! and what the acknowledgements of this page's own broker promise.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, RequestMode, Response};

use super::address::Address;
use super::listener::Listener;
use super::reason::Probe;
use super::window;

const TIMEOUT_MS: u32 = 3_000;
/// What the address of a WebSocket answers to plain HTTP: it is the right one.
const UPGRADE_REQUIRED: u16 = 426;

/// What a broker's host says by HTTP at the path of its WebSocket. Asks nothing that a page may not ask, and says
/// [`Probe::NotAsked`] where the page's own security policy forbids to.
pub async fn probe(address: &Address) -> Probe {
    let Some(window) = window::own() else { return Probe::NotAsked };
    let is_forbidden = Rc::new(Cell::new(false));
    let forbids = Rc::clone(&is_forbidden);
    let _listener = window
        .document()
        .map(|document| Listener::new(&document, "securitypolicyviolation", move |_| forbids.set(true)));
    let own = window.location().host().is_ok_and(|host| host == address.host());
    let url =
        |secure| format!("http{}://{}{}", if secure { "s" } else { "" }, address.host(), address.path());
    let (url, plain) = (url(address.is_secure()), url(false));
    let asked = ask(&url, "GET", RequestMode::Cors).await;
    match asked.map(|response| response.status()) {
        // A page of its own origin says where it comes from by POST only.
        Some(UPGRADE_REQUIRED) if own => {
            let asked = ask(&url, "POST", RequestMode::SameOrigin).await;
            let status = asked.map(|response| response.status()).filter(|status| *status == 403);
            Probe::Status(status.unwrap_or(UPGRADE_REQUIRED))
        }
        Some(status) => Probe::Status(status),
        None if is_forbidden.get() => Probe::NotAsked,
        None if own => Probe::Silent,
        // An answer that this page may not read is an answer.
        None if ask(&url, "GET", RequestMode::NoCors).await.is_some() => Probe::Unreadable,
        None if address.is_secure() && ask(&plain, "GET", RequestMode::NoCors).await.is_some() => {
            Probe::WithoutTls
        }
        None => Probe::Silent,
    }
}

/// What an acknowledgement of this page's own broker promises, in its word; none when it does not say.
pub async fn durability() -> Option<String> {
    let response = ask("/health", "GET", RequestMode::SameOrigin).await.filter(Response::ok)?;
    let body = JsFuture::from(response.json().ok()?).await.ok()?;
    js_sys::Reflect::get(&body, &"durability".into()).ok()?.as_string()
}

async fn ask(url: &str, method: &str, mode: RequestMode) -> Option<Response> {
    let init = RequestInit::new();
    init.set_method(method);
    init.set_mode(mode);
    init.set_cache(RequestCache::NoStore);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MS)));
    let response = JsFuture::from(window::own()?.fetch_with_str_and_init(url, &init)).await;
    response.ok()?.dyn_into().ok()
}
