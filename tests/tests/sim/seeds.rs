//! Which seeds are played: on all cores, in their order, up to the first that fails. Knows nothing of what a run does.

use std::num::NonZero;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::tally::Tally;
use crate::world::World;

/// Seeds of a normal run.
const SEEDS: u64 = 300;

/// Seeds in a row, from the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds {
    from: u64,
    many: u64,
}

impl Seeds {
    /// As the environment says: one that is to be repeated, so many of them, or those of a normal run.
    pub(crate) fn wanted() -> Self {
        match number("SWITCHBOARD_SEED") {
            Some(seed) => Self { from: seed, many: 1 },
            None => Self {
                from: number("SWITCHBOARD_FROM").unwrap_or(0),
                many: number("SWITCHBOARD_SEEDS").unwrap_or(SEEDS),
            },
        }
    }

    /// Whether so many things must have happened that their absence says something.
    pub(crate) const fn is_enough_for_a_tally(self) -> bool {
        self.many >= SEEDS
    }

    /// Plays them; the first that fails is played again with its last packets shown, and ends it all.
    pub(crate) fn play(self) -> Tally {
        let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        let (tally, failed) = (Mutex::new(Tally::default()), Mutex::new(Vec::new()));
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= self.many {
                    return;
                }
                self.report(at);
                match panic::catch_unwind(|| World::new(self.from + at, false).run()) {
                    Ok(counts) => tally.lock().expect("only additions are done under it").add(&counts),
                    Err(_) => {
                        stop.store(true, Ordering::Relaxed);
                        failed.lock().expect("only additions are done under it").push(self.from + at);
                    }
                }
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        std::thread::scope(|scope| {
            (0..cores).for_each(|_| drop(scope.spawn(work)));
        });
        // They are begun in their order, so the lowest that failed is the first one, however many cores there are.
        let failed = failed.into_inner().expect("no worker died");
        if let Some(&seed) = failed.iter().min() {
            eprintln!("\nseed {seed} once more, with the last that happened:");
            drop(panic::catch_unwind(|| World::new(seed, true).run()));
            panic!("seed {seed} fails; repeat it with cargo xtask sim --seed {seed}");
        }
        tally.into_inner().expect("no worker died")
    }

    /// A line for each tenth of a long run.
    fn report(self, at: u64) {
        if self.many > SEEDS && at > 0 && at.is_multiple_of(self.many.div_ceil(10)) {
            eprintln!("{at} of {} seeds", self.many);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}
