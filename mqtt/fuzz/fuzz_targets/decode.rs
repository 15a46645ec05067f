//! Any bytes, read as each version: an error, a beginning, or a packet that is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt::Version;
use mqtt::codec::Deframer;

fuzz_target!(|bytes: &[u8]| {
    let client = |version| Deframer::client(version, u32::MAX);
    reads_the_same_again(Deframer::server(u32::MAX), bytes);
    for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
        reads_the_same_again(client(version), bytes);
    }
});

fn reads_the_same_again(deframer: Deframer, bytes: &[u8]) {
    let mut first = deframer;
    let Ok(Some((packet, length))) = first.next(bytes) else { return };
    assert!(length <= bytes.len());
    let Some(version) = first.version() else { unreachable!("a packet was read") };
    let mut again = Vec::new();
    let written = packet.encode(version, &mut again);
    assert!(written.is_ok(), "what was read fits");
    let mut second = deframer;
    assert_eq!(second.next(&again), Ok(Some((packet, again.len()))));
}
