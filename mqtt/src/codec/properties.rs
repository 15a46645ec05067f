//! The properties of 5.0 (2.2.2): one table of identifiers, types and the packets that may carry them.

use super::reader::Reader;
use super::writer::Writer;
use super::{DecodeError, EncodeError};
use crate::{Version, packet};

/// Where a property stands, one bit for each packet type, and bit 0 for the will properties of CONNECT.
pub(crate) type Place = u16;
pub(crate) const WILL: Place = 1;

pub(crate) const fn place(packet_type: u8) -> Place {
    1 << packet_type
}

const CONNECT: Place = place(packet::CONNECT);
const CONNACK: Place = place(packet::CONNACK);
const PUBLISH: Place = place(packet::PUBLISH);
const ACKS: Place =
    place(packet::PUBACK) | place(packet::PUBREC) | place(packet::PUBREL) | place(packet::PUBCOMP);
const SUBSCRIBE: Place = place(packet::SUBSCRIBE);
const SUB_ACKS: Place = place(packet::SUBACK) | place(packet::UNSUBACK);
const UNSUBSCRIBE: Place = place(packet::UNSUBSCRIBE);
const DISCONNECT: Place = place(packet::DISCONNECT);
const AUTH: Place = place(packet::AUTH);

const BAD_VALUE: DecodeError =
    DecodeError::Protocol("a property has a value that the standard does not allow (2.2.2.2)");

/// Writes the enum, its reader, its writer and the table of places from one list.
macro_rules! properties {
    ($($name:ident = $id:literal, $kind:ident $(<$life:lifetime>)?, $places:expr;)*) => {
        /// One property with its value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(clippy::enum_variant_names, reason = "the standard's own names")]
        pub(crate) enum Property<'a> {
            $($name(kind!($kind, 'a)),)*
        }

        impl<'a> Property<'a> {
            fn places(id: u32) -> Option<Place> {
                match id {
                    $($id => Some($places),)*
                    _ => None,
                }
            }

            fn read(id: u32, r: &mut Reader<'a>) -> Result<Self, DecodeError> {
                match id {
                    $($id => Ok(Self::$name(read!($kind, r)?)),)*
                    _ => Err(DecodeError::Malformed("a property has an identifier the standard does not know (2.2.2.2)")),
                }
            }

            fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
                match *self {
                    $(Self::$name(value) => {
                        w.u8($id);
                        write!($kind, w, value)
                    })*
                }
            }
        }
    };
}

macro_rules! kind {
    (flag, $l:lifetime) => { bool };
    (u16, $l:lifetime) => { u16 };
    (nonzero16, $l:lifetime) => { u16 };
    (u32, $l:lifetime) => { u32 };
    (nonzero32, $l:lifetime) => { u32 };
    (varint, $l:lifetime) => { u32 };
    (text, $l:lifetime) => { &$l str };
    (binary, $l:lifetime) => { &$l [u8] };
    (pair, $l:lifetime) => { (&$l str, &$l str) };
}

macro_rules! read {
    (flag, $r:ident) => {
        flag($r)
    };
    (u16, $r:ident) => {
        $r.u16()
    };
    (nonzero16, $r:ident) => {
        nonzero($r.u16()?)
    };
    (u32, $r:ident) => {
        $r.u32()
    };
    (nonzero32, $r:ident) => {
        nonzero($r.u32()?)
    };
    (varint, $r:ident) => {
        nonzero($r.varint()?)
    };
    (text, $r:ident) => {
        $r.text()
    };
    (binary, $r:ident) => {
        $r.binary()
    };
    (pair, $r:ident) => {
        pair($r)
    };
}

macro_rules! write {
    (flag, $w:ident, $v:ident) => {{
        $w.u8(u8::from($v));
        Ok(())
    }};
    (u16, $w:ident, $v:ident) => {{
        $w.u16($v);
        Ok(())
    }};
    (nonzero16, $w:ident, $v:ident) => {{
        $w.u16($v);
        Ok(())
    }};
    (u32, $w:ident, $v:ident) => {{
        $w.u32($v);
        Ok(())
    }};
    (nonzero32, $w:ident, $v:ident) => {{
        $w.u32($v);
        Ok(())
    }};
    (varint, $w:ident, $v:ident) => {{
        $w.varint($v);
        Ok(())
    }};
    (text, $w:ident, $v:ident) => {
        $w.text($v)
    };
    (binary, $w:ident, $v:ident) => {
        $w.binary($v)
    };
    (pair, $w:ident, $v:ident) => {{
        $w.text($v.0)?;
        $w.text($v.1)
    }};
}

properties! {
    PayloadFormatIndicator = 0x01, flag, PUBLISH | WILL;
    MessageExpiryInterval = 0x02, u32, PUBLISH | WILL;
    ContentType = 0x03, text, PUBLISH | WILL;
    ResponseTopic = 0x08, text, PUBLISH | WILL;
    CorrelationData = 0x09, binary, PUBLISH | WILL;
    SubscriptionIdentifier = 0x0b, varint, PUBLISH | SUBSCRIBE;
    SessionExpiryInterval = 0x11, u32, CONNECT | CONNACK | DISCONNECT;
    AssignedClientIdentifier = 0x12, text, CONNACK;
    ServerKeepAlive = 0x13, u16, CONNACK;
    AuthenticationMethod = 0x15, text, CONNECT | CONNACK | AUTH;
    AuthenticationData = 0x16, binary, CONNECT | CONNACK | AUTH;
    RequestProblemInformation = 0x17, flag, CONNECT;
    WillDelayInterval = 0x18, u32, WILL;
    RequestResponseInformation = 0x19, flag, CONNECT;
    ResponseInformation = 0x1a, text, CONNACK;
    ServerReference = 0x1c, text, CONNACK | DISCONNECT;
    ReasonString = 0x1f, text, CONNACK | ACKS | SUB_ACKS | DISCONNECT | AUTH;
    ReceiveMaximum = 0x21, nonzero16, CONNECT | CONNACK;
    TopicAliasMaximum = 0x22, u16, CONNECT | CONNACK;
    TopicAlias = 0x23, u16, PUBLISH;
    MaximumQos = 0x24, flag, CONNACK;
    RetainAvailable = 0x25, flag, CONNACK;
    UserProperty = 0x26, pair, CONNECT | CONNACK | PUBLISH | WILL | ACKS | SUBSCRIBE | SUB_ACKS | UNSUBSCRIBE | DISCONNECT | AUTH;
    MaximumPacketSize = 0x27, nonzero32, CONNECT | CONNACK;
    WildcardSubscriptionAvailable = 0x28, flag, CONNACK;
    SubscriptionIdentifierAvailable = 0x29, flag, CONNACK;
    SharedSubscriptionAvailable = 0x2a, flag, CONNACK;
}

fn flag(r: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match r.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(BAD_VALUE),
    }
}

fn nonzero<N: PartialEq + Default>(n: N) -> Result<N, DecodeError> {
    if n == N::default() { Err(BAD_VALUE) } else { Ok(n) }
}

/// Both are strings like any other [MQTT-1.5.7-1].
fn pair<'a>(r: &mut Reader<'a>) -> Result<(&'a str, &'a str), DecodeError> {
    Ok((r.text()?, r.text()?))
}

/// Reads the properties that stand at `at`, handing each to `take`. Versions before 5.0 have none.
#[inline]
pub(crate) fn read<'a>(
    r: &mut Reader<'a>,
    version: Version,
    at: Place,
    mut take: impl FnMut(Property<'a>),
) -> Result<(), DecodeError> {
    if !version.is_5() || r.skips(0) {
        return Ok(()); // most packets have none
    }
    read_all(r, at, &mut take)
}

/// One for all packets, behind a pointer: a copy for each would weigh more than all else here.
fn read_all<'a>(
    r: &mut Reader<'a>,
    at: Place,
    take: &mut dyn FnMut(Property<'a>),
) -> Result<(), DecodeError> {
    let length = r.varint()? as usize;
    let mut r = r.sub(length)?;
    let mut seen = 0_u64;
    while !r.is_empty() {
        let id = r.varint()?;
        if Property::places(id).is_some_and(|places| places & at == 0) {
            return Err(DecodeError::Malformed(
                "a property stands in a packet that may not carry it (2.2.2.2)",
            ));
        }
        let property = Property::read(id, &mut r)?;
        let repeatable = matches!(property, Property::UserProperty(_))
            || (matches!(property, Property::SubscriptionIdentifier(_)) && at == PUBLISH);
        if seen & (1 << id) != 0 && !repeatable {
            return Err(DecodeError::Protocol("a property stands twice where it may stand once (2.2.2.2)"));
        }
        seen |= 1 << id;
        take(property);
    }
    Ok(())
}

/// Writes the properties that are there in the order they are given, then the user properties, and the length of none as
/// zero [MQTT-2.2.2-1]; nothing for versions before 5.0. Slices, not iterators: one function for all packets.
pub(crate) fn write(
    w: &mut Writer<'_>,
    version: Version,
    single: &[Option<Property<'_>>],
    users: &[(&str, &str)],
) -> Result<(), EncodeError> {
    write_with_ids(w, version, single, &[], users)
}

/// The same with subscription identifiers before the user properties.
pub(crate) fn write_with_ids(
    w: &mut Writer<'_>,
    version: Version,
    single: &[Option<Property<'_>>],
    ids: &[u32],
    users: &[(&str, &str)],
) -> Result<(), EncodeError> {
    if !version.is_5() {
        return Ok(());
    }
    w.counted(0, |w| {
        for property in single.iter().flatten() {
            property.write(w)?;
        }
        for &id in ids {
            Property::SubscriptionIdentifier(id).write(w)?;
        }
        for &pair in users {
            Property::UserProperty(pair).write(w)?;
        }
        Ok(())
    })
}
