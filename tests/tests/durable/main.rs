//! What the program promises to keep, against the program itself: it is killed while clients work, started again, and asked
//! for all that it had acknowledged.

mod bounds;
#[cfg(target_os = "linux")]
mod broken;
mod clients;
mod faults;
mod ledger;
mod line;
mod long;
mod player;
mod wills;
