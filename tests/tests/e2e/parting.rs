//! Clients are served by one thread until that is not enough, and then move to others, connections and all. Nobody notices.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use mqtt::packet::{Connect, Publish};
use mqtt::{Packet, Qos, ReasonCode, SessionExpiry, Version};
use tests::{Authority, Bridge, Client, PATIENCE, Wire, delivery, message, until};

const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
/// How many messages may be on their way to one reader, which may be slow; and how many it gets at least after it has moved.
const AHEAD: usize = 20;

/// A broker of four threads whose clients are spread over them a second after its start.
fn parting(authority: &Authority) -> Bridge {
    let files = authority.server("server");
    let config = format!(
        "[listen]\nhttps = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        files.certificate.display(),
        files.key.display()
    );
    let file = tests::TempFile::new("parting.toml", &config);
    Bridge::start_with(&["--config", &file.0.to_string_lossy(), "--shards", "4", "--spread", "soon"])
}

/// Clients connected to each of the threads.
fn connected(bridge: &Bridge) -> Vec<u64> {
    (0..4).map(|n| bridge.metric(&format!("shard_connections{{shard=\"{n}\"}}"))).collect()
}

/// Waits until these are on all threads. Each thread says at its own moment how many it has.
fn until_parted(bridge: &Bridge, clients: u64) {
    until("clients are on all threads", PATIENCE, || {
        let connected = connected(bridge);
        let is_all = connected.iter().sum::<u64>() == clients;
        (is_all && connected.iter().all(|&connected| connected > 0)).then_some(())
    });
}

/// Ends all publishing, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One more client, of each kind in turn.
fn client(bridge: &Bridge, authority: &Authority, n: usize, name: &str) -> Client {
    let version = [Version::V3_1_1, Version::V5][n / 3 % 2];
    let wire = match n % 3 {
        0 => Wire::tcp(bridge.tcp),
        1 => Wire::websocket(bridge.http),
        _ => Wire::secure_websocket(authority.dial(bridge.listens("https"))),
    };
    let mut client = Client::new(wire, version);
    assert_eq!(client.connect(&Connect::new(version, name)).reason, ReasonCode::Success);
    client
}

/// Publishes in a row, no further ahead of the reader than the line takes, until it is told to stop; says how many.
fn publish(
    publisher: &mut Client,
    (topic, qos): (&str, Qos),
    ahead: &SyncSender<()>,
    is_over: &AtomicBool,
) -> usize {
    let mut count = 0_usize;
    while !is_over.load(Ordering::Relaxed) {
        let reason = publisher.publish(topic, count.to_string().as_bytes(), qos);
        assert_eq!(reason, ReasonCode::Success, "{topic} {count}");
        count += 1;
        ahead.send(()).expect("somebody reads");
    }
    publisher.publish(topic, b"end", qos);
    count
}

/// Reads all up to the last, each once and in its order; says how many, also on the way.
fn read(reader: &mut Client, topic: &str, ahead: &Receiver<()>, so_far: &AtomicUsize) -> usize {
    for count in 0.. {
        let got = reader.receive();
        if got.payload == b"end" {
            return count;
        }
        assert_eq!(String::from_utf8_lossy(got.payload), count.to_string(), "{topic}");
        so_far.store(count + 1, Ordering::Relaxed);
        ahead.recv().expect("somebody publishes");
    }
    unreachable!("there is an end")
}

#[test]
fn nobody_misses_anything_or_gets_it_twice_while_clients_move() {
    let authority = Authority::new();
    let bridge = parting(&authority);
    let mut pairs: Vec<_> = (0..24)
        .map(|n| {
            let (topic, qos) = (format!("pair/{n}"), QOS[n % 4 % 3]);
            let publisher = client(&bridge, &authority, n, &format!("publisher-{n}"));
            let mut reader = client(&bridge, &authority, n + 7, &format!("reader-{n}"));
            reader.subscribe(&topic, qos);
            (topic, qos, publisher, reader)
        })
        .collect();
    assert_eq!(connected(&bridge), [48, 0, 0, 0], "all begin on one");
    let is_over = AtomicBool::new(false);
    let counts: Vec<AtomicUsize> = pairs.iter().map(|_| AtomicUsize::new(0)).collect();
    let messages: usize = thread::scope(|scope| {
        let works: Vec<_> = pairs
            .iter_mut()
            .zip(&counts)
            .map(|((topic, qos, publisher, reader), count)| {
                let (is_over, (to, from)) = (&is_over, sync_channel(AHEAD));
                let what = (topic.as_str(), *qos);
                let published = scope.spawn(move || publish(publisher, what, &to, is_over));
                (published, scope.spawn(move || read(reader, what.0, &from, count)))
            })
            .collect();
        let over = Over(&is_over);
        until_parted(&bridge, 48);
        let at = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let parted: Vec<usize> = counts.iter().map(at).collect();
        let goes_on = |(count, parted)| at(count) >= parted + 2 * AHEAD;
        until("all get more", PATIENCE, || counts.iter().zip(&parted).all(goes_on).then_some(()));
        drop(over);
        let counts = works.into_iter().map(|(published, read)| {
            let (published, read) = (published.join().expect("it publishes"), read.join().expect("it reads"));
            assert_eq!(published, read);
            read
        });
        counts.sum()
    });
    assert!(messages > 1000, "{messages} came");
    // One that takes the place of another finds it, wherever that is.
    for (n, (topic, _, publisher, mut reader)) in pairs.into_iter().enumerate() {
        let mut again = client(&bridge, &authority, n, &format!("publisher-{n}"));
        drop(publisher);
        again.publish(&topic, b"again", Qos::AtLeastOnce);
        assert_eq!(reader.receive().payload, b"again");
    }
    until("all have gone", PATIENCE, || connected(&bridge).iter().all(|&left| left == 0).then_some(()));
}

#[test]
fn a_packet_that_is_half_there_and_what_waits_for_a_slow_reader_move_along() {
    let authority = Authority::new();
    let bridge = parting(&authority);
    let names: Vec<String> = (0..12).map(|n| format!("client-{n}")).collect();
    let mut clients: Vec<_> =
        names.iter().enumerate().map(|(n, name)| client(&bridge, &authority, n, name)).collect();
    let (large, topic) = ("x".repeat(900_000), |n: usize| format!("half/{n}"));
    let mut halves = Vec::new();
    for (n, client) in clients.iter_mut().enumerate() {
        client.subscribe(&topic(n), Qos::AtLeastOnce);
        client.sync();
        // It gets more than its socket holds, and does not read.
        let mut other = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        other.connect(&Connect::new(Version::V5, &format!("other-{n}")));
        for _ in 0..8 {
            assert_eq!(other.publish(&topic(n), large.as_bytes(), Qos::AtLeastOnce), ReasonCode::Success);
        }
        let id = client.new_id();
        let publish =
            Publish { delivery: delivery(Qos::AtLeastOnce, id), ..message("whole", large.as_bytes()) };
        let bytes = client.encode(&[Packet::Publish(publish)]);
        client.send_bytes(&bytes[..bytes.len() / 2]);
        halves.push((id, bytes, other));
    }
    let mut reader = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    reader.connect(&Connect::new(Version::V5, "reader"));
    reader.subscribe("whole", Qos::AtMostOnce);
    until_parted(&bridge, 25);
    for (n, (client, (id, bytes, _other))) in clients.iter_mut().zip(halves).enumerate() {
        client.send_bytes(&bytes[bytes.len() / 2..]);
        assert_eq!(reader.receive().payload.len(), large.len(), "client {n}");
        assert_eq!(client.ack("PUBACK", id).reason, ReasonCode::Success);
        for _ in 0..8 {
            let got = client.receive();
            assert_eq!(got.payload, large.as_bytes());
        }
        client.sync();
    }
}

#[test]
fn a_session_that_outlives_its_connection_is_found_before_and_after() {
    let authority = Authority::new();
    let bridge = parting(&authority);
    let names: Vec<String> = (0..8).map(|n| format!("lasting-{n}")).collect();
    let connect = |name: &str, lasts: bool| {
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        let mut connect = Connect::new(Version::V5, name);
        connect.clean_start = !lasts;
        connect.properties.session_expiry =
            if lasts { SessionExpiry::Never } else { SessionExpiry::AtDisconnect };
        let connack = client.connect(&connect);
        assert_eq!(connack.reason, ReasonCode::Success, "{name}");
        (client, connack.session_present)
    };
    for name in &names {
        let (mut client, was_there) = connect(name, true);
        assert!(!was_there);
        client.subscribe("news", Qos::AtLeastOnce);
        client.sync();
    }
    let (mut publisher, _) = connect("publisher", false);
    publisher.publish("news", b"first", Qos::AtLeastOnce);
    // One of them begins anew, and has no past.
    let (brief, was_there) = connect(&names[0], false);
    assert!(!was_there);
    drop(brief);
    let mut others: Vec<_> = (0..24).map(|n| connect(&format!("other-{n}"), false).0).collect();
    until_parted(&bridge, 25);
    others.iter_mut().for_each(Client::sync);
    publisher.publish("news", b"second", Qos::AtLeastOnce);
    for name in &names[1..] {
        let (mut client, was_there) = connect(name, true);
        assert!(was_there, "{name}");
        for payload in [b"first".as_slice(), b"second"] {
            let got = client.receive();
            assert_eq!(got.payload, payload, "{name}");
        }
    }
    assert!(!connect(&names[0], true).1);
}
