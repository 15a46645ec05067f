//! The default store: one table of rows in a redb file. A commit is one transaction and one fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};

use super::backend::Trouble;
use super::folder::Folder;
use super::record::{self, Epoch};
use super::salvage;
use super::{Durability, FORMAT, Failure, OLDEST_FORMAT, Report, Snapshot, Store, TakeRow};
use crate::broker::Messages;
use crate::broker::change::{Change, Key, MessageNumber, Row, Rows};

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// Memory for pages. What is read at the start is not needed again, so little serves.
const CACHE: usize = 32 << 20;

/// Rows in a redb database.
pub(crate) struct Redb {
    database: Option<Database>,
    trouble: Trouble,
    epoch: Epoch,
    /// The last record's; which of two is the newer one when the file's order is lost.
    sequence: u64,
    place: Option<Place>,
}

/// Where the file is. Tests have none.
struct Place {
    folder: Folder,
    durability: Durability,
}

impl Redb {
    /// Opens the file of a folder, or makes it. What is damaged is set aside.
    pub(crate) fn open(
        folder: Folder,
        durability: Durability,
        epoch: Epoch,
    ) -> Result<(Self, Report), Failure> {
        let trouble = Trouble::default();
        let mut store = Self { database: None, trouble, epoch, sequence: 0, place: None };
        let mut report = Report::default();
        let place = Place { folder, durability };
        match store.open_database(&place) {
            Ok(database) => store.database = Some(database),
            Err(Failure::Broken(why)) if place.folder.has_state() && !why.contains(NEWER) => {
                tracing::error!("the stored state cannot be read ({why}): looking for what is whole in it");
                report = store.salvage(&place)?;
            }
            Err(other) => return Err(other),
        }
        store.place = Some(place);
        Ok((store, report))
    }

    /// The same with any storage below, and without a folder to put damaged things in.
    #[cfg(test)]
    pub(super) fn with_backend(
        backend: impl StorageBackend,
        trouble: Trouble,
        epoch: Epoch,
    ) -> Result<Self, Failure> {
        let database = open(backend, &trouble)?;
        Ok(Self { database: Some(database), trouble, epoch, sequence: 0, place: None })
    }

    /// The format the file says it has, put in place of the one it had.
    #[cfg(test)]
    pub(crate) fn replace_format(&mut self, format: u64) -> Result<Option<u64>, redb::Error> {
        let transaction = self.database.as_ref().ok_or(redb::Error::DatabaseClosed)?.begin_write()?;
        let old = transaction.open_table(META)?.insert("format", format)?.map(|old| old.value());
        transaction.commit()?;
        Ok(old)
    }

    /// Flips a bit of one record before it is written.
    #[cfg(test)]
    pub(crate) fn break_record(&mut self) -> Result<(), redb::Error> {
        let transaction = self.database.as_ref().ok_or(redb::Error::DatabaseClosed)?.begin_write()?;
        {
            let mut table = transaction.open_table(ROWS)?;
            let first = table.first()?.map(|(key, value)| (key.value().to_vec(), value.value().to_vec()));
            if let Some((key, mut value)) = first {
                value[20] ^= 1;
                table.insert(&key[..], &value[..])?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// What a failure means. After a write that failed redb takes no more; the file is as it was before it, so where that can
    /// be waited for it is opened anew.
    fn failed(&mut self, error: &dyn std::fmt::Display) -> Failure {
        let failure = self.trouble.explain(error);
        if let (Failure::Full, Some(place)) = (&failure, &self.place) {
            self.database = None;
            match self.open_database(place) {
                Ok(database) => self.database = Some(database),
                Err(failure) => return failure,
            }
        }
        failure
    }

    fn open_database(&self, place: &Place) -> Result<Database, Failure> {
        open(place.folder.state(&self.trouble, place.durability)?, &self.trouble)
    }

    /// Writes what can be found in a damaged file to a new one.
    fn salvage(&mut self, place: &Place) -> Result<Report, Failure> {
        let old = place.folder.set_state_aside()?;
        let found = salvage::records(&old, self.epoch)?;
        self.database = Some(self.open_database(place)?);
        let mut rows = Rows::default();
        let count = found.len() as u64;
        for record in found {
            self.sequence = self.sequence.max(record.sequence);
            rows.apply(record.change);
        }
        self.commit(&rows)?;
        Ok(Report { rows: count, damaged: 0, set_aside: Some(old), is_salvaged: true })
    }

    fn database(&self) -> Result<&Database, Failure> {
        self.database.as_ref().ok_or_else(|| Failure::Broken("the stored state is not open".into()))
    }

    fn write(&mut self, rows: &Rows) -> Result<(), redb::Error> {
        let Some(database) = &self.database else { return Err(redb::Error::DatabaseClosed) };
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(ROWS)?;
            for session in rows.sessions_gone() {
                for kind in record::OF_A_SESSION {
                    let [from, to] = [session, session.saturating_add(1)].map(|number| bound(kind, number));
                    table.retain_in(&from[..]..&to[..], |_, _| false)?;
                }
            }
            let (mut key, mut value) = (Vec::new(), Vec::new());
            for (place, row) in rows.iter() {
                key.clear();
                value.clear();
                record::write_key(place, &mut key);
                match row {
                    Row::Put(change) => {
                        self.sequence += 1;
                        record::write(self.epoch, self.sequence, &key, change, &mut value);
                        table.insert(&key[..], &value[..])?;
                    }
                    Row::Gone => _ = table.remove(&key[..])?,
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn read(&mut self, found: &mut dyn FnMut(Change)) -> Result<(u64, Vec<Bad>), redb::Error> {
        let Some(database) = &self.database else { return Err(redb::Error::DatabaseClosed) };
        let transaction = database.begin_read()?;
        let table = transaction.open_table(ROWS)?;
        let (mut count, mut bad) = (0, Vec::new());
        for row in table.iter()? {
            let (key, value) = row?;
            match record::read_row(self.epoch, key.value(), value.value()) {
                Ok(record) => {
                    count += 1;
                    self.sequence = self.sequence.max(record.sequence);
                    found(record.change);
                }
                Err(damage) => bad.push((key.value().to_vec(), value.value().to_vec(), damage)),
            }
        }
        Ok((count, bad))
    }

    /// Those of these messages that are whole, and the rows of those that are not.
    fn read_messages(&self, numbers: &[MessageNumber]) -> Result<(Messages, Vec<Bad>), redb::Error> {
        let Some(database) = &self.database else { return Err(redb::Error::DatabaseClosed) };
        let table = database.begin_read()?.open_table(ROWS)?;
        let (mut found, mut bad, mut key) = (Vec::with_capacity(numbers.len()), Vec::new(), Vec::new());
        for &number in numbers {
            key.clear();
            record::write_key(&Key::Message(number), &mut key);
            let Some(row) = table.get(&key[..])? else { continue };
            match record::read_message(self.epoch, &key, row.value()) {
                Ok(message) => found.push((number, message)),
                Err(damage) => bad.push((key.clone(), row.value().to_vec(), damage)),
            }
        }
        Ok((found, bad))
    }

    /// Puts damaged rows into a file of their own, and takes them out of this one. Where there is no room for that they stay.
    fn quarantine(&mut self, bad: &[Bad]) -> Result<Option<PathBuf>, Failure> {
        if bad.is_empty() {
            return Ok(None);
        }
        for (key, _, damage) in bad {
            let key = String::from_utf8_lossy(key);
            tracing::error!("a stored record is damaged: {damage} (key {key:?})");
        }
        let path = self.place.as_ref().map(|place| place.folder.set_records_aside(bad)).transpose();
        let done = path.and_then(|path| match self.remove(bad) {
            Ok(()) => Ok(path),
            Err(error) => Err(self.failed(&error)),
        });
        match done {
            Err(Failure::Full) => {
                tracing::error!("damaged records cannot be set aside: the disk is full");
                Ok(None)
            }
            done => done,
        }
    }

    fn remove(&self, bad: &[Bad]) -> Result<(), redb::Error> {
        let Some(database) = &self.database else { return Ok(()) };
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(ROWS)?;
            for (key, ..) in bad {
                table.remove(&key[..])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// Key, value, and what is wrong.
pub(super) type Bad = (Vec<u8>, Vec<u8>, record::Damage);

impl Store for Redb {
    fn load(&mut self, found: &mut dyn FnMut(Change)) -> Result<Report, Failure> {
        let (rows, bad) = self.read(found).map_err(|error| self.trouble.explain(&error))?;
        let set_aside = self.quarantine(&bad)?;
        Ok(Report { rows, damaged: bad.len() as u64, set_aside, is_salvaged: false })
    }

    fn commit(&mut self, rows: &Rows) -> Result<(), Failure> {
        let done = self.write(rows);
        done.map_err(|error| self.failed(&error))
    }

    fn find(&mut self, numbers: &[MessageNumber]) -> Result<Messages, Failure> {
        let (found, bad) = self.read_messages(numbers).map_err(|error| self.trouble.explain(&error))?;
        if let Some(aside) = self.quarantine(&bad)? {
            tracing::error!("{} damaged records are set aside in {}", bad.len(), aside.display());
        }
        Ok(found)
    }

    fn is_full(&self) -> bool {
        self.place.as_ref().is_some_and(|place| place.folder.is_full())
    }

    fn shrink(&mut self) -> Result<(), Failure> {
        let Some(database) = &mut self.database else { return Ok(()) };
        match database.compact() {
            Ok(_) | Err(redb::CompactionError::TransactionInProgress) => Ok(()), // a copy is being taken
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Failure> {
        let transaction = self.database()?.begin_read().map_err(|error| self.trouble.explain(&error))?;
        Ok(Box::new(Moment(transaction)))
    }
}

struct Moment(ReadTransaction);

impl Snapshot for Moment {
    fn each(&self, take: &mut TakeRow<'_>) -> Result<(), Failure> {
        let mut all = || -> Result<(), redb::Error> {
            for row in self.0.open_table(ROWS)?.iter()? {
                let (key, value) = row?;
                take(key.value(), value.value())?;
            }
            Ok(())
        };
        all().map_err(|error| Failure::Broken(error.to_string()))
    }
}

const NEWER: &str = "it was written by a newer program";

/// Opens a database, checks all of it, and makes sure that it is one of ours.
fn open(backend: impl StorageBackend, trouble: &Trouble) -> Result<Database, Failure> {
    let opened = catch_unwind(AssertUnwindSafe(|| -> Result<_, redb::Error> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
        let database = builder.create_with_backend(backend)?;
        let newer = newer_format(&database)?;
        Ok((database, newer))
    }));
    let Ok(opened) = opened else { return Err(Failure::Broken("its structure is damaged".into())) };
    match opened.map_err(|error| trouble.explain(&error))? {
        (database, None) => Ok(database),
        (_, Some(format)) => Err(Failure::Broken(format!(
            "{NEWER}: its format is {format}, this one knows {FORMAT}; use that one, or name another folder with --data"
        ))),
    }
}

/// The format of a database, if it is none of ours. An older one becomes ours.
fn newer_format(database: &Database) -> Result<Option<u64>, redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ROWS)?;
    let known = transaction.open_table(META)?.get("format")?.map(|format| format.value());
    match known {
        Some(FORMAT) => transaction.abort()?,
        None | Some(OLDEST_FORMAT..FORMAT) => {
            transaction.open_table(META)?.insert("format", FORMAT)?;
            transaction.commit()?;
        }
        Some(other) => return Ok(Some(other)),
    }
    Ok(None)
}

/// Where the rows of one kind and Session begin.
fn bound(kind: u8, number: u64) -> [u8; 9] {
    let mut key = [kind; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}
