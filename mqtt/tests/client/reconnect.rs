//! When the next attempt comes.

use std::time::Duration;

use mqtt::Version;
use mqtt::client::{Backoff, Config, Ended, Input};

use crate::pair::{Pair, config};

fn waits(seed: u64, attempts: usize) -> Vec<Duration> {
    let mut pair = Pair::new(Config { seed, ..config(Version::V5) });
    pair.client.start(pair.now);
    pair.drain();
    let mut waits = Vec::new();
    for _ in 0..attempts {
        pair.cut();
        let (why, retry_at) = pair.ended();
        assert_eq!(why, Ended::TransportClosed { why: "cut".into() });
        let wait = retry_at.unwrap().since(pair.now);
        pair.pass(wait);
        waits.push(wait);
    }
    assert_eq!(pair.opens as usize, attempts + 1);
    waits
}

#[test]
fn attempts_spread_with_full_jitter_under_a_doubling_ceiling() {
    let mut sums = [Duration::ZERO; 8];
    for seed in 0..300 {
        for (at, (wait, ceiling)) in waits(seed, 8).into_iter().zip([1, 2, 4, 8, 16, 30, 30, 30]).enumerate()
        {
            assert!(wait <= Duration::from_secs(ceiling), "attempt {at} of seed {seed} waits {wait:?}");
            sums[at] += wait;
        }
    }
    let mean_of_last = sums[7] / 300;
    assert!(
        (12..18).contains(&mean_of_last.as_secs()),
        "full jitter has the mean of half the ceiling: {mean_of_last:?}"
    );
}

#[test]
fn the_same_seed_waits_the_same_and_another_does_not() {
    assert_eq!(waits(1, 6), waits(1, 6));
    assert_ne!(waits(1, 6), waits(2, 6));
}

#[test]
fn a_server_that_accepts_and_drops_at_once_is_backed_off_from() {
    let backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(64) };
    let mut longest = Duration::ZERO;
    let mut pair = Pair::new(Config { backoff, ..config(Version::V5) });
    pair.client.start(pair.now);
    pair.drain();
    for _ in 0..40 {
        pair.accept(false);
        let before = pair.now;
        pair.cut();
        pair.pass(Duration::from_secs(64));
        longest = longest.max(pair.now.since(before));
    }
    assert!(longest > Duration::from_secs(20), "{longest:?}");
}

#[test]
fn a_connection_that_lasted_begins_the_count_anew() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    for _ in 0..6 {
        pair.cut_and_reopen();
    }
    pair.accept(false);
    for _ in 0..4 {
        pair.pass_s(10);
        pair.server(&mqtt::Packet::Pingresp);
    }
    pair.cut();
    assert!(pair.ended().1.unwrap() <= pair.now + Duration::from_secs(1));
}

#[test]
fn starting_while_waiting_does_not_wait() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    pair.cut();
    pair.client.start(pair.now);
    pair.drain();
    assert_eq!(pair.opens, 2);
    pair.client.start(pair.now);
    pair.drain();
    assert_eq!(pair.opens, 2, "one attempt at a time");
}

#[test]
fn stopping_while_waiting_or_opening_ends_it() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    pair.client.stop(pair.now, mqtt::ReasonCode::Success);
    pair.drain();
    assert_eq!((pair.ended(), pair.closes), ((Ended::Stopped, None), 1));
    pair.client.start(pair.now);
    pair.drain();
    pair.cut();
    pair.client.stop(pair.now, mqtt::ReasonCode::Success);
    pair.drain();
    assert_eq!(pair.ended(), (Ended::Stopped, None));
    assert_eq!(pair.wait, None);
    pair.input(Input::Tick);
    assert_eq!(pair.opens, 2);
}
