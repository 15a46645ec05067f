//! What a Server keeps of a password: enough to check a login and to prove itself, too little to log in. It knows nothing of
//! messages.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding as _};
use pbkdf2::pbkdf2_hmac_array;
use sha2::Sha256;

use super::{HASH, Hash, MAX_ITERATIONS, METHOD, ScramError, hmac, message, prepare, sha256};

/// Bytes of the salt of [`mock`](Credentials::mock) credentials: give real ones as many.
const MOCK_SALT: usize = 16;

/// What a Server keeps of a password (RFC 5802, 3). Its text is PostgreSQL's,
/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` with Base64 inside.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Random bytes that make equal passwords look different: 16 are usual.
    pub salt: Vec<u8>,
    /// How often the password is hashed: 1 to [`MAX_ITERATIONS`](super::MAX_ITERATIONS).
    pub iterations: u32,
    /// Checks the Client's proof.
    pub stored_key: [u8; 32],
    /// Makes the Server's signature.
    pub server_key: [u8; 32],
}

impl Credentials {
    /// Those of a password. It takes as long as the iterations take: 4 096 are a millisecond or a few.
    ///
    /// # Errors
    /// SASLprep refuses the password, or the iterations are none or too many, or the salt is empty.
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Result<Self, ScramError> {
        let (client_key, server_key) = keys(password, salt, iterations)?;
        Ok(Self { salt: salt.to_owned(), iterations, stored_key: sha256(&client_key), server_key })
    }

    /// Those of a user who does not exist. They look like real ones with a salt of 16 bytes, are the same each time, and
    /// no password fits them: so nobody learns which users there are. `secret` are 32 random bytes that this Server keeps;
    /// `iterations` are those of the real ones.
    #[must_use]
    pub fn mock(secret: &[u8; 32], user: &str, iterations: u32) -> Self {
        let part = |what: &[u8]| hmac(secret, &[what, b":", user.as_bytes()]);
        let salt = part(b"salt").into_iter().take(MOCK_SALT).collect();
        Self { salt, iterations, stored_key: part(b"stored key"), server_key: part(b"server key") }
    }
}

/// ClientKey and ServerKey of a password.
pub(super) fn keys(password: &str, salt: &[u8], iterations: u32) -> Result<(Hash, Hash), ScramError> {
    if !(1..=MAX_ITERATIONS).contains(&iterations) {
        return Err(ScramError::Iterations(iterations));
    }
    if salt.is_empty() {
        return Err(ScramError::Malformed("an empty salt"));
    }
    let password = prepare(password)?;
    let salted = pbkdf2_hmac_array::<Sha256, HASH>(password.as_bytes(), salt, iterations);
    Ok((hmac(&salted, &[b"Client Key"]), hmac(&salted, &[b"Server Key"])))
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored_key, server_key] =
            [&*self.salt, &self.stored_key, &self.server_key].map(Base64::encode_string);
        write!(f, "{METHOD}${}:{salt}${stored_key}:{server_key}", self.iterations)
    }
}

impl FromStr for Credentials {
    type Err = ScramError;

    fn from_str(text: &str) -> Result<Self, ScramError> {
        let malformed =
            ScramError::Malformed("not SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>");
        let parts = || {
            let (head, keys) = text.strip_prefix(METHOD)?.strip_prefix('$')?.split_once('$')?;
            Some((head.split_once(':')?, keys.split_once(':')?))
        };
        let ((iterations, salt), (stored_key, server_key)) = parts().ok_or(malformed)?;
        let iterations = message::number(iterations)?;
        if iterations > MAX_ITERATIONS {
            return Err(ScramError::Iterations(iterations));
        }
        Ok(Self {
            salt: message::base64(salt, "a salt")?,
            iterations,
            stored_key: message::base64_array(stored_key, "a stored key")?,
            server_key: message::base64_array(server_key, "a server key")?,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} iterations, …)", self.iterations)
    }
}
