//! A copy of the sources in which rules can be switched off: the tree itself is never touched. Files that have not changed
//! are not written again, so that cargo builds only what it must.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::command::{self, cargo};

/// What the simulation is built from. Cargo wants to see all members of the workspace.
const SOURCES: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "mqtt",
    "bridge",
    "client-wasm",
    "tests",
    "xtask",
    "www",
];

/// The copy, below `target`.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Brings the copy to the state of the tree.
    pub(crate) fn fresh() -> Result<Self> {
        let folder = command::target().join("bite");
        for name in SOURCES {
            mirror(&command::root().join(name), &folder.join(name))?;
        }
        Ok(Self { folder })
    }

    /// Writes a file of the copy, if that changes it; gives back what stood there.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<()> {
        write_if_new(&self.folder.join(file), text.as_bytes())
    }

    pub(crate) fn read(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.folder.join(file)).with_context(|| format!("{file} cannot be read"))
    }

    /// Where the output of one run is kept, for whoever wants to know more.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("last.log")
    }

    /// `cargo test` in the copy, with a target folder of its own: cargo would take what is built of a copy for the tree's.
    pub(crate) fn test(&self, words: &[&str]) -> Command {
        let mut command = cargo(["test", "--offline", "--locked", "--quiet", "--profile", "sim"]);
        command.current_dir(&self.folder).args(words);
        command.env("CARGO_TARGET_DIR", self.folder.join("target")).env("RUST_BACKTRACE", "0");
        // Cargo tells what it runs where the manifest of xtask is; the copy is another workspace.
        command.env_remove("CARGO_MANIFEST_DIR");
        command
    }
}

fn mirror(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        let bytes = fs::read(from).with_context(|| format!("{} cannot be read", from.display()))?;
        return write_if_new(to, &bytes);
    }
    fs::create_dir_all(to)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let name = entry?.file_name();
        if name != "target" && name != "dist" {
            mirror(&from.join(&name), &to.join(&name))?;
        }
        names.push(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !names.contains(&entry.file_name()) && entry.path().is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write_if_new(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}
