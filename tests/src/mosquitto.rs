//! A real Mosquitto: the peer that the page must work with too.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::bridge::TempFile;
use crate::process::Process;

/// A Mosquitto of Debian on two free ports of loopback, with nothing on disk but its configuration.
#[derive(Debug)]
pub struct Mosquitto {
    /// Its process.
    pub process: Process,
    /// Where it speaks MQTT over TCP.
    pub tcp: SocketAddr,
    /// Where it speaks MQTT over WebSocket.
    pub websocket: SocketAddr,
    _config: TempFile,
}

impl Mosquitto {
    /// Starts one and waits until it runs.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn start() -> Self {
        Self::configured("")
    }

    /// The same with more lines in its configuration.
    ///
    /// # Panics
    /// As for [`Mosquitto::start`].
    #[must_use]
    pub fn configured(more: &str) -> Self {
        let (tcp, websocket) = (free_port(), free_port());
        let text = format!(
            "allow_anonymous true\npersistence false\nlistener {} 127.0.0.1\nlistener {} 127.0.0.1\nprotocol websockets\n{more}",
            tcp.port(),
            websocket.port()
        );
        let config = TempFile::new("mosquitto.conf", &text);
        let process = Process::start(Path::new("mosquitto"), &["-c", &config.0.to_string_lossy(), "-v"]);
        process.stderr.expect(&["running"]);
        Self { process, tcp, websocket, _config: config }
    }
}

/// A port nobody listens at. Mosquitto cannot be told to pick one, and does not take one that another connection left a moment
/// ago: so it is none of those that systems hand out, and each is used once.
fn free_port() -> SocketAddr {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const PORTS: u16 = 18_000;
    // Tests of other processes begin elsewhere.
    let start = (process::id().wrapping_mul(64) % u32::from(PORTS)) as u16;
    loop {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        assert!(n < PORTS, "no port of loopback is free");
        let port = FIRST + (start + n % PORTS) % PORTS;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().expect("a listener has an address");
        }
    }
}
