//! What a person asks for.

use super::{Availability, Preferences, ReportReason, ScreenSpec, WindowPlace};
use castle::ids::{CallId, GuestId, LoginId};
use std::path::PathBuf;

/// What a person asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make an account with an invitation, and log in.
    Register {
        /// `http://host:port` or an invitation link.
        server: String,
        /// From the host.
        invitation: String,
        /// Login name.
        name: String,
        /// Password.
        password: Secret,
        /// As with [`Command::LogIn`].
        remember: bool,
    },
    /// Log in.
    LogIn {
        /// `http://host:port`.
        server: String,
        /// Login name.
        name: String,
        /// Password.
        password: Secret,
        /// Keep a key in the system's keyring, so that the next start needs no password.
        remember: bool,
    },
    /// Set a new password with a one-time code of the host, and log in.
    ResetPassword {
        /// `http://host:port` or a link.
        server: String,
        /// Login name.
        name: String,
        /// From the host.
        code: Secret,
        /// The new one.
        password: Secret,
        /// As with [`Command::LogIn`].
        remember: bool,
    },
    /// Log in with the key that is kept for one of the known servers.
    LogInRemembered {
        /// Which server.
        server: String,
        /// Login name.
        name: String,
    },
    /// Forget a known server and the key to it.
    ForgetServer {
        /// Which server.
        server: String,
        /// Login name.
        name: String,
    },
    /// Stop logging in.
    CancelLogIn,
    /// Leave the server; the key to it is thrown away.
    LogOut,
    /// Leave the server for another one. A login that is remembered stays; any other ends.
    LeaveHall,
    /// Change the password.
    ChangePassword {
        /// The one until now.
        old: Secret,
        /// The new one.
        new: Secret,
    },
    /// Be shown by this name; empty: by the login name.
    SetDisplayName(String),
    /// Ask where I am logged in.
    LoadLogins,
    /// End one of these logins.
    EndLogin(LoginId),
    /// Write all that the server keeps about me.
    ExportAccount {
        /// Into which file.
        file: PathBuf,
    },
    /// Erase my account.
    EraseAccount {
        /// To be sure that it is me.
        password: Secret,
    },
    /// Show only guests whose name has this in it; empty for all.
    SearchHall(String),
    /// Show more of the hall.
    MoreOfHall,
    /// Change the settings.
    SetPreferences(Box<Preferences>),
    /// Open camera and microphone to try them out, or let them go.
    SetTryout(bool),
    /// The devices are shown to be chosen from, or no longer: what is there is looked at meanwhile.
    ChooseDevices(bool),
    /// Take what a notice offers, and put it away.
    TakeOffer(u64),
    /// Play the test sound.
    TestSpeaker,
    /// Ask for the newest of my calls; the missed ones are seen then.
    LoadHistory,
    /// Ask for older ones.
    MoreOfHistory,
    /// Erase them all.
    EraseHistory,
    /// Ask for the guests I blocked.
    LoadBlocked,
    /// See and hear nothing more of a guest. Ends a call with them.
    Block(GuestId),
    /// The opposite.
    Unblock(GuestId),
    /// Tell the host about a guest.
    Report {
        /// Whom.
        guest: GuestId,
        /// In which call.
        call: Option<CallId>,
        /// Why.
        reason: ReportReason,
        /// In the person's own words.
        words: String,
    },
    /// Call whom the call that is over was with.
    CallAgain,
    /// Say how the call was, 1 to 5; stays on this machine, in the diagnostics.
    Rate(u8),
    /// Write a line to the other end.
    Chat(String),
    /// The safety words were compared aloud.
    Compared {
        /// They are the same at both ends.
        same: bool,
    },
    /// Take the ringing call with the camera off.
    AcceptWithoutCamera,
    /// Write the diagnostics.
    SaveDiagnostics {
        /// Into which file.
        file: PathBuf,
        /// With names and addresses.
        with_names: bool,
    },
    /// The window came to the front, or is behind others, hidden or minimised: then the system tells of calls.
    SetInFront(bool),
    /// Where the window is, to be found there at the next start.
    SetWindowPlace(WindowPlace),
    /// Say how others should see me.
    SetAvailability(Availability),
    /// Call a guest of the hall.
    Call(GuestId),
    /// Call a guest by login name, whether or not the hall shows them.
    CallName(String),
    /// Call whoever has been free the longest.
    CallNextFree,
    /// Take the ringing call.
    Accept,
    /// Refuse it.
    Decline,
    /// Give up the call I placed.
    Cancel,
    /// End the call.
    HangUp,
    /// Wait for a match.
    Search,
    /// Stop waiting.
    StopSearch,
    /// End this matched call and wait for the next.
    Next,
    /// Mute or unmute the microphone.
    SetMuted(bool),
    /// Switch the camera on or off.
    SetCamera(bool),
    /// Look what of the screen can be shared.
    LookForScreens,
    /// Share this with the other end, instead of what is shared now.
    ShareScreen(ScreenSpec),
    /// Share nothing any more.
    StopSharing,
    /// Put away the screen of a call that is over.
    CloseCall,
    /// Put away a notice.
    Dismiss(u64),
    /// Look at everything between here and a call.
    CheckConnection,
    /// The same before anybody is logged in, as far as it goes: this server.
    CheckServer(String),
    /// Put that away.
    CloseCheckup,
}

/// A password or a code on its way to the server: never printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
