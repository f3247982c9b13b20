//! castle-server from outside, over real sockets.

mod calls;
mod matching;
mod signal;
mod signaling;
mod support;
