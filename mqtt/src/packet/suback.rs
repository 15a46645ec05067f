//! SUBACK and UNSUBACK (3.9, 3.11), which have one form.

use super::{SUBACK, UserProperties, packet_id};
use crate::codec::properties::{self, Property, place};
use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, EncodeError};
use crate::{PacketId, ReasonCode, Version};

/// One Reason Code for each Topic Filter of a SUBSCRIBE or UNSUBSCRIBE, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionAck<'a> {
    /// Which request it answers.
    pub packet_id: PacketId,
    /// One for each Topic Filter [MQTT-3.8.4-6]. An UNSUBACK of 3.x has none.
    pub reasons: Vec<ReasonCode>,
    /// The reason in words, for a person.
    pub reason_string: Option<&'a str>,
    /// Name and value, in order.
    pub user_properties: UserProperties<'a>,
}

impl<'a> SubscriptionAck<'a> {
    /// An acknowledgement with nothing but its reasons.
    #[must_use]
    pub const fn new(packet_id: PacketId, reasons: Vec<ReasonCode>) -> Self {
        Self { packet_id, reasons, reason_string: None, user_properties: Vec::new() }
    }

    pub(super) fn decode(r: &mut Reader<'a>, kind: u8, version: Version) -> Result<Self, DecodeError> {
        let mut ack = Self::new(packet_id(r)?, Vec::new());
        properties::read(r, version, place(kind), |p| match p {
            Property::ReasonString(s) => ack.reason_string = Some(s),
            Property::UserProperty(pair) => ack.user_properties.push(pair),
            _ => {}
        })?;
        let has_reasons = version.is_5() || kind == SUBACK; // UNSUBACK of 3.x has no payload
        while has_reasons && !r.is_empty() {
            let reason = ReasonCode::from_byte(r.u8()?).filter(|&reason| allowed(kind, reason, version));
            ack.reasons
                .push(reason.ok_or(DecodeError::Malformed("a reason code that may not stand there (2.4)"))?);
        }
        Ok(ack)
    }

    pub(super) fn encode(&self, kind: u8, version: Version, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.packet(kind << 4, self.reasons.len() + 3, |w| {
            w.u16(self.packet_id.get());
            let reason = self.reason_string.map(Property::ReasonString);
            properties::write(w, version, &[reason], &self.user_properties)?;
            if !version.is_5() && kind != SUBACK {
                return Ok(());
            }
            for &reason in &self.reasons {
                // 3.1.1 knows one failure [MQTT3-3.9.3-2].
                let failed = !version.is_5() && reason.is_error();
                w.u8(if failed { ReasonCode::UnspecifiedError.byte() } else { reason.byte() });
            }
            Ok(())
        })
    }
}

/// The reason codes of SUBACK [MQTT-3.9.3-2] and UNSUBACK [MQTT-3.11.3-2].
fn allowed(kind: u8, reason: ReasonCode, version: Version) -> bool {
    use ReasonCode as R;
    let common = matches!(
        reason,
        R::Success
            | R::UnspecifiedError
            | R::ImplementationSpecificError
            | R::NotAuthorized
            | R::TopicFilterInvalid
            | R::PacketIdentifierInUse
    );
    if kind != SUBACK {
        return common || reason == R::NoSubscriptionExisted;
    }
    let granted = matches!(reason, R::Success | R::GrantedQos1 | R::GrantedQos2 | R::UnspecifiedError);
    if !version.is_5() {
        return granted;
    }
    common
        || granted
        || matches!(
            reason,
            R::QuotaExceeded
                | R::SharedSubscriptionsNotSupported
                | R::SubscriptionIdentifiersNotSupported
                | R::WildcardSubscriptionsNotSupported
        )
}
