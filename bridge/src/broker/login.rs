//! AUTH (3.15) and enhanced authentication (4.12), at CONNECT and again later: by SCRAM-SHA-256, or by a token. Who the
//! users are, and whose a Session is, `access` knows.

use std::fmt;
use std::sync::Arc;

use mqtt::codec::Deframer;
use mqtt::packet::{Auth, Connect};
use mqtt::scram::{Challenge, ClientFirst, METHOD, Nonce, ScramError};
use mqtt::{Instant, Packet, ReasonCode, Version};

use super::connection::State;
use super::identity::Identity;
use super::io::Fault;
use super::{Broker, ConnectionId, Ended};

/// An authentication method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Scram,
    Token,
}

/// A CONNECT that waits for the proof of who it is from.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) client_id: Arc<str>,
    /// The CONNECT as a packet: all that it asks for counts only when it is let in, its will too.
    connect: Vec<u8>,
    pub(super) version: Version,
    /// Bytes of the largest packet the Client takes.
    limit: u32,
    /// The method it named; none where a password is enough.
    pub(super) method: Option<Method>,
    pub(super) step: Step,
}

/// Who a Client has proved to be, and how far it is in doing so again.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) user: Arc<str>,
    /// How; none where that cannot be done again on this connection.
    pub(super) method: Option<Method>,
    pub(super) step: Option<Step>,
    /// When its proof is worth nothing any more.
    pub(super) until: Option<Instant>,
    /// As in [`Identity::login`].
    pub(super) number: u64,
}

/// What the Client is to say next.
#[derive(Debug)]
pub(super) enum Step {
    /// Who it is.
    Name,
    /// That it knows the password.
    Proof { user: Arc<str>, challenge: Challenge },
    /// A token.
    Token,
    /// Nothing: the password that came with CONNECT is being checked, for this user if it exists; or a token.
    Checked { number: u64, user: Option<Arc<str>> },
}

/// That a Client is who it says.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) who: Identity,
    /// How; none where a password came with CONNECT, or its transport has proved it.
    pub(super) method: Option<Method>,
    /// The Server's own proof, which the Client of SCRAM is owed.
    pub(super) data: Option<String>,
}

pub(super) enum Next {
    Ask(Step, Option<String>),
    /// Something is being checked.
    Wait(Step),
    Done(Proof),
}

/// Where nonces come from: no one else can tell the next one.
pub(super) struct Nonces {
    secret: [u8; 32],
    count: u64,
}

impl Nonces {
    pub(super) const fn new(secret: [u8; 32]) -> Self {
        Self { secret, count: 0 }
    }

    fn next(&mut self) -> Nonce {
        self.count += 1;
        Nonce::derive(&self.secret, self.count)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonces({})", self.count)
    }
}

impl Broker {
    /// Whether logins by this method are taken: by SCRAM when a user can, by tokens when they are taken [MQTT-4.12.0-1].
    pub(super) fn check_method(&self, method: &str) -> Result<Method, Fault> {
        let users = &self.config.users;
        let offered = [(Method::Scram, users.have_scram()), (Method::Token, users.take_tokens())];
        let mut offered = offered.into_iter().filter(|(_, is)| *is).map(|(method, _)| method);
        if let Some(found) = offered.clone().find(|offered| offered.name() == method) {
            return Ok(found);
        }
        let why = match (offered.next(), offered.next()) {
            (None, _) => "no extended authentication is offered".into(),
            (Some(only), None) => format!("the only authentication method is {}", only.name()),
            (Some(one), Some(other)) => {
                format!("the authentication methods are {} and {}", one.name(), other.name())
            }
        };
        Err(Fault::new(ReasonCode::BadAuthenticationMethod, why))
    }

    /// Takes a CONNECT with an authentication method: its first word may be in it already.
    pub(super) fn begin_login(&mut self, id: ConnectionId, connect: &Connect<'_>, method: &str) {
        let method = match self.check_method(method).and_then(|method| {
            self.check_attempts(id)?;
            Ok(method)
        }) {
            Ok(method) => method,
            Err(fault) => return self.refuse_connect(id, connect, fault),
        };
        self.set_candidate(id, connect, Some(method), method.first_step());
        let next = self.next_step(id, method.first_step(), connect.properties.authentication_data);
        self.go_on(id, next);
    }

    /// Keeps a CONNECT until it is known who it is from.
    pub(super) fn set_candidate(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        method: Option<Method>,
        step: Step,
    ) {
        let limit = connect.properties.maximum_packet_size.unwrap_or(u32::MAX);
        let version = connect.version;
        let mut packet = Vec::new();
        // What was decoded can be encoded.
        let _ = Packet::Connect(Box::new(connect.clone())).encode(version, &mut packet);
        let client_id = connect.client_id.into();
        let candidate = Candidate { client_id, connect: packet, version, limit, method, step };
        if let Some(connection) = self.connection(id) {
            connection.state = State::LoggingIn(Box::new(candidate));
        }
    }

    /// A packet of a Client that was not let in yet.
    pub(super) fn login_packet(&mut self, id: ConnectionId, packet: &Packet<'_>) {
        let next = match packet {
            Packet::Auth(auth) => self.login_auth(id, auth),
            Packet::Disconnect(disconnect) => {
                // Nothing of what CONNECT asked for came to be, so there is no will either.
                return self.finish(id, Ended::ByClient(disconnect.reason), false);
            }
            _ => {
                Err(Fault::protocol("another packet than AUTH and DISCONNECT before CONNACK [MQTT-3.1.2-30]"))
            }
        };
        self.go_on(id, next);
    }

    fn login_auth(&mut self, id: ConnectionId, auth: &Auth<'_>) -> Result<Next, Fault> {
        let Some(candidate) = self.candidate(id) else { return Err(Fault::protocol("no login goes on")) };
        let Some(method) = candidate.method else {
            return Err(Fault::protocol("AUTH, but CONNECT named no authentication method [MQTT-4.12.0-7]"));
        };
        check_auth(auth, method)?;
        if auth.reason != ReasonCode::ContinueAuthentication {
            return Err(Fault::protocol("AUTH before CONNACK that does not continue [MQTT-4.12.0-3]"));
        }
        let step = std::mem::replace(&mut candidate.step, Step::Name);
        self.next_step(id, step, auth.data)
    }

    /// Asks, lets in, or refuses [MQTT-4.12.0-4].
    pub(super) fn go_on(&mut self, id: ConnectionId, next: Result<Next, Fault>) {
        let Some(candidate) = self.candidate(id) else { return };
        let (limit, method) = (candidate.limit, candidate.method);
        match next {
            Ok(Next::Wait(step)) => candidate.step = step,
            Ok(Next::Ask(step, data)) => {
                candidate.step = step;
                let auth = auth(method, ReasonCode::ContinueAuthentication, data.as_deref()); // [MQTT-4.12.0-2]
                if !self.send_within(id, Version::V5, limit as usize, &Packet::Auth(auth)) {
                    self.refuse(id, Version::V5, limit, too_large());
                }
            }
            Ok(Next::Done(proof)) => self.decide(id, Ok(proof)),
            Err(fault) => self.decide(id, Err(fault)),
        }
    }

    /// Lets in, or not, whose CONNECT was kept.
    fn decide(&mut self, id: ConnectionId, proof: Result<Proof, Fault>) {
        let Some(candidate) = self.candidate(id) else { return };
        let (limit, version) = (candidate.limit, candidate.version);
        let packet = std::mem::take(&mut candidate.connect);
        let connect = match Deframer::server(u32::MAX).next(&packet) {
            Ok(Some((Packet::Connect(connect), _))) => Some(connect),
            _ => None, // it was read once, so it can be read
        };
        match (connect, proof) {
            (Some(connect), Ok(proof)) => self.let_in(id, &connect, Some(proof)),
            (Some(connect), Err(fault)) => self.refuse_connect(id, &connect, fault),
            (None, Ok(_)) => self.end(id, Fault::new(ReasonCode::UnspecifiedError, "the CONNECT was lost")),
            (None, Err(fault)) => self.refuse(id, version, limit, fault),
        }
    }

    /// AUTH of a Client that is connected: it proves again who it is, while all else goes on [MQTT-4.12.1-1].
    pub(super) fn reauthenticate(&mut self, id: ConnectionId, auth: &Auth<'_>) -> Result<(), Fault> {
        let without = "AUTH from a client without an authentication method [MQTT-4.12.0-7]";
        let Some(login) = self.login(id) else { return Err(Fault::protocol(without)) };
        let Some(method) = login.method else { return Err(Fault::protocol(without)) };
        check_auth(auth, method)?;
        let step = match (auth.reason, login.step.take()) {
            (ReasonCode::ReAuthenticate, None) => method.first_step(),
            (ReasonCode::ContinueAuthentication, Some(step)) => step,
            _ => return Err(Fault::protocol("AUTH that neither begins nor continues anything (3.15.2.1)")),
        };
        // What fails ends the connection with its reason [MQTT-4.12.1-2].
        let next = self.next_step(id, step, auth.data)?;
        self.go_on_again(id, next)
    }

    /// Asks on, or takes the new proof [MQTT-4.12.1-2].
    pub(super) fn go_on_again(&mut self, id: ConnectionId, next: Next) -> Result<(), Fault> {
        let Some(login) = self.login(id) else { return Ok(()) };
        let method = login.method;
        let (reason, data) = match next {
            Next::Wait(step) => {
                login.step = Some(step);
                return Ok(());
            }
            Next::Ask(step, data) => {
                login.step = Some(step);
                (ReasonCode::ContinueAuthentication, data)
            }
            Next::Done(proof) if proof.who.user == login.user => {
                login.until = proof.who.until;
                self.renew(id, proof.who);
                (ReasonCode::Success, proof.data)
            }
            Next::Done(_) => {
                return Err(Fault::new(ReasonCode::NotAuthorized, "another user than the one of CONNECT"));
            }
        };
        if !self.send(id, &Packet::Auth(auth(method, reason, data.as_deref()))) {
            return Err(too_large());
        }
        Ok(())
    }

    /// What a Client has proved anew counts from now on.
    fn renew(&mut self, id: ConnectionId, who: Identity) {
        let Some(live) = self.connection(id).and_then(|connection| connection.live()) else { return };
        let (session, due) = (live.session, live.due());
        self.set_connection_timer(id, due);
        self.set_grant(session, who.grant);
    }

    /// One word of the Client, and what is answered.
    fn next_step(&mut self, id: ConnectionId, step: Step, data: Option<&[u8]>) -> Result<Next, Fault> {
        let data = data.filter(|data| !data.is_empty()); // none or empty, both say nothing
        let done = match (step, data) {
            (Step::Name, None) => Ok(Next::Ask(Step::Name, None)),
            (Step::Name, Some(data)) => self.challenge(data),
            (Step::Proof { user, challenge }, data) => {
                self.check_proof(user, challenge, data.unwrap_or_default())
            }
            (Step::Token, None) => Ok(Next::Ask(Step::Token, None)),
            (Step::Token, Some(token)) => Ok(self.check_token(id, token)),
            (Step::Checked { .. }, _) => Err(ScramError::Proof), // no Client is asked for that
        };
        done.map_err(|error| {
            self.count_failed_login(id);
            Fault::new(ReasonCode::NotAuthorized, format!("the login failed: {error}"))
        })
    }

    fn challenge(&mut self, data: &[u8]) -> Result<Next, ScramError> {
        let first = ClientFirst::parse(data)?;
        let user: Arc<str> = first.user().into();
        let credentials = self.config.users.credentials(&user);
        let (challenge, data) = first.challenge(credentials, &self.nonces.next());
        Ok(Next::Ask(Step::Proof { user, challenge }, Some(data)))
    }

    fn check_proof(&self, user: Arc<str>, challenge: Challenge, data: &[u8]) -> Result<Next, ScramError> {
        let data = challenge.check(data)?;
        // No password fits one that does not exist; this only makes sure.
        if self.config.users.has(&user) {
            let (who, method) = (Identity::of_user(user), Some(Method::Scram));
            Ok(Next::Done(Proof { who, method, data: Some(data) }))
        } else {
            Err(ScramError::Proof)
        }
    }

    pub(super) fn candidate(&mut self, id: ConnectionId) -> Option<&mut Candidate> {
        match &mut self.connection(id)?.state {
            State::LoggingIn(candidate) => Some(candidate),
            State::AwaitConnect | State::Connected(_) | State::Refused(_) | State::Closing => None,
        }
    }

    pub(super) fn login(&mut self, id: ConnectionId) -> Option<&mut Login> {
        self.connection(id)?.live()?.login.as_deref_mut()
    }
}

impl Candidate {
    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }
}

impl Method {
    /// As it stands on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Scram => METHOD,
            Self::Token => "JWT",
        }
    }

    const fn first_step(self) -> Step {
        match self {
            Self::Scram => Step::Name,
            Self::Token => Step::Token,
        }
    }
}

/// The method is that of CONNECT, in every AUTH [MQTT-4.12.0-5].
fn check_auth(auth: &Auth<'_>, method: Method) -> Result<(), Fault> {
    match auth.method {
        Some(named) if named == method.name() => Ok(()),
        Some(_) => {
            let why = "another authentication method than CONNECT named [MQTT-4.12.0-5]";
            Err(Fault::new(ReasonCode::BadAuthenticationMethod, why))
        }
        None => Err(Fault::protocol("AUTH names no authentication method (3.15.2.2.2)")),
    }
}

/// A Client that cannot be asked would wait for ever [MQTT-3.1.2-24].
fn too_large() -> Fault {
    Fault::new(ReasonCode::PacketTooLarge, "the client takes no packet as large as our AUTH")
}

fn auth(method: Option<Method>, reason: ReasonCode, data: Option<&str>) -> Auth<'_> {
    Auth { method: method.map(Method::name), data: data.map(str::as_bytes), ..Auth::new(reason) }
}
