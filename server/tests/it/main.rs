//! castle-server from outside, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says enough by failing")]

mod accounts;
mod calls;
mod cli;
mod copies;
mod host;
mod killed;
mod matching;
mod signal;
mod signaling;
mod support;
mod turn;
