//! The Application Message: what is sent, apart from how it travels.

use bytes::Bytes;

use crate::{Qos, TopicError, TopicName, packet};

/// An Application Message with everything that goes with it to its subscribers.
///
/// `P` is where the payload lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<P = Bytes> {
    /// Where it is published.
    pub topic: TopicName,
    /// What it says; any bytes, also none.
    pub payload: P,
    /// The QoS it is published with.
    pub qos: Qos,
    /// The RETAIN flag as it was published or received (3.3.1.3).
    pub retain: bool,
    /// Its 5.0 properties; none when it has none, which keeps a plain message small.
    pub properties: Option<Box<MessageProperties>>,
}

/// The 5.0 properties that belong to the message and travel with it unaltered (3.3.2.3), except for the Message
/// Expiry Interval, of which a Server forwards what remains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageProperties {
    /// The payload is UTF-8 text (3.3.2.3.2).
    pub payload_is_utf8: Option<bool>,
    /// Seconds the message may live (3.3.2.3.3).
    pub message_expiry_s: Option<u32>,
    /// Where an answer is to go (3.3.2.3.5).
    pub response_topic: Option<Box<str>>,
    /// What tells the asker which question is answered (3.3.2.3.6).
    pub correlation_data: Option<Box<[u8]>>,
    /// Name and value, in the order they were given (3.3.2.3.7).
    pub user_properties: Vec<(Box<str>, Box<str>)>,
    /// What the payload is, for instance a MIME type (3.3.2.3.9).
    pub content_type: Option<Box<str>>,
}

/// What the Server publishes when a Network Connection ends without a DISCONNECT of the Client (3.1.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// The message.
    pub message: Message,
    /// Seconds between the end of the connection and the publication; 0 in 3.x.
    pub delay_s: u32,
}

impl Message {
    /// A message at QoS 0, not retained, without properties.
    #[must_use]
    pub fn new(topic: TopicName, payload: impl Into<Bytes>) -> Self {
        Self { topic, payload: payload.into(), qos: Qos::AtMostOnce, retain: false, properties: None }
    }

    /// The same message at another QoS.
    #[must_use]
    pub fn with_qos(mut self, qos: Qos) -> Self {
        self.qos = qos;
        self
    }

    /// The same message with another RETAIN flag.
    #[must_use]
    pub const fn with_retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// The same message that is worth nothing after `secs` seconds.
    #[must_use]
    pub fn with_expiry(mut self, secs: u32) -> Self {
        self.properties.get_or_insert_default().message_expiry_s = Some(secs);
        self
    }
}

impl<P: AsRef<[u8]>> Message<P> {
    /// The same message with its payload elsewhere.
    pub fn map_payload<Q>(self, map: impl FnOnce(P) -> Q) -> Message<Q> {
        let Self { topic, payload, qos, retain, properties } = self;
        Message { topic, payload: map(payload), qos, retain, properties }
    }

    /// The Response Topic, or why it is none (3.3.2.3.5).
    pub(crate) fn response_topic(&self) -> Option<Result<TopicName<&str>, TopicError>> {
        Some(TopicName::new(self.properties.as_deref()?.response_topic.as_deref()?))
    }

    /// Bytes it occupies: topic, payload and properties, a user property also for its place. What queues are bounded by.
    #[must_use]
    pub fn size(&self) -> usize {
        let properties = self.properties.as_deref().map_or(0, |p| {
            // An empty pair takes five bytes of a packet and several times that here.
            let places = p.user_properties.len() * size_of::<(Box<str>, Box<str>)>();
            let users: usize = p.user_properties.iter().map(|(k, v)| k.len() + v.len()).sum();
            places
                + users
                + p.response_topic.as_ref().map_or(0, |s| s.len())
                + p.correlation_data.as_ref().map_or(0, |s| s.len())
                + p.content_type.as_ref().map_or(0, |s| s.len())
        });
        self.topic.as_str().len() + self.payload.as_ref().len() + properties
    }
}

impl MessageProperties {
    /// The properties of a packet with memory of their own; none when the packet has none to keep. They travel as they are:
    /// [MQTT-3.3.2-4], [MQTT-3.3.2-15], [MQTT-3.3.2-16], [MQTT-3.3.2-20]; user properties in their order [MQTT-3.3.2-17],
    /// [MQTT-3.3.2-18], of a will too [MQTT-3.1.3-10].
    #[must_use]
    pub fn from_packet(p: &packet::PublishProperties<'_>) -> Option<Box<Self>> {
        if !p.has_message_properties() {
            return None;
        }
        Some(Box::new(Self {
            payload_is_utf8: p.payload_is_utf8,
            message_expiry_s: p.message_expiry_s,
            response_topic: p.response_topic.map(Into::into),
            correlation_data: p.correlation_data.map(Into::into),
            user_properties: p.user_properties.iter().map(|&(k, v)| (k.into(), v.into())).collect(),
            content_type: p.content_type.map(Into::into),
        }))
    }

    /// The properties as a packet carries them.
    #[must_use]
    pub fn to_packet(&self) -> packet::PublishProperties<'_> {
        packet::PublishProperties {
            payload_is_utf8: self.payload_is_utf8,
            message_expiry_s: self.message_expiry_s,
            response_topic: self.response_topic.as_deref(),
            correlation_data: self.correlation_data.as_deref(),
            user_properties: self.user_properties.iter().map(|(k, v)| (&**k, &**v)).collect(),
            content_type: self.content_type.as_deref(),
            topic_alias: None,
            subscription_ids: Vec::new(),
        }
    }
}
