//! Brokers that are measured: how each is started, and that it ends with its measurement. Knows no load.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::command;
use crate::test::{trunk::get, wait_for};

/// How a broker is started.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) is_ours: bool,
    /// Zero stands for any that is free.
    tcp: u16,
    websocket: Option<u16>,
    /// For a shell; `@TCP@`, `@WS@` and `@DATA@` stand for what is chosen for a run.
    line: String,
    version: Option<(PathBuf, &'static str)>,
}

/// One that runs. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Broker {
    child: Child,
    tcp: u16,
    websocket: Option<u16>,
    data: PathBuf,
}

/// How often a broker is started that does not listen.
const TRIES: usize = 3;

impl Recipe {
    /// This project's, with room in a session's queue for a whole load: what is turned away costs nothing.
    /// It is named by its shards where it stands beside itself; these are a number, and with `/always` after it clients are
    /// spread over them from the start.
    pub(super) fn ours(binary: &Path, shards: &str, is_beside_itself: bool) -> Result<Self> {
        let (program, config) = (binary.display(), folder()?.join("switchboard.toml"));
        let limits = "[limits]\nmax_queued_messages = 10000000\nmax_queued_bytes = 4000000000\n";
        fs::write(&config, limits).with_context(|| format!("{} cannot be written", config.display()))?;
        let config = config.display();
        let (count, spread) = shards.split_once('/').unwrap_or((shards, "when-busy"));
        Ok(Self {
            name: if is_beside_itself { format!("shards = {shards}") } else { "Switchboard".into() },
            is_ours: true,
            tcp: 0,
            websocket: Some(0),
            line: format!(
                "'{program}' --tcp 127.0.0.1:@TCP@ --http 127.0.0.1:@WS@ --data @DATA@ --shards {count} --spread {spread} --config '{config}'"
            ),
            version: Some((binary.to_owned(), "--version")),
        })
    }

    /// Mosquitto, if it is installed: without limits that this load would meet.
    pub(super) fn mosquitto() -> Result<Option<Self>> {
        let Some(program) = command::find("mosquitto") else {
            println!("mosquitto is not on the path: there is nothing to compare with");
            return Ok(None);
        };
        let file = folder()?.join("mosquitto.conf");
        let lines = "allow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\nmax_inflight_messages 0\n\
                     listener @TCP@ 127.0.0.1\nlistener @WS@ 127.0.0.1\nprotocol websockets\n";
        let shown = file.display();
        let line = format!(
            "printf '{}' > '{shown}' && exec '{}' -c '{shown}'",
            lines.replace('\n', "\\n"),
            program.display()
        );
        let version = Some((program, "-h"));
        Ok(Some(Self { name: "Mosquitto".into(), is_ours: false, tcp: 0, websocket: Some(0), line, version }))
    }

    /// Any other: `NAME=TCPPORT:WSPORT:COMMAND`, where a port of 0 is chosen anew and WSPORT may be empty.
    pub(super) fn peer(text: &str) -> Result<Self> {
        let parts = || {
            let (name, rest) = text.split_once('=')?;
            let (tcp, rest) = rest.split_once(':')?;
            let (websocket, line) = rest.split_once(':')?;
            Some((name, tcp, websocket, line))
        };
        let (name, tcp, websocket, line) =
            parts().with_context(|| format!("`--peer {text}`: it is NAME=TCPPORT:WSPORT:COMMAND"))?;
        let port = |text: &str| text.parse().with_context(|| format!("`--peer {name}`: {text} is no port"));
        let websocket = if websocket.is_empty() { None } else { Some(port(websocket)?) };
        Ok(Self {
            name: name.into(),
            is_ours: false,
            tcp: port(tcp)?,
            websocket,
            line: line.into(),
            version: None,
        })
    }

    pub(super) const fn has_no_websocket(&self) -> bool {
        self.websocket.is_none()
    }

    /// What it says of itself.
    pub(super) fn version(&self) -> String {
        let said = self.version.as_ref().and_then(|(program, word)| {
            // Mosquitto tells its version only where it explains itself, and then fails.
            let output = Command::new(program).arg(word).stdin(Stdio::null()).output().ok()?;
            Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
        });
        said.unwrap_or_else(|| self.name.clone())
    }
}

impl Broker {
    /// Starts one and waits until it listens. `keeps` says whether ours keeps its state on the disk. A port that was free may be
    /// another's a moment later, so there are some tries.
    pub(super) fn start(recipe: &Recipe, keeps: bool) -> Result<Self> {
        let tries = (0..TRIES).map(|_| Self::try_start(recipe, keeps));
        let mut failed = None;
        for tried in tries {
            match tried {
                Ok(broker) => return Ok(broker),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.context("it was not tried")?)
    }

    fn try_start(recipe: &Recipe, keeps: bool) -> Result<Self> {
        let (tcp, websocket) = (chosen(recipe.tcp)?, recipe.websocket.map(chosen).transpose()?);
        let data = folder()?.join(format!("data-{tcp}"));
        let kept = if keeps { data.display().to_string() } else { ":memory:".into() };
        let line = recipe
            .line
            .replace("@TCP@", &tcp.to_string())
            .replace("@WS@", &websocket.unwrap_or(0).to_string());
        let line = line.replace("@DATA@", &kept);
        let line = if line.contains("exec ") { line } else { format!("exec {line}") };
        // Every connection is a file.
        let line = format!("ulimit -n $(ulimit -Hn); {line}");
        let child = Command::new("sh")
            .args(["-c", &line])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("there is no shell")?;
        let mut broker = Self { child, tcp, websocket, data };
        for port in [Some(tcp), websocket].into_iter().flatten() {
            wait_for(&format!("{} does not listen", recipe.name), Duration::from_secs(10), || {
                TcpStream::connect(("127.0.0.1", port)).ok()
            })?;
        }
        ensure!(broker.child.try_wait()?.is_none(), "{} ended as soon as it began", recipe.name);
        Ok(broker)
    }

    /// What the load generator has to know of it.
    pub(super) fn arguments(&self, websocket: bool) -> Vec<String> {
        let port = self.websocket.filter(|_| websocket).unwrap_or(self.tcp);
        vec!["--addr".into(), format!("127.0.0.1:{port}"), "--pid".into(), self.child.id().to_string()]
    }
}

impl Broker {
    /// What part of the processor time of all shards the busiest has used, where there are several.
    pub(super) fn busiest_shard(&self) -> Result<Option<f64>> {
        let Some(port) = self.websocket else { return Ok(None) };
        Ok(busiest(&get(([127, 0, 0, 1], port).into(), "/metrics")?))
    }
}

fn busiest(metrics: &str) -> Option<f64> {
    let lines = metrics.lines().filter(|line| line.starts_with("switchboard_shard_cpu_seconds_total{"));
    let used: Vec<f64> = lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    let (most, all) = (used.iter().copied().fold(0.0, f64::max), used.iter().sum::<f64>());
    (used.len() > 1 && all > 0.0).then_some(most / all)
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Killed, as what it has kept is not wanted; and it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// The port itself, or one that is free now: none of those that systems hand out, of which thousands are not free again for a
/// minute after a load of idle connections.
fn chosen(port: u16) -> Result<u16> {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    const PORTS: Range<u16> = 12_000..30_000;
    if port != 0 {
        return Ok(port);
    }
    let start = u64::from(std::process::id()) * 64;
    let next = || start + u64::from(COUNT.fetch_add(1, Ordering::Relaxed));
    let any = PORTS.map(|_| PORTS.start + (next() % PORTS.len() as u64) as u16);
    let mut free = any.filter(|&port| TcpListener::bind(("0.0.0.0", port)).is_ok());
    free.next().context("there is no port left")
}

fn folder() -> Result<PathBuf> {
    let folder = command::target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_of_several_shards_is_found() {
        let line = |shard: u8, used: &str| {
            format!("switchboard_shard_cpu_seconds_total{{shard=\"{shard}\"}} {used}\n")
        };
        assert_eq!(busiest(&(line(0, "1.5") + &line(1, "0.5"))), Some(0.75));
        assert_eq!(busiest(&line(0, "1.5")), None);
        assert_eq!(busiest(&(line(0, "0") + &line(1, "0"))), None);
    }

    #[test]
    fn a_peer_is_read_from_its_word() {
        let peer = Recipe::peer("limit=0:0:./limit @TCP@ @WS@").unwrap();
        assert_eq!((peer.name.as_str(), peer.tcp, peer.line.as_str()), ("limit", 0, "./limit @TCP@ @WS@"));
        assert!(!peer.has_no_websocket());
        assert!(Recipe::peer("a=1883::a").unwrap().has_no_websocket());
        assert!(Recipe::peer("a").is_err() && Recipe::peer("a=x::a").is_err());
    }
}
