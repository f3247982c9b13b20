//! Who takes part, in the words that the hall, calls and the queue share. Rules live elsewhere.

use castle::ids::GuestId;
use std::sync::Arc;

/// A guest as other guests know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Stable id.
    pub id: GuestId,
    /// Login name, case-mapped, unique.
    pub name: String,
    /// What people see.
    pub display_name: String,
}

/// A guest shared by every table and frame that names them.
pub type SharedGuest = Arc<Guest>;

/// What a guest wishes others to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// Can be called.
    #[default]
    Available,
    /// Present, does not want to be called.
    DoNotDisturb,
    /// Present, not shown to others.
    Invisible,
}

/// What a guest is, as they see themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// As they wished.
    Wished(Wish),
    /// In a call, whatever they wished.
    InCall,
}
