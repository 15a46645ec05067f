//! Rows in memory: the twin of the file, for tests.

use std::collections::BTreeMap;

use super::record::{self, Epoch};
use super::{Failure, Report, Snapshot, Store, TakeRow};
use crate::broker::Messages;
use crate::broker::change::{Change, Key, MessageNumber, Row, Rows};

/// Rows that are gone with the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    sequence: u64,
    epoch: Epoch,
}

impl Store for Memory {
    fn load(&mut self, found: &mut dyn FnMut(Change)) -> Result<Report, Failure> {
        let mut report = Report::default();
        for (key, value) in &self.rows {
            match record::read_row(self.epoch, key, value) {
                Ok(record) => {
                    report.rows += 1;
                    found(record.change);
                }
                Err(_) => report.damaged += 1,
            }
        }
        Ok(report)
    }

    fn commit(&mut self, rows: &Rows) -> Result<(), Failure> {
        let gone: Vec<_> = rows.sessions_gone().collect();
        self.rows.retain(|key, _| {
            let of_session = key.first().is_some_and(|kind| record::OF_A_SESSION.contains(kind));
            let number = key.get(1..9).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
            !(of_session && number.is_some_and(|number| gone.contains(&number)))
        });
        for (place, row) in rows.iter() {
            let mut key = Vec::new();
            record::write_key(place, &mut key);
            match row {
                Row::Put(change) => {
                    self.sequence += 1;
                    let mut value = Vec::new();
                    record::write(self.epoch, self.sequence, &key, change, &mut value);
                    self.rows.insert(key, value);
                }
                Row::Gone => _ = self.rows.remove(&key),
            }
        }
        Ok(())
    }

    fn find(&mut self, numbers: &[MessageNumber]) -> Result<Messages, Failure> {
        let message = |&number: &MessageNumber| {
            let mut key = Vec::new();
            record::write_key(&Key::Message(number), &mut key);
            Some((number, record::read_message(self.epoch, &key, self.rows.get(&key)?).ok()?))
        };
        Ok(numbers.iter().filter_map(message).collect())
    }

    fn is_full(&self) -> bool {
        false
    }

    fn shrink(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Failure> {
        Ok(Box::new(self.clone()))
    }
}

impl Snapshot for Memory {
    fn each(&self, take: &mut TakeRow<'_>) -> Result<(), Failure> {
        let mut rows = self.rows.iter();
        rows.try_for_each(|(key, value)| take(key, value)).map_err(|error| Failure::Broken(error.to_string()))
    }
}
