//! Trunk beside a bridge: it builds the page from the same `www/index.html`, serves it, and passes `/mqtt` on.
//!
//! Knows just enough of WebSocket to see one MQTT connection accepted through the proxy.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::{bridge::Bridge, wait_for};
use crate::command;

/// Where Trunk.toml expects the bridge.
const BRIDGE: &str = "127.0.0.1:8080";

/// A masked frame with CONNECT (3.1.1, clean session, client id `trunk`). All mask bytes are zero: nobody listens in.
const CONNECT: &[u8] = b"\x82\x93\0\0\0\0\x10\x11\0\x04MQTT\x04\x02\0\x3c\0\x05trunk";

/// The frame that answers it: CONNACK, accepted, no session.
const CONNACK: &[u8] = b"\x82\x04\x20\x02\0\0";

/// `trunk build` makes a page that loads the module.
pub(crate) fn builds(trunk: &Path) -> Result<()> {
    let dist = command::target().join("trunk");
    command::run(command::program(trunk).arg("build"))?;
    let page =
        fs::read_to_string(dist.join("index.html")).context("trunk left no index.html in target/trunk")?;
    ensure!(page.contains("_bg.wasm"), "the page that trunk built does not load the module");
    Ok(())
}

/// `trunk serve`, by the repository's own Trunk.toml but for the ports, serves the page and passes MQTT and `/health` on.
pub(crate) fn serves(trunk: &Path) -> Result<()> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bridge = Bridge::start(any, any)?;
    let address = TcpListener::bind(any)?.local_addr()?;
    let mut serve = command::program(trunk);
    serve
        .arg("serve")
        .arg("--config")
        .arg(config_for(bridge.http)?)
        .args(["--port", &address.port().to_string()]);
    let log = command::target().join("xtask-trunk.log");
    let output = fs::File::create(&log)?;
    let child = serve.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn();
    let mut server = Server(child.context("trunk does not start")?);

    let page = wait_for("trunk serve, asked for /explorer", Duration::from_secs(120), || {
        // An end is an answer too: no need to wait for a server that is gone.
        if let Ok(Some(status)) = server.0.try_wait() {
            return Some(Err(anyhow::anyhow!("trunk serve ended ({status})")));
        }
        get(address, "/explorer").ok().filter(|answer| answer.starts_with("HTTP/1.1 200")).map(Ok)
    });
    let page = page.and_then(|page| page).with_context(|| format!("its log is {}", log.display()))?;
    ensure!(page.contains("_bg.wasm"), "trunk serves no page at /explorer, but: {page}");
    let health = get(address, "/health")?;
    ensure!(health.contains("\"status\""), "trunk serve does not pass /health on; it answers: {health}");
    mqtt(address).with_context(|| format!("trunk serve does not pass /mqtt on; its log is {}", log.display()))
}

/// Trunk.toml with absolute paths and the address of this bridge.
fn config_for(bridge: SocketAddr) -> Result<PathBuf> {
    let text = fs::read_to_string(command::root().join("Trunk.toml")).context("Trunk.toml cannot be read")?;
    ensure!(text.contains(BRIDGE), "Trunk.toml does not name the bridge at {BRIDGE}");
    let page = command::root().join("www/index.html");
    let dist = command::target().join("trunk");
    let text = text
        .replace(BRIDGE, &bridge.to_string())
        .replace("\"www/index.html\"", &format!("{page:?}"))
        .replace("\"target/trunk\"", &format!("{dist:?}"));
    let path = command::target().join("xtask-trunk.toml");
    fs::write(&path, text)?;
    Ok(path)
}

/// Opens the WebSocket as a browser does, says CONNECT, and wants its CONNACK.
fn mqtt(address: SocketAddr) -> Result<()> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "GET /mqtt HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).context("the answer to the upgrade ends early")?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    ensure!(head.starts_with("http/1.1 101"), "the upgrade is refused: {head}");
    ensure!(head.contains("\r\nsec-websocket-protocol: mqtt\r\n"), "the subprotocol is lost: {head}");
    ensure!(
        !head.contains("permessage-deflate"),
        "compression is agreed on, which trunk cannot pass on: {head}"
    );
    stream.write_all(CONNECT)?;
    let mut answer = [0; CONNACK.len()];
    stream.read_exact(&mut answer).context("CONNECT is not answered")?;
    ensure!(answer == CONNACK, "CONNECT is answered by {answer:02x?}");
    Ok(())
}

/// What a server answers to this path: head and body.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

/// A process that ends with this value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
