//! castle-server.
//!
//! In reading order: `error` (what is said when something is refused), `store` (what lasts), `token` and `auth`
//! (who calls), `ice` (what guests are given); then `lobby` with `calls` and `matchmaker` (the rules between
//! guests, pure), `hub` (the one task that owns them), `session` (one stream) and `service` (the RPCs).

pub mod auth;
pub mod calls;
pub mod error;
pub mod guest;
pub mod hub;
pub mod ice;
pub mod lobby;
pub mod matchmaker;
pub mod service;
pub mod session;
pub mod store;
pub mod token;
