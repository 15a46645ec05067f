//! The thread that makes changes durable, and the shard's end of it. Nothing waits while it is idle; what gathers while
//! one group is synced is the next group.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mqtt::Instant;
use tokio::sync::Notify;

use super::{Durability, Failure, Store, snapshot};
use crate::broker::change::{Change, Key, MessageNumber, Row, Rows};
use crate::broker::{Fetch, Found};
use crate::server::clock::Clock;

/// Bytes of changes that are written at once.
const GROUP: usize = 2 << 20;
/// Bytes that may wait for the disk before its shard reads no more.
const BEHIND: usize = 8 << 20;
/// How long what nobody waits for may stay in memory.
const LAZY: Duration = Duration::from_secs(1);

/// The turns of the shard, counted. What waits for a turn leaves when that one is durable.
pub(crate) type Turn = u64;

/// The shard's end: gathers the changes of one turn.
#[derive(Debug)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
    changes: Vec<Change>,
    fetches: Vec<Fetch>,
    bytes: usize,
    is_awaited: bool,
    turn: Turn,
    thread: Option<JoinHandle<()>>,
}

/// What the shard is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// All up to this turn is safe.
    pub(crate) durable: Turn,
    /// What waits for a turn up to this one, and is not safe, has no room.
    pub(crate) refused: Turn,
    /// Nothing more should be promised.
    pub(crate) is_full: bool,
    /// Nothing is safe any more, for this reason.
    pub(crate) broken: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    news: Mutex<News>,
    told: Notify,
    fetched: Mutex<VecDeque<(Fetch, Found)>>,
    /// Bytes in the queue.
    backlog: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    /// What is to be looked for once the changes of a turn have come.
    fetches: VecDeque<(Turn, Fetch)>,
    copies: Vec<UnixStream>,
    stops: bool,
}

/// The changes of one or more turns.
#[derive(Debug, Default)]
struct Chunk {
    changes: Vec<Change>,
    bytes: usize,
    turn: Turn,
    is_awaited: bool,
}

impl Journal {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(store: Box<dyn Store>, durability: Durability) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let committer = Committer {
            store,
            durability,
            shared: Arc::clone(&shared),
            rows: Rows::default(),
            turn: 0,
            clock: Clock::start(),
            due: None,
            is_out_of_room: false,
            has_gaps: false,
        };
        let thread = thread::Builder::new().name("store".into()).spawn(move || committer.run())?;
        let (changes, fetches) = (Vec::new(), Vec::new());
        Ok(Self { shared, changes, fetches, bytes: 0, is_awaited: false, turn: 1, thread: Some(thread) })
    }

    /// Takes one change of this turn.
    pub(crate) fn store(&mut self, change: Change) {
        self.bytes += change.size();
        self.changes.push(change);
    }

    /// These messages are wanted, as they are after the changes of this turn.
    pub(crate) fn fetch(&mut self, fetch: Fetch) {
        self.fetches.push(fetch);
    }

    /// Something waits for this turn, which is named.
    pub(crate) const fn hold(&mut self) -> Turn {
        self.is_awaited = true;
        self.turn
    }

    /// Hands this turn over.
    pub(crate) fn end_turn(&mut self) {
        if self.changes.is_empty() && !self.is_awaited && self.fetches.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let is_awaited = std::mem::take(&mut self.is_awaited);
        self.shared.backlog.fetch_add(bytes, Ordering::Relaxed);
        let mut queue = self.shared.queue();
        queue.fetches.extend(self.fetches.drain(..).map(|fetch| (self.turn, fetch)));
        match queue.chunks.back_mut() {
            Some(last) if last.bytes + bytes <= GROUP => {
                last.changes.append(&mut self.changes);
                last.bytes += bytes;
                last.turn = self.turn;
                last.is_awaited |= is_awaited;
            }
            _ => {
                let changes = std::mem::take(&mut self.changes);
                queue.chunks.push_back(Chunk { changes, bytes, turn: self.turn, is_awaited });
            }
        }
        drop(queue);
        self.shared.work.notify_one();
        self.turn += 1;
    }

    /// Whether so much waits to be written that no more should come.
    pub(crate) fn is_behind(&self) -> bool {
        self.shared.backlog.load(Ordering::Relaxed) > BEHIND
    }

    /// What is to be waited on for news.
    pub(crate) fn teller(&self) -> Teller {
        Teller(Arc::clone(&self.shared))
    }

    /// Writes what is there, and ends the thread.
    pub(crate) fn stop(&mut self) {
        self.end_turn();
        self.shared.queue().stops = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // how it went is in the news
        }
    }
}

/// Where news of the store come from.
#[derive(Clone, Debug)]
pub(crate) struct Teller(Arc<Shared>);

impl Teller {
    /// Waits for news.
    pub(crate) async fn told(&self) {
        self.0.told.notified().await;
    }

    /// The next messages that were looked for.
    pub(crate) fn fetched(&self) -> Option<(Fetch, Found)> {
        self.0.fetched.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// How things are.
    pub(crate) fn news(&self) -> News {
        self.0.news().clone()
    }

    /// Sends a copy of all rows, once what is there now is written.
    pub(crate) fn copy_to(&self, stream: UnixStream) {
        self.0.queue().copies.push(stream);
        self.0.work.notify_one();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: impl FnOnce(&mut News)) {
        change(&mut self.news());
        self.told.notify_one();
    }
}

/// The thread's own.
struct Committer {
    store: Box<dyn Store>,
    durability: Durability,
    shared: Arc<Shared>,
    /// What is not written yet.
    rows: Rows,
    /// The last turn that is in `rows`.
    turn: Turn,
    clock: Clock,
    /// When what nobody waits for is written after all.
    due: Option<Instant>,
    /// The last attempt found no room.
    is_out_of_room: bool,
    /// Rows were removed since the file was last made smaller.
    has_gaps: bool,
}

/// What the thread is to do next.
enum Work {
    Take(Chunk),
    Find(Fetch),
    Copy(UnixStream),
    Time,
    Stop,
}

/// If the thread ends in a way that nobody thought of, nothing may be acknowledged any more.
struct Alarm(Arc<Shared>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.tell(|news| news.broken = Some("the thread that stores it failed".into()));
        }
    }
}

impl Committer {
    fn run(mut self) {
        let _alarm = Alarm(Arc::clone(&self.shared));
        loop {
            let done = match self.next() {
                Work::Take(chunk) => self.take(chunk),
                Work::Find(fetch) => self.find(fetch),
                Work::Time => self.commit().and_then(|()| self.make_room()),
                Work::Copy(stream) => self.commit().map(|()| self.copy(stream)),
                Work::Stop => {
                    if let Err(Failure::Broken(why)) = self.commit() {
                        self.shared.tell(|news| news.broken = Some(why));
                    }
                    return;
                }
            };
            match done {
                Ok(()) => {}
                Err(Failure::Full) => self.out_of_room(),
                Err(Failure::Broken(why)) => {
                    return self.shared.tell(|news| news.broken = Some(why));
                }
            }
        }
    }

    /// Waits for something to do.
    fn next(&self) -> Work {
        let mut queue = self.shared.queue();
        loop {
            if let Some((_, fetch)) = queue.fetches.pop_front_if(|(turn, _)| *turn <= self.turn) {
                return Work::Find(fetch);
            }
            if let Some(chunk) = queue.chunks.pop_front() {
                return Work::Take(chunk);
            }
            if let Some(stream) = queue.copies.pop() {
                return Work::Copy(stream);
            }
            if queue.stops {
                return Work::Stop;
            }
            queue = match self.due.map(|due| due.since(self.clock.now())) {
                Some(Duration::ZERO) => return Work::Time,
                Some(left) => {
                    let waited = self.shared.work.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn take(&mut self, chunk: Chunk) -> Result<(), Failure> {
        self.shared.backlog.fetch_sub(chunk.bytes, Ordering::Relaxed);
        chunk.changes.into_iter().for_each(|change| self.rows.apply(change));
        self.turn = chunk.turn;
        let now = self.clock.now();
        if !self.rows.is_empty() && self.due.is_none() {
            self.due = Some(now + LAZY);
        }
        let must = match self.durability {
            Durability::Always => !self.rows.is_empty(),
            Durability::Group | Durability::Os => chunk.is_awaited && self.rows.is_heavy(),
        };
        if must || self.rows.bytes() > GROUP || self.due.is_some_and(|due| due <= now) {
            return self.commit();
        }
        if chunk.is_awaited {
            self.shared.tell(|news| news.durable = chunk.turn);
        }
        Ok(())
    }

    /// Looks for messages, among what is not written yet and what is.
    fn find(&mut self, fetch: Fetch) -> Result<(), Failure> {
        let mut found = self.rows.find(fetch.numbers());
        let is_new = |number: &MessageNumber| self.rows.get(&Key::Message(*number)).is_some();
        let written: Vec<_> = fetch.numbers().iter().copied().filter(|number| !is_new(number)).collect();
        if !written.is_empty() {
            found.append(&mut self.store.find(&written)?);
            found.sort_unstable_by_key(|&(number, _)| number);
        }
        self.shared.fetched.lock().unwrap_or_else(PoisonError::into_inner).push_back((fetch, found));
        self.shared.told.notify_one();
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.due = None;
        if !self.rows.is_empty() {
            if self.is_out_of_room && self.store.is_full() {
                return Err(Failure::Full);
            }
            self.store.commit(&self.rows)?;
            self.has_gaps |= self.rows.iter().any(|(_, row)| matches!(row, Row::Gone));
            self.rows.clear();
            self.is_out_of_room = false;
        }
        let is_full = self.store.is_full();
        if is_full {
            self.due = Some(self.clock.now() + LAZY); // look again
        }
        let turn = self.turn;
        self.shared.tell(|news| (news.durable, news.is_full) = (turn, is_full));
        Ok(())
    }

    /// The disk is full, but the file may have room inside.
    fn make_room(&mut self) -> Result<(), Failure> {
        if !self.has_gaps || !self.store.is_full() {
            return Ok(());
        }
        self.has_gaps = false;
        self.store.shrink()?;
        self.commit()
    }

    /// What waits is told that there is no room. The messages that found none are not acknowledged and not written later
    /// either, or they would keep out for ever what is small.
    fn out_of_room(&mut self) {
        self.is_out_of_room = true;
        self.rows.drop_messages();
        self.due = Some(self.clock.now() + LAZY);
        let turn = self.turn;
        self.shared.tell(|news| (news.refused, news.is_full) = (turn, true));
    }

    /// Sends all rows of this moment, by a thread of its own.
    fn copy(&self, stream: UnixStream) {
        let rows = match self.store.snapshot() {
            Ok(rows) => rows,
            Err(error) => return tracing::error!(%error, "the stored state cannot be copied"),
        };
        let send = move || {
            if let Err(error) = snapshot::send(&*rows, &stream) {
                tracing::warn!(%error, "a copy of the stored state was not taken to its end");
            }
        };
        if let Err(error) = thread::Builder::new().name("backup".into()).spawn(send) {
            tracing::error!(%error, "the stored state cannot be copied");
        }
    }
}
