//! Real files in a folder: locks, rights, damage.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::ledger::{dump, groups, words};
use super::*;
use crate::broker::change::Row;
use crate::server::store::folder::Folder;
use crate::server::store::record::Epoch;

/// A folder that is gone when the test is over.
struct Temp(PathBuf);

impl Temp {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("switchboard-store-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> (Redb, Report) {
    Redb::open(Folder::take(path).unwrap(), Durability::Group, Epoch::default()).unwrap()
}

/// A folder with some state, closed.
fn filled(temp: &Temp) -> Vec<String> {
    let (mut store, _) = open(&temp.0);
    for rows in groups(5, 40) {
        store.commit(&rows).unwrap();
    }
    dump(&mut store)
}

#[test]
fn state_is_there_again_and_for_its_user_alone() {
    let temp = Temp::new("again");
    let before = filled(&temp);
    assert!(before.len() > 10);
    let (mut store, report) = open(&temp.0);
    assert_eq!(dump(&mut store), before);
    assert_eq!(report, Report::default());
    for entry in fs::read_dir(&temp.0).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    assert_eq!(fs::metadata(&temp.0).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_file_of_an_older_format_becomes_one_of_ours_and_a_newer_one_is_left_alone() {
    let temp = Temp::new("format");
    let before = filled(&temp);
    let (mut store, _) = open(&temp.0);
    for old in OLDEST_FORMAT..FORMAT {
        assert_eq!(store.replace_format(old).unwrap(), Some(FORMAT));
        drop(store);
        let opened = open(&temp.0);
        store = opened.0;
        assert_eq!((dump(&mut store), opened.1), (before.clone(), Report::default()), "format {old}");
    }
    assert_eq!(
        store.replace_format(FORMAT + 1).unwrap(),
        Some(FORMAT),
        "the program before this one refuses it"
    );
    drop(store);
    let why = Redb::open(Folder::take(&temp.0).unwrap(), Durability::Group, Epoch::default()).err().unwrap();
    assert!(why.to_string().contains("written by a newer program"), "{why}");
}

#[test]
fn a_folder_serves_one_process_at_a_time_and_the_other_is_told_whose_it_is() {
    let temp = Temp::new("lock");
    let first = Folder::take(&temp.0).unwrap();
    let said = format!("{:#}", Folder::take(&temp.0).unwrap_err());
    assert!(said.contains("another switchboard runs with the folder"), "{said}");
    assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
    drop(first);
    assert!(Folder::take(&temp.0).is_ok(), "the lock goes with its process, not with the file");
}

#[test]
fn a_damaged_record_is_set_aside_and_the_rest_is_there() {
    let temp = Temp::new("record");
    let before = filled(&temp);
    {
        // A record that was damaged before it was written: redb's own checksums do not see that.
        let (mut store, _) = open(&temp.0);
        store.break_record().unwrap();
    }
    let (mut store, _) = open(&temp.0);
    let mut found = 0;
    let report = store.load(&mut |_| found += 1).unwrap();
    assert_eq!((report.damaged, found), (1, before.len() - 1));
    let aside = report.set_aside.unwrap();
    assert!(fs::metadata(&aside).unwrap().len() > 8, "{}", aside.display());
    assert_eq!(store.load(&mut |_| {}).unwrap().damaged, 0, "it is said once");
}

#[test]
fn it_starts_whatever_bits_flip_in_the_file_and_says_so_when_something_is_lost() {
    let temp = Temp::new("bits");
    let before = filled(&temp);
    let path = temp.0.join("state.redb");
    let good = fs::read(&path).unwrap();
    let (mut salvaged, mut lost) = (0, 0);
    let step = good.len() / 97;
    for n in 0..97 {
        let mut bytes = good.clone();
        bytes[n * step + n % step] ^= 1 << (n % 8);
        fs::write(&path, &bytes).unwrap();
        let (mut store, report) = open(&temp.0);
        let mut found = Vec::new();
        let loaded = store.load(&mut |change| found.push(words(&change))).unwrap();
        let missing = before.iter().filter(|row| !found.contains(row)).count();
        assert!(
            missing == 0 || report.is_salvaged || loaded.damaged > 0,
            "bit in byte {}: {missing} rows are gone and nothing was said",
            n * step + n % step
        );
        assert!(missing <= before.len() / 2, "one bit does not cost half of the state: {missing}");
        salvaged += usize::from(report.is_salvaged);
        lost += missing;
        drop(store);
        for entry in fs::read_dir(&temp.0).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("damaged")) {
                fs::remove_file(path).unwrap();
            }
        }
    }
    assert!(salvaged > 5, "some of them hit: {salvaged}, rows lost in all: {lost}");
}

#[test]
fn a_file_that_is_no_database_is_set_aside() {
    let temp = Temp::new("nonsense");
    fs::create_dir_all(&temp.0).unwrap();
    fs::write(temp.0.join("state.redb"), "this was something else once ".repeat(1000)).unwrap();
    let (mut store, report) = open(&temp.0);
    assert!(report.is_salvaged && report.set_aside.is_some_and(|path| path.exists()));
    assert!(dump(&mut store).is_empty());
}

#[test]
fn a_deleted_file_takes_nothing_more() {
    let temp = Temp::new("deleted");
    let (mut store, _) = open(&temp.0);
    let groups = groups(5, 2);
    store.commit(&groups[0]).unwrap();
    fs::remove_dir_all(&temp.0).unwrap();
    let failure = store.commit(&groups[1]).unwrap_err().to_string();
    assert!(failure.contains("deleted while it was in use"), "{failure}");
}

#[test]
fn a_copy_is_put_back_whole_or_not_at_all() {
    let (from, to) = (Temp::new("copy-from"), Temp::new("copy-to"));
    let before = filled(&from);
    let file = from.0.join("copy");
    assert_eq!(backup(&from.0, &file).unwrap(), before.len() as u64);
    let good = fs::read(&file).unwrap();
    for length in [0, 20, good.len() / 2, good.len() - 1] {
        fs::write(&file, &good[..length]).unwrap();
        assert!(restore(&to.0, &file).is_err(), "{length} bytes of it");
    }
    fs::write(&file, &good).unwrap();
    assert_eq!(restore(&to.0, &file).unwrap(), before.len() as u64);
    assert_eq!(dump(&mut open(&to.0).0), before);
    let said = restore(&to.0, &file).unwrap_err().to_string();
    assert!(said.contains("there is state in"), "{said}");
}

#[test]
fn messages_are_found_in_the_file_and_those_that_are_damaged_are_set_aside() {
    let temp = Temp::new("find");
    let (mut store, _) = open(&temp.0);
    let stored = groups(5, 40).iter().find_map(|rows| {
        rows.iter().find_map(|(_, row)| match row {
            Row::Put(Change::Message { message, .. }) => Some(std::sync::Arc::clone(message)),
            _ => None,
        })
    });
    let stored = stored.unwrap();
    let mut rows = Rows::default();
    for number in [3, 4, 6] {
        let message = std::sync::Arc::clone(&stored);
        rows.apply(Change::Message { number, message, owers: [].into() });
    }
    store.commit(&rows).unwrap();
    let found = |store: &mut Redb| -> Vec<u64> {
        let found = store.find(&[3, 4, 5, 6]).unwrap();
        assert!(found.iter().all(|(_, message)| message.message == stored.message));
        found.into_iter().map(|(number, _)| number).collect()
    };
    assert_eq!(found(&mut store), [3, 4, 6]);
    assert_eq!(set_aside(&temp.0), 0);
    store.break_record().unwrap();
    assert_eq!(found(&mut store), [4, 6]);
    assert_eq!(set_aside(&temp.0), 1);
    assert_eq!(found(&mut store), [4, 6]);
    assert_eq!(set_aside(&temp.0), 1, "it is set aside once");
    store.break_record().unwrap();
    assert_eq!(found(&mut store), [6]);
    assert_eq!(set_aside(&temp.0), 2, "and nothing that was set aside before is written over");
    drop(store);
    assert_eq!(open(&temp.0).0.load(&mut |_| {}).unwrap().damaged, 0, "a start does not find it again");
}

/// Damaged records that were put where they can be looked at.
fn set_aside(folder: &Path) -> usize {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "records"));
    let magic = |path| fs::read(path).unwrap().windows(4).filter(|bytes| *bytes == record::MAGIC).count();
    files.map(magic).sum()
}
