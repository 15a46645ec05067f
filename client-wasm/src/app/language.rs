//! Which language the page speaks: what was chosen in this browser, else the first that the browser asks for and there is a
//! table of.

use std::collections::BTreeMap;

use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestInit, Response, Storage};

use crate::tongue;

const KEY: &str = "switchboard-language";
/// A table that does not come keeps nobody waiting: then English is spoken.
const PATIENCE_MS: u32 = 3_000;

/// Code and own name. A language more is a line here and a table in `www/words`.
pub(crate) const ALL: [(&str, &str); 2] = [("en", "English"), ("de", "Deutsch")];

/// The code that was chosen; none for what the browser asks for.
pub(crate) fn chosen() -> Option<String> {
    storage()?.get_item(KEY).ok()?
}

/// Chooses, and begins anew with it.
pub(crate) fn choose(code: Option<&str>) {
    if let Some(storage) = storage() {
        // A storage that is full or forbidden keeps no choice.
        let _ = match code {
            Some(code) => storage.set_item(KEY, code),
            None => storage.remove_item(KEY),
        };
    }
    if let Some(window) = web_sys::window() {
        let _ = window.location().reload();
    }
}

/// Learns the language before anything is drawn.
pub(crate) async fn learn() {
    let code = chosen().or_else(wished).unwrap_or_default();
    let Some((code, _)) = ALL.iter().skip(1).find(|(other, _)| *other == code) else { return };
    if let Some(table) = table(code).await {
        tongue::learn(table);
        super::mark("lang", code);
    }
}

/// The first language of the browser's list that there is.
fn wished() -> Option<String> {
    let languages = web_sys::window()?.navigator().languages();
    let code =
        |tag: String| ALL.iter().find(|(code, _)| tag.split('-').next() == Some(code)).map(|(code, _)| *code);
    languages.iter().find_map(|tag| code(tag.as_string()?)).map(str::to_owned)
}

async fn table(code: &str) -> Option<BTreeMap<String, String>> {
    let init = RequestInit::new();
    init.set_signal(Some(&AbortSignal::timeout_with_u32(PATIENCE_MS)));
    let address = format!("/{code}.json");
    let response = JsFuture::from(web_sys::window()?.fetch_with_str_and_init(&address, &init)).await.ok()?;
    let response: Response = response.dyn_into().ok()?;
    let json = JsFuture::from(response.json().ok().filter(|_| response.ok())?).await.ok()?;
    let entries = js_sys::Object::entries(json.dyn_ref()?);
    let pair = |entry: wasm_bindgen::JsValue| {
        let entry: js_sys::Array = entry.dyn_into().ok()?;
        Some((entry.get(0).as_string()?, entry.get(1).as_string()?))
    };
    Some(entries.iter().filter_map(pair).collect())
}

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}
