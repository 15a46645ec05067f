//! The small values every packet is made of.

use std::num::NonZeroU16;
use std::time::Duration;

/// A version of the protocol, as its Protocol Level byte says (3.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1, protocol name `MQIsdp`, level 3.
    V3_1,
    /// MQTT 3.1.1, level 4.
    V3_1_1,
    /// MQTT 5.0, level 5.
    V5,
}

impl Version {
    /// Whether packets of this version carry properties and reason codes.
    #[must_use]
    pub const fn is_5(self) -> bool {
        matches!(self, Self::V5)
    }

    /// The Protocol Level byte of CONNECT.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::V3_1 => 3,
            Self::V3_1_1 => 4,
            Self::V5 => 5,
        }
    }

    /// The Protocol Name of CONNECT.
    #[must_use]
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Self::V3_1 => "MQIsdp",
            Self::V3_1_1 | Self::V5 => "MQTT",
        }
    }

    /// The version as people write it: `3.1`, `3.1.1`, `5.0`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V3_1 => "3.1",
            Self::V3_1_1 => "3.1.1",
            Self::V5 => "5.0",
        }
    }
}

/// Quality of Service (4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// QoS 0: no acknowledgement.
    #[default]
    AtMostOnce,
    /// QoS 1: PUBACK.
    AtLeastOnce,
    /// QoS 2: PUBREC, PUBREL, PUBCOMP.
    ExactlyOnce,
}

impl Qos {
    /// 0, 1 or 2.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }

    /// The QoS of a level; none for 3, which the standard reserves.
    #[must_use]
    pub const fn from_level(level: u8) -> Option<Self> {
        match level {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// A Packet Identifier: 1 to 65535 (2.2.1). Zero cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The first.
    pub const MIN: Self = Self(NonZeroU16::MIN);

    /// The identifier, or none for zero.
    #[must_use]
    pub const fn new(id: u16) -> Option<Self> {
        match NonZeroU16::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

/// How a PUBLISH travels: its QoS with the facts that only that QoS has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// QoS 0 has neither identifier nor DUP flag [MQTT-3.3.1-2].
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce {
        /// Ties the PUBACK to this PUBLISH.
        packet_id: PacketId,
        /// This may be a repetition.
        dup: bool,
    },
    /// QoS 2.
    ExactlyOnce {
        /// Ties PUBREC, PUBREL and PUBCOMP to this PUBLISH.
        packet_id: PacketId,
        /// This may be a repetition.
        dup: bool,
    },
}

impl Delivery {
    /// The QoS of this delivery.
    #[must_use]
    pub const fn qos(self) -> Qos {
        match self {
            Self::AtMostOnce => Qos::AtMostOnce,
            Self::AtLeastOnce { .. } => Qos::AtLeastOnce,
            Self::ExactlyOnce { .. } => Qos::ExactlyOnce,
        }
    }

    /// The Packet Identifier, which QoS 0 does not have.
    #[must_use]
    pub const fn packet_id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { packet_id, .. } | Self::ExactlyOnce { packet_id, .. } => Some(packet_id),
        }
    }

    /// The DUP flag.
    #[must_use]
    pub const fn dup(self) -> bool {
        match self {
            Self::AtMostOnce => false,
            Self::AtLeastOnce { dup, .. } | Self::ExactlyOnce { dup, .. } => dup,
        }
    }
}

/// How long a Session outlives its Network Connection (3.1.2.11.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionExpiry {
    /// The Session ends with the Network Connection: absent or 0 on the wire.
    #[default]
    AtDisconnect,
    /// The Session ends this many seconds (1 to 4 294 967 294) after the Network Connection.
    After(u32),
    /// The Session does not expire: 0xFFFFFFFF on the wire, and `clean session = 0` of 3.1.1.
    Never,
}

impl SessionExpiry {
    /// The interval as it is written on the wire.
    #[must_use]
    pub const fn from_secs(secs: u32) -> Self {
        match secs {
            0 => Self::AtDisconnect,
            u32::MAX => Self::Never,
            n => Self::After(n),
        }
    }

    /// The wire form.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        match self {
            Self::AtDisconnect => 0,
            Self::After(n) => n,
            Self::Never => u32::MAX,
        }
    }

    /// The time that remains after the Network Connection ended; none when it never ends.
    #[must_use]
    pub const fn duration(self) -> Option<Duration> {
        match self {
            Self::AtDisconnect => Some(Duration::ZERO),
            Self::After(n) => Some(Duration::from_secs(n as u64)),
            Self::Never => None,
        }
    }
}
