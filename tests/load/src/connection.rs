//! One MQTT connection over TCP or WebSocket. Packets that are sent once are written by the codec; what is sent or read for
//! every message is cut by hand, so that the load costs far less than what it measures.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, BytesMut};
use mqtt::packet::{Connect, Subscribe, SubscriptionOptions};
use mqtt::{Packet, PacketId, Qos, SessionExpiry, TopicFilter, Version};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::frames;
use crate::tls::Tls;

/// Bytes that a read makes room for.
const READ: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    WebSocket,
}

/// Where connections go, and what they speak there.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) path: String,
    pub(crate) version: Version,
    pub(crate) tls: Option<Tls>,
}

/// What lies below MQTT or WebSocket.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Debug> Stream for T {}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    transport: Transport,
    version: Version,
    raw: frames::Raw,
    packets: BytesMut,
    out: Vec<u8>,
}

/// A packet as it arrived: its first byte, and what follows its length.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) first: u8,
    pub(crate) body: BytesMut,
}

impl Arrived {
    /// The packet's type (2.1.2).
    pub(crate) const fn kind(&self) -> u8 {
        self.first >> 4
    }
}

impl Target {
    pub(crate) async fn connect(&self, client_id: &str) -> Result<Connection> {
        self.connect_as(client_id, true, None).await
    }

    /// One of many idle connections: an address has too few ports for all of them, and those of a run that has just ended are
    /// not free yet.
    pub(crate) async fn connect_nth(&self, n: usize, client_id: &str) -> Result<Connection> {
        let of_this_run = 1 + u8::try_from(std::process::id() % 254)?;
        let source = Ipv4Addr::new(127, of_this_run, u8::try_from(n / 20_000)?, 1);
        self.connect_as(client_id, true, Some(source.into())).await
    }

    /// A client whose session stays for an hour when it leaves.
    pub(crate) async fn connect_to_stay(&self, client_id: &str) -> Result<Connection> {
        self.connect_as(client_id, false, None).await
    }

    async fn connect_as(&self, client_id: &str, clean: bool, source: Option<IpAddr>) -> Result<Connection> {
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = socket.connect(self.addr).await.context("connect")?;
        stream.set_nodelay(true)?;
        let mut stream: Box<dyn Stream> = match &self.tls {
            Some(tls) => Box::new(tls.connect(stream).await?),
            None => Box::new(stream),
        };
        let mut raw = frames::Raw::new();
        if self.transport == Transport::WebSocket {
            frames::upgrade(&mut stream, self.addr, &self.path, &mut raw).await?;
        }
        let (packets, out) = (BytesMut::new(), Vec::new());
        let mut connection =
            Connection { stream, transport: self.transport, version: self.version, raw, packets, out };
        connection.deframe()?;
        connection.hello(client_id, clean).await?;
        Ok(connection)
    }
}

impl Connection {
    async fn hello(&mut self, client_id: &str, clean: bool) -> Result<()> {
        let mut connect = Connect::new(self.version, client_id);
        connect.clean_start = clean;
        connect.keep_alive_s = 600;
        if self.version == Version::V5 {
            connect.properties.receive_maximum = Some(u16::MAX);
            connect.properties.session_expiry =
                if clean { SessionExpiry::AtDisconnect } else { SessionExpiry::After(3600) };
        }
        self.send(&Packet::Connect(Box::new(connect))).await?;
        let answer = self.receive().await.context("CONNACK")?;
        ensure!(answer.kind() == 2 && answer.body.get(1) == Some(&0), "it is refused: {answer:?}");
        Ok(())
    }

    pub(crate) async fn subscribe(&mut self, filters: &[&str], qos: Qos) -> Result<()> {
        let options = SubscriptionOptions::at(qos);
        let filters: Result<Vec<_>, _> =
            filters.iter().map(|&filter| TopicFilter::new(filter).map(|filter| (filter, options))).collect();
        let packet_id = PacketId::new(1).context("1 is not 0")?;
        let subscribe =
            Subscribe { packet_id, filters: filters?, subscription_id: None, user_properties: vec![] };
        self.send(&Packet::Subscribe(subscribe)).await?;
        loop {
            let answer = self.receive().await?;
            if answer.kind() == 9 {
                ensure!(answer.body.last().is_some_and(|&code| code <= 2), "it is refused: {answer:?}");
                return Ok(());
            }
        }
    }

    pub(crate) async fn send(&mut self, packet: &Packet<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes)?;
        self.queue(&bytes);
        self.flush().await
    }

    /// Adds a packet to the output, over WebSocket in a frame of its own.
    pub(crate) fn queue(&mut self, packet: &[u8]) {
        if self.transport == Transport::WebSocket {
            frames::put_head(&mut self.out, packet.len());
        }
        self.out.extend_from_slice(packet);
    }

    /// Bytes that are not flushed.
    pub(crate) const fn queued(&self) -> usize {
        self.out.len()
    }

    pub(crate) async fn flush(&mut self) -> Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await?;
            self.out.clear();
        }
        Ok(())
    }

    /// Reads once. Nothing is lost when it is given up before it is done.
    pub(crate) async fn read(&mut self) -> Result<()> {
        let into = match self.transport {
            Transport::Tcp => &mut self.packets,
            Transport::WebSocket => &mut self.raw,
        };
        into.reserve(READ);
        ensure!(self.stream.read_buf(into).await? > 0, "the broker has closed the connection");
        self.deframe()
    }

    /// Reads once and looks at nothing. Says how many bytes there were.
    pub(crate) async fn read_blindly(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let bytes = self.stream.read(buffer).await?;
        ensure!(bytes > 0, "the broker has closed the connection");
        Ok(bytes)
    }

    fn deframe(&mut self) -> Result<()> {
        frames::take(&mut self.raw, &mut self.packets, &mut self.out)
    }

    /// The next packet of what was read.
    pub(crate) fn next(&mut self) -> Option<Arrived> {
        let (mut length, mut head) = (0, 1);
        loop {
            let byte = *self.packets.get(head)?;
            length |= usize::from(byte & 0x7f) << (7 * (head - 1));
            head += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if self.packets.len() < head + length {
            return None;
        }
        let first = self.packets[0];
        self.packets.advance(head);
        Some(Arrived { first, body: self.packets.split_to(length) })
    }

    pub(crate) async fn receive(&mut self) -> Result<Arrived> {
        loop {
            if let Some(packet) = self.next() {
                return Ok(packet);
            }
            self.read().await?;
        }
    }
}
