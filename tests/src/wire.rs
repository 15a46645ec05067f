//! Bytes to a broker and back, over TCP or in WebSocket frames: one face for both.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use crate::deadline::{Deadline, PATIENCE};
use crate::http::Request;
use crate::tls::TlsStream;

/// What lies below MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A plain socket.
    Tcp,
    /// Binary frames of a WebSocket.
    WebSocket,
}

/// One Network Connection from the client's side.
#[derive(Debug)]
pub enum Wire {
    /// A plain socket.
    Tcp(TcpStream),
    /// Binary frames of a WebSocket.
    WebSocket(Box<WebSocket<TcpStream>>),
    /// The same as [`Wire::Tcp`] over TLS.
    Tls(Box<TlsStream>),
    /// The same as [`Wire::WebSocket`] over TLS.
    SecureWebSocket(Box<WebSocket<TlsStream>>),
}

/// What came of a read.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// Bytes of one read or one frame.
    Bytes(Vec<u8>),
    /// The other side is gone; over WebSocket with the status code of its close frame.
    End(Option<u16>),
    /// Nothing until the deadline.
    Nothing,
}

impl Wire {
    /// Connects by TCP.
    ///
    /// # Panics
    /// Nobody listens there.
    #[must_use]
    pub fn tcp(address: SocketAddr) -> Self {
        Self::Tcp(dial(address))
    }

    /// Connects by WebSocket to `/mqtt` with the subprotocol of MQTT.
    ///
    /// # Panics
    /// Nobody listens there, or the upgrade is refused.
    #[must_use]
    pub fn websocket(address: SocketAddr) -> Self {
        Self::websocket_as("mqtt", address)
    }

    /// The same with another subprotocol.
    ///
    /// # Panics
    /// As for [`Wire::websocket`].
    #[must_use]
    pub fn websocket_as(protocol: &str, address: SocketAddr) -> Self {
        Self::websocket_with(protocol, &[], address)
    }

    /// The same with more headers.
    ///
    /// # Panics
    /// As for [`Wire::websocket`].
    #[must_use]
    pub fn websocket_with(protocol: &str, headers: &[(&str, &str)], address: SocketAddr) -> Self {
        let request = Request::upgrade("/mqtt", protocol);
        let request = headers.iter().fold(request, |request, (name, value)| request.with(name, value));
        Self::websocket_by(request, protocol, address)
    }

    /// The same by a request of the caller's.
    ///
    /// # Panics
    /// As for [`Wire::websocket`].
    #[must_use]
    pub fn websocket_by(request: Request, protocol: &str, address: SocketAddr) -> Self {
        let (response, stream) = request.connect(address);
        assert_eq!(response.status, 101, "the upgrade is refused: {response:?}");
        assert_eq!(response.header("sec-websocket-protocol"), Some(protocol), "[MQTT-6.0.0-4]");
        assert!(response.body.is_empty(), "the server spoke before the client did");
        Self::WebSocket(Box::new(WebSocket::from_raw_socket(stream, Role::Client, Some(without_limits()))))
    }

    /// The same as [`Wire::websocket`] over a connection with TLS.
    ///
    /// # Panics
    /// The upgrade is refused.
    #[must_use]
    pub fn secure_websocket(mut stream: TlsStream) -> Self {
        let address = stream.sock.peer_addr().expect("a connected socket has an address");
        let response = Request::upgrade("/mqtt", "mqtt").exchange(&mut stream, address);
        assert_eq!(response.status, 101, "the upgrade is refused: {response:?}");
        let socket = WebSocket::from_raw_socket(stream, Role::Client, Some(without_limits()));
        Self::SecureWebSocket(Box::new(socket))
    }

    /// Our end of the connection, as the broker's log names it.
    ///
    /// # Panics
    /// The socket is broken.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.stream().local_addr().expect("a connected socket has an address")
    }

    /// The socket below.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        match self {
            Self::Tcp(stream) => stream,
            Self::WebSocket(socket) => socket.get_ref(),
            Self::Tls(stream) => &stream.sock,
            Self::SecureWebSocket(socket) => &socket.get_ref().sock,
        }
    }

    /// Sends bytes in one write or one binary frame. False when the other side is gone.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).is_ok(),
            Self::WebSocket(socket) => socket.send(Message::binary(bytes.to_vec())).is_ok(),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()).is_ok(),
            Self::SecureWebSocket(socket) => socket.send(Message::binary(bytes.to_vec())).is_ok(),
        }
    }

    /// Ends the connection without a word.
    pub fn cut(&self) {
        // Fails only when the other side was faster.
        let _ = self.stream().shutdown(Shutdown::Both);
    }

    /// Connects in the way of a transport.
    ///
    /// # Panics
    /// Nobody listens there.
    #[must_use]
    pub fn open(transport: Transport, tcp: SocketAddr, http: SocketAddr) -> Self {
        match transport {
            Transport::Tcp => Self::tcp(tcp),
            Transport::WebSocket => Self::websocket(http),
        }
    }

    /// Writes bytes below the frames of a WebSocket. False when the other side is gone.
    pub fn send_raw(&self, bytes: &[u8]) -> bool {
        self.stream().write_all(bytes).is_ok()
    }

    /// What one read brings, or one frame.
    ///
    /// # Panics
    /// The other side sends a frame that is not binary.
    pub fn receive(&mut self, deadline: Deadline) -> Received {
        let Some(left) = deadline.left() else { return Received::Nothing };
        self.stream().set_read_timeout(Some(left)).expect("a socket takes a timeout");
        match self {
            Self::Tcp(stream) => read_bytes(stream),
            Self::WebSocket(socket) => read_frame(socket),
            Self::Tls(stream) => read_bytes(&mut **stream),
            Self::SecureWebSocket(socket) => read_frame(socket),
        }
    }
}

fn read_bytes(stream: &mut impl Read) -> Received {
    let mut bytes = vec![0; 1 << 16];
    match stream.read(&mut bytes) {
        Ok(0) => Received::End(None),
        Ok(n) => Received::Bytes(bytes.get(..n).unwrap_or_default().to_vec()),
        Err(e) if is_timeout(e.kind()) => Received::Nothing,
        Err(_) => Received::End(None),
    }
}

fn read_frame(socket: &mut WebSocket<impl Read + Write>) -> Received {
    loop {
        match socket.read() {
            Ok(Message::Binary(bytes)) => return Received::Bytes(bytes.to_vec()),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Close(frame)) => return Received::End(frame.map(|frame| frame.code.into())),
            Ok(other) => panic!("not a binary frame [MQTT-6.0.0-1]: {other:?}"),
            Err(tungstenite::Error::Io(e)) if is_timeout(e.kind()) => return Received::Nothing,
            Err(_) => return Received::End(None),
        }
    }
}

fn without_limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(None).max_frame_size(None)
}

pub(crate) fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .unwrap_or_else(|e| panic!("nobody listens at {address}: {e}"));
    stream.set_nodelay(true).expect("a socket takes TCP_NODELAY");
    stream.set_write_timeout(Some(Duration::from_secs(20))).expect("a socket takes a timeout");
    stream
}

pub(crate) fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
