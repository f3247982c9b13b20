//! Behaviour seen from outside.

mod bad_peers;
mod beforehand;
mod bot_call;
mod breaking;
mod call_flow;
mod checkup;
mod coturn;
mod displaced;
mod footage;
#[path = "../../../server/tests/it/free_port.rs"]
mod free_port;
mod front;
mod gathering;
mod halfway;
mod hall_and_history;
mod hidden;
mod hostile_media;
mod keeping;
mod killed_server;
mod locked_keyring;
mod lost_flights;
mod machine;
mod open_for_days;
mod own_account;
mod prepared;
mod programs;
mod relay_only;
mod screen_share;
mod screens;
mod sealed;
mod silence;
#[cfg(target_os = "linux")]
mod sound;
mod sound_alone;
#[cfg(unix)]
mod starts;
mod support;
mod talk;
mod untrusted;
mod waking;
mod ways;
