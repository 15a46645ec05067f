//! The places that are listened on: which there are, and where those go who come there.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

use super::http::{self, Site};
use super::listener::LocalListener;
use super::proxy::{Entry, Remote};
use super::shard::Shard;
use super::socket::Transport;
use super::tls::{Acceptor, Stream};
use super::{HTTP_PORT, Options, TCP_PORT, listener};
use crate::broker::{Handshake, Limit};

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Tcp,
    Https,
    Tls,
}

/// All listeners.
#[derive(Debug)]
pub(super) struct Gates {
    all: Vec<Gate>,
    local: Vec<LocalListener>,
    /// There is one where something is served by TLS.
    acceptor: Option<Rc<Acceptor>>,
    /// How long a handshake may take.
    patience: Duration,
}

/// One of them.
#[derive(Debug)]
struct Gate {
    kind: Kind,
    listener: TcpListener,
    at: SocketAddr,
    /// Its connections begin with a header of the PROXY protocol.
    expects_header: bool,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Http, Self::Tcp, Self::Https, Self::Tls];

    /// As flags, `[listen]` and the line on stdout have it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Https => "https",
            Self::Tls => "tls",
        }
    }

    /// Where it is to listen, by the options or by default.
    fn asked(self, options: &Options) -> Vec<SocketAddr> {
        let listen = &options.file.listen;
        let (asked, port) = match self {
            Self::Http => (&listen.http, Some(HTTP_PORT)),
            Self::Tcp => (&listen.tcp, Some(TCP_PORT)),
            Self::Https => (&listen.https, None),
            Self::Tls => (&listen.tls, None),
        };
        match port.filter(|_| asked.is_empty()) {
            Some(port) => {
                let host: [u8; 4] = if options.lan { [0, 0, 0, 0] } else { [127, 0, 0, 1] };
                vec![(host, port).into()]
            }
            None => asked.clone(),
        }
    }
}

/// Where all listeners are to be.
pub(super) fn asked(options: &Options) -> impl Iterator<Item = (Kind, SocketAddr)> {
    Kind::ALL.into_iter().flat_map(|kind| kind.asked(options).into_iter().map(move |at| (kind, at)))
}

/// Whether these are all addresses of IPv6 and all of IPv4 with one port.
fn is_both(six: SocketAddr, four: SocketAddr) -> bool {
    let are_all = six.ip().is_unspecified() && four.ip().is_unspecified();
    are_all && six.is_ipv6() && four.is_ipv4() && six.port() == four.port()
}

impl Gates {
    /// Binds all of them, so that a port in use is told before the first client.
    ///
    /// # Errors
    /// An address cannot be listened on, or there is no certificate for TLS.
    pub(super) fn bind(options: &Options) -> Result<Self> {
        let acceptor = match options.file.listen.has_tls() {
            true => Some(Acceptor::new(&options.file, options.config.clone())?),
            false => None,
        };
        let bind = |(kind, at): (Kind, SocketAddr)| {
            let is_beside_v4 = asked(options).any(|(_, other)| at.port() > 0 && is_both(at, other));
            let listener = listener::bind(at, kind.name(), is_beside_v4)?;
            let expects_header = options.file.listen.expects_header(kind.name(), at);
            Ok(Gate { kind, at: listener.local_addr()?, listener, expects_header })
        };
        let patience = Duration::from_millis(options.file.broker()?.connect_timeout_ms);
        let all = asked(options).map(bind).collect::<Result<_>>()?;
        let local = options.file.listen.unix.iter().map(|path| LocalListener::bind(path));
        Ok(Self { all, local: local.collect::<Result<_>>()?, acceptor, patience })
    }

    /// Where those of one kind are.
    pub(super) fn of(&self, kind: Kind) -> Vec<SocketAddr> {
        self.all.iter().filter(|gate| gate.kind == kind).map(|gate| gate.at).collect()
    }

    pub(super) const fn acceptor(&self) -> Option<&Rc<Acceptor>> {
        self.acceptor.as_ref()
    }

    /// The line that says where all of them are.
    pub(super) fn line(&self) -> String {
        let mut line = String::from("listening");
        for gate in &self.all {
            let _ = write!(line, " {}={}", gate.kind.name(), gate.at);
        }
        for listener in &self.local {
            let _ = write!(line, " unix={}", listener.path.display());
        }
        line
    }

    /// Lets people in.
    ///
    /// # Errors
    /// The system does not take SIGHUP from us.
    pub(super) fn open(self, site: &Rc<Site>) -> Result<()> {
        if let Some(acceptor) = &self.acceptor {
            acceptor.watch()?;
        }
        for listener in self.local {
            spawn_local(serve_local(Rc::clone(&site.shards.door), listener));
        }
        for gate in self.all {
            let entry = Entry::new(site.proxies.clone(), gate.expects_header);
            let secure = self.acceptor.clone().filter(|_| matches!(gate.kind, Kind::Https | Kind::Tls));
            let door = Rc::clone(&site.shards.door);
            match gate.kind {
                Kind::Tcp | Kind::Tls => _ = spawn_local(serve_mqtt(door, gate.listener, entry, secure)),
                Kind::Http | Kind::Https => {
                    let secure = secure.map(|acceptor| (acceptor, self.patience));
                    spawn_local(serve_browsers(Rc::clone(site), gate.listener, entry, secure));
                }
            }
        }
        Ok(())
    }
}

async fn serve_mqtt(shard: Rc<Shard>, listener: TcpListener, entry: Entry, secure: Option<Rc<Acceptor>>) {
    loop {
        let (mut stream, peer) = listener::accept(&listener).await;
        let tls = match secure.as_ref().map(|acceptor| acceptor.mqtt()).transpose() {
            Ok(tls) => tls,
            Err(error) => {
                tracing::error!(%peer, "a connection with TLS could not be taken: {error}");
                continue;
            }
        };
        let (shard, transport) = (Rc::clone(&shard), (Transport::Tcp, tls));
        if !entry.expects_header() {
            spawn_local(shard.serve(stream, entry.direct(peer), transport, Vec::new(), None));
            continue;
        }
        let entry = entry.clone();
        spawn_local(async move {
            if let Some(remote) = entry.greet(&mut stream, peer).await {
                spawn_local(shard.serve(stream, remote, transport, Vec::new(), None));
            }
        });
    }
}

async fn serve_local(shard: Rc<Shard>, listener: LocalListener) {
    loop {
        let stream = listener.accept().await;
        spawn_local(Rc::clone(&shard).serve(
            stream,
            Remote::local(),
            (Transport::Tcp, None),
            Vec::new(),
            None,
        ));
    }
}

async fn serve_browsers(
    site: Rc<Site>,
    listener: TcpListener,
    entry: Entry,
    secure: Option<(Rc<Acceptor>, Duration)>,
) {
    loop {
        let (mut stream, peer) = listener::accept(&listener).await;
        let _ = stream.set_nodelay(true);
        let (site, entry, secure) = (Rc::clone(&site), entry.clone(), secure.clone());
        spawn_local(async move {
            let remote = match entry.expects_header() {
                true => entry.greet(&mut stream, peer).await,
                false => Some(entry.direct(peer)),
            };
            let Some(remote) = remote else { return };
            let Some(place) = site.lobby.enter(remote) else { return };
            let stream = match secure {
                None => Some(Stream::plain(stream)),
                Some((acceptor, patience)) => {
                    Box::pin(shake_hands(&site, &acceptor, patience, stream, remote)).await
                }
            };
            if let Some(stream) = stream {
                http::serve(site, stream, remote, place).await;
            }
        });
    }
}

/// A browser's connection with TLS. None when there is none, which the log tells.
async fn shake_hands(
    site: &Site,
    acceptor: &Acceptor,
    patience: Duration,
    stream: TcpStream,
    remote: Remote,
) -> Option<Stream> {
    let shaken = tokio::time::timeout(patience, acceptor.https(stream)).await;
    let shaken = shaken.unwrap_or_else(|_| {
        site.lobby.count(Limit::ConnectTimeout);
        Err("the TLS handshake was not complete in time".into())
    });
    match shaken {
        Ok((stream, is_resumed)) => {
            site.shards.door.count_handshake(Handshake::complete(is_resumed));
            Some(Stream::Tls(stream))
        }
        Err(why) => {
            site.shards.door.count_handshake(Handshake::Failed);
            tracing::warn!(peer = %remote, "browser refused: {why}");
            None
        }
    }
}
