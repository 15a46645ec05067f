//! Passwords: how they are hashed, how one is checked against a hash, and the threads that do so and look at tokens. It knows no
//! user.
//!
//! Ours are argon2id, which takes some 20 ms and 19 MiB on purpose. Those of Mosquitto's password files are checked as they are.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64, Encoding as _};
use pbkdf2::pbkdf2_hmac;
use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::clock::Clock;
use super::tokens::Keyring;
use crate::broker::{Check, Checked, ConnectionId};

/// Bytes of a salt.
const SALT: usize = 16;
/// Checks of one shard that may wait. At 20 ms each the last of them has its answer well before its client gives up.
const WAITING: usize = 256;
/// KiB that a hash may ask for, so that a file cannot ask for all there is.
const MAX_KIB: u32 = 1 << 20;
/// Rounds of PBKDF2 that a hash may ask for.
const MAX_ROUNDS: u32 = 10_000_000;

/// A hash of a password with a salt of its own.
///
/// # Errors
/// The system gives no random numbers.
pub fn hash(password: &[u8]) -> Result<String> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).context("the system gives no random numbers")?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| anyhow!("{error}"))?;
    // What OWASP recommends: 19 MiB, 2 passes, one lane.
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
    let hash = argon2.hash_password(password, &salt).map_err(|error| anyhow!("{error}"))?;
    Ok(hash.to_string())
}

/// Whether a text is a hash that can be checked.
///
/// # Errors
/// It is not; the text says what could be.
pub fn check_form(hash: &str) -> Result<()> {
    Hash::parse(hash).map(drop)
}

/// A hash taken apart.
enum Hash<'a> {
    Argon2(Box<(Argon2<'static>, PasswordHash<'a>)>),
    /// Mosquitto's `$7$rounds$salt$hash`.
    Pbkdf2 {
        rounds: u32,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    /// Mosquitto's `$6$salt$hash`: SHA-512 of the password and the salt.
    Sha512 {
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
}

impl<'a> Hash<'a> {
    fn parse(text: &'a str) -> Result<Self> {
        let known = "use `switchboard user add`, or a line of Mosquitto's password file";
        let base64 = |text: &str| Base64::decode_vec(text).map_err(|_| anyhow!("its base64 is damaged"));
        let sha512 = |text: &str| {
            let hash = base64(text)?;
            ensure!(hash.len() == 64, "its hash has {} bytes instead of 64", hash.len());
            Ok(hash)
        };
        let parts: Vec<_> = text.split('$').collect();
        match *parts {
            ["", "7", rounds, salt, hash] => {
                let rounds = rounds.parse().ok().filter(|rounds| (1..=MAX_ROUNDS).contains(rounds));
                let rounds = rounds.with_context(|| format!("use 1 to {MAX_ROUNDS} rounds"))?;
                Ok(Self::Pbkdf2 { rounds, salt: base64(salt)?, hash: sha512(hash)? })
            }
            ["", "6", salt, hash] => Ok(Self::Sha512 { salt: base64(salt)?, hash: sha512(hash)? }),
            ["", "argon2id", ..] => {
                let hash =
                    PasswordHash::new(text).map_err(|error| anyhow!("no argon2id hash: {error}; {known}"))?;
                let params =
                    Params::try_from(&hash).map_err(|error| anyhow!("no argon2id hash: {error}; {known}"))?;
                ensure!(params.m_cost() <= MAX_KIB, "it asks for more than {MAX_KIB} KiB");
                ensure!(
                    hash.hash.is_some() && hash.salt.is_some(),
                    "no argon2id hash: it is cut off; {known}"
                );
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                Ok(Self::Argon2(Box::new((argon2, hash))))
            }
            _ => Err(anyhow!("no hash of a password that can be checked; {known}")),
        }
    }

    fn is_of(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(both) => both.0.verify_password(password, &both.1).is_ok(),
            Self::Pbkdf2 { rounds, salt, hash } => {
                let mut ours = [0; 64];
                pbkdf2_hmac::<Sha512>(password, salt, *rounds, &mut ours);
                ours.as_slice().ct_eq(hash).into()
            }
            Self::Sha512 { salt, hash } => {
                let ours = Sha512::new().chain_update(password).chain_update(salt).finalize();
                ours.as_slice().ct_eq(hash).into()
            }
        }
    }
}

/// Whether this is the password of a hash. One that cannot be checked is nobody's.
pub(super) fn is_right(hash: &str, password: &[u8]) -> bool {
    Hash::parse(hash).is_ok_and(|hash| hash.is_of(password))
}

/// The answer to one check.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) connection: ConnectionId,
    pub(super) number: u64,
    pub(super) checked: Checked,
}

/// The threads that check passwords for one shard.
#[derive(Debug)]
pub(super) struct Checker {
    queue: SyncSender<Check>,
    answers: UnboundedSender<Answer>,
}

impl Checker {
    /// Starts them, half as many as there are cores and four at most. The answers come out at the other end.
    pub(super) fn start(keyring: &Keyring, clock: Clock) -> (Self, UnboundedReceiver<Answer>) {
        let (queue, waiting) = sync_channel(WAITING);
        let (answers, told) = unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..(cores / 2).clamp(1, 4) {
            let (waiting, answers, keyring) = (Arc::clone(&waiting), answers.clone(), keyring.clone());
            let work = move || work(&waiting, &answers, (&keyring, clock));
            if let Err(error) = thread::Builder::new().name("passwords".into()).spawn(work) {
                tracing::error!(%error, "a thread that checks passwords could not be started");
            }
        }
        (Self { queue, answers }, told)
    }

    /// Lets a password be checked; one too many is answered at once.
    pub(super) fn check(&self, check: Check) {
        let Err(TrySendError::Full(check) | TrySendError::Disconnected(check)) = self.queue.try_send(check)
        else {
            return;
        };
        let Check { connection, number, .. } = check;
        let _ = self.answers.send(Answer { connection, number, checked: Checked::Busy }); // the shard that waits has it
    }
}

fn work(
    waiting: &Mutex<Receiver<Check>>,
    answers: &UnboundedSender<Answer>,
    (keyring, clock): (&Keyring, Clock),
) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Check { connection, number, hash, password }) = next else { return };
        let checked = match hash {
            Some(hash) if is_right(&hash, &password) => Checked::Right,
            Some(_) => Checked::Wrong,
            None => keyring
                .check(&password, clock)
                .map_or_else(Checked::BadToken, |who| Checked::Token(who.into())),
        };
        if answers.send(Answer { connection, number, checked }).is_err() {
            return; // the shard is gone
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `mosquitto_passwd -H sha512-pbkdf2` and `-H sha512`, both of `pencil`.
    const PBKDF2: &str = "$7$101$E7qumMw3rpX6HxR/$5bkYBHsogSraog7uqGbB0ya6mjNq1knts52DBjNAM9h+DtflvMJ4wm5ar+AW+pnBGKQPIkhdTfJr/G4WD5vxYw==";
    const SHA512: &str = "$6$M7Dfb6w3ZMSpfCP+$cNCEztVmKLcH9s7ScnjeEuyLo9/NPkjkQOeVAMpuB6VKJApx212BIGcofqcb5ya2E5ITajynFOUhdUi9SMjL1g==";

    #[test]
    fn a_hash_is_of_its_password_alone() {
        let ours = hash(b"pencil").unwrap();
        assert!(ours.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{ours}");
        for hash in [&*ours, PBKDF2, SHA512] {
            check_form(hash).unwrap();
            assert!(is_right(hash, b"pencil"), "{hash}");
            assert!(!is_right(hash, b"pencils") && !is_right(hash, b""), "{hash}");
        }
        assert_ne!(ours, hash(b"pencil").unwrap(), "each has its own salt");
    }

    #[test]
    fn what_is_no_hash_is_nobodys_and_says_what_would_be_one() {
        let short = "$7$101$AAAA$AAAA";
        let greedy = "$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA";
        for text in
            ["", "pencil", "$6$", "$6$!$!", short, "$7$0$AAAA$AAAA", "$argon2id$v=19$m=8,t=1,p=1", greedy]
        {
            assert!(check_form(text).is_err(), "{text}");
            assert!(!is_right(text, b"") && !is_right(text, b"pencil"), "{text}");
        }
        assert!(check_form("pencil").unwrap_err().to_string().contains("switchboard user add"));
    }
}
