//! CONNECT (3.1): who is let in, and with which Session.

use std::sync::Arc;
use std::time::Duration;

use mqtt::packet::{Connect, ConnectWill};
use mqtt::{ReasonCode, Version, Will};

use super::alias::Aliases;
use super::connack::Granted;
use super::connection::{Live, State};
use super::identity::{Grant, Identity};
use super::io::Fault;
use super::limit::Limit;
use super::login::Proof;
use super::session::Session;
use super::{Broker, ConnectionId, Named, Notice, SessionId, access};

impl Broker {
    pub(super) fn connect(&mut self, id: ConnectionId, connect: &Connect<'_>) {
        if self.is_given_away(id, connect) {
            return;
        }
        if let Err(fault) = self.check_connect(id, connect) {
            return self.refuse_connect(id, connect, fault);
        }
        match connect.properties.authentication_method {
            Some(method) => self.begin_login(id, connect, method),
            None if self.needs_password(id, connect) => self.begin_check(id, connect),
            None => {
                let who = self.identity(id);
                self.let_in(id, connect, who.map(|who| Proof { who, method: None, data: None }));
            }
        }
    }

    /// Lets a Client in, whose proof of who it is was checked when it has one.
    pub(super) fn let_in(&mut self, id: ConnectionId, connect: &Connect<'_>, proof: Option<Proof>) {
        let place = self.check_home(connect.client_id);
        if let Err(fault) = place.and_then(|()| self.check_place(id, connect, proof.as_ref())) {
            return self.refuse_connect(id, connect, fault);
        }
        let granted = self.grant(connect, proof);
        if let Err(fault) = self.check_will_right(&granted, connect) {
            return self.refuse_connect(id, connect, fault);
        }
        let (session, session_present) = self.claim_session(&granted, connect.clean_start);
        self.set_grant(session, granted.who.as_ref().and_then(|who| who.grant.clone()));
        // What it says of the Session must be so after a restart, too. That there is none is true only once it is durable that
        // another one ended, which may have been a while ago.
        let holds = self.out.has_claims() || self.keeping.is_on();
        let holds = holds && !self.keeping.is_full; // its owner may be who makes room
        self.go_live(id, connect, &granted, session);
        self.attach(session, id, granted.expiry);
        self.set_window(session, connect);
        self.out.set_holding(holds);
        self.send_connack(id, connect, &granted, session_present);
        self.out.set_holding(false);
        self.keep_live_will(id, session);
        let Some(peer) = self.connection(id).map(|connection| Arc::clone(&connection.peer.name)) else {
            return;
        };
        let (user, client_id, version) = (granted.user().cloned(), granted.client_id, connect.version);
        self.out.notice(Notice::Connected { client_id, user, peer, version, session_present });
        self.resume(session);
    }

    /// The transport below MQTT has found out who is at the other end.
    pub(super) fn certified(&mut self, id: ConnectionId, user: Arc<str>) {
        if let Some(connection) = self.connection(id) {
            connection.peer.identity = Some(Arc::new(Identity::of_certificate(user)));
        }
    }

    /// Who is at the other end, where that was proved before CONNECT and still counts.
    pub(super) fn identity(&mut self, id: ConnectionId) -> Option<Identity> {
        let now = self.now;
        let identity = Arc::clone(self.connection(id)?.peer.identity.as_ref()?);
        let users = &self.config.users;
        let counts = match &identity.grant {
            Some(grant) => users.vouch_for(grant),
            None => users.has(&identity.user),
        };
        let is_over = identity.until.is_some_and(|until| until <= now);
        (counts && !is_over).then(|| Arc::unwrap_or_clone(identity))
    }

    /// What the token of a Client says counts from now on; what was remembered of its rights does not, if it says something new.
    pub(super) fn set_grant(&mut self, id: SessionId, grant: Option<Arc<Grant>>) {
        let Some(session) = self.session(id) else { return };
        if std::mem::replace(&mut session.grant, grant.clone()) != grant {
            self.forget_verdicts();
        }
    }

    /// [MQTT-3.1.4-2]
    pub(super) fn refuse_connect(&mut self, id: ConnectionId, connect: &Connect<'_>, fault: Fault) {
        let limit = connect.properties.maximum_packet_size.unwrap_or(u32::MAX);
        if let Some(connection) = self.connection(id)
            && matches!(connection.state, State::AwaitConnect | State::LoggingIn(_))
        {
            let (client_id, user) = (connect.client_id.into(), connect.user_name.map(Into::into));
            connection.state = State::Refused(Box::new(Named { client_id, user }));
        }
        self.refuse(id, connect.version, limit, fault);
    }

    /// Whether there is room for this Client, under its identifier.
    fn check_place(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        proof: Option<&Proof>,
    ) -> Result<(), Fault> {
        self.check_room(id, connect.client_id)?;
        let held = self.by_client.get(connect.client_id).copied();
        let owner = held.and_then(|session| self.session(session)?.user.clone());
        // One that is no user any more comes back no more.
        let owner = owner.filter(|owner| self.config.users.may_have(owner));
        if !access::may_take(owner.as_ref(), proof.map(|proof| &proof.who.user)) {
            let why = "the client identifier belongs to another user";
            return Err(Fault::new(ReasonCode::ClientIdentifierNotValid, why));
        }
        Ok(())
    }

    fn check_connect(&mut self, id: ConnectionId, connect: &Connect<'_>) -> Result<(), Fault> {
        let anonymous = self.config.anonymous;
        let is_known = self.identity(id).is_some();
        let Some(connection) = self.connection(id) else { return Ok(()) };
        let entry = if is_known { Ok(()) } else { anonymous.connect(&connection.peer) };
        if !self.config.versions.contains(&connect.version) {
            let why = format!("MQTT {} is switched off here", connect.version.name());
            return Err(Fault::new(ReasonCode::UnsupportedProtocolVersion, why).over(Limit::Versions));
        }
        if let Some(redirect) = &self.config.redirect {
            let reason =
                if redirect.permanently { ReasonCode::ServerMoved } else { ReasonCode::UseAnotherServer };
            return Err(Fault::new(reason, "this server sends its clients to another"));
        }
        match connect.properties.authentication_method {
            Some(method) => _ = self.check_method(method)?,
            None if self.needs_password(id, connect) => {}
            None => entry.map_err(|reason| Fault::new(reason, self.who_may_come()))?,
        }
        self.check_client_id(connect)?;
        connect.will.as_ref().map_or(Ok(()), |will| self.check_will(connect.version, will))?;
        self.check_connack_fits(connect) // last: who is refused anyway hears the true reason
    }

    /// For one that may not, in words for whoever runs this.
    fn who_may_come(&self) -> &'static str {
        match self.config.users.is_empty() && !self.config.users.have_vouchers() {
            true => "nobody has claimed this server yet: open the link that it printed at its start",
            false => "clients from other machines need a user and a password, or --anonymous",
        }
    }

    fn check_client_id(&self, connect: &Connect<'_>) -> Result<(), Fault> {
        let may_be_empty = match connect.version {
            Version::V3_1 => false,
            Version::V3_1_1 => connect.clean_start, // [MQTT3-3.1.3-8]
            Version::V5 => true,
        };
        if connect.client_id.is_empty() && !(may_be_empty && self.config.allow_empty_client_id) {
            let why = "the client identifier is empty [MQTT-3.1.3-8]";
            let fault = Fault::new(ReasonCode::ClientIdentifierNotValid, why);
            return Err(if may_be_empty { fault.over(Limit::EmptyClientId) } else { fault });
        }
        Ok(())
    }

    fn check_will(&self, version: Version, will: &ConnectWill<'_>) -> Result<(), Fault> {
        if will.qos > self.config.max_qos {
            let why = "a will of a higher QoS than we take [MQTT-3.2.2-12]";
            return Err(Fault::new(ReasonCode::QosNotSupported, why).over(Limit::Qos));
        }
        if will.retain && !self.config.retain_available {
            let why = "we do not retain messages [MQTT-3.2.2-13]";
            return Err(Fault::new(ReasonCode::RetainNotSupported, why).over(Limit::Retain));
        }
        if let Some(limit) = self.limit_of_topic(will.topic.text()) {
            let why = "the topic of the will is longer or deeper than is allowed";
            return Err(Fault::new(ReasonCode::TopicNameInvalid, why).over(limit));
        }
        if self.config.check_payload_format
            && will.properties.payload_is_utf8 == Some(true)
            && std::str::from_utf8(will.payload).is_err()
        {
            let why = "the will is not the UTF-8 it says it is (3.1.3.2.3)";
            return Err(Fault::new(ReasonCode::PayloadFormatInvalid, why).over(Limit::PayloadFormat));
        }
        if !version.is_5() || access::is_link_state(will.topic.text()) {
            return Ok(()); // 3.x has no word for this: the will is dropped, as a PUBLISH is
        }
        access::may_publish(will.topic.text())
            .map_err(|_| Fault::new(ReasonCode::NotAuthorized, "the will's topic belongs to the server"))
    }

    /// The Session for a Client, which its identifier names [MQTT-3.1.3-2]: its old one or a new one, as Clean Start says
    /// [MQTT-3.1.4-4]. Whoever had it loses its connection [MQTT-3.1.4-3].
    /// A user who has proved who it is begins anew where somebody without a user was: nothing of that was meant for it.
    fn claim_session(&mut self, granted: &Granted, clean_start: bool) -> (SessionId, bool) {
        let client_id = &granted.client_id;
        if let Some(&old) = self.by_client.get(client_id) {
            match self.session(old).and_then(|session| session.connection) {
                Some(other) => {
                    let why = "another connection has the same client id";
                    self.end(other, Fault::new(ReasonCode::SessionTakenOver, why));
                }
                None => self.session_due(old), // its time may be over at this very moment
            }
            // It may have ended with its connection.
            if self.by_client.get(client_id) == Some(&old) {
                let is_theirs =
                    self.session(old).is_some_and(|session| session.user.as_ref() == granted.user());
                if !clean_start && is_theirs {
                    return (old, true); // [MQTT-3.1.2-5]
                }
                self.remove_session(old); // [MQTT-3.1.2-4]
            }
        }
        let mut session = Session::new(Arc::clone(client_id), self.config.max_inflight);
        session.user = granted.user().cloned();
        let id = SessionId(u32::try_from(self.sessions.insert(session)).unwrap_or(u32::MAX));
        self.by_client.insert(Arc::clone(client_id), id);
        self.guest_stays(client_id);
        (id, false) // [MQTT-3.1.2-6]
    }

    fn go_live(&mut self, id: ConnectionId, connect: &Connect<'_>, granted: &Granted, session: SessionId) {
        let now = self.now;
        let silence =
            (granted.keep_alive_s > 0).then(|| Duration::from_millis(u64::from(granted.keep_alive_s) * 1500));
        let live = Live {
            session,
            version: connect.version,
            maximum_packet_size: connect.properties.maximum_packet_size.unwrap_or(u32::MAX),
            takes_problem_information: connect.properties.request_problem_information,
            silence,
            last_heard: now,
            rate: None,
            topic_alias_maximum: self.config.topic_alias_maximum,
            login: granted.login(),
            // Kept until it is sent or discarded [MQTT-3.1.2-7].
            will: self.admit_will(granted, connect),
            aliases: Vec::new(),
            our_aliases: Aliases::new(connect.properties.topic_alias_maximum),
        };
        let due = live.due();
        if let Some(connection) = self.connection(id) {
            connection.state = State::Connected(Box::new(live));
            self.connected += 1;
            self.counters.clients_connected += 1;
            self.count_most();
            self.count_let_in(id);
        }
        self.set_rate(id);
        self.set_connection_timer(id, due);
    }

    /// The will, unless its topic is the Server's own, as that of bridges of Mosquitto, which come with 3.1.1, or its Client has no
    /// right to it.
    fn admit_will(&mut self, granted: &Granted, connect: &Connect<'_>) -> Option<Arc<Will>> {
        let will = connect.will.as_ref()?;
        if let Err(reason) = self.may_have_will(granted, connect) {
            let (client_id, what) = (Arc::clone(&granted.client_id), format!("will to {}", will.topic));
            self.out.notice(Notice::Refused { client_id, what, reason });
            return None;
        }
        Some(Arc::new(will.to_will()))
    }

    /// The will of a Client that is there is kept, so that it is sent when the Server and the Client were both lost.
    fn keep_live_will(&mut self, id: ConnectionId, session: SessionId) {
        let will = self.connection(id).and_then(|connection| connection.live()?.will.clone());
        self.keep_will(session, will.as_ref().map(|will| (None, will)));
    }

    fn set_window(&mut self, session: SessionId, connect: &Connect<'_>) {
        // [MQTT-4.9.0-1]: never zero, which the codec refuses.
        let window = connect.properties.receive_maximum.unwrap_or(u16::MAX).min(self.config.max_inflight);
        let promised = self.config.receive_maximum;
        if let Some(session) = self.session(session) {
            session.receive_maximum = promised;
            session.sender.set_receive_maximum(window);
            session.receiver.begin_connection();
        }
    }
}
