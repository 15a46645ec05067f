//! The accepted numbers: xtask/guard.toml, for one compiler. Knows nothing of how they are counted.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::command;

/// Instructions an operation, by script.
pub(crate) type Counts = BTreeMap<String, u64>;

const HEAD: &str = "\
# Instructions that each script of bridge/examples/guard takes for one of its operations. Written by
# `cargo xtask guard --accept`, compared by `cargo xtask guard`. They belong to one compiler and to one kind of processor.
";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    toolchain: String,
    processor: String,
    pub(crate) counts: Counts,
}

#[derive(Debug, Deserialize)]
struct Pinned {
    toolchain: Toolchain,
}

#[derive(Debug, Deserialize)]
struct Toolchain {
    channel: String,
}

impl Accepted {
    pub(crate) fn read() -> Result<Self> {
        let path = path();
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not understood", path.display()))
    }

    pub(crate) fn write(counts: &Counts) -> Result<()> {
        let lines: String = counts.iter().map(|(name, count)| format!("{name} = {count}\n")).collect();
        let (toolchain, processor) = (pinned()?, env::consts::ARCH);
        let text =
            format!("{HEAD}toolchain = \"{toolchain}\"\nprocessor = \"{processor}\"\n\n[counts]\n{lines}");
        fs::write(path(), text).with_context(|| format!("{} cannot be written", path().display()))
    }

    /// Another compiler writes other instructions: with the pin the numbers change.
    pub(crate) fn fits_the_compiler(&self) -> Result<()> {
        let (pinned, processor) = (pinned()?, env::consts::ARCH);
        ensure!(
            self.toolchain == pinned && self.processor == processor,
            "the accepted numbers are those of Rust {} for {}, and this is {pinned} for {processor}. After a change of the \
             compiler alone: `cargo xtask guard --accept`",
            self.toolchain,
            self.processor
        );
        Ok(())
    }
}

/// The compiler of rust-toolchain.toml.
fn pinned() -> Result<String> {
    let path = command::root().join("rust-toolchain.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(toml::from_str::<Pinned>(&text)?.toolchain.channel)
}

fn path() -> PathBuf {
    command::root().join("xtask/guard.toml")
}
