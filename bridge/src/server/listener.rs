//! Sockets that listen. They are bound before anything is served, so that a port in use is told before the first client.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener};

const BACKLOG: i32 = 4096;
/// How long a connection may be quiet before the kernel asks whether the peer is still there.
const QUIET: Duration = Duration::from_secs(60);

/// Binds one address of TCP, which keeps order and loses nothing [MQTT-4.2-1]. SO_REUSEADDR, so that a restart gets its port again.
/// All addresses of IPv6 are those of IPv4 too, unless these are another's.
pub(super) fn bind(address: SocketAddr, what: &str, without_v4: bool) -> Result<TcpListener> {
    let listen = || -> std::io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        // What is accepted inherits this: a peer that is gone without a word is noticed also when it has no keep alive.
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(QUIET).with_interval(QUIET / 6))?;
        socket.set_nonblocking(true)?;
        if without_v4 {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    listen().with_context(|| {
        format!("cannot listen on {address} for {what}; is another program there? Choose another with --{what} HOST:PORT")
    })
}

/// A socket of this machine that listens; its file is gone when this is.
#[derive(Debug)]
pub(super) struct LocalListener {
    listener: UnixListener,
    pub(super) path: PathBuf,
}

impl LocalListener {
    /// Binds a path, for this user and its group. A file that a killed process has left there is no hindrance.
    pub(super) fn bind(path: &Path) -> Result<Self> {
        let shown = path.display();
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
        if is_socket {
            let is_used = std::os::unix::net::UnixStream::connect(path).is_ok();
            ensure!(
                !is_used,
                "cannot listen on {shown}: another program does; choose another with --unix PATH"
            );
            let _ = std::fs::remove_file(path); // or binding says why not
        }
        let listen = || -> std::io::Result<UnixListener> {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            socket.bind(&SockAddr::unix(path)?)?;
            std::fs::set_permissions(path, Permissions::from_mode(0o660))?;
            socket.listen(BACKLOG)?;
            UnixListener::from_std(socket.into())
        };
        let bound =
            listen().with_context(|| format!("cannot listen on {shown}; choose another with --unix PATH"));
        Ok(Self { listener: bound?, path: path.to_owned() })
    }

    /// The next connection. To all that is done with it here it is a stream like any other.
    pub(super) async fn accept(&self) -> TcpStream {
        loop {
            let accepted = self.listener.accept().await;
            let stream = accepted.and_then(|(stream, _)| {
                TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(stream.into_std()?)))
            });
            match stream {
                Ok(stream) => return stream,
                Err(error) => pause(&error).await,
            }
        }
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path); // it may be gone already
    }
}

/// The next connection. Errors of single connections, and of too many open files, pass.
pub(super) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => pause(&error).await,
        }
    }
}

async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_peer_that_is_gone_without_a_word_is_noticed() {
        let listener = bind("127.0.0.1:0".parse().unwrap(), "tcp", false).unwrap();
        let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = accept(&listener).await;
        let socket = socket2::SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), QUIET);
    }

    #[tokio::test]
    async fn all_addresses_of_both_kinds_share_a_port() {
        let four = bind("0.0.0.0:0".parse().unwrap(), "tcp", false).unwrap();
        let six = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, four.local_addr().unwrap().port()));
        assert!(bind(six, "tcp", false).is_err(), "the port is taken by one of ours");
        bind(six, "tcp", true).unwrap();
    }
}
