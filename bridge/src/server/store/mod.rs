//! Where the broker's state survives the process: rows in a file, written by a thread of its own, group by group.
//!
//! It knows no packet, connection or rule of MQTT: what must survive is said by [`Change`]s, and when that is safe, the
//! shard is told.
//!
//! ```text
//!   shards: changes of one turn ─▶ Journal ─▶ committer: take all that is there, write, one fsync ─▶ shards: let go what waits
//! ```

mod backend;
mod beside;
mod committer;
pub mod folder;
#[cfg(test)]
mod memory;
pub(crate) mod record;
mod redb;
mod salvage;
mod snapshot;

pub(crate) use self::redb::Redb;
pub(crate) use committer::{Journal, Teller, Turn};
pub use snapshot::{backup, restore};

#[cfg(test)]
mod tests;

use std::io;

use thiserror::Error;

use crate::broker::Messages;
use crate::broker::change::{Change, MessageNumber, Rows};

/// The version of the layout of the folder and its file.
const FORMAT: u64 = 3;
/// The first one. All differ in what records may say and which there are, so that an older file becomes one of ours by being
/// opened.
const OLDEST_FORMAT: u64 = 1;

/// A place where rows are kept.
pub(crate) trait Store: Send {
    /// Hands on every row that is there, in the order of their keys, and sets aside what is damaged.
    ///
    /// # Errors
    /// The place cannot be read at all.
    fn load(&mut self, found: &mut dyn FnMut(Change)) -> Result<Report, Failure>;

    /// Writes all these rows or none. When it returns they are safe.
    ///
    /// # Errors
    /// Nothing was written. After [`Failure::Full`] it may be tried again, after others nothing may.
    fn commit(&mut self, rows: &Rows) -> Result<(), Failure>;

    /// Those of these messages that are there and whole, in their order. Those that are damaged are set aside.
    ///
    /// # Errors
    /// The place cannot be read, or it is broken: then nothing may be tried again.
    fn find(&mut self, numbers: &[MessageNumber]) -> Result<Messages, Failure>;

    /// Whether there is so little room left that nothing more should be promised.
    fn is_full(&self) -> bool;

    /// Gives room back that removed rows have left. Others wait while it does.
    ///
    /// # Errors
    /// As for `commit`.
    fn shrink(&mut self) -> Result<(), Failure>;

    /// All rows as they are now, to be written elsewhere while this one goes on.
    ///
    /// # Errors
    /// The place cannot be read.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Failure>;
}

/// Takes the key and the record of a row.
pub(crate) type TakeRow<'a> = dyn FnMut(&[u8], &[u8]) -> io::Result<()> + 'a;

/// All rows of one moment.
pub(crate) trait Snapshot: Send {
    /// Hands on key and record of each row, until that fails.
    ///
    /// # Errors
    /// The place cannot be read, or `take` fails.
    fn each(&self, take: &mut TakeRow<'_>) -> Result<(), Failure>;
}

/// Why rows were not written or read.
#[derive(Debug, Error)]
pub enum Failure {
    /// There is no room.
    #[error("the disk is full")]
    Full,
    /// Anything else. What was written may or may not be there.
    #[error("{0}")]
    Broken(String),
}

/// How a start went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Rows that were read.
    pub(crate) rows: u64,
    /// Rows that were damaged.
    pub(crate) damaged: u64,
    /// Where they were put.
    pub(crate) set_aside: Option<std::path::PathBuf>,
    /// The file as a whole was damaged; what could be found in it was written to a new one.
    pub(crate) is_salvaged: bool,
}

/// What is waited for before an acknowledgement leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Each turn's changes are synced for themselves, also those that nobody waits for.
    Always,
    /// What gathers during one sync shares the next.
    #[default]
    Group,
    /// The operating system has it: survives the end of the process, not that of the power.
    Os,
}

impl Durability {
    /// The word for it in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Group => "group",
            Self::Os => "os",
        }
    }

    /// What a word in the configuration means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Always, Self::Group, Self::Os].into_iter().find(|durability| durability.name() == name)
    }
}
