//! `switchboard user scram`: a password becomes what a configuration may hold, from which nobody can log in.

use std::io::{BufRead as _, IsTerminal as _};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use mqtt::scram::{Credentials, MIN_ITERATIONS, prepare};

/// Bytes of a salt.
const SALT: usize = 16;

/// Reads a password from standard input and gives the user's table of `switchboard.toml`.
///
/// # Errors
/// The name or the password cannot be one, or cannot be read.
pub fn user_entry(name: &str) -> Result<String> {
    prepare(name).with_context(|| format!("the name {name:?} cannot be a user's"))?;
    let password = read_password()?;
    ensure!(!password.is_empty(), "no password was given on standard input");
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).context("the system gives no random numbers")?;
    entry(name, &password, &salt)
}

fn entry(name: &str, password: &str, salt: &[u8]) -> Result<String> {
    let credentials =
        Credentials::derive(password, salt, MIN_ITERATIONS).context("the password cannot be used")?;
    let name = toml::Value::from(name);
    Ok(format!("[[auth.user]]\nname = {name}\nscram = \"{credentials}\""))
}

/// One line; what is typed at a terminal is not shown there.
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
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
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
