//! Switchboard's page.
pub mod devices;
pub mod explorer;
pub mod panel;
pub mod words;
