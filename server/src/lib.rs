//! castle-server.
//!
//! In reading order: `cli` and `config` (what a host types), `server` (all parts put together), `transport` (TCP, TLS,
//! HTTP) and `metrics`, `service` (the
//! RPCs), `error` (what is said when something is refused); `accounts` with `names`, `passwords` and `throttle`
//! (who gets in), `token` and `auth` (who calls), `store` (what lasts); `lobby` with `calls` and `matchmaker`
//! (the rules between guests, pure), `hub` (the one task that owns them), `session` (one stream); `ice` and
//! `turn` (how guests reach each other), `admin` and `host` (what a host may do); `untrusted` (what fuzzers call).

pub mod accounts;
pub mod admin;
pub mod auth;
pub mod calls;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod error;
pub mod guest;
pub mod history;
pub mod host;
pub mod hub;
pub mod ice;
pub mod lobby;
pub mod matchmaker;
pub mod metrics;
pub mod moderation;
pub mod names;
pub mod passwords;
#[cfg(test)]
mod seeds;
pub mod server;
pub mod service;
pub mod session;
pub mod store;
pub mod throttle;
pub mod token;
pub mod transport;
pub mod turn;
pub mod uncancelled;
pub mod untrusted;
