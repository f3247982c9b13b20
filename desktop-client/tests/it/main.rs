//! Behaviour seen from outside.

mod screens;
