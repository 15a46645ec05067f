//! The window of this page. Asked for by its name alone: what looks for the global object of any environment is longer.

use wasm_bindgen::prelude::*;
use web_sys::Window;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = window)]
    static WINDOW: Option<Window>;
}

/// None where there is no page, as in a worker.
pub(super) fn own() -> Option<Window> {
    WINDOW.with(Clone::clone)
}
