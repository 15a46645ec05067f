//! What stands on a panel besides what devices are operated with: lines of their last values, gauges,
//! texts, and tiles that people make of any topic.
//!
//! Pure: knows no browser. How each is drawn, `extras` knows.

pub mod code;
pub mod gauge;
pub mod history;
pub mod hold;
pub mod markdown;
pub mod own;
pub mod path;
pub mod picture;
pub mod point;
pub mod shows;
pub mod wall;
