//! The committer with a store in the test's hand: what is told when.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::super::memory::Memory;
use super::ledger::groups;
use super::*;
use crate::broker::change::{Row, Step};
use crate::broker::{Fetch, Found};

/// A store that does each commit when, and as, the test says.
struct Puppet {
    asked: Sender<usize>,
    answers: Receiver<Result<(), Failure>>,
}

/// The test's end of it.
struct Hand {
    asked: Receiver<usize>,
    answers: Sender<Result<(), Failure>>,
}

impl Store for Puppet {
    fn load(&mut self, _: &mut dyn FnMut(Change)) -> Result<Report, Failure> {
        Ok(Report::default())
    }

    fn commit(&mut self, rows: &Rows) -> Result<(), Failure> {
        self.asked.send(rows.iter().count()).unwrap();
        self.answers.recv().unwrap_or(Ok(()))
    }

    fn find(&mut self, _: &[MessageNumber]) -> Result<Messages, Failure> {
        Ok(Vec::new())
    }

    fn is_full(&self) -> bool {
        false
    }

    fn shrink(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Failure> {
        Err(Failure::Full)
    }
}

fn journal(durability: Durability) -> (Journal, Hand) {
    let (mut journals, hand) = journals(durability, 1);
    (journals.remove(0), hand)
}

fn journals(durability: Durability, shards: usize) -> (Vec<Journal>, Hand) {
    let (asked, is_asked) = channel();
    let (answers, answered) = channel();
    let store = Box::new(Puppet { asked, answers: answered });
    (Journal::start(store, durability, shards).unwrap(), Hand { asked: is_asked, answers })
}

fn message() -> Change {
    let found = groups(1, 20).iter().find_map(|rows| {
        rows.iter().find_map(|(_, row)| match row {
            Row::Put(change @ Change::Message { .. }) => Some(change.clone()),
            _ => None,
        })
    });
    found.unwrap()
}

/// Waits for news.
fn told(journal: &Journal) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(journal.teller().told());
}

/// Asks for messages and waits for what there is of them.
fn look_for(journal: &mut Journal, numbers: &[u64]) -> Found {
    journal.fetch(Fetch::of(numbers));
    journal.end_turn();
    let mut answers = std::iter::from_fn(|| {
        told(journal);
        Some(journal.teller().fetched())
    });
    let (fetch, found) = answers.by_ref().flatten().next().unwrap();
    assert_eq!(fetch.numbers(), numbers);
    found
}

#[test]
fn nothing_is_durable_before_its_commit_and_what_gathers_meanwhile_shares_the_next() {
    let (mut journal, hand) = journal(Durability::Group);
    journal.store(message());
    let first = journal.hold();
    journal.end_turn();
    assert_eq!(hand.asked.recv().unwrap(), 1);
    let mut last = first;
    for topic in 0..5 {
        journal.store(Change::RetainedGone { topic: format!("t{topic}").into() });
        last = journal.hold();
        journal.end_turn();
    }
    assert_eq!(journal.teller().news().durable, 0);
    hand.answers.send(Ok(())).unwrap();
    assert_eq!(hand.asked.recv().unwrap(), 5, "one group");
    assert_eq!(journal.teller().news().durable, first);
    hand.answers.send(Ok(())).unwrap();
    journal.stop();
    assert_eq!(journal.teller().news().durable, last);
}

#[test]
fn what_came_and_went_needs_no_disk() {
    let (mut journal, hand) = journal(Durability::Group);
    let (session, packet_id) = (1, mqtt::PacketId::MIN);
    let Change::Message { number, .. } = message() else { panic!("a message") };
    journal.store(message());
    journal.store(Change::InFlight { session, packet_id, message: number, step: Step::Puback });
    journal.store(Change::Free { session, packet_id });
    journal.store(Change::MessageGone { number });
    let turn = journal.hold();
    journal.end_turn();
    told(&journal);
    assert_eq!(journal.teller().news().durable, turn);
    assert!(hand.asked.try_recv().is_err(), "nothing was written");
    hand.answers.send(Ok(())).unwrap(); // of its position, at the end
    journal.stop();
}

#[test]
fn always_means_also_what_nobody_waits_for() {
    let (mut journal, hand) = journal(Durability::Always);
    journal.store(Change::RetainedGone { topic: "a".into() });
    journal.end_turn();
    assert_eq!(hand.asked.recv().unwrap(), 1);
    hand.answers.send(Ok(())).unwrap();
    journal.stop();
}

#[test]
fn after_a_failure_nothing_is_durable_any_more() {
    let (mut journal, hand) = journal(Durability::Group);
    journal.store(message());
    journal.hold();
    journal.end_turn();
    hand.answers.send(Err(Failure::Broken("no more".into()))).unwrap();
    told(&journal);
    journal.store(message());
    journal.hold();
    journal.end_turn();
    journal.stop();
    let news = journal.teller().news();
    assert_eq!((news.durable, news.broken.as_deref()), (0, Some("no more")));
    assert_eq!(hand.asked.iter().count(), 1, "it is not tried again");
}

#[test]
fn a_full_disk_refuses_the_group_and_takes_the_next() {
    let (mut journal, hand) = journal(Durability::Group);
    let Change::Message { number, .. } = message() else { panic!("a message") };
    journal.store(message());
    let refused = journal.hold();
    journal.end_turn();
    hand.answers.send(Err(Failure::Full)).unwrap();
    told(&journal);
    let news = journal.teller().news();
    assert_eq!((news.durable, news.refused, news.is_full), (0, refused, true));
    assert_eq!(look_for(&mut journal, &[number, number + 1]).unstored, [number], "nobody counts on it");
    journal.store(Change::RetainedGone { topic: "a".into() });
    let taken = journal.hold();
    journal.end_turn();
    hand.answers.send(Ok(())).unwrap();
    journal.stop();
    let news = journal.teller().news();
    assert_eq!((news.durable, news.is_full), (taken, false));
    assert_eq!(hand.asked.iter().collect::<Vec<_>>(), [1, 1], "what was refused is not written later");
}

#[test]
fn messages_are_found_before_they_are_written_and_after() {
    let store = Box::new(Memory::default());
    let mut journal = Journal::start(store, Durability::Group, 1).unwrap().remove(0);
    let Change::Message { number, message: said, owers } = message() else { panic!("a message") };
    let ask = |journal: &mut Journal, numbers: &[u64]| -> Vec<u64> {
        let found = look_for(journal, numbers).messages;
        assert!(found.iter().all(|(_, message)| message.message == said.message));
        found.into_iter().map(|(number, _)| number).collect()
    };
    let (message, later) = (std::sync::Arc::clone(&said), number + 1);
    journal.store(Change::Message { number, message, owers: owers.clone() });
    assert_eq!(ask(&mut journal, &[number, later]), [number], "of the same turn");
    journal.hold();
    journal.end_turn();
    told(&journal);
    journal.store(Change::Message { number: later, message: std::sync::Arc::clone(&said), owers });
    assert_eq!(ask(&mut journal, &[number, later]), [number, later], "one is written, one is not");
    journal.store(Change::MessageGone { number });
    assert_eq!(ask(&mut journal, &[number, later]), [later], "one is gone, though not there");
    journal.stop();
}

#[test]
fn what_several_shards_say_during_one_sync_shares_the_next_and_each_is_told_its_turn() {
    let (mut journals, hand) = journals(Durability::Group, 2);
    let gone = |topic: &str| Change::RetainedGone { topic: topic.into() };
    let [a, b] = &mut journals[..] else { panic!("two") };
    a.store(gone("first"));
    a.hold();
    a.end_turn();
    assert_eq!(hand.asked.recv().unwrap(), 1);
    let mut turns = [0, 0];
    for n in 0..3 {
        for (shard, journal) in [&mut *a, &mut *b].into_iter().enumerate() {
            journal.store(gone(&format!("{n} of {shard}")));
            turns[shard] = journal.hold();
            journal.end_turn();
        }
    }
    assert_eq!(b.teller().news().durable, 0);
    hand.answers.send(Ok(())).unwrap();
    assert_eq!(hand.asked.recv().unwrap(), 6, "one group");
    hand.answers.send(Ok(())).unwrap();
    a.stop();
    b.stop();
    assert_eq!([a, b].map(|journal| journal.teller().news().durable), turns);
    assert_eq!(turns, [4, 3]);
}

#[test]
fn what_a_shard_looks_for_is_found_for_it_alone() {
    let store = Box::new(Memory::default());
    let mut journals = Journal::start(store, Durability::Group, 2).unwrap();
    let Change::Message { number, .. } = message() else { panic!("a message") };
    let [a, b] = &mut journals[..] else { panic!("two") };
    a.store(message());
    a.end_turn();
    b.fetch(Fetch::of(&[number]));
    b.end_turn();
    told(b);
    let (fetch, found) = b.teller().fetched().unwrap();
    assert_eq!((fetch.numbers(), found.messages.len()), (&[number][..], 1));
    assert!(a.teller().fetched().is_none());
    a.stop();
    b.stop();
}
