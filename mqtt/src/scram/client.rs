//! The Client's side: it knows the password and trusts nobody.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use subtle::ConstantTimeEq as _;

use super::message::{self, Attributes};
use super::{
    Hash, MAX_ITERATIONS, MIN_ITERATIONS, Nonce, ScramError, credentials, hmac, prepare, sha256, xor,
};

/// No channel binding, no other identity.
const GS2_HEADER: &str = "n,,";

/// A Client before the Server's first message.
pub struct Client {
    password: String,
    /// client-first-message-bare.
    bare: String,
    nonce: Nonce,
}

/// A Client that has proved itself and waits for the Server to do the same.
pub struct ServerProof {
    signature: Hash,
}

impl Client {
    /// Begins a login. The nonce is a new one each time.
    ///
    /// # Errors
    /// SASLprep refuses the name or the password.
    pub fn new(user: &str, password: &str, nonce: Nonce) -> Result<Self, ScramError> {
        let (user, password) = (prepare(user)?, prepare(password)?);
        let bare = format!("n={},r={}", message::escape(&user), nonce.0);
        Ok(Self { password, bare, nonce })
    }

    /// The client-first-message.
    #[must_use]
    pub fn first(&self) -> String {
        format!("{GS2_HEADER}{}", self.bare)
    }

    /// Takes the server-first-message and gives the client-final-message. It takes as long as the iterations that the
    /// Server asks for.
    ///
    /// # Errors
    /// The message is malformed, its nonce does not begin with ours, or it asks for fewer iterations than are safe or for
    /// more than are bearable.
    pub fn answer(self, server_first: &[u8]) -> Result<(ServerProof, String), ScramError> {
        let server_first = message::text(server_first)?;
        let mut attributes = Attributes::of(server_first)?;
        let nonce = message::nonce(attributes.take('r', "the nonce of a server-first-message")?)?;
        let salt = message::base64(attributes.take('s', "a salt")?, "a salt")?;
        let iterations = message::number(attributes.take('i', "an iteration count")?)?;
        attributes.skip_extensions()?;
        // The Server must have added something of its own.
        if nonce.strip_prefix(&self.nonce.0).is_none_or(str::is_empty) {
            return Err(ScramError::Nonce);
        }
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(ScramError::Iterations(iterations));
        }
        let (client_key, server_key) = credentials::keys(&self.password, &salt, iterations)?;
        let without_proof = format!("c={},r={nonce}", Base64::encode_string(GS2_HEADER.as_bytes()));
        let said = [self.bare.as_str(), server_first, &without_proof].join(",");
        let proof = xor(&client_key, &hmac(&sha256(&client_key), &[said.as_bytes()]));
        let signature = hmac(&server_key, &[said.as_bytes()]);
        Ok((ServerProof { signature }, format!("{without_proof},p={}", Base64::encode_string(&proof))))
    }
}

impl ServerProof {
    /// Takes the server-final-message. Only now is the Server known to be the right one.
    ///
    /// # Errors
    /// The message is malformed, the Server refuses, or it could not sign.
    pub fn check(self, server_final: &[u8]) -> Result<(), ScramError> {
        let server_final = message::text(server_final)?;
        if let Some(error) = server_final.strip_prefix("e=") {
            let word = error.split(',').next().unwrap_or_default();
            return Err(ScramError::Refused(word.to_owned()));
        }
        let mut attributes = Attributes::of(server_final)?;
        let signature: Hash =
            message::base64_array(attributes.take('v', "a server-final-message")?, "a signature")?;
        attributes.skip_extensions()?;
        if bool::from(signature.ct_eq(&self.signature)) { Ok(()) } else { Err(ScramError::Signature) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scram::Client(…)")
    }
}

impl fmt::Debug for ServerProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerProof(…)")
    }
}
