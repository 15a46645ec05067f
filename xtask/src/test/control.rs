//! The little HTTP endpoint by which a test in a browser makes its server vanish and return: `POST /stop`, `POST /start`.
//!
//! Knows nothing of MQTT; answers anyone on loopback, from any origin.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;

use super::bridge::Bridge;

/// Tried first, so that tests which have the addresses compiled in need no new compilation each time.
const PREFERRED: [u16; 3] = [47_811, 47_812, 47_813];

/// A bridge that can be stopped and started by HTTP. Ends, with its bridge, when dropped.
pub(crate) struct Control {
    address: SocketAddr,
    bridge: Arc<Slot>,
}

/// The bridge, if it runs, and where it listens whenever it does.
struct Slot {
    running: Mutex<Option<Bridge>>,
    http: SocketAddr,
    tcp: SocketAddr,
}

impl Control {
    /// Where to send `POST /stop` and `POST /start`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn bridge_http(&self) -> SocketAddr {
        self.bridge.http
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.bridge.stop();
    }
}

/// Starts the bridge and the endpoint.
pub(crate) fn start() -> Result<Control> {
    let [control, http, tcp] = PREFERRED.map(free_address);
    let listener = TcpListener::bind(control)?;
    let address = listener.local_addr()?;
    let bridge = Bridge::start(http, tcp)?;
    let slot = Slot { http: bridge.http, tcp: bridge.tcp, running: Mutex::new(Some(bridge)) };
    let slot = Arc::new(slot);
    let control = Control { address, bridge: Arc::clone(&slot) };
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            // A thread each: browsers open connections ahead of need and leave them silent.
            let slot = Arc::clone(&slot);
            thread::spawn(move || serve(stream, &slot));
        }
    });
    Ok(control)
}

/// The preferred port of loopback if nobody has it, else one that the system picks.
fn free_address(port: u16) -> SocketAddr {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(wanted) {
        Ok(_) => wanted,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}

impl Slot {
    fn running(&self) -> MutexGuard<'_, Option<Bridge>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        *self.running() = None;
    }

    fn start(&self) -> Result<()> {
        let mut running = self.running();
        if running.is_none() {
            *running = Some(Bridge::start(self.http, self.tcp)?);
        }
        Ok(())
    }
}

/// One request and its answer; a connection that says nothing is dropped after a while.
fn serve(stream: TcpStream, slot: &Slot) {
    let Ok(()) = stream.set_read_timeout(Some(Duration::from_secs(30))) else { return };
    let Some(request) = request_line(&stream) else { return };
    let (status, body) = match request.as_str() {
        "POST /stop" => {
            slot.stop();
            ("200 OK", String::new())
        }
        "POST /start" => match slot.start() {
            Ok(()) => ("200 OK", String::new()),
            Err(error) => ("500 Internal Server Error", format!("{error:#}")),
        },
        request if request.starts_with("OPTIONS ") => ("204 No Content", String::new()),
        _ => ("404 Not Found", "POST /stop or POST /start".to_owned()),
    };
    // The test that asked sees a lost connection; there is nobody else to tell.
    let _ = write!(
        &stream,
        "HTTP/1.1 {status}\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: POST\r\n\
         Access-Control-Allow-Headers: *\r\nAccess-Control-Allow-Private-Network: true\r\nConnection: close\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

/// Reads a request's head and gives its method and path.
fn request_line(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    lines.find(|line| line.is_empty())?;
    first.rsplit_once(' ').map(|(request, _version)| request.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_up_to_its_empty_line() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.write_all(b"POST /stop HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(request_line(&server).unwrap(), "POST /stop");
        client.write_all(b"POST /start HTTP/1.1\r\nHost").unwrap();
        drop(client);
        assert_eq!(request_line(&server), None);
    }
}
