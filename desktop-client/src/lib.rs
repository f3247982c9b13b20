//! The Castle desktop app, and the headless bot on the same engine.

pub mod app;
pub mod backoff;
pub mod bot;
pub mod call;
pub mod cli;
pub mod congestion;
pub mod engine;
pub mod error;
pub mod media;
pub mod peer;
pub mod rate;
pub mod report;
pub mod settings;
pub mod signaling;
pub mod ui;
pub mod view;
pub mod words;
