//! Changes as rows: what each of them puts or removes, and what has become of many of them together. A row that came
//! and went before it was written is never written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mqtt::PacketId;

use super::{Change, MessageNumber, SessionNumber, Step};
use crate::broker::Messages;

/// Where a row stands. Ordered so that what others refer to comes first, and the messages last in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// [`Change::Session`]
    Session(SessionNumber),
    /// [`Change::Subscribed`]
    Subscription(SessionNumber, Arc<str>),
    /// [`Change::InFlight`]
    InFlight(SessionNumber, PacketId),
    /// [`Change::Received`]
    Received(SessionNumber, PacketId),
    /// [`Change::Position`]
    Position(SessionNumber),
    /// [`Change::Will`]
    Will(SessionNumber),
    /// [`Change::Replay`]
    Replay(SessionNumber, Arc<str>),
    /// [`Change::LoneWill`]
    LoneWill(SessionNumber),
    /// [`Change::Retained`]
    Retained(Arc<str>),
    /// [`Change::Message`]
    Message(MessageNumber),
}

/// What becomes of a row.
#[derive(Clone, Debug)]
pub enum Row {
    /// It says this, which is one of the changes that put something.
    Put(Change),
    /// It is gone.
    Gone,
}

#[derive(Clone, Debug)]
struct Entry {
    row: Row,
    /// Nothing was there before: if it goes again, nothing needs to be written.
    is_fresh: bool,
}

/// What some changes amount to.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: BTreeMap<Key, Entry>,
    sessions_gone: BTreeSet<SessionNumber>,
    /// Rows that somebody may wait for.
    heavy: usize,
    bytes: usize,
}

impl Rows {
    /// Takes one change.
    pub fn apply(&mut self, change: Change) {
        if let Change::InFlight { session, message, step: Step::Puback | Step::Pubrec, .. } = change {
            self.apply_row(Change::Position { session, next: message + 1 });
        }
        self.apply_row(change);
    }

    fn apply_row(&mut self, change: Change) {
        let (key, row) = match split(change) {
            Split::Row(key, row) => (key, row),
            Split::SessionGone(session) => return self.session_gone(session),
        };
        let old = self.rows.get(&key);
        let was_fresh = old.map(|entry| entry.is_fresh);
        self.heavy -= usize::from(old.is_some_and(|entry| is_heavy(&key, &entry.row)));
        if matches!(row, Row::Gone) && was_fresh == Some(true) {
            self.rows.remove(&key);
            return;
        }
        self.heavy += usize::from(is_heavy(&key, &row));
        if let Row::Put(change) = &row {
            self.bytes += change.size();
        }
        let is_fresh = was_fresh.unwrap_or_else(|| begins(&row));
        self.rows.insert(key, Entry { row, is_fresh });
    }

    /// The Sessions whose rows are all to be removed before the others are written.
    pub fn sessions_gone(&self) -> impl Iterator<Item = SessionNumber> {
        self.sessions_gone.iter().copied()
    }

    /// The rows in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Row)> {
        self.rows.iter().map(|(key, entry)| (key, &entry.row))
    }

    /// What becomes of one row; none when nothing does.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Row> {
        self.rows.get(key).map(|entry| &entry.row)
    }

    /// Those of these messages that are there, in their order. For those who hold rows in memory in place of a file.
    #[must_use]
    pub fn find(&self, numbers: &[MessageNumber]) -> Messages {
        let message = |&number: &MessageNumber| match self.get(&Key::Message(number)) {
            Some(Row::Put(Change::Message { message, .. })) => Some((number, Arc::clone(message))),
            _ => None,
        };
        numbers.iter().filter_map(message).collect()
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.sessions_gone.is_empty()
    }

    /// Whether there is something that an acknowledgement may claim. The rest may be lost: it only spares repetitions.
    #[must_use]
    pub fn is_heavy(&self) -> bool {
        self.heavy > 0 || !self.sessions_gone.is_empty()
    }

    /// About how many bytes there are to write.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// All is written.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives up the messages that are new, which it names, and values that are to be retained.
    pub fn drop_messages(&mut self) -> Vec<MessageNumber> {
        let (mut heavy, mut dropped) = (0, Vec::new());
        self.rows.retain(|key, entry| {
            let drops = matches!(entry.row, Row::Put(Change::Message { .. } | Change::Retained { .. }));
            if let (true, Key::Message(number)) = (drops, key) {
                dropped.push(*number);
            }
            heavy += usize::from(drops && is_heavy(key, &entry.row));
            !drops
        });
        self.heavy -= heavy;
        self.bytes = 0;
        dropped
    }

    /// Adds later rows to these, as a store does that keeps them: what is gone is gone. For those who hold rows in memory in
    /// place of a file; whether they are heavy is not known afterwards.
    pub fn absorb(&mut self, later: &Self) {
        for session in later.sessions_gone() {
            self.drop_session(session);
        }
        for (key, entry) in &later.rows {
            match &entry.row {
                Row::Put(_) => _ = self.rows.insert(key.clone(), entry.clone()),
                Row::Gone => _ = self.rows.remove(key),
            }
        }
    }

    /// What there is, as changes that make it.
    pub fn puts(&self) -> impl Iterator<Item = Change> {
        self.rows.values().filter_map(|entry| match &entry.row {
            Row::Put(change) => Some(change.clone()),
            Row::Gone => None,
        })
    }

    fn session_gone(&mut self, session: SessionNumber) {
        self.heavy -= self.drop_session(session);
        self.sessions_gone.insert(session);
    }

    /// Drops the rows of a Session, and says how many of them were heavy.
    fn drop_session(&mut self, session: SessionNumber) -> usize {
        let own: Vec<_> = Key::ranges_of(session)
            .into_iter()
            .flat_map(|range| self.rows.range(range).map(|(key, _)| key.clone()))
            .collect();
        let mut heavy = 0;
        for key in own {
            if let Some(entry) = self.rows.remove(&key) {
                heavy += usize::from(is_heavy(&key, &entry.row));
            }
        }
        heavy
    }
}

impl Key {
    /// Where all rows of one Session stand.
    fn ranges_of(session: SessionNumber) -> [std::ops::Range<Self>; 7] {
        let next = session.saturating_add(1);
        let nothing: Arc<str> = Arc::from("");
        let id = PacketId::MIN;
        [
            Self::Session(session)..Self::Session(next),
            Self::Subscription(session, Arc::clone(&nothing))..Self::Subscription(next, Arc::clone(&nothing)),
            Self::InFlight(session, id)..Self::InFlight(next, id),
            Self::Received(session, id)..Self::Received(next, id),
            Self::Position(session)..Self::Position(next),
            Self::Will(session)..Self::Will(next),
            Self::Replay(session, Arc::clone(&nothing))..Self::Replay(next, nothing),
        ]
    }
}

enum Split {
    Row(Key, Row),
    SessionGone(SessionNumber),
}

fn split(change: Change) -> Split {
    let (key, is_put) = match &change {
        Change::SessionGone { session } => return Split::SessionGone(*session),
        Change::Session { session, .. } => (Key::Session(*session), true),
        Change::Subscribed { session, filter, .. } => {
            (Key::Subscription(*session, filter.as_str().into()), true)
        }
        Change::Unsubscribed { session, filter } => {
            (Key::Subscription(*session, filter.as_str().into()), false)
        }
        Change::InFlight { session, packet_id, .. } => (Key::InFlight(*session, *packet_id), true),
        Change::Free { session, packet_id } => (Key::InFlight(*session, *packet_id), false),
        Change::Received { session, packet_id } => (Key::Received(*session, *packet_id), true),
        Change::Released { session, packet_id } => (Key::Received(*session, *packet_id), false),
        Change::Position { session, .. } => (Key::Position(*session), true),
        Change::Will { session, .. } => (Key::Will(*session), true),
        Change::WillGone { session } => (Key::Will(*session), false),
        Change::Replay { session, filter, .. } => (Key::Replay(*session, filter.as_str().into()), true),
        Change::ReplayGone { session, filter } => (Key::Replay(*session, filter.as_str().into()), false),
        Change::LoneWill { number, .. } => (Key::LoneWill(*number), true),
        Change::LoneWillGone { number } => (Key::LoneWill(*number), false),
        Change::Retained { message } => (Key::Retained(message.message.topic.as_str().into()), true),
        Change::RetainedGone { topic } => (Key::Retained(Arc::clone(topic)), false),
        Change::Message { number, .. } => (Key::Message(*number), true),
        Change::MessageGone { number } => (Key::Message(*number), false),
    };
    Split::Row(key, if is_put { Row::Put(change) } else { Row::Gone })
}

/// Whether this row begins something, so that none was there before it.
const fn begins(row: &Row) -> bool {
    match row {
        Row::Put(Change::InFlight { step, .. }) => !matches!(step, Step::Pubcomp),
        Row::Put(Change::Message { .. } | Change::Received { .. } | Change::LoneWill { .. }) => true,
        Row::Put(_) | Row::Gone => false,
    }
}

/// Whether somebody may wait for this row. A message that is sent once more for want of it harms nobody at QoS 1.
const fn is_heavy(key: &Key, row: &Row) -> bool {
    match (key, row) {
        (Key::Position(_) | Key::Replay(..) | Key::LoneWill(_), _)
        | (Key::Message(_) | Key::InFlight(..), Row::Gone) => false,
        (_, Row::Put(Change::InFlight { step, .. })) => !matches!(step, Step::Puback),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u16) -> PacketId {
        PacketId::new(n).unwrap()
    }

    fn sent(step: Step) -> Change {
        Change::InFlight { session: 1, packet_id: id(1), message: 7, step }
    }

    fn keys(rows: &Rows) -> Vec<(Key, bool)> {
        rows.iter().map(|(key, row)| (key.clone(), matches!(row, Row::Put(_)))).collect()
    }

    #[test]
    fn what_came_and_went_is_not_written() {
        let mut rows = Rows::default();
        rows.apply(sent(Step::Pubrec));
        assert!(rows.is_heavy());
        rows.apply(Change::Free { session: 1, packet_id: id(1) });
        assert_eq!(keys(&rows), [(Key::Position(1), true)]);
        assert!(!rows.is_heavy(), "nobody waits for a position");
    }

    #[test]
    fn what_may_have_been_written_before_is_removed() {
        let mut rows = Rows::default();
        rows.apply(sent(Step::Pubcomp));
        rows.apply(Change::Free { session: 1, packet_id: id(1) });
        assert_eq!(keys(&rows), [(Key::InFlight(1, id(1)), false)]);
        rows.apply(sent(Step::Pubrec));
        rows.apply(Change::Free { session: 1, packet_id: id(1) });
        let left = [(Key::InFlight(1, id(1)), false), (Key::Position(1), true)];
        assert_eq!(keys(&rows), left, "the row of the first use is still there");
        assert!(!rows.is_heavy());
    }

    #[test]
    fn a_session_that_ends_takes_its_rows_with_it() {
        let mut rows = Rows::default();
        rows.apply(sent(Step::Puback));
        rows.apply(Change::Position { session: 1, next: 8 });
        rows.apply(Change::Position { session: 2, next: 8 });
        rows.apply(Change::SessionGone { session: 1 });
        assert_eq!(keys(&rows), [(Key::Position(2), true)]);
        assert_eq!(rows.sessions_gone().collect::<Vec<_>>(), [1]);
    }
}
