//! SCRAM-SHA-256 as an [`Authenticator`]. What is said is decided in [`crate::scram`].

use std::fmt;
use std::task::Poll;

use super::{AuthenticationError, Authenticator, Step};
use crate::scram::{self, Nonce, ScramError, ServerProof};

/// A login by SCRAM-SHA-256: the password never crosses the wire, and the Server must prove that it knows the user.
/// Deriving the keys takes what the Server's iteration count says: milliseconds, at most about a second.
pub struct ScramLogin {
    user: String,
    password: String,
    /// What the nonces are made of.
    secret: [u8; 32],
    exchanges: u64,
    progress: Progress,
}

enum Progress {
    Idle,
    Begun(scram::Client),
    Answered(ServerProof),
}

impl ScramLogin {
    /// A login of this user. `secret` are 32 random bytes that nobody can guess, new ones for each login that is made.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<String>, secret: [u8; 32]) -> Self {
        Self { user: user.into(), password: password.into(), secret, exchanges: 0, progress: Progress::Idle }
    }
}

impl Authenticator for ScramLogin {
    fn method(&self) -> &str {
        scram::METHOD
    }

    fn begin(&mut self) -> Poll<Step> {
        self.exchanges += 1;
        let nonce = Nonce::derive(&self.secret, self.exchanges);
        let client = scram::Client::new(&self.user, &self.password, nonce)?;
        let first = client.first();
        self.progress = Progress::Begun(client);
        Poll::Ready(Ok(first.into_bytes()))
    }

    fn answer(&mut self, data: &[u8]) -> Poll<Step> {
        Poll::Ready(match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Begun(client) => {
                let (proof, client_final) = client.answer(data)?;
                self.progress = Progress::Answered(proof);
                Ok(client_final.into_bytes())
            }
            Progress::Idle | Progress::Answered(_) => Err(out_of_step()),
        })
    }

    fn finish(&mut self, data: &[u8]) -> Poll<Step> {
        Poll::Ready(match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Answered(proof) => {
                proof.check(data)?;
                Ok(Vec::new())
            }
            Progress::Idle | Progress::Begun(_) => Err(out_of_step()),
        })
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
