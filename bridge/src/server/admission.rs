//! What is known of those who come by HTTP: whether somebody owns this server yet, who is logged in, and where users are changed.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Semaphore;

use super::claim::Claim;
use super::config::User;
use super::http::Site;
use super::logins::{Lifetime, Logins};
use super::shards::Shards;
use super::users::UsersFile;
use super::{Options, data, reload};

/// Between two times at which it is written down that logins were used.
const PAUSE: Duration = Duration::from_secs(3600);
/// Passwords that are hashed for browsers at once.
const TURNS: usize = 2;

/// All of it.
#[derive(Debug)]
pub(crate) struct Admission {
    /// There is one where others could come and nobody could be let in at the start.
    pub(super) claim: Option<Claim>,
    pub(super) logins: Logins,
    pub(super) lifetime: Lifetime,
    /// For what takes a processor and memory on purpose, one after the other.
    pub(super) turns: Semaphore,
    /// How many wait for that or do it.
    pub(super) waiting: Cell<usize>,
    pub(super) options: Options,
    shards: Rc<Shards>,
}

/// Writes down from time to time that logins are used.
pub(super) async fn keep_on(site: Rc<Site>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if let Err(error) = site.admission.logins.keep().await {
            tracing::error!("{error:#}");
        }
    }
}

impl Admission {
    /// As things are at the start.
    ///
    /// # Errors
    /// Nobody says where state lives.
    pub(super) fn new(options: &Options, shards: &Rc<Shards>, claim: Option<Claim>) -> Result<Self> {
        let lifetime = options.file.auth.lifetime()?;
        let folder = data::place(&options.file.data)?;
        Ok(Self {
            claim,
            logins: Logins::open(folder.as_deref(), lifetime, shards.door.now()),
            lifetime,
            turns: Semaphore::new(TURNS),
            waiting: Cell::new(0),
            options: options.clone(),
            shards: Rc::clone(shards),
        })
    }

    /// Whether nobody owns this server yet.
    pub(super) fn is_unclaimed(&self) -> bool {
        self.claim.is_some() && !self.shards.access().can_log_in()
    }

    /// Where users are changed; none where nothing is kept.
    pub(super) fn users_file(&self) -> Result<Option<UsersFile>> {
        UsersFile::of(&self.options.file.data)
    }

    /// Users that stand in the configuration, where no browser changes them.
    pub(super) fn configured_users(&self) -> Vec<User> {
        let file = reload::settings(&self.options);
        file.unwrap_or_else(|_| self.options.file.clone()).auth.user
    }
}
