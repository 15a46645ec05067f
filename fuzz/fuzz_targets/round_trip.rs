//! A packet of one version, written in each.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::decode::round_trip(bytes));
