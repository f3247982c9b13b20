//! The Castle desktop app, and the headless bot on the same engine.

pub mod app;
pub mod engine;
pub mod media;
pub mod ui;
pub mod view;
