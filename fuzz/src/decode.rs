//! Any bytes, read as one version, from a Client and from a Server: an error, a beginning, or a packet that is written so
//! that it reads the same.

use mqtt::codec::{Deframer, EncodeError};
use mqtt::packet::Connect;
use mqtt::{Packet, Version};

pub fn v3_1(bytes: &[u8]) {
    reads_from_both_ends(Version::V3_1, bytes);
}

pub fn v3_1_1(bytes: &[u8]) {
    reads_from_both_ends(Version::V3_1_1, bytes);
}

pub fn v5(bytes: &[u8]) {
    reads_from_both_ends(Version::V5, bytes);
}

fn reads_from_both_ends(version: Version, bytes: &[u8]) {
    reads_the_same_again(Deframer::client(version, u32::MAX), bytes);
    reads_the_same_again(Deframer::server(u32::MAX), bytes);
    reads_the_same_again(after_connect(version), bytes);
}

/// A Server's connection whose Client speaks this version.
fn after_connect(version: Version) -> Deframer {
    let mut connect = Vec::new();
    Packet::Connect(Box::new(Connect::new(version, "c"))).encode(version, &mut connect).expect("it fits");
    let mut deframer = Deframer::server(u32::MAX);
    assert!(matches!(deframer.next(&connect), Ok(Some(_))), "a CONNECT of our own");
    deframer
}

fn reads_the_same_again(mut deframer: Deframer, mut bytes: &[u8]) {
    loop {
        let before = deframer;
        match deframer.next(bytes) {
            Ok(Some((packet, length))) => {
                assert!(length <= bytes.len(), "no more is taken than is there");
                assert_beginnings_wait(before, &bytes[..length]);
                let version = deframer.version().expect("a packet was read");
                let mut again = Vec::new();
                assert!(packet.encode(version, &mut again).is_ok(), "what was read fits: {packet:?}");
                assert_eq!({ before }.next(&again), Ok(Some((packet, again.len()))));
                bytes = &bytes[length..];
            }
            Ok(None) => return,
            Err(error) => {
                // Every error has an answer, whatever it is.
                let _ = (error.reason_code(), error.to_string());
                return;
            }
        }
    }
}

/// A packet is read when its last byte is there, not before. All beginnings of a long one would take too long.
fn assert_beginnings_wait(deframer: Deframer, packet: &[u8]) {
    let ends = (1..packet.len()).step_by(packet.len().div_ceil(16).max(1));
    for end in ends.chain(packet.len().checked_sub(1)) {
        assert_eq!({ deframer }.next(&packet[..end]), Ok(None), "{end} of {} bytes", packet.len());
    }
}

/// The first byte says the version that is read; what is read can be written in each, and what was written once is written
/// the same from then on.
pub fn round_trip(bytes: &[u8]) {
    let versions = [Version::V3_1, Version::V3_1_1, Version::V5];
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let mut deframer = Deframer::client(versions[usize::from(first % 3)], u32::MAX);
    let Ok(Some((packet, _))) = deframer.next(bytes) else { return };
    for version in versions {
        let mut once = Vec::new();
        match packet.encode(version, &mut once) {
            Ok(_) => {}
            Err(EncodeError::TooLong | EncodeError::NullCharacter) => {
                panic!("{packet:?} was read, and cannot be written as {version:?}")
            }
        }
        // Some packets are not part of each version, and some contents break the rules of another.
        let Ok(Some((read, length))) = Deframer::client(version, u32::MAX).next(&once) else { continue };
        assert_eq!(length, once.len(), "one packet is written as one");
        let mut twice = Vec::new();
        assert!(read.encode(version, &mut twice).is_ok(), "what was read fits");
        assert_eq!(once, twice, "{version:?}: {read:?}");
    }
}
