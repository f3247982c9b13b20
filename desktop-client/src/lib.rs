//! The Castle desktop app, and the headless bot on the same engine.

pub mod engine;
pub mod media;
pub mod view;
