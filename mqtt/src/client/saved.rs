//! The form in which a Session outlives its program. It knows no storage. Messages are kept as the PUBLISH packets that
//! carry them, with all properties.

use thiserror::Error;

use super::queue::Lasting;
use super::{Offline, Outgoing, PublishId};
use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, Deframer, EncodeError};
use crate::delivery::InFlight;
use crate::packet::{Packet, Publish, SubscriptionOptions};
use crate::{Delivery, Instant, Message, MessageProperties, PacketId, Qos, TopicFilter, Version};

/// The first byte: another form has another.
const FORM: u8 = 1;

/// Why bytes are no saved Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SavedError {
    /// Another version of this program has written them.
    #[error("the saved session has a form that is not known here")]
    Form,
    /// They are damaged.
    #[error("the saved session is damaged: {0}")]
    Damaged(#[from] DecodeError),
}

/// A subscription with its options and identifier.
pub(super) type Subscription = (TopicFilter, SubscriptionOptions, Option<u32>);

/// A Session at rest.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) next_id: u64,
    pub(super) client_id: String,
    /// A Server has accepted it.
    pub(super) begun: bool,
    /// QoS 2 messages that were taken and not yet released.
    pub(super) received: Vec<PacketId>,
    pub(super) granted: Vec<Subscription>,
    /// What the Server may still send and nobody wants.
    pub(super) unwanted: Vec<TopicFilter>,
    pub(super) in_flight: Vec<(PacketId, InFlight<Outgoing>)>,
    pub(super) queue: Vec<Outgoing>,
}

const QUEUED: u8 = 0;
const SENT: u8 = 1;
const RELEASED: u8 = 2;

impl Saved {
    /// All but the messages, which follow one by one.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(FORM);
        out.push(u8::from(self.begun));
        out.extend_from_slice(&self.next_id.to_be_bytes());
        text(&self.client_id, &mut out);
        count(self.received.len(), &mut out);
        self.received.iter().for_each(|id| out.extend_from_slice(&id.get().to_be_bytes()));
        count(self.granted.len(), &mut out);
        for (filter, options, id) in &self.granted {
            text(filter.as_str(), &mut out);
            out.push(options.byte(Version::V5));
            out.extend_from_slice(&id.unwrap_or(0).to_be_bytes());
        }
        count(self.unwanted.len(), &mut out);
        self.unwanted.iter().for_each(|filter| text(filter.as_str(), &mut out));
        out
    }

    pub(super) fn read(bytes: &[u8], unix_start_ms: u64) -> Result<Self, SavedError> {
        let mut r = Reader::new(bytes);
        if r.u8()? != FORM {
            return Err(SavedError::Form);
        }
        let mut saved = Self {
            begun: r.u8()? != 0,
            next_id: long(&mut r)?,
            client_id: r.text()?.to_owned(),
            received: Vec::new(),
            granted: Vec::new(),
            unwanted: Vec::new(),
            in_flight: Vec::new(),
            queue: Vec::new(),
        };
        for _ in 0..r.u32()? {
            saved.received.push(packet_id(&mut r)?);
        }
        for _ in 0..r.u32()? {
            let filter = filter(&mut r)?;
            let options = SubscriptionOptions::from_byte(r.u8()?, Version::V5)?;
            let id = r.u32()?;
            saved.granted.push((filter, options, (id != 0).then_some(id)));
        }
        for _ in 0..r.u32()? {
            saved.unwanted.push(filter(&mut r)?);
        }
        while !r.is_empty() {
            saved.entry(&mut r, unix_start_ms)?;
        }
        Ok(saved)
    }

    fn entry(&mut self, r: &mut Reader<'_>, unix_start_ms: u64) -> Result<(), DecodeError> {
        let kind = r.u8()?;
        if kind == RELEASED {
            self.in_flight.push((packet_id(r)?, InFlight::AwaitPubcomp));
            return Ok(());
        }
        let (id, accepted_ms, offline) = (PublishId(long(r)?), long(r)?, long(r)?);
        let mut deframer = Deframer::client(Version::V5, u32::MAX);
        let Some((Packet::Publish(publish), length)) = deframer.next(r.rest())? else {
            return Err(DecodeError::Malformed("a message is missing"));
        };
        r.take(length)?;
        let Some(topic) = publish.topic else { return Err(DecodeError::Malformed("a topic is missing")) };
        let message = Message {
            topic: topic.to_shared(),
            payload: publish.payload.to_vec().into(),
            qos: publish.delivery.qos(),
            retain: publish.retain,
            properties: MessageProperties::from_packet(&publish.properties),
        };
        let offline = match offline {
            0 => Offline::Wait,
            u64::MAX => Offline::FailNow,
            unix => Offline::WaitUntil(Instant::from_millis(unix.saturating_sub(unix_start_ms))),
        };
        let outgoing = Outgoing::restored(id, message, offline, accepted_ms, unix_start_ms);
        match (kind, publish.delivery) {
            (SENT, Delivery::AtLeastOnce { packet_id, .. }) => {
                self.in_flight.push((packet_id, InFlight::AwaitPuback(outgoing)));
            }
            (SENT, Delivery::ExactlyOnce { packet_id, .. }) => {
                self.in_flight.push((packet_id, InFlight::AwaitPubrec(outgoing)));
            }
            _ => self.queue.push(outgoing),
        }
        Ok(())
    }
}

impl Outgoing {
    /// Appends it, as one that was sent with this identifier or as one that waits.
    pub(super) fn save(
        &self,
        sent: Option<PacketId>,
        unix_start_ms: u64,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        let Lasting { accepted_ms, offline } = self.lasting(unix_start_ms);
        let packet_id = sent.unwrap_or(PacketId::MIN);
        let delivery = match self.message.qos {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup: false },
            Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup: false },
        };
        scratch.clear();
        if Publish::of(&self.message, delivery).encode(Version::V5, scratch).is_err() {
            return; // no packet can say it, so it will not be sent either
        }
        out.push(if sent.is_some() { SENT } else { QUEUED });
        for number in [self.id.0, accepted_ms, offline] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(scratch);
    }
}

pub(super) fn write_released(packet_id: PacketId, out: &mut Vec<u8>) {
    out.push(RELEASED);
    out.extend_from_slice(&packet_id.get().to_be_bytes());
}

/// Filters and client identifiers came in packets or fit into one, so that none is too long.
fn text(text: &str, out: &mut Vec<u8>) {
    let written: Result<(), EncodeError> = Writer::new(out).text(text);
    debug_assert!(written.is_ok(), "it fits into a packet");
}

fn count(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
}

fn long(r: &mut Reader<'_>) -> Result<u64, DecodeError> {
    Ok(u64::from(r.u32()?) << 32 | u64::from(r.u32()?))
}

fn packet_id(r: &mut Reader<'_>) -> Result<PacketId, DecodeError> {
    PacketId::new(r.u16()?).ok_or(DecodeError::Malformed("an identifier is zero"))
}

fn filter(r: &mut Reader<'_>) -> Result<TopicFilter, DecodeError> {
    r.text()?.parse().map_err(DecodeError::TopicFilter)
}
