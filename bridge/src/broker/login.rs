//! AUTH (3.15) and enhanced authentication (4.12), at CONNECT and again later. The one method is SCRAM-SHA-256. Who the
//! users are, and whose a Session is, `access` knows.

use std::fmt;
use std::sync::Arc;

use mqtt::codec::Deframer;
use mqtt::packet::{Auth, Connect};
use mqtt::scram::{Challenge, ClientFirst, METHOD, Nonce, ScramError};
use mqtt::{Packet, ReasonCode, Version};

use super::connection::State;
use super::io::Fault;
use super::{Broker, ConnectionId, Ended};

/// A CONNECT that waits for the proof of who it is from.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) client_id: Arc<str>,
    /// The CONNECT as a packet: all that it asks for counts only when it is let in, its will too.
    connect: Vec<u8>,
    pub(super) version: Version,
    /// Bytes of the largest packet the Client takes.
    limit: u32,
    pub(super) step: Step,
}

/// Who a Client has proved to be, and how far it is in doing so again.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) user: Arc<str>,
    pub(super) step: Option<Step>,
}

/// What the Client is to say next.
#[derive(Debug)]
pub(super) enum Step {
    /// Who it is.
    Name,
    /// That it knows the password.
    Proof { user: Arc<str>, challenge: Challenge },
    /// Nothing: the password that came with CONNECT is being checked, for this user if it exists.
    Checked { number: u64, user: Option<Arc<str>> },
}

/// That a Client is who it says.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) user: Arc<str>,
    /// The Server's own proof, which the Client is owed; none where a password came with CONNECT.
    pub(super) data: Option<String>,
}

pub(super) enum Next {
    Ask(Step, Option<String>),
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
    /// Whether logins by this method are taken; they are when there is a user [MQTT-4.12.0-1].
    pub(super) fn check_method(&self, method: &str) -> Result<(), Fault> {
        if !self.config.users.have_scram() {
            return Err(Fault::new(
                ReasonCode::BadAuthenticationMethod,
                "no extended authentication is offered",
            ));
        }
        if method != METHOD {
            let why = format!("the only authentication method is {METHOD}");
            return Err(Fault::new(ReasonCode::BadAuthenticationMethod, why));
        }
        Ok(())
    }

    /// Takes a CONNECT with an authentication method: its first word may be in it already.
    pub(super) fn begin_login(&mut self, id: ConnectionId, connect: &Connect<'_>) {
        if let Err(fault) = self.check_attempts(id) {
            return self.refuse_connect(id, connect, fault);
        }
        self.set_candidate(id, connect, Step::Name);
        let next = self.next_step(id, Step::Name, connect.properties.authentication_data);
        self.go_on(id, next);
    }

    /// Keeps a CONNECT until it is known who it is from.
    pub(super) fn set_candidate(&mut self, id: ConnectionId, connect: &Connect<'_>, step: Step) {
        let limit = connect.properties.maximum_packet_size.unwrap_or(u32::MAX);
        let version = connect.version;
        let mut packet = Vec::new();
        // What was decoded can be encoded.
        let _ = Packet::Connect(Box::new(connect.clone())).encode(version, &mut packet);
        let client_id = connect.client_id.into();
        let candidate = Candidate { client_id, connect: packet, version, limit, step };
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
        check_auth(auth)?;
        if auth.reason != ReasonCode::ContinueAuthentication {
            return Err(Fault::protocol("AUTH before CONNACK that does not continue [MQTT-4.12.0-3]"));
        }
        let Some(candidate) = self.candidate(id) else { return Err(Fault::protocol("no login goes on")) };
        let step = std::mem::replace(&mut candidate.step, Step::Name);
        self.next_step(id, step, auth.data)
    }

    /// Asks, lets in, or refuses [MQTT-4.12.0-4].
    pub(super) fn go_on(&mut self, id: ConnectionId, next: Result<Next, Fault>) {
        let Some(candidate) = self.candidate(id) else { return };
        let (limit, version) = (candidate.limit, candidate.version);
        match next {
            Ok(Next::Ask(step, data)) => {
                candidate.step = step;
                let auth = auth(ReasonCode::ContinueAuthentication, data.as_deref()); // [MQTT-4.12.0-2]
                if !self.send_within(id, Version::V5, limit as usize, &Packet::Auth(auth)) {
                    self.refuse(id, Version::V5, limit, too_large());
                }
            }
            Ok(Next::Done(proof)) => {
                let packet = std::mem::take(&mut candidate.connect);
                match Deframer::server(u32::MAX).next(&packet) {
                    Ok(Some((Packet::Connect(connect), _))) => self.let_in(id, &connect, Some(proof)),
                    _ => self.end(id, Fault::new(ReasonCode::UnspecifiedError, "the CONNECT was lost")),
                }
            }
            Err(fault) => self.refuse(id, version, limit, fault),
        }
    }

    /// AUTH of a Client that is connected: it proves again who it is, while all else goes on [MQTT-4.12.1-1].
    pub(super) fn reauthenticate(&mut self, id: ConnectionId, auth: &Auth<'_>) -> Result<(), Fault> {
        let Some(login) = self.login(id) else {
            return Err(Fault::protocol(
                "AUTH from a client without an authentication method [MQTT-4.12.0-7]",
            ));
        };
        check_auth(auth)?;
        let user = Arc::clone(&login.user);
        let step = match (auth.reason, login.step.take()) {
            (ReasonCode::ReAuthenticate, None) => Step::Name,
            (ReasonCode::ContinueAuthentication, Some(step)) => step,
            _ => return Err(Fault::protocol("AUTH that neither begins nor continues anything (3.15.2.1)")),
        };
        // What fails ends the connection with its reason [MQTT-4.12.1-2].
        let (reason, data) = match self.next_step(id, step, auth.data)? {
            Next::Ask(step, data) => {
                if let Some(login) = self.login(id) {
                    login.step = Some(step);
                }
                (ReasonCode::ContinueAuthentication, data)
            }
            Next::Done(proof) if proof.user == user => (ReasonCode::Success, proof.data),
            Next::Done(_) => {
                return Err(Fault::new(ReasonCode::NotAuthorized, "another user than the one of CONNECT"));
            }
        };
        if !self.send(id, &Packet::Auth(self::auth(reason, data.as_deref()))) {
            return Err(too_large());
        }
        Ok(())
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
            Ok(Next::Done(Proof { user, data: Some(data) }))
        } else {
            Err(ScramError::Proof)
        }
    }

    pub(super) fn candidate(&mut self, id: ConnectionId) -> Option<&mut Candidate> {
        match &mut self.connection(id)?.state {
            State::LoggingIn(candidate) => Some(candidate),
            State::AwaitConnect | State::Connected(_) | State::Closing => None,
        }
    }

    fn login(&mut self, id: ConnectionId) -> Option<&mut Login> {
        self.connection(id)?.live()?.login.as_deref_mut()
    }
}

impl Candidate {
    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }
}

/// The method is that of CONNECT, in every AUTH [MQTT-4.12.0-5].
fn check_auth(auth: &Auth<'_>) -> Result<(), Fault> {
    match auth.method {
        Some(METHOD) => Ok(()),
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

fn auth(reason: ReasonCode, data: Option<&str>) -> Auth<'_> {
    Auth { method: Some(METHOD), data: data.map(str::as_bytes), ..Auth::new(reason) }
}
