//! The style of what is seen later than the first tiles: sheets of their own, which the first paint need not wait for.

use std::cell::RefCell;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

/// A sheet that is fetched when something is drawn in it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sheet {
    /// Lines of last values, their charts, and what is held.
    Lines,
    /// Arranged pages, explorer, settings.
    Later,
}

thread_local! {
    /// Of each sheet: settled when it is worn, or could not be had.
    static WORN: RefCell<[Option<Promise>; 2]> = const { RefCell::new([None, None]) };
}

impl Sheet {
    /// Begins to fetch it, unless somebody did. What it gives ends when the sheet is worn; an error is to be tried again.
    pub(super) fn wear(self) -> JsFuture {
        let fetch = || Promise::new(&mut |done, failed| self.fetch(&done, &failed));
        WORN.with_borrow_mut(|worn| worn[self as usize].get_or_insert_with(fetch).clone()).into()
    }

    /// It did not come: the next one who wants it asks anew.
    pub(super) fn forget(self) {
        WORN.with_borrow_mut(|worn| worn[self as usize] = None);
    }

    /// Its address, and what selects a link to it.
    const fn address(self) -> (&'static str, &'static str) {
        match self {
            Self::Lines => ("/lines.css", "[href='/lines.css']"),
            Self::Later => ("/later.css", "[href='/later.css']"),
        }
    }

    fn fetch(self, done: &js_sys::Function, failed: &js_sys::Function) {
        if self.link(done, failed).is_none() {
            let _ = failed.call0(&JsValue::NULL);
        }
    }

    fn link(self, done: &js_sys::Function, failed: &js_sys::Function) -> Option<()> {
        let document = web_sys::window()?.document()?;
        let head = document.query_selector("head").ok()??;
        let (address, is_linked) = self.address();
        // What an attempt before left behind.
        if let Ok(Some(failed)) = head.query_selector(is_linked) {
            failed.remove();
        }
        let link = document.create_element("link").ok()?;
        // A new element in a page takes all of these.
        let _ = link.set_attribute("rel", "stylesheet");
        let _ = link.set_attribute("href", address);
        let _ = link.add_event_listener_with_callback("load", done);
        let _ = link.add_event_listener_with_callback("error", failed);
        head.append_child(&link).ok()?;
        Some(())
    }
}
