//! The Castle desktop app, and the headless bot on the same engine.

pub mod view;
