//! The explorer: every topic the broker lets us see, live.

pub mod history;
pub mod payload;
pub mod tree;
