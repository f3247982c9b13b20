//! castle-server from outside, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says enough by failing")]

mod accounts;
mod calls;
mod cli;
mod cli_moderation;
mod copies;
mod ending;
mod fields;
mod host;
mod killed;
mod matching;
mod moderation;
mod owning;
mod signal;
mod signaling;
mod support;
mod throttling;
mod turn;
