//! PUBLISH (3.3): the one packet that is read and written for every message.

use std::ops::{Deref, DerefMut};

use super::{PUBLISH, UserProperties, packet_id};
use crate::codec::properties::{self, Property, WILL, place};
use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, EncodeError};
use crate::{Delivery, Message, Qos, TopicName, Version};

/// Carries an Application Message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// QoS, with identifier and DUP where it has them.
    pub delivery: Delivery,
    /// To a Server: keep it. From a Server: it was kept (3.3.1.3).
    pub retain: bool,
    /// Where it is published; none when a topic alias says it (3.3.2.3.4).
    pub topic: Option<TopicName<&'a str>>,
    /// Any bytes, also none.
    pub payload: &'a [u8],
    /// Empty in 3.x.
    pub properties: BoxedProperties<'a>,
}

/// The properties of a PUBLISH (3.3.2.3), and of a will without the last two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishProperties<'a> {
    /// The payload is UTF-8 text.
    pub payload_is_utf8: Option<bool>,
    /// Seconds the message may live.
    pub message_expiry_s: Option<u32>,
    /// Where an answer is to go.
    pub response_topic: Option<&'a str>,
    /// What tells the asker which question is answered.
    pub correlation_data: Option<&'a [u8]>,
    /// Name and value, in order.
    pub user_properties: UserProperties<'a>,
    /// What the payload is.
    pub content_type: Option<&'a str>,
    /// Stands for the Topic Name, or sets what it stands for. Zero is for the receiver to refuse [MQTT-3.3.2-8].
    pub topic_alias: Option<u16>,
    /// Which subscriptions brought it; Server to Client only [MQTT-3.3.4-6].
    pub subscription_ids: Vec<u32>,
}

/// The properties of a PUBLISH with memory of their own: most have none, and a packet is moved several times.
#[derive(Clone, Debug, Default)]
pub struct BoxedProperties<'a>(Option<Box<PublishProperties<'a>>>);

static NO_PROPERTIES: PublishProperties<'static> = PublishProperties::NONE;

impl<'a> Deref for BoxedProperties<'a> {
    type Target = PublishProperties<'a>;

    fn deref(&self) -> &PublishProperties<'a> {
        self.0.as_deref().unwrap_or(&NO_PROPERTIES)
    }
}

impl<'a> DerefMut for BoxedProperties<'a> {
    fn deref_mut(&mut self) -> &mut PublishProperties<'a> {
        self.0.get_or_insert_default()
    }
}

impl<'a> From<PublishProperties<'a>> for BoxedProperties<'a> {
    fn from(properties: PublishProperties<'a>) -> Self {
        Self(Some(Box::new(properties)))
    }
}

impl PartialEq for BoxedProperties<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for BoxedProperties<'_> {}

impl BoxedProperties<'_> {
    /// Whether there never was one.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl<'a> PublishProperties<'a> {
    const NONE: Self = Self {
        payload_is_utf8: None,
        message_expiry_s: None,
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
        content_type: None,
        topic_alias: None,
        subscription_ids: Vec::new(),
    };

    /// Whether there is anything that belongs to the message, not to this one hop.
    #[must_use]
    pub fn has_message_properties(&self) -> bool {
        self.payload_is_utf8.is_some()
            || self.message_expiry_s.is_some()
            || self.response_topic.is_some()
            || self.correlation_data.is_some()
            || self.content_type.is_some()
            || !self.user_properties.is_empty()
    }

    /// Whether there is nothing but perhaps a topic alias.
    fn is_plain(&self) -> bool {
        !self.has_message_properties() && self.subscription_ids.is_empty()
    }

    pub(super) fn take(&mut self, property: Property<'a>) {
        match property {
            Property::PayloadFormatIndicator(b) => self.payload_is_utf8 = Some(b),
            Property::MessageExpiryInterval(n) => self.message_expiry_s = Some(n),
            Property::ResponseTopic(s) => self.response_topic = Some(s), // a string [MQTT-3.3.2-13]
            Property::CorrelationData(b) => self.correlation_data = Some(b),
            Property::UserProperty(pair) => self.user_properties.push(pair),
            Property::ContentType(s) => self.content_type = Some(s), // a string [MQTT-3.3.2-19]
            Property::TopicAlias(n) => self.topic_alias = Some(n),
            Property::SubscriptionIdentifier(n) => self.subscription_ids.push(n),
            _ => {}
        }
    }

    /// Those that belong to the message, without the user properties.
    pub(super) fn list(&self) -> [Option<Property<'_>>; 5] {
        [
            self.payload_is_utf8.map(Property::PayloadFormatIndicator),
            self.message_expiry_s.map(Property::MessageExpiryInterval),
            self.response_topic.map(Property::ResponseTopic),
            self.correlation_data.map(Property::CorrelationData),
            self.content_type.map(Property::ContentType),
        ]
    }

    /// A response topic is a Topic Name, so without wildcards [MQTT-3.3.2-14].
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        match self.response_topic.map(TopicName::new) {
            Some(Err(e)) => Err(DecodeError::TopicName(e)),
            _ => Ok(()),
        }
    }
}

impl<'a> Publish<'a> {
    /// A message as it is sent on a Network Connection.
    #[must_use]
    pub fn of<P: AsRef<[u8]>>(message: &'a Message<P>, delivery: Delivery) -> Self {
        Self {
            delivery,
            retain: message.retain,
            topic: Some(message.topic.borrowed()),
            payload: message.payload.as_ref(),
            properties: BoxedProperties(message.properties.as_deref().map(|p| Box::new(p.to_packet()))),
        }
    }

    #[inline]
    pub(super) fn decode(flags: u8, r: &mut Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let qos = Qos::from_level(flags >> 1 & 0b11)
            .ok_or(DecodeError::Malformed("PUBLISH has QoS 3 [MQTT-3.3.1-4]"))?;
        let dup = flags & 0b1000 != 0;
        let text = r.text_with_null()?; // the first field [MQTT-3.3.2-1]
        let topic = match text {
            "" if version.is_5() => None,
            text => Some(TopicName::new(text).map_err(DecodeError::TopicName)?), // [MQTT-3.3.2-2]
        };
        let delivery = match qos {
            Qos::AtMostOnce if dup => {
                return Err(DecodeError::Malformed("PUBLISH with QoS 0 has the DUP flag [MQTT-3.3.1-2]"));
            }
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id: packet_id(r)?, dup },
            Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id: packet_id(r)?, dup },
        };
        let mut properties = BoxedProperties::default();
        properties::read(r, version, place(PUBLISH), |p| properties.take(p))?;
        if !properties.is_none() {
            properties.check()?;
        }
        if topic.is_none() && properties.topic_alias.is_none() {
            return Err(DecodeError::Protocol("PUBLISH has neither a topic nor a topic alias (3.3.2.1)"));
        }
        Ok(Self { delivery, retain: flags & 1 != 0, topic, payload: r.rest(), properties })
    }

    /// Appends the packet to `out` and says where in `out` its Packet Identifier stands (or would stand): a Server
    /// encodes a message once and changes these two bytes for each subscriber.
    ///
    /// # Errors
    /// A value does not fit its length field; `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        self.head().encode(version, &self.properties, self.payload, &mut Writer::new(out))
    }

    /// The same for this message on another Network Connection: with that one's delivery and RETAIN, the topic written
    /// out, and without the topic alias, which belongs to the connection it came by [MQTT-3.3.2-7].
    ///
    /// # Errors
    /// A value does not fit its length field; `out` is then as it was.
    pub fn encode_forwarded(
        &self,
        version: Version,
        topic: TopicName<&str>,
        (delivery, retain): (Delivery, bool),
        out: &mut Vec<u8>,
    ) -> Result<usize, EncodeError> {
        let head = Head { delivery, retain, topic: Some(topic), topic_alias: None };
        head.encode(version, &self.properties, self.payload, &mut Writer::new(out))
    }

    pub(super) fn encode_to(&self, version: Version, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.head().encode(version, &self.properties, self.payload, w).map(|_| ())
    }

    fn head(&self) -> Head<'a> {
        let (delivery, retain, topic) = (self.delivery, self.retain, self.topic);
        Head { delivery, retain, topic, topic_alias: self.properties.topic_alias }
    }
}

/// What may differ between two Network Connections that carry one message.
struct Head<'a> {
    delivery: Delivery,
    retain: bool,
    topic: Option<TopicName<&'a str>>,
    topic_alias: Option<u16>,
}

impl Head<'_> {
    /// Writes the packet and says where its Packet Identifier stands, or would stand.
    fn encode(
        &self,
        version: Version,
        properties: &BoxedProperties<'_>,
        payload: &[u8],
        w: &mut Writer<'_>,
    ) -> Result<usize, EncodeError> {
        let topic = self.topic.map_or("", TopicName::text);
        let first = PUBLISH << 4
            | u8::from(self.delivery.dup()) << 3
            | self.delivery.qos().level() << 1
            | u8::from(self.retain);
        let before = w.len();
        if self.topic_alias.is_none() && (properties.is_none() || properties.is_plain()) {
            return self.encode_plain(first, version, topic, payload, w);
        }
        w.packet(first, topic.len() + payload.len() + 5, |w| {
            w.topic(topic)?;
            if let Some(id) = self.delivery.packet_id() {
                w.u16(id.get()); // QoS 0 has none [MQTT-2.2.1-2]
            }
            let alias = self.topic_alias.map(Property::TopicAlias);
            let [a, b, c, d, e] = properties.list();
            let (ids, users) = (&properties.subscription_ids, &properties.user_properties);
            properties::write_with_ids(w, version, &[a, b, alias, c, d, e], ids, users)?;
            w.raw(payload);
            Ok(())
        })?;
        Ok(packet_id_at(w.written(), before, topic))
    }

    /// Without properties the length is known before anything is written.
    fn encode_plain(
        &self,
        first: u8,
        version: Version,
        topic: &str,
        payload: &[u8],
        w: &mut Writer<'_>,
    ) -> Result<usize, EncodeError> {
        let topic_len = u16::try_from(topic.len()).map_err(|_| EncodeError::TooLong)?;
        let id = self.delivery.packet_id();
        let fields = 2 + usize::from(id.is_some()) * 2 + usize::from(version.is_5());
        w.header_and_u16(first, fields + topic.len() + payload.len(), topic_len)?;
        w.raw(topic.as_bytes());
        let id_at = w.len();
        // QoS 0 has no identifier [MQTT-2.2.1-2].
        match (id.map(|id| id.get().to_be_bytes()), version.is_5()) {
            (None, false) => {}
            (None, true) => w.raw(&[0]),
            (Some(id), false) => w.raw(&id),
            (Some([high, low]), true) => w.raw(&[high, low, 0]),
        }
        w.raw(payload);
        Ok(id_at)
    }
}

/// Where the Packet Identifier of the PUBLISH stands that begins at `start`.
fn packet_id_at(out: &[u8], start: usize, topic: &str) -> usize {
    let length = out.get(start + 1..).unwrap_or_default();
    let length_bytes = length.iter().take_while(|&&b| b & 0x80 != 0).count() + 1;
    start + 1 + length_bytes + 2 + topic.len()
}

/// Reads the will properties of a CONNECT: the delay in seconds and the message's own.
pub(super) fn read_will<'a>(
    r: &mut Reader<'a>,
    version: Version,
) -> Result<(u32, PublishProperties<'a>), DecodeError> {
    let (mut delay_s, mut properties) = (0, PublishProperties::default());
    properties::read(r, version, WILL, |p| match p {
        Property::WillDelayInterval(n) => delay_s = n,
        other => properties.take(other),
    })?;
    properties.check()?;
    Ok((delay_s, properties))
}
