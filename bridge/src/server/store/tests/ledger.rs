//! A scripted run of changes, and what there must be after each group of it.

use std::ops::Bound;
use std::sync::Arc;

use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, Message, PacketId, Qos, Rng, SessionExpiry, TopicFilter, Will};

use super::*;
use crate::broker::Stored;
use crate::broker::change::{Ower, Step};

/// All rows of a store, in words.
pub(super) fn dump(store: &mut dyn Store) -> Vec<String> {
    let mut found = Vec::new();
    store.load(&mut |change| found.push(words(&change))).unwrap();
    found
}

/// A change in words, with its payload cut short.
pub(super) fn words(change: &Change) -> String {
    let text = format!("{change:?}");
    let length = text.matches('x').count();
    format!("{} ({length})", text.replace('x', ""))
}

/// Groups of changes such as a broker makes, from a seed.
pub(super) fn groups(seed: u64, count: usize) -> Vec<Rows> {
    let mut script = Script { rng: Rng::new(seed), next: 1 };
    (0..count)
        .map(|_| {
            let mut rows = Rows::default();
            for _ in 0..=script.below(8) {
                rows.apply(script.change());
            }
            rows
        })
        .collect()
}

struct Script {
    rng: Rng,
    next: u64,
}

impl Script {
    fn below(&mut self, n: u64) -> u64 {
        self.rng.next_u64() % n
    }

    fn stored(&mut self, topic: u64) -> Arc<Stored> {
        let size = match self.below(10) {
            0 => 20_000,
            n => 30 * n as usize,
        };
        let message = Message::new(format!("topic/{topic}").parse().unwrap(), vec![b'x'; size]);
        Arc::new(Stored::new(message.with_qos(Qos::AtLeastOnce), None))
    }

    fn change(&mut self) -> Change {
        let session = 1 + self.below(4);
        if self.below(4) == 0 {
            return self.wish(session);
        }
        let packet_id = PacketId::new(1 + self.below(20) as u16).unwrap();
        match self.below(12) {
            0 => Change::Session {
                session,
                client_id: format!("client {session}").into(),
                owner: None,
                expiry: SessionExpiry::Never,
                ends: (self.below(2) == 0).then(|| Instant::from_millis(5)),
            },
            1 if self.below(4) == 0 => Change::SessionGone { session },
            2 => Change::InFlight { session, packet_id, message: self.next, step: Step::Pubrec },
            3 => Change::Free { session, packet_id },
            4 => Change::Received { session, packet_id },
            5 => Change::Released { session, packet_id },
            6 => Change::Retained { message: self.stored(session) },
            7 => Change::RetainedGone { topic: format!("topic/{session}").into() },
            8 => Change::MessageGone { number: 1 + self.below(self.next) },
            9 => Change::Position { session, next: self.next },
            _ => {
                self.next += 1;
                let ower = Ower {
                    session,
                    qos: Qos::AtLeastOnce,
                    retain: false,
                    subscription_ids: Box::default(),
                    share: None,
                };
                Change::Message { number: self.next, message: self.stored(session), owers: [ower].into() }
            }
        }
    }
}

impl Script {
    /// What a Client wants: to be told of something, or others to be told of it.
    fn wish(&mut self, session: u64) -> Change {
        let filter: TopicFilter = format!("topic/{}/#", self.below(3)).parse().unwrap();
        let (options, id) = (SubscriptionOptions::default(), None);
        let message = Message::new("will".parse().unwrap(), "gone");
        let will = Arc::new(Will { message, delay_s: 5 });
        match self.below(8) {
            0 => Change::Subscribed { session, filter, options, id },
            1 => Change::Unsubscribed { session, filter },
            2 => Change::Will { session, due: None, will },
            3 => Change::WillGone { session },
            4 => {
                let from = Bound::Excluded(format!("topic/{}", self.below(9)).parse().unwrap());
                Change::Replay { session, filter, options, id, from }
            }
            5 => Change::ReplayGone { session, filter },
            6 => Change::LoneWillGone { number: 1 + self.below(self.next) },
            _ => {
                self.next += 1;
                let client_id = format!("client {session}").into();
                Change::LoneWill { number: self.next, client_id, owner: None, will }
            }
        }
    }
}

#[test]
fn a_file_and_its_twin_in_memory_hold_the_same() {
    for seed in 1..20 {
        let mut file =
            Redb::with_backend(::redb::backends::InMemoryBackend::new(), <_>::default(), <_>::default())
                .unwrap();
        let mut memory = memory::Memory::default();
        for rows in groups(seed, 30) {
            file.commit(&rows).unwrap();
            memory.commit(&rows).unwrap();
            assert_eq!(dump(&mut file), dump(&mut memory), "seed {seed}");
        }
    }
}
