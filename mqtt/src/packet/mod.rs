//! The packets of MQTT, shaped as 5.0 shapes them: one file for each, acknowledgements share one.
//!
//! These and nothing beyond them are spoken: no extension is needed to work with others [MQTT3-7.0.0-2].
//!
//! A packet borrows its texts and bytes, from the buffer it was decoded from or from what is to be sent.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod publish;
mod suback;
mod subscribe;

pub use ack::Ack;
pub use auth::Auth;
pub use connack::{Connack, ConnackProperties};
pub use connect::{Connect, ConnectProperties, ConnectWill};
pub use disconnect::Disconnect;
pub use publish::{BoxedProperties, Publish, PublishProperties};
pub use suback::SubscriptionAck;
pub use subscribe::{RetainHandling, Subscribe, SubscriptionOptions, Unsubscribe};

use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, EncodeError};
use crate::{PacketId, ReasonCode, Version};

pub(crate) const CONNECT: u8 = 1;
pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const PUBREC: u8 = 5;
pub(crate) const PUBREL: u8 = 6;
pub(crate) const PUBCOMP: u8 = 7;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const UNSUBSCRIBE: u8 = 10;
pub(crate) const UNSUBACK: u8 = 11;
pub(crate) const PINGREQ: u8 = 12;
pub(crate) const PINGRESP: u8 = 13;
pub(crate) const DISCONNECT: u8 = 14;
pub(crate) const AUTH: u8 = 15;

/// User properties: name and value, in the order they were given.
pub type UserProperties<'a> = Vec<(&'a str, &'a str)>;

/// An MQTT Control Packet (chapter 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// 3.1
    Connect(Box<Connect<'a>>),
    /// 3.2
    Connack(Box<Connack<'a>>),
    /// 3.3
    Publish(Publish<'a>),
    /// 3.4
    Puback(Ack<'a>),
    /// 3.5
    Pubrec(Ack<'a>),
    /// 3.6
    Pubrel(Ack<'a>),
    /// 3.7
    Pubcomp(Ack<'a>),
    /// 3.8
    Subscribe(Subscribe<'a>),
    /// 3.9
    Suback(SubscriptionAck<'a>),
    /// 3.10
    Unsubscribe(Unsubscribe<'a>),
    /// 3.11
    Unsuback(SubscriptionAck<'a>),
    /// 3.12
    Pingreq,
    /// 3.13
    Pingresp,
    /// 3.14
    Disconnect(Disconnect<'a>),
    /// 3.15, 5.0 only
    Auth(Auth<'a>),
}

impl Packet<'_> {
    /// The name of the packet's type, as the standard writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connect(_) => "CONNECT",
            Self::Connack(_) => "CONNACK",
            Self::Publish(_) => "PUBLISH",
            Self::Puback(_) => "PUBACK",
            Self::Pubrec(_) => "PUBREC",
            Self::Pubrel(_) => "PUBREL",
            Self::Pubcomp(_) => "PUBCOMP",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Suback(_) => "SUBACK",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::Unsuback(_) => "UNSUBACK",
            Self::Pingreq => "PINGREQ",
            Self::Pingresp => "PINGRESP",
            Self::Disconnect(_) => "DISCONNECT",
            Self::Auth(_) => "AUTH",
        }
    }

    /// Appends the packet to `out`. What `version` cannot say is left out; a packet that it does not have at all (AUTH, a
    /// Server's DISCONNECT in 3.x) writes nothing.
    ///
    /// # Errors
    /// A value does not fit its length field; `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let w = &mut Writer::new(out);
        match self {
            Self::Connect(p) => p.encode(w),
            #[cfg(feature = "server")]
            Self::Connack(p) => p.encode(version, w),
            Self::Publish(p) => p.encode_to(version, w),
            Self::Puback(p) => p.encode(PUBACK, version, w),
            Self::Pubrec(p) => p.encode(PUBREC, version, w),
            Self::Pubrel(p) => p.encode(PUBREL, version, w),
            Self::Pubcomp(p) => p.encode(PUBCOMP, version, w),
            Self::Subscribe(p) => p.encode(version, w),
            #[cfg(feature = "server")]
            Self::Suback(p) => p.encode(SUBACK, version, w),
            Self::Unsubscribe(p) => p.encode(version, w),
            #[cfg(feature = "server")]
            Self::Unsuback(p) => p.encode(UNSUBACK, version, w),
            #[cfg(not(feature = "server"))]
            Self::Connack(_) | Self::Suback(_) | Self::Unsuback(_) => Ok(()), // a Client has none of these
            Self::Pingreq => w.packet(PINGREQ << 4, 0, |_| Ok(())),
            Self::Pingresp => w.packet(PINGRESP << 4, 0, |_| Ok(())),
            Self::Disconnect(p) => p.encode(version, w),
            Self::Auth(p) => p.encode(version, w),
        }
    }
}

const RESERVED_FLAGS: DecodeError =
    DecodeError::Malformed("the flags of the fixed header are not as reserved [MQTT-2.1.3-1]");

/// Decodes the body of one packet. `version` is set by a CONNECT, and must be known for every other.
#[inline]
pub(crate) fn decode<'a>(
    first: u8,
    body: &'a [u8],
    version: &mut Option<Version>,
) -> Result<Packet<'a>, DecodeError> {
    let r = &mut Reader::new(body);
    let (kind, flags) = (first >> 4, first & 0x0f);
    if kind == PUBLISH {
        return Publish::decode(flags, r, version.unwrap_or(Version::V5)).map(Packet::Publish);
    }
    // Every message of QoS 1 is answered by one of these.
    if first == PUBACK << 4
        && let &[high, low] = body
        && let Some(packet_id) = PacketId::new(u16::from_be_bytes([high, low]))
    {
        return Ok(Packet::Puback(Ack::new(packet_id, ReasonCode::Success)));
    }
    // [MQTT-2.1.3-1]: reserved flags are 0 (of DISCONNECT [MQTT-3.14.1-1], of AUTH [MQTT-3.15.1-1]), but for PUBREL
    // [MQTT-3.6.1-1], SUBSCRIBE [MQTT-3.8.1-1] and UNSUBSCRIBE [MQTT-3.10.1-1], which have 2. 3.1 used that
    // place for QoS and DUP, which a repeated packet of a 3.1 client may set, and in CONNECT it stands for nothing.
    let fixed = if matches!(kind, PUBREL | SUBSCRIBE | UNSUBSCRIBE) { 0b0010 } else { 0 };
    let is_as_reserved = |version| {
        flags == fixed || version == Some(Version::V3_1) && (kind == CONNECT || flags & !0b1000 == fixed)
    };
    #[cfg(not(feature = "server"))]
    if matches!(kind, CONNECT | SUBSCRIBE | UNSUBSCRIBE) {
        return Err(DecodeError::Protocol("a packet that only a client sends"));
    }
    #[cfg(feature = "server")]
    if kind == CONNECT {
        let mut said = *version;
        let connect = Connect::decode(r, &mut said);
        if !is_as_reserved(said) {
            return Err(RESERVED_FLAGS); // whether it speaks MQTT at all is not known
        }
        *version = said;
        return finished(r, Packet::Connect(Box::new(connect?)));
    }
    if !is_as_reserved(*version) {
        return Err(RESERVED_FLAGS);
    }
    let version = version.unwrap_or(Version::V5);
    let packet = match kind {
        CONNACK => Packet::Connack(Box::new(Connack::decode(r, version)?)),
        PUBACK => Packet::Puback(Ack::decode(r, PUBACK, version)?),
        PUBREC => Packet::Pubrec(Ack::decode(r, PUBREC, version)?),
        PUBREL => Packet::Pubrel(Ack::decode(r, PUBREL, version)?),
        PUBCOMP => Packet::Pubcomp(Ack::decode(r, PUBCOMP, version)?),
        #[cfg(feature = "server")]
        SUBSCRIBE => Packet::Subscribe(Subscribe::decode(r, version)?),
        SUBACK => Packet::Suback(SubscriptionAck::decode(r, SUBACK, version)?),
        #[cfg(feature = "server")]
        UNSUBSCRIBE => Packet::Unsubscribe(Unsubscribe::decode(r, version)?),
        UNSUBACK => Packet::Unsuback(SubscriptionAck::decode(r, UNSUBACK, version)?),
        PINGREQ => Packet::Pingreq,
        PINGRESP => Packet::Pingresp,
        DISCONNECT => Packet::Disconnect(Disconnect::decode(r, version)?),
        AUTH if version.is_5() => Packet::Auth(Auth::decode(r)?),
        _ => return Err(DecodeError::Malformed("the packet type is reserved (2.1.2)")),
    };
    finished(r, packet)
}

fn finished<'a>(r: &Reader<'_>, packet: Packet<'a>) -> Result<Packet<'a>, DecodeError> {
    if r.is_empty() {
        Ok(packet)
    } else {
        Err(DecodeError::Malformed("the packet is longer than its fields say"))
    }
}

fn packet_id(r: &mut Reader<'_>) -> Result<PacketId, DecodeError> {
    PacketId::new(r.u16()?)
        .ok_or(DecodeError::Malformed("the packet identifier is zero [MQTT-2.2.1-3], [MQTT-2.2.1-4]"))
}
