//! Who may come, how much everyone may do, and which proxies and pages are believed: read anew while the program runs, on SIGHUP
//! and when a file that says so has changed.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_local;

use super::http::Site;
use super::users::{self, UsersFile};
use super::{Options, config};

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_millis(500);

/// The files, and how they were when they were looked at last.
#[derive(Debug)]
pub(super) struct Watched {
    files: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
}

/// When a file was changed last, how long it is, and which it is.
pub(super) type Stamp = (SystemTime, u64, u64);

impl Watched {
    /// As they are now: what changes from now on is noticed, however long the start takes.
    pub(super) fn look(options: &Options) -> Self {
        let files = files(options);
        let seen = stamps(&files);
        Self { files, seen }
    }
}

/// Begins to watch, and brings what is not the broker's own to where it counts.
///
/// # Errors
/// The system does not take SIGHUP from us.
pub(super) fn watch(options: &Options, site: &Rc<Site>, watched: Watched) -> Result<()> {
    let hangup = signal(SignalKind::hangup())?;
    site.lobby.set(&options.file.broker()?);
    let (options, site) = (options.clone(), Rc::clone(site));
    spawn_local(watch_on(options, site, hangup, watched));
    Ok(())
}

async fn watch_on(options: Options, site: Rc<Site>, mut hangup: Signal, watched: Watched) {
    let Watched { mut files, mut seen } = watched;
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
        files = self::files(&options);
        seen = stamps(&files); // before it is read: what changes after that is seen next time
        if let Err(error) = take_over(&options, &site).await {
            let why = format!("{error:#}").lines().collect::<Vec<_>>().join("; "); // a line of a log is one line
            tracing::error!("users and rules stay as they were, as do limits: {why}");
        }
    }
}

/// All of it, or nothing when something is wrong.
pub(super) async fn take_over(options: &Options, site: &Site) -> Result<()> {
    let file = settings(options)?;
    let ((access, tokens), limits) = (users::access(&file)?, file.broker()?);
    let networks = file.listen.networks()?;
    let origins = file.listen.origins.clone();
    site.shards.set_limits(&limits);
    site.shards.set_access(&access, tokens);
    site.lobby.set(&limits);
    site.proxies.set(networks);
    site.origins.replace(origins);
    site.shards.reports().await; // who says how it is has heard all that was said before
    for warning in users::nobody(&file)? {
        tracing::warn!("{warning}");
    }
    tracing::info!(
        users = access.users.len(),
        rules = access.rules.len(),
        "users and rules were read anew, and limits"
    );
    Ok(())
}

/// What says who may come.
fn files(options: &Options) -> Vec<PathBuf> {
    let mut files = Vec::new();
    files.extend(options.config.clone());
    files.extend(UsersFile::of(&options.file.data).ok().flatten().map(|file| file.path().to_owned()));
    let jwt = settings(options).ok().map_or_else(|| options.file.auth.jwt.clone(), |file| file.auth.jwt);
    files.extend(jwt.into_iter().flat_map(|jwt| jwt.secret_file.into_iter().chain(jwt.jwks_file)));
    files
}

/// The settings of now.
pub(super) fn settings(options: &Options) -> Result<config::File> {
    let mut file = options.config.as_deref().map(config::File::read).transpose()?.unwrap_or_default();
    file.auth.anonymous |= options.anonymous;
    file.data = options.file.data.clone(); // state does not move while we run
    file.demo = options.file.demo.clone(); // nor does the demo end, with what it remembers
    Ok(file)
}

/// How files are now.
pub(super) fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    use std::os::unix::fs::MetadataExt as _;
    let stamp = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len(), meta.ino()))
    };
    files.iter().map(stamp).collect()
}
