//! Streams of TURN over TCP and TLS.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| castle_server::untrusted::stream(bytes));
