//! SCRAM-SHA-256 (RFC 5802, RFC 7677): a login by which the password never crosses the wire and the Server proves that it
//! knows the user too. Either side is a few values that take a message and give the next. They know neither packets nor
//! users nor randomness: messages, credentials and nonces come in.
//!
//! ```text
//!   Client::new ── first() ─────────▶ ClientFirst::parse ── user()
//!   Client::answer ◀─ server-first ── ClientFirst::challenge(credentials, nonce)
//!        └────────── client-final ──▶ Challenge::check
//!   ServerProof::check ◀─ server-final ─┘
//! ```
//!
//! In MQTT the first message is the Authentication Data of CONNECT (or of AUTH 0x19), the two in the middle travel in AUTH
//! 0x18, the last one in CONNACK (or AUTH 0x00) (4.12).
//!
//! There is no channel binding: `n` and `y` are accepted, `p=…` and the `-PLUS` methods are not. Names and passwords are
//! prepared by SASLprep (RFC 4013), so that one word typed on two keyboards is one password.

mod client;
mod credentials;
mod message;
mod server;

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub use client::{Client, ServerProof};
pub use credentials::Credentials;
pub use server::{Challenge, ClientFirst};

/// The Authentication Method.
pub const METHOD: &str = "SCRAM-SHA-256";

/// The fewest iterations that a Client accepts and that new credentials should have (RFC 7677, 4).
pub const MIN_ITERATIONS: u32 = 4_096;

/// The most iterations taken from the other side or from a text: a Server must not keep a phone busy for minutes.
pub const MAX_ITERATIONS: u32 = 1_000_000;

/// Bytes the longest message may have that is looked at.
pub const MAX_MESSAGE: usize = 4_096;

/// Bytes of SHA-256.
const HASH: usize = 32;

type Hash = [u8; HASH];

/// Why an exchange ends without success.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScramError {
    /// A message is not written as RFC 5802, 7 says, or credentials are not.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// The Client wants channel binding, which there is none of.
    #[error("channel binding is not supported")]
    ChannelBinding,
    /// A mandatory extension (`m=`), of which none is known.
    #[error("a mandatory extension is not supported")]
    Extension,
    /// The Client asks to act as another user than the one that it logs in as.
    #[error("acting as another user is not supported")]
    AuthorizationIdentity,
    /// A name or a password that SASLprep refuses, for instance one with a control character.
    #[error("a name or password with characters that may not stand in one")]
    Unprepared,
    /// The nonce that came back is not the one of this exchange.
    #[error("the nonce is not the one of this exchange")]
    Nonce,
    /// Fewer than [`MIN_ITERATIONS`] or more than [`MAX_ITERATIONS`].
    #[error("{0} iterations are not accepted")]
    Iterations(u32),
    /// The Client does not know the password.
    #[error("the proof is wrong")]
    Proof,
    /// The Server does not know the user: it is not the one it claims to be.
    #[error("the server's signature is wrong")]
    Signature,
    /// The Server refuses, in its own word (`e=`).
    #[error("the server refuses: {0}")]
    Refused(String),
}

/// A random text that belongs to one exchange: printable ASCII without a comma, not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A nonce of random bytes: at least 18 that no one can guess.
    #[must_use]
    pub fn from_random(bytes: &[u8; 18]) -> Self {
        Self(Base64::encode_string(bytes))
    }

    /// The nonce of the exchange with this number, made of random bytes that nobody else knows. Use each number once.
    #[must_use]
    pub fn derive(secret: &[u8; 32], number: u64) -> Self {
        let mut bytes = [0; 18];
        bytes
            .iter_mut()
            .zip(hmac(secret, &[&number.to_be_bytes()]))
            .for_each(|(byte, random)| *byte = random);
        Self::from_random(&bytes)
    }

    /// A nonce that is there already.
    ///
    /// # Errors
    /// It is empty or has characters that may not stand in one.
    pub fn new(text: &str) -> Result<Self, ScramError> {
        message::nonce(text).map(|nonce| Self(nonce.to_owned()))
    }
}

/// HMAC of all parts in a row.
fn hmac(key: &[u8], parts: &[&[u8]]) -> Hash {
    // A key of any length is one: there is no other error.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; HASH] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

fn xor(a: &Hash, b: &Hash) -> Hash {
    let mut out = *a;
    out.iter_mut().zip(b).for_each(|(out, b)| *out ^= b);
    out
}

/// SASLprep of a name or password (RFC 4013); one that is empty afterwards is none.
///
/// # Errors
/// It has a character that may not stand in one.
pub fn prepare(text: &str) -> Result<String, ScramError> {
    let prepared = stringprep::saslprep(text).map_err(|_| ScramError::Unprepared)?;
    if prepared.is_empty() { Err(ScramError::Unprepared) } else { Ok(prepared.into_owned()) }
}
