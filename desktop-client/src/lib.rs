//! The Castle desktop app as a library: the parts that the window and the headless bot share.

pub mod media;
