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

/// Topics of the Server itself, which Clients do not publish to (4.7.2), and names that only mean something in a filter. Any
/// other topic that begins with `$` is left to its users, as other servers do; no wildcard leads there [MQTT-4.7.2-1].
pub(super) fn may_publish(topic: &str) -> Result<(), ReasonCode> {
    let is_reserved = topic.starts_with('$') && matches!(topic.split('/').next(), Some("$SYS" | "$share"));
    if is_reserved { Err(ReasonCode::NotAuthorized) } else { Ok(()) }
}
