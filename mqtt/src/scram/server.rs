//! The Server's side: it knows credentials, not passwords.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use subtle::ConstantTimeEq as _;

use super::message::{self, Attributes};
use super::{Credentials, Hash, Nonce, ScramError, hmac, prepare, sha256, xor};

/// A client-first-message: who wants to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirst {
    user: String,
    nonce: String,
    gs2_header: String,
    bare: String,
}

/// A Server that has asked and waits for the proof.
#[derive(Clone)]
pub struct Challenge {
    credentials: Credentials,
    /// Both parts of it.
    nonce: String,
    gs2_header: String,
    /// What was said so far: client-first-message-bare and server-first-message.
    said: String,
}

impl ClientFirst {
    /// Takes the client-first-message.
    ///
    /// # Errors
    /// It is malformed, SASLprep refuses the name, or it asks for channel binding, for an unknown mandatory extension or to
    /// act as someone else.
    pub fn parse(client_first: &[u8]) -> Result<Self, ScramError> {
        let text = message::text(client_first)?;
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(identity), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ScramError::Malformed("a client-first-message without header"));
        };
        match flag {
            "n" | "y" => {}
            _ if flag.starts_with("p=") => return Err(ScramError::ChannelBinding),
            _ => return Err(ScramError::Malformed("a channel binding flag")),
        }
        let mut attributes = Attributes::of(bare)?;
        let user = name(attributes.take('n', "the name in a client-first-message")?)?;
        let nonce = message::nonce(attributes.take('r', "the nonce of a client-first-message")?)?;
        attributes.skip_extensions()?;
        match identity.strip_prefix("a=") {
            None if identity.is_empty() => {}
            None => return Err(ScramError::Malformed("an authorization identity")),
            Some(other) if name(other)? == user => {}
            Some(_) => return Err(ScramError::AuthorizationIdentity),
        }
        let gs2_header = format!("{flag},{identity},");
        Ok(Self { user, nonce: nonce.to_owned(), gs2_header, bare: bare.to_owned() })
    }

    /// Who wants to log in, prepared by SASLprep.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Asks for the proof with this user's credentials, or with [mock](Credentials::mock) ones when there is no such user,
    /// and gives the server-first-message. The nonce is a new one each time.
    #[must_use]
    pub fn challenge(self, credentials: Credentials, nonce: &Nonce) -> (Challenge, String) {
        let nonce = format!("{}{}", self.nonce, nonce.0);
        let salt = Base64::encode_string(&credentials.salt);
        let server_first = format!("r={nonce},s={salt},i={}", credentials.iterations);
        let said = format!("{},{server_first}", self.bare);
        (Challenge { credentials, nonce, gs2_header: self.gs2_header, said }, server_first)
    }
}

impl Challenge {
    /// Takes the client-final-message and gives the server-final-message. The proof is compared in constant time.
    ///
    /// # Errors
    /// The message is malformed, belongs to another exchange, or does not prove that the Client knows the password.
    pub fn check(self, client_final: &[u8]) -> Result<String, ScramError> {
        let client_final = message::text(client_final)?;
        let (without_proof, proof) = client_final
            .rsplit_once(",p=")
            .ok_or(ScramError::Malformed("a client-final-message without proof"))?;
        let mut attributes = Attributes::of(without_proof)?;
        let binding = message::base64(attributes.take('c', "a channel binding")?, "a channel binding")?;
        let nonce = message::nonce(attributes.take('r', "the nonce of a client-final-message")?)?;
        attributes.skip_extensions()?;
        let proof: Hash = message::base64_array(proof, "a proof")?;
        if binding != self.gs2_header.as_bytes() {
            return Err(ScramError::ChannelBinding);
        }
        if nonce != self.nonce {
            return Err(ScramError::Nonce);
        }
        let said = format!("{},{without_proof}", self.said);
        let Credentials { stored_key, server_key, .. } = &self.credentials;
        let client_key = xor(&proof, &hmac(stored_key, &[said.as_bytes()]));
        if !bool::from(sha256(&client_key).ct_eq(stored_key)) {
            return Err(ScramError::Proof);
        }
        Ok(format!("v={}", Base64::encode_string(&hmac(server_key, &[said.as_bytes()]))))
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(…)")
    }
}

fn name(text: &str) -> Result<String, ScramError> {
    prepare(&message::unescape(text)?)
}
