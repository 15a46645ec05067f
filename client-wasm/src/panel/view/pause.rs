//! Keys that are pressed again and again ask once, when they rest: each step of a slider would be a command.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::text;

/// How long keys rest, in milliseconds.
const REST_MS: i32 = 400;

/// The same for a slider: at once for a finger or a mouse, which say when they are done; after a rest for the keyboard.
pub(super) fn after_keys(then: Callback<Event>) -> Callback<Event> {
    Callback::from(move |event: Event| {
        let input: HtmlInputElement = event.target_unchecked_into();
        if !input.matches(":focus-visible").unwrap_or(false) {
            return then.emit(event);
        }
        let (wanted, then) = (input.value(), then.clone());
        let last = input.dataset().get("presses").and_then(|n| text::count(&n)).unwrap_or(0);
        let press = last.wrapping_add(1).to_string();
        // A mark on the element: it fails for no plain word.
        let _ = input.dataset().set("presses", &press);
        let rest = Closure::once_into_js(move || {
            if input.dataset().get("presses").as_deref() == Some(&press) {
                // It may have been drawn anew meanwhile, with what is confirmed.
                input.set_value(&wanted);
                then.emit(event);
            }
        });
        wait(&rest);
    })
}

fn wait(then: &JsValue) {
    if let Some(window) = web_sys::window() {
        let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(then.unchecked_ref(), REST_MS);
    }
}
