//! What JavaScript asks for, in the machine's types.

use std::time::Duration;

use client_wasm::connection::identity;
use mqtt::client::{Config, PublishError};
use mqtt::{Message, MessageProperties, Qos, SessionExpiry, TopicError, TopicName, Version, Will};
use wasm_bindgen::prelude::*;

use super::host::{self, Host, Properties, Settings};

/// The configuration; what is not said has the machine's own value, the client identifier a random one.
pub(crate) fn config(host: &Host, settings: &Settings) -> Result<Config, JsValue> {
    let usual = Config::default();
    let large = |number: Option<u32>, usual| number.and_then(|n| usize::try_from(n).ok()).unwrap_or(usual);
    Ok(Config {
        version: match settings.version() {
            None | Some(5) => Version::V5,
            Some(4) => Version::V3_1_1,
            Some(3) => Version::V3_1,
            Some(_) => return Err(host.error("invalid-argument", "version is 5, 4 or 3")),
        },
        fall_back: settings.fall_back().unwrap_or(usual.fall_back),
        client_id: settings.client_id().unwrap_or_else(|| identity::fresh("js-")),
        clean_start: settings.clean().unwrap_or(usual.clean_start),
        keep_alive_s: settings.keep_alive().unwrap_or(usual.keep_alive_s),
        user_name: settings.username(),
        password: settings.password().map(Into::into),
        will: settings.will().map(|asked| will(host, &asked)).transpose()?,
        session_expiry: match settings.session_expiry() {
            None | Some(0) => SessionExpiry::AtDisconnect,
            Some(u32::MAX) => SessionExpiry::Never,
            Some(seconds) => SessionExpiry::After(seconds),
        },
        receive_maximum: settings.receive_maximum().unwrap_or(usual.receive_maximum),
        max_packet_bytes: settings.max_packet_bytes().unwrap_or(usual.max_packet_bytes),
        request_response_information: settings.request_response_information().unwrap_or(false),
        user_properties: pairs(settings.connect_user_properties()),
        connect_timeout: settings
            .connect_timeout()
            .map_or(usual.connect_timeout, |ms| Duration::from_millis(ms.into())),
        max_queued_messages: large(settings.max_queued_messages(), usual.max_queued_messages),
        max_queued_bytes: large(settings.max_queued_bytes(), usual.max_queued_bytes),
        seed: identity::seed(),
        ..usual
    })
}

/// A message to publish.
pub(crate) fn message(
    host: &Host,
    topic: &str,
    payload: Vec<u8>,
    qos: u8,
    retain: bool,
    properties: Option<&Properties>,
) -> Result<Message, JsValue> {
    let qos = self::qos(host, qos)?;
    let topic = TopicName::new(topic.into()).map_err(|e| no_topic(host, topic, e))?;
    let mut message = Message::new(topic, payload).with_qos(qos).with_retain(retain);
    message.properties = properties.map(|asked| {
        Box::new(MessageProperties {
            payload_is_utf8: asked.payload_is_utf8(),
            message_expiry_s: asked.expiry(),
            response_topic: asked.response_topic().map(Into::into),
            correlation_data: asked.correlation_data().map(Into::into),
            user_properties: pairs(asked.user_properties()),
            content_type: asked.content_type().map(Into::into),
        })
    });
    Ok(message)
}

fn will(host: &Host, asked: &host::Will) -> Result<Will, JsValue> {
    let (topic, payload) = (asked.topic(), asked.payload());
    let (qos, retain) = (asked.qos().unwrap_or(0), asked.retain().unwrap_or(false));
    let message = message(host, &topic, payload, qos, retain, asked.properties().as_ref())?;
    Ok(Will { message, delay_s: asked.delay().unwrap_or(0) })
}

pub(crate) fn qos(host: &Host, level: u8) -> Result<Qos, JsValue> {
    Qos::from_level(level).ok_or_else(|| host.error("invalid-argument", "qos is 0, 1 or 2"))
}

/// Name, value, name, value, in pairs.
pub(crate) fn pairs<T: From<String>>(flat: Option<Vec<String>>) -> Vec<(T, T)> {
    let mut words = flat.unwrap_or_default().into_iter();
    std::iter::from_fn(|| Some((words.next()?.into(), words.next()?.into()))).collect()
}

pub(crate) fn no_topic(host: &Host, text: &str, e: TopicError) -> JsValue {
    host.error("invalid-topic", &format!("“{text}”: {e}"))
}

/// A message that is not taken, as an Error of JavaScript.
pub(crate) fn not_taken(host: &Host, e: PublishError) -> JsValue {
    let code = match e {
        PublishError::NotConnected => "not-connected",
        PublishError::QueueFull => "queue-full",
        PublishError::QosNotSupported(_) => "qos-not-supported",
        PublishError::RetainNotSupported => "retain-not-supported",
        PublishError::TooLarge { .. } | PublishError::TooLong => "too-large",
        PublishError::NullCharacter => "invalid-argument",
        PublishError::ResponseTopic(_) => "invalid-topic",
    };
    host.error(code, &e.to_string())
}
