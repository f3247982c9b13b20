//! What strangers may send, through the functions that the fuzzers call.

use castle_server::untrusted::ENTRIES;

#[path = "../../../fuzz/changes.rs"]
mod changes;

#[test]
fn no_bytes_of_strangers_break_what_is_promised() {
    for (kind, understand) in ENTRIES {
        changes::try_all(kind, understand, 0..2000);
    }
}
