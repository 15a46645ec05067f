//! The broker and real clients in one thread, in virtual time, over a network that delays, splits, stalls and cuts. One
//! seed decides everything, so a run that fails can be repeated:
//!
//! ```text
//! cargo xtask sim --seeds N     N seeds instead of 200, on all cores
//! cargo xtask sim --seed S      one seed, with its last packets when it fails
//!
//!   dice ─▶ plan ─▶ machine (mqtt::client), raw ─▶ network ─▶ world ─▶ bridge::Broker
//!                      │                                        │
//!                      └── what they received ──▶ model ◀───────┘ every packet in and out
//! ```
//!
//! Half of the runs have one shard, the others two or four: `shards`.
//!
//! In some runs the broker keeps its state on a disk that forgets what was not synced, and dies at any moment: `disk`.
//!
//! The model is a second broker made of plain maps, which predicts instead of sending: it says what must come out, and
//! everything that comes out is held against it.

mod dice;
mod disk;
mod link;
mod machine;
mod model;
mod network;
mod plan;
mod quiet;
mod raw;
mod seeds;
mod shards;
mod some;
mod tally;
mod trace;
mod world;

use seeds::Seeds;
use world::World;

#[test]
fn the_broker_keeps_its_promises_whatever_the_seed() {
    let seeds = Seeds::wanted();
    let tally = seeds.play();
    eprintln!("{seeds:?}: {tally:?}");
    if seeds.is_enough_for_a_tally() {
        tally.assert_that_much_happened();
    }
}

#[test]
fn a_seed_repeats_itself() {
    for seed in 0..5 {
        let run = || World::new(seed, false).run();
        assert_eq!(run(), run(), "seed {seed}");
    }
}
