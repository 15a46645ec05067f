//! The style of what is seen later than the first tiles: a sheet of its own, which the first paint need not wait for.

use std::cell::RefCell;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

const SHEET: &str = "/later.css";
/// What an attempt before left behind.
const OLD: &str = "[href='/later.css']";

thread_local! {
    /// Settled when the sheet is worn, or could not be had.
    static WORN: RefCell<Option<Promise>> = const { RefCell::new(None) };
}

/// Begins to fetch it, unless somebody did. What it gives ends when the sheet is worn; an error is to be tried again.
pub(super) fn wear() -> JsFuture {
    WORN.with_borrow_mut(|worn| worn.get_or_insert_with(|| Promise::new(&mut fetch)).clone()).into()
}

/// It did not come: the next one who wants it asks anew.
pub(super) fn forget() {
    WORN.take();
}

fn fetch(done: js_sys::Function, failed: js_sys::Function) {
    if link(&done, &failed).is_none() {
        let _ = failed.call0(&JsValue::NULL);
    }
}

fn link(done: &js_sys::Function, failed: &js_sys::Function) -> Option<()> {
    let document = web_sys::window()?.document()?;
    let head = document.query_selector("head").ok()??;
    if let Ok(Some(failed)) = head.query_selector(OLD) {
        failed.remove();
    }
    let link = document.create_element("link").ok()?;
    // A new element in a page takes all of these.
    let _ = link.set_attribute("rel", "stylesheet");
    let _ = link.set_attribute("href", SHEET);
    let _ = link.add_event_listener_with_callback("load", done);
    let _ = link.add_event_listener_with_callback("error", failed);
    head.append_child(&link).ok()?;
    Some(())
}
