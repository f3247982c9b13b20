//! Datagrams of STUN and TURN.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| castle_server::untrusted::datagram(bytes));
