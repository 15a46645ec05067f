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
    /// What this start read.
    began: Option<OfStart>,
}

/// What is read at the start alone: keys of the configuration, and their values in some form.
type OfStart = [(&'static str, String); 12];

/// When a file was changed last, how long it is, and which it is.
pub(super) type Stamp = (SystemTime, u64, u64);

impl Watched {
    /// As they are now: what changes from now on is noticed, however long the start takes.
    pub(super) fn look(options: &Options) -> Self {
        let files = files(options);
        let seen = stamps(&files);
        Self { files, seen, began: written(options).ok().map(|file| of_start(&file)) }
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
    let Watched { mut files, mut seen, began } = watched;
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
        } else if let (Some(began), Ok(file)) = (&began, written(&options)) {
            let changed: Vec<_> =
                began.iter().zip(of_start(&file)).filter(|(then, now)| *then != now).collect();
            for ((key, _), _) in changed {
                tracing::warn!("{key} is another now, which counts from the next start on");
            }
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

fn of_start(file: &config::File) -> OfStart {
    let (listen, server) = (&file.listen, &file.server);
    [
        ("[listen] http", format!("{:?}", listen.http)),
        ("[listen] tcp", format!("{:?}", listen.tcp)),
        ("[listen] https", format!("{:?}", listen.https)),
        ("[listen] tls", format!("{:?}", listen.tls)),
        ("[listen] unix", format!("{:?}", listen.unix)),
        ("[listen] proxy_protocol", format!("{:?}", listen.proxy_protocol)),
        ("[listen] app", format!("{:?}", listen.app)),
        ("[server] shards", format!("{:?}", server.shards)),
        (
            "[auth] login_idle_s or login_max_s",
            format!("{:?}", (file.auth.login_idle_s, file.auth.login_max_s)),
        ),
        ("[data]", format!("{:?}", file.data)),
        ("[log]", format!("{:?}", file.log)),
        ("[demo]", format!("{:?}", file.demo)),
    ]
}

/// What stands in the configuration now.
fn written(options: &Options) -> Result<config::File> {
    Ok(options.config.as_deref().map(config::File::read).transpose()?.unwrap_or_default())
}

/// The settings of now.
pub(super) fn settings(options: &Options) -> Result<config::File> {
    let mut file = written(options)?;
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
