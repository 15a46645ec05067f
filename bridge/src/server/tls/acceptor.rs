//! Takes connections with TLS, by what its files say now: they are read anew when they change, and on SIGHUP. Connections that
//! are there stay as they are.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::crypto::ring::Ticketer;
use rustls::server::{ProducesTickets, ServerConfig};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_local;

use super::connection::{Failure, Tls};
use super::settings::{Clients, Identity, Settings, Source};
use super::stream::TlsStream;
use crate::server::config::{self, File};
use crate::server::reload::stamps;

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_millis(500);

/// What all listeners with TLS share.
#[derive(Debug)]
pub(crate) struct Acceptor {
    current: RefCell<Current>,
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
}

impl Acceptor {
    /// One by what a configuration says, which is read anew from `config`.
    ///
    /// # Errors
    /// Something of it is wrong, or a file that it names cannot be used.
    pub(crate) fn new(file: &File, config: Option<PathBuf>) -> Result<Rc<Self>> {
        let current = Current::load(&file.tls, None)?;
        Ok(Rc::new(Self { current: RefCell::new(current), config }))
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
        self.current.borrow().settings.hsts_max_age_s
    }

    /// Begins to look whether the files have changed.
    ///
    /// # Errors
    /// The system does not take SIGHUP from us.
    pub(crate) fn watch(self: &Rc<Self>) -> Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let this = Rc::clone(self);
        let mut seen = stamps(&this.files());
        spawn_local(async move {
            loop {
                tokio::select! {
                    _ = hangup.recv() => {}
                    () = tokio::time::sleep(PAUSE) => {
                        if stamps(&this.files()) == seen {
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

    fn files(&self) -> Vec<PathBuf> {
        let mut files = self.current.borrow().settings.files();
        files.extend(self.config.clone());
        files
    }

    fn reload(&self) {
        let load = || -> Result<Current> {
            let file = self.config.as_deref().map(File::read).transpose()?;
            let tls = file.map_or_else(config::Tls::default, |file| file.tls);
            Current::load(&tls, Some(&self.current.borrow()))
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
    fn load(tls: &config::Tls, before: Option<&Self>) -> Result<Self> {
        let settings = Settings::of(tls)?;
        let identity = match &settings.source {
            Source::Files { certificate, key } => Identity::from_files(certificate, key)?,
            Source::Own { .. } => anyhow::bail!("[tls] needs `certificate` and `key`"),
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
        Ok(Self { settings, tickets, mqtt, https })
    }
}
