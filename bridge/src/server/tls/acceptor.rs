//! Takes connections with TLS, by what its files say now: they are read anew when they change, and on SIGHUP. Connections that
//! are there stay as they are.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::crypto::ring::Ticketer;
use rustls::server::{ProducesTickets, ServerConfig};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_local;

use super::acme::Challenges;
use super::authority::{Authority, folder};
use super::certificate::common_name;
use super::connection::{Failure, Tls};
use super::names::Names;
use super::settings::{Clients, Identity, Settings, Source};
use super::stream::TlsStream;
use crate::server::config::{self, File};
use crate::server::data;
use crate::server::reload::stamps;

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_millis(500);
/// The least and the most that is waited before a directory of ACME is asked again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
const MAX_WAIT: Duration = Duration::from_secs(6 * 3600);
/// After so many of them it is asked what this machine is called, and what time it is.
const LOOKS: u64 = 120;

/// What all listeners with TLS share.
#[derive(Debug)]
pub(crate) struct Acceptor {
    current: RefCell<Current>,
    /// A CA of our own, where it makes the certificate.
    authority: RefCell<Option<Authority>>,
    /// Where it is kept.
    data: Option<PathBuf>,
    /// What a directory of ACME looks for at our names.
    challenges: Challenges,
    /// What the file of the configuration is named.
    config: Option<PathBuf>,
}

/// By what connections are taken now.
#[derive(Debug)]
struct Current {
    settings: Settings,
    tickets: Arc<dyn ProducesTickets>,
    mqtt: Arc<ServerConfig>,
    https: Arc<ServerConfig>,
    /// The certificate is our own CA's.
    is_own: bool,
}

/// What a person has to trust.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    /// The CA's certificate.
    pub(crate) der: Vec<u8>,
    /// The same as text.
    pub(crate) pem: String,
    /// Its SHA-256 fingerprint.
    pub(crate) fingerprint: String,
    /// What it is called.
    pub(crate) name: String,
}

impl Acceptor {
    /// One by what a configuration says, which is read anew from `config`.
    ///
    /// # Errors
    /// Something of it is wrong, or a file that it names cannot be used.
    pub(crate) fn new(file: &File, config: Option<PathBuf>) -> Result<Rc<Self>> {
        let (mut authority, data) = (None, data::place(&file.data)?);
        let current = Current::load(&file.tls, None, &mut authority, data.as_deref())?;
        let (current, authority) = (RefCell::new(current), RefCell::new(authority));
        Ok(Rc::new(Self { current, authority, data, challenges: Challenges::default(), config }))
    }

    /// TLS for a connection of MQTT.
    ///
    /// # Errors
    /// What the files say cannot be used after all.
    pub(crate) fn mqtt(&self) -> Result<Box<Tls>> {
        let current = self.current.borrow();
        Ok(Box::new(Tls::new(Arc::clone(&current.mqtt), current.settings.name_from)?))
    }

    /// Completes the handshake with a browser. Says whether it went on from an earlier one.
    ///
    /// # Errors
    /// It fails, and why. The peer was told.
    pub(crate) async fn https(&self, socket: TcpStream) -> Result<(Box<TlsStream>, bool), Failure> {
        let tls = {
            let current = self.current.borrow();
            Tls::new(Arc::clone(&current.https), current.settings.name_from)
        };
        let tls = tls.map_err(|error| Failure::from(error.to_string()))?;
        let mut stream = Box::new(TlsStream::new(socket, Box::new(tls)));
        let is_resumed = stream.shake_hands().await?;
        Ok((stream, is_resumed))
    }

    /// For how many seconds browsers are to remember that this name is served by TLS alone, if they are.
    pub(crate) fn hsts_max_age_s(&self) -> Option<u32> {
        let current = self.current.borrow();
        let is_awaited = current.is_own && matches!(current.settings.source, Source::Acme(_));
        current.settings.hsts_max_age_s.filter(|_| !is_awaited)
    }

    /// What a directory of ACME is to find for a token.
    pub(crate) fn challenge(&self, token: &str) -> Option<String> {
        self.challenges.answer(token)
    }

    /// What a person has to trust, if that is a CA of our own.
    pub(crate) fn trust(&self) -> Option<Trust> {
        let authority = self.authority.borrow();
        let authority = authority.as_ref().filter(|_| self.current.borrow().is_own)?;
        let (der, pem) = authority.certificate();
        let name = common_name(der).unwrap_or_default();
        Some(Trust { der: der.to_vec(), pem: pem.to_owned(), fingerprint: authority.fingerprint(), name })
    }

    /// Begins to look whether the files have changed.
    ///
    /// # Errors
    /// The system does not take SIGHUP from us.
    pub(crate) fn watch(self: &Rc<Self>) -> Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        spawn_local(Rc::clone(self).obtain());
        let this = Rc::clone(self);
        let mut seen = stamps(&this.files());
        let mut looks = 0;
        spawn_local(async move {
            loop {
                tokio::select! {
                    _ = hangup.recv() => {}
                    () = tokio::time::sleep(PAUSE) => {
                        looks += 1;
                        let is_due = looks % LOOKS == 0 && this.is_due();
                        if stamps(&this.files()) == seen && !is_due {
                            continue;
                        }
                    }
                }
                seen = stamps(&this.files()); // before they are read: what changes after that is seen next time
                this.reload();
            }
        });
        Ok(())
    }

    /// Has certificates made by ACME, where that was asked for, whenever one is due.
    async fn obtain(self: Rc<Self>) {
        let mut failures = 0;
        loop {
            let asked = match &self.current.borrow().settings.source {
                Source::Acme(acme) => {
                    self.data.as_deref().and_then(|data| Some((acme.clone(), folder(data).ok()?)))
                }
                Source::Files { .. } | Source::Own { .. } => None,
            };
            let Some((acme, folder)) = asked else {
                tokio::time::sleep(LOOK_AGAIN).await; // it may be asked for later
                continue;
            };
            let wait = acme.due_in(&folder);
            if !wait.is_zero() {
                tokio::time::sleep(wait.clamp(LOOK_AGAIN, MAX_WAIT)).await;
                continue;
            }
            match acme.obtain(&folder, &self.challenges).await {
                Ok(()) => {
                    failures = 0;
                    tracing::info!(names = acme.names.texts().join(" "), "a certificate was had by ACME");
                    self.reload();
                }
                Err(error) => {
                    let wait = (LOOK_AGAIN * (1 << failures)).min(MAX_WAIT);
                    failures = (failures + 1).min(12);
                    let (directory, wait_s) = (&acme.directory, wait.as_secs());
                    tracing::error!(
                        directory,
                        "no certificate by ACME: {error:#}; the next try is in {wait_s} s"
                    );
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Whether our own CA should make another certificate: the last one ends soon, or the machine has other names by now.
    fn is_due(&self) -> bool {
        let current = self.current.borrow();
        let none = Names::default();
        let names = match &current.settings.source {
            Source::Own { names } => names,
            Source::Acme(_) if current.is_own => &none,
            Source::Acme(_) | Source::Files { .. } => return false,
        };
        self.authority.borrow().as_ref().is_some_and(|authority| authority.is_due(names))
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = self.current.borrow().settings.files();
        files.extend(self.config.clone());
        files
    }

    fn reload(&self) {
        let load = || -> Result<Current> {
            let file = self.config.as_deref().map(File::read).transpose()?;
            let tls = file.map_or_else(config::Tls::default, |file| file.tls);
            let mut authority = self.authority.borrow_mut();
            Current::load(&tls, Some(&self.current.borrow()), &mut authority, self.data.as_deref())
        };
        match load() {
            Ok(current) => {
                *self.current.borrow_mut() = current;
                tracing::info!("the TLS certificate was read anew; it counts from the next handshake on");
            }
            Err(error) => {
                let why = format!("{error:#}").lines().collect::<Vec<_>>().join("; "); // a line of a log is one line
                tracing::error!("the TLS certificate stays as it was: {why}");
            }
        }
    }
}

impl Current {
    fn load(
        tls: &config::Tls,
        before: Option<&Self>,
        authority: &mut Option<Authority>,
        data: Option<&Path>,
    ) -> Result<Self> {
        let settings = Settings::of(tls)?;
        let own = |names: &Names, authority: &mut Option<Authority>| {
            let authority = match authority {
                Some(authority) => authority,
                None => authority.insert(Authority::open(data, names)?),
            };
            authority.identity(names)
        };
        let (identity, is_own) = match &settings.source {
            Source::Files { certificate, key } => (Identity::from_files(certificate, key)?, false),
            Source::Acme(acme) => {
                let data = data.context(
                    "[tls] acme_names: what a directory gives has to be kept; name a folder with --data",
                )?;
                match acme.kept(&folder(data)?) {
                    Some(kept) => (kept, false),
                    None => (own(&Names::default(), authority)?, true),
                }
            }
            Source::Own { names } => (own(names, authority)?, true),
        };
        if let Some(complaint) = identity.complaint() {
            tracing::warn!("the TLS certificate will be refused by clients: {complaint}");
        }
        // A ticket says whose certificate was looked at: it counts only as long as that is done in the same way.
        let before = before.filter(|before| before.settings.clients == Clients::Nothing);
        let tickets = match before.filter(|_| settings.clients == Clients::Nothing) {
            Some(before) => Arc::clone(&before.tickets),
            None => Ticketer::new().context("no keys for session tickets could be made")?,
        };
        let mqtt = Arc::new(settings.server_config(&identity, &tickets, &[])?);
        let https = Arc::new(settings.server_config(&identity, &tickets, &["http/1.1"])?);
        Ok(Self { settings, tickets, mqtt, https, is_own })
    }
}
