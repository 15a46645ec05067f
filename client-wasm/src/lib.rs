//! Switchboard's page: an MQTT client for the browser, and the panel, explorer and settings that stand on it.
//!
//! Knows nothing of the broker's insides: it works with any broker that offers MQTT over WebSocket. The machine of the
//! protocol is [`mqtt::client`]; [`connection`] drives it and can be used without the rest. What is shown is decided in
//! pure state ([`devices`], [`panel`], [`explorer`]) with the time passed in, and drawn by small components.

pub mod connection;
pub mod devices;
pub mod explorer;
pub mod panel;
pub mod words;

mod app;
mod pure;
mod settings;

/// Starts the app in the page's `#app`, in place of the shell that stands there.
pub fn start() {
    let document = web_sys::window().and_then(|window| window.document());
    match document.and_then(|document| document.get_element_by_id("app")) {
        Some(root) => drop(yew::Renderer::<app::App>::with_root(root).render()),
        None => drop(yew::Renderer::<app::App>::new().render()),
    }
}
