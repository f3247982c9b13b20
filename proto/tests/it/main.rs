//! What the contract crate promises, seen from outside.

mod link;
mod tidy;
