//! Any bytes, read as 3.1.1.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::decode::v3_1_1(bytes));
