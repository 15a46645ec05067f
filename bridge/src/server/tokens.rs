//! Tokens (JSON Web Tokens, RFC 7519, 8725) that another server has signed: whether one counts, and what it says of its user. It
//! knows no connection.
//!
//! A key is of one algorithm and is asked about no other: what a token says of its algorithm chooses among the keys, and can make
//! nothing of a key that it is not. There is no key for `none`. Nothing of a token is believed before its signature is.

mod claims;
mod keys;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use mqtt::Instant;
use serde::Deserialize;

use self::claims::Claims;
use self::keys::{Algorithm, Key};
use super::clock::{self, Clock};
use super::config::Jwt;
use crate::broker::{Grant, Identity};

/// Bytes of a token.
const MAX_BYTES: usize = 16 << 10;
/// No connection lasts longer by one token.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Whose tokens count, and what is read in them.
#[derive(Debug)]
pub struct Tokens {
    keys: Vec<Key>,
    settings: Jwt,
}

/// The tokens that count now, for all who check some.
#[derive(Clone, Debug, Default)]
pub(super) struct Keyring(Arc<RwLock<Option<Arc<Tokens>>>>);

/// What stands before the claims. Other fields say nothing that would be believed.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that would have to be understood.
    crit: Option<serde_json::Value>,
}

impl Keyring {
    pub(super) fn set(&self, tokens: Option<Arc<Tokens>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    /// Those that count now; none where no tokens are taken.
    pub(super) fn tokens(&self) -> Option<Arc<Tokens>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a token says.
    ///
    /// # Errors
    /// It does not count, for this reason.
    pub(super) fn check(&self, token: &[u8], clock: Clock) -> Result<Identity, String> {
        let tokens = self.tokens().ok_or("no tokens are taken here")?;
        tokens.check(token, clock::unix_ms() / 1000, clock.now())
    }
}

impl Tokens {
    /// Reads the keys; none where the settings name no file.
    ///
    /// # Errors
    /// A file cannot be read, or has no key that can be used.
    pub fn read(settings: &Jwt) -> Result<Option<Self>> {
        let mut keys = Vec::new();
        if let Some(path) = &settings.secret_file {
            let secret = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            keys.push(Key::of_secret(&secret).with_context(|| format!("{}", path.display()))?);
        }
        if let Some(path) = &settings.jwks_file {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            keys.extend(keys::of_set(&text).with_context(|| format!("{}", path.display()))?);
            ensure!(!keys.is_empty(), "{} has no key for RS256 or ES256", path.display());
        }
        Ok((!keys.is_empty()).then(|| Self { keys, settings: settings.clone() }))
    }

    /// Those that this secret has signed.
    ///
    /// # Errors
    /// It is too short.
    pub fn of_secret(secret: &[u8], settings: Jwt) -> Result<Self> {
        Ok(Self { keys: vec![Key::of_secret(secret)?], settings })
    }

    /// The keys by which it is said who may vouch for users.
    #[must_use]
    pub fn vouchers(&self) -> Vec<u64> {
        self.keys.iter().map(|key| key.number).collect()
    }

    /// What a token says at this moment, in seconds since 1970 and by the server's clock.
    ///
    /// # Errors
    /// It does not count, for this reason.
    pub fn check(&self, token: &[u8], unix_s: u64, now: Instant) -> Result<Identity, String> {
        let token = std::str::from_utf8(token).ok().filter(|token| token.len() <= MAX_BYTES);
        let token = token.ok_or("the token is too long, or no text")?;
        let (signed, signature) = token.rsplit_once('.').ok_or("the token has not three parts")?;
        let (header, payload) = signed.split_once('.').ok_or("the token has not three parts")?;
        let part = |what: &str, text: &str| {
            Base64UrlUnpadded::decode_vec(text).map_err(|_| format!("the token's {what} is no base64url"))
        };
        let header: Header = serde_json::from_slice(&part("header", header)?)
            .map_err(|_| "the token's header is not understood".to_owned())?;
        let key = self.key_of(&header, signed, &part("signature", signature)?)?;
        let claims = Claims::parse(&part("payload", payload)?)?;
        let left = claims.check(&self.settings, unix_s)?.min(LONGEST);
        let (groups, publish, subscribe) = claims.rights(&self.settings)?;
        let grant = Grant::new(key.number, groups, publish, subscribe);
        let user = claims.user(&self.settings)?;
        Ok(Identity { until: Some(now + left), grant: Some(grant.into()), ..Identity::of_user(user) })
    }

    /// The key that has signed this.
    fn key_of(&self, header: &Header, signed: &str, signature: &[u8]) -> Result<&Key, String> {
        if header.crit.is_some() {
            return Err("the token has critical extensions, which are not understood".into());
        }
        let algorithm = Algorithm::of_name(&header.alg)
            .ok_or("the token's algorithm is none of HS256, RS256 and ES256")?;
        let mut fitting = self.keys.iter().filter(|key| key.algorithm() == algorithm).peekable();
        if fitting.peek().is_none() {
            return Err(format!("there is no key for {}", header.alg));
        }
        let is_named = |key: &&Key| match (&key.name, &header.kid) {
            (Some(own), Some(named)) => own == named,
            _ => true,
        };
        let mut named = fitting.filter(is_named).peekable();
        if named.peek().is_none() {
            return Err("the token names a key that is not known".into());
        }
        named
            .find(|key| key.has_signed(signed.as_bytes(), signature))
            .ok_or_else(|| "the token's signature is wrong".into())
    }
}

/// Checks the settings alone.
///
/// # Errors
/// They contradict each other, or would let tokens in that were made for others.
pub(super) fn check_settings(settings: &Jwt) -> Result<()> {
    ensure!(
        settings.secret_file.is_some() || settings.jwks_file.is_some(),
        "[auth.jwt] needs secret_file for HS256, or jwks_file for RS256 and ES256"
    );
    ensure!(
        settings.jwks_file.is_none() || !settings.audience.is_empty(),
        "[auth.jwt] jwks_file needs audience: whoever has these keys also signs tokens for others, which are not to count here"
    );
    ensure!(settings.leeway_s <= 300, "[auth.jwt] leeway_s = {}: use at most 300", settings.leeway_s);
    Ok(())
}

#[cfg(test)]
mod tests;
