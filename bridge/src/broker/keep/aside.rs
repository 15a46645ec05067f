//! Rows of a message that another shard writes together with its own, so that a restart finds all of them or none.
//!
//! Until it has, the message is as good as kept here: nothing that shows it leaves before. But it is not to be had from the
//! disk, and must not be removed from there.

use super::{Keeping, Outbox};
use crate::broker::Broker;
use crate::broker::change::{Change, MessageNumber};

impl Keeping {
    /// Rows of messages are put aside from now on.
    pub(in crate::broker) fn put_aside(&mut self) {
        self.aside = Some(Vec::new());
    }

    /// Those that were.
    pub(in crate::broker) fn take_aside(&mut self, out: &mut Outbox) -> Vec<Change> {
        self.flush(out);
        self.aside.take().unwrap_or_default()
    }

    /// Another shard writes these rows. Names their messages, to be handed to [`Keeping::take_back`] when it has.
    pub(in crate::broker) fn give_away(&mut self, rows: &[Change]) -> Vec<MessageNumber> {
        let number = |row: &Change| match row {
            Change::Message { number, .. } => Some(*number),
            _ => None,
        };
        let numbers: Vec<_> = rows.iter().filter_map(number).collect();
        self.given_away.extend(numbers.iter().map(|&number| (number, self.owed.count(number) == 0)));
        numbers
    }

    /// They are written: what was done meanwhile can go.
    pub(in crate::broker) fn take_back(&mut self, numbers: &[MessageNumber], out: &mut Outbox) {
        for &number in numbers {
            if self.given_away.remove(&number) == Some(true) {
                out.store(Change::MessageGone { number });
            }
        }
    }
}

impl Broker {
    /// Asks again for what was not on the disk yet.
    pub(in crate::broker) fn fetch_what_was_early(&mut self) {
        for id in std::mem::take(&mut self.keeping.too_early) {
            self.fetch(id);
        }
    }
}
