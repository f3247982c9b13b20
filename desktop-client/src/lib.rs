//! The Castle desktop app.
