//! Parameter sets of H.264, read before a decoder sees them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| castle_desktop::untrusted::parameter_sets(bytes));
