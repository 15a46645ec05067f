//! CONNACK (3.2): what a Client that is let in gets, where that is not what it asked for.

use std::sync::Arc;

use mqtt::packet::{Connack, Connect};
use mqtt::scram::METHOD;
use mqtt::{Packet, Qos, ReasonCode, SessionExpiry};

use super::identity::Identity;
use super::io::Fault;
use super::limit::Limit;
use super::login::{Login, Method, Proof};
use super::rules::Subject;
use super::{Broker, ConnectionId};

/// What the Client gets that differs from what it asked for.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) client_id: Arc<str>,
    is_assigned: bool,
    pub(super) expiry: SessionExpiry,
    pub(super) keep_alive_s: u16,
    /// Who it has proved to be.
    pub(super) who: Option<Identity>,
    /// How; none where it was a password or its transport.
    method: Option<Method>,
    /// The last word of that proof.
    authentication_data: Option<String>,
}

impl Granted {
    /// The user it has proved to be.
    pub(super) fn user(&self) -> Option<&Arc<str>> {
        self.who.as_ref().map(|who| &who.user)
    }

    /// For whom rules are asked.
    pub(super) fn subject(&self) -> Subject<'_> {
        let grant = self.who.as_ref().and_then(|who| who.grant.as_deref());
        Subject { grant, ..Subject::new(self.user().map(|user| &**user), &self.client_id) }
    }

    /// The login that can be repeated while the Client is connected [MQTT-4.12.0-7], or has an end.
    pub(super) fn login(&self) -> Option<Box<Login>> {
        let (who, method) = (self.who.as_ref()?, self.method);
        let (user, until, number) = (Arc::clone(&who.user), who.until, who.login);
        let is_plain = method.is_none() && until.is_none() && number == 0;
        (!is_plain).then(|| Box::new(Login { user, method, step: None, until, number }))
    }
}

/// Bytes of a CONNACK without properties.
const SHORTEST: u32 = 5;
/// Bytes that our keep alive adds to it.
const KEEP_ALIVE: u32 = 3;
/// Bytes that an assigned identifier adds to it.
const ASSIGNED: u32 = 3 + 21;
/// Bytes that the method and the last word of a login add.
const LOGGED_IN: u32 = 3 + METHOD.len() as u32 + 3 + 46;

impl Broker {
    /// A Client that takes no packet as large as the shortest CONNACK could never be told that it is in [MQTT-3.1.2-24].
    pub(super) fn check_connack_fits(&self, connect: &Connect<'_>) -> Result<(), Fault> {
        let Some(limit) = connect.properties.maximum_packet_size else { return Ok(()) };
        let needed = SHORTEST
            + if self.keep_alive_s(connect) == connect.keep_alive_s { 0 } else { KEEP_ALIVE }
            + if connect.client_id.is_empty() { ASSIGNED } else { 0 }
            + if connect.properties.authentication_method.is_some() { LOGGED_IN } else { 0 };
        if limit < needed {
            let why = "the client takes no packet as large as our CONNACK";
            return Err(Fault::new(ReasonCode::PacketTooLarge, why));
        }
        Ok(())
    }

    /// Without a word of ours the Client's own counts [MQTT-3.2.2-22]. 3.x has no way to be told, so its Clients keep theirs.
    fn keep_alive_s(&self, connect: &Connect<'_>) -> u16 {
        let (asked, limit) = (connect.keep_alive_s, self.config.max_keep_alive_s);
        let is_over = connect.version.is_5() && limit > 0 && (asked > limit || asked == 0);
        if is_over { limit } else { asked }
    }

    pub(super) fn grant(&mut self, connect: &Connect<'_>, proof: Option<Proof>) -> Granted {
        let is_assigned = connect.client_id.is_empty();
        let client_id: Arc<str> = if is_assigned {
            self.unused_client_id() // [MQTT-3.1.3-6]
        } else {
            connect.client_id.into()
        };
        let asked = connect.properties.session_expiry;
        let expiry = SessionExpiry::from_secs(asked.as_secs().min(self.config.max_session_expiry_s));
        let keep_alive_s = self.keep_alive_s(connect);
        if expiry != asked {
            self.counters.reached.count(Limit::SessionExpiry);
        }
        if keep_alive_s != connect.keep_alive_s {
            self.counters.reached.count(Limit::KeepAlive);
        }
        let (who, method, authentication_data) = match proof {
            Some(Proof { who, method, data }) => (Some(who), method, data),
            None => (None, None, None),
        };
        Granted { client_id, is_assigned, expiry, keep_alive_s, who, method, authentication_data }
    }

    /// An identifier that no Session has, and that is at home here: Clients may choose one that looks like ours
    /// [MQTT-3.2.2-16].
    fn unused_client_id(&mut self) -> Arc<str> {
        loop {
            let client_id = format!("auto-{:016x}", self.rng.next_u64());
            if !self.by_client.contains_key(client_id.as_str()) && self.may_be_named(&client_id) {
                return client_id.into();
            }
        }
    }

    pub(super) fn send_connack(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        granted: &Granted,
        session_present: bool,
    ) {
        let asked = connect.properties.session_expiry;
        let response = self.response_information(connect, &granted.client_id);
        let mut connack = Connack::new(ReasonCode::Success);
        connack.session_present = session_present; // [MQTT-3.2.2-2], [MQTT-3.2.2-3]
        let p = &mut connack.properties;
        p.session_expiry = (granted.expiry != asked).then_some(granted.expiry);
        p.receive_maximum = Some(self.config.receive_maximum);
        p.maximum_qos = self.config.max_qos.min(Qos::ExactlyOnce); // [MQTT-3.2.2-9]
        p.retain_available = self.config.retain_available;
        p.maximum_packet_size = Some(self.config.max_packet_bytes);
        p.topic_alias_maximum = self.config.topic_alias_maximum;
        p.wildcard_subscription_available = self.config.wildcard_subscriptions;
        p.shared_subscription_available = self.config.shared_subscriptions;
        // [MQTT-3.1.3-7], [MQTT-3.2.2-16]
        p.assigned_client_id = granted.is_assigned.then_some(&*granted.client_id);
        p.server_keep_alive_s =
            (granted.keep_alive_s != connect.keep_alive_s).then_some(granted.keep_alive_s);
        p.response_information = response.as_deref();
        p.authentication_method = granted.method.map(Method::name); // [MQTT-4.12.0-5], [MQTT-4.12.0-6]
        p.authentication_data = granted.authentication_data.as_deref().map(str::as_bytes);
        self.send(id, &Packet::Connack(Box::new(connack))); // [MQTT-3.1.4-5], before all else [MQTT-3.2.0-1]
    }

    /// The basis for Response Topics, for one that asks [MQTT-3.1.2-28]. An identifier that would be several levels of a
    /// topic, or a wildcard in a filter, gets none.
    fn response_information(&self, connect: &Connect<'_>, client_id: &str) -> Option<String> {
        let pattern = &self.config.response_information;
        let names_client = pattern.contains("%c");
        if !connect.properties.request_response_information
            || pattern.is_empty()
            || (names_client && client_id.contains(['+', '#', '/']))
        {
            return None;
        }
        // Together they may be longer than a string can be, and then there would be no CONNACK at all.
        Some(pattern.replace("%c", client_id)).filter(|text| u16::try_from(text.len()).is_ok())
    }
}
