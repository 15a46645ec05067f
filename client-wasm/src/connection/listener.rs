//! Listening to the browser for as long as somebody wants to know.

use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{Event, EventTarget};

/// A function that is called for each event of a kind until this is dropped.
#[derive(Debug)]
pub struct Listener {
    target: EventTarget,
    kind: &'static str,
    call: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Begins to listen.
    #[must_use]
    pub fn new(target: &EventTarget, kind: &'static str, call: impl FnMut(Event) + 'static) -> Self {
        let call = Closure::new(call);
        // Fails for no kind that is a plain word.
        let _ = target.add_event_listener_with_callback(kind, call.as_ref().unchecked_ref());
        Self { target: target.clone(), kind, call }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ =
            self.target.remove_event_listener_with_callback(self.kind, self.call.as_ref().unchecked_ref());
    }
}
