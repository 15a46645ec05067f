//! SUBSCRIBE and UNSUBSCRIBE (3.8, 3.10).

use super::{SUBSCRIBE, UNSUBSCRIBE, UserProperties, packet_id};
use crate::codec::properties::{self, Property, place};
use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, EncodeError};
use crate::{PacketId, Qos, TopicFilter, Version};

/// Asks for the messages of one or more Topic Filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Ties the SUBACK to this SUBSCRIBE.
    pub packet_id: PacketId,
    /// At least one [MQTT-3.8.3-2].
    pub filters: Vec<(TopicFilter<&'a str>, SubscriptionOptions)>,
    /// 1 to 268 435 455; comes back with each message that one of the filters brought.
    pub subscription_id: Option<u32>,
    /// Name and value, in order.
    pub user_properties: UserProperties<'a>,
}

/// How a Topic Filter is subscribed to (3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The highest QoS at which messages are sent.
    pub qos: Qos,
    /// Do not send what this Client published itself.
    pub no_local: bool,
    /// Forward the RETAIN flag as it was published.
    pub retain_as_published: bool,
    /// Whether retained messages are sent at once.
    pub retain_handling: RetainHandling,
}

/// When a subscription brings the retained messages that are there already (3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    /// 0: always.
    #[default]
    Send,
    /// 1: only when the subscription is new.
    SendIfNew,
    /// 2: never.
    DoNotSend,
}

/// Ends subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Ties the UNSUBACK to this UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// At least one [MQTT-3.10.3-2].
    pub filters: Vec<TopicFilter<&'a str>>,
    /// Name and value, in order.
    pub user_properties: UserProperties<'a>,
}

impl SubscriptionOptions {
    /// Plain options with this QoS.
    #[must_use]
    pub fn at(qos: Qos) -> Self {
        Self { qos, ..Self::default() }
    }

    pub(crate) fn from_byte(byte: u8, version: Version) -> Result<Self, DecodeError> {
        let qos = Qos::from_level(byte & 0b11)
            .ok_or(DecodeError::Protocol("a subscription asks for QoS 3 [MQTT3-3.8.3-4]"))?;
        let reserved = if version.is_5() { 0b1100_0000 } else { 0b1111_1100 };
        if byte & reserved != 0 {
            return Err(DecodeError::Malformed(
                "reserved bits of subscription options are set [MQTT-3.8.3-5]",
            ));
        }
        let retain_handling = match byte >> 4 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(DecodeError::Protocol("a subscription asks for retain handling 3 (3.8.3.1)")),
        };
        Ok(Self { qos, no_local: byte & 4 != 0, retain_as_published: byte & 8 != 0, retain_handling })
    }

    pub(crate) fn byte(self, version: Version) -> u8 {
        let mut byte = self.qos.level();
        if version.is_5() {
            byte |= u8::from(self.no_local) << 2 | u8::from(self.retain_as_published) << 3;
            byte |= match self.retain_handling {
                RetainHandling::Send => 0,
                RetainHandling::SendIfNew => 1 << 4,
                RetainHandling::DoNotSend => 2 << 4,
            };
        }
        byte
    }
}

/// A string like any other, of SUBSCRIBE [MQTT-3.8.3-1] and of UNSUBSCRIBE [MQTT-3.10.3-1].
fn filter<'a>(r: &mut Reader<'a>) -> Result<TopicFilter<&'a str>, DecodeError> {
    TopicFilter::new(r.text_with_null()?).map_err(DecodeError::TopicFilter)
}

impl<'a> Subscribe<'a> {
    pub(super) fn decode(r: &mut Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let packet_id = packet_id(r)?;
        let (mut subscription_id, mut user_properties) = (None, Vec::new());
        properties::read(r, version, place(SUBSCRIBE), |p| match p {
            Property::SubscriptionIdentifier(n) => subscription_id = Some(n),
            Property::UserProperty(pair) => user_properties.push(pair),
            _ => {}
        })?;
        let mut filters = Vec::new();
        while !r.is_empty() {
            let filter = filter(r)?;
            let options = SubscriptionOptions::from_byte(r.u8()?, version)?;
            if options.no_local && filter.shared().is_some() {
                return Err(DecodeError::Protocol(
                    "a shared subscription may not ask for no local [MQTT-3.8.3-4]",
                ));
            }
            filters.push((filter, options));
        }
        if filters.is_empty() {
            return Err(DecodeError::Protocol("SUBSCRIBE names no topic filter [MQTT-3.8.3-2]"));
        }
        Ok(Self { packet_id, filters, subscription_id, user_properties })
    }

    pub(super) fn encode(&self, version: Version, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.packet(SUBSCRIBE << 4 | 0b0010, 0, |w| {
            w.u16(self.packet_id.get());
            let id = self.subscription_id.map(Property::SubscriptionIdentifier);
            properties::write(w, version, &[id], &self.user_properties)?;
            for (filter, options) in &self.filters {
                w.topic(filter.as_str())?;
                w.u8(options.byte(version));
            }
            Ok(())
        })
    }
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn decode(r: &mut Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let packet_id = packet_id(r)?;
        let mut user_properties = Vec::new();
        properties::read(r, version, place(UNSUBSCRIBE), |p| {
            if let Property::UserProperty(pair) = p {
                user_properties.push(pair);
            }
        })?;
        let mut filters = Vec::new();
        while !r.is_empty() {
            filters.push(filter(r)?);
        }
        if filters.is_empty() {
            return Err(DecodeError::Protocol("UNSUBSCRIBE names no topic filter [MQTT-3.10.3-2]"));
        }
        Ok(Self { packet_id, filters, user_properties })
    }

    pub(super) fn encode(&self, version: Version, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.packet(UNSUBSCRIBE << 4 | 0b0010, 0, |w| {
            w.u16(self.packet_id.get());
            properties::write(w, version, &[], &self.user_properties)?;
            self.filters.iter().try_for_each(|filter| w.topic(filter.as_str()))
        })
    }
}
