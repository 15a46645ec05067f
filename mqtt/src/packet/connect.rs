//! CONNECT (3.1).

use super::publish::{PublishProperties, read_will};
use super::{CONNECT, UserProperties};
use crate::codec::properties::{self, Property, place};
use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, EncodeError};
use crate::{Message, MessageProperties, Qos, SessionExpiry, TopicName, Version, Will};

/// The first packet of a Client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// What the rest of the connection speaks.
    pub version: Version,
    /// Begin with an empty Session (3.1.2.4); `clean session` of 3.x.
    pub clean_start: bool,
    /// Seconds; 0 for none (3.1.2.10).
    pub keep_alive_s: u16,
    /// Empty asks the Server for one (3.1.3.1).
    pub client_id: &'a str,
    /// Published when the connection ends without a DISCONNECT.
    pub will: Option<ConnectWill<'a>>,
    /// Who connects.
    pub user_name: Option<&'a str>,
    /// How it proves that.
    pub password: Option<&'a [u8]>,
    /// Defaults in 3.x, but for the session expiry, which follows from `clean session`.
    pub properties: ConnectProperties<'a>,
}

/// The will as CONNECT carries it (3.1.3.2 to 3.1.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectWill<'a> {
    /// Where it is published.
    pub topic: TopicName<&'a str>,
    /// What it says.
    pub payload: &'a [u8],
    /// Its QoS.
    pub qos: Qos,
    /// Whether it is retained.
    pub retain: bool,
    /// Seconds from the end of the connection to the publication.
    pub delay_s: u32,
    /// The message's own properties.
    pub properties: PublishProperties<'a>,
}

/// The properties of CONNECT (3.1.2.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectProperties<'a> {
    /// How long the Session is to outlive the connection.
    pub session_expiry: SessionExpiry,
    /// QoS 1 and 2 messages the Client takes at once; 1 to 65535, which is the default.
    pub receive_maximum: Option<u16>,
    /// Bytes the largest packet may have that the Client takes; none for no limit.
    pub maximum_packet_size: Option<u32>,
    /// Topic aliases the Client takes.
    pub topic_alias_maximum: u16,
    /// The Client asks for Response Information.
    pub request_response_information: bool,
    /// The Client takes reason strings and user properties on any packet.
    pub request_problem_information: bool,
    /// Name and value, in order.
    pub user_properties: UserProperties<'a>,
    /// Begins an extended authentication.
    pub authentication_method: Option<&'a str>,
    /// What the method defines.
    pub authentication_data: Option<&'a [u8]>,
}

impl Default for ConnectProperties<'_> {
    fn default() -> Self {
        Self {
            session_expiry: SessionExpiry::AtDisconnect,
            receive_maximum: None,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_response_information: false,
            request_problem_information: true,
            user_properties: Vec::new(),
            authentication_method: None,
            authentication_data: None,
        }
    }
}

impl<'a> ConnectWill<'a> {
    /// The will with memory of its own.
    #[must_use]
    pub fn to_will(&self) -> Will {
        let message = Message {
            topic: self.topic.to_shared(),
            payload: self.payload.to_vec().into(),
            qos: self.qos,
            retain: self.retain,
            properties: MessageProperties::from_packet(&self.properties),
        };
        Will { message, delay_s: self.delay_s }
    }

    /// A will as CONNECT carries it.
    #[must_use]
    pub fn of(will: &'a Will) -> Self {
        let message = &will.message;
        Self {
            topic: message.topic.borrowed(),
            payload: &message.payload,
            qos: message.qos,
            retain: message.retain,
            delay_s: will.delay_s,
            properties: message.properties.as_deref().map(|p| p.to_packet()).unwrap_or_default(),
        }
    }

    fn decode(r: &mut Reader<'a>, version: Version, qos: Qos, retain: bool) -> Result<Self, DecodeError> {
        let (delay_s, properties) = read_will(r, version)?; // present with the flag, as what follows [MQTT-3.1.2-9]
        // A string [MQTT-3.1.3-11].
        let topic = TopicName::new(r.text_with_null()?).map_err(DecodeError::TopicName)?;
        Ok(Self { topic, payload: r.binary()?, qos, retain, delay_s, properties })
    }

    fn encode(&self, version: Version, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        let delay = (self.delay_s > 0).then_some(Property::WillDelayInterval(self.delay_s));
        let [a, b, c, d, e] = self.properties.list();
        properties::write(w, version, &[delay, a, b, c, d, e], &self.properties.user_properties)?;
        w.topic(self.topic.as_str())?;
        w.binary(self.payload)
    }
}

impl<'a> Connect<'a> {
    /// A CONNECT with a clean start, no keep alive and nothing else.
    #[must_use]
    pub fn new(version: Version, client_id: &'a str) -> Self {
        Self {
            version,
            clean_start: true,
            keep_alive_s: 0,
            client_id,
            will: None,
            user_name: None,
            password: None,
            properties: ConnectProperties::default(),
        }
    }

    pub(super) fn decode(r: &mut Reader<'a>, known: &mut Option<Version>) -> Result<Self, DecodeError> {
        if known.is_some() {
            return Err(DecodeError::Protocol("a second CONNECT on one connection [MQTT-3.1.0-2]"));
        }
        let version = version(r)?;
        *known = Some(version);
        let flags = r.u8()?;
        if flags & 1 != 0 && version != Version::V3_1 {
            return Err(DecodeError::Malformed("the reserved flag of CONNECT is set [MQTT-3.1.2-3]"));
        }
        let clean_start = flags & 0b10 != 0;
        let keep_alive_s = r.u16()?;
        let mut properties = ConnectProperties::default();
        if !version.is_5() && !clean_start {
            properties.session_expiry = SessionExpiry::Never;
        }
        properties::read(r, version, place(CONNECT), |p| properties.take(p))?;
        if properties.authentication_data.is_some() && properties.authentication_method.is_none() {
            return Err(DecodeError::Protocol("authentication data without a method (3.1.2.11.10)"));
        }
        // In this order [MQTT-3.1.3-1], the client identifier first [MQTT-3.1.3-3], a string [MQTT-3.1.3-4].
        let client_id = r.text()?;
        let will = Self::will(r, flags, version)?;
        let (user_name, password) = credentials(r, flags, version)?;
        Ok(Self { version, clean_start, keep_alive_s, client_id, will, user_name, password, properties })
    }

    fn will(r: &mut Reader<'a>, flags: u8, version: Version) -> Result<Option<ConnectWill<'a>>, DecodeError> {
        if version == Version::V3_1 && flags & 0b100 == 0 {
            return Ok(None); // the other flags of the will are disregarded then
        }
        let qos = Qos::from_level(flags >> 3 & 0b11)
            .ok_or(DecodeError::Malformed("the will has QoS 3 [MQTT-3.1.2-12]"))?;
        let retain = flags & 0b10_0000 != 0;
        if flags & 0b100 == 0 {
            if qos != Qos::AtMostOnce || retain {
                return Err(DecodeError::Malformed(
                    "will flags without a will [MQTT-3.1.2-11], [MQTT-3.1.2-13]",
                ));
            }
            return Ok(None);
        }
        ConnectWill::decode(r, version, qos, retain).map(Some)
    }

    pub(super) fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        let version = self.version;
        w.packet(CONNECT << 4, 0, |w| {
            w.text(version.protocol_name())?;
            w.u8(version.level());
            w.u8(self.flags());
            w.u16(self.keep_alive_s);
            properties::write(w, version, &self.properties.list(), &self.properties.user_properties)?;
            w.text(self.client_id)?;
            if let Some(will) = &self.will {
                will.encode(version, w)?;
            }
            self.user_name.map_or(Ok(()), |name| w.text(name))?;
            self.password.map_or(Ok(()), |password| w.binary(password))
        })
    }

    fn flags(&self) -> u8 {
        let will =
            self.will.as_ref().map_or(0, |will| 0b100 | will.qos.level() << 3 | u8::from(will.retain) << 5);
        u8::from(self.clean_start) << 1
            | will
            | u8::from(self.password.is_some()) << 6
            | u8::from(self.user_name.is_some()) << 7
    }
}

impl<'a> ConnectProperties<'a> {
    fn take(&mut self, property: Property<'a>) {
        match property {
            Property::SessionExpiryInterval(n) => self.session_expiry = SessionExpiry::from_secs(n),
            Property::ReceiveMaximum(n) => self.receive_maximum = Some(n),
            Property::MaximumPacketSize(n) => self.maximum_packet_size = Some(n),
            Property::TopicAliasMaximum(n) => self.topic_alias_maximum = n,
            Property::RequestResponseInformation(b) => self.request_response_information = b,
            Property::RequestProblemInformation(b) => self.request_problem_information = b,
            Property::UserProperty(pair) => self.user_properties.push(pair),
            Property::AuthenticationMethod(s) => self.authentication_method = Some(s),
            Property::AuthenticationData(b) => self.authentication_data = Some(b),
            _ => {}
        }
    }

    fn list(&self) -> [Option<Property<'_>>; 8] {
        let expiry = self.session_expiry.as_secs();
        [
            (expiry != 0).then_some(Property::SessionExpiryInterval(expiry)),
            self.receive_maximum.map(Property::ReceiveMaximum),
            self.maximum_packet_size.map(Property::MaximumPacketSize),
            (self.topic_alias_maximum > 0).then_some(Property::TopicAliasMaximum(self.topic_alias_maximum)),
            self.request_response_information.then_some(Property::RequestResponseInformation(true)),
            (!self.request_problem_information).then_some(Property::RequestProblemInformation(false)),
            self.authentication_method.map(Property::AuthenticationMethod),
            self.authentication_data.map(Property::AuthenticationData),
        ]
    }
}

fn version(r: &mut Reader<'_>) -> Result<Version, DecodeError> {
    let (name, level) = (r.binary()?, r.u8()?);
    match (name, level) {
        (b"MQIsdp", 3) => Ok(Version::V3_1),
        (b"MQTT", 4) => Ok(Version::V3_1_1),
        (b"MQTT", 5) => Ok(Version::V5),
        (b"MQTT" | b"MQIsdp", level) => Err(DecodeError::UnsupportedVersion(level)), // [MQTT-3.1.2-2]
        _ => Err(DecodeError::Malformed("the protocol name is not MQTT [MQTT-3.1.2-1]")),
    }
}

type Credentials<'a> = (Option<&'a str>, Option<&'a [u8]>);

fn credentials<'a>(r: &mut Reader<'a>, flags: u8, version: Version) -> Result<Credentials<'a>, DecodeError> {
    let (has_name, has_password) = (flags & 0x80 != 0, flags & 0x40 != 0);
    // In 3.1 the length of the packet takes precedence: what is announced may be missing at its end.
    let may_be_missing = version == Version::V3_1;
    if has_password && !has_name && !version.is_5() {
        return Err(DecodeError::Malformed("a password without a user name [MQTT3-3.1.2-22]"));
    }
    // [MQTT-3.1.2-16], [MQTT-3.1.2-17]; a string [MQTT-3.1.3-12]
    let name = if has_name && !(may_be_missing && r.is_empty()) { Some(r.text()?) } else { None };
    // [MQTT-3.1.2-18], [MQTT-3.1.2-19]
    let password = if has_password && !(may_be_missing && r.is_empty()) { Some(r.binary()?) } else { None };
    Ok((name, password))
}
