//! A disk that forgets what was not synced, tears the last write and keeps any part of the rest, at every step.

use std::io;
use std::sync::{Arc, Mutex};

use mqtt::Rng;

use super::ledger::{dump, groups};
use super::*;
use crate::server::store::backend::Trouble;
use crate::server::store::record::Epoch;

/// Something done to the disk that is not yet synced.
#[derive(Clone, Debug)]
enum Deed {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

/// What the disk holds, and what it would hold after a sync.
#[derive(Debug, Default)]
struct Platter {
    synced: Vec<u8>,
    seen: Vec<u8>,
    deeds: Vec<Deed>,
    /// Deeds and syncs so far.
    steps: usize,
    /// Everything fails from this step on.
    fails_at: Option<usize>,
    /// With which error.
    error: Option<io::ErrorKind>,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    platter: Arc<Mutex<Platter>>,
    trouble: Trouble,
}

impl Deed {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Bytes(at, data) => {
                if bytes.len() < at + data.len() {
                    bytes.resize(at + data.len(), 0);
                }
                bytes[*at..at + data.len()].copy_from_slice(data);
            }
        }
    }
}

impl Disk {
    fn of(bytes: Vec<u8>) -> Self {
        let platter = Platter { synced: bytes.clone(), seen: bytes, ..Platter::default() };
        Self { platter: Arc::new(Mutex::new(platter)), trouble: Trouble::default() }
    }

    fn store(&self) -> Result<Redb, Failure> {
        Redb::with_backend(self.clone(), self.trouble.clone(), Epoch::default())
    }

    fn step(&self, what: &str) -> io::Result<std::sync::MutexGuard<'_, Platter>> {
        let mut platter = self.platter.lock().unwrap();
        if platter.fails_at.is_some_and(|at| platter.steps >= at) {
            let error = io::Error::from(platter.error.unwrap_or(io::ErrorKind::Other));
            self.trouble.note(what, &error);
            return Err(error);
        }
        platter.steps += 1;
        Ok(platter)
    }

    /// What is there after the power went out: all that was synced, and any part of the rest.
    fn after_power_cut(&self, seed: u64) -> Vec<u8> {
        let platter = self.platter.lock().unwrap();
        let mut rng = Rng::new(seed);
        let mut bytes = platter.synced.clone();
        let last = platter.deeds.len().saturating_sub(1);
        for (n, deed) in platter.deeds.iter().enumerate() {
            let is_kept = match seed {
                0 => false,
                1 => true,
                _ => rng.next_u64().is_multiple_of(2),
            };
            match deed {
                Deed::Bytes(at, data) if is_kept && n == last => {
                    let torn = rng.next_u64() as usize % (data.len() + 1);
                    Deed::Bytes(*at, data[..torn].to_vec()).apply(&mut bytes);
                }
                // A file's length is the file system's own business: it is not lost when what follows it is not.
                Deed::Length(_) => deed.apply(&mut bytes),
                Deed::Bytes(..) if is_kept => deed.apply(&mut bytes),
                Deed::Bytes(..) => {}
            }
        }
        bytes
    }
}

impl ::redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.platter.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.platter.lock().unwrap();
        let at = offset as usize;
        let bytes = platter.seen.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.step("set_len")?;
        let deed = Deed::Length(len as usize);
        deed.apply(&mut platter.seen);
        platter.deeds.push(deed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.step("sync")?;
        platter.synced = platter.seen.clone();
        platter.deeds.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.step("write")?;
        let deed = Deed::Bytes(offset as usize, data.to_vec());
        deed.apply(&mut platter.seen);
        platter.deeds.push(deed);
        Ok(())
    }
}

/// Plays the groups until the disk fails. Says what there was after each that was acknowledged.
fn play(disk: &Disk, groups: &[Rows]) -> (Vec<Vec<String>>, Option<Failure>) {
    let mut acknowledged = vec![Vec::new()];
    let mut twin = memory::Memory::default();
    let mut store = match disk.store() {
        Ok(store) => store,
        Err(failure) => return (acknowledged, Some(failure)),
    };
    for rows in groups {
        if let Err(failure) = store.commit(rows) {
            return (acknowledged, Some(failure));
        }
        twin.commit(rows).unwrap();
        acknowledged.push(dump(&mut twin));
    }
    std::mem::forget(store); // the power does not close files
    (acknowledged, None)
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_goes_out() {
    for script in 1..=2 {
        let groups = groups(script, 7);
        let whole = Disk::default();
        let (states, failure) = play(&whole, &groups);
        assert!(failure.is_none());
        let steps = whole.platter.lock().unwrap().steps;
        assert!(steps > 50, "there is something to interrupt: {steps} steps");
        for stop in 0..steps {
            for kept in 0..4 {
                let disk = Disk::default();
                disk.platter.lock().unwrap().fails_at = Some(stop);
                let (acknowledged, _) = play(&disk, &groups);
                let after = Disk::of(disk.after_power_cut(kept));
                let done = acknowledged.len() - 1;
                let mut store = match after.store() {
                    Ok(store) => store,
                    Err(_) if done == 0 => continue, // it was being made, and holds nothing yet
                    Err(failure) => {
                        panic!("script {script}, stopped after {stop} steps, kept {kept}: {failure}")
                    }
                };
                let found = dump(&mut store);
                let next = states.get(done + 1);
                assert!(
                    found == states[done] || Some(&found) == next,
                    "script {script}, stopped after {stop} steps, kept {kept}: {done} groups were acknowledged"
                );
            }
        }
    }
}

#[test]
fn a_failed_write_or_sync_is_told_apart_from_a_full_disk() {
    let groups = groups(3, 6);
    for (error, is_full) in [(io::ErrorKind::StorageFull, true), (io::ErrorKind::Other, false)] {
        let disk = Disk::default();
        let mut store = disk.store().unwrap();
        store.commit(&groups[0]).unwrap();
        {
            let mut platter = disk.platter.lock().unwrap();
            (platter.fails_at, platter.error) = (Some(0), Some(error));
        }
        let failure = store.commit(&groups[1]).unwrap_err();
        assert_eq!(matches!(failure, Failure::Full), is_full, "{failure}");
    }
}
