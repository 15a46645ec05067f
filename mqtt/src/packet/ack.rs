//! PUBACK, PUBREC, PUBREL and PUBCOMP (3.4 to 3.7), which have one form.

use super::{PUBCOMP, PUBREL, UserProperties, packet_id};
use crate::codec::properties::{self, Property, place};
use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, EncodeError};
use crate::{PacketId, ReasonCode, Version};

/// An acknowledgement of a PUBLISH, or a step of the QoS 2 handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Which PUBLISH it is about.
    pub packet_id: PacketId,
    /// How it went; always success in 3.x, which has no word for anything else.
    pub reason: ReasonCode,
    /// The reason in words, for a person.
    pub reason_string: Option<&'a str>,
    /// Name and value, in order.
    pub user_properties: UserProperties<'a>,
}

impl<'a> Ack<'a> {
    /// An acknowledgement with nothing but its reason.
    #[must_use]
    pub const fn new(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self { packet_id, reason, reason_string: None, user_properties: Vec::new() }
    }

    pub(super) fn decode(r: &mut Reader<'a>, kind: u8, version: Version) -> Result<Self, DecodeError> {
        let mut ack = Self::new(packet_id(r)?, ReasonCode::Success);
        if !version.is_5() || r.is_empty() {
            return Ok(ack); // no reason code: success (3.4.2.1)
        }
        ack.reason = ReasonCode::from_byte(r.u8()?)
            .filter(|&reason| allowed(kind, reason))
            .ok_or(DecodeError::Malformed("an acknowledgement has a reason code it may not have (2.4)"))?;
        if r.is_empty() {
            return Ok(ack);
        }
        properties::read(r, version, place(kind), |p| match p {
            Property::ReasonString(s) => ack.reason_string = Some(s),
            Property::UserProperty(pair) => ack.user_properties.push(pair),
            _ => {}
        })?;
        Ok(ack)
    }

    pub(super) fn encode(&self, kind: u8, version: Version, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        let first = kind << 4 | if kind == PUBREL { 0b0010 } else { 0 };
        let plain = self.reason_string.is_none() && self.user_properties.is_empty();
        let [high, low] = self.packet_id.get().to_be_bytes();
        // Nearly all of them: a fixed length, written at once.
        if !version.is_5() || (plain && self.reason == ReasonCode::Success) {
            w.raw(&[first, 2, high, low]);
            return Ok(());
        }
        if plain {
            w.raw(&[first, 3, high, low, self.reason.byte()]);
            return Ok(());
        }
        w.packet(first, 0, |w| {
            w.raw(&[high, low, self.reason.byte()]);
            let reason = self.reason_string.map(Property::ReasonString);
            properties::write(w, version, &[reason], &self.user_properties)
        })
    }
}

/// The reason codes of PUBACK [MQTT-3.4.2-1], PUBREC [MQTT-3.5.2-1], PUBREL [MQTT-3.6.2-1] and PUBCOMP [MQTT-3.7.2-1].
fn allowed(kind: u8, reason: ReasonCode) -> bool {
    use ReasonCode as R;
    if matches!(kind, PUBREL | PUBCOMP) {
        return matches!(reason, R::Success | R::PacketIdentifierNotFound);
    }
    matches!(
        reason,
        R::Success
            | R::NoMatchingSubscribers
            | R::UnspecifiedError
            | R::ImplementationSpecificError
            | R::NotAuthorized
            | R::TopicNameInvalid
            | R::PacketIdentifierInUse
            | R::QuotaExceeded
            | R::PayloadFormatInvalid
    )
}
