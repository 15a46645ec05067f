//! What JavaScript asks for, in the machine's types.

use std::time::Duration;

use client_wasm::connection::identity;
use mqtt::client::{Config, PublishError};
use mqtt::{
    Message, MessageProperties, Qos, SessionExpiry, TopicError, TopicName, Version, Will, Words as _,
};

use super::fields::{Fields, name};
use super::host::{Failed, Failure, Host};

/// How to connect; what is not said has the machine's own value, the client identifier a random one.
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) authentication_method: Option<String>,
}

impl Settings {
    pub(crate) fn read(host: &Host, fields: &[u8]) -> Result<Self, Failed> {
        let mut config = Config { seed: identity::seed(), ..Config::default() };
        let (mut will, mut delay_s) = (Draft::default(), 0);
        let (mut client_id, mut authentication_method) = (None, None);
        for (name, value) in Fields(fields) {
            let large = value.number() as usize;
            match name {
                name::VERSION => {
                    config.version = match value.number() {
                        5 => Version::V5,
                        4 => Version::V3_1_1,
                        3 => Version::V3_1,
                        _ => return Err(host.failure(Failure::Argument, "version is 5, 4 or 3")),
                    }
                }
                name::FALL_BACK => config.fall_back = value.flag(),
                name::CLIENT_ID => client_id = Some(value.text()),
                name::CLEAN => config.clean_start = value.flag(),
                name::KEEP_ALIVE => config.keep_alive_s = value.short(),
                name::USERNAME => config.user_name = Some(value.text()),
                name::PASSWORD => config.password = Some(value.bytes().into()),
                name::SESSION_EXPIRY => {
                    config.session_expiry = match value.number() {
                        0 => SessionExpiry::AtDisconnect,
                        u32::MAX => SessionExpiry::Never,
                        seconds => SessionExpiry::After(seconds),
                    }
                }
                name::RECEIVE_MAXIMUM => config.receive_maximum = value.short(),
                name::MAX_PACKET_BYTES => config.max_packet_bytes = value.number(),
                name::ASK_RESPONSE_INFORMATION => config.request_response_information = value.flag(),
                name::CONNECT_TIMEOUT => {
                    config.connect_timeout = Duration::from_millis(value.number().into())
                }
                name::MAX_QUEUED_MESSAGES => config.max_queued_messages = large,
                name::MAX_QUEUED_BYTES => config.max_queued_bytes = large,
                name::AUTHENTICATION_METHOD => authentication_method = Some(value.text()),
                name::USER_NAME => config.user_properties.push((value.text(), String::new())),
                name::USER_VALUE => {
                    if let Some(last) = config.user_properties.last_mut() {
                        last.1 = value.text();
                    }
                }
                name::WILL_TOPIC => will.topic = Some(value.text()),
                name::WILL_PAYLOAD => will.payload = value.bytes(),
                name::WILL_QOS => will.qos = value.number(),
                name::WILL_RETAIN => will.retain = value.flag(),
                name::WILL_DELAY => delay_s = value.number(),
                name::WILL_PROPERTIES => will.properties = value.0,
                _ => {}
            }
        }
        config.client_id = client_id.unwrap_or_else(|| identity::fresh("js-"));
        if will.topic.is_some() {
            config.will = Some(Will { message: will.message(host)?, delay_s });
        }
        Ok(Self { config, authentication_method })
    }
}

/// A message as it is asked for.
#[derive(Default)]
pub(crate) struct Draft<'a> {
    pub(crate) topic: Option<String>,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u32,
    pub(crate) retain: bool,
    pub(crate) properties: &'a [u8],
}

impl Draft<'_> {
    pub(crate) fn message(self, host: &Host) -> Result<Message, Failed> {
        let qos = qos(host, self.qos)?;
        let topic = self.topic.unwrap_or_default();
        let name = TopicName::new(topic.as_str().into()).map_err(|e| no_topic(host, &topic, e))?;
        let mut message = Message::new(name, self.payload).with_qos(qos).with_retain(self.retain);
        if !self.properties.is_empty() {
            message.properties = Some(Box::new(properties(self.properties)));
        }
        Ok(message)
    }
}

fn properties(fields: &[u8]) -> MessageProperties {
    let mut properties = MessageProperties::default();
    for (name, value) in Fields(fields) {
        match name {
            name::PAYLOAD_IS_UTF8 => properties.payload_is_utf8 = Some(value.flag()),
            name::EXPIRY => properties.message_expiry_s = Some(value.number()),
            name::RESPONSE_TOPIC => properties.response_topic = Some(value.text().into()),
            name::CORRELATION_DATA => properties.correlation_data = Some(value.bytes().into()),
            name::CONTENT_TYPE => properties.content_type = Some(value.text().into()),
            name::USER_NAME => properties.user_properties.push((value.text().into(), "".into())),
            name::USER_VALUE => {
                if let Some(last) = properties.user_properties.last_mut() {
                    last.1 = value.text().into();
                }
            }
            _ => {}
        }
    }
    properties
}

pub(crate) fn qos(host: &Host, level: u32) -> Result<Qos, Failed> {
    let qos = u8::try_from(level).ok().and_then(Qos::from_level);
    qos.ok_or_else(|| host.failure(Failure::Argument, "qos is 0, 1 or 2"))
}

pub(crate) fn no_topic(host: &Host, text: &str, e: TopicError) -> Failed {
    let mut why = "“".to_owned();
    why.push_str(text);
    why.push_str("”: ");
    e.say(&mut why);
    host.failure(Failure::Topic, &why)
}

pub(crate) fn not_taken(host: &Host, e: PublishError) -> Failed {
    let why = match e {
        PublishError::NotConnected => Failure::NotConnected,
        PublishError::QueueFull => Failure::QueueFull,
        PublishError::QosNotSupported(_) => Failure::Qos,
        PublishError::RetainNotSupported => Failure::Retain,
        PublishError::TooLarge { .. } | PublishError::TooLong => Failure::TooLarge,
        PublishError::NullCharacter => Failure::Argument,
        PublishError::ResponseTopic(_) => Failure::Topic,
    };
    host.failure(why, &e.words())
}
