//! The client machine and a Server that does anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::client::play(bytes));
