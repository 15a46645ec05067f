//! What stands on a panel besides what devices are operated with: lines of their last values, gauges.
//!
//! Pure: knows no browser. How each is drawn, `extras` knows.

pub mod gauge;
pub mod history;
pub mod hold;
pub mod markdown;
pub mod shows;
pub mod wall;
