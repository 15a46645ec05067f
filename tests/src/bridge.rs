//! A running `switchboard` on ports of its own, with nothing on disk.

use std::net::SocketAddr;

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

    /// Kills it as the power going out would, and keeps its ports for [`Bridge::restart`].
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.process.kill();
        *self = Self::launch(&self.http.to_string(), &self.tcp.to_string(), self.arguments.clone());
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
        Self { process, http, tcp, arguments }
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
