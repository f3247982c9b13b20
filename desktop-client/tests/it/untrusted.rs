//! What the other end of a call may send, through the functions that the fuzzers call.

use castle_desktop::untrusted::{
    descriptions, messages, parameter_sets, pictures, pictures_h264, reports, sounds,
};

#[path = "../../../fuzz/changes.rs"]
mod changes;

#[test]
fn no_packets_of_pictures_break_what_is_promised() {
    changes::try_all("pictures", pictures, 0..4000);
}

#[test]
fn no_packets_of_h264_break_what_is_promised() {
    changes::try_all("pictures_h264", pictures_h264, 0..4000);
}

#[test]
fn no_parameter_sets_break_what_is_promised() {
    changes::try_all("parameter_sets", parameter_sets, 0..20_000);
}

#[test]
fn no_packets_of_sound_break_what_is_promised() {
    changes::try_all("sounds", sounds, 0..500);
}

#[test]
fn no_messages_break_what_is_promised() {
    changes::try_all("messages", messages, 0..2000);
}

#[test]
fn no_descriptions_break_what_is_promised() {
    changes::try_all("descriptions", descriptions, 0..4000);
}

#[test]
fn no_reports_break_what_is_promised() {
    changes::try_all("reports", reports, 0..1000);
}
