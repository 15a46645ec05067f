//! `switchboard user`: who may log in. Passwords come by standard input and become what nobody can log in with.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use mqtt::scram::{Credentials, MIN_ITERATIONS, prepare};

use crate::server::config::{File, User};
use crate::server::passwords;
use crate::server::users::{UsersFile, is, is_in};

/// Bytes of a salt.
const SALT: usize = 16;

/// Reads a password from standard input and gives the user's table of `switchboard.toml`.
///
/// # Errors
/// The name or the password cannot be one, or cannot be read.
pub fn user_entry(name: &str) -> Result<String> {
    prepare(name).with_context(|| format!("the name {name:?} cannot be a user's"))?;
    entry(name, &read_password()?, &salt()?)
}

/// Reads a password from standard input and makes this a user of the data folder, or changes its password.
///
/// # Errors
/// As for [`user_entry`]; or it stands in the configuration, or the file of users cannot be changed.
pub fn add_user(file: &File, name: &str, groups: Vec<String>, with_scram: bool) -> Result<String> {
    let users = users_file(file)?;
    let name = prepare(name).with_context(|| format!("the name {name:?} cannot be a user's"))?;
    ensure!(
        !is_in(&file.auth.user, &name),
        "{name:?} stands in the configuration as [[auth.user]]: change it there"
    );
    let password = read_password()?;
    let hash = passwords::hash(password.as_bytes())?;
    let scram = match with_scram {
        true => Some(derive(&password, &salt()?)?.to_string()),
        false => None,
    };
    let user = User { name: name.clone(), password: Some(hash), scram, groups };
    let old = users.change(|all| Ok(put(all, user)))?;
    let path = users.path().display();
    Ok(match old {
        Some(_) => format!("{name:?} has another password now, in {path}"),
        None => format!("{name:?} may log in now; it stands in {path}"),
    })
}

/// Removes a user of the data folder. A running switchboard ends its connections.
///
/// # Errors
/// There is none of this name, or the file of users cannot be changed.
pub fn remove_user(file: &File, name: &str) -> Result<String> {
    let users = users_file(file)?;
    let name = prepare(name).with_context(|| format!("the name {name:?} cannot be a user's"))?;
    if is_in(&file.auth.user, &name) {
        bail!("{name:?} stands in the configuration as [[auth.user]]: remove it there");
    }
    users.change(|all| {
        let names = names(all);
        let before = all.len();
        all.retain(|user| !is(user, &name));
        ensure!(all.len() < before, "there is no user {name:?}{names}");
        Ok(())
    })?;
    Ok(format!("{name:?} may not log in any more"))
}

/// All users, one a line: the name, how it logs in, its groups, and where it stands.
///
/// # Errors
/// The file of users cannot be read.
pub fn list_users(file: &File) -> Result<String> {
    let kept = match UsersFile::of(&file.data)? {
        Some(users) => {
            users.read()?.into_iter().map(|user| (user, users.path().display().to_string())).collect()
        }
        None => Vec::new(),
    };
    let configured = file.auth.user.iter().map(|user| (user.clone(), "[[auth.user]]".to_owned()));
    let mut lines = String::new();
    for (user, place) in configured.chain(kept) {
        let ways = [("password", user.password.is_some()), ("scram", user.scram.is_some())];
        let ways: Vec<_> = ways.iter().filter(|(_, has)| *has).map(|(way, _)| *way).collect();
        let groups = if user.groups.is_empty() { "-".to_owned() } else { user.groups.join(",") };
        let _ = writeln!(lines, "{}\t{}\t{groups}\t{place}", user.name, ways.join("+"));
    }
    Ok(if lines.is_empty() { "there are no users".to_owned() } else { lines.trim_end().to_owned() })
}

/// Takes over all users of a password file of Mosquitto, with their passwords as they are hashed there.
///
/// # Errors
/// It cannot be read or has a line that cannot be used: then none is taken over. Or the file of users cannot be changed.
pub fn import_users(file: &File, path: &Path) -> Result<String> {
    let users = users_file(file)?;
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let mut found: Vec<User> = Vec::new();
    for (n, line) in
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let at = || format!("{shown}, line {}", n + 1);
        let (name, hash) =
            line.trim_end().split_once(':').with_context(|| format!("{}: no `name:hash`", at()))?;
        let name =
            prepare(name).with_context(|| format!("{}: the name {name:?} cannot be a user's", at()))?;
        let hint = "(a file of plain passwords is hashed by `mosquitto_passwd -U FILE`)";
        passwords::check_form(hash).with_context(|| format!("{}: {name:?} {hint}", at()))?;
        ensure!(!is_in(&found, &name), "{}: {name:?} stands there twice", at());
        ensure!(!is_in(&file.auth.user, &name), "{}: {name:?} stands in the configuration already", at());
        found.push(User { name, password: Some(hash.to_owned()), scram: None, groups: Vec::new() });
    }
    let count = found.len();
    users.change(|all| {
        found.into_iter().for_each(|user| _ = put(all, user));
        Ok(())
    })?;
    Ok(format!("{count} users of {shown} may log in now; they stand in {}", users.path().display()))
}

fn users_file(file: &File) -> Result<UsersFile> {
    UsersFile::of(&file.data)?.context("`:memory:` keeps no users; name a folder with --data")
}

/// Adds a user or changes what one logs in with; groups stay where none are named.
fn put(all: &mut Vec<User>, user: User) -> Option<User> {
    match all.iter_mut().find(|old| is(old, &user.name)) {
        Some(old) => {
            let groups = if user.groups.is_empty() { old.groups.clone() } else { user.groups.clone() };
            Some(std::mem::replace(old, User { groups, ..user }))
        }
        None => {
            all.push(user);
            None
        }
    }
}

/// For somebody who named one that is not there.
fn names(users: &[User]) -> String {
    let names: Vec<_> = users.iter().take(10).map(|user| user.name.as_str()).collect();
    if names.is_empty() { "; there are none".to_owned() } else { format!("; there are {}", names.join(", ")) }
}

fn salt() -> Result<[u8; SALT]> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).context("the system gives no random numbers")?;
    Ok(salt)
}

fn derive(password: &str, salt: &[u8]) -> Result<Credentials> {
    Credentials::derive(password, salt, MIN_ITERATIONS).context("the password cannot be used")
}

fn entry(name: &str, password: &str, salt: &[u8]) -> Result<String> {
    let credentials = derive(password, salt)?;
    let name = toml::Value::from(name);
    Ok(format!("[[auth.user]]\nname = {name}\nscram = \"{credentials}\""))
}

/// One line, not empty; what is typed at a terminal is not shown there.
#[expect(clippy::print_stderr, reason = "the person at the terminal is asked for something")]
fn read_password() -> Result<String> {
    let is_terminal = std::io::stdin().is_terminal();
    if is_terminal {
        eprint!("Password: ");
        echo(false);
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if is_terminal {
        echo(true);
        eprintln!();
    }
    read.context("standard input cannot be read")?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    ensure!(!password.is_empty(), "no password was given on standard input");
    Ok(password)
}

/// Without `stty` the password is shown, which is no reason to stop.
fn echo(on: bool) {
    let word = if on { "echo" } else { "-echo" };
    let _ = Command::new("stty").arg(word).stdin(Stdio::inherit()).status();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::File;

    #[test]
    fn the_entry_is_one_of_a_configuration_whatever_the_name() {
        for name in ["alice", "O'Brien \"the\" \\ builder", "Jürgen, =1"] {
            let text = entry(name, "pencil", &[7; SALT]).unwrap();
            let file = File::parse(&text).unwrap();
            assert_eq!(file.auth.user[0].name, name);
            assert!(!text.contains("pencil"));
        }
    }

    #[test]
    fn the_same_password_with_another_salt_is_another_entry() {
        assert_ne!(entry("a", "pencil", &[7; SALT]).unwrap(), entry("a", "pencil", &[8; SALT]).unwrap());
    }
}
