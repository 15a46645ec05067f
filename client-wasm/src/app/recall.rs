//! What was said before the page was opened, of a broker that remembers: one question to the page's own server for all that
//! is about to be subscribed to.

use js_sys::{Array, Reflect, encode_uri_component};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::RequestCache;

use super::fetch;

/// Filters of one question: the server takes no more, and no address is longer than it takes.
pub(crate) const FILTERS: usize = 60;

const TIMEOUT_MS: u32 = 5_000;

/// What a server remembers.
#[derive(Debug)]
pub(crate) struct Recalled {
    /// Also what is not retained: then more questions are worth it.
    pub(crate) remembers: bool,
    /// Topic, payload, and milliseconds since.
    pub(crate) messages: Vec<(String, Vec<u8>, u64)>,
}

/// Asks for these filters; none when the server does not answer, or is none of ours.
pub(crate) async fn recall(filters: &[String]) -> Option<Recalled> {
    let address = question("/api/last", filters.iter().map(String::as_str));
    let body = fetch::json(&address, TIMEOUT_MS, RequestCache::NoStore).await?;
    let all: Array = get(&body, "messages").dyn_into().ok()?;
    let messages = all.iter().filter_map(|message| read(&message)).collect();
    Some(Recalled { remembers: get(&body, "unretained").is_truthy(), messages })
}

/// The address of a question about these filters.
pub(super) fn question<'a>(path: &str, filters: impl Iterator<Item = &'a str>) -> String {
    let mut address = path.to_owned();
    for (number, filter) in filters.enumerate() {
        address.push_str(if number == 0 { "?filter=" } else { "&filter=" });
        address.push_str(&String::from(encode_uri_component(filter)));
    }
    address
}

fn read(message: &JsValue) -> Option<(String, Vec<u8>, u64)> {
    let payload = match get(message, "payload").as_string() {
        Some(text) => text.into_bytes(),
        None => {
            let bytes = web_sys::window()?.atob(&get(message, "payload_base64").as_string()?).ok()?;
            bytes.chars().map(|c| u8::try_from(c).ok()).collect::<Option<_>>()?
        }
    };
    // What is retained for longer than the server runs is as old as anybody knows: not at all.
    let age = get(message, "age_ms").as_f64().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
    Some((get(message, "topic").as_string()?, payload, age as u64))
}

pub(super) fn get(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or_default()
}
