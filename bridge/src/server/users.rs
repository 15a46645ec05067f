//! Users: those of `[[auth.user]]`, and those of a file in the data folder, which `switchboard user` changes while the program
//! runs or not. The file is its owner's alone to read.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use mqtt::scram::prepare;
use serde::{Deserialize, Serialize};

use super::config::{self, User};
use super::tokens::Tokens;
use super::{data, passwords, tls};
use crate::broker;

/// What stands above the users.
const HEAD: &str = "# Written by `switchboard user`, which changes it safely; a running switchboard takes it over at once.\n\n";

/// The whole file.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    user: Vec<User>,
}

/// The file of users in a data folder.
#[derive(Clone, Debug)]
pub struct UsersFile {
    path: PathBuf,
}

impl UsersFile {
    /// That of a configuration; none where nothing is kept.
    ///
    /// # Errors
    /// Nobody says where state lives, and the platform does not either.
    pub fn of(data: &config::Data) -> Result<Option<Self>> {
        Ok(data::place(data)?.map(|folder| Self { path: folder.join("users.toml") }))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who is in it: nobody where it is missing.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong.
    pub fn read(&self) -> Result<Vec<User>> {
        let shown = self.path.display();
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
        };
        let wrong = |error: toml::de::Error| anyhow!("{}", config::with_hint(&error.to_string()));
        let table: Table =
            toml::from_str(&text).map_err(wrong).with_context(|| format!("{shown} is damaged"))?;
        self::table(&table.user, &shown.to_string())?;
        if fs::metadata(&self.path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0) {
            tracing::warn!("{shown} can be read by others: chmod 600 it");
        }
        Ok(table.user)
    }

    /// Changes who is in it. Others that want to at the same time wait; who reads it sees it before or after.
    ///
    /// # Errors
    /// It cannot be read or written, or the change is refused.
    pub fn change<T>(&self, change: impl FnOnce(&mut Vec<User>) -> Result<T>) -> Result<T> {
        let shown = self.path.display();
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        let made = fs::DirBuilder::new().recursive(true).create(folder);
        made.with_context(|| {
            format!("{} cannot be made; name another folder with --data", folder.display())
        })?;
        let unwritable = || format!("{shown} cannot be written");
        let lock = private(&self.path.with_extension("lock")).with_context(unwritable)?;
        lock.lock().with_context(unwritable)?;
        let mut table = Table { user: self.read()? };
        let done = change(&mut table.user)?;
        self::table(&table.user, &shown.to_string())?;
        let text = toml::to_string(&table).with_context(unwritable)?;
        let new = self.path.with_extension("new");
        let write = || -> std::io::Result<()> {
            let mut file = private(&new)?;
            file.set_len(0)?;
            file.write_all((HEAD.to_owned() + &text).as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            File::open(folder)?.sync_all()
        };
        write().with_context(unwritable)?;
        Ok(done)
    }
}

fn private(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Whether one of them has this name, which is prepared.
#[must_use]
pub fn is_in(users: &[User], name: &str) -> bool {
    users.iter().any(|user| is(user, name))
}

/// Whether a user has this name, which is prepared.
#[must_use]
pub fn is(user: &User, name: &str) -> bool {
    prepare(&user.name).is_ok_and(|prepared| prepared == name)
}

/// The broker's table of these users; `place` is where they stand.
///
/// # Errors
/// A name or hash is none, or a name stands there twice.
pub fn table(users: &[User], place: &str) -> Result<broker::Users> {
    let mut table = broker::Users::default();
    add(&mut table, users, place)?;
    Ok(table)
}

/// Adds users to a table.
pub(super) fn add(table: &mut broker::Users, users: &[User], place: &str) -> Result<()> {
    for User { name, password, scram, groups } in users {
        let at = || format!("{place} {name:?}");
        let prepared = prepare(name).map_err(|why| anyhow!("{}: {why}", at()))?;
        ensure!(prepared != broker::ANONYMOUS, "{}: so are clients called that come without a user", at());
        ensure!(password.is_some() || scram.is_some(), "{} has neither password nor scram", at());
        if let Some(hash) = password {
            passwords::check_form(hash).with_context(|| format!("{}: password", at()))?;
        }
        let scram = scram.as_deref().map(str::parse).transpose().map_err(|why| anyhow!("{}: {why}", at()))?;
        let user = broker::User {
            scram,
            password: password.as_deref().map(Into::into),
            groups: groups.iter().map(|group| group.as_str().into()).collect(),
        };
        ensure!(table.insert(&prepared, user).is_none(), "{} stands there twice", at());
    }
    Ok(())
}

/// All that a configuration and its data folder say of who may come, and whose tokens count.
///
/// # Errors
/// Something of it is wrong, a user is in both, or a key cannot be read.
pub fn access(file: &config::File) -> Result<(broker::Access, Option<Arc<Tokens>>)> {
    let config = file.broker()?;
    let mut users = Arc::unwrap_or_clone(config.users);
    if let Some(kept) = UsersFile::of(&file.data)? {
        add(&mut users, &kept.read()?, &kept.path().display().to_string())?;
    }
    let tokens = file.auth.jwt.as_ref().map(Tokens::read).transpose().context("[auth.jwt]")?.flatten();
    users.vouchers = tokens.as_ref().map(Tokens::vouchers).unwrap_or_default();
    if tls::certifies_users(&file.tls)? {
        users.vouchers.push(broker::Grant::CERTIFICATE);
    }
    let access = broker::Access { anonymous: config.anonymous, users: users.into(), rules: config.rules };
    Ok((access, tokens.map(Arc::new)))
}

/// What rules say of somebody who is nobody: users and groups that there are not. They may come later, but most are misspelt.
/// Where tokens or certificates bring names that stand nowhere here, nothing is said.
///
/// # Errors
/// As for [`access`].
pub fn nobody(file: &config::File) -> Result<Vec<String>> {
    if file.auth.jwt.is_some() || file.tls.client_ca.is_some() {
        return Ok(Vec::new());
    }
    let kept = UsersFile::of(&file.data)?.map(|kept| kept.read()).transpose()?.unwrap_or_default();
    let all: Vec<&User> = file.auth.user.iter().chain(&kept).collect();
    let names: Vec<&str> = all.iter().map(|user| &*user.name).chain([broker::ANONYMOUS]).collect();
    let groups: Vec<&str> = all.iter().flat_map(|user| &user.groups).map(|group| &**group).collect();
    let mut said = Vec::new();
    for (at, rule) in file.auth.rule.iter().enumerate() {
        let line = file.auth.rule_lines.get(at).copied().unwrap_or_default();
        let rule = rule.get_ref();
        for (what, named, known) in [("user", &rule.user, &names), ("group", &rule.group, &groups)] {
            let Some(named) = named.as_deref().filter(|named| !is_among(named, known)) else { continue };
            let near = known.iter().map(|name| (strsim::damerau_levenshtein(named, name), name)).min();
            let near = near.filter(|(distance, _)| *distance <= 2);
            let hint = near.map(|(_, name)| format!("; did you mean {name:?}?")).unwrap_or_default();
            said.push(format!(
                "[[auth.rule]] {} (line {line}) names the {what} {named:?}, which there is not{hint}",
                at + 1
            ));
        }
    }
    Ok(said)
}

/// Names are compared as logins bring them.
fn is_among(name: &str, known: &[&str]) -> bool {
    let prepared = prepare(name).ok();
    known.iter().any(|other| *other == name || (prepared.is_some() && prepare(other).ok() == prepared))
}
