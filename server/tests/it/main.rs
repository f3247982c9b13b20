//! castle-server from outside, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says enough by failing")]

mod accounts;
mod browser;
mod calls;
mod cli;
mod faults;
mod floods;
mod limits;
mod matching;
mod proxy;
mod signal;
mod signaling;
mod support;
mod tokens;
mod turn;
