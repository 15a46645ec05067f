//! The explorer: every topic the broker lets us see, live.

pub mod history;
pub mod payload;
pub mod state;
pub mod tree;

mod rows;
pub(crate) mod view;
