//! `cargo xtask scale`: what a million subscriptions and retained messages cost. Knows only how it is started.

use anyhow::{Context as _, Result, bail};

use crate::command::{self, cargo};

pub(crate) fn scale(words: &[&str]) -> Result<()> {
    let number = match words {
        [] => "1000000",
        [number] => number,
        _ => bail!("scale takes one number, or none"),
    };
    number.parse::<usize>().with_context(|| format!("`scale {number}`"))?;
    let mut command = cargo(["run", "--locked", "--release", "-p", "bridge", "--no-default-features"]);
    command::run(command.args(["--example", "scale", "--", number]))
}
