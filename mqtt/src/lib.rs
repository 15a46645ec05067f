//! MQTT 3.1, 3.1.1 and 5.0 as plain values and pure machines.
//!
//! This crate knows no socket, no clock, no thread, no randomness of its own and no browser: time, bytes and a
//! seed come in as arguments, bytes and events come out. So the same code runs in the broker, in the page and in a
//! test that plays a week in a millisecond.
//!
//! ```text
//!   bytes ──▶ codec::Deframer ──▶ Packet<'_> ──▶ machine.handle(now, input)
//!   bytes ◀── Output::Send ◀───────────────────── machine.poll()   until it says Wait
//! ```
//!
//! **The law of every machine here and in the broker:** call `handle(now, input)`, then call `poll()` until it answers
//! `Wait`. Nothing happens between two handles, and nothing is done before it is polled.
//!
//! Nothing here needs more of the other side than the standard asks [MQTT3-7.0.0-2]. Packets are shaped as 5.0 shapes them. What an older version cannot say, its encoder leaves out; [`Version`] is
//! looked at in the codec and at CONNECT, nowhere else.

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![cfg_attr(
    not(feature = "server"),
    allow(dead_code, reason = "what only a Server does stands beside what a Client does")
)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::cast_possible_truncation))]

pub mod client;
pub mod codec;
pub mod delivery;
pub mod packet;
#[cfg(feature = "scram")]
pub mod scram;

mod message;
mod reason;
mod rng;
mod time;
mod topic;
mod types;
mod words;

pub use message::{Message, MessageProperties, Will};
pub use packet::Packet;
pub use reason::ReasonCode;
pub use rng::Rng;
pub use time::Instant;
pub use topic::{MAX_LEVELS, TopicError, TopicFilter, TopicName};
pub use types::{Delivery, PacketId, Qos, SessionExpiry, Version};
pub use words::Words;
