//! Reports of the other end on what it is sent (RTCP), with their times.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| castle_desktop::untrusted::reports(bytes));
