//! Where the panel's memory is kept: the storage of this browser, one text for each broker.

use web_sys::Storage;

use crate::connection::{now, unix_now};
use crate::panel::memory::Memory;

use super::model::Model;

const EVERY_S: u64 = 60;

/// Tells the panel what was heard in earlier visits.
pub(super) fn recall(model: &mut Model) {
    let text = storage().and_then(|storage| storage.get_item(&key(model)).ok()?);
    let Some(text) = text else { return };
    let mut messages = Memory::read(&text, unix_now());
    messages.retain(|(at, topic, payload)| {
        model.memory.keep(*at, topic, payload.as_bytes());
        !model.desk.recall(topic, payload)
    });
    model.panel.recall(unix_now(), &messages);
}

/// Writes down what is new, once in a while: a page on a wall is never left.
pub(super) fn write_sometimes(model: &mut Model) {
    if now().since(model.remembered_at).as_secs() >= EVERY_S {
        write(model);
    }
}

/// Writes down what is new.
pub(super) fn write(model: &mut Model) {
    model.remembered_at = now();
    if let Some(storage) = storage()
        && let Some(text) = model.memory.take()
    {
        // A storage that is full or forbidden remembers nothing more: then the next visit waits for the broker, as the first did.
        let _ = storage.set_item(&key(model), &text);
    }
}

fn key(model: &Model) -> String {
    let broker = model.address.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("switchboard-heard {broker}")
}

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}
