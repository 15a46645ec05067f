//! What was sent on each Session and what its Client's application got of it, letter by letter.

use std::collections::BTreeMap;

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
    /// How often a payload was taken from a Client as new, by Session.
    taken: BTreeMap<(Vec<u8>, u64), usize>,
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

    pub(super) fn taken(&mut self, instance: u64, payload: &[u8]) {
        *self.taken.entry((payload.to_vec(), instance)).or_default() += 1;
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
    pub(crate) fn assert_taken(&self, qos: Qos, payload: &[u8]) {
        let from = (payload.to_vec(), 0)..=(payload.to_vec(), u64::MAX);
        let times: Vec<_> = self.taken.range(from).map(|(_, times)| *times).collect();
        assert!(!times.is_empty(), "{qos:?} was acknowledged and never taken");
        if qos == Qos::ExactlyOnce {
            assert!(times.iter().all(|&times| times == 1), "QoS 2 was taken {times:?} times, by session");
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
