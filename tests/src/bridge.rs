//! A running `switchboard` on ports of its own, with nothing on disk unless that is asked for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use crate::http::Request;
use crate::paths;
use crate::process::Process;

const ANY_PORT: &str = "127.0.0.1:0";
/// The same on all addresses of this machine.
const ANYWHERE: &str = "0.0.0.0:0";

/// An address of this machine that is not loopback: who connects to it comes from there, as from another machine, though no packet
/// leaves this one.
///
/// # Panics
/// This machine has none.
#[must_use]
pub fn own_address() -> IpAddr {
    // Nothing is sent: connecting a datagram socket only asks the routes.
    let socket = UdpSocket::bind(("0.0.0.0", 0)).expect("a datagram socket");
    let routed = socket.connect(("192.0.2.1", 9)).and_then(|()| socket.local_addr());
    let ip = routed.map(|address| address.ip()).ok();
    ip.filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
        .expect("this machine has an address besides loopback")
}

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
    config: Option<Arc<TempFile>>,
    data: Option<Arc<TempFolder>>,
    /// It listens on all addresses of this machine.
    is_open: bool,
}

/// A folder that is gone when its owner is.
#[derive(Debug)]
pub struct TempFolder(pub PathBuf);

impl TempFolder {
    /// Names one that is not there yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(env::temp_dir().join(format!("switchboard-tests-{}-{n}-{name}", process::id())))
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // left behind at worst
    }
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
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        Self::launch((ANY_PORT, ANY_PORT), arguments, None, &[])
    }

    /// The same with a `switchboard.toml` of this text.
    #[must_use]
    pub fn configured(text: &str) -> Self {
        let config = TempFile::new("switchboard.toml", text);
        let mut bridge = Self::start_with(&["--config", &config.0.to_string_lossy()]);
        bridge.config = Some(Arc::new(config));
        bridge
    }

    /// The same with a folder of its own for its state, which lasts as long as this value.
    #[must_use]
    pub fn keeping(text: &str) -> Self {
        Self::keeping_with(text, &[])
    }

    /// The same with variables in its environment, which are gone after [`Bridge::restart`].
    #[must_use]
    pub fn keeping_with(text: &str, variables: &[(&str, &Path)]) -> Self {
        let config = TempFile::new("switchboard.toml", text);
        let data = Arc::new(TempFolder::new("data"));
        let arguments = vec!["--config".to_owned(), config.0.to_string_lossy().into_owned()];
        let mut bridge = Self::launch((ANY_PORT, ANY_PORT), arguments, Some(data), variables);
        bridge.config = Some(Arc::new(config));
        bridge
    }

    /// The same with more arguments in place of a configuration.
    #[must_use]
    pub fn keeping_as(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        Self::launch((ANY_PORT, ANY_PORT), arguments, Some(Arc::new(TempFolder::new("data"))), &[])
    }

    /// One with the state of a folder.
    #[must_use]
    pub fn keeping_in(data: TempFolder) -> Self {
        Self::launch((ANY_PORT, ANY_PORT), Vec::new(), Some(Arc::new(data)), &[])
    }

    /// The same with a `switchboard.toml` of this text.
    #[must_use]
    pub fn keeping_in_with(data: TempFolder, text: &str) -> Self {
        let config = TempFile::new("switchboard.toml", text);
        let arguments = vec!["--config".to_owned(), config.0.to_string_lossy().into_owned()];
        let mut bridge = Self::launch((ANY_PORT, ANY_PORT), arguments, Some(Arc::new(data)), &[]);
        bridge.config = Some(Arc::new(config));
        bridge
    }

    /// One with the state of a folder, on all addresses of this machine.
    #[must_use]
    pub fn open_in(data: TempFolder, text: &str) -> Self {
        let config = TempFile::new("switchboard.toml", text);
        let arguments = vec!["--config".to_owned(), config.0.to_string_lossy().into_owned()];
        let mut bridge = Self::launch((ANYWHERE, ANYWHERE), arguments, Some(Arc::new(data)), &[]);
        bridge.config = Some(Arc::new(config));
        bridge
    }

    /// One of its addresses as another machine would use it.
    #[must_use]
    pub fn from_afar(address: SocketAddr) -> SocketAddr {
        SocketAddr::new(own_address(), address.port())
    }

    /// One whose state has a disk of its own, of so many MiB.
    ///
    /// # Panics
    /// The system does not let its user mount anything in a namespace.
    #[must_use]
    pub fn keeping_within(mib: u32, text: &str) -> Self {
        let config = TempFile::new("switchboard.toml", text);
        let data = TempFolder::new("small");
        fs::create_dir_all(&data.0).expect("the folder for temporary files can be written to");
        let words = [&paths::program(), &data.0, &config.0].map(|path| path.to_string_lossy().into_owned());
        let script = "mount -t tmpfs -o size=$1m tmpfs \"$3\" && \
            exec \"$2\" --http 127.0.0.1:0 --tcp 127.0.0.1:0 --data \"$3\" --config \"$4\" --shards $5";
        let size = mib.to_string();
        let words = [size, words[0].clone(), words[1].clone(), words[2].clone(), shards()];
        let mut arguments = vec!["--map-root-user", "--mount", "sh", "-c", script, "sh"];
        arguments.extend(words.iter().map(String::as_str));
        let process = Process::start(Path::new("unshare"), &arguments);
        let (http, tcp) = process.stdout.find("`listening http=… tcp=…`", listening);
        let (config, data) = (Some(Arc::new(config)), Some(Arc::new(data)));
        Self { process, http, tcp, arguments: Vec::new(), config, data, is_open: false }
    }

    /// Writes another text into its `switchboard.toml`, in one step.
    ///
    /// # Panics
    /// It was started without one, or the folder for temporary files cannot be written to.
    pub fn configure(&self, text: &str) {
        let path = &self.config.as_ref().expect("a broker with a configuration").0;
        let new = path.with_extension("new");
        fs::write(&new, text).expect("the folder for temporary files can be written to");
        fs::rename(&new, path).expect("the folder for temporary files can be written to");
    }

    /// Where its state is.
    ///
    /// # Panics
    /// It keeps none.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.data.as_ref().expect("a broker that keeps its state").0.clone()
    }

    /// Kills it as the power going out would, and keeps its ports for [`Bridge::restart`].
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.process.kill();
        let (config, data) = (self.config.clone(), self.data.clone());
        let at = |address: SocketAddr| match self.is_open {
            true => SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())).to_string(),
            false => address.to_string(),
        };
        let places = (at(self.http), at(self.tcp));
        *self = Self::launch((&places.0, &places.1), self.arguments.clone(), data, &[]);
        self.config = config;
    }

    /// What `/metrics` says of this series, which is named with its labels and without `switchboard_`.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn metric(&self, series: &str) -> u64 {
        let answer = Request::get("/metrics").send(self.http);
        let value = |line: &str| {
            line.strip_prefix("switchboard_")?.strip_prefix(series)?.strip_prefix(' ')?.parse().ok()
        };
        answer.text().lines().find_map(value).unwrap_or_else(|| panic!("there is no {series} in /metrics"))
    }

    /// How often `/metrics` says that the limit of this key was reached.
    #[must_use]
    pub fn reached(&self, key: &str) -> u64 {
        self.metric(&format!("limit_reached_total{{limit=\"{key}\"}}"))
    }

    /// Where it listens for another kind of connection: `tls` or `https`.
    ///
    /// # Panics
    /// It was not asked to.
    #[must_use]
    pub fn listens(&self, key: &str) -> SocketAddr {
        self.place(key).parse().expect("an address")
    }

    /// The same as it is said, which may be a path.
    ///
    /// # Panics
    /// It was not asked to.
    #[must_use]
    pub fn place(&self, key: &str) -> String {
        let lines = self.process.stdout.all();
        let words = lines.iter().find_map(|line| line.strip_prefix("listening ")).expect("it listens");
        let value = words.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("it does not listen for {key}")).to_owned()
    }

    /// The lines of its log that name this address or client.
    #[must_use]
    pub fn log_of(&self, who: &str) -> Vec<String> {
        self.process.stderr.all().into_iter().filter(|line| names(line, who)).collect()
    }

    fn launch(
        (http, tcp): (&str, &str),
        arguments: Vec<String>,
        data: Option<Arc<TempFolder>>,
        variables: &[(&str, &Path)],
    ) -> Self {
        let folder =
            data.as_ref().map_or_else(|| ":memory:".into(), |data| data.0.to_string_lossy().into_owned());
        let shards = shards();
        let mut all = vec!["--http", http, "--tcp", tcp, "--data", &folder];
        if !arguments.iter().any(|word| word == "--shards") {
            all.extend(["--shards", &shards, "--spread", "always"]);
        }
        all.extend(arguments.iter().map(String::as_str));
        let process = Process::start_with(&paths::program(), &all, variables);
        let (http, tcp) = process.stdout.find("`listening http=… tcp=…`", listening);
        let is_open = http.ip().is_unspecified();
        let near = |address: SocketAddr| match is_open {
            true => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
            false => address,
        };
        Self { process, http: near(http), tcp: near(tcp), arguments, config: None, data, is_open }
    }
}

/// On how many shards all of them run: one, or as many as the environment says. The same must hold on any number.
fn shards() -> String {
    env::var("SWITCHBOARD_TEST_SHARDS").unwrap_or_else(|_| "1".into())
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
