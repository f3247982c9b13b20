//! Frames of a Signal stream.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| castle_server::untrusted::frame(bytes));
