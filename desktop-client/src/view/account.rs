//! What is mine at the server, and what is being done about it.

use castle::ids::LoginId;
use std::sync::Arc;
use std::time::SystemTime;

/// My account, besides name and availability.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountView {
    /// Where I am logged in, the newest first; `None` until it was asked for and came.
    pub logins: Option<Arc<Vec<DeviceLogin>>>,
    /// What was asked for and is not answered yet.
    pub busy: Vec<Act>,
    /// The server has no room for one more session of mine: one of the others is to go first.
    pub crowded: bool,
    /// What became of my reports.
    pub reports: Reports,
}

/// What became of reports about other guests, counted since the app was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reports {
    /// The server has them.
    pub taken: u64,
    /// They got nowhere.
    pub lost: u64,
}

/// A login on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLogin {
    /// Id.
    pub id: LoginId,
    /// As the device calls itself; may be empty.
    pub device: String,
    /// It is this one.
    pub current: bool,
    /// When it was used last, to within a quarter of an hour.
    pub last_used: SystemTime,
}

/// What can be done about an account. Each is under way at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Another display name.
    Rename,
    /// Another password.
    ChangePassword,
    /// The list of logins.
    List,
    /// The end of one of them.
    LogOut(LoginId),
    /// All that the server keeps, in a file.
    Export,
    /// The end of the account.
    Erase,
    /// A report about another guest.
    Report,
}
