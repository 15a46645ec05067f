//! The ledger: what was acknowledged before the program was stopped or killed is there after it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;

use mqtt::packet::Connect;
use mqtt::{Qos, ReasonCode, Version};
use tests::{Bridge, Client, Rng, Transport, Wire};

use crate::line::Place;
use crate::player::{Publisher, Subscriber};

/// How often it is stopped or killed; `SWITCHBOARD_RESTARTS` says another number.
const RESTARTS: usize = 8;
/// Messages wait for as long as it takes, so that none is dropped at a bound.
pub(crate) const LIMITS: &str = "[limits]\nmax_queued_messages = 1000000\nmax_queued_bytes = 1000000000\n";

/// Clients that work with a broker through its ends.
pub(crate) struct Play {
    bridge: Bridge,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    rng: Rng,
}

impl Play {
    pub(crate) fn new(bridge: Bridge, seed: u64) -> Self {
        let both = [("tcp", Transport::Tcp), ("ws", Transport::WebSocket)];
        Self {
            bridge,
            publishers: both.map(|(name, t)| Publisher::new(&format!("from-{name}"), t)).into(),
            subscribers: both.map(|(name, t)| Subscriber::new(&format!("to-{name}"), t)).into(),
            rng: Rng::new(seed),
        }
    }

    /// Subscribes before anything is published.
    pub(crate) fn prepare(&mut self) {
        let place = Place::of(&self.bridge);
        self.subscribers.iter_mut().for_each(|subscriber| subscriber.prepare(place));
    }

    /// Lets everybody work, and ends the program after a random number of its answers.
    pub(crate) fn round(&mut self, round: usize, end: impl FnOnce(&mut Bridge)) {
        let place = Place::of(&self.bridge);
        let answers = 1 + self.rng.below(2000);
        let (connected, is_connected) = mpsc::channel();
        let (answered, is_answered) = mpsc::channel();
        thread::scope(|scope| {
            let mut over_websocket = 0;
            for publisher in &mut self.publishers {
                let (connected, answered) = (connected.clone(), answered.clone());
                let counts = publisher.is_websocket();
                over_websocket += usize::from(counts);
                scope.spawn(move || {
                    let answered = || {
                        let _ = answered.send(()); // nobody counts any more once it is killed
                    };
                    publisher.play(place, false, move || tell(&connected, counts), answered);
                });
            }
            for subscriber in &mut self.subscribers {
                let connected = connected.clone();
                let counts = subscriber.is_websocket();
                over_websocket += usize::from(counts);
                scope.spawn(move || {
                    subscriber.play(place, round, &[], move || tell(&connected, counts));
                });
            }
            let ended = catch_unwind(AssertUnwindSafe(|| {
                for _ in 0..over_websocket {
                    is_connected.recv_timeout(tests::PATIENCE).expect("clients over WebSocket come in");
                }
                for _ in 0..answers {
                    is_answered.recv_timeout(tests::PATIENCE).expect("publishers are answered");
                }
                end(&mut self.bridge);
            }));
            self.bridge.kill(); // else its clients would work on when this fails
            ended.unwrap_or_else(|why| resume_unwind(why));
        });
        self.bridge.restart();
    }

    /// Lets everybody finish, and compares.
    pub(crate) fn settle(&mut self) {
        let place = Place::of(&self.bridge);
        for publisher in &mut self.publishers {
            publisher.play(place, true, || {}, || {});
        }
        let mut helper = Client::new(Wire::tcp(self.bridge.tcp), Version::V5);
        assert_eq!(helper.connect(&Connect::new(Version::V5, "helper")).reason, ReasonCode::Success);
        let filters: BTreeSet<_> =
            self.subscribers.iter().flat_map(|subscriber| subscriber.extra.clone()).collect();
        for filter in &filters {
            helper.publish(
                &format!("extra/{filter}"),
                format!("extra {filter}").as_bytes(),
                Qos::AtLeastOnce,
            );
        }
        helper.publish("work/end", b"end", Qos::AtLeastOnce);
        for subscriber in &mut self.subscribers {
            subscriber.play(place, 0, &["end".to_owned()], || {});
            compare(&self.publishers, subscriber);
        }
        for publisher in &self.publishers {
            for (&n, &value) in &publisher.values {
                let topic = publisher.topic_of_value(n);
                let _ = helper.subscribe(&topic, Qos::AtMostOnce);
                let kept: u64 = String::from_utf8_lossy(helper.receive_payload()).parse().expect("a number");
                assert!(kept >= value, "{topic} is {kept}, though {value} was acknowledged");
            }
        }
    }
}

fn tell(connected: &mpsc::Sender<()>, counts: bool) {
    if counts {
        connected.send(()).expect("somebody waits for it");
    }
}

fn compare(publishers: &[Publisher], subscriber: &Subscriber) {
    let (mut once, mut all) = (0, 0);
    for publisher in publishers {
        assert!(publisher.acknowledged.len() > 20, "there was work: {}", publisher.acknowledged.len());
        for (&number, &qos) in &publisher.acknowledged {
            let payload = publisher.payload(number);
            let count = subscriber.got.get(&payload).copied().unwrap_or(0);
            all += 1;
            once += usize::from(count == 1);
            match qos {
                Qos::ExactlyOnce => assert_eq!(count, 1, "{payload} of QoS 2"),
                _ => assert!(count >= 1, "{payload} of QoS 1 is lost"),
            }
        }
    }
    for filter in &subscriber.extra {
        assert!(
            subscriber.got.contains_key(&format!("extra {filter}")),
            "the subscription to extra/{filter} is lost"
        );
    }
    assert!(once > all / 2, "what is delivered twice is the exception: {once} of {all}");
}

/// Asks the program to stop while everybody works.
fn stop(bridge: &mut Bridge) {
    assert_eq!(bridge.process.terminate().code(), Some(0), "it stops in order");
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_of_qos_2_is_delivered_twice() {
    let asked = std::env::var("SWITCHBOARD_RESTARTS").ok().and_then(|n| n.parse().ok());
    let restarts = asked.unwrap_or(RESTARTS);
    let mut play = Play::new(Bridge::keeping(LIMITS), restarts as u64);
    play.prepare();
    for round in 1..=restarts {
        let end: fn(&mut Bridge) = if play.rng.below(2) == 0 { stop } else { Bridge::kill };
        play.round(round, end);
    }
    play.settle();
}
