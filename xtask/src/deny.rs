//! What the house stands on: licences, sources and versions of all crates, by cargo-deny and `deny.toml`. And advisories, where
//! their database is at hand.
//!
//! Knows how it is installed and asked, not what it holds.

use std::{env, path::PathBuf};

use anyhow::Result;

use crate::{command, tools};

/// The cargo-deny that is installed.
const VERSION: &str = "0.20.2";

/// Asks for all of it. Licences, versions and sources are those of the crates that cargo has, or fetches as for a build; advisories
/// are asked for on GitHub's machines, where their database can be had, and wherever an earlier run has left it.
pub(crate) fn check() -> Result<()> {
    install()?;
    run(&[], &["licenses", "bans", "sources"])?;
    if env::var_os("GITHUB_ACTIONS").is_some() {
        return run(&[], &["advisories"]);
    }
    if database().is_dir() {
        return run(&["--offline"], &["advisories"]);
    }
    println!(
        "advisories: their database is not here; `cargo deny fetch db` fetches it, and GitHub's run asks for them"
    );
    Ok(())
}

fn run(flags: &[&str], what: &[&str]) -> Result<()> {
    let program = tools::folder().join("bin/cargo-deny");
    command::run(command::program(program).args(flags).args(["--workspace", "--locked", "check"]).args(what))
}

fn install() -> Result<()> {
    let program = tools::folder().join("bin/cargo-deny");
    if tools::is_version(&program, VERSION) {
        return Ok(());
    }
    println!("installing cargo-deny {VERSION} to target/tools, once; this takes about three minutes");
    let package = ["install", "--locked", "--force", "cargo-deny", "--version", VERSION, "--root"];
    tools::install(command::cargo(package).arg(tools::folder()))
}

/// Where cargo-deny keeps the database.
fn database() -> PathBuf {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    home.unwrap_or_default().join("advisory-dbs")
}
