//! castle-server from outside, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says enough by failing")]

mod accounts;
mod cli;
mod support;
mod turn;
