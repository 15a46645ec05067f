//! Copies of all rows: `switchboard backup` and `restore`. A copy is the rows one after the other, and their number at
//! the end, so that one that is cut short is known; and behind them files that lie beside the state.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::beside::{self, Beside};
use super::folder::{self, Folder};
use super::record::{self, Epoch};
use super::redb::Redb;
use super::{Durability, Failure, Snapshot, Store as _};
use crate::broker::change::Rows;

const HEAD: &[u8; 16] = b"switchboard 3\n\0\0";
/// Of copies that older programs made: they can be read too.
const OLD_HEADS: [&[u8; 16]; 2] = [b"switchboard 1\n\0\0", b"switchboard 2\n\0\0"];
/// Rows that are written at once when a copy is put back.
const AT_ONCE: usize = 4 << 20;
/// No row is larger.
const LONGEST: usize = 300 << 20;

/// Appends one row: two lengths and two texts.
pub(super) fn write_row(out: &mut impl Write, key: &[u8], value: &[u8]) -> io::Result<()> {
    for part in [key, value] {
        out.write_all(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    }
    out.write_all(key)?;
    out.write_all(value)
}

/// Writes all rows of a moment.
pub(super) fn send(rows: &dyn Snapshot, out: impl Write) -> Result<(), Failure> {
    let mut out = BufWriter::new(out);
    let broken = |error: io::Error| Failure::Broken(error.to_string());
    out.write_all(HEAD).map_err(broken)?;
    let mut count: u64 = 0;
    rows.each(&mut |key, value| {
        count += 1;
        write_row(&mut out, key, value)
    })?;
    // A row without a key says how many there were.
    write_row(&mut out, &[], &count.to_le_bytes()).and_then(|()| out.flush()).map_err(broken)
}

/// Reads the rows of a copy and the files behind them, and checks that it is whole.
fn receive(
    source: impl Read,
    mut take: impl FnMut(&[u8], Vec<u8>) -> Result<()>,
) -> Result<(u64, Vec<Beside>)> {
    let mut source = BufReader::new(source);
    let mut head = [0; HEAD.len()];
    fill(&mut source, &mut head)?;
    ensure!(
        &head == HEAD || OLD_HEADS.contains(&&head),
        "it is no copy of switchboard's state, or one of a newer program"
    );
    let mut count: u64 = 0;
    loop {
        let (mut key, mut value) = (length(&mut source)?, length(&mut source)?);
        fill(&mut source, &mut key)?;
        fill(&mut source, &mut value)?;
        if key.is_empty() {
            ensure!(value == count.to_le_bytes(), "rows are missing");
            return Ok((count, beside::read(&mut source)?));
        }
        take(&key, value)?;
        count += 1;
    }
}

pub(super) fn fill(source: &mut impl Read, bytes: &mut [u8]) -> Result<()> {
    source.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => anyhow!("it is cut short"),
        _ => error.into(),
    })
}

pub(super) fn length(source: &mut impl Read) -> Result<Vec<u8>> {
    let mut bytes = [0; 4];
    fill(source, &mut bytes)?;
    let length = u32::from_le_bytes(bytes) as usize;
    ensure!(length <= LONGEST, "it is damaged");
    Ok(vec![0; length])
}

/// Copies the state of a folder to a file, whether a switchboard runs with it or not. Says how many rows there are.
///
/// # Errors
/// There is no state, it cannot be read, or the file cannot be written.
pub fn backup(data: &Path, file: &Path) -> Result<u64> {
    ensure!(data.join("state.redb").exists(), "there is no stored state in {}", data.display());
    let partial = beside(file);
    let mut out = folder::private()
        .truncate(true)
        .open(&partial)
        .with_context(|| format!("{} cannot be written", partial.display()))?;
    match UnixStream::connect(Folder::control(data)) {
        Ok(mut running) => {
            running.write_all(b"backup\n").and_then(|()| io::copy(&mut running, &mut out).map(|_| ()))?;
        }
        Err(_) => {
            let folder = Folder::take(data)?;
            let (store, _) = Redb::open(folder, Durability::Group, Epoch::default())?;
            send(&*store.snapshot()?, &out)?;
        }
    }
    beside::append(data, &mut out)?;
    out.sync_all()?;
    let copy = File::open(&partial)?;
    let (count, _) = receive(copy, |_, _| Ok(())).context("the copy is not whole")?;
    std::fs::rename(&partial, file).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(count)
}

/// Puts a copy into a folder that has no state. Says how many rows there are.
///
/// # Errors
/// A switchboard runs with the folder, it has state already, or the copy is not whole.
pub fn restore(data: &Path, file: &Path) -> Result<u64> {
    let folder = Folder::take(data)?;
    if folder.has_state() {
        bail!(
            "there is state in {} already: move its state.redb away, or name another folder with --data",
            data.display()
        );
    }
    let source = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let read = receive(&source, |_, _| Ok(())).and_then(|(_, files)| {
        beside::check(data, &files)?;
        Ok(files)
    });
    let files = read.with_context(|| format!("{} is not put back", file.display()))?;
    let epoch = Epoch::default(); // moments before now stay what they are
    let (mut store, _) = Redb::open(folder, Durability::Group, epoch)?;
    let mut rows = Rows::default();
    let (count, _) = receive(File::open(file)?, |key, value| {
        match record::read_row(epoch, key, &value) {
            Ok(record) => rows.apply(record.change),
            Err(damage) => tracing::error!("a record of the copy is left out: {damage}"),
        }
        if rows.bytes() > AT_ONCE {
            store.commit(&rows)?;
            rows.clear();
        }
        Ok(())
    })?;
    store.commit(&rows)?;
    beside::put(data, &files)?;
    Ok(count)
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_this_and_an_older_program_are_read_and_one_of_a_newer_is_refused() {
        let copy = |head: &[u8]| {
            let mut copy = head.to_vec();
            write_row(&mut copy, b"key", b"value").unwrap();
            write_row(&mut copy, &[], &1_u64.to_le_bytes()).unwrap();
            receive(&*copy, |_, _| Ok(()))
        };
        assert_eq!(copy(HEAD).unwrap().0, 1);
        for old in OLD_HEADS {
            assert_eq!(copy(old).unwrap().0, 1);
        }
        let refusal = copy(b"switchboard 4\n\0\0").unwrap_err().to_string();
        assert!(refusal.contains("a newer program"), "{refusal}");
    }
}
