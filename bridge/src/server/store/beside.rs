//! Files of the data folder that a copy of the state carries too: who may log in, and the certificates that phones trust. They stand
//! behind the rows, where programs that do not know of them read no further.

use std::fs::{self, DirBuilder, File};
use std::io::{BufRead, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::folder;
use super::snapshot::{fill, length, write_row};

/// Their names below the folder. No other is ever written.
const NAMES: [&str; 4] = ["users.toml", "tls/ca.crt", "tls/ca.key", "tls/own.key"];

/// A file by its name below the folder, and what is in it.
pub(super) type Beside = (&'static str, Vec<u8>);

/// Writes those that there are behind the rows of a copy.
pub(super) fn append(data: &Path, out: &mut impl Write) -> Result<()> {
    let mut count: u64 = 0;
    for name in NAMES {
        let path = data.join(name);
        match fs::read(&path) {
            Ok(bytes) => write_row(out, name.as_bytes(), &bytes)?,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
        count += 1;
    }
    write_row(out, &[], &count.to_le_bytes())?;
    Ok(())
}

/// Reads them. A copy of an older program ends before.
pub(super) fn read(source: &mut impl BufRead) -> Result<Vec<Beside>> {
    let mut files = Vec::new();
    if source.fill_buf()?.is_empty() {
        return Ok(files);
    }
    let mut count: u64 = 0;
    loop {
        let (mut name, mut bytes) = (length(source)?, length(source)?);
        fill(source, &mut name)?;
        fill(source, &mut bytes)?;
        if name.is_empty() {
            ensure!(bytes == count.to_le_bytes(), "files are missing");
            return Ok(files);
        }
        count += 1;
        match NAMES.into_iter().find(|known| known.as_bytes() == name) {
            Some(name) => files.push((name, bytes)),
            None => {
                tracing::warn!("a file that this program does not know is left out: {}", name.escape_ascii())
            }
        }
    }
}

/// That none of them is there already as something else.
pub(super) fn check(data: &Path, files: &[Beside]) -> Result<()> {
    for (name, bytes) in files {
        let path = data.join(name);
        ensure!(
            fs::read(&path).map_or_else(|error| error.kind() == ErrorKind::NotFound, |old| old == *bytes),
            "{} is there already and is not that of the copy: move it away, or name another folder with --data",
            path.display()
        );
    }
    Ok(())
}

/// Puts them into a folder, for this user alone.
pub(super) fn put(data: &Path, files: &[Beside]) -> Result<()> {
    for (name, bytes) in files {
        let path = data.join(name);
        let write = || -> std::io::Result<()> {
            let parent = path.parent().unwrap_or(data);
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            let new = path.with_extension("new");
            let mut file = folder::private().truncate(true).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(parent)?.sync_all()
        };
        write().with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
