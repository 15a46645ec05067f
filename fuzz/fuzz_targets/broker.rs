//! The broker and two Clients that do anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::broker::play(bytes));
