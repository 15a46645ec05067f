//! Who may do what. Asked at CONNECT, at every publication and subscription, and again when a message is about to be
//! delivered. There are no users yet: a Client is let in by where it comes from.

use mqtt::ReasonCode;

use super::Peer;

/// Who may come without proving who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Clients on this machine.
    FromLoopback,
    /// Everybody.
    FromAnywhere,
}

impl Anonymous {
    /// Whether this peer may connect.
    pub(super) const fn connect(self, peer: &Peer) -> Result<(), ReasonCode> {
        match self {
            Self::FromLoopback if !peer.is_loopback => Err(ReasonCode::NotAuthorized),
            Self::FromLoopback | Self::FromAnywhere => Ok(()),
        }
    }
}

/// Topics that begin with `$` are the Server's own: Clients do not publish there (4.7.2).
pub(super) const fn may_publish(topic: &str) -> Result<(), ReasonCode> {
    match topic.as_bytes() {
        [b'$', ..] => Err(ReasonCode::NotAuthorized),
        _ => Ok(()),
    }
}
