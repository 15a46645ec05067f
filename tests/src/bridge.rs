//! A running `switchboard` on ports of its own, with nothing on disk.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use crate::paths;
use crate::process::Process;

const ANY_PORT: &str = "127.0.0.1:0";

/// The product, from outside.
#[derive(Debug)]
pub struct Bridge {
    /// Its process, with its log on `stderr`.
    pub process: Process,
    /// Where it serves the page and WebSocket.
    pub http: SocketAddr,
    /// Where it serves MQTT over TCP.
    pub tcp: SocketAddr,
    arguments: Vec<String>,
    config: Option<Rc<TempFile>>,
}

/// A file that is gone when its owner is.
#[derive(Debug)]
pub struct TempFile(pub PathBuf);

impl TempFile {
    /// Writes one with a name of its own.
    ///
    /// # Panics
    /// The folder for temporary files cannot be written to.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("switchboard-tests-{}-{n}-{name}", process::id()));
        fs::write(&path, text).expect("the folder for temporary files can be written to");
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // Left behind at worst: a small file among temporary ones.
        let _ = fs::remove_file(&self.0);
    }
}

impl Bridge {
    /// Starts one and waits until it listens.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more arguments.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::launch(ANY_PORT, ANY_PORT, arguments.iter().map(|&word| word.to_owned()).collect())
    }

    /// The same with a `switchboard.toml` of this text.
    #[must_use]
    pub fn configured(text: &str) -> Self {
        let config = TempFile::new("switchboard.toml", text);
        let mut bridge = Self::start_with(&["--config", &config.0.to_string_lossy()]);
        bridge.config = Some(Rc::new(config));
        bridge
    }

    /// Kills it as the power going out would, and keeps its ports for [`Bridge::restart`].
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.process.kill();
        let config = self.config.clone();
        *self = Self::launch(&self.http.to_string(), &self.tcp.to_string(), self.arguments.clone());
        self.config = config;
    }

    /// The lines of its log that name this address or client.
    #[must_use]
    pub fn log_of(&self, who: &str) -> Vec<String> {
        self.process.stderr.all().into_iter().filter(|line| names(line, who)).collect()
    }

    fn launch(http: &str, tcp: &str, arguments: Vec<String>) -> Self {
        let mut all = vec!["--http", http, "--tcp", tcp, "--data", ":memory:"];
        all.extend(arguments.iter().map(String::as_str));
        let process = Process::start(&paths::program(), &all);
        let (http, tcp) = process.stdout.find("`listening http=… tcp=…`", listening);
        Self { process, http, tcp, arguments, config: None }
    }
}

fn listening(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let words = line.strip_prefix("listening ")?;
    let first = |key: &str| words.split(' ').find_map(|word| word.strip_prefix(key)?.parse().ok());
    Some((first("http=")?, first("tcp=")?))
}

/// Whether a line contains a name that does not go on: port 4000 is not in a line about port 40001.
fn names(line: &str, who: &str) -> bool {
    line.match_indices(who).any(|(at, _)| {
        let next = line.get(at + who.len()..).and_then(|rest| rest.chars().next());
        !next.is_some_and(|c| c.is_ascii_alphanumeric())
    })
}
