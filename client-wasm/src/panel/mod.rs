//! The panel: devices as tiles that tell the truth.
//!
//! Knows no socket and no clock. [`state`] hears and wishes, [`tile`] holds the rules of a single point, [`look`] says how
//! it looks, and the view only draws that.

pub mod alarm;
pub(crate) mod arrange;
pub(crate) mod extras;
pub mod layout;
pub mod look;
pub mod made;
pub mod memory;
pub mod state;
pub mod tile;
pub(crate) mod view;

#[cfg(test)]
mod tests;
