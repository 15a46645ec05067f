//! The clocks and the one alarm of a driver: the only place of this crate where time is read.

use super::window;
use std::cell::Cell;

use mqtt::Instant;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Milliseconds since the page began: goes only forward, and does not jump when the clock of the machine is set.
#[must_use]
pub fn now() -> Instant {
    whole(performance_now())
}

/// Milliseconds since 1970 UTC: for what a person reads, and for what must go on while the machine sleeps.
#[must_use]
pub fn unix_now() -> Instant {
    whole(js_sys::Date::now())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and far below 2^53")]
fn whole(ms: f64) -> Instant {
    Instant::from_millis(ms as u64)
}

/// An alarm that calls one function, again and again if it is armed again. Silent once dropped.
pub struct Timer {
    ring: Closure<dyn FnMut()>,
    armed: std::rc::Rc<Cell<Option<Armed>>>,
}

#[derive(Clone, Copy)]
struct Armed {
    handle: i32,
    at: Instant,
}

impl Timer {
    /// An alarm that is not armed.
    #[must_use]
    pub fn new(mut ring: impl FnMut() + 'static) -> Self {
        let armed = std::rc::Rc::new(Cell::new(None));
        let rings = std::rc::Rc::clone(&armed);
        let ring = Closure::new(move || {
            rings.set(None);
            ring();
        });
        Self { ring, armed }
    }

    /// Rings at this time of [`now`], or at an earlier one it was armed for: whoever it calls looks at the clock. So the many
    /// deadlines that only move away cost no call into the browser.
    pub fn arm(&self, at: Option<Instant>) {
        let Some(at) = at else { return };
        if self.armed.get().is_some_and(|armed| armed.at <= at) {
            return;
        }
        self.disarm();
        let wait = at.as_millis().saturating_sub(now().as_millis()) + 1; // the clock is cut to whole milliseconds
        let wait = i32::try_from(wait).unwrap_or(i32::MAX);
        let Some(window) = window::own() else { return };
        let ring = self.ring.as_ref().unchecked_ref();
        if let Ok(handle) = window.set_timeout_with_callback_and_timeout_and_arguments_0(ring, wait) {
            self.armed.set(Some(Armed { handle, at }));
        }
    }

    fn disarm(&self) {
        if let (Some(armed), Some(window)) = (self.armed.take(), window::own()) {
            window.clear_timeout_with_handle(armed.handle);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.disarm();
    }
}

impl std::fmt::Debug for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timer").field("at", &self.armed.get().map(|armed| armed.at)).finish_non_exhaustive()
    }
}
