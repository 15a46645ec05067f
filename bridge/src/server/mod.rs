//! The shell: sockets, a clock, a log and a page around the broker. It decides nothing about messages.

mod admission;
mod api;
mod assets;
mod claim;
mod clock;
pub mod config;
pub mod data;
mod gates;
mod http;
mod inbox;
mod listener;
mod load;
mod lobby;
mod log;
mod logins;
mod meeting;
mod metrics;
pub mod passwords;
pub mod proxy;
mod qr;
mod reload;
pub mod rules;
mod shard;
mod shards;
mod socket;
pub mod store;
pub mod tls;
pub mod tokens;
mod trust;
mod upgrade;
pub mod users;
mod websocket;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::{LocalSet, spawn_local};

use admission::Admission;
use assets::Assets;
use claim::Claim;
use gates::{Gates, Kind};
use http::Site;
use proxy::Proxies;
use shards::Shards;
pub use shards::Spread;
use tokens::Keyring;

use crate::broker::Access;

/// Port of the page and MQTT over WebSocket.
const HTTP_PORT: u16 = 8080;
/// How a configuration is called.
const CONFIG: &str = "switchboard.toml";
/// Port of MQTT over TCP.
const TCP_PORT: u16 = 1883;

/// What `switchboard serve` is asked to do, from the file and the command line.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The file, or all defaults.
    pub file: config::File,
    /// Where the file was read from, to read it again when it changes.
    pub config: Option<PathBuf>,
    /// Anybody may come, whatever the file says.
    pub anonymous: bool,
    /// Listen on the addresses of this machine's networks too.
    pub lan: bool,
    /// A built page to serve instead of the one inside.
    pub app: Option<PathBuf>,
}

impl Options {
    /// Whether this may be served at all.
    ///
    /// # Errors
    /// A file that it names cannot be used, a listener is none, or others could reach it and nobody could ever be let in.
    pub fn check(&self) -> Result<()> {
        let listen = &self.file.listen;
        let all = || gates::asked(self);
        if listen.has_tls() {
            tls::check(&self.file.tls)?;
        }
        self.page()?;
        for named in &listen.proxy_protocol {
            let is_one = all().any(|(kind, at)| named == kind.name() || named.parse() == Ok(at));
            ensure!(
                is_one,
                "[listen] proxy_protocol: {named:?} is no listener; use \"http\", \"tcp\", \"https\", \"tls\" or an \
                 address that is listened on"
            );
        }
        let needs_claim = self.needs_claim(&users::access(&self.file)?.0);
        ensure!(
            !needs_claim || data::place(&self.file.data)?.is_some(),
            "listening on this machine's network addresses lets others reach it, there are no users, and `:memory:` \
             would keep none: name a folder with --data, or --anonymous if everyone there may see and switch everything"
        );
        Ok(())
    }

    /// The page that is served.
    fn page(&self) -> Result<Assets> {
        let folder = self.app.as_ref().or(self.file.listen.app.as_ref());
        folder.map_or_else(|| Ok(Assets::built_in()), |folder| Assets::from_folder(folder))
    }

    /// Whether others can reach it, and nobody could be let in.
    fn needs_claim(&self, access: &Access) -> bool {
        let is_open = self.lan || gates::asked(self).any(|(_, at)| !at.ip().is_loopback());
        is_open && !self.file.auth.anonymous && !access.can_log_in()
    }
}

/// Serves until it is told to stop.
///
/// # Errors
/// An address cannot be listened on, the page cannot be read, or the configuration does not allow it.
pub fn run(options: Options) -> Result<()> {
    let _log = log::start(options.file.level()?, options.file.log.json);
    if options.config.is_none() && Path::new(CONFIG).exists() {
        tracing::warn!(
            "there is a {CONFIG} here, which is not read: start with --config {CONFIG} if it is meant"
        );
    }
    allow_all_files();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")?;
    LocalSet::new().block_on(&runtime, serve(options))
}

/// Every connection is a file. Systems begin with a limit that is meant for programs of another kind, and allow more.
fn allow_all_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        tracing::warn!(limit = current, "more files cannot be opened: that many connections are possible");
    }
}

/// The log for a command that serves nothing.
pub fn log_to_stderr() {
    log::start_here(tracing::Level::INFO);
}

async fn serve(options: Options) -> Result<()> {
    let watched = reload::Watched::look(&options);
    let assets = options.page()?;
    let proxies = Proxies::new(options.file.listen.networks()?);
    let gates = Gates::bind(&options)?;
    let (shards, durability) = start_shards(&options).await?;
    let door = &shards.door;
    let (claim, link) = match options.needs_claim(&shards.access()) {
        true => Claim::new(door.now()).map(|(claim, token)| (Some(claim), Some(token)))?,
        false => (None, None),
    };
    let site = Rc::new(Site {
        shards: Rc::clone(&shards),
        assets,
        pages: Assets::pages(),
        admission: Admission::new(&options, &shards, claim)?,
        origins: options.file.listen.origins.clone().into(),
        proxies: proxies.clone(),
        lobby: Rc::default(),
        tls: gates.acceptor().cloned(),
        https_port: gates.of(Kind::Https).first().map(SocketAddr::port),
        network: qr::network(&gates.of(Kind::Http), &gates.of(Kind::Https)),
        started: tokio::time::Instant::now(),
        durability,
    });
    let (http_at, tcp_at, line) = (gates.of(Kind::Http), gates.of(Kind::Tcp), gates.line());
    let (https_at, trust) = (gates.of(Kind::Https), gates.acceptor().and_then(|acceptor| acceptor.trust()));
    gates.open(&site)?;
    spawn_local(admission::keep_on(Rc::clone(&site)));
    reload::watch(&options, &site, watched)?;
    let stopped = stopped()?;
    announce(&line, http_at.first());
    if options.lan && link.is_none() {
        qr::print(&http_at);
    }
    if let Some(trust) = trust {
        qr::print_trust(&http_at, &https_at, &trust);
    }
    if let Some(token) = link {
        qr::print_claim(&http_at, &https_at, &token);
    }
    if options.file.demo.enabled
        && let Some(&address) = tcp_at.first()
    {
        spawn_local(crate::demo::run(reachable(address)));
    }
    tokio::select! {
        () = stopped => {}
        why = door.failed() => bail!("state can no longer be kept, so nothing more is acknowledged: {why}"),
    }
    tracing::info!("stopping: telling the clients");
    let kept = site.admission.logins.keep().await;
    shards.shut_down().await?;
    kept
}

/// The shards, and what their acknowledgements promise.
async fn start_shards(options: &Options) -> Result<(Rc<Shards>, &'static str)> {
    let mut config = options.file.broker()?;
    let (access, tokens) = users::access(&options.file)?;
    config.users = access.users; // those of the data folder too
    for warning in users::nobody(&options.file)? {
        tracing::warn!("{warning}");
    }
    let (durability, count) = (options.file.durability()?, options.file.server.shards()?);
    let place = data::place(&options.file.data)?;
    config.keeps_state = place.is_some();
    if place.is_none() {
        tracing::info!("nothing is kept: sessions and retained messages end with this process");
    }
    let promise = if place.is_some() { durability.name() } else { "none" };
    let keyring = Keyring::default();
    keyring.set(tokens);
    let count = (count, options.file.server.spread()?);
    let shards = Shards::start(config, count, place.map(|place| (place, durability)), keyring).await?;
    Ok((Rc::new(shards), promise))
}

/// The one line on stdout that says where everything is.
fn announce(line: &str, page: Option<&SocketAddr>) {
    log::print(line);
    if let Some(&address) = page {
        tracing::info!("open http://{}/ in a browser", reachable(address));
    }
}

/// An address that can be connected to, for one that may stand for all of the machine's.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(a) if a.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], a.port())),
        SocketAddr::V6(a) if a.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, a.port()))
        }
        other => other,
    }
}

/// Takes the signals that ask us to stop from now on, and waits for one of them.
fn stopped() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let [mut terminate, mut interrupt] = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
