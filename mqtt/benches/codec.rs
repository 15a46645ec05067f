//! What decoding and encoding of the common packets take, each by itself: `cargo xtask bench --micro`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mqtt::codec::Deframer;
use mqtt::packet::{Ack, Publish};
use mqtt::{Delivery, Packet, PacketId, ReasonCode, TopicName, Version};

/// Packets in one read of a socket.
const BATCH: usize = 50;

fn publish(payload: &[u8], is_acknowledged: bool) -> Packet<'_> {
    let packet_id = PacketId::new(7).expect("not zero");
    let delivery = match is_acknowledged {
        true => Delivery::AtLeastOnce { packet_id, dup: false },
        false => Delivery::AtMostOnce,
    };
    let topic = TopicName::new("site/7/dev/42/state").ok();
    Packet::Publish(Publish { delivery, retain: false, topic, payload, properties: Default::default() })
}

fn encoded(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..BATCH {
        packet.encode(version, &mut bytes).expect("it can be encoded");
    }
    bytes
}

/// The names of what is measured, with their packets.
fn cases(payload: &[u8]) -> [(&'static str, Version, Packet<'_>); 4] {
    let ack = Packet::Puback(Ack::new(PacketId::new(7).expect("not zero"), ReasonCode::Success));
    [
        ("PUBLISH QoS 0, 3.1.1", Version::V3_1_1, publish(payload, false)),
        ("PUBLISH QoS 0, 5.0", Version::V5, publish(payload, false)),
        ("PUBLISH QoS 1, 3.1.1", Version::V3_1_1, publish(payload, true)),
        ("PUBACK, 3.1.1", Version::V3_1_1, ack),
    ]
}

fn decode(criterion: &mut Criterion) {
    let payload = [b'x'; 64];
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, version, packet) in cases(&payload) {
        let bytes = encoded(version, &packet);
        let decode = |mut deframer: Deframer| {
            let mut rest = bytes.as_slice();
            while let Ok(Some((packet, size))) = deframer.next(rest) {
                std::hint::black_box(&packet);
                rest = rest.get(size..).unwrap_or_default();
            }
            assert!(rest.is_empty(), "all was decoded");
        };
        // The side of the client: it expects no CONNECT first.
        let begin = || Deframer::client(version, 1 << 20);
        group.bench_function(name, |bencher| bencher.iter_batched(begin, decode, BatchSize::SmallInput));
    }
}

fn encode(criterion: &mut Criterion) {
    let payload = [b'x'; 64];
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, version, packet) in cases(&payload) {
        let mut bytes = Vec::with_capacity(16 << 10);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                bytes.clear();
                for _ in 0..BATCH {
                    std::hint::black_box(&packet).encode(version, &mut bytes).expect("it can be encoded");
                }
            });
        });
    }
}

criterion_group!(codec, decode, encode);
criterion_main!(codec);
