//! Tokens: whatever they say, what nobody has signed counts for nothing, and what somebody has ends when it says.

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use bridge::server::config::Jwt;
use bridge::server::tokens::Tokens;
use mqtt::Instant;
use ring::hmac;

const SECRET: &[u8] = b"a secret of the house, which has bytes enough";
/// The moment they are looked at, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

static KEY: LazyLock<hmac::Key> = LazyLock::new(|| hmac::Key::new(hmac::HMAC_SHA256, SECRET));
static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    let settings = Jwt { audience: vec!["house".into()], ..Jwt::default() };
    Tokens::of_secret(SECRET, settings).expect("it is long enough")
});

/// The first line is a header, the rest a payload.
pub fn check(bytes: &[u8]) {
    let at = |token: &str, unix_s| TOKENS.check(token.as_bytes(), unix_s, Instant::from_millis(1000));
    assert!(TOKENS.check(bytes, NOW, Instant::from_millis(1000)).is_err(), "nobody has signed it");
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (header, payload) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let text = [header, payload].map(Base64UrlUnpadded::encode_string).join(".");
    let signature = Base64UrlUnpadded::encode_string(hmac::sign(&KEY, text.as_bytes()).as_ref());
    let Ok(who) = at(&format!("{text}.{signature}"), NOW) else { return };
    assert!(!who.user.is_empty(), "it is somebody's");
    assert!(who.until.is_some() && who.grant.is_some(), "it ends, and brings what it brings");
    assert!(at(&format!("{text}.{signature}"), u64::MAX).is_err(), "it has ended");
    // One bit more or less, and it counts no more.
    let mut other = text.into_bytes();
    if let Some(last) = other.last_mut() {
        *last = if *last == b'A' { b'B' } else { b'A' };
    }
    let other = String::from_utf8(other).expect("base64");
    assert!(at(&format!("{other}.{signature}"), NOW).is_err(), "the signature is of something else");
}
