//! DISCONNECT (3.14).

use super::{DISCONNECT, UserProperties};
use crate::codec::properties::{self, Property, place};
use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, EncodeError};
use crate::{ReasonCode, SessionExpiry, Version};

/// The last packet of a Network Connection. In 3.x only a Client may send it, and it says nothing but that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why; success in 3.x.
    pub reason: ReasonCode,
    /// A Client's change of what it asked for in CONNECT; none leaves it.
    pub session_expiry: Option<SessionExpiry>,
    /// The reason in words, for a person.
    pub reason_string: Option<&'a str>,
    /// Another Server to use.
    pub server_reference: Option<&'a str>,
    /// Name and value, in order.
    pub user_properties: UserProperties<'a>,
}

impl<'a> Disconnect<'a> {
    /// A DISCONNECT with nothing but its reason.
    #[must_use]
    pub const fn new(reason: ReasonCode) -> Self {
        Self {
            reason,
            session_expiry: None,
            reason_string: None,
            server_reference: None,
            user_properties: Vec::new(),
        }
    }

    pub(super) fn decode(r: &mut Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        if !version.is_5() || r.is_empty() {
            return Ok(Self::new(ReasonCode::Success)); // 3.14.2.1
        }
        let reason = ReasonCode::from_byte(r.u8()?)
            .filter(|&reason| allowed(reason))
            .ok_or(DecodeError::Malformed("DISCONNECT has a reason code it may not have [MQTT-3.14.2-1]"))?;
        let mut disconnect = Self::new(reason);
        if r.is_empty() {
            return Ok(disconnect);
        }
        properties::read(r, version, place(DISCONNECT), |p| match p {
            Property::SessionExpiryInterval(n) => {
                disconnect.session_expiry = Some(SessionExpiry::from_secs(n))
            }
            Property::ReasonString(s) => disconnect.reason_string = Some(s),
            Property::ServerReference(s) => disconnect.server_reference = Some(s),
            Property::UserProperty(pair) => disconnect.user_properties.push(pair),
            _ => {}
        })?;
        Ok(disconnect)
    }

    pub(super) fn encode(&self, version: Version, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.packet(DISCONNECT << 4, 0, |w| {
            if !version.is_5() || *self == Self::new(ReasonCode::Success) {
                return Ok(());
            }
            w.u8(self.reason.byte());
            let list = [
                self.session_expiry.map(|e| Property::SessionExpiryInterval(e.as_secs())),
                self.reason_string.map(Property::ReasonString),
                self.server_reference.map(Property::ServerReference),
            ];
            if list.iter().all(Option::is_none) && self.user_properties.is_empty() {
                return Ok(());
            }
            properties::write(w, version, &list, &self.user_properties)
        })
    }
}

/// Table 3-10: all failures but those of CONNACK, SUBACK and single messages.
fn allowed(reason: ReasonCode) -> bool {
    use ReasonCode as R;
    match reason {
        R::Success | R::DisconnectWithWill => true,
        R::UnsupportedProtocolVersion
        | R::ClientIdentifierNotValid
        | R::BadUserNameOrPassword
        | R::ServerUnavailable
        | R::Banned
        | R::PacketIdentifierInUse
        | R::PacketIdentifierNotFound => false,
        // "Bad authentication method" is in no table for DISCONNECT, but 4.12 sends it there.
        other => other.is_error(),
    }
}
