//! Floods and storms, each bounded in time and number: the broker's memory stays bounded, and a pair of clients that does nothing
//! wrong goes on. What it noticed is printed (`--nocapture`); what is asserted leaves room for a machine that is busy with other
//! things, and none for a broker that stands still.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mqtt::{Packet, Qos};
use tests::{Bridge, Client, Deadline, PATIENCE, mask, message, now, until};

use super::{connect, packet, text};

/// How long an attack goes on.
const ATTACK: Duration = Duration::from_secs(2);
/// A message of the pair takes no longer, 99 times of 100.
const P99: Duration = Duration::from_secs(2);

/// Two clients that send each other a message at QoS 1 every few milliseconds.
struct Pair {
    is_over: Arc<AtomicBool>,
    times: JoinHandle<Vec<Duration>>,
}

impl Pair {
    fn start(bridge: &Bridge) -> Self {
        let (mut writer, mut reader) = (connect(bridge, "healthy-writer"), connect(bridge, "healthy-reader"));
        reader.subscribe("healthy", Qos::AtLeastOnce);
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let times = thread::spawn(move || {
            let mut times = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                let (began, number) = (now(), times.len().to_be_bytes());
                writer.publish("healthy", &number, Qos::AtLeastOnce);
                assert_eq!(reader.receive_payload(), number, "the pair goes on, in its order");
                times.push(began.elapsed());
                thread::sleep(Duration::from_millis(2)); // its pace
            }
            times
        });
        Self { is_over, times }
    }

    /// Median, 99 of 100, the longest, and how many.
    fn end(self) -> (Duration, Duration, Duration, usize) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut times = self.times.join().expect("the pair goes on to the end");
        times.sort();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        (at(50), at(99), at(100), times.len())
    }
}

/// On how many shards the brokers run: each holds what is retained, and each may take some of it before it hears of what the others
/// have taken.
fn shards() -> u64 {
    std::env::var("SWITCHBOARD_TEST_SHARDS").ok().and_then(|shards| shards.parse().ok()).unwrap_or(1)
}

/// Attacks while a pair is at work. The broker may hold `more` KiB more at the end, and at any moment in between, on each shard.
fn under(bridge: &Bridge, name: &str, more: u64, attack: impl FnOnce(Deadline)) {
    let quiet = {
        let pair = Pair::start(bridge);
        thread::sleep(Duration::from_millis(300)); // what is measured is how it is without
        pair.end()
    };
    let before = bridge.process.resident_kib();
    let pair = Pair::start(bridge);
    let is_over = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = before;
            while !is_over.load(Ordering::Relaxed) {
                most = most.max(bridge.process.resident_kib());
                thread::sleep(Duration::from_millis(20)); // between two looks
            }
            most
        });
        attack(Deadline::after(ATTACK));
        is_over.store(true, Ordering::Relaxed);
        watch.join().expect("the broker is there")
    });
    let (p50, p99, longest, count) = pair.end();
    let grown = most - before;
    eprintln!(
        "{name}: {count} messages of the pair took {p50:.1?} / {p99:.1?} / {longest:.1?} (p50, p99, longest; without {:.1?} / {:.1?}), and memory grew by {grown} KiB",
        quiet.0, quiet.1
    );
    assert!(count > 2, "{name}: the pair has sent {count} messages");
    assert!(p99 < P99, "{name}: the pair waited {p99:?}");
    assert!(grown < more * shards(), "{name}: memory grew by {grown} KiB");
}

/// So many threads that do the same until the deadline.
fn together(threads: usize, deadline: Deadline, act: impl Fn(usize, Deadline) + Sync) {
    thread::scope(|scope| {
        for n in 0..threads {
            let act = &act;
            scope.spawn(move || act(n, deadline));
        }
    });
}

fn dial(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    // Who floods does not wait for ever for the other side to read.
    stream.set_write_timeout(Some(Duration::from_millis(100))).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}

/// Writes the same again and again, and never reads. Gives the number of bytes that were taken.
fn flood(stream: &mut TcpStream, bytes: &[u8], deadline: Deadline) -> usize {
    let mut taken = 0;
    while deadline.left().is_some() {
        match stream.write(bytes) {
            Ok(n) => taken += n,
            Err(error) if is_timeout(&error) => {}
            Err(_) => break,
        }
    }
    taken
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

#[test]
fn a_flood_of_connections() {
    let bridge = Bridge::configured("[limits]\nmax_connections_per_address = 150\nconnect_timeout_s = 2\n");
    under(&bridge, "connections", 24 << 10, |deadline| {
        together(4, deadline, |n, deadline| {
            let address = if n % 2 == 0 { bridge.tcp } else { bridge.http };
            let mut held = Vec::new();
            for count in 0..3000 {
                if deadline.left().is_none() {
                    break;
                }
                let stream = dial(address);
                if count % 5 == 0 && held.len() < 300 {
                    held.extend(stream);
                }
            }
        });
    });
    assert!(bridge.reached("max_connections_per_address") > 0);
    until("those who said nothing are gone", PATIENCE, || (bridge.metric("connections") == 0).then_some(()));
}

#[test]
fn slow_connects() {
    let bridge = Bridge::configured("[limits]\nconnect_timeout_s = 1\n");
    slow(
        &bridge,
        "slow CONNECTs",
        bridge.tcp,
        &packet(0x10, &[text("MQTT"), vec![5, 2, 0, 0, 0], text([b'x'; 200])].concat()),
    );
}

#[test]
fn slow_upgrades() {
    let bridge = Bridge::configured("[limits]\nconnect_timeout_s = 1\n");
    let head = format!("GET /mqtt HTTP/1.1\r\nHost: x\r\nX-Slow: {}\r\n", "x".repeat(1000));
    slow(&bridge, "slow upgrades", bridge.http, head.as_bytes());
}

/// Two hundred that send a byte now and then, and are ended when their time is over.
fn slow(bridge: &Bridge, name: &str, address: SocketAddr, bytes: &[u8]) {
    under(bridge, name, 16 << 10, |deadline| {
        let mut streams: Vec<_> = (0..200).filter_map(|_| dial(address)).collect();
        assert_eq!(streams.len(), 200);
        for byte in bytes {
            for stream in &mut streams {
                let _ = stream.write(&[*byte]); // which may be ended by now
            }
            if deadline.left().is_none() {
                break;
            }
            thread::sleep(Duration::from_millis(20)); // that is what makes it slow
        }
        for mut stream in streams {
            let end = stream.read(&mut [0; 512]);
            assert!(!matches!(&end, Err(error) if is_timeout(error)), "{name}: it is ended");
        }
    });
    until("they are counted", PATIENCE, || (bridge.reached("connect_timeout_s") >= 200).then_some(()));
}

#[test]
fn a_flood_of_pings() {
    let bridge = Bridge::start();
    let pings = [0xc0, 0].repeat(4000);
    under(&bridge, "pings", 24 << 10, |deadline| {
        together(4, deadline, |n, deadline| {
            // Some read the answers, and some do not.
            let mut client = connect(&bridge, &format!("pings-{n}"));
            let wire = client.wire();
            let mut stream = wire.stream().try_clone().expect("a socket can be cloned");
            stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a socket takes a timeout");
            let reader = (n % 2 == 0).then(|| drain(&stream));
            flood(&mut stream, &pings, deadline);
            let _ = stream.shutdown(Shutdown::Both); // it may be gone
            if let Some(reader) = reader {
                reader.join().expect("a reader ends with its socket");
            }
        });
    });
}

/// Reads what comes until the end.
fn drain(stream: &TcpStream) -> JoinHandle<()> {
    let mut stream = stream.try_clone().expect("a socket can be cloned");
    thread::spawn(move || {
        let mut part = vec![0; 1 << 16];
        while stream.read(&mut part).is_ok_and(|n| n > 0) {}
    })
}

#[test]
fn a_flood_of_pings_of_a_websocket() {
    let bridge = Bridge::start();
    let pings = mask(0x89, &[b'x'; 125]).repeat(500);
    under(&bridge, "pings of a WebSocket", 24 << 10, |deadline| {
        together(4, deadline, |n, deadline| {
            let (answer, mut stream) = tests::Request::upgrade("/mqtt", "mqtt").connect(bridge.http);
            assert_eq!(answer.status, 101);
            stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a socket takes a timeout");
            let reader = (n % 2 == 0).then(|| drain(&stream));
            flood(&mut stream, &pings, deadline);
            let _ = stream.shutdown(Shutdown::Both); // it may be gone
            if let Some(reader) = reader {
                reader.join().expect("a reader ends with its socket");
            }
        });
    });
}

#[test]
fn a_storm_of_subscriptions() {
    let bridge = Bridge::configured("[limits]\nmax_subscriptions = 2000\n");
    under(&bridge, "subscriptions", 48 << 10, |deadline| {
        together(4, deadline, |n, deadline| {
            let mut client = connect(&bridge, &format!("storm-{n}"));
            let mut stream = client.wire().stream().try_clone().expect("a socket can be cloned");
            stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a socket takes a timeout");
            let reader = drain(&stream);
            let mut round = 0;
            while deadline.left().is_some() {
                let mut bytes = Vec::new();
                for k in 0..50 {
                    let filter = text(format!("storm/{n}/{}/+/{k}/#", round % 100));
                    bytes.extend(packet(0x82, &[vec![1, k, 0], filter.clone(), vec![1]].concat()));
                    if k % 2 == 0 {
                        bytes.extend(packet(0xa2, &[vec![1, k, 0], filter].concat()));
                    }
                }
                round += 1;
                if stream.write_all(&bytes).is_err_and(|error| !is_timeout(&error)) {
                    break;
                }
            }
            let _ = stream.shutdown(Shutdown::Both); // it may be gone
            reader.join().expect("a reader ends with its socket");
        });
    });
    until("nothing of it is left", PATIENCE, || (bridge.metric("subscriptions") == 0).then_some(()));
}

#[test]
fn a_flood_of_retained_messages() {
    let bridge =
        Bridge::configured("[limits]\nmax_retained_messages = 20000\nmax_retained_bytes = 10000000\n");
    under(&bridge, "retained messages", 64 << 10, |deadline| {
        together(3, deadline, |n, deadline| {
            let mut client = connect(&bridge, &format!("flood-{n}"));
            let mut round = 0_u32;
            while deadline.left().is_some() {
                let mut bytes = Vec::new();
                for k in 0..200 {
                    let topic = text(format!("flood/{n}/{round}/{k}"));
                    bytes.extend(packet(0x31, &[topic, vec![0], vec![b'x'; 300]].concat()));
                }
                round += 1;
                if !client.wire().send(&bytes) {
                    break;
                }
            }
        });
    });
    assert!(bridge.metric("retained_messages") <= 20_000 * shards());
    assert!(bridge.metric("retained_bytes") <= 10_000_000 * shards());
    assert!(bridge.reached("max_retained_messages") + bridge.reached("max_retained_bytes") > 0);
}

#[test]
fn giant_topics() {
    let bridge = Bridge::configured("[limits]\nmax_retained_bytes = 10000000\nmax_subscriptions = 100\n");
    under(&bridge, "giant topics", 128 << 10, |deadline| {
        together(3, deadline, |n, deadline| {
            let mut client = connect(&bridge, &format!("giant-{n}"));
            let mut stream = client.wire().stream().try_clone().expect("a socket can be cloned");
            stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a socket takes a timeout");
            let reader = drain(&stream);
            let mut round = 0_u32;
            while deadline.left().is_some() {
                round += 1;
                let topic = text([format!("{n}/{round}/").as_bytes(), &vec![b'x'; 65_000]].concat());
                let bytes = [
                    packet(0x30, &[topic.clone(), vec![0], b"1".to_vec()].concat()),
                    packet(0x31, &[topic.clone(), vec![0], b"1".to_vec()].concat()),
                    // An alias keeps its topic.
                    packet(
                        0x30,
                        &[topic.clone(), vec![3, 0x23, 0, 1 + (round % 32) as u8], b"1".to_vec()].concat(),
                    ),
                    packet(0x82, &[vec![1, 1, 0], topic, vec![0]].concat()),
                ];
                if stream.write_all(&bytes.concat()).is_err_and(|error| !is_timeout(&error)) {
                    break;
                }
            }
            let _ = stream.shutdown(Shutdown::Both); // it may be gone
            reader.join().expect("a reader ends with its socket");
        });
    });
    assert!(bridge.metric("retained_bytes") <= 10_000_000 * shards());
}

/// One that publishes as fast as it can, where a rate is set: it is ended, and all others go on.
#[test]
fn a_flood_of_messages() {
    let bridge = Bridge::configured("[limits]\nmax_messages_per_s = 2000\n");
    let batch =
        |client: &Client| client.encode(&vec![Packet::Publish(message("nobody/reads", b"flood")); 500]);
    under(&bridge, "messages", 32 << 10, |deadline| {
        together(3, deadline, |n, deadline| {
            while deadline.left().is_some() {
                let mut client = connect(&bridge, &format!("flood-{n}"));
                let bytes = batch(&client);
                while client.wire().send(&bytes) && deadline.left().is_some() {}
                client.cut();
            }
        });
    });
    assert!(bridge.reached("max_messages_per_s") > 0);
}
