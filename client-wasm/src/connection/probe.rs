//! Asking this page's own server by HTTP: whether it is there at all, for a WebSocket that fails does not say why, and what its
//! acknowledgements promise.

use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, Response};

use super::trouble::Probe;

const TIMEOUT_MS: u32 = 3_000;

/// Whether `/health` of this page's own origin answers, and well.
pub async fn probe() -> Probe {
    if web_sys::window().is_none() {
        return Probe::NotAsked;
    }
    match health().await {
        Some(response) if response.ok() => Probe::Healthy,
        Some(_) => Probe::Foreign,
        None => Probe::Silent,
    }
}

/// What an acknowledgement of this page's own broker promises, in its word; none when it does not say.
pub async fn durability() -> Option<String> {
    let response = health().await.filter(Response::ok)?;
    let body = JsFuture::from(response.json().ok()?).await.ok()?;
    js_sys::Reflect::get(&body, &"durability".into()).ok()?.as_string()
}

/// Fetches `/health` of this page's own origin: no other may be asked under the page's security policy.
async fn health() -> Option<Response> {
    let init = RequestInit::new();
    init.set_cache(RequestCache::NoStore);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MS)));
    let response = JsFuture::from(web_sys::window()?.fetch_with_str_and_init("/health", &init)).await;
    response.ok()?.dyn_into().ok()
}
