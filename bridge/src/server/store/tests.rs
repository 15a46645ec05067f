//! The store under faults: the power goes out at every step, bits flip everywhere, the disk fills up, syncs fail.

mod committing;
mod faults;
mod files;
mod ledger;

use super::*;
