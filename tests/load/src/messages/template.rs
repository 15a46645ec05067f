//! A PUBLISH that is written once and sent often, with another identifier, another number and another time each time.

use anyhow::{Context as _, Result};
use mqtt::packet::{Publish, PublishProperties};
use mqtt::{Delivery, Packet, PacketId, Qos, TopicName, Version};

/// Bytes of number and time at the end of a payload.
const STAMP: usize = 16;

#[derive(Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    /// Where the identifier stands, in a packet that has one.
    id_at: Option<usize>,
    id: u16,
}

impl Template {
    pub(crate) fn new(version: Version, topic: &str, qos: Qos, size: usize, retain: bool) -> Result<Self> {
        let packet_id = PacketId::new(1).context("1 is not 0")?;
        let delivery = match qos {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup: false },
            Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup: false },
        };
        let payload = vec![0x55; size];
        let properties = PublishProperties::default();
        let publish = Publish {
            delivery,
            retain,
            topic: Some(TopicName::new(topic)?),
            payload: &payload,
            properties: properties.into(),
        };
        let mut bytes = Vec::new();
        Packet::Publish(publish).encode(version, &mut bytes)?;
        let behind_id = size + usize::from(version == Version::V5);
        let id_at = (qos != Qos::AtMostOnce).then_some(bytes.len() - behind_id - 2);
        Ok(Self { bytes, id_at, id: 0 })
    }

    pub(crate) fn next_id(&mut self) {
        if let Some(at) = self.id_at {
            self.id = self.id.wrapping_add(1).max(1);
            self.bytes[at..at + 2].copy_from_slice(&self.id.to_be_bytes());
        }
    }

    pub(crate) fn stamp(&mut self, number: u64, nanoseconds: u64) {
        let at = self.bytes.len() - STAMP;
        self.bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        self.bytes[at + 8..].copy_from_slice(&nanoseconds.to_le_bytes());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Number and time in a PUBLISH that has arrived.
pub(crate) fn stamp_of(body: &[u8]) -> Option<(u64, u64)> {
    let (number, time) = body.last_chunk::<STAMP>()?.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*number), u64::from_le_bytes(time.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use mqtt::codec::Deframer;

    use super::*;

    #[test]
    fn identifier_number_and_time_stand_where_a_reader_finds_them() {
        for version in [Version::V3_1_1, Version::V5] {
            let mut template = Template::new(version, "a/b", Qos::AtLeastOnce, 300, false).unwrap();
            template.next_id();
            template.next_id();
            template.stamp(5, 77);
            let mut deframer = Deframer::client(version, 1000);
            let (packet, _) = deframer.next(template.bytes()).unwrap().unwrap();
            let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            let packet_id = PacketId::new(2).unwrap();
            assert_eq!(publish.delivery, Delivery::AtLeastOnce { packet_id, dup: false });
            assert_eq!((publish.payload.len(), stamp_of(publish.payload)), (300, Some((5, 77))));
        }
    }
}
