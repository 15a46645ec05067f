//! Enhanced authentication (4.12), at CONNECT and again later. It knows no method: an [`Authenticator`] does.

use std::fmt::Debug;
use std::task::Poll;

use super::state::State;
use super::{Client, Ended, Event, Misbehaviour, Subject};
use crate::packet::{Auth, Connack, Packet};
use crate::words::errors;
use crate::{Instant, ReasonCode, Words};

/// What a step of an [`Authenticator`] comes to: data, which is absent when it is empty, or why it gives up.
pub type Step = Result<Vec<u8>, AuthenticationError>;

/// A method of enhanced authentication, with whatever it knows of the user. It is asked in the midst of a turn: what it
/// computes at once, the driver waits for. One that is [`Pending`](Poll::Pending) is told the Client by
/// [`prove`](Client::prove), later and within the connect timeout; meanwhile it is asked nothing else, unless another
/// connection begins. An error gives the connection up.
pub trait Authenticator: Debug {
    /// The Authentication Method; always the same.
    fn method(&self) -> &str;

    /// Begins an exchange and forgets an unfinished one: the data of CONNECT, or of AUTH with 0x19.
    fn begin(&mut self) -> Poll<Step>;

    /// Answers the Server's AUTH with 0x18 by the data of another.
    fn answer(&mut self, data: &[u8]) -> Poll<Step>;

    /// Takes the Server's last data, that of CONNACK or of AUTH with 0x00. What it gives in return goes nowhere.
    fn finish(&mut self, data: &[u8]) -> Poll<Step>;
}

#[cfg(not(feature = "authentication"))]
impl Authenticator for AuthenticationMethod {
    fn method(&self) -> &str {
        match *self {}
    }

    fn begin(&mut self) -> Poll<Step> {
        match *self {}
    }

    fn answer(&mut self, _: &[u8]) -> Poll<Step> {
        match *self {}
    }

    fn finish(&mut self, _: &[u8]) -> Poll<Step> {
        match *self {}
    }
}

/// Why an [`Authenticator`] does not go on, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationError(pub String);

/// Why there is no re-authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReauthenticateError {
    /// There is no connection.
    NotConnected,
    /// The present connection was not made with the method that is set now [MQTT-4.12.0-7].
    OtherMethod,
    /// One is under way.
    UnderWay,
    /// The method has nothing to begin with, or more than the Server takes.
    CannotBegin,
}

impl Words for AuthenticationError {
    fn say(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl Words for ReauthenticateError {
    fn say(&self, out: &mut String) {
        out.push_str(match self {
            Self::NotConnected => "not connected",
            Self::OtherMethod => "the connection was made without this authentication method",
            Self::UnderWay => "an authentication is under way",
            Self::CannotBegin => "the authentication cannot begin",
        });
    }
}

errors!(AuthenticationError, ReauthenticateError);

/// A method that a Client is given.
#[cfg(feature = "authentication")]
pub type AuthenticationMethod = Box<dyn Authenticator>;
/// There is none without the feature `authentication`, and the compiler knows it.
#[cfg(not(feature = "authentication"))]
pub type AuthenticationMethod = std::convert::Infallible;

/// The method of a Client, and how far it is on the present connection.
#[derive(Debug, Default)]
pub(super) struct Authentication {
    authenticator: Option<AuthenticationMethod>,
    /// That of the present connection; none when its CONNECT named no method, as in 3.x.
    exchange: Option<Exchange>,
}

#[derive(Debug)]
struct Exchange {
    /// What the CONNECT named.
    method: String,
    /// Whether an AUTH of the Server is expected.
    is_under_way: bool,
    /// The step whose data is to come.
    awaited: Option<Awaited>,
    /// What the step at CONNACK has come to, until that is read again.
    finished: Option<Step>,
    #[cfg(not(feature = "authentication"))]
    _never: std::convert::Infallible,
}

/// What goes on with the data of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Connect,
    Reauthenticate,
    Answer,
    Connack,
    Success,
}

impl Exchange {
    #[cfg(feature = "authentication")]
    fn of(method: &AuthenticationMethod) -> Option<Self> {
        let method = method.method().to_owned();
        Some(Self { method, is_under_way: true, awaited: None, finished: None })
    }

    #[cfg(not(feature = "authentication"))]
    const fn of(method: &AuthenticationMethod) -> Option<Self> {
        match *method {}
    }
}

impl Authentication {
    pub(super) const fn is_set(&self) -> bool {
        self.authenticator.is_some()
    }

    /// Begins that of a connection; none in 3.x, or without a method.
    pub(super) fn begin_connection(&mut self, is_5: bool) -> Poll<Option<Step>> {
        self.end_connection();
        let Some(authenticator) = self.authenticator.as_mut().filter(|_| is_5) else {
            return Poll::Ready(None);
        };
        self.exchange = Exchange::of(authenticator);
        let step = authenticator.begin();
        self.or_wait(step, Awaited::Connect).map(Some)
    }

    /// Nothing of one connection is of use to the next.
    pub(super) fn end_connection(&mut self) {
        self.exchange = None;
    }

    /// What the CONNECT of the present connection names.
    pub(super) fn method(&self) -> Option<&str> {
        self.exchange.as_ref().map(|exchange| exchange.method.as_str())
    }

    /// Whether what follows CONNACK has to wait until the Server has proved itself.
    pub(super) fn holds_back(&self) -> bool {
        self.awaited() == Some(Awaited::Connack)
    }

    /// Whether a step is to come from the authenticator, not from the Server.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited().is_some()
    }

    fn awaited(&self) -> Option<Awaited> {
        self.exchange.as_ref().and_then(|exchange| exchange.awaited)
    }

    fn is_under_way(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.is_under_way)
    }

    fn set_under_way(&mut self, is_under_way: bool) {
        if let Some(exchange) = &mut self.exchange {
            exchange.is_under_way = is_under_way;
        }
    }

    fn or_wait(&mut self, step: Poll<Step>, awaited: Awaited) -> Poll<Step> {
        if let (Some(exchange), true) = (&mut self.exchange, step.is_pending()) {
            exchange.awaited = Some(awaited);
        }
        step
    }

    /// The one that made the present connection, while the Server may speak to it. In every packet of an exchange the
    /// method is that of CONNECT, and without one there there is none anywhere.
    fn expecting(&mut self, method: Option<&str>) -> Result<&mut AuthenticationMethod, Misbehaviour> {
        if !self.is_under_way() || self.is_awaited() {
            return Err(Misbehaviour::Unexpected("AUTH")); // [MQTT-4.12.0-6]
        }
        let is_that_of_connect = method == self.method();
        match self.authenticator.as_mut() {
            Some(authenticator) if is_that_of_connect && Some(authenticator.method()) == method => {
                Ok(authenticator)
            }
            _ => Err(Misbehaviour::AuthenticationMethod), // [MQTT-4.12.0-5]
        }
    }
}

impl Client {
    /// How the next connections are authenticated; none for user name and password alone. Only 5.0 has this: a Client that
    /// has an authenticator does not fall back to 3.1.1, and one of 3.x does not ask it.
    pub fn set_authenticator(&mut self, authenticator: Option<AuthenticationMethod>) {
        self.authentication.authenticator = authenticator;
    }

    /// Authenticates once more on the present connection (4.12.1), for instance before a right expires.
    /// [`Event::Reauthenticated`] tells of success, [`Event::Ended`] of anything else; meanwhile all goes on.
    ///
    /// # Errors
    /// See [`ReauthenticateError`]. Nothing was sent.
    pub fn reauthenticate(&mut self, now: Instant) -> Result<(), ReauthenticateError> {
        if !self.is_connected() {
            return Err(ReauthenticateError::NotConnected);
        }
        if self.authentication.is_under_way() {
            return Err(ReauthenticateError::UnderWay);
        }
        let Authentication { authenticator, exchange } = &mut self.authentication;
        let method = exchange.as_ref().map(|exchange| exchange.method.as_str());
        let Some(authenticator) = authenticator.as_mut().filter(|a| Some(a.method()) == method) else {
            return Err(ReauthenticateError::OtherMethod); // [MQTT-4.12.1-1], [MQTT-4.12.0-7]
        };
        let step = authenticator.begin();
        if let Poll::Ready(step) = self.authentication.or_wait(step, Awaited::Reauthenticate) {
            let data = step.map_err(|_| ReauthenticateError::CannotBegin)?;
            if !self.write_auth(ReasonCode::ReAuthenticate, &data) {
                return Err(ReauthenticateError::CannotBegin);
            }
        }
        self.authentication.set_under_way(true);
        self.flush(now);
        Ok(())
    }

    /// What the step has come to that the authenticator was asked for last, and which was pending. Does nothing when nobody
    /// waits for it any more.
    pub fn prove(&mut self, now: Instant, step: Step) {
        let Some(exchange) = &mut self.authentication.exchange else { return };
        match exchange.awaited.take() {
            None => {}
            Some(Awaited::Connect) => self.connect(now, Some(step)),
            Some(Awaited::Reauthenticate) => self.say(now, ReasonCode::ReAuthenticate, step),
            Some(Awaited::Answer) => self.say(now, ReasonCode::ContinueAuthentication, step),
            Some(Awaited::Connack) => {
                exchange.finished = Some(step);
                self.received(now, &[]);
            }
            Some(Awaited::Success) => self.reauthenticated(now, step),
        }
        self.flush(now);
    }

    /// Whether what comes from the Server is kept until a step is [proved](Self::prove). A driver that can leave it in the
    /// transport does so.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.authentication.holds_back()
    }

    /// The Server's AUTH.
    pub(super) fn auth(&mut self, now: Instant, auth: &Auth<'_>) -> Result<(), Misbehaviour> {
        let authenticator = self.authentication.expecting(auth.method)?;
        let data = auth.data.unwrap_or_default();
        match auth.reason {
            ReasonCode::ContinueAuthentication => {
                let step = authenticator.answer(data);
                self.remark(Subject::Authentication, auth.reason_string, &auth.user_properties);
                if let Poll::Ready(step) = self.authentication.or_wait(step, Awaited::Answer) {
                    self.say(now, ReasonCode::ContinueAuthentication, step); // [MQTT-4.12.0-3]
                }
                Ok(())
            }
            ReasonCode::Success if matches!(self.state, State::Connected(_)) => {
                let step = authenticator.finish(data);
                self.remark(Subject::Authentication, auth.reason_string, &auth.user_properties);
                if let Poll::Ready(step) = self.authentication.or_wait(step, Awaited::Success) {
                    self.reauthenticated(now, step);
                }
                Ok(())
            }
            _ => Err(Misbehaviour::Unexpected("AUTH")), // before CONNACK success is said by that (3.15.2.1)
        }
    }

    /// What CONNACK says of the authentication. False when the connection has ended over it, or when CONNACK is to be read
    /// again once the Server has proved itself.
    pub(super) fn finish_authentication(
        &mut self,
        now: Instant,
        connack: &Connack<'_>,
    ) -> Result<bool, Misbehaviour> {
        let properties = &connack.properties;
        let Some(exchange) = &mut self.authentication.exchange else {
            return match properties.authentication_method {
                Some(_) => Err(Misbehaviour::AuthenticationMethod), // [MQTT-4.12.0-6]
                None => Ok(true),
            };
        };
        let finished = match exchange.finished.take() {
            Some(step) => Poll::Ready(step),
            None => {
                let authenticator = self.authentication.expecting(properties.authentication_method)?;
                let step = authenticator.finish(properties.authentication_data.unwrap_or_default());
                self.authentication.or_wait(step, Awaited::Connack)
            }
        };
        let Poll::Ready(finished) = finished else { return Ok(false) };
        self.authentication.set_under_way(false);
        let failed = finished.err();
        let is_finished = failed.is_none();
        failed.into_iter().for_each(|e| self.unauthentic(now, e));
        Ok(is_finished)
    }

    fn reauthenticated(&mut self, now: Instant, step: Step) {
        self.authentication.set_under_way(false);
        match step {
            Ok(_) => self.event(Event::Reauthenticated),
            Err(e) => self.unauthentic(now, e),
        }
    }

    /// Says the data of a step in an AUTH.
    fn say(&mut self, now: Instant, reason: ReasonCode, step: Step) {
        match step {
            Ok(data) if self.write_auth(reason, &data) => {}
            Ok(_) => self.unauthentic(now, AuthenticationError("the answer is too long".to_owned())),
            Err(e) => self.unauthentic(now, e),
        }
    }

    /// Gives up [MQTT-4.12.1-2].
    pub(super) fn unauthentic(&mut self, now: Instant, e: AuthenticationError) {
        self.say_disconnect(ReasonCode::UnspecifiedError);
        self.end(now, Ended::Unauthentic(e));
    }

    /// Our AUTH has no words [MQTT-3.15.2-2], [MQTT-3.15.2-3].
    ///
    /// Whether it could be written: it may be larger than a packet can be or than the Server takes.
    fn write_auth(&mut self, reason: ReasonCode, data: &[u8]) -> bool {
        let limit = self.state.connection().and_then(|connection| connection.granted.max_packet_bytes);
        let method = self.authentication.method(); // [MQTT-4.12.0-5]
        let auth = Auth { method, data: (!data.is_empty()).then_some(data), ..Auth::new(reason) };
        let start = self.out.len();
        let written = Packet::Auth(auth).encode(self.version, &mut self.out).is_ok();
        let fits = limit.is_none_or(|limit| self.out.len() - start <= limit as usize); // [MQTT-3.2.2-15]
        if !fits {
            self.out.truncate(start);
        }
        written && fits
    }
}
