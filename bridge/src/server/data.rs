//! The state of the broker at start and end: opening the folder, handing on what was kept, and copies while it runs.

use std::fs::Permissions;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::net::UnixListener;
use tokio::task::spawn_local;

use super::clock::{self, Clock};
use super::config::Data;
use super::store::folder::{self, Folder};
use super::store::record::Epoch;
use super::store::{Durability, Failure, Journal, Redb, Store as _, Teller};
use crate::broker::change::Change;

/// What keeps nothing.
const MEMORY: &str = ":memory:";
/// How long the other end of a copy may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where state lives: none for memory alone.
///
/// # Errors
/// Nobody says where, and the platform does not either; or what is said is empty.
pub fn place(data: &Data) -> Result<Option<PathBuf>> {
    match data.path.as_deref() {
        Some(MEMORY) => Ok(None),
        Some("") => bail!("the folder for state has an empty name; name one with --data, or leave that out"),
        Some(path) => Ok(Some(path.into())),
        None => folder::default_path().map(Some),
    }
}

/// Opens what is kept, and hands it on row by row.
pub(super) fn load(
    path: &Path,
    durability: Durability,
    clock: Clock,
    take: &mut dyn FnMut(Change),
) -> Result<Redb> {
    let began = clock.now();
    let folder = Folder::take(path)?;
    let epoch = Epoch(clock::unix_ms().saturating_sub(clock.now().as_millis()));
    let unreadable = |failure: Failure| anyhow!("the state in {} cannot be used: {failure}", path.display());
    let (mut store, opened) = Redb::open(folder, durability, epoch).map_err(unreadable)?;
    let report = store.load(take).map_err(unreadable)?;
    if let Some(aside) = opened.set_aside.as_ref().or(report.set_aside.as_ref()) {
        tracing::error!(
            "{} was damaged: {} is set aside in {}, the other {} records are in use",
            path.display(),
            if opened.is_salvaged {
                "the old file".to_owned()
            } else {
                format!("{} records", report.damaged)
            },
            aside.display(),
            report.rows
        );
    }
    let took_ms = clock.now().since(began).as_millis();
    tracing::info!(folder = %path.display(), records = report.rows, took_ms, "state was read");
    Ok(store)
}

/// Starts to keep more, for so many shards.
pub(super) fn keep(store: Redb, durability: Durability, shards: usize) -> Result<Vec<Journal>> {
    Journal::start(Box::new(store), durability, shards)
        .context("the thread that stores state cannot be started")
}

/// Answers `switchboard backup` for as long as the process runs.
pub(super) fn serve_copies(path: &Path, teller: Teller) {
    let control = Folder::control(path);
    let _ = std::fs::remove_file(&control); // one that a killed process left; the folder is ours
    let bind = || {
        let listener = UnixListener::bind(&control)?;
        std::fs::set_permissions(&control, Permissions::from_mode(0o600))?; // as all else in the folder
        Ok::<_, std::io::Error>(listener)
    };
    let listener = match bind() {
        Ok(listener) => listener,
        Err(error) => {
            return tracing::warn!(
                "switchboard backup works only when this is stopped: {}: {error}",
                control.display()
            );
        }
    };
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            match stream.into_std().and_then(asks_for_copy) {
                Ok(stream) => teller.copy_to(stream),
                Err(error) => tracing::warn!(%error, "a question on the control socket was not understood"),
            }
        }
    });
}

/// Reads the one question there is. The other end is of this user and on this machine, and writes it before all else.
fn asks_for_copy(mut stream: UnixStream) -> std::io::Result<UnixStream> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = [0; 7];
    stream.read_exact(&mut line)?;
    if &line != b"backup\n" {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    Ok(stream)
}
