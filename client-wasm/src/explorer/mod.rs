//! The explorer: every topic the broker lets us see, live.
//!
//! Knows nothing of devices. [`state`] holds what is watched and was heard ([`tree`], [`history`]), and the view draws the
//! few rows of it that are in sight.

pub mod history;
pub mod payload;
pub mod state;
pub mod tree;

mod rows;
pub(crate) mod view;
