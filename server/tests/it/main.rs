//! castle-server from outside, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says enough by failing")]

mod accounts;
mod browser;
mod cable;
mod calls;
mod cli;
mod cli_moderation;
mod copies;
mod doctor;
mod draining;
mod ending;
mod faults;
mod fields;
mod floods;
mod gone;
mod host;
mod kept;
mod killed;
mod limits;
mod matching;
#[cfg(target_os = "linux")] // reads /proc
mod memory;
mod migrating;
mod moderation;
mod owning;
mod page;
mod proxy;
mod refusals;
mod relayed_guests;
mod repeats;
mod rubbish;
mod signal;
mod signaling;
mod support;
mod throttling;
mod tokens;
mod transport;
mod turn;
mod turn_outside;
mod turn_streams;
mod untrusted;
