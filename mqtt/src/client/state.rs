//! Where a Client stands, with the data that only this place has.

use std::sync::Arc;

use super::Connected;
use super::aliases::{Inbound, Outbound};
use super::keep_alive::KeepAlive;
use crate::Instant;
use crate::codec::Deframer;

/// See the diagram in [`super`].
#[derive(Debug)]
pub(super) enum State {
    /// Nothing happens before `start`.
    Stopped,
    /// The next attempt begins at this time.
    Waiting { until: Instant },
    /// The driver opens a transport.
    Opening { deadline: Instant },
    /// CONNECT was sent.
    AwaitConnack { deadline: Instant, wire: Wire },
    /// CONNACK has come.
    Connected(Box<Connection>),
}

/// The bytes of one Network Connection.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) deframer: Deframer,
    /// The beginning of a packet whose end has not come.
    pub(super) partial: Vec<u8>,
}

/// What lives as long as an accepted Network Connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) wire: Wire,
    pub(super) since: Instant,
    pub(super) granted: Arc<Connected>,
    pub(super) keep_alive: KeepAlive,
    pub(super) aliases_in: Inbound,
    pub(super) aliases_out: Outbound,
}

impl State {
    pub(super) fn wire(&mut self) -> Option<&mut Wire> {
        match self {
            Self::AwaitConnack { wire, .. } => Some(wire),
            Self::Connected(connection) => Some(&mut connection.wire),
            Self::Stopped | Self::Waiting { .. } | Self::Opening { .. } => None,
        }
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Connected(connection) => Some(connection),
            _ => None,
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self {
            Self::Stopped => None,
            Self::Waiting { until } => Some(*until),
            Self::Opening { deadline } | Self::AwaitConnack { deadline, .. } => Some(*deadline),
            Self::Connected(connection) => connection.keep_alive.next(),
        }
    }
}
