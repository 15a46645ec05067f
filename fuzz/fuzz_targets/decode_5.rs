//! Any bytes, read as 5.0.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::decode::v5(bytes));
