//! Sockets that listen. They are bound before anything is served, so that a port in use is told before the first client.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

const BACKLOG: i32 = 4096;
/// How long a connection may be quiet before the kernel asks whether the peer is still there.
const QUIET: Duration = Duration::from_secs(60);

/// Binds one address of TCP, which keeps order and loses nothing [MQTT-4.2-1]. SO_REUSEADDR, so that a restart gets its port again.
pub(super) fn bind(address: SocketAddr, what: &str) -> Result<TcpListener> {
    let listen = || -> std::io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        // What is accepted inherits this: a peer that is gone without a word is noticed also when it has no keep alive.
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(QUIET).with_interval(QUIET / 6))?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    listen().with_context(|| {
        format!("cannot listen on {address} for {what}; is another program there? Choose another with --{what} HOST:PORT")
    })
}

/// The next connection. Errors of single connections, and of too many open files, pass.
pub(super) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_peer_that_is_gone_without_a_word_is_noticed() {
        let listener = bind("127.0.0.1:0".parse().unwrap(), "tcp").unwrap();
        let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = accept(&listener).await;
        let socket = socket2::SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), QUIET);
    }
}
