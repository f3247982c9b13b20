//! The Castle server.
