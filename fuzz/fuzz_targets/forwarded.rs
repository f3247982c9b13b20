//! What proxies say of whom they forward.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| castle_server::untrusted::forwarded(bytes));
