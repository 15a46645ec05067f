//! `cargo xtask run`: build, then become `switchboard --demo`. Knows nothing of what the program does.

use anyhow::Result;

use crate::{
    build::{Profile, build},
    command,
};

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let binary = build(Profile::Release)?;
    println!();
    let mut switchboard = command::program(binary);
    switchboard.arg("--demo").args(arguments);
    become_it(&mut switchboard)
}

/// Replaces this process, so that Ctrl-C and signals reach the program and its exit code is ours.
#[cfg(unix)]
fn become_it(switchboard: &mut std::process::Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;

    use anyhow::Context as _;

    Err(switchboard.exec()).context("switchboard does not start")
}

#[cfg(not(unix))]
fn become_it(switchboard: &mut std::process::Command) -> Result<()> {
    command::run(switchboard)
}
