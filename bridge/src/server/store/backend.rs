//! The file below redb. It remembers what went wrong first, since that decides what may be done next: a full disk can be
//! waited for, a failed sync can not.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex, PoisonError};

use redb::StorageBackend;

use super::Failure;

/// What went wrong first, and what.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<(bool, String)>>>);

impl Trouble {
    pub(super) fn note(&self, what: &str, error: &io::Error) {
        let is_full = what != SYNC && is_full(error);
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| (is_full, format!("{what}: {error}")));
    }

    /// What the failure of a transaction means, given what the file said.
    pub(super) fn explain(&self, error: &dyn std::fmt::Display) -> Failure {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some((true, _)) => Failure::Full,
            Some((false, what)) => Failure::Broken(what),
            None => Failure::Broken(error.to_string()),
        }
    }
}

/// Whether room is all that is missing.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

const SYNC: &str = "what was written cannot be made durable (fsync)";

/// An open file.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) file: File,
    pub(super) trouble: Trouble,
    /// Whether the disk itself is waited for.
    pub(super) is_synced: bool,
}

impl Disk {
    fn noted<T>(&self, what: &str, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| self.trouble.note(what, error))
    }

    /// A file that is in no folder any more takes everything and keeps nothing.
    fn still_there(&self) -> io::Result<()> {
        match self.file.metadata()?.nlink() {
            0 => Err(io::Error::other("the file was deleted while it was in use")),
            _ => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.noted("the file's length cannot be read", self.file.metadata().map(|metadata| metadata.len()))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.noted("the file cannot be read", self.file.read_exact_at(out, offset))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.noted("the file cannot grow", self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.noted("the file is gone", self.still_there())?;
        if !self.is_synced {
            return Ok(());
        }
        self.noted(SYNC, self.file.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.noted("the file cannot be written to", self.file.write_all_at(data, offset))
    }
}
