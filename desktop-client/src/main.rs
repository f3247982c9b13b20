//! Starts castle-desktop.

fn main() {}
