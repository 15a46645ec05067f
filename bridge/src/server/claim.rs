//! The claim of a server that nobody owns yet: a link that is printed once, and makes who opens it the first user. Until then other
//! machines get nothing.
//!
//! What the link carries stands behind its `#`: a browser sends that to no server and in no `Referer`.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use mqtt::Instant;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// How long a link counts. The next start prints another.
pub(super) const LIFE: Duration = Duration::from_secs(15 * 60);
/// Random bytes of a link: 128 bits, which is a code that a phone reads from afar.
const TOKEN: usize = 16;

/// The link of this start.
#[derive(Debug)]
pub(super) struct Claim(RefCell<Option<Link>>);

#[derive(Clone, Copy, Debug)]
struct Link {
    hash: [u8; 32],
    until: Instant,
}

/// Why a link does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is not the one that was printed.
    Wrong,
    /// It was, but its time is over.
    Over,
}

/// The right to make the first user. It goes back unless it is used.
#[derive(Debug)]
pub(super) struct Right<'a> {
    claim: &'a Claim,
    link: Option<Link>,
}

impl Claim {
    /// A new one, and what its link carries.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(super) fn new(now: Instant) -> Result<(Self, String)> {
        let mut token = [0; TOKEN];
        getrandom::fill(&mut token).context("the system gives no random numbers")?;
        let token = Base64UrlUnpadded::encode_string(&token);
        let link = Link { hash: Sha256::digest(&token).into(), until: now + LIFE };
        Ok((Self(RefCell::new(Some(link))), token))
    }

    /// Takes the right that a link gives: nobody else has it then.
    ///
    /// # Errors
    /// It gives none.
    pub(super) fn take(&self, token: &str, now: Instant) -> Result<Right<'_>, Refused> {
        let mut link = self.0.borrow_mut();
        let given: [u8; 32] = Sha256::digest(token).into();
        let Some(known) = *link else { return Err(Refused::Wrong) };
        if !bool::from(known.hash.ct_eq(&given)) {
            return Err(Refused::Wrong);
        }
        if known.until <= now {
            return Err(Refused::Over);
        }
        *link = None;
        Ok(Right { claim: self, link: Some(known) })
    }
}

impl Right<'_> {
    /// There is a first user.
    pub(super) fn use_up(mut self) {
        self.link = None;
    }
}

impl Drop for Right<'_> {
    fn drop(&mut self) {
        if self.link.is_some() {
            self.claim.0.replace(self.link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_counts_once_and_not_for_long() {
        let (claim, token) = Claim::new(Instant::START).unwrap();
        assert_eq!(token.len(), 22, "128 bits");
        let late = Instant::START + LIFE;
        assert_eq!(claim.take(&token, late).unwrap_err(), Refused::Over);
        for wrong in ["", &token[1..], &token.to_uppercase()] {
            assert_eq!(claim.take(wrong, Instant::START).unwrap_err(), Refused::Wrong, "{wrong}");
        }
        let right = claim.take(&token, Instant::START).unwrap();
        assert_eq!(claim.take(&token, Instant::START).unwrap_err(), Refused::Wrong, "once");
        drop(right);
        claim.take(&token, Instant::START).expect("it was not used").use_up();
        assert_eq!(claim.take(&token, Instant::START).unwrap_err(), Refused::Wrong, "used up");
        let (_, other) = Claim::new(Instant::START).unwrap();
        assert_ne!(token, other);
    }
}
