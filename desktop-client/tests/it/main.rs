//! Behaviour seen from outside.

mod bot_call;
mod call_flow;
mod screens;
mod support;
