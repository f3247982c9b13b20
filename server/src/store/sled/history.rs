//! Call records on disk.

use super::SledStore;
use crate::store::HistoryStore;

impl HistoryStore for SledStore {}
