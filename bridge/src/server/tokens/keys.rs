//! Keys that tokens are checked with: a secret of our own, and the public ones of a JSON Web Key Set (RFC 7517).

use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ring::{hmac, signature};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Bytes of a secret, at least (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;
/// Bytes of a coordinate of P-256.
const COORDINATE: usize = 32;
/// Bits of an RSA key: fewer can be broken (RFC 7518, 3.3), more would take long to check.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// How a token is signed (RFC 7518, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
}

/// A key, which is of one algorithm.
#[derive(Debug)]
pub(super) struct Key {
    /// How a token names it, if it has a name.
    pub(super) name: Option<String>,
    /// The same for the same key, by which the broker knows it.
    pub(super) number: u64,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Secret(hmac::Key),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point of P-256, uncompressed.
    P256(Vec<u8>),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Entry>,
}

/// What is read of a key.
#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Algorithm {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

impl Key {
    /// That of a file with a secret; a line's end is not part of it.
    pub(super) fn of_secret(text: &[u8]) -> Result<Self> {
        let secret = text.strip_suffix(b"\n").unwrap_or(text);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        ensure!(
            secret.len() >= SHORTEST_SECRET,
            "a secret for HS256 has {SHORTEST_SECRET} bytes or more, such as of `openssl rand -base64 48`"
        );
        let material = Material::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret));
        Ok(Self { name: None, number: number(&[b"HS256", secret]), material })
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Secret(_) => Algorithm::Hs256,
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
        }
    }

    /// Whether this key has signed a message. A secret's signature is compared in constant time.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Rsa { n, e } => signature::RsaPublicKeyComponents { n, e }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Material::P256(point) => {
                let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
        }
    }
}

/// The keys of a set that can be used; the others are named in the log.
pub(super) fn of_set(text: &str) -> Result<Vec<Key>> {
    let set: Set = serde_json::from_str(text).context("no JSON Web Key Set")?;
    let mut keys = Vec::new();
    for (at, entry) in set.keys.into_iter().enumerate() {
        let name = entry.kid.clone().unwrap_or_else(|| format!("number {}", at + 1));
        match entry.key().with_context(|| format!("the key {name}"))? {
            Some(key) => keys.push(key),
            None => tracing::warn!(
                key = name,
                "a key of the set is neither for RS256 nor for ES256, and not used"
            ),
        }
    }
    Ok(keys)
}

impl Entry {
    /// The key; none when it is one of another kind.
    fn key(self) -> Result<Option<Key>> {
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return Ok(None);
        }
        let is_for = |name: &str| self.alg.as_deref().is_none_or(|alg| alg == name);
        let (number, material) = match self.kty.as_str() {
            "RSA" if is_for("RS256") => {
                let (n, e) = (number_of("n", self.n.as_deref())?, number_of("e", self.e.as_deref())?);
                let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
                ensure!(
                    RSA_BITS.contains(&bits),
                    "an RSA key of {bits} bits: use {} to {}",
                    RSA_BITS.start(),
                    RSA_BITS.end()
                );
                (number(&[b"RS256", &n, &e]), Material::Rsa { n, e })
            }
            "EC" if is_for("ES256") && self.crv.as_deref() == Some("P-256") => {
                let (x, y) = (bytes("x", self.x.as_deref())?, bytes("y", self.y.as_deref())?);
                ensure!(
                    x.len() == COORDINATE && y.len() == COORDINATE,
                    "its point is not of {COORDINATE} and {COORDINATE} bytes"
                );
                let point = [&[4][..], &x, &y].concat();
                (number(&[b"ES256", &point]), Material::P256(point))
            }
            _ => return Ok(None),
        };
        Ok(Some(Key { name: self.kid, number, material }))
    }
}

/// A number without zeros before it.
fn number_of(name: &str, text: Option<&str>) -> Result<Vec<u8>> {
    let bytes = bytes(name, text)?;
    let number: Vec<_> = bytes.into_iter().skip_while(|&byte| byte == 0).collect();
    ensure!(!number.is_empty(), "its {name} is zero");
    Ok(number)
}

fn bytes(name: &str, text: Option<&str>) -> Result<Vec<u8>> {
    let text = text.with_context(|| format!("its {name} is missing"))?;
    Base64UrlUnpadded::decode_vec(text).map_err(|_| anyhow::anyhow!("its {name} is no base64url"))
}

fn number(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    hash.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}
