//! The thread that makes changes durable, and the shards' ends of it. Nothing waits while it is idle; what gathers while
//! one group is synced is the next group, whichever shards it comes from.

use std::collections::{BTreeSet, VecDeque};
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

/// The turns of a shard, counted. What waits for a turn leaves when that one is durable.
pub(crate) type Turn = u64;

/// A shard's end: gathers the changes of one turn.
#[derive(Debug)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
    shard: usize,
    changes: Vec<Change>,
    fetches: Vec<Fetch>,
    bytes: usize,
    is_awaited: bool,
    turn: Turn,
}

/// What a shard is told.
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

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    /// One of each shard.
    ears: Box<[Ear]>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Where one shard is told.
#[derive(Debug, Default)]
struct Ear {
    news: Mutex<News>,
    told: Notify,
    fetched: Mutex<VecDeque<(Fetch, Found)>>,
    /// Its bytes in the queue.
    backlog: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    /// What a shard looks for once the changes of its turn have come.
    fetches: VecDeque<(usize, Turn, Fetch)>,
    copies: Vec<UnixStream>,
    /// Shards that have handed over all.
    stopped: usize,
}

/// The changes of one or more turns.
#[derive(Debug, Default)]
struct Chunk {
    changes: Vec<Change>,
    bytes: usize,
    /// What is in it of each shard.
    parts: Box<[Part]>,
    is_awaited: bool,
}

/// What one shard has in a chunk: all up to its turn. None is turn 0.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    turn: Turn,
    bytes: usize,
}

impl Journal {
    /// Starts the thread for as many shards.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(
        store: Box<dyn Store>,
        durability: Durability,
        shards: usize,
    ) -> std::io::Result<Vec<Self>> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work: Condvar::new(),
            ears: (0..shards).map(|_| Ear::default()).collect(),
            thread: Mutex::default(),
        });
        let committer = Committer {
            store,
            durability,
            shared: Arc::clone(&shared),
            rows: Rows::default(),
            turns: vec![0; shards].into(),
            clock: Clock::start(),
            due: None,
            is_out_of_room: false,
            unstored: BTreeSet::new(),
            has_gaps: false,
        };
        let thread = thread::Builder::new().name("store".into()).spawn(move || committer.run())?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        let of_shard = |shard| {
            let (changes, fetches, shared) = (Vec::new(), Vec::new(), Arc::clone(&shared));
            Self { shared, shard, changes, fetches, bytes: 0, is_awaited: false, turn: 1 }
        };
        Ok((0..shards).map(of_shard).collect())
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
        self.ear().backlog.fetch_add(bytes, Ordering::Relaxed);
        let mut queue = self.shared.queue();
        let (shard, turn) = (self.shard, self.turn);
        queue.fetches.extend(self.fetches.drain(..).map(|fetch| (shard, turn, fetch)));
        if queue.chunks.back().is_none_or(|last| last.bytes + bytes > GROUP) {
            let parts = vec![Part::default(); self.shared.ears.len()].into();
            queue.chunks.push_back(Chunk { parts, ..Chunk::default() });
        }
        if let Some(last) = queue.chunks.back_mut() {
            last.take(&mut self.changes);
            last.bytes += bytes;
            last.is_awaited |= is_awaited;
            if let Some(part) = last.parts.get_mut(shard) {
                part.turn = turn;
                part.bytes += bytes;
            }
        }
        drop(queue);
        self.shared.work.notify_one();
        self.turn += 1;
    }

    /// Whether this turn has changed anything so far.
    pub(crate) const fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The turn that goes on.
    pub(crate) const fn turn(&self) -> Turn {
        self.turn
    }

    /// Whether so much waits to be written that no more should come.
    pub(crate) fn is_behind(&self) -> bool {
        self.ear().backlog.load(Ordering::Relaxed) > BEHIND
    }

    /// What is to be waited on for news.
    pub(crate) fn teller(&self) -> Teller {
        Teller { shared: Arc::clone(&self.shared), shard: self.shard }
    }

    /// Hands over what is there. The last shard that does so waits until all is written and the thread has ended.
    pub(crate) fn stop(&mut self) {
        self.end_turn();
        let mut queue = self.shared.queue();
        queue.stopped += 1;
        let is_last = queue.stopped == self.shared.ears.len();
        drop(queue);
        self.shared.work.notify_one();
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take_if(|_| is_last);
        if let Some(thread) = thread {
            let _ = thread.join(); // how it went is in the news
        }
    }

    fn ear(&self) -> &Ear {
        &self.shared.ears[self.shard]
    }
}

impl Chunk {
    /// Most chunks are of one turn, whose list becomes theirs.
    fn take(&mut self, changes: &mut Vec<Change>) {
        match self.changes.is_empty() {
            true => self.changes = std::mem::take(changes),
            false => self.changes.append(changes),
        }
    }
}

/// Where news of the store come from.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    shared: Arc<Shared>,
    shard: usize,
}

impl Teller {
    /// Waits for news.
    pub(crate) async fn told(&self) {
        self.ear().told.notified().await;
    }

    /// The next messages that were looked for.
    pub(crate) fn fetched(&self) -> Option<(Fetch, Found)> {
        self.ear().fetched.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// How things are.
    pub(crate) fn news(&self) -> News {
        self.ear().news().clone()
    }

    /// Sends a copy of all rows, once what is there now is written.
    pub(crate) fn copy_to(&self, stream: UnixStream) {
        self.shared.queue().copies.push(stream);
        self.shared.work.notify_one();
    }

    fn ear(&self) -> &Ear {
        &self.shared.ears[self.shard]
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all shards.
    fn tell(&self, change: impl Fn(usize, &mut News)) {
        for (shard, ear) in self.ears.iter().enumerate() {
            ear.tell(|news| change(shard, news));
        }
    }

    fn broken(&self, why: &str) {
        self.tell(|_, news| news.broken = Some(why.into()));
    }
}

impl Ear {
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
    /// The last turn of each shard that is in `rows`.
    turns: Box<[Turn]>,
    clock: Clock,
    /// When what nobody waits for is written after all.
    due: Option<Instant>,
    /// The last attempt found no room.
    is_out_of_room: bool,
    /// Messages that found none, and that some queue may still hold for kept.
    unstored: BTreeSet<MessageNumber>,
    /// Rows were removed since the file was last made smaller.
    has_gaps: bool,
}

/// What the thread is to do next.
enum Work {
    Take(Chunk),
    Find(usize, Fetch),
    Copy(UnixStream),
    Time,
    Stop,
}

/// If the thread ends in a way that nobody thought of, nothing may be acknowledged any more.
struct Alarm(Arc<Shared>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.broken("the thread that stores it failed");
        }
    }
}

impl Committer {
    fn run(mut self) {
        let _alarm = Alarm(Arc::clone(&self.shared));
        loop {
            let done = match self.next() {
                Work::Take(chunk) => self.take(chunk),
                Work::Find(shard, fetch) => self.find(shard, fetch),
                Work::Time => self.commit().and_then(|()| self.make_room()),
                Work::Copy(stream) => self.commit().map(|()| self.copy(stream)),
                Work::Stop => {
                    if let Err(Failure::Broken(why)) = self.commit() {
                        self.shared.broken(&why);
                    }
                    return;
                }
            };
            match done {
                Ok(()) => {}
                Err(Failure::Full) => self.out_of_room(),
                Err(Failure::Broken(why)) => {
                    return self.shared.broken(&why);
                }
            }
        }
    }

    /// Waits for something to do.
    fn next(&self) -> Work {
        let mut queue = self.shared.queue();
        loop {
            let has_come = |&mut (shard, turn, _): &mut (usize, Turn, Fetch)| turn <= self.turns[shard];
            if let Some((shard, _, fetch)) = queue.fetches.pop_front_if(has_come) {
                return Work::Find(shard, fetch);
            }
            if let Some(chunk) = queue.chunks.pop_front() {
                return Work::Take(chunk);
            }
            if let Some(stream) = queue.copies.pop() {
                return Work::Copy(stream);
            }
            if queue.stopped == self.turns.len() {
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
        for ((ear, turn), part) in self.shared.ears.iter().zip(&mut self.turns).zip(&chunk.parts) {
            ear.backlog.fetch_sub(part.bytes, Ordering::Relaxed);
            *turn = part.turn.max(*turn);
        }
        for change in chunk.changes {
            if let Change::MessageGone { number } = &change {
                self.unstored.remove(number);
            }
            self.rows.apply(change);
        }
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
            for (ear, part) in self.shared.ears.iter().zip(&chunk.parts).filter(|(_, part)| part.turn > 0) {
                ear.tell(|news| news.durable = part.turn);
            }
        }
        Ok(())
    }

    /// Looks for messages, among what is not written yet and what is.
    fn find(&mut self, shard: usize, fetch: Fetch) -> Result<(), Failure> {
        let mut messages = self.rows.find(fetch.numbers());
        let is_new = |number: &MessageNumber| self.rows.get(&Key::Message(*number)).is_some();
        let old = fetch.numbers().iter().copied().filter(|number| !is_new(number));
        let (unstored, written): (Vec<_>, Vec<_>) = old.partition(|number| self.unstored.contains(number));
        if !written.is_empty() {
            messages.append(&mut self.store.find(&written)?);
            messages.sort_unstable_by_key(|&(number, _)| number);
        }
        let ear = &self.shared.ears[shard];
        let found = Found { messages, unstored };
        ear.fetched.lock().unwrap_or_else(PoisonError::into_inner).push_back((fetch, found));
        ear.told.notify_one();
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
        self.shared.tell(|shard, news| (news.durable, news.is_full) = (self.turns[shard], is_full));
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
        self.unstored.extend(self.rows.drop_messages());
        self.due = Some(self.clock.now() + LAZY);
        self.shared.tell(|shard, news| (news.refused, news.is_full) = (self.turns[shard], true));
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
