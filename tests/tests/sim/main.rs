//! The broker and real clients in one thread, in virtual time, over a network that delays, splits, stalls and cuts. One
//! seed decides everything, so a run that fails can be repeated:
//!
//! ```text
//! SWITCHBOARD_SEED=n cargo test -p tests --test sim     one seed, with its last packets when it fails
//! SWITCHBOARD_SEEDS=n cargo test -p tests --test sim    n seeds instead of 200
//!
//!   dice ─▶ plan ─▶ machine (mqtt::client), raw ─▶ network ─▶ world ─▶ bridge::Broker
//!                      │                                        │
//!                      └── what they received ──▶ model ◀───────┘ every packet in and out
//! ```
//!
//! The model is a second broker made of plain maps, which predicts instead of sending: it says what must come out, and
//! everything that comes out is held against it.

mod dice;
mod link;
mod machine;
mod model;
mod network;
mod plan;
mod quiet;
mod raw;
mod some;
mod tally;
mod trace;
mod world;

use tally::Tally;
use world::World;

/// Seeds of a normal run.
const SEEDS: u64 = 200;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

fn run(seed: u64, is_traced: bool) -> Tally {
    let run = std::panic::catch_unwind(|| World::new(seed, is_traced).run());
    run.unwrap_or_else(|_| {
        panic!("seed {seed} fails; repeat it with SWITCHBOARD_SEED={seed} cargo test -p tests --test sim")
    })
}

#[test]
fn the_broker_keeps_its_promises_whatever_the_seed() {
    if let Some(seed) = number("SWITCHBOARD_SEED") {
        run(seed, true);
        return;
    }
    let seeds = number("SWITCHBOARD_SEEDS").unwrap_or(SEEDS);
    let mut tally = Tally::default();
    for seed in 0..seeds {
        tally.add(&run(seed, false));
    }
    eprintln!("{seeds} seeds: {tally:?}");
    if seeds >= SEEDS {
        tally.assert_that_much_happened();
    }
}

#[test]
fn a_seed_repeats_itself() {
    for seed in 0..5 {
        assert_eq!(run(seed, false), run(seed, false), "seed {seed}");
    }
}
