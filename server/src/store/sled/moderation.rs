//! Blocks, reports, bans and the audit log on disk.

use super::SledStore;
use crate::store::ModerationStore;

impl ModerationStore for SledStore {}
