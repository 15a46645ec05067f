//! What is done with the bytes that a fuzzer makes up. The targets call these functions; a test of the house plays the
//! corpora through them too, so that they never grow stale.

pub mod broker;
pub mod client;
pub mod config;
pub mod decode;
pub mod frames;
pub mod proxy;
pub mod rules;
pub mod token;

/// Plays what some bytes say.
pub type Play = fn(&[u8]);

/// The name of each target, and what it does with its bytes.
pub const TARGETS: [(&str, Play); 11] = [
    ("decode_3_1", decode::v3_1),
    ("decode_3_1_1", decode::v3_1_1),
    ("decode_5", decode::v5),
    ("round_trip", decode::round_trip),
    ("client", client::play),
    ("broker", broker::play),
    ("frames", frames::read),
    ("proxy", proxy::header),
    ("config", config::read),
    ("rules", rules::judge),
    ("token", token::check),
];
