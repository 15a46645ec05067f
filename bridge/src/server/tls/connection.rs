//! TLS of one connection as a value between two streams of bytes: what came from the socket goes in, what it says comes out,
//! and the other way round. It knows no socket and waits for nothing; between two reads it holds no buffer.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use rustls::server::{ServerConfig, ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{Error, HandshakeKind};

use super::certificate::NameFrom;
use super::failure;

/// The most bytes of a record that is not complete.
pub(crate) const RECORD: usize = (17 << 10) + 1024;
/// What a record takes beside what it carries, at most, and how much it carries at most.
const OVERHEAD: usize = 64;
const FRAGMENT: usize = 16 << 10;

/// One connection.
pub(crate) struct Tls {
    connection: UnbufferedServerConnection,
    /// Bytes of a record, or of a message of the handshake, that is not complete.
    carry: Vec<u8>,
    /// What TLS itself has to say.
    out: Vec<u8>,
    phase: Phase,
    name_from: NameFrom,
    /// Who the peer is, if its certificate says so.
    user: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Open,
    /// We have said that nothing more comes.
    Closed,
    /// The peer did what it must not: it is told why, and heard no more.
    Failed,
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// The peer says nothing more.
    pub(crate) is_over: bool,
    /// These bytes completed the handshake: whether it went on from an earlier one.
    pub(crate) completed: Option<bool>,
}

/// Why there is no connection, for people.
pub(crate) type Failure = Cow<'static, str>;

impl Tls {
    /// A connection whose peer has said nothing yet. `name_from` is where the peer's certificate, if it has one, names its user.
    ///
    /// # Errors
    /// The configuration is none.
    pub(super) fn new(config: Arc<ServerConfig>, name_from: NameFrom) -> Result<Self, Error> {
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Self {
            connection,
            carry: Vec::new(),
            out: Vec::new(),
            phase: Phase::Handshake,
            name_from,
            user: None,
        })
    }

    /// Who the peer is, if its certificate says so.
    pub(crate) const fn user(&self) -> Option<&Arc<str>> {
        self.user.as_ref()
    }

    /// Whether both sides have proved what they had to.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Bytes that must stand before those that are read next.
    pub(crate) fn before(&self) -> &[u8] {
        &self.carry
    }

    /// Bytes that TLS itself has to say, and that nothing was said about so far.
    pub(crate) const fn pending(&self) -> usize {
        self.out.len()
    }

    /// Takes what was read, behind [`Tls::before`]. Hands on what it says piece by piece.
    ///
    /// # Errors
    /// The peer did what it must not; it is told so by what is pending, and heard no more.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<Received, Failure> {
        let mut received = Received::default();
        let mut at = 0;
        if self.phase == Phase::Failed {
            return Ok(received);
        }
        let first = bytes.first().copied();
        loop {
            let rest = bytes.get_mut(at..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(rest);
            let mut blocks = false;
            let done = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    let mut done = Ok(());
                    while let Some(record) = traffic.next_record() {
                        match record {
                            Ok(record) => {
                                take(record.payload);
                                discard += record.discard;
                            }
                            Err(error) => done = Err(error),
                        }
                    }
                    done
                }
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, &mut self.out);
                    Ok(())
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    Ok(())
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    received.is_over = true;
                    blocks = true;
                    Ok(())
                }
                Ok(_) => {
                    blocks = true; // for more to read, or for something to say
                    Ok(())
                }
                Err(error) => Err(error),
            };
            at += discard;
            if let Err(error) = done {
                let rest = bytes.get_mut(at..).unwrap_or_default();
                return Err(self.fail(&error, first, rest));
            }
            if blocks {
                break;
            }
        }
        self.carry = bytes.get(at..).unwrap_or_default().to_vec();
        if self.phase == Phase::Handshake && !self.connection.is_handshaking() {
            self.phase = Phase::Open;
            received.completed = Some(self.connection.handshake_kind() == Some(HandshakeKind::Resumed));
            let leaf = self.connection.peer_certificates().and_then(<[_]>::first);
            self.user = leaf.and_then(|leaf| self.name_from.user(leaf));
        }
        Ok(received)
    }

    /// Appends to `wire` what TLS itself has to say, and behind it what is to be said.
    ///
    /// # Errors
    /// Nothing can be said: the handshake is not complete, or the keys are used up.
    pub(crate) fn seal(&mut self, bytes: &[u8], wire: &mut Vec<u8>) -> Result<(), EncryptError> {
        wire.append(&mut self.out);
        self.out = Vec::new();
        if bytes.is_empty() || self.phase != Phase::Open {
            return Ok(());
        }
        let at = wire.len();
        let mut room = bytes.len() + (bytes.len() / FRAGMENT + 1) * OVERHEAD;
        loop {
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(&mut self.carry);
            debug_assert_eq!(discard, 0, "what is complete was taken when it came");
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    wire.resize(at + room, 0);
                    match traffic.encrypt(bytes, wire.get_mut(at..).unwrap_or_default()) {
                        Ok(written) => {
                            wire.truncate(at + written);
                            return Ok(());
                        }
                        Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                            room = required_size;
                        }
                        Err(error) => {
                            wire.truncate(at);
                            return Err(error);
                        }
                    }
                }
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    wire.truncate(at);
                    encode(data, wire);
                    return self.seal(bytes, wire);
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                _ => return Err(EncryptError::EncryptExhausted),
            }
        }
    }

    /// Says that nothing more comes, by what is pending then.
    pub(crate) fn close(&mut self) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Closed;
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) =
            self.connection.process_tls_records(&mut self.carry).state
        {
            let at = self.out.len();
            self.out.resize(at + OVERHEAD, 0);
            let said = traffic.queue_close_notify(self.out.get_mut(at..).unwrap_or_default());
            self.out.truncate(at + said.unwrap_or(0));
        }
    }

    fn fail(&mut self, error: &Error, first: Option<u8>, rest: &mut [u8]) -> Failure {
        let was_open = self.phase != Phase::Handshake;
        let is_begun = was_open || self.connection.protocol_version().is_some();
        self.phase = Phase::Failed;
        self.carry = Vec::new();
        // The alert stands before all else. Who speaks no TLS would not understand it.
        let first = first.filter(|_| !is_begun);
        if first.is_none_or(|first| first == failure::HANDSHAKE)
            && let Ok(ConnectionState::EncodeTlsData(data)) = self.connection.process_tls_records(rest).state
        {
            encode(data, &mut self.out);
        }
        if was_open {
            return failure::words_later(error);
        }
        failure::words(error, first)
    }
}

fn encode(mut data: EncodeTlsData<'_, ServerConnectionData>, out: &mut Vec<u8>) {
    let at = out.len();
    let mut room = 0;
    loop {
        out.resize(at + room, 0);
        match data.encode(out.get_mut(at..).unwrap_or_default()) {
            Ok(written) => return out.truncate(at + written),
            Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
                room = required_size
            }
            Err(EncodeError::AlreadyEncoded) => return out.truncate(at),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("phase", &self.phase).field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
