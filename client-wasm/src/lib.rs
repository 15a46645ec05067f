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
