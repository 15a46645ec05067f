//! A WebSocket written by hand: frames as no library would send them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::deadline::PATIENCE;
use crate::http::Request;

/// A connection after its upgrade, for frames of any form.
#[derive(Debug)]
pub struct RawWebSocket {
    stream: TcpStream,
    bytes: Vec<u8>,
}

/// One frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// FIN, reserved bits and opcode.
    pub first: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl RawWebSocket {
    /// Upgrades at `/mqtt`.
    ///
    /// # Panics
    /// The upgrade is refused.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let (response, stream) = Request::upgrade("/mqtt", "mqtt").connect(address);
        assert_eq!(response.status, 101, "the upgrade is refused: {response:?}");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        Self { stream, bytes: response.body }
    }

    /// Our end of the connection, as the broker's log names it.
    ///
    /// # Panics
    /// The socket is broken.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket has an address")
    }

    /// Writes bytes as they are.
    ///
    /// # Panics
    /// The other side is gone.
    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the other side still reads");
    }

    /// The next frame; none at the end.
    ///
    /// # Panics
    /// The server masks, or says nothing in time.
    pub fn read(&mut self) -> Option<Frame> {
        let head = self.take(2)?;
        assert_eq!(head[1] & 0x80, 0, "a server must not mask (RFC 6455, 5.1)");
        let length = match head[1] {
            126 => self.take(2)?.iter().fold(0, |n, &b| n << 8 | usize::from(b)),
            127 => self.take(8)?.iter().fold(0, |n, &b| n << 8 | usize::from(b)),
            n => usize::from(n),
        };
        Some(Frame { first: head[0], payload: self.take(length)? })
    }

    /// The status code of the close frame that must come next.
    ///
    /// # Panics
    /// Something else comes.
    pub fn read_close(&mut self) -> u16 {
        let frame = self.read().expect("a close frame before the end");
        assert_eq!(frame.first, 0x88, "a close frame, not {frame:?}");
        u16::from_be_bytes([frame.payload[0], frame.payload[1]])
    }

    fn take(&mut self, n: usize) -> Option<Vec<u8>> {
        while self.bytes.len() < n {
            let mut part = vec![0; 1 << 14];
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(read) => self.bytes.extend_from_slice(&part[..read]),
                Err(e) if crate::wire::is_timeout(e.kind()) => panic!("no frame in time"),
                Err(_) => return None,
            }
        }
        let rest = self.bytes.split_off(n);
        Some(std::mem::replace(&mut self.bytes, rest))
    }
}

/// A masked frame with this first byte.
#[must_use]
pub fn mask(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        n @ 0..=125 => frame.push(0x80 | n as u8),
        n @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}
