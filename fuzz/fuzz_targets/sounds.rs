//! Packets of sound, with their order and times.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| castle_desktop::untrusted::sounds(bytes));
