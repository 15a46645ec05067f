//! How long messages take that come at a steady pace: nothing waits for a timer of the kernel, and a burst to one that does
//! not read moves the others by nothing that they would notice.

use std::thread;
use std::time::Duration;

use mqtt::packet::Publish;
use mqtt::{Packet, Qos};
use tests::{Client, Request, Scenario, delivery, message, now, on_v5};

const PAIRS: usize = 100;
const ROUNDS: usize = 60;
const PACE: Duration = Duration::from_millis(40);
const PAYLOAD: usize = 4 << 10;
/// What a machine that is busy with other things may add to the slowest one of a hundred.
const BUSY: Duration = Duration::from_millis(100);

/// A publisher and who takes its messages, of QoS 0 and 1 in turn.
struct Pair {
    topic: String,
    qos: Qos,
    publisher: Client,
    reader: Client,
}

impl Pair {
    fn new(s: &Scenario, n: usize) -> Self {
        let topic = format!("pair/{n}");
        let qos = if n.is_multiple_of(2) { Qos::AtMostOnce } else { Qos::AtLeastOnce };
        let publisher = s.connect(&format!("publisher-{n}"));
        let mut reader = s.connect(&format!("reader-{n}"));
        reader.subscribe(&topic, qos);
        Self { topic, qos, publisher, reader }
    }
}

/// How late the messages of all pairs come, in order from the earliest. None of them is lost.
fn delays(pairs: &mut [Pair]) -> Vec<Duration> {
    let mut delays = Vec::with_capacity(ROUNDS * pairs.len());
    for round in 0..ROUNDS {
        let start = now();
        let payload = format!("{round:PAYLOAD$}");
        let sent: Vec<_> = pairs
            .iter_mut()
            .map(|pair| {
                let (id, at) = (pair.publisher.new_id(), now());
                let publish =
                    Publish { delivery: delivery(pair.qos, id), ..message(&pair.topic, payload.as_bytes()) };
                pair.publisher.send(&Packet::Publish(publish));
                (id, at)
            })
            .collect();
        for (pair, (id, at)) in pairs.iter_mut().zip(sent) {
            let got = pair.reader.receive();
            delays.push(at.elapsed());
            assert_eq!((got.payload, got.delivery.qos()), (payload.as_bytes(), pair.qos), "round {round}");
            if pair.qos == Qos::AtLeastOnce {
                pair.publisher.ack("PUBACK", id);
            }
        }
        thread::sleep(PACE.saturating_sub(start.elapsed()));
    }
    delays.sort_unstable();
    delays
}

/// The slowest one of a hundred.
fn p99(delays: &[Duration]) -> Duration {
    delays[delays.len() * 99 / 100]
}

fn dropped_for_slow_readers(s: &Scenario) -> u64 {
    let metrics = Request::get("/metrics").send(s.bridge.http).body;
    let metrics = String::from_utf8_lossy(&metrics);
    let line = metrics.lines().find(|line| line.contains(r#"cause="slow_reader""#)).expect("such a line");
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

#[test]
fn one_reader_that_stops_does_not_slow_a_hundred_that_read() {
    on_v5(|s| {
        let mut pairs: Vec<_> = (0..PAIRS).map(|n| Pair::new(s, n)).collect();
        let alone = delays(&mut pairs);
        assert_eq!(dropped_for_slow_readers(s), 0);
        let mut stopped = s.connect("stopped");
        stopped.subscribe("#", Qos::AtLeastOnce);
        let beside = delays(&mut pairs);
        assert!(dropped_for_slow_readers(s) > 0, "more was sent than has room on the way to it");
        let (alone, beside) = (p99(&alone), p99(&beside));
        assert!(beside < alone * 10 + BUSY, "{beside:?} beside one that does not read, {alone:?} without");
    });
}

#[test]
fn an_answer_to_a_request_waits_for_no_delayed_acknowledgement_of_tcp() {
    on_v5(|s| {
        let (mut asking, mut answering) = (s.connect("asking"), s.connect("answering"));
        answering.subscribe("request", Qos::AtLeastOnce);
        asking.subscribe("response", Qos::AtLeastOnce);
        let mut delays: Vec<_> = (0..60)
            .map(|_| {
                let (start, id) = (now(), asking.new_id());
                let request =
                    Publish { delivery: delivery(Qos::AtLeastOnce, id), ..message("request", b"?") };
                asking.send(&Packet::Publish(request));
                // It gets two small packets one after the other and says nothing between: the PUBACK and the answer.
                answering.receive();
                answering.publish("response", b"!", Qos::AtLeastOnce);
                asking.ack("PUBACK", id);
                asking.receive();
                let delay = start.elapsed();
                thread::sleep(Duration::from_millis(5));
                delay
            })
            .collect();
        delays.sort_unstable();
        let median = delays[delays.len() / 2];
        assert!(median < Duration::from_millis(20), "{median:?}: TCP_NODELAY is missing somewhere");
    });
}
