//! Packets of pictures in H.264, with their order and times.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| castle_desktop::untrusted::pictures_h264(bytes));
