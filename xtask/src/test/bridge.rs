//! A running `switchboard`, for tests that need one beside them. Knows its command line and its one line on stdout.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{build::Profile, command};

/// The process, killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Bridge {
    child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) tcp: SocketAddr,
}

impl Bridge {
    /// Starts it with nothing on disk, on these addresses (port 0 picks one), and waits until it listens.
    pub(crate) fn start(http: SocketAddr, tcp: SocketAddr) -> Result<Self> {
        Self::start_with(http, tcp, &[])
    }

    /// The same with more words on its command line.
    pub(crate) fn start_with(http: SocketAddr, tcp: SocketAddr, more: &[&str]) -> Result<Self> {
        let binary = Profile::Release.binary();
        ensure!(binary.is_file(), "{} is not built yet: `cargo xtask build`", binary.display());
        let log = command::target().join("xtask-bridge.log");
        let mut command = Command::new(binary);
        command
            .args(["--http", &http.to_string(), "--tcp", &tcp.to_string(), "--data", ":memory:"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log)?);
        let mut child = command.spawn().context("switchboard does not start")?;
        match listening(&mut child) {
            Ok((http, tcp)) => Ok(Self { child, http, tcp }),
            Err(error) => {
                end(&mut child);
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().next_back().unwrap_or("nothing");
                Err(error.context(format!("its log is {} and ends with: {last}", log.display())))
            }
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // Both fail only when the process is gone already.
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits for the line that says where it listens, and keeps its stdout drained from then on.
fn listening(child: &mut Child) -> Result<(SocketAddr, SocketAddr)> {
    let stdout = child.stdout.take().context("switchboard has no stdout")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // The receiver is gone once the line has come; what follows is only drained.
            let _ = sender.send(line);
        }
    });
    loop {
        match receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(line) => {
                if let Some(addresses) = addresses(&line) {
                    return Ok(addresses);
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                bail!("switchboard did not say `listening …` within 20 s")
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("switchboard ended before it listened"),
        }
    }
}

/// The first HTTP and the first TCP address of a line `listening http=… tcp=…`.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let words = line.strip_prefix("listening ")?;
    let first = |key: &str| words.split(' ').find_map(|word| word.strip_prefix(key)?.parse().ok());
    Some((first("http=")?, first("tcp=")?))
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn the_listening_line_is_read() {
        let line = "listening http=127.0.0.1:8080 http=10.0.0.1:8080 tls=[::1]:8883 tcp=127.0.0.1:1883";
        let (http, tcp) = addresses(line).unwrap();
        assert_eq!((http.port(), tcp.port()), (8080, 1883));
        assert!(http.ip().is_loopback());
        assert!(addresses("listening http=127.0.0.1:8080").is_none());
        assert!(addresses("http=127.0.0.1:8080 tcp=127.0.0.1:1883").is_none());
    }
}
