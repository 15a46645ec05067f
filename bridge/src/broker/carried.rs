//! Plain messages on their way to another shard, one behind the other in one piece of memory: between two threads one such
//! piece costs what a single message of its own would.
//!
//! It knows neither who wants them nor what becomes of them. Nothing here comes from outside: what cannot be read is a
//! defect of this file, and ends the piece.

use mqtt::packet::{BoxedProperties, Publish};
use mqtt::{Qos, TopicName};

use super::answers::Serial;
use super::route::{PLACEHOLDER, delivery};

/// Bytes that gather in one piece. All that comes of it stands in memory at once where it is read.
pub(super) const PIECE: usize = 4 << 10;

const RETAIN: u8 = 0b0000_0100;
const TELLS: u8 = 0b0000_1000;
/// What stands before the topic: QoS and flags, the Serial, bytes of the topic and of the payload.
const HEAD: usize = 1 + 8 + 2 + 4;

/// One of them.
#[derive(Debug)]
pub(super) struct Carried<'a> {
    pub(super) topic: TopicName<&'a str>,
    pub(super) publish: Publish<'a>,
    /// What has become of it is to be said by this number.
    pub(super) serial: Option<Serial>,
}

/// Whether a message is one that can travel like this: all that it has are topic, payload, QoS and RETAIN.
pub(super) fn is_plain(publish: &Publish<'_>) -> bool {
    !publish.properties.has_message_properties() && publish.payload.len() <= PIECE
}

/// Appends a plain message.
pub(super) fn write(
    bytes: &mut Vec<u8>,
    topic: TopicName<&str>,
    publish: &Publish<'_>,
    serial: Option<Serial>,
) {
    let (Ok(topic_bytes), Ok(payload_bytes)) =
        (u16::try_from(topic.text().len()), u32::try_from(publish.payload.len()))
    else {
        return; // no topic is longer, and no plain payload
    };
    let retain = if publish.retain { RETAIN } else { 0 };
    let tells = if serial.is_some() { TELLS } else { 0 };
    let mut head = [0; HEAD];
    head[0] = publish.delivery.qos().level() | retain | tells;
    head[1..9].copy_from_slice(&serial.unwrap_or_default().to_ne_bytes());
    head[9..11].copy_from_slice(&topic_bytes.to_ne_bytes());
    head[11..].copy_from_slice(&payload_bytes.to_ne_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(topic.text().as_bytes());
    bytes.extend_from_slice(publish.payload);
}

/// Takes the first message off a piece. None at its end.
pub(super) fn read<'a>(bytes: &mut &'a [u8]) -> Option<Carried<'a>> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let [flags, s0, s1, s2, s3, s4, s5, s6, s7, t0, t1, p0, p1, p2, p3] = *head;
    let (topic, rest) = rest.split_at_checked(u16::from_ne_bytes([t0, t1]).into())?;
    let payload_bytes = usize::try_from(u32::from_ne_bytes([p0, p1, p2, p3])).ok()?;
    let (payload, rest) = rest.split_at_checked(payload_bytes)?;
    *bytes = rest;
    let topic = TopicName::new(core::str::from_utf8(topic).ok()?).ok()?;
    let qos = Qos::from_level(flags & 0b11)?;
    let publish = plain(topic, payload, (qos, flags & RETAIN != 0));
    let serial = u64::from_ne_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
    Some(Carried { topic, publish, serial: (flags & TELLS != 0).then_some(serial) })
}

fn plain<'a>(topic: TopicName<&'a str>, payload: &'a [u8], (qos, retain): (Qos, bool)) -> Publish<'a> {
    let delivery = delivery(qos, PLACEHOLDER, false);
    Publish { delivery, retain, topic: Some(topic), payload, properties: BoxedProperties::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_its_order() {
        let longest = vec![7; PIECE];
        type Message<'a> = (&'a str, &'a [u8], Qos, bool, Option<Serial>);
        let messages: [Message<'_>; 4] = [
            ("a/b", b"on", Qos::AtMostOnce, false, None),
            ("a", b"", Qos::AtLeastOnce, true, Some(0)),
            ("temperatur/küche", &longest, Qos::ExactlyOnce, false, Some(u64::MAX)),
            ("$x", b"\0", Qos::AtLeastOnce, false, None),
        ];
        let mut bytes = Vec::new();
        for (topic, payload, qos, retain, serial) in messages {
            let topic = TopicName::new(topic).unwrap();
            let publish = plain(topic, payload, (qos, retain));
            assert!(is_plain(&publish));
            write(&mut bytes, topic, &publish, serial);
        }
        let mut rest = &*bytes;
        for (topic, payload, qos, retain, serial) in messages {
            let carried = read(&mut rest).unwrap();
            assert_eq!((carried.topic.text(), carried.publish.topic), (topic, Some(carried.topic)));
            assert_eq!((carried.publish.payload, carried.publish.retain), (payload, retain));
            assert_eq!(carried.publish.delivery, delivery(qos, PLACEHOLDER, false));
            assert_eq!(carried.serial, serial);
        }
        assert!(read(&mut rest).is_none());
    }

    #[test]
    fn what_is_torn_is_read_as_nothing() {
        let (mut bytes, topic) = (Vec::new(), TopicName::new("a/b").unwrap());
        write(&mut bytes, topic, &plain(topic, b"on", (Qos::AtMostOnce, false)), Some(3));
        for end in 0..bytes.len() {
            assert!(read(&mut &bytes[..end]).is_none());
        }
    }
}
