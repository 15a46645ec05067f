//! Rules and who asks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::rules::judge(bytes));
