//! A phone in the hand says how a wish ended: one short beat for good, two for anything else.

use js_sys::Reflect;

/// Beats, where the device can and somebody has touched the page: browsers complain of pages that do so unasked.
pub(super) fn feel(good: bool) {
    let Some(navigator) = web_sys::window().map(|window| window.navigator()) else { return };
    let was_touched = Reflect::get(&navigator, &"userActivation".into())
        .and_then(|activation| Reflect::get(&activation, &"hasBeenActive".into()));
    let can = Reflect::has(&navigator, &"vibrate".into()).unwrap_or(false);
    if can && was_touched.is_ok_and(|was| was.is_truthy()) {
        let beats = if good { vec![12] } else { vec![40, 60, 40] };
        let beats: js_sys::Array = beats.into_iter().map(wasm_bindgen::JsValue::from).collect();
        // A device that does not beat now does not matter.
        let _ = navigator.vibrate_with_pattern(&beats);
    }
}
