//! Where all shards stop for a moment, so that nothing is under way between any two of them. It knows nothing of what they do
//! there.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};

/// How often, and how long each time, one waits for the others. Counted, as a process that was stopped wakes with all its time gone.
const WAITS: u32 = 200;
const WAIT: Duration = Duration::from_millis(50);

/// A meeting of all shards.
#[derive(Debug)]
pub(crate) struct Meeting {
    of: usize,
    here: Mutex<Here>,
    all_are_here: Condvar,
}

#[derive(Debug, Default)]
struct Here {
    count: usize,
    /// How often all were.
    rounds: u64,
    /// Somebody has had something to do since the last round, or had before it.
    is_busy: bool,
    was_busy: bool,
}

impl Meeting {
    pub(crate) fn of(shards: usize) -> Self {
        Self { of: shards, here: Mutex::default(), all_are_here: Condvar::new() }
    }

    /// Waits until all are here. Says whether any of them has had something to do.
    ///
    /// # Errors
    /// One does not come.
    pub(crate) fn join(&self, is_busy: bool) -> Result<bool> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.is_busy |= is_busy;
        here.count += 1;
        if here.count == self.of {
            (here.was_busy, here.is_busy, here.count) = (here.is_busy, false, 0);
            here.rounds += 1;
            self.all_are_here.notify_all();
            return Ok(here.was_busy);
        }
        let round = here.rounds;
        for _ in 0..WAITS {
            let waited = self.all_are_here.wait_timeout_while(here, WAIT, |here| here.rounds == round);
            here = waited.unwrap_or_else(PoisonError::into_inner).0;
            if here.rounds != round {
                return Ok(here.was_busy); // the next round needs us: nobody has changed it yet
            }
        }
        bail!("a thread that serves clients does not answer the others")
    }

    /// Works until nobody has anything to do any more. `work` says whether it did anything.
    ///
    /// # Errors
    /// One does not come.
    pub(crate) fn work_off(&self, mut work: impl FnMut() -> bool) -> Result<()> {
        while self.join(work())? {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn all_go_on_when_none_has_anything_to_do() {
        let meeting = Meeting::of(3);
        // Each hands what it has to the next, one less each time, and the first begins.
        let lying: Vec<AtomicU32> = (0..3).map(|n| AtomicU32::new(if n == 0 { 100 } else { 0 })).collect();
        thread::scope(|scope| {
            for n in 0..3 {
                let (meeting, lying) = (&meeting, &lying);
                scope.spawn(move || {
                    let work = || {
                        let had = lying[n].swap(0, Ordering::SeqCst);
                        lying[(n + 1) % 3].fetch_add(had.saturating_sub(1), Ordering::SeqCst);
                        had > 0
                    };
                    meeting.work_off(work).unwrap();
                    assert!(lying.iter().all(|lying| lying.load(Ordering::SeqCst) == 0));
                    meeting.join(false).unwrap();
                });
            }
        });
    }
}
