//! castle-server.
//!
//! In reading order: `cli` and `config` (what a host types), `server` (all parts put together), `service` (the
//! RPCs), `error` (what is said when something is refused), `accounts`, `names`, `passwords`, `throttle` (who
//! gets in), `token` and `auth` (who calls), `store` (what lasts), `ice` and `turn` (what guests are given to
//! reach each other), `admin` (what a host may do).

pub mod accounts;
pub mod admin;
pub mod auth;
pub mod cli;
pub mod config;
pub mod error;
pub mod ice;
pub mod names;
pub mod passwords;
pub mod server;
pub mod service;
pub mod store;
pub mod throttle;
pub mod token;
pub mod turn;
