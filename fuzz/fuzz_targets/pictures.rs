//! Packets of pictures, with their order and times.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| castle_desktop::untrusted::pictures(bytes));
