//! A real Mosquitto: the peer that the page must work with too.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

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

/// A port nobody listens at. Mosquitto cannot be told to pick one.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("a listener has an address")
}
