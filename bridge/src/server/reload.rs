//! Who may come, and which proxies are believed, read anew while the program runs: on SIGHUP, and when a file that says so has changed.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_local;

use super::proxy::{Network, Proxies};
use super::shards::Shards;
use super::users::{self, UsersFile};
use super::{Options, config};
use crate::broker::Access;

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_millis(500);

/// Begins to watch.
///
/// # Errors
/// The system does not take SIGHUP from us.
pub(super) fn watch(options: &Options, shards: &Rc<Shards>, proxies: Proxies) -> Result<()> {
    let hangup = signal(SignalKind::hangup())?;
    let mut files = Vec::new();
    files.extend(options.config.clone());
    files.extend(UsersFile::of(&options.file.data)?.map(|file| file.path().to_owned()));
    let (options, shards) = (options.clone(), Rc::clone(shards));
    // What was read at the start may have changed already: the first look is a reading.
    spawn_local(watch_on(options, (shards, proxies), hangup, files));
    Ok(())
}

async fn watch_on(
    options: Options,
    (shards, proxies): (Rc<Shards>, Proxies),
    mut hangup: Signal,
    files: Vec<PathBuf>,
) {
    let mut seen = stamps(&files);
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            () = tokio::time::sleep(PAUSE) => {
                let now = stamps(&files);
                if now == seen {
                    continue;
                }
            }
        }
        seen = stamps(&files); // before it is read: what changes after that is seen next time
        match read(&options) {
            Ok((access, networks)) => {
                shards.set_access(&access);
                proxies.set(networks);
                tracing::info!(
                    users = access.users.len(),
                    rules = access.rules.len(),
                    "users and rules were read anew"
                );
            }
            Err(error) => {
                let why = format!("{error:#}").lines().collect::<Vec<_>>().join("; "); // a line of a log is one line
                tracing::error!("users and rules stay as they were: {why}");
            }
        }
    }
}

fn read(options: &Options) -> Result<(Access, Vec<Network>)> {
    let mut file = options.config.as_deref().map(config::File::read).transpose()?.unwrap_or_default();
    file.auth.anonymous |= options.anonymous;
    file.data = options.file.data.clone(); // state does not move while we run
    Ok((users::access(&file)?, file.listen.networks()?))
}

/// When each file was changed last, how long it is, and which it is.
fn stamps(files: &[PathBuf]) -> Vec<Option<(SystemTime, u64, u64)>> {
    use std::os::unix::fs::MetadataExt as _;
    let stamp = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len(), meta.ino()))
    };
    files.iter().map(stamp).collect()
}
