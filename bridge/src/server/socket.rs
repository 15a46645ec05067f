//! One socket's way out: what waits for it, in the form its transport wants. It owns a buffer only while something waits.

mod held;

use std::io::ErrorKind;
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::Arc;

use rustls::unbuffered::EncryptError;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use self::held::Held;
use super::store::Turn;
use super::tls::Tls;
use super::websocket;
use crate::broker::Identity;

/// Buffers up to this size are kept for the next socket that needs one, and so many bytes of all of them.
const POOLED_BYTES: usize = 512 << 10;
const ALL_POOLED_BYTES: usize = 8 << 20;

/// What lies below MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    WebSocket,
}

/// Empty buffers that others have used.
#[derive(Debug, Default)]
pub(super) struct Pool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

/// A Network Connection's socket and its output.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: Rc<TcpStream>,
    transport: Transport,
    /// What lies between it and the bytes of MQTT or WebSocket.
    pub(super) tls: Option<Box<Tls>>,
    /// Packets since the last flush; for WebSocket behind room for a frame's header.
    out: Vec<u8>,
    /// What waits for the disk, and all behind it.
    held: Option<Box<Held>>,
    /// WebSocket control frames since the last flush.
    control: Vec<u8>,
    /// What is being written, from `sent` on.
    wire: Vec<u8>,
    sent: usize,
    /// It stands in the list of sockets to flush.
    pub(super) is_dirty: bool,
    /// The kernel's buffer is full; a task waits for room.
    pub(super) is_stuck: bool,
    /// Set when the last bytes are to be sent and the rest of what comes in is to be thrown away.
    pub(super) is_closing: bool,
    /// The check of a password that its reader waits for; zero for none.
    pub(super) check: u64,
    has_said_close: bool,
    is_shut: bool,
    /// Status code of the close frame that ends a WebSocket; none echoes one without.
    pub(super) close_code: Option<u16>,
    /// The reader waits here while too much waits to be written.
    pub(super) gate: Option<Rc<Notify>>,
    /// Who is at the other end, where that was proved before MQTT began.
    pub(super) identity: Option<Arc<Identity>>,
}

/// A socket between two threads.
#[derive(Debug)]
pub(super) struct Packed {
    /// None when it could not be taken out of the first one.
    stream: Option<std::net::TcpStream>,
    transport: Transport,
    tls: Option<Box<Tls>>,
    out: Vec<u8>,
    control: Vec<u8>,
    wire: Vec<u8>,
    identity: Option<Arc<Identity>>,
}

/// How a flush went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// All is written.
    All,
    /// The kernel takes no more for now.
    Stuck,
    /// The socket is broken.
    Broken,
}

impl Pool {
    fn take(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    fn put(&mut self, mut buffer: Vec<u8>) {
        let bytes = buffer.capacity();
        if bytes > 0 && bytes <= POOLED_BYTES && self.bytes + bytes <= ALL_POOLED_BYTES {
            buffer.clear();
            self.bytes += bytes;
            self.buffers.push(buffer);
        }
    }
}

impl Packed {
    /// The socket on this thread.
    ///
    /// # Errors
    /// It was lost.
    pub(super) fn unpack(self) -> std::io::Result<(Rc<TcpStream>, Socket)> {
        let stream = self.stream.ok_or(ErrorKind::NotConnected)?;
        let stream = Rc::new(TcpStream::from_std(stream)?);
        let (out, control, wire, identity) = (self.out, self.control, self.wire, self.identity);
        let socket = Socket::new(Rc::clone(&stream), self.transport, self.tls);
        let socket = Socket { out, control, wire, identity, ..socket };
        Ok((stream, socket))
    }
}

impl Socket {
    pub(super) fn new(stream: Rc<TcpStream>, transport: Transport, tls: Option<Box<Tls>>) -> Self {
        Self {
            stream,
            transport,
            tls,
            out: Vec::new(),
            held: None,
            control: Vec::new(),
            wire: Vec::new(),
            sent: 0,
            is_dirty: false,
            is_stuck: false,
            is_closing: false,
            check: 0,
            has_said_close: false,
            is_shut: false,
            close_code: Some(websocket::NORMAL),
            gate: None,
            identity: None,
        }
    }

    /// Makes it ready for another thread. Nothing of it waits for a disk.
    pub(super) fn pack(self) -> Packed {
        let wire = self.wire.get(self.sent..).unwrap_or_default().to_vec();
        let stream = match Rc::try_unwrap(self.stream) {
            Ok(stream) => stream.into_std().ok(),
            // A task here waits until the peer takes more. It finds the socket gone when it does.
            Err(stream) => SockRef::from(&*stream).try_clone().ok().map(Into::into),
        };
        let Self { transport, tls, out, control, identity, .. } = self;
        Packed { stream, transport, tls, out, control, wire, identity }
    }

    /// Bytes that wait.
    pub(super) fn pending(&self) -> usize {
        let held = self.held.as_ref().map_or(0, |held| held.len());
        let tls = self.tls.as_ref().map_or(0, |tls| tls.pending());
        self.out.len() + self.control.len() + self.wire.len() - self.sent + held + tls
    }

    /// Bytes of packets since the last flush.
    pub(super) const fn gathered(&self) -> usize {
        self.out.len()
    }

    /// Whether something waits for the disk.
    pub(super) const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Takes what must not leave before this turn is durable, or behind what must not.
    pub(super) fn push_held(&mut self, bytes: &[u8], turn: Option<Turn>) {
        self.held.get_or_insert_default().push(bytes, turn);
    }

    /// Lets go what waits for no later turn.
    pub(super) fn release_held(&mut self, durable: Turn, pool: &mut Pool) {
        let Some(mut held) = self.held.take() else { return };
        let bytes = held.release(durable);
        if !bytes.as_slice().is_empty() {
            self.push(bytes.as_slice(), pool);
        }
        drop(bytes);
        if held.waits() {
            self.held = Some(held);
        }
    }

    /// Forgets what waits for the disk. False when nothing does.
    pub(super) fn drop_held(&mut self) -> bool {
        self.held.take().is_some()
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8], pool: &mut Pool) {
        if self.out.capacity() == 0 {
            self.out = pool.take();
        }
        if self.out.is_empty() && self.transport == Transport::WebSocket {
            self.out.extend_from_slice(&[0; websocket::MAX_HEADER]);
        }
        self.out.extend_from_slice(bytes);
    }

    /// Queues a WebSocket control frame, ahead of the packets of this turn.
    pub(super) fn push_control(&mut self, opcode: u8, payload: &[u8]) {
        websocket::write_control(&mut self.control, opcode, payload);
    }

    /// Writes all that waits, with one call where the kernel takes it all.
    pub(super) fn flush(&mut self, pool: &mut Pool) -> Flushed {
        loop {
            if self.sent == self.wire.len() {
                match self.refill(pool) {
                    Ok(true) => {}
                    Ok(false) => return Flushed::All,
                    Err(_) => return self.broken(),
                }
            }
            match self.stream.try_write(self.wire.get(self.sent..).unwrap_or_default()) {
                Ok(0) => return self.broken(),
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Flushed::Stuck,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.broken(),
            }
        }
    }

    /// Says goodbye when all else is written. The peer sees the end and, unless it is gone, closes its side.
    pub(super) fn shut_down_write(&mut self, pool: &mut Pool) -> Flushed {
        if self.transport == Transport::WebSocket && !std::mem::replace(&mut self.has_said_close, true) {
            let code = self.close_code.map(u16::to_be_bytes);
            self.push_control(websocket::CLOSE, code.as_ref().map_or(&[], <[u8; 2]>::as_slice));
            let flushed = self.flush(pool);
            if flushed != Flushed::All {
                return flushed;
            }
        }
        if let Some(tls) = &mut self.tls {
            tls.close();
            let flushed = self.flush(pool);
            if flushed != Flushed::All {
                return flushed;
            }
        }
        if !std::mem::replace(&mut self.is_shut, true) {
            let _ = SockRef::from(&*self.stream).shutdown(Shutdown::Write);
        }
        Flushed::All
    }

    /// The connection is over. Whoever waits for the peer to take more is woken, or would hold on to the socket for as long
    /// as a peer likes that reads nothing.
    pub(super) fn release(self) {
        if self.is_stuck {
            let _ = SockRef::from(&*self.stream).shutdown(Shutdown::Both);
        }
    }

    fn broken(&mut self) -> Flushed {
        (self.out, self.control, self.wire, self.sent) = (Vec::new(), Vec::new(), Vec::new(), 0);
        self.held = None;
        // Wakes the reader, which does the rest.
        let _ = SockRef::from(&*self.stream).shutdown(Shutdown::Both);
        Flushed::Broken
    }

    /// Makes what was gathered into what is written. False when there is nothing.
    ///
    /// # Errors
    /// It cannot be said over TLS.
    fn refill(&mut self, pool: &mut Pool) -> Result<bool, EncryptError> {
        pool.put(std::mem::take(&mut self.wire));
        self.sent = 0;
        let has_tls = self.tls.as_ref().is_some_and(|tls| tls.pending() > 0);
        if self.out.is_empty() && self.control.is_empty() && !has_tls {
            return Ok(false);
        }
        let mut data = std::mem::take(&mut self.out);
        let mut start = 0;
        if self.transport == Transport::WebSocket && !data.is_empty() {
            start = websocket::write_header(&mut data);
        }
        if self.control.is_empty() {
            (self.wire, self.sent) = (data, start);
        } else {
            self.wire = std::mem::take(&mut self.control);
            self.wire.extend_from_slice(data.get(start..).unwrap_or_default());
            pool.put(data);
        }
        if let Some(tls) = &mut self.tls {
            let plain = std::mem::replace(&mut self.wire, pool.take());
            let start = std::mem::take(&mut self.sent);
            tls.seal(plain.get(start..).unwrap_or_default(), &mut self.wire)?;
            pool.put(plain);
        }
        Ok(!self.wire.is_empty())
    }
}
