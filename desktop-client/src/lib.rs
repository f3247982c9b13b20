//! The Castle desktop app, and the headless bot on the same engine.

pub mod app;
pub mod backoff;
pub mod bot;
pub mod call;
pub mod cli;
pub mod congestion;
pub mod crash;
pub mod engine;
pub mod error;
pub mod instance;
pub mod logs;
pub mod media;
pub mod notifications;
pub mod peer;
pub mod profile;
pub mod rate;
pub mod report;
pub mod settings;
pub mod signaling;
pub mod signals;
pub mod ui;
pub mod untrusted;
pub mod vault;
pub mod view;
pub mod words;
