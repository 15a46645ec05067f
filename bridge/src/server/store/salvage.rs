//! Finding whole records in a file whose order is lost. Pages that are not in use any more hold older records, so of
//! several with one key the last written counts; some that were removed may come back.

use std::collections::BTreeMap;
use std::path::Path;

use super::Failure;
use super::record::{self, Epoch, MAGIC, Record};

/// All records of a file, the newest of each key, in the order of their keys.
pub(super) fn records(path: &Path, epoch: Epoch) -> Result<Vec<Record>, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::Broken(format!("{} cannot be read: {error}", path.display())))?;
    Ok(find(&bytes, epoch))
}

pub(super) fn find(bytes: &[u8], epoch: Epoch) -> Vec<Record> {
    let mut newest: BTreeMap<Vec<u8>, Record> = BTreeMap::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let Some(start) = rest.windows(MAGIC.len()).position(|window| window == MAGIC) else { break };
        at += start;
        match record::read(epoch, bytes.get(at..).unwrap_or_default()) {
            Ok(record) => {
                at += record.size;
                let is_newer = newest.get(&record.key).is_none_or(|old| old.sequence < record.sequence);
                if is_newer {
                    newest.insert(record.key.clone(), record);
                }
            }
            Err(_) => at += 1,
        }
    }
    newest.into_values().collect()
}
