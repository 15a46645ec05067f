//! What was sent on each Session and what its Client's application got of it, letter by letter.

use std::collections::{BTreeMap, BTreeSet};

use mqtt::Qos;

use crate::link::LinkKey;

/// What a message is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Letter {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    books: BTreeMap<u64, Book>,
    instances: BTreeMap<LinkKey, u64>,
    /// What was taken from Clients as new, in order.
    taken: Vec<Taken>,
    /// Payloads whose publishers were told that they arrived.
    acknowledged: BTreeSet<Vec<u8>>,
}

/// A message that was taken.
#[derive(Debug)]
struct Taken {
    payload: Vec<u8>,
    /// From which Session.
    instance: u64,
    /// Something came of it that has to be there after a crash.
    is_kept: bool,
    /// Nobody remembers it, so that it may be taken again.
    is_forgotten: bool,
}

/// How far everything was at a moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    taken: usize,
    /// What was sent at each QoS, by Session.
    sent: BTreeMap<u64, [usize; 3]>,
}

/// One Session, by QoS.
#[derive(Debug, Default)]
struct Book {
    client: String,
    sent: [Vec<Letter>; 3],
    /// How many of these the application has, counted from the first.
    got: [usize; 3],
    /// The Client knows that this Session is a new one; without that it may take it for the one before.
    is_met: bool,
    /// The Client was told of something that this Session holds.
    is_relied_on: bool,
}

impl Letter {
    pub(crate) fn new(topic: &str, payload: &[u8]) -> Self {
        Self { topic: topic.to_owned(), payload: payload.to_vec() }
    }
}

impl Ledger {
    pub(super) fn begins(&mut self, link: LinkKey, client: &str, instance: u64) {
        self.instances.insert(link, instance);
        client.clone_into(&mut self.books.entry(instance).or_default().client);
    }

    pub(super) fn taken(&mut self, instance: u64, payload: &[u8], is_kept: bool) {
        let payload = payload.to_vec();
        self.taken.push(Taken { payload, instance, is_kept, is_forgotten: false });
    }

    pub(super) fn sent(&mut self, instance: u64, qos: Qos, letter: Letter) {
        self.books.entry(instance).or_default().sent[usize::from(qos.level())].push(letter);
    }

    /// The Client saw a CONNACK without Session Present on this connection.
    pub(crate) fn met(&mut self, link: LinkKey) {
        if let Some(book) = self.instances.get(&link).and_then(|instance| self.books.get_mut(instance)) {
            book.is_met = true;
        }
    }

    /// The Client was told on this connection of something that its Session holds.
    pub(crate) fn relies(&mut self, link: LinkKey) {
        if let Some(book) = self.instances.get(&link).and_then(|instance| self.books.get_mut(instance)) {
            book.is_relied_on = true;
        }
    }

    pub(super) fn is_relied_on(&self, instance: u64) -> bool {
        self.books.get(&instance).is_some_and(|book| book.is_relied_on)
    }

    pub(crate) fn has_met(&self, instance: u64) -> bool {
        self.books.get(&instance).is_some_and(|book| book.is_met)
    }

    /// The Client's application got a message.
    pub(crate) fn got(&mut self, link: LinkKey, qos: Qos, letter: &Letter) {
        let instance = self.instances.get(&link).expect("messages come after CONNECT");
        let book = self.books.get_mut(instance).expect("each instance has a book");
        let client = &book.client;
        if !book.is_met {
            return;
        }
        let (sent, got) = (&book.sent[usize::from(qos.level())], &mut book.got[usize::from(qos.level())]);
        match qos {
            Qos::AtMostOnce => {
                let skipped = sent[*got..].iter().position(|sent| sent == letter);
                *got +=
                    1 + skipped.unwrap_or_else(|| panic!("{client} got {letter:?} again, or out of order"));
            }
            Qos::AtLeastOnce if sent.get(*got) == Some(letter) => *got += 1,
            Qos::AtLeastOnce => {
                assert!(sent[..*got].contains(letter), "{client} got {letter:?} out of order [MQTT-4.6.0-5]");
            }
            Qos::ExactlyOnce => {
                let next = sent.get(*got);
                assert_eq!(next, Some(letter), "{client} got a QoS 2 message twice or out of order");
                *got += 1;
            }
        }
    }

    /// The publisher was told that its message arrived.
    pub(crate) fn assert_taken(&mut self, qos: Qos, payload: &[u8]) {
        let all: Vec<_> = self.taken.iter().filter(|taken| taken.payload == payload).collect();
        assert!(!all.is_empty(), "{qos:?} was acknowledged and never taken, or is lost");
        let mut once = BTreeSet::new();
        for taken in all.iter().filter(|taken| qos == Qos::ExactlyOnce && !taken.is_forgotten) {
            assert!(once.insert(taken.instance), "QoS 2 was taken twice: {all:?}");
        }
        self.acknowledged.insert(payload.to_vec());
    }

    pub(super) fn marks(&self, instances: impl Iterator<Item = u64>) -> Marks {
        let sent = |instance| self.books.get(&instance).map(|book| book.sent.each_ref().map(Vec::len));
        let sent = instances.filter_map(|instance| Some((instance, sent(instance)?)));
        Marks { taken: self.taken.len(), sent: sent.collect() }
    }

    /// The Server forgets all after that moment, and also before what nobody has to keep. Clients do not. What was
    /// acknowledged may be forgotten only when it is no longer `owed`.
    pub(super) fn rewind(&mut self, marks: &Marks, owed: &BTreeSet<Vec<u8>>) {
        for (instance, &[_, once, exactly]) in &marks.sent {
            let Some(book) = self.books.get_mut(instance) else { continue };
            let is_safe = !book.is_met || book.got[2] <= exactly;
            assert!(is_safe, "{} got a QoS 2 message that may be sent again", book.client);
            book.got[2] = book.got[2].min(exactly);
            book.got[1] = book.got[1].min(once);
            book.sent[1].truncate(once);
            book.sent[2].truncate(exactly);
        }
        let later = self.taken.split_off(marks.taken);
        let (lost, forgotten): (Vec<_>, _) = later.into_iter().partition(|taken| taken.is_kept);
        self.taken.extend(forgotten);
        self.taken.iter_mut().for_each(|taken| taken.is_forgotten |= !taken.is_kept);
        for lost in lost {
            let is_there = self.taken.iter().any(|taken| taken.payload == lost.payload);
            let is_there = is_there || !owed.contains(&lost.payload);
            let payload = String::from_utf8_lossy(&lost.payload);
            assert!(is_there || !self.acknowledged.contains(&lost.payload), "{payload} is lost");
        }
    }

    /// All that was sent at QoS 1 and 2 on this Session has come to the application.
    pub(crate) fn assert_all_got(&self, instance: u64) {
        let Some(book) = self.books.get(&instance).filter(|book| book.is_met) else { return };
        for qos in [1, 2] {
            let (sent, got) = (book.sent[qos].len(), book.got[qos]);
            assert_eq!(got, sent, "{} got less than was sent at QoS {qos}", book.client);
        }
    }

    /// All that was ever sent to a Client.
    pub(crate) fn shown(&self, client: &str) -> Vec<&Letter> {
        let books = self.books.values().filter(|book| book.client == client);
        books.flat_map(|book| book.sent.iter().flatten()).collect()
    }

    /// Messages that applications got.
    pub(crate) fn deliveries(&self) -> usize {
        self.books.values().map(|book| book.got.iter().sum::<usize>()).sum()
    }
}
