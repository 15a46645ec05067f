//! A browser's connection before it is a WebSocket, with TLS or without, as a stream that HTTP is spoken over. Afterwards it is
//! taken apart, and the shard goes on with what it was made of.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connection::{Failure, Received, Tls};
use super::failure::{SPEAKS_HTTP, TLS_ON_PLAIN, begins_with_tls};

/// For a browser that came without TLS.
const USE_HTTPS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n\
    This address takes https:// alone: put an s behind http and try again.\n";
/// Bytes read at once.
const READ: usize = 16 << 10;

/// A connection of a browser.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(PlainStream),
    Tls(Box<TlsStream>),
}

/// One without TLS.
#[derive(Debug)]
pub(crate) struct PlainStream {
    socket: TcpStream,
    has_read: bool,
}

/// One with TLS.
#[derive(Debug)]
pub(crate) struct TlsStream {
    socket: TcpStream,
    tls: Box<Tls>,
    /// What was said by the peer and not taken yet.
    plain: Vec<u8>,
    is_over: bool,
    /// What is being written, from `sent` on.
    wire: Vec<u8>,
    sent: usize,
}

/// A stream taken apart: its socket, its TLS, and what had come of the peer.
pub(crate) type Parts = (TcpStream, Option<Box<Tls>>, Vec<u8>);

impl Stream {
    pub(crate) const fn plain(socket: TcpStream) -> Self {
        Self::Plain(PlainStream { socket, has_read: false })
    }

    /// What is left when the stream has ended being one.
    pub(crate) fn into_parts(self) -> Parts {
        match self {
            Self::Plain(stream) => (stream.socket, None, Vec::new()),
            Self::Tls(stream) => (stream.socket, Some(stream.tls), stream.plain),
        }
    }

    pub(crate) const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

impl PlainStream {
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if !std::mem::replace(&mut self.has_read, true) && begins_with_tls(read) {
            let peer = self.socket.peer_addr()?;
            tracing::warn!(%peer, "browser refused: {TLS_ON_PLAIN}"); // HTTP makes nothing of it
            return Poll::Ready(Err(ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl TlsStream {
    pub(super) const fn new(socket: TcpStream, tls: Box<Tls>) -> Self {
        Self { socket, tls, plain: Vec::new(), is_over: false, wire: Vec::new(), sent: 0 }
    }

    /// Completes the handshake. Says whether it went on from an earlier one.
    ///
    /// # Errors
    /// It fails, and why. The peer was told.
    pub(super) async fn shake_hands(&mut self) -> Result<bool, Failure> {
        loop {
            let received = std::future::poll_fn(|context| self.poll_receive(context)).await;
            match received.map_err(|error| Failure::from(error.to_string()))? {
                Ok(Received { completed: Some(is_resumed), .. }) => return Ok(is_resumed),
                Ok(Received { is_over: true, .. }) => {
                    return Err("it left before the TLS handshake was complete".into());
                }
                Ok(_) => {}
                Err(why) => {
                    // It may be gone.
                    let _ = match &*why {
                        SPEAKS_HTTP => self.socket.try_write(USE_HTTPS).map(drop),
                        _ => std::future::poll_fn(|context| self.poll_write_out(context)).await,
                    };
                    let _ = SockRef::from(&self.socket).shutdown(Shutdown::Write);
                    return Err(why);
                }
            }
        }
    }

    /// One read.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Result<Received, Failure>>> {
        loop {
            // What TLS has to answer may be waited for by the peer. If it cannot leave now, it leaves when there is room.
            let _ = self.poll_write_out(context)?;
            ready!(self.socket.poll_read_ready(context))?;
            let mut bytes = self.tls.before().to_vec();
            let kept = bytes.len();
            bytes.resize(kept + READ, 0);
            match self.socket.try_read(bytes.get_mut(kept..).unwrap_or_default()) {
                Ok(0) => {
                    self.is_over = true;
                    return Poll::Ready(Ok(Ok(Received { is_over: true, completed: None })));
                }
                Ok(n) => {
                    bytes.truncate(kept + n);
                    let received = self.tls.receive(&mut bytes, |piece| self.plain.extend_from_slice(piece));
                    if received.is_ok() {
                        let _ = self.poll_write_out(context)?;
                    }
                    self.is_over |= received.as_ref().map_or(true, |received| received.is_over);
                    return Poll::Ready(Ok(received));
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Writes all that waits.
    fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.sent == self.wire.len() {
                self.sent = 0;
                self.wire.clear();
                self.seal(&[])?;
                if self.wire.is_empty() {
                    self.wire = Vec::new();
                    return Poll::Ready(Ok(()));
                }
            }
            ready!(self.socket.poll_write_ready(context))?;
            match self.socket.try_write(self.wire.get(self.sent..).unwrap_or_default()) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(n) => self.sent += n,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn seal(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tls.seal(bytes, &mut self.wire).map_err(io::Error::other)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = match self.get_mut() {
            Self::Plain(stream) => return stream.poll_read(context, buffer),
            Self::Tls(stream) => stream,
        };
        while stream.plain.is_empty() && !stream.is_over {
            if let Err(why) = ready!(stream.poll_receive(context))? {
                let _ = stream.poll_write_out(context)?; // why, if it can be said at once
                return Poll::Ready(Err(io::Error::other(why)));
            }
        }
        let n = stream.plain.len().min(buffer.remaining());
        buffer.put_slice(stream.plain.get(..n).unwrap_or_default());
        stream.plain.drain(..n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = match self.get_mut() {
            Self::Plain(stream) => return Pin::new(&mut stream.socket).poll_write(context, bytes),
            Self::Tls(stream) => stream,
        };
        ready!(stream.poll_write_out(context))?; // so that no more than one piece ever waits
        let n = bytes.len().min(READ);
        stream.seal(bytes.get(..n).unwrap_or_default())?;
        let _ = stream.poll_write_out(context)?;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(&mut stream.socket).poll_flush(context),
            Self::Tls(stream) => stream.poll_write_out(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = match self.get_mut() {
            Self::Plain(stream) => return Pin::new(&mut stream.socket).poll_shutdown(context),
            Self::Tls(stream) => stream,
        };
        stream.tls.close();
        ready!(stream.poll_write_out(context))?;
        Pin::new(&mut stream.socket).poll_shutdown(context)
    }
}
