//! A shard with real sockets: what depends on who gets a turn, and on peers that do not read or do not stop.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown as Side, SocketAddr, TcpStream as Peer};
use std::thread;

use mqtt::packet::{Connect, Publish, Subscribe, SubscriptionOptions};
use mqtt::{Delivery, Message, Packet, PacketId, Qos, TopicFilter, Version};
use tokio::task::LocalSet;

use super::*;
use crate::broker::{Config, Counters};

/// Runs a shard on this thread until `play`, on another, is done with the address it got.
fn with_shard(play: impl FnOnce(SocketAddr) + Send + 'static) -> Counters {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let config = Config::default();
        let (max_packet, max_output) = (config.max_packet_bytes, config.max_output_bytes);
        let shard = Shard::new(
            Broker::new(config, 1),
            (None, None),
            (Clock::start(), Keyring::default()),
            max_packet,
            max_output,
        );
        shard.start();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = Rc::clone(&shard);
        spawn_local(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                spawn_local(Rc::clone(&accepting).serve(
                    stream,
                    peer,
                    (Transport::Tcp, None),
                    Vec::new(),
                    None,
                ));
            }
        });
        let (done, is_done) = tokio::sync::oneshot::channel();
        let player = thread::spawn(move || {
            play(address);
            let _ = done.send(());
        });
        let _ = is_done.await;
        if let Err(panic) = player.join() {
            std::panic::resume_unwind(panic);
        }
        shard.report().counters
    })
}

fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode(Version::V3_1_1, &mut out).unwrap();
    out
}

fn publication(topic: &str, payload: &[u8]) -> Vec<u8> {
    let message = Message::new(topic.parse().unwrap(), payload.to_vec());
    bytes(&Packet::Publish(Publish::of(&message, Delivery::AtMostOnce)))
}

/// A client that is connected.
fn client(address: SocketAddr, client_id: &str) -> Peer {
    let mut peer = Peer::connect(address).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    peer.write_all(&bytes(&Packet::Connect(Box::new(Connect::new(Version::V3_1_1, client_id))))).unwrap();
    expect(&mut peer, &[0x20, 2, 0, 0]);
    peer
}

fn expect(peer: &mut Peer, expected: &[u8]) {
    let mut got = vec![0; expected.len()];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(got, expected);
}

fn subscribe(peer: &mut Peer, filter: &str) {
    let filters = vec![(TopicFilter::new(filter).unwrap(), SubscriptionOptions::at(Qos::AtMostOnce))];
    let packet_id = PacketId::new(1).unwrap();
    let packet = Subscribe { packet_id, filters, subscription_id: None, user_properties: vec![] };
    peer.write_all(&bytes(&Packet::Subscribe(packet))).unwrap();
    expect(peer, &[0x90, 3, 0, 1, 0]);
}

#[test]
fn a_client_that_never_pauses_does_not_keep_the_others_waiting() {
    with_shard(|address| {
        let mut flood = client(address, "flood");
        let (tell, told) = std::sync::mpsc::channel();
        let flooding = thread::spawn(move || {
            let packets = publication("x", b"").repeat(20_000);
            while flood.write_all(&packets).is_ok() && tell.send(()).is_ok() {}
        });
        assert_eq!(told.iter().take(50).count(), 50, "the flood is under way");
        let mut other = client(address, "other");
        for _ in 0..20 {
            other.write_all(&bytes(&Packet::Pingreq)).unwrap();
            expect(&mut other, &[0xd0, 0]);
        }
        drop(told);
        flooding.join().unwrap();
    });
}

#[test]
fn what_many_send_at_once_reaches_a_reader_that_keeps_up() {
    const EACH: usize = 30;
    let payload = [7; 1000];
    let counters = with_shard(move |address| {
        let mut reader = client(address, "reader");
        subscribe(&mut reader, "x");
        let mut senders: Vec<_> = (0..50).map(|n| client(address, &format!("s{n}"))).collect();
        let packet = publication("x", &payload);
        let all = packet.repeat(EACH);
        let total = all.len() * senders.len();
        let reading = thread::spawn(move || {
            let mut got = 0;
            let mut buffer = vec![0; 1 << 20];
            while got < total {
                match reader.read(&mut buffer) {
                    Ok(n) if n > 0 => got += n,
                    _ => break,
                }
            }
            got
        });
        for sender in &mut senders {
            sender.write_all(&all).unwrap();
        }
        assert_eq!(reading.join().unwrap(), total);
    });
    assert_eq!(counters.dropped_slow_reader, 0);
}

#[test]
fn who_closes_its_side_still_gets_the_answers() {
    with_shard(|address| {
        let mut peer = Peer::connect(address).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let connect = bytes(&Packet::Connect(Box::new(Connect::new(Version::V3_1_1, "c"))));
        peer.write_all(&[connect, bytes(&Packet::Pingreq)].concat()).unwrap();
        peer.shutdown(Side::Write).unwrap();
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        assert_eq!(got, [0x20, 2, 0, 0, 0xd0, 0]);
    });
}

#[test]
fn a_peer_that_takes_nothing_holds_no_socket_after_its_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let shard = Shard::new(
            Broker::new(Config::default(), 1),
            (None, None),
            (Clock::start(), Keyring::default()),
            1 << 20,
            1 << 20,
        );
        shard.start();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _silent = Peer::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let stream = Rc::new(stream);
        let id = shard.open(&stream, peer.into(), (Transport::Tcp, None), None);
        {
            let inner = &mut *shard.inner.borrow_mut();
            inner.sockets[id].push(&vec![0; 64 << 20], &mut inner.pool);
            shard.flush_one(inner, id);
            assert!(inner.sockets[id].is_stuck);
        }
        tokio::task::yield_now().await;
        let held = Rc::downgrade(&stream);
        drop(stream);
        shard.close(id);
        let released = async {
            while held.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(5), released).await.is_ok());
    });
}

#[test]
fn the_close_frame_waits_for_room_as_all_else_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let shard = Shard::new(
            Broker::new(Config::default(), 1),
            (None, None),
            (Clock::start(), Keyring::default()),
            1 << 20,
            1 << 20,
        );
        shard.start();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let stream = Rc::new(stream);
        let id = shard.open(&stream, address.into(), (Transport::WebSocket, None), None);
        stream.writable().await.unwrap();
        for size in [1 << 16, 1] {
            while stream.try_write(&vec![0; size]).is_ok() {}
        }
        shard.begin_close(&mut shard.inner.borrow_mut(), id);
        shard.end_turn(&mut shard.inner.borrow_mut());
        tokio::task::yield_now().await;
        let reading = tokio::task::spawn_blocking(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).unwrap();
            got
        });
        let got = reading.await.unwrap();
        assert!(got.ends_with(&[0x88, 2, 0x03, 0xe8]), "{:?}", got.last_chunk::<4>());
    });
}
