//! Behaviour seen from outside.

mod bot_call;
mod call_flow;
mod relay_only;
mod footage;
mod programs;
mod screens;
mod support;
