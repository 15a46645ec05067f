//! Who this tab is. Knows the storage of the tab, not the connection.

use super::window;
use wasm_bindgen::prelude::*;
use web_sys::Storage;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill(bytes: &mut [u8]);
}

const KEY: &str = "switchboard-client-id";
#[cfg(feature = "durable")]
const DEVICE: &str = "switchboard-device";
#[cfg(feature = "durable")]
const TAB: &str = "switchboard-tab";

/// The client identifier of this tab: `prefix` and a random part, the same again after a reload.
///
/// It is taken out of the tab's storage and goes back with [`keep`] when the page is left: a tab that is duplicated
/// copies the storage, and must not find the identifier of a page that lives.
#[must_use]
pub fn take(prefix: &str) -> String {
    let kept = storage().and_then(|storage| {
        let id = storage.get_item(KEY).ok().flatten();
        let _ = storage.remove_item(KEY);
        id
    });
    kept.filter(|id| id.starts_with(prefix)).unwrap_or_else(|| fresh(prefix))
}

/// A client identifier that nobody had before: `prefix` and ten letters and digits, within the 23 characters that every
/// broker takes [MQTT-3.1.3-5] if the prefix has no more than 13.
#[must_use]
pub fn fresh(prefix: &str) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut id = prefix.to_owned();
    for byte in random::<10>() {
        id.push(char::from(LETTERS[usize::from(byte % 32)]));
    }
    id
}

/// Six letters and digits that are this device's, the same in each of its tabs and visits.
#[cfg(feature = "durable")]
pub(super) fn device() -> String {
    let storage = super::store::local();
    let kept = storage.as_ref().and_then(|storage| storage.get_item(DEVICE).ok()?);
    kept.unwrap_or_else(|| {
        let device: String = fresh("").chars().take(6).collect();
        if let Some(storage) = storage {
            let _ = storage.set_item(DEVICE, &device);
        }
        device
    })
}

/// The number this tab had before it was loaded anew.
#[cfg(feature = "durable")]
pub(super) fn tab() -> Option<u32> {
    storage()?.get_item(TAB).ok()??.parse().ok()
}

#[cfg(feature = "durable")]
pub(super) fn set_tab(number: u32) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(TAB, &number.to_string());
    }
}

/// Keeps the identifier for the page's return.
pub fn keep(id: &str) {
    if let Some(storage) = storage() {
        // A full or forbidden storage costs nothing but a new identifier.
        let _ = storage.set_item(KEY, id);
    }
}

/// A seed for [`Config::seed`](mqtt::client::Config::seed).
#[must_use]
pub fn seed() -> u64 {
    u64::from_le_bytes(random())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

fn storage() -> Option<Storage> {
    window::own()?.session_storage().ok()?
}
