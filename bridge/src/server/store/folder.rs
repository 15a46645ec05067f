//! The folder that state lives in: who may use it, what is in it, and how much room there is.
//!
//! ```text
//!   lock            held by the process that runs with this folder; says its number
//!   state.redb      the rows
//!   damaged-*       what was set aside
//!   control         a socket of the running process, for `switchboard backup`
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::backend::{self, Disk, Trouble};
use super::redb::Bad;
use super::{Durability, Failure};
use crate::server::clock;

/// Bytes that are kept free: enough for all that is on its way when the disk fills up.
const RESERVE: u64 = 16 << 20;
/// The same on a small disk, of which it is a sixteenth at least.
const LEAST_RESERVE: u64 = 8 << 20;

/// A folder that this process alone uses.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Where state lives on this platform when nobody says where.
///
/// # Errors
/// The environment does not say where this user's files are.
pub fn default_path() -> Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(target_os = "macos") {
        from("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        from("XDG_DATA_HOME").or_else(|| from("HOME").map(|home| home.join(".local/share")))
    };
    let base =
        base.context("neither HOME nor XDG_DATA_HOME says where to keep state; name a folder with --data")?;
    Ok(base.join("switchboard"))
}

impl Folder {
    /// Makes the folder where it is missing, and takes it for this process.
    ///
    /// # Errors
    /// It cannot be made or written to, or another process has it.
    pub fn take(path: &Path) -> Result<Self> {
        let shown = path.display();
        DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| {
            format!("the folder for state, {shown}, cannot be made; name another with --data")
        })?;
        let lock_path = path.join("lock");
        let mut lock = private().open(&lock_path).with_context(|| {
            format!("the folder for state, {shown}, cannot be written to; make it writable or name another with --data")
        })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&lock_path).unwrap_or_default();
                bail!(
                    "another switchboard runs with the folder {shown}: pid {}. Stop it, or name another folder with --data",
                    pid.trim()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("the folder {shown} cannot be locked"));
            }
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).with_context(|| {
            format!("the folder for state, {shown}, cannot be written to; name another with --data")
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the running process takes questions.
    #[must_use]
    pub fn control(path: &Path) -> PathBuf {
        path.join("control")
    }

    fn state_path(&self) -> PathBuf {
        self.path.join("state.redb")
    }

    pub(super) fn has_state(&self) -> bool {
        self.state_path().exists()
    }

    /// The file of rows, made where it is missing.
    pub(super) fn state(&self, trouble: &Trouble, durability: Durability) -> Result<Disk, Failure> {
        let path = self.state_path();
        let file = private().open(&path).map_err(|error| broken(&path, "cannot be opened", &error))?;
        self.sync().map_err(|error| broken(&self.path, "cannot be synced", &error))?;
        Ok(Disk { file, trouble: trouble.clone(), is_synced: durability != Durability::Os })
    }

    /// Moves a damaged file out of the way, and says where it is now.
    pub(super) fn set_state_aside(&self) -> Result<PathBuf, Failure> {
        let path = self.state_path();
        let aside = self.path.join(format!("damaged-{}.redb", clock::unix_ms()));
        fs::rename(&path, &aside).map_err(|error| broken(&path, "cannot be set aside", &error))?;
        Ok(aside)
    }

    /// Writes damaged rows where they can be looked at, and says where.
    pub(super) fn set_records_aside(&self, bad: &[Bad]) -> Result<PathBuf, Failure> {
        let path = self.path.join(format!("damaged-{}.records", clock::unix_ms()));
        let write = || -> io::Result<()> {
            let mut file = private().append(true).open(&path)?; // there may be one of this very moment
            for (key, value, _) in bad {
                super::snapshot::write_row(&mut file, key, value)?;
            }
            file.sync_all()?;
            self.sync()
        };
        match write() {
            Ok(()) => Ok(path),
            Err(error) if backend::is_full(&error) => Err(Failure::Full),
            Err(error) => Err(broken(&path, "cannot be written", &error)),
        }
    }

    /// Whether so little room is left that nothing more should be promised.
    pub(super) fn is_full(&self) -> bool {
        let Ok(volume) = rustix::fs::statvfs(&self.path) else { return false };
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        let all = volume.f_blocks.saturating_mul(volume.f_frsize);
        free < RESERVE.min(LEAST_RESERVE.max(all / 16))
    }

    /// Makes the names in the folder durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// How files of the folder are opened: for this user alone.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

fn broken(path: &Path, what: &str, error: &io::Error) -> Failure {
    Failure::Broken(format!("{} {what}: {error}", path.display()))
}
