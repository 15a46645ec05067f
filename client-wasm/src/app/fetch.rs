//! Documents of the page's own server. Knows none of them.

use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, Response};

/// The JSON at an address; none when it does not come within so many milliseconds, or is something else.
pub(crate) async fn json(address: &str, patience_ms: u32, cache: RequestCache) -> Option<JsValue> {
    let init = RequestInit::new();
    init.set_cache(cache);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(patience_ms)));
    let fetched = web_sys::window()?.fetch_with_str_and_init(address, &init);
    let response: Response = JsFuture::from(fetched).await.ok()?.dyn_into().ok()?;
    let body = response.json().ok().filter(|_| response.ok())?;
    JsFuture::from(body).await.ok()
}
