//! Who is really at the other end: what proxies say of it, and which of them are believed. It knows nothing of MQTT, and of HTTP
//! three headers.
//!
//! Two ways, and neither is guessed. A listener that is named in `proxy_protocol` takes nobody but trusted proxies, and expects a
//! header of the PROXY protocol from each. At the others, requests of trusted proxies may bring `Forwarded` or
//! `X-Forwarded-For`, and say that they took it by TLS. Whoever comes through a proxy is never counted as on this machine, whatever address is named.

mod forwarded;
pub mod header;
mod network;

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use hyper::header::{FORWARDED, HeaderMap, HeaderName};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use self::network::Network;

use self::header::Progress;
use crate::broker::Peer;

/// How long a proxy may take for its header.
const PATIENCE: Duration = Duration::from_secs(10);
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Who is at the other end of a connection, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Its address; port 0 is none that we know.
    at: SocketAddr,
    /// It is on this machine.
    is_here: bool,
    /// It is a trusted proxy, which speaks for itself or for somebody it does not name.
    is_proxy: bool,
}

/// The proxies that are believed. All copies are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Rc<RefCell<Vec<Network>>>);

/// A listener's view of them.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    proxies: Proxies,
    /// Each connection begins with a header of the PROXY protocol.
    expects_header: bool,
}

impl From<SocketAddr> for Remote {
    /// Somebody who comes directly.
    fn from(at: SocketAddr) -> Self {
        Self { at, is_here: at.ip().to_canonical().is_loopback(), is_proxy: false }
    }
}

impl Remote {
    /// Somebody who comes by a socket of this machine, and has no address.
    pub(crate) const fn local() -> Self {
        let nowhere = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
        Self { at: nowhere, is_here: true, is_proxy: false }
    }

    /// Whether it is on this machine.
    pub(crate) const fn is_here(self) -> bool {
        self.is_here
    }

    /// Its address.
    pub(crate) const fn address(self) -> IpAddr {
        self.at.ip().to_canonical()
    }

    /// As the broker knows it.
    pub(crate) fn identity(self) -> Peer {
        let address = Some(self.at.ip().to_canonical()).filter(|address| !address.is_unspecified());
        let (is_loopback, is_proxy) = (self.is_here, self.is_proxy);
        Peer { name: self.to_string().into(), address, is_loopback, is_proxy, identity: None }
    }

    /// Somebody who is named by a proxy.
    const fn named(at: SocketAddr, is_proxy: bool) -> Self {
        Self { at, is_here: false, is_proxy }
    }
}

impl Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.port() {
            0 if self.at.ip().is_unspecified() => f.write_str("unix"),
            0 => self.at.ip().fmt(f),
            _ => self.at.fmt(f),
        }
    }
}

impl Proxies {
    /// These.
    pub(crate) fn new(networks: Vec<Network>) -> Self {
        Self(Rc::new(RefCell::new(networks)))
    }

    /// These from now on.
    pub(crate) fn set(&self, networks: Vec<Network>) {
        self.0.replace(networks);
    }

    fn have(&self, address: IpAddr) -> bool {
        self.0.borrow().iter().any(|network| network.contains(address))
    }

    /// Who a request comes from, that came over a connection of `remote`.
    ///
    /// # Errors
    /// A trusted proxy has said something that is none; the text says what.
    pub(crate) fn client(&self, remote: Remote, headers: &HeaderMap) -> Result<Remote, &'static str> {
        if !self.have(remote.at.ip()) {
            // What it says counts for nothing. But who comes through a proxy is not on this machine because that is.
            let is_direct = !headers.contains_key(FORWARDED) && !headers.contains_key(X_FORWARDED_FOR);
            return Ok(Remote { is_here: remote.is_here && is_direct, ..remote });
        }
        let client = forwarded::client(lines(headers, FORWARDED), lines(headers, X_FORWARDED_FOR), |at| {
            self.have(at)
        })?;
        let Some(at) = client else { return Ok(Remote::named(remote.at, true)) };
        Ok(Remote::named(at, self.have(at.ip())))
    }

    /// Whether the one at the other end of a connection of `remote` is a trusted proxy that took this request by TLS.
    pub(crate) fn took_by_tls(&self, remote: Remote, headers: &HeaderMap) -> bool {
        let (forwarded, proto) = (lines(headers, FORWARDED), lines(headers, X_FORWARDED_PROTO));
        self.have(remote.at.ip()) && forwarded::is_by_tls(forwarded, proto)
    }
}

fn lines(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().map(|line| line.to_str().unwrap_or("?"))
}

impl Entry {
    pub(crate) const fn new(proxies: Proxies, expects_header: bool) -> Self {
        Self { proxies, expects_header }
    }

    /// Whether a connection does not begin with what is served, but with a header.
    pub(crate) const fn expects_header(&self) -> bool {
        self.expects_header
    }

    /// Who this is, that comes directly. A proxy that is trusted is not held to what holds for one client.
    pub(crate) fn direct(&self, peer: SocketAddr) -> Remote {
        Remote { is_proxy: self.proxies.have(peer.ip()), ..peer.into() }
    }

    /// Reads the header of a connection, and not a byte behind it. None when it is refused, which the log tells.
    pub(crate) async fn greet(&self, stream: &mut TcpStream, peer: SocketAddr) -> Option<Remote> {
        let read = async {
            if !self.proxies.have(peer.ip()) {
                return Err("only proxies named in `trusted_proxies` under [listen] may come here".to_owned());
            }
            match timeout(PATIENCE, read_header(stream)).await {
                Ok(read) => read,
                Err(_) => Err("its PROXY header did not come in time".into()),
            }
        };
        match read.await {
            Ok(Some(at)) => Some(Remote::named(at, self.proxies.have(at.ip()))),
            Ok(None) => Some(Remote::named(peer, true)),
            Err(why) => {
                tracing::warn!(%peer, "connection refused: {why}");
                None
            }
        }
    }
}

async fn read_header(stream: &mut TcpStream) -> Result<Option<SocketAddr>, String> {
    let (mut bytes, mut have) = (Vec::new(), 0);
    loop {
        match header::read(&bytes[..have])? {
            Progress::Whole { from, .. } => {
                return Ok(from.map(|at| SocketAddr::new(at.ip().to_canonical(), at.port())));
            }
            Progress::Needs(all) => bytes.resize(all, 0),
        }
        match stream.read(&mut bytes[have..]).await {
            Ok(0) => return Err("it ended within its PROXY header".into()),
            Ok(more) => have += more,
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(peer: &str, headers: &[(&'static str, &str)]) -> Result<Remote, &'static str> {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.2".parse().unwrap()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let at: SocketAddr = format!("{peer}:5000").parse().unwrap();
        proxies.client(at.into(), &map)
    }

    #[test]
    fn only_trusted_proxies_say_who_somebody_is() {
        let said = ("x-forwarded-for", "203.0.113.9");
        let client = remote("10.0.0.1", &[said]).unwrap();
        assert_eq!(
            (client.to_string(), client.is_here, client.is_proxy),
            ("203.0.113.9".into(), false, false)
        );
        let client = remote("192.0.2.1", &[said]).unwrap();
        assert_eq!(
            (client.to_string(), client.is_here, client.is_proxy),
            ("192.0.2.1:5000".into(), false, false)
        );
        assert!(remote("10.0.0.1", &[("x-forwarded-for", "\u{fc}")]).is_err());
    }

    #[test]
    fn nobody_is_here_because_a_proxy_is() {
        assert!(remote("127.0.0.1", &[]).unwrap().is_here);
        assert!(!remote("127.0.0.1", &[("x-forwarded-for", "127.0.0.1")]).unwrap().is_here, "not trusted");
        assert!(!remote("127.0.0.1", &[("forwarded", "for=unknown")]).unwrap().is_here, "not trusted");
        assert!(!remote("127.0.0.2", &[]).unwrap().is_here, "a trusted one that does not say");
        assert!(!remote("127.0.0.2", &[("x-forwarded-for", "127.0.0.1")]).unwrap().is_here, "what it says");
        assert!(
            !remote("10.0.0.1", &[("x-forwarded-for", "127.0.0.1")]).unwrap().is_here,
            "another machine's"
        );
    }
}
