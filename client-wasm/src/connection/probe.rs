//! Asking a server by HTTP whether it is there at all: a WebSocket that fails does not say why.

use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, Response};

use super::trouble::Probe;

const TIMEOUT_MS: u32 = 3_000;

/// Fetches `/health` of this page's own origin: no other may be asked under the page's security policy.
pub async fn probe() -> Probe {
    let init = RequestInit::new();
    init.set_cache(RequestCache::NoStore);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MS)));
    let Some(window) = web_sys::window() else { return Probe::NotAsked };
    let response = JsFuture::from(window.fetch_with_str_and_init("/health", &init)).await;
    match response.map(|response| response.dyn_into::<Response>().is_ok_and(|r| r.ok())) {
        Ok(true) => Probe::Healthy,
        Ok(false) => Probe::Foreign,
        Err(_) => Probe::Silent,
    }
}
