//! CONNACK (3.2).

use super::{CONNACK, UserProperties};
use crate::codec::properties::{self, Property, place};
use crate::codec::reader::Reader;
use crate::codec::writer::Writer;
use crate::codec::{DecodeError, EncodeError};
use crate::{Qos, ReasonCode, SessionExpiry, Version};

/// The Server's answer to CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connack<'a> {
    /// The Server had a Session for this Client and goes on with it.
    pub session_present: bool,
    /// Success, or why not.
    pub reason: ReasonCode,
    /// Defaults in 3.x.
    pub properties: ConnackProperties<'a>,
}

/// The properties of CONNACK (3.2.2.3): what the Server grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnackProperties<'a> {
    /// The Session's expiry where it is not what the Client asked for.
    pub session_expiry: Option<SessionExpiry>,
    /// QoS 1 and 2 messages the Server takes at once; 65535 when absent.
    pub receive_maximum: Option<u16>,
    /// The highest QoS the Server takes.
    pub maximum_qos: Qos,
    /// Whether retained messages are supported.
    pub retain_available: bool,
    /// Bytes the largest packet may have that the Server takes.
    pub maximum_packet_size: Option<u32>,
    /// The Client Identifier the Server chose.
    pub assigned_client_id: Option<&'a str>,
    /// Topic aliases the Server takes.
    pub topic_alias_maximum: u16,
    /// The reason in words, for a person.
    pub reason_string: Option<&'a str>,
    /// Name and value, in order.
    pub user_properties: UserProperties<'a>,
    /// Whether `+` and `#` may be subscribed to.
    pub wildcard_subscription_available: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_id_available: bool,
    /// Whether `$share/…` may be subscribed to.
    pub shared_subscription_available: bool,
    /// The keep alive the Client must use instead of its own, in seconds.
    pub server_keep_alive_s: Option<u16>,
    /// The basis for Response Topics.
    pub response_information: Option<&'a str>,
    /// Another Server to use.
    pub server_reference: Option<&'a str>,
    /// The method of the extended authentication.
    pub authentication_method: Option<&'a str>,
    /// What the method defines.
    pub authentication_data: Option<&'a [u8]>,
}

impl Default for ConnackProperties<'_> {
    fn default() -> Self {
        Self {
            session_expiry: None,
            receive_maximum: None,
            maximum_qos: Qos::ExactlyOnce,
            retain_available: true,
            maximum_packet_size: None,
            assigned_client_id: None,
            topic_alias_maximum: 0,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: true,
            subscription_id_available: true,
            shared_subscription_available: true,
            server_keep_alive_s: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        }
    }
}

impl<'a> Connack<'a> {
    /// An answer with nothing but its reason.
    #[must_use]
    pub fn new(reason: ReasonCode) -> Self {
        Self { session_present: false, reason, properties: ConnackProperties::default() }
    }

    pub(super) fn decode(r: &mut Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        // The byte is reserved in 3.1, whose Servers may have left anything in it.
        let byte = r.u8()?;
        let flags = if version == Version::V3_1 { 0 } else { byte };
        if flags > 1 {
            return Err(DecodeError::Malformed("reserved flags of CONNACK are set [MQTT-3.2.2-1]"));
        }
        let code = r.u8()?;
        let reason = if version.is_5() {
            ReasonCode::from_byte(code).filter(|&reason| allowed(reason))
        } else {
            ReasonCode::from_return_code(code)
        };
        let reason = reason
            .ok_or(DecodeError::Malformed("CONNACK has a reason code it may not have [MQTT-3.2.2-8]"))?;
        let mut properties = ConnackProperties::default();
        properties::read(r, version, place(CONNACK), |p| properties.take(p))?;
        let session_present = flags == 1;
        if session_present && reason.is_error() {
            return Err(DecodeError::Protocol("CONNACK refuses, yet says session present [MQTT-3.2.2-6]"));
        }
        Ok(Self { session_present, reason, properties })
    }

    pub(super) fn encode(&self, version: Version, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.packet(CONNACK << 4, 0, |w| {
            // The byte is reserved in 3.1.
            w.u8(u8::from(self.session_present && version != Version::V3_1));
            w.u8(if version.is_5() { self.reason.byte() } else { self.reason.to_return_code() });
            properties::write(w, version, &self.properties.list(), &self.properties.user_properties)
        })
    }
}

impl<'a> ConnackProperties<'a> {
    fn take(&mut self, property: Property<'a>) {
        match property {
            Property::SessionExpiryInterval(n) => self.session_expiry = Some(SessionExpiry::from_secs(n)),
            Property::ReceiveMaximum(n) => self.receive_maximum = Some(n),
            Property::MaximumQos(one) => {
                self.maximum_qos = if one { Qos::AtLeastOnce } else { Qos::AtMostOnce }
            }
            Property::RetainAvailable(b) => self.retain_available = b,
            Property::MaximumPacketSize(n) => self.maximum_packet_size = Some(n),
            Property::AssignedClientIdentifier(s) => self.assigned_client_id = Some(s),
            Property::TopicAliasMaximum(n) => self.topic_alias_maximum = n,
            Property::ReasonString(s) => self.reason_string = Some(s),
            Property::UserProperty(pair) => self.user_properties.push(pair),
            Property::WildcardSubscriptionAvailable(b) => self.wildcard_subscription_available = b,
            Property::SubscriptionIdentifierAvailable(b) => self.subscription_id_available = b,
            Property::SharedSubscriptionAvailable(b) => self.shared_subscription_available = b,
            Property::ServerKeepAlive(n) => self.server_keep_alive_s = Some(n),
            Property::ResponseInformation(s) => self.response_information = Some(s),
            Property::ServerReference(s) => self.server_reference = Some(s),
            Property::AuthenticationMethod(s) => self.authentication_method = Some(s),
            Property::AuthenticationData(b) => self.authentication_data = Some(b),
            _ => {}
        }
    }

    fn list(&self) -> [Option<Property<'_>>; 16] {
        [
            self.session_expiry.map(|e| Property::SessionExpiryInterval(e.as_secs())),
            self.receive_maximum.map(Property::ReceiveMaximum),
            (self.maximum_qos != Qos::ExactlyOnce)
                .then_some(Property::MaximumQos(self.maximum_qos == Qos::AtLeastOnce)),
            (!self.retain_available).then_some(Property::RetainAvailable(false)),
            self.maximum_packet_size.map(Property::MaximumPacketSize),
            self.assigned_client_id.map(Property::AssignedClientIdentifier),
            (self.topic_alias_maximum > 0).then_some(Property::TopicAliasMaximum(self.topic_alias_maximum)),
            self.reason_string.map(Property::ReasonString),
            (!self.wildcard_subscription_available).then_some(Property::WildcardSubscriptionAvailable(false)),
            (!self.subscription_id_available).then_some(Property::SubscriptionIdentifierAvailable(false)),
            (!self.shared_subscription_available).then_some(Property::SharedSubscriptionAvailable(false)),
            self.server_keep_alive_s.map(Property::ServerKeepAlive),
            self.response_information.map(Property::ResponseInformation),
            self.server_reference.map(Property::ServerReference),
            self.authentication_method.map(Property::AuthenticationMethod),
            self.authentication_data.map(Property::AuthenticationData),
        ]
    }
}

/// Table 3-1.
fn allowed(reason: ReasonCode) -> bool {
    use ReasonCode as R;
    matches!(
        reason,
        R::Success
            | R::UnspecifiedError
            | R::MalformedPacket
            | R::ProtocolError
            | R::ImplementationSpecificError
            | R::UnsupportedProtocolVersion
            | R::ClientIdentifierNotValid
            | R::BadUserNameOrPassword
            | R::NotAuthorized
            | R::ServerUnavailable
            | R::ServerBusy
            | R::Banned
            | R::BadAuthenticationMethod
            | R::TopicNameInvalid
            | R::PacketTooLarge
            | R::QuotaExceeded
            | R::PayloadFormatInvalid
            | R::RetainNotSupported
            | R::QosNotSupported
            | R::UseAnotherServer
            | R::ServerMoved
            | R::ConnectionRateExceeded
    )
}
