//! CONNECT (3.1): who is let in, with which Session, and what it is told.

use std::sync::Arc;
use std::time::Duration;

use mqtt::packet::{Connack, Connect, ConnectWill};
use mqtt::{Packet, Qos, ReasonCode, SessionExpiry, Version, Will};

use super::connection::{Live, State};
use super::io::Fault;
use super::session::Session;
use super::{Broker, ConnectionId, Notice, SessionId, access};

/// What the Client gets that differs from what it asked for.
#[derive(Debug)]
struct Granted {
    client_id: Arc<str>,
    is_assigned: bool,
    expiry: SessionExpiry,
    keep_alive_s: u16,
}

impl Broker {
    pub(super) fn connect(&mut self, id: ConnectionId, connect: &Connect<'_>) {
        if let Err(fault) = self.check_connect(id, connect) {
            let limit = connect.properties.maximum_packet_size.unwrap_or(u32::MAX);
            return self.refuse(id, connect.version, limit, fault);
        }
        let granted = self.grant(connect);
        let (session, session_present) = self.claim_session(&granted.client_id, connect.clean_start);
        self.go_live(id, connect, &granted, session);
        self.attach(session, id, granted.expiry);
        self.set_window(session, connect);
        self.send_connack(id, connect, &granted, session_present);
        let Some(peer) = self.connection(id).map(|connection| Arc::clone(&connection.peer.name)) else {
            return;
        };
        let (client_id, version) = (granted.client_id, connect.version);
        self.out.notice(Notice::Connected { client_id, peer, version, session_present });
        self.resume(session);
    }

    fn check_connect(&mut self, id: ConnectionId, connect: &Connect<'_>) -> Result<(), Fault> {
        let anonymous = self.config.anonymous;
        let Some(connection) = self.connection(id) else { return Ok(()) };
        let entry = anonymous.connect(&connection.peer);
        if !self.config.versions.contains(&connect.version) {
            let why = format!("MQTT {} is switched off here", connect.version.name());
            return Err(Fault::new(ReasonCode::UnsupportedProtocolVersion, why));
        }
        if connect.properties.authentication_method.is_some() {
            // [MQTT-4.12.0-1]
            return Err(Fault::new(
                ReasonCode::BadAuthenticationMethod,
                "no extended authentication is offered",
            ));
        }
        entry.map_err(|reason| {
            Fault::new(reason, "clients from other machines need a user, or --anonymous")
        })?;
        if self.connected >= self.config.max_connections {
            return Err(Fault::new(
                ReasonCode::QuotaExceeded,
                "as many clients are connected as are allowed",
            ));
        }
        self.check_client_id(connect)?;
        connect.will.as_ref().map_or(Ok(()), |will| self.check_will(connect.version, will))
    }

    fn check_client_id(&self, connect: &Connect<'_>) -> Result<(), Fault> {
        let may_be_empty = match connect.version {
            Version::V3_1 => false,
            Version::V3_1_1 => connect.clean_start, // [MQTT-3.1.3-8] of 3.1.1
            Version::V5 => true,
        };
        if connect.client_id.is_empty() && !(may_be_empty && self.config.allow_empty_client_id) {
            return Err(Fault::new(ReasonCode::ClientIdentifierNotValid, "the client identifier is empty"));
        }
        Ok(())
    }

    fn check_will(&self, version: Version, will: &ConnectWill<'_>) -> Result<(), Fault> {
        if will.qos > self.config.max_qos {
            return Err(Fault::new(
                ReasonCode::QosNotSupported,
                "a will of a higher QoS than we take [MQTT-3.2.2-12]",
            ));
        }
        if will.retain && !self.config.retain_available {
            return Err(Fault::new(
                ReasonCode::RetainNotSupported,
                "we do not retain messages [MQTT-3.2.2-13]",
            ));
        }
        if !version.is_5() {
            return Ok(()); // it has no word for this: the will is dropped, as a PUBLISH is
        }
        access::may_publish(will.topic.text())
            .map_err(|_| Fault::new(ReasonCode::NotAuthorized, "the will's topic belongs to the server"))
    }

    fn grant(&mut self, connect: &Connect<'_>) -> Granted {
        let is_assigned = connect.client_id.is_empty();
        let client_id: Arc<str> = if is_assigned {
            format!("auto-{:016x}", self.rng.next_u64()).into() // [MQTT-3.1.3-6]
        } else {
            connect.client_id.into()
        };
        let asked = connect.properties.session_expiry;
        let expiry = SessionExpiry::from_secs(asked.as_secs().min(self.config.max_session_expiry_s));
        let (asked, limit) = (connect.keep_alive_s, self.config.max_keep_alive_s);
        // 3.x has no way to be told, so its Clients keep what they asked for [MQTT-3.1.2-24].
        let over = connect.version.is_5() && limit > 0 && (asked > limit || asked == 0);
        Granted { client_id, is_assigned, expiry, keep_alive_s: if over { limit } else { asked } }
    }

    /// The Session for a Client: its old one or a new one. Whoever had it loses its connection [MQTT-3.1.4-3].
    fn claim_session(&mut self, client_id: &Arc<str>, clean_start: bool) -> (SessionId, bool) {
        if let Some(&old) = self.by_client.get(client_id) {
            if let Some(other) = self.session(old).and_then(|session| session.connection) {
                self.end(
                    other,
                    Fault::new(ReasonCode::SessionTakenOver, "another connection has the same client id"),
                );
            }
            // It may have ended with its connection.
            if self.by_client.get(client_id) == Some(&old) {
                if !clean_start {
                    return (old, true); // [MQTT-3.1.2-5]
                }
                self.remove_session(old); // [MQTT-3.1.2-4]
            }
        }
        let session = Session::new(Arc::clone(client_id), self.config.max_inflight);
        let id = SessionId(u32::try_from(self.sessions.insert(session)).unwrap_or(u32::MAX));
        self.by_client.insert(Arc::clone(client_id), id);
        (id, false)
    }

    fn go_live(&mut self, id: ConnectionId, connect: &Connect<'_>, granted: &Granted, session: SessionId) {
        let now = self.now;
        let silence =
            (granted.keep_alive_s > 0).then(|| Duration::from_millis(u64::from(granted.keep_alive_s) * 1500));
        let live = Live {
            session,
            version: connect.version,
            maximum_packet_size: connect.properties.maximum_packet_size.unwrap_or(u32::MAX),
            silence,
            last_heard: now,
            will: self.admit_will(&granted.client_id, connect),
            aliases: Vec::new(),
        };
        if let Some(connection) = self.connection(id) {
            connection.state = State::Connected(Box::new(live));
            self.connected += 1;
        }
        self.set_connection_timer(id, silence.map(|silence| now + silence));
    }

    /// The will, unless its topic is the Server's own: bridges of Mosquitto come with such a one, and with 3.1.1.
    fn admit_will(&mut self, client_id: &Arc<str>, connect: &Connect<'_>) -> Option<Box<Will>> {
        let will = connect.will.as_ref()?;
        if let Err(reason) = access::may_publish(will.topic.text()) {
            let (client_id, what) = (Arc::clone(client_id), format!("will to {}", will.topic));
            self.out.notice(Notice::Refused { client_id, what, reason });
            return None;
        }
        Some(Box::new(will.to_will()))
    }

    fn set_window(&mut self, session: SessionId, connect: &Connect<'_>) {
        let window = connect.properties.receive_maximum.unwrap_or(u16::MAX).min(self.config.max_inflight);
        if let Some(session) = self.session(session) {
            session.sender.set_receive_maximum(window);
        }
    }

    fn send_connack(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        granted: &Granted,
        session_present: bool,
    ) {
        let asked = connect.properties.session_expiry;
        let mut connack = Connack::new(ReasonCode::Success);
        connack.session_present = session_present;
        let p = &mut connack.properties;
        p.session_expiry = (granted.expiry != asked).then_some(granted.expiry);
        p.receive_maximum = Some(self.config.receive_maximum);
        p.maximum_qos = self.config.max_qos.min(Qos::ExactlyOnce);
        p.retain_available = self.config.retain_available;
        p.maximum_packet_size = Some(self.config.max_packet_bytes);
        p.topic_alias_maximum = self.config.topic_alias_maximum;
        p.wildcard_subscription_available = self.config.wildcard_subscriptions;
        p.shared_subscription_available = false;
        p.assigned_client_id = granted.is_assigned.then_some(&*granted.client_id);
        p.server_keep_alive_s =
            (granted.keep_alive_s != connect.keep_alive_s).then_some(granted.keep_alive_s);
        self.send(id, &Packet::Connack(Box::new(connack)));
    }
}
