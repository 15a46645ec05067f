//! From `start` to CONNACK (3.1, 3.2), and what a new connection does with the Session.

use std::sync::Arc;
use std::task::Poll;

use super::aliases::{Inbound, Outbound};
use super::authenticate::Step;
use super::keep_alive::KeepAlive;
use super::state::{Connection, State, Wire};
use super::{Client, Connected, Ended, Event, Farewell, Misbehaviour, Outcome, Output, made_up_id, owned};
use crate::codec::Deframer;
use crate::delivery::Receiver;
use crate::packet::{Connack, Connect, ConnectProperties, ConnectWill, Packet};
use crate::{Instant, Qos, ReasonCode, Rng, SessionExpiry, Version};

impl Client {
    pub(super) fn open(&mut self, now: Instant) {
        self.begin_wire();
        self.state = State::Opening { deadline: now + self.config.connect_timeout };
        self.outputs.push_back(Output::Open);
    }

    pub(super) fn opened(&mut self, now: Instant) {
        let State::Opening { .. } = self.state else { return };
        if let Poll::Ready(first) = self.authentication.begin_connection(self.version.is_5()) {
            self.connect(now, first);
        }
    }

    /// Sends CONNECT, with the first data of an authentication if there is one.
    pub(super) fn connect(&mut self, now: Instant, first: Option<Step>) {
        let State::Opening { deadline } = self.state else { return };
        let data = match first.transpose() {
            Ok(data) => data.unwrap_or_default(),
            Err(e) => return self.end(now, Ended::Unauthentic(e)),
        };
        let connect = Packet::Connect(Box::new(self.connect_packet(&data)));
        let mut out = Vec::new();
        let written = connect.encode(self.version, &mut out);
        drop(connect);
        let deframer = Deframer::client(self.version, self.config.max_packet_bytes);
        self.state = State::AwaitConnack { deadline, wire: Wire { deframer, partial: Vec::new() } };
        match written {
            Ok(()) if self.has_sendable_will() => self.out = out,
            _ => self.end(now, Ended::Unsendable),
        }
    }

    /// A will whose response topic is none would be refused [MQTT-3.3.2-14].
    fn has_sendable_will(&self) -> bool {
        self.config
            .will
            .as_ref()
            .is_none_or(|will| will.message.response_topic().is_none_or(|topic| topic.is_ok()))
    }

    fn connect_packet<'a>(&'a self, authentication_data: &'a [u8]) -> Connect<'a> {
        let config = &self.config;
        let password = config.password.as_ref().map(super::Password::as_bytes);
        let user_name = match config.user_name.as_deref() {
            None if password.is_some() && !self.version.is_5() => Some(""), // [MQTT3-3.1.2-22]
            name => name,
        };
        Connect {
            version: self.version,
            clean_start: self.asks_for_a_clean_start(),
            keep_alive_s: config.keep_alive_s,
            client_id: &self.client_id,
            will: config.will.as_ref().map(ConnectWill::of),
            user_name,
            password,
            properties: ConnectProperties {
                session_expiry: config.session_expiry,
                receive_maximum: Some(config.receive_maximum.max(1)),
                maximum_packet_size: Some(config.max_packet_bytes.max(1)),
                topic_alias_maximum: config.topic_alias_maximum,
                user_properties: config
                    .user_properties
                    .iter()
                    .map(|(k, v)| (k.as_str(), v.as_str()))
                    .collect(),
                request_response_information: config.request_response_information,
                request_problem_information: config.request_problem_information,
                authentication_method: self.authentication.method(),
                authentication_data: Some(authentication_data).filter(|data| !data.is_empty()),
            },
        }
    }

    /// A Session is named by the Client Identifier alone [MQTT-3.1.3-2], and ends at our word [MQTT-3.1.2-4] or with its
    /// expiry [MQTT-3.1.2-23]; until then its state is kept here too [MQTT-4.1.0-1], [MQTT3-4.1.0-1], [MQTT3-4.1.0-2].
    /// In 3.x one flag says both how the Session begins and that it ends with the connection.
    fn asks_for_a_clean_start(&self) -> bool {
        // There, a Session that outlives the program cannot begin with the flag.
        (self.clean_start && (self.version.is_5() || !self.is_durable()))
            || (!self.version.is_5() && self.config.session_expiry == SessionExpiry::AtDisconnect)
    }

    pub(super) fn connack(&mut self, now: Instant, connack: &Connack<'_>) -> Result<(), Misbehaviour> {
        if connack.reason == ReasonCode::UnsupportedProtocolVersion && self.may_fall_back() {
            self.fall_back(now);
            return Ok(());
        }
        if connack.reason.is_error() {
            self.end(now, Ended::Refused(farewell(connack)));
            return Ok(());
        }
        if !self.finish_authentication(now, connack)? {
            return Ok(());
        }
        let clean = self.asks_for_a_clean_start();
        if connack.session_present && clean {
            return Err(Misbehaviour::SessionAfterCleanStart); // [MQTT-3.2.2-4]
        }
        let State::AwaitConnack { wire, .. } = std::mem::replace(&mut self.state, State::Stopped) else {
            return Err(Misbehaviour::Unexpected("CONNACK")); // [MQTT-3.2.0-2]
        };
        if let Some(assigned) = connack.properties.assigned_client_id {
            assigned.clone_into(&mut self.client_id);
        }
        self.clean_start = false;
        self.touch();
        let granted = Arc::new(self.granted(connack));
        self.state = State::Connected(Box::new(Connection {
            wire,
            since: now,
            keep_alive: KeepAlive::new(granted.keep_alive_s, now),
            aliases_in: Inbound::new(self.config.topic_alias_maximum),
            // None where the Server takes none [MQTT-3.2.2-17], [MQTT-3.2.2-18].
            aliases_out: Outbound::new(granted.topic_alias_maximum.min(self.config.topic_aliases)),
            granted: Arc::clone(&granted),
        }));
        self.sender.set_receive_maximum(granted.receive_maximum); // [MQTT-4.9.0-1]
        self.receiver.begin_connection();
        self.event(Event::Connected(granted));
        // 3.1 does not say whether the Session was there: assume so, and subscribe again to be sure.
        let resumed = connack.session_present || (self.version == Version::V3_1 && !clean);
        if resumed {
            self.resend(now);
        } else {
            self.begin_session(now);
        }
        if !connack.session_present || self.subscriptions.is_unsure() {
            self.subscriptions.restore();
        }
        Ok(())
    }

    fn granted(&self, connack: &Connack<'_>) -> Connected {
        let p = &connack.properties;
        let clean = self.asks_for_a_clean_start();
        let session_expiry = match self.version {
            Version::V5 => p.session_expiry.unwrap_or(self.config.session_expiry),
            _ if clean => SessionExpiry::AtDisconnect,
            _ => SessionExpiry::Never,
        };
        Connected {
            session_present: connack.session_present,
            version: self.version,
            client_id: self.client_id.clone(),
            keep_alive_s: p.server_keep_alive_s.unwrap_or(self.config.keep_alive_s), // [MQTT-3.1.2-21], [MQTT-3.2.2-21]
            session_expiry,
            receive_maximum: p.receive_maximum.unwrap_or(u16::MAX),
            maximum_qos: p.maximum_qos,
            retain_available: p.retain_available,
            max_packet_bytes: p.maximum_packet_size,
            wildcard_subscription_available: p.wildcard_subscription_available,
            subscription_id_available: p.subscription_id_available && self.version.is_5(),
            shared_subscription_available: p.shared_subscription_available,
            topic_alias_maximum: p.topic_alias_maximum,
            response_information: p.response_information.map(Into::into),
            reason_string: p.reason_string.map(Into::into),
            user_properties: owned(&p.user_properties),
        }
    }

    /// The Server has no Session of ours, so ours ends too [MQTT-3.2.2-5]. A message at QoS 1 may be delivered twice, so
    /// it is published anew; of the others nobody can say whether they arrived.
    fn begin_session(&mut self, now: Instant) {
        self.receiver = Receiver::default();
        let (mut again, mut lost) = (Vec::new(), Vec::new());
        for outgoing in self.sender.drain() {
            if outgoing.is_expired(now) {
                self.published(outgoing.id, Outcome::Expired);
            } else if outgoing.message.qos == Qos::AtLeastOnce && !outgoing.fails_offline() {
                again.push(outgoing);
            } else {
                lost.push(outgoing);
            }
        }
        self.queue.put_back(again);
        for outgoing in lost {
            let id = outgoing.id;
            self.event(Event::InDoubt { id, message: Box::new(outgoing.message) });
            self.published(id, Outcome::SessionLost);
        }
    }

    pub(super) fn may_fall_back(&self) -> bool {
        self.version.is_5() && self.config.fall_back && !self.authentication.is_set()
    }

    /// The Server speaks no 5.0: 3.1.1 from now on.
    pub(super) fn fall_back(&mut self, now: Instant) {
        let reason = ReasonCode::UnsupportedProtocolVersion;
        let farewell = Farewell::of(reason);
        self.version = Version::V3_1_1;
        if self.client_id.is_empty() {
            self.client_id = made_up_id(&mut Rng::new(self.config.seed));
        }
        self.end_and_reopen(now, Ended::Refused(farewell));
    }
}

fn farewell(connack: &Connack<'_>) -> Farewell {
    Farewell {
        reason: connack.reason,
        reason_string: connack.properties.reason_string.map(Into::into),
        server_reference: connack.properties.server_reference.map(Into::into),
        user_properties: owned(&connack.properties.user_properties),
    }
}
