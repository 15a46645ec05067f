//! The Client in virtual time against a scripted Server: hours in a millisecond, no sockets.
#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

mod aliases;
mod authenticate;
#[path = "../wire/bytes.rs"]
mod bytes;
mod chaos;
mod connect;
mod delivery;
mod durable;
mod facts;
mod keep_alive;
mod pair;
mod pressure;
mod reconnect;
mod statements;
mod subscriptions;
