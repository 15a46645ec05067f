//! Enhanced authentication (4.12), at CONNECT and again later. It knows no method: an [`Authenticator`] does.

use std::fmt::Debug;

use thiserror::Error;

use super::state::State;
use super::{Client, Ended, Event, Misbehaviour, Subject};
use crate::packet::{Auth, Connack, Packet};
use crate::{Instant, ReasonCode};

/// A method of enhanced authentication, with whatever it knows of the user. It is asked in the midst of a turn: what it
/// computes, the driver waits for. Empty data is data that is absent.
pub trait Authenticator: Debug {
    /// The Authentication Method; always the same.
    fn method(&self) -> &str;

    /// Begins an exchange and forgets an unfinished one: the data of CONNECT, or of AUTH with 0x19.
    ///
    /// # Errors
    /// There is none. The connection is given up.
    fn begin(&mut self) -> Result<Vec<u8>, AuthenticationError>;

    /// Answers the Server's AUTH with 0x18 by the data of another.
    ///
    /// # Errors
    /// The Server's data is not acceptable. The connection is given up.
    fn answer(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthenticationError>;

    /// Takes the Server's last data, that of CONNACK or of AUTH with 0x00.
    ///
    /// # Errors
    /// The Server has not proved what it should. The connection is given up.
    fn finish(&mut self, data: &[u8]) -> Result<(), AuthenticationError>;
}

/// Why an [`Authenticator`] does not go on, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct AuthenticationError(pub String);

/// Why there is no re-authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReauthenticateError {
    /// There is no connection.
    #[error("not connected")]
    NotConnected,
    /// The present connection was not made with the method that is set now [MQTT-4.12.0-7].
    #[error("the connection was made without this authentication method")]
    OtherMethod,
    /// One is under way.
    #[error("an authentication is under way")]
    UnderWay,
    /// The method has nothing to begin with, or more than the Server takes.
    #[error("the authentication cannot begin")]
    CannotBegin,
}

/// The method of a Client, and how far it is on the present connection.
#[derive(Debug, Default)]
pub(super) struct Authentication {
    authenticator: Option<Box<dyn Authenticator>>,
    /// What the CONNECT of the present connection named; none when it named no method, as in 3.x.
    method: Option<String>,
    /// Whether an AUTH of the Server is expected.
    is_under_way: bool,
}

impl Authentication {
    pub(super) const fn is_set(&self) -> bool {
        self.authenticator.is_some()
    }

    /// The method and the data of a CONNECT. 3.x has neither.
    pub(super) fn begin_connection(
        &mut self,
        is_5: bool,
    ) -> Result<Option<(String, Vec<u8>)>, AuthenticationError> {
        (self.method, self.is_under_way) = (None, false);
        let Some(authenticator) = self.authenticator.as_mut().filter(|_| is_5) else { return Ok(None) };
        let data = authenticator.begin()?;
        let method = authenticator.method().to_owned();
        self.method = Some(method.clone());
        self.is_under_way = true;
        Ok(Some((method, data)))
    }

    /// The one that made the present connection, while the Server may speak to it. In every packet of an exchange the
    /// method is that of CONNECT, and without one there there is none anywhere.
    fn expecting(&mut self, method: Option<&str>) -> Result<&mut dyn Authenticator, Misbehaviour> {
        if self.method.is_none() || !self.is_under_way {
            return Err(Misbehaviour::Unexpected("AUTH")); // [MQTT-4.12.0-6]
        }
        let is_that_of_connect = method == self.method.as_deref();
        match self.authenticator.as_mut() {
            Some(authenticator) if is_that_of_connect && Some(authenticator.method()) == method => {
                Ok(authenticator.as_mut())
            }
            _ => Err(Misbehaviour::AuthenticationMethod), // [MQTT-4.12.0-5]
        }
    }
}

impl Client {
    /// How the next connections are authenticated; none for user name and password alone. Only 5.0 has this: a Client that
    /// has an authenticator does not fall back to 3.1.1, and one of 3.x does not ask it.
    pub fn set_authenticator(&mut self, authenticator: Option<Box<dyn Authenticator>>) {
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
        let authentication = &mut self.authentication;
        if authentication.is_under_way {
            return Err(ReauthenticateError::UnderWay);
        }
        let method = authentication.method.as_deref();
        let Some(authenticator) =
            authentication.authenticator.as_mut().filter(|a| Some(a.method()) == method)
        else {
            return Err(ReauthenticateError::OtherMethod); // [MQTT-4.12.1-1], [MQTT-4.12.0-7]
        };
        let data = authenticator.begin().map_err(|_| ReauthenticateError::CannotBegin)?;
        if !self.write_auth(ReasonCode::ReAuthenticate, &data) {
            return Err(ReauthenticateError::CannotBegin);
        }
        self.authentication.is_under_way = true;
        self.flush(now);
        Ok(())
    }

    /// The Server's AUTH.
    pub(super) fn auth(&mut self, now: Instant, auth: &Auth<'_>) -> Result<(), Misbehaviour> {
        let authenticator = self.authentication.expecting(auth.method)?;
        let data = auth.data.unwrap_or_default();
        match auth.reason {
            ReasonCode::ContinueAuthentication => {
                let answer = authenticator.answer(data);
                self.remark(Subject::Authentication, auth.reason_string, &auth.user_properties);
                match answer {
                    // [MQTT-4.12.0-3]
                    Ok(answer) if self.write_auth(ReasonCode::ContinueAuthentication, &answer) => {}
                    Ok(_) => self.unauthentic(now, AuthenticationError("the answer is too long".to_owned())),
                    Err(e) => self.unauthentic(now, e),
                }
                Ok(())
            }
            ReasonCode::Success if matches!(self.state, State::Connected(_)) => {
                let finished = authenticator.finish(data);
                self.authentication.is_under_way = false;
                self.remark(Subject::Authentication, auth.reason_string, &auth.user_properties);
                match finished {
                    Ok(()) => self.event(Event::Reauthenticated),
                    Err(e) => self.unauthentic(now, e),
                }
                Ok(())
            }
            _ => Err(Misbehaviour::Unexpected("AUTH")), // before CONNACK success is said by that (3.15.2.1)
        }
    }

    /// What CONNACK says of the authentication. False when the connection has ended over it.
    pub(super) fn finish_authentication(
        &mut self,
        now: Instant,
        connack: &Connack<'_>,
    ) -> Result<bool, Misbehaviour> {
        let properties = &connack.properties;
        if self.authentication.method.is_none() {
            return match properties.authentication_method {
                Some(_) => Err(Misbehaviour::AuthenticationMethod), // [MQTT-4.12.0-6]
                None => Ok(true),
            };
        }
        let authenticator = self.authentication.expecting(properties.authentication_method)?;
        let finished = authenticator.finish(properties.authentication_data.unwrap_or_default());
        self.authentication.is_under_way = false;
        match finished {
            Ok(()) => Ok(true),
            Err(e) => {
                self.unauthentic(now, e);
                Ok(false)
            }
        }
    }

    /// Gives up [MQTT-4.12.1-2].
    pub(super) fn unauthentic(&mut self, now: Instant, e: AuthenticationError) {
        self.say_disconnect(ReasonCode::UnspecifiedError);
        self.end(now, Ended::Unauthentic(e));
    }

    /// Our AUTH has no words [MQTT-3.15.2-2], [MQTT-3.15.2-3].
    /// Whether it could be written: it may be larger than a packet can be or than the Server takes.
    fn write_auth(&mut self, reason: ReasonCode, data: &[u8]) -> bool {
        let limit = self.state.connection().and_then(|connection| connection.granted.max_packet_bytes);
        let method = self.authentication.method.as_deref(); // [MQTT-4.12.0-5]
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
