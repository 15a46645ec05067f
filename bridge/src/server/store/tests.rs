//! The store under faults: the power goes out at every step, bits flip everywhere, the disk fills up, syncs fail.

mod faults;
mod files;
mod ledger;

use super::*;
