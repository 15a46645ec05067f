//! AUTH (3.15), which only 5.0 has.

use super::{AUTH, UserProperties};
use crate::codec::properties::{self, Property, place};
use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, EncodeError};
use crate::{ReasonCode, Version};

/// One step of an extended authentication (4.12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, continue, or re-authenticate.
    pub reason: ReasonCode,
    /// The method, the same in every packet of the exchange [MQTT-4.12.0-5].
    pub method: Option<&'a str>,
    /// What the method defines.
    pub data: Option<&'a [u8]>,
    /// The reason in words, for a person.
    pub reason_string: Option<&'a str>,
    /// Name and value, in order.
    pub user_properties: UserProperties<'a>,
}

impl<'a> Auth<'a> {
    /// An AUTH with nothing but its reason.
    #[must_use]
    pub const fn new(reason: ReasonCode) -> Self {
        Self { reason, method: None, data: None, reason_string: None, user_properties: Vec::new() }
    }

    pub(super) fn decode(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        use ReasonCode as R;
        if r.is_empty() {
            return Ok(Self::new(R::Success)); // 3.15.2.1
        }
        let reason = R::from_byte(r.u8()?)
            .filter(|reason| matches!(reason, R::Success | R::ContinueAuthentication | R::ReAuthenticate))
            .ok_or(DecodeError::Malformed("AUTH has a reason code it may not have [MQTT-3.15.2-1]"))?;
        let mut auth = Self::new(reason);
        if r.is_empty() {
            return Ok(auth);
        }
        properties::read(r, Version::V5, place(AUTH), |p| match p {
            Property::AuthenticationMethod(s) => auth.method = Some(s),
            Property::AuthenticationData(b) => auth.data = Some(b),
            Property::ReasonString(s) => auth.reason_string = Some(s),
            Property::UserProperty(pair) => auth.user_properties.push(pair),
            _ => {}
        })?;
        Ok(auth)
    }

    pub(super) fn encode(&self, version: Version, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        if !version.is_5() {
            return Ok(());
        }
        w.packet(AUTH << 4, 0, |w| {
            if *self == Self::new(ReasonCode::Success) {
                return Ok(());
            }
            w.u8(self.reason.byte());
            let list = [
                self.method.map(Property::AuthenticationMethod),
                self.data.map(Property::AuthenticationData),
                self.reason_string.map(Property::ReasonString),
            ];
            properties::write(w, version, &list, &self.user_properties)
        })
    }
}
