//! SCRAM-SHA-256 as an [`Authenticator`]. What is said is decided in [`crate::scram`].

use std::fmt;

use super::{AuthenticationError, Authenticator};
use crate::scram::{self, Nonce, ScramError, ServerProof};

/// A login by SCRAM-SHA-256: the password never crosses the wire, and the Server must prove that it knows the user.
/// Deriving the keys takes what the Server's iteration count says: milliseconds, at most about a second.
pub struct ScramLogin {
    user: String,
    password: String,
    /// What the nonces are made of.
    secret: [u8; 32],
    exchanges: u64,
    step: Step,
}

enum Step {
    Idle,
    Begun(scram::Client),
    Answered(ServerProof),
}

impl ScramLogin {
    /// A login of this user. `secret` are 32 random bytes that nobody can guess, new ones for each login that is made.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<String>, secret: [u8; 32]) -> Self {
        Self { user: user.into(), password: password.into(), secret, exchanges: 0, step: Step::Idle }
    }
}

impl Authenticator for ScramLogin {
    fn method(&self) -> &str {
        scram::METHOD
    }

    fn begin(&mut self) -> Result<Vec<u8>, AuthenticationError> {
        self.exchanges += 1;
        let nonce = Nonce::derive(&self.secret, self.exchanges);
        let client = scram::Client::new(&self.user, &self.password, nonce)?;
        let first = client.first();
        self.step = Step::Begun(client);
        Ok(first.into_bytes())
    }

    fn answer(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthenticationError> {
        match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Begun(client) => {
                let (proof, client_final) = client.answer(data)?;
                self.step = Step::Answered(proof);
                Ok(client_final.into_bytes())
            }
            Step::Idle | Step::Answered(_) => Err(out_of_step()),
        }
    }

    fn finish(&mut self, data: &[u8]) -> Result<(), AuthenticationError> {
        match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Answered(proof) => Ok(proof.check(data)?),
            Step::Idle | Step::Begun(_) => Err(out_of_step()),
        }
    }
}

impl fmt::Debug for ScramLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramLogin(…)")
    }
}

impl From<ScramError> for AuthenticationError {
    fn from(e: ScramError) -> Self {
        Self(e.to_string())
    }
}

fn out_of_step() -> AuthenticationError {
    AuthenticationError("the server left out a step of SCRAM-SHA-256".to_owned())
}
