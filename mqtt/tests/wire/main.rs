//! Packets on the wire: one table of named cases, bytes ↔ packet, and bytes → error. Every case is decoded, encoded and
//! cut everywhere.
#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]
#![allow(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod bad;
mod bytes;
mod connect;
mod good;
mod properties;

use std::collections::BTreeSet;

use bytes::{bytes, length_prefix};
use mqtt::codec::Deframer;
use mqtt::{Packet, ReasonCode, Version};

pub(crate) const V3_1: &[Version] = &[Version::V3_1];
pub(crate) const V3_1_1: &[Version] = &[Version::V3_1_1];
pub(crate) const V3: &[Version] = &[Version::V3_1, Version::V3_1_1];
pub(crate) const V5: &[Version] = &[Version::V5];
pub(crate) const ALL: &[Version] = &[Version::V3_1, Version::V3_1_1, Version::V5];

/// A row of the table. `bytes` is written in the notation of [`bytes::bytes`].
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) versions: &'static [Version],
    pub(crate) bytes: &'static str,
    pub(crate) is: Is,
}

pub(crate) enum Is {
    /// Decodes to this, which encodes to the bytes.
    Packet(Packet<'static>),
    /// Decodes to this, which is written otherwise.
    OtherFormOf(Packet<'static>),
    /// Is refused with this.
    Error(ReasonCode),
}

fn table() -> Vec<Case> {
    [connect::cases(), good::cases(), bad::cases()].into_iter().flatten().collect()
}

fn deframer(bytes: &[u8], version: Version) -> Deframer {
    if bytes.first().is_some_and(|first| first >> 4 == 1) {
        Deframer::server(u32::MAX)
    } else {
        Deframer::client(version, u32::MAX)
    }
}

#[test]
fn the_table_is_large_and_its_names_are_unique() {
    let table = table();
    let names: BTreeSet<_> = table.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), table.len());
    let checked: usize = table.iter().map(|case| case.versions.len()).sum();
    assert!(checked >= 120, "{checked}");
}

#[test]
fn every_packet_type_stands_in_the_table_for_every_version_that_has_it() {
    for &version in ALL {
        let names: BTreeSet<_> = table()
            .iter()
            .filter(|case| case.versions.contains(&version))
            .filter_map(|case| match &case.is {
                Is::Packet(packet) => Some(packet.name()),
                _ => None,
            })
            .collect();
        assert_eq!(names.len(), if version.is_5() { 15 } else { 14 }, "{version:?}: {names:?}");
    }
}

#[test]
fn bytes_decode_to_the_packet_of_the_table() {
    for case in table() {
        let bytes = bytes(case.bytes);
        for &version in case.versions {
            let decoded = deframer(&bytes, version).next(&bytes);
            match &case.is {
                Is::Packet(packet) | Is::OtherFormOf(packet) => {
                    assert_eq!(
                        decoded,
                        Ok(Some((packet.clone(), bytes.len()))),
                        "{} in {version:?}",
                        case.name
                    );
                }
                Is::Error(reason) => {
                    let error = decoded.expect_err(case.name);
                    assert_eq!(error.reason_code(), *reason, "{} in {version:?}: {error}", case.name);
                }
            }
        }
    }
}

#[test]
fn the_packet_of_the_table_encodes_to_its_bytes() {
    for case in table() {
        let Is::Packet(packet) = &case.is else { continue };
        for &version in case.versions {
            let mut out = vec![0xee];
            packet.encode(version, &mut out).unwrap();
            assert_eq!(out[1..], bytes(case.bytes), "{} in {version:?}", case.name);
        }
    }
}

#[test]
fn a_form_that_is_not_written_says_what_the_written_one_says() {
    for case in table() {
        let Is::OtherFormOf(packet) = &case.is else { continue };
        for &version in case.versions {
            let mut written = Vec::new();
            packet.encode(version, &mut written).unwrap();
            assert!(written != bytes(case.bytes), "{} is the form that is written", case.name);
            assert_eq!(
                deframer(&written, version).next(&written),
                Ok(Some((packet.clone(), written.len()))),
                "{}",
                case.name
            );
        }
    }
}

#[test]
fn a_packet_that_has_not_all_arrived_is_waited_for() {
    for case in table() {
        if let Is::Error(_) = case.is {
            continue;
        }
        let bytes = bytes(case.bytes);
        for &version in case.versions {
            for end in 0..bytes.len() {
                let part = &bytes[..end];
                assert_eq!(deframer(&bytes, version).next(part), Ok(None), "{} cut at {end}", case.name);
            }
            let mut twice = bytes.clone();
            twice.extend_from_slice(&bytes);
            let (_, length) = deframer(&bytes, version).next(&twice).unwrap().unwrap();
            assert_eq!(length, bytes.len(), "{}: the next packet is left alone", case.name);
        }
    }
}

#[test]
fn cve_2026_25627_a_body_cut_anywhere_is_an_error_or_another_packet_never_a_panic() {
    let mut refused = 0_u32;
    for case in table() {
        let bytes = bytes(case.bytes);
        let head = 1 + bytes.iter().skip(1).take_while(|&&byte| byte & 0x80 != 0).count() + 1;
        let Some(body) = bytes.get(head..) else { continue };
        for &version in ALL {
            for end in 0..body.len() {
                let mut cut = vec![bytes[0]];
                cut.extend(length_prefix(end));
                cut.extend_from_slice(&body[..end]);
                match deframer(&cut, version).next(&cut) {
                    Ok(Some((_, length))) => assert_eq!(length, cut.len(), "{} cut at {end}", case.name),
                    Ok(None) => panic!("{} cut at {end}: all of it is there", case.name),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn any_changed_byte_is_an_error_or_another_packet_never_a_panic() {
    for case in table() {
        let bytes = bytes(case.bytes);
        for &version in case.versions {
            for at in 0..bytes.len() {
                for change in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
                    let mut changed = bytes.clone();
                    changed[at] ^= change;
                    let _any = deframer(&changed, version).next(&changed);
                }
            }
        }
    }
}
