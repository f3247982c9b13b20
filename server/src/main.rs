//! Starts castle-server.

fn main() {}
