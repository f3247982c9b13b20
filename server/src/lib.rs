//! castle-server: invitations, lobby, calls, fair matches, and the relay between guests.
pub mod calls;
pub mod error;
pub mod guest;
pub mod lobby;
pub mod matchmaker;
