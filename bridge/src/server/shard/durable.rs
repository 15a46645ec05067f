//! A shard and its store: what waits for the disk, and what becomes of it.

use std::collections::VecDeque;
use std::rc::Rc;

use anyhow::{Result, bail};
use tokio::sync::Notify;

use super::{Inner, Next, Shard, connection_id, mark};
use crate::broker::Input;
use crate::server::store::{Journal, Turn};

/// The shard's end of the store, and who waits for it.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) journal: Journal,
    /// Sockets that hold something back, by the turn that it waits for.
    waiting: VecDeque<(Turn, usize)>,
    /// Sockets that are not read because the disk does not keep up.
    gated: Vec<usize>,
    is_full: bool,
}

impl Keeper {
    pub(super) const fn new(journal: Journal) -> Self {
        Self { journal, waiting: VecDeque::new(), gated: Vec::new(), is_full: false }
    }

    /// A socket holds something back from now on. Names the turn that it waits for.
    pub(super) fn hold(&mut self, at: usize) -> Turn {
        let turn = self.journal.hold();
        if self.waiting.back() != Some(&(turn, at)) {
            self.waiting.push_back((turn, at));
        }
        turn
    }

    /// The next socket that waits for nothing after this turn.
    fn next_until(&mut self, turn: Turn) -> Option<usize> {
        self.waiting.pop_front_if(|(waits_for, _)| *waits_for <= turn).map(|(_, at)| at)
    }
}

impl Shard {
    /// Waits until nothing can be kept any more, and says why. For ever where nothing is to be kept.
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
        let Some(keeper) = &mut self.inner.borrow_mut().keeper else { return Ok(()) };
        keeper.journal.stop();
        match keeper.journal.teller().news().broken {
            Some(why) => bail!("the last of the state could not be stored: {why}"),
            None => Ok(()),
        }
    }

    /// Lets go what has become durable.
    pub(super) async fn keeper(self: Rc<Self>) {
        let teller = self.inner.borrow().keeper.as_ref().map(|keeper| keeper.journal.teller());
        let Some(teller) = teller else { return };
        loop {
            teller.told().await;
            let news = teller.news();
            let inner = &mut *self.inner.borrow_mut();
            if let Some(why) = news.broken {
                inner.why_failed = Some(why);
                return self.failure.notify_one(); // and nothing that is held ever leaves
            }
            self.release(inner, news.durable);
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

    fn release(self: &Rc<Self>, inner: &mut Inner, durable: Turn) {
        let Some(keeper) = &mut inner.keeper else { return };
        while let Some(at) = keeper.next_until(durable) {
            if let Some(socket) = inner.sockets.get_mut(at) {
                socket.release_held(durable, &mut inner.pool);
                mark(socket, at, &mut inner.dirty);
            }
        }
        if !keeper.journal.is_behind() {
            for at in keeper.gated.drain(..) {
                if let Some(gate) = inner.sockets.get_mut(at).and_then(|socket| socket.gate.take()) {
                    gate.notify_one();
                }
            }
        }
    }

    /// What these sockets were about to claim has no room on the disk.
    fn refuse(self: &Rc<Self>, inner: &mut Inner, refused: Turn) {
        let now = self.clock.now();
        while let Some(at) = inner.keeper.as_mut().and_then(|keeper| keeper.next_until(refused)) {
            let Some(socket) = inner.sockets.get_mut(at) else { continue };
            if socket.drop_held() {
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

    /// Stops reading from this one while the disk is far behind.
    pub(super) fn wait_for_disk(inner: &mut Inner, at: usize) -> Option<Next> {
        let keeper = inner.keeper.as_mut().filter(|keeper| keeper.journal.is_behind())?;
        let socket = inner.sockets.get_mut(at).filter(|socket| !socket.is_closing)?;
        socket.gate = Some(Rc::new(Notify::new()));
        keeper.gated.push(at);
        Some(Next::Wait)
    }
}
