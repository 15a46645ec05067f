//! The panel: devices as tiles that tell the truth.

pub mod look;
pub mod state;
pub mod tile;
pub(crate) mod view;

#[cfg(test)]
mod tests;
