//! Switchboard's page: an MQTT client for the browser, and the panel, explorer and settings that stand on it.
//!
//! Knows nothing of the broker's insides: it works with any broker that offers MQTT over WebSocket. The machine of the
//! protocol is [`mqtt::client`]; [`connection`] drives it. What is shown is decided in pure state (`devices`, `panel`,
//! `explorer`) with the time passed in, and drawn by small components.
//!
//! An application of its own takes the client alone, without Yew and all that is drawn:
//!
//! ```toml
//! [dependencies]
//! client-wasm = { path = "client-wasm", default-features = false }
//! ```
//!
//! and begins with [`connection::Link::open`]. For pages without Rust there is the npm package in `client-wasm/npm`.

pub mod connection;
pub mod locale;
mod text;
pub mod tongue;
pub mod words;

#[cfg(feature = "app")]
pub mod devices;
#[cfg(feature = "app")]
pub mod explorer;
#[cfg(feature = "app")]
pub mod panel;

#[cfg(feature = "app")]
mod app;
#[cfg(feature = "app")]
mod pure;
#[cfg(feature = "app")]
mod settings;

/// Starts the app in the page's `#app`, in place of the shell that stands there.
#[cfg(feature = "app")]
pub fn start() {
    wasm_bindgen_futures::spawn_local(app::start());
}
