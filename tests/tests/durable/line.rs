//! One connection of a client that outlives its broker: whatever fails is an end, not a failure of the test.

use std::net::TcpStream;
use std::time::Duration;

use mqtt::codec::Deframer;
use mqtt::packet::Connect;
use mqtt::{Packet, ReasonCode, SessionExpiry, Version};
use tests::{Bridge, Deadline, Received, Transport, Wire};

/// How long a read waits before its client does something else.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Line {
    wire: Wire,
    deframer: Deframer,
    bytes: Vec<u8>,
}

/// Where a broker listens, again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) tcp: std::net::SocketAddr,
    pub(crate) http: std::net::SocketAddr,
}

impl Place {
    pub(crate) fn of(bridge: &Bridge) -> Self {
        Self { tcp: bridge.tcp, http: bridge.http }
    }
}

impl Line {
    /// Goes on with a Session. None when the broker is gone before it has answered; else whether it had one.
    pub(crate) fn resume(place: Place, transport: Transport, client_id: &str) -> Option<(Self, bool)> {
        let wire = match transport {
            Transport::Tcp => Wire::Tcp(TcpStream::connect(place.tcp).ok()?),
            Transport::WebSocket => Wire::websocket(place.http),
        };
        let mut line = Self { wire, deframer: Deframer::client(Version::V5, u32::MAX), bytes: Vec::new() };
        let mut connect = Connect::new(Version::V5, client_id);
        connect.clean_start = false;
        connect.properties.session_expiry = SessionExpiry::After(1000);
        if !line.send(&Packet::Connect(Box::new(connect))) {
            return None;
        }
        let mut answer = None;
        while answer.is_none() {
            let alive = line.read(|packet| match packet {
                Packet::Connack(connack) if connack.reason == ReasonCode::ServerShuttingDown => false,
                Packet::Connack(connack) => {
                    assert_eq!(connack.reason, ReasonCode::Success, "{client_id} is let in");
                    answer = Some(connack.session_present);
                    false
                }
                other => panic!("{client_id} is answered by {other:?}"),
            });
            if !alive && answer.is_none() {
                return None;
            }
        }
        Some((line, answer?))
    }

    /// False when the broker is gone.
    pub(crate) fn send(&mut self, packet: &Packet<'_>) -> bool {
        let mut bytes = Vec::new();
        packet.encode(Version::V5, &mut bytes).expect("a packet that can be written");
        self.wire.send(&bytes)
    }

    /// Takes what comes within a moment, until `take` has enough. False when the broker is gone, or says that it goes.
    pub(crate) fn read(&mut self, mut take: impl FnMut(&Packet<'_>) -> bool) -> bool {
        let mut is_alive = match self.wire.receive(Deadline::after(PAUSE)) {
            Received::Bytes(bytes) => {
                self.bytes.extend(bytes);
                true
            }
            Received::Nothing => true,
            Received::End(_) => false,
        };
        let mut at = 0;
        while let Some((packet, size)) = self.deframer.next(&self.bytes[at..]).expect("packets in order") {
            at += size;
            if is_farewell(&packet) {
                is_alive = false;
                break;
            }
            if !take(&packet) {
                break;
            }
        }
        self.bytes.drain(..at);
        is_alive
    }
}

fn is_farewell(packet: &Packet<'_>) -> bool {
    matches!(packet, Packet::Disconnect(disconnect) if disconnect.reason == ReasonCode::ServerShuttingDown)
}
