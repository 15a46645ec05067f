//! Logins of browsers: who holds a cookie is a user until the login ends. Only a hash of what the cookie carries is kept, in the
//! data folder, readable by its owner alone. It knows neither HTTP nor who may log in.
//!
//! A login ends when it was not used for a while, after a bounded time in any case, when it is revoked, and when its user is gone
//! or has another password.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use mqtt::Instant;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::clock;
use crate::broker::{Identity, User, Users};

/// Random bytes of a token.
const TOKEN: usize = 32;
/// Logins of one user at once: the one that was not used for the longest makes room.
const PER_USER: usize = 64;
/// Characters of a browser's name that are kept.
const AGENT: usize = 200;

/// How long logins last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetime {
    /// Without being used.
    pub(super) idle: Duration,
    /// In any case.
    pub(super) most: Duration,
}

/// All logins.
#[derive(Debug)]
pub(super) struct Logins {
    lifetime: Lifetime,
    /// None where nothing is kept.
    path: Option<PathBuf>,
    inner: RefCell<Inner>,
    /// One writes at a time, and what it writes is how things are then.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By the hash of what the cookie carries.
    by_hash: BTreeMap<Hash, Login>,
}

type Hash = [u8; 32];

#[derive(Debug)]
struct Login {
    record: Record,
    /// What its connections have in common. As long as one of them is there, it is in use.
    identity: Arc<Identity>,
}

/// A login as it is kept. Times are milliseconds since 1970.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Record {
    /// The hash of what the cookie carries.
    hash: String,
    number: u64,
    user: String,
    /// A hash of what the user logged in with: another password ends the login.
    secret: String,
    began_ms: u64,
    used_ms: u64,
    address: IpAddr,
    agent: String,
}

/// A login for people.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// By which it is named in addresses. It lets nobody in.
    pub(super) id: String,
    pub(super) user: String,
    pub(super) began_ms: u64,
    pub(super) used_ms: u64,
    /// When it ends if it is not used.
    pub(super) ends_ms: u64,
    /// From where it began.
    pub(super) address: IpAddr,
    /// What the browser calls itself.
    pub(super) agent: String,
    /// Whether a page is connected by it now.
    pub(super) is_connected: bool,
}

impl Logins {
    /// Those that are kept in a folder. Where they cannot be read, all have to log in again.
    pub(super) fn open(folder: Option<&Path>, lifetime: Lifetime, now: Instant) -> Self {
        let path = folder.map(|folder| folder.join("logins.json"));
        let mut inner = Inner::default();
        for record in path.as_deref().map(read).unwrap_or_default() {
            let hash = Base64UrlUnpadded::decode_vec(&record.hash).ok().and_then(|hash| hash.try_into().ok());
            if let Some(hash) = hash {
                inner.by_hash.insert(hash, Login::new(record, lifetime, now));
            }
        }
        Self { lifetime, path, inner: RefCell::new(inner), writing: tokio::sync::Mutex::default() }
    }

    /// A new login of a user. Gives what the cookie is to carry, and the numbers of those that have made room for it.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(super) fn begin(
        &self,
        user: (&str, &User),
        from: (IpAddr, &str),
        now: Instant,
    ) -> Result<(String, Vec<u64>)> {
        let random = "the system gives no random numbers";
        let mut token = [0; TOKEN];
        getrandom::fill(&mut token).context(random)?;
        let token = Base64UrlUnpadded::encode_string(&token);
        let hash: Hash = Sha256::digest(&token).into();
        let now_ms = clock::unix_ms();
        let record = Record {
            hash: Base64UrlUnpadded::encode_string(&hash),
            // Exact also where numbers are floats.
            number: (getrandom::u64().context(random)? >> 11).max(1),
            user: user.0.to_owned(),
            secret: secret(user.1),
            began_ms: now_ms,
            used_ms: now_ms,
            address: from.0,
            agent: from.1.chars().take(AGENT).collect(),
        };
        let inner = &mut *self.inner.borrow_mut();
        let ended = inner.make_room(user.0);
        inner.by_hash.insert(hash, Login::new(record, self.lifetime, now));
        Ok((token, ended))
    }

    /// Who holds this token, which counts as use.
    pub(super) fn find(&self, token: &str, users: &Users) -> Option<Arc<Identity>> {
        // Looked up by its hash: how long that takes tells nothing about another that would be right.
        let hash: Hash = Sha256::digest(token).into();
        let inner = &mut *self.inner.borrow_mut();
        let now_ms = clock::unix_ms();
        let login = inner.by_hash.get_mut(&hash)?;
        if !login.lasts(self.lifetime, now_ms) || !login.is_of(users) {
            inner.by_hash.remove(&hash);
            return None;
        }
        login.record.used_ms = now_ms;
        Some(Arc::clone(&login.identity))
    }

    /// Ends one, and gives its user. Its connections are the caller's business.
    pub(super) fn end(&self, number: u64) -> Option<String> {
        let inner = &mut *self.inner.borrow_mut();
        let hash = inner.by_hash.iter().find(|(_, login)| login.record.number == number);
        let hash = hash.map(|(&hash, _)| hash)?;
        inner.by_hash.remove(&hash).map(|login| login.record.user)
    }

    /// Whose a login is.
    pub(super) fn user_of(&self, number: u64) -> Option<String> {
        let inner = self.inner.borrow();
        let login = inner.by_hash.values().find(|login| login.record.number == number)?;
        Some(login.record.user.clone())
    }

    /// Those that have not ended, the last used first.
    pub(super) fn list(&self, users: &Users) -> Vec<Shown> {
        let inner = &mut *self.inner.borrow_mut();
        let now_ms = clock::unix_ms();
        inner.by_hash.retain(|_, login| login.lasts(self.lifetime, now_ms) && login.is_of(users));
        let mut list: Vec<_> = inner.by_hash.values().map(|login| login.shown(self.lifetime)).collect();
        list.sort_by(|a, b| b.used_ms.cmp(&a.used_ms).then_with(|| a.id.cmp(&b.id)));
        list
    }

    /// Writes them down.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) async fn keep(&self) -> Result<()> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let _one = self.writing.lock().await;
        let text = {
            let inner = &mut *self.inner.borrow_mut();
            let now_ms = clock::unix_ms();
            inner.by_hash.retain(|_, login| login.lasts(self.lifetime, now_ms));
            let records: Vec<_> = inner.by_hash.values().map(|login| &login.record).collect();
            serde_json::to_string(&records)?
        };
        tokio::task::spawn_blocking(move || {
            write(&path, &text).with_context(|| format!("{} cannot be written", path.display()))
        })
        .await?
    }
}

impl Inner {
    fn make_room(&mut self, user: &str) -> Vec<u64> {
        let mut of_user: Vec<_> =
            self.by_hash.iter().filter(|(_, login)| login.record.user == user).collect();
        of_user.sort_by_key(|(_, login)| login.record.used_ms);
        let surplus = (of_user.len() + 1).saturating_sub(PER_USER);
        let gone: Vec<_> = of_user.iter().take(surplus).map(|(hash, _)| **hash).collect();
        gone.iter().filter_map(|hash| Some(self.by_hash.remove(hash)?.record.number)).collect()
    }
}

impl Login {
    fn new(record: Record, lifetime: Lifetime, now: Instant) -> Self {
        let left_ms = (record.began_ms + millis(lifetime.most)).saturating_sub(clock::unix_ms());
        let user = record.user.as_str().into();
        let until = Some(now + Duration::from_millis(left_ms));
        let identity = Identity { login: record.number, until, ..Identity::of_user(user) };
        Self { record, identity: Arc::new(identity) }
    }

    /// Whether it has not ended by itself. Being connected is use.
    fn lasts(&mut self, lifetime: Lifetime, now_ms: u64) -> bool {
        if self.is_connected() {
            self.record.used_ms = now_ms;
        }
        now_ms < self.ends_ms(lifetime)
    }

    fn ends_ms(&self, lifetime: Lifetime) -> u64 {
        let Record { began_ms, used_ms, .. } = self.record;
        (used_ms + millis(lifetime.idle)).min(began_ms + millis(lifetime.most))
    }

    fn is_of(&self, users: &Users) -> bool {
        users.get(&self.record.user).is_some_and(|user| secret(user) == self.record.secret)
    }

    fn is_connected(&self) -> bool {
        Arc::strong_count(&self.identity) > 1
    }

    fn shown(&self, lifetime: Lifetime) -> Shown {
        let Record { number, user, began_ms, used_ms, address, agent, .. } = self.record.clone();
        let (ends_ms, is_connected) = (self.ends_ms(lifetime), self.is_connected());
        Shown { id: id(number), user, began_ms, used_ms, ends_ms, address, agent, is_connected }
    }
}

/// How a login is named in addresses.
pub(super) fn id(number: u64) -> String {
    format!("{number:x}")
}

/// The number of a login by its name.
pub(super) fn number(id: &str) -> Option<u64> {
    u64::from_str_radix(id, 16).ok().filter(|&number| self::id(number) == id)
}

/// What a user logs in with, so that it can be seen whether that has changed.
fn secret(user: &User) -> String {
    let password = user.password.as_deref().unwrap_or_default();
    let scram = user.scram.as_ref().map(ToString::to_string).unwrap_or_default();
    Base64UrlUnpadded::encode_string(&Sha256::digest(format!("{password}\n{scram}")))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 4)
}

fn read(path: &Path) -> Vec<Record> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::error!(
                "{} cannot be read, so every browser has to log in again: {error}",
                path.display()
            );
            return Vec::new();
        }
    };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::error!("{} is damaged, so every browser has to log in again: {error}", path.display());
        Vec::new()
    })
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Lifetime =
        Lifetime { idle: Duration::from_secs(7 * 86400), most: Duration::from_secs(30 * 86400) };
    const HOME: (IpAddr, &str) = (IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), "Firefox");

    fn users(password: &str) -> Users {
        let mut users = Users::default();
        users.insert("alice", User { password: Some(password.into()), ..User::default() });
        users
    }

    fn logins(lifetime: Lifetime) -> Logins {
        Logins::open(None, lifetime, Instant::START)
    }

    fn begin(logins: &Logins, users: &Users) -> String {
        let user = ("alice", users.get("alice").unwrap());
        logins.begin(user, HOME, Instant::START).unwrap().0
    }

    #[test]
    fn a_token_is_its_users_until_the_login_ends() {
        let (logins, users) = (logins(WEEK), users("A"));
        let (one, two) = (begin(&logins, &users), begin(&logins, &users));
        assert!(one.len() >= 43 && one != two, "256 bits: {one}");
        let identity = logins.find(&one, &users).unwrap();
        assert_eq!((&*identity.user, logins.user_of(identity.login).as_deref()), ("alice", Some("alice")));
        assert!(identity.until.is_some() && identity.grant.is_none());
        assert!(logins.find("", &users).is_none() && logins.find(&one[1..], &users).is_none());
        assert_eq!(logins.end(identity.login).as_deref(), Some("alice"));
        assert!(logins.find(&one, &users).is_none() && logins.find(&two, &users).is_some());
        assert_eq!(logins.end(identity.login), None);
    }

    #[test]
    fn another_password_or_no_user_ends_it() {
        let (logins, before) = (logins(WEEK), users("A"));
        for after in [users("B"), Users::default()] {
            let token = begin(&logins, &before);
            assert!(logins.find(&token, &before).is_some());
            assert!(logins.find(&token, &after).is_none());
            assert!(logins.find(&token, &before).is_none(), "it does not come back");
        }
    }

    #[test]
    fn it_ends_when_it_is_not_used_or_was_long_enough() {
        let users = users("A");
        let none = Lifetime { idle: Duration::ZERO, ..WEEK };
        let logins = logins(none);
        let token = begin(&logins, &users);
        assert!(logins.find(&token, &users).is_none(), "unused");
        let token = begin(&logins, &users);
        let held = Arc::clone(&logins.inner.borrow().by_hash.values().next().unwrap().identity);
        let lasting = Lifetime { idle: Duration::from_secs(1), most: Duration::ZERO };
        let ended = Logins { lifetime: lasting, ..logins };
        assert!(ended.find(&token, &users).is_none(), "used, but over");
        drop(held);
    }

    #[test]
    fn one_user_has_so_many_and_no_more() {
        let (logins, users) = (logins(WEEK), users("A"));
        let first = begin(&logins, &users);
        let number = logins.find(&first, &users).unwrap().login;
        logins.inner.borrow_mut().by_hash.values_mut().for_each(|login| login.record.used_ms -= 1000);
        let user = ("alice", users.get("alice").unwrap());
        let ended: Vec<_> =
            (0..PER_USER).flat_map(|_| logins.begin(user, HOME, Instant::START).unwrap().1).collect();
        assert_eq!(ended, [number], "the one that was not used for the longest");
        assert_eq!(logins.list(&users).len(), PER_USER);
    }

    #[test]
    fn names_in_addresses_are_of_one_form() {
        assert_eq!(number(&id(0xabc)), Some(0xabc));
        for bad in ["", "0abc", "+abc", "ABC", "abc ", "fffffffffffffffff"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }
}
