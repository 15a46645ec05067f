//! A shard, its store and the others: what waits for the disk or for them, and what becomes of it.

use std::collections::VecDeque;
use std::rc::Rc;

use anyhow::{Result, bail};
use tokio::sync::Notify;

use super::peers::Peers;
use super::{Inner, Next, Shard, connection_id, mark};
use crate::broker::change::Change;
use crate::broker::{Fetch, Input};
use crate::server::store::{Journal, Teller, Turn};

/// The shard's end of the store, if there is one, and who waits for it or for the other shards.
#[derive(Debug)]
pub(super) struct Keeper {
    journal: Option<Journal>,
    /// The turn that goes on, where no journal counts.
    turn: Turn,
    /// Something is held in this turn.
    is_awaited: bool,
    /// All up to this turn is safe.
    durable: Turn,
    /// Sockets that hold something back, by the turn that it waits for.
    waiting: VecDeque<(Turn, usize)>,
    /// Sockets that are not read because the disk, or another shard, does not keep up.
    gated: Vec<usize>,
    is_full: bool,
}

impl Keeper {
    pub(super) fn new(journal: Option<Journal>) -> Self {
        let (waiting, gated) = (VecDeque::new(), Vec::new());
        Self { journal, turn: 1, is_awaited: false, durable: 0, waiting, gated, is_full: false }
    }

    pub(super) fn store(&mut self, change: Change) {
        if let Some(journal) = &mut self.journal {
            journal.store(change);
        }
    }

    pub(super) fn fetch(&mut self, fetch: Fetch) {
        if let Some(journal) = &mut self.journal {
            journal.fetch(fetch);
        }
    }

    /// Whether there is anything to wait for: a change that is not known to be durable.
    pub(super) fn may_wait(&self) -> bool {
        self.journal.as_ref().is_none_or(|journal| journal.has_changes() || journal.turn() > self.durable + 1)
    }

    /// A socket holds something back from now on. Names the turn that it waits for.
    pub(super) fn hold(&mut self, at: usize) -> Turn {
        self.is_awaited = true;
        let turn = self.await_turn();
        if self.waiting.back() != Some(&(turn, at)) {
            self.waiting.push_back((turn, at));
        }
        turn
    }

    /// Something waits for this turn to be durable. Names it.
    pub(super) fn await_turn(&mut self) -> Turn {
        self.journal.as_mut().map_or(self.turn, Journal::hold)
    }

    /// This turn, if it has changed what is kept.
    pub(super) fn changed_turn(&self) -> Option<Turn> {
        self.journal.as_ref().filter(|journal| journal.has_changes()).map(Journal::turn)
    }

    /// All up to this turn is safe; where nothing is kept, all is.
    pub(super) fn durable(&self) -> Turn {
        if self.journal.is_some() { self.durable } else { Turn::MAX }
    }

    /// Hands this turn over. True when something was held that may have nothing to wait for.
    pub(super) fn end_turn(&mut self, peers: Option<&mut Peers>) -> bool {
        let is_awaited = std::mem::take(&mut self.is_awaited);
        let turn = self.journal.as_ref().map_or(self.turn, Journal::turn);
        if is_awaited && let Some(peers) = peers {
            peers.hold(turn);
        }
        match &mut self.journal {
            Some(journal) => journal.end_turn(),
            None => self.turn += u64::from(is_awaited),
        }
        is_awaited && self.journal.is_none()
    }

    fn is_behind(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::is_behind)
    }

    fn teller(&self) -> Option<Teller> {
        self.journal.as_ref().map(Journal::teller)
    }

    /// The next socket that waits for nothing after this turn.
    fn next_until(&mut self, turn: Turn) -> Option<usize> {
        self.waiting.pop_front_if(|(waits_for, _)| *waits_for <= turn).map(|(_, at)| at)
    }
}

impl Shard {
    /// Waits until nothing can be kept any more, or another shard has failed, and says why.
    pub(crate) async fn failed(&self) -> String {
        loop {
            self.failure.notified().await;
            if let Some(why) = self.inner.borrow_mut().why_failed.take() {
                return why;
            }
        }
    }

    /// Writes what is left, after the last connection has ended.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn stop_keeping(&self) -> Result<()> {
        let inner = &mut *self.inner.borrow_mut();
        let Some(journal) = inner.keeper.as_mut().and_then(|keeper| keeper.journal.as_mut()) else {
            return Ok(());
        };
        journal.stop();
        match journal.teller().news().broken {
            Some(why) => bail!("the last of the state could not be stored: {why}"),
            None => Ok(()),
        }
    }

    /// Lets go what has become durable.
    pub(super) async fn keeper(self: Rc<Self>) {
        let teller = self.inner.borrow().keeper.as_ref().and_then(Keeper::teller);
        let Some(teller) = teller else { return };
        loop {
            teller.told().await;
            let news = teller.news();
            let inner = &mut *self.inner.borrow_mut();
            if let Some(why) = news.broken {
                inner.why_failed = Some(why);
                return self.failure.notify_one(); // and nothing that is held ever leaves
            }
            if let Some(keeper) = &mut inner.keeper {
                keeper.durable = news.durable;
            }
            if let Some(peers) = &mut inner.peers {
                peers.confirm(news.durable, news.refused);
            }
            self.release(inner);
            if news.refused > news.durable {
                self.refuse(inner, news.refused);
            }
            self.tell_storage(inner, news.is_full);
            while let Some((fetch, found)) = teller.fetched() {
                self.step(inner, self.clock.now(), Input::Fetched { fetch, found });
            }
            self.end_turn(inner);
        }
    }

    /// Lets go what waits neither for the disk nor for another shard.
    pub(super) fn release(&self, inner: &mut Inner) {
        let Some(keeper) = &mut inner.keeper else { return };
        let durable = inner.peers.as_ref().map_or(Turn::MAX, Peers::confirmed).min(keeper.durable());
        while let Some(at) = keeper.next_until(durable) {
            if let Some(socket) = inner.sockets.get_mut(at) {
                socket.release_held(durable, &mut inner.pool);
                mark(socket, at, &mut inner.dirty);
            }
        }
        self.open_gates(inner);
    }

    /// Reads on where that was stopped, once all keep up.
    pub(super) fn open_gates(&self, inner: &mut Inner) {
        let Some(keeper) = inner.keeper.as_mut().filter(|keeper| !keeper.gated.is_empty()) else { return };
        if keeper.is_behind() || inner.peers.as_ref().is_some_and(Peers::are_behind) {
            return;
        }
        for at in keeper.gated.drain(..) {
            if let Some(gate) = inner.sockets.get_mut(at).and_then(|socket| socket.gate.take()) {
                gate.notify_one();
            }
        }
    }

    /// What these sockets were about to claim has no room on the disk.
    pub(super) fn refuse(self: &Rc<Self>, inner: &mut Inner, refused: Turn) {
        let now = self.clock.now();
        while let Some(at) = inner.keeper.as_mut().and_then(|keeper| keeper.next_until(refused)) {
            let Some(socket) = inner.sockets.get_mut(at) else { continue };
            if socket.drop_held() {
                mark(socket, at, &mut inner.dirty); // it may be about to close
                self.step(inner, now, Input::Unstored { connection: connection_id(at) });
            }
        }
    }

    fn tell_storage(self: &Rc<Self>, inner: &mut Inner, is_full: bool) {
        let Some(keeper) = &mut inner.keeper else { return };
        if std::mem::replace(&mut keeper.is_full, is_full) == is_full {
            return;
        }
        match is_full {
            true => {
                tracing::error!("the disk is full: what would have to be kept is refused until there is room")
            }
            false => tracing::info!("there is room on the disk again"),
        }
        self.step(inner, self.clock.now(), Input::Storage { is_full });
    }

    /// Stops reading from this one while the disk, or another shard, is far behind.
    pub(super) fn wait_for_others(inner: &mut Inner, at: usize) -> Option<Next> {
        let keeper = inner.keeper.as_mut()?;
        if !keeper.is_behind() && !inner.peers.as_ref().is_some_and(Peers::are_behind) {
            return None;
        }
        let socket = inner.sockets.get_mut(at).filter(|socket| !socket.is_closing)?;
        socket.gate = Some(Rc::new(Notify::new()));
        keeper.gated.push(at);
        Some(Next::Wait)
    }
}
