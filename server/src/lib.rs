//! castle-server.
//!
//! In reading order: `error` (what is said when something is refused), `store` (what lasts), `token` and `auth`
//! (who calls), `ice` (what guests are given).

pub mod auth;
pub mod error;
pub mod ice;
pub mod store;
pub mod token;
