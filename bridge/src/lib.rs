//! Switchboard's server: the broker, and the shell that gives it sockets, a clock and a page to serve.
//!
//! `broker` is pure and builds for any target; all that touches the system is behind the feature `server`.

pub mod broker;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod demo;
#[cfg(feature = "server")]
pub mod server;
