//! What can go wrong between this client and the server, and the sentence a person reads about it.
//!
//! Owns the mapping from what arrives (`tonic::Status` with its `google.rpc.ErrorInfo`, or `castle.v1.Error` in
//! band) to [`ClientError`]. Decisions are made by [`ErrorKind`], never by text. Nothing of the server's own text
//! is ever shown.

use crate::signaling::{CertificateRefused, Distrust, NoTls};
use castle::v1::{self, ErrorReason};
use std::collections::BTreeMap;
use std::time::Duration;
use tonic_types::StatusExt as _;

#[cfg(test)]
mod tests;

/// What went wrong, as far as a decision or a sentence needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The server refused, and said why in the terms of the contract.
    Refused(ErrorReason),
    /// The address is not one a server can have.
    BadAddress,
    /// The fingerprint in the address is not one.
    BadPin,
    /// The server's certificate is not accepted; metadata `fingerprint` is that of the one it showed.
    Certificate(Distrust),
    /// What answers there does not speak TLS.
    NoTls,
    /// No such host.
    UnknownHost,
    /// The host is there, no server listens.
    ConnectionRefused,
    /// Nothing came back in time.
    Timeout,
    /// The connection broke, or could not be made for another reason.
    Unreachable,
    /// Something answers there, but it is not a Castle server.
    NotCastle,
    /// The server sent what the contract does not allow.
    Protocol,
}

/// Longest wait that a server is believed: far above any of its limits, and short of what a clock cannot add.
const RETRY_MAX: Duration = Duration::from_hours(1);

/// The name in [`ClientError::metadata`] of the fingerprint of a certificate that was refused.
pub const FINGERPRINT: &str = "fingerprint";

/// A failure with what is needed to act on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ClientError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// How long to wait before another try, where the server said so.
    pub retry_after: Option<Duration>,
    /// Figures and names behind the reason, such as `limit`.
    pub metadata: BTreeMap<String, String>,
    /// The first field at fault, where the reason is `INVALID_FIELD`.
    pub field: Option<String>,
}

impl From<ErrorKind> for ClientError {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, retry_after: None, metadata: BTreeMap::new(), field: None }
    }
}

impl From<ErrorReason> for ClientError {
    fn from(reason: ErrorReason) -> Self {
        ErrorKind::Refused(reason).into()
    }
}

impl From<tonic::Status> for ClientError {
    fn from(status: tonic::Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == castle::ERROR_DOMAIN);
        let Some(reason) = info.and_then(|info| ErrorReason::from_info_reason(&info.reason)) else {
            return certificate(&status).unwrap_or_else(|| transport_kind(&status).into());
        };
        Self {
            kind: ErrorKind::Refused(reason),
            retry_after: details
                .retry_info()
                .and_then(|retry| retry.retry_delay)
                .map(|wait| wait.min(RETRY_MAX)),
            metadata: info.map(|info| info.metadata.clone().into_iter().collect()).unwrap_or_default(),
            field: details
                .bad_request()
                .and_then(|bad| bad.field_violations.first())
                .map(|violation| violation.field.clone()),
        }
    }
}

impl From<v1::Error> for ClientError {
    fn from(error: v1::Error) -> Self {
        let reason = error.reason();
        Self {
            kind: ErrorKind::Refused(reason),
            retry_after: (error.retry_after_ms > 0)
                .then(|| Duration::from_millis(error.retry_after_ms).min(RETRY_MAX)),
            metadata: error.metadata.into_iter().collect(),
            field: error.field_violations.into_iter().next().map(|violation| violation.field),
        }
    }
}

impl From<tonic::transport::Error> for ClientError {
    fn from(error: tonic::transport::Error) -> Self {
        certificate(&error).unwrap_or_else(|| source_kind(&error).unwrap_or(ErrorKind::Unreachable).into())
    }
}

/// A certificate that was refused, somewhere down the chain of causes.
fn certificate(error: &(dyn std::error::Error + 'static)) -> Option<ClientError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(CertificateRefused { why, fingerprint }) = error.downcast_ref() {
            let metadata = BTreeMap::from([(FINGERPRINT.to_owned(), fingerprint.to_string())]);
            return Some(ClientError { metadata, ..ErrorKind::Certificate(*why).into() });
        }
        next = error.source();
    }
    None
}

/// A status that no Castle server made: the transport did, or another kind of server.
fn transport_kind(status: &tonic::Status) -> ErrorKind {
    use tonic::Code;
    if let Some(kind) = source_kind(status) {
        return kind;
    }
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => ErrorKind::Timeout,
        // With a cause it is the transport's own word for a stream that broke, and no server's.
        Code::Unknown if std::error::Error::source(status).is_some() => ErrorKind::Unreachable,
        Code::Unimplemented | Code::Unknown => ErrorKind::NotCastle,
        Code::Internal | Code::Unavailable => ErrorKind::Unreachable,
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss
        | Code::Unauthenticated => ErrorKind::Protocol,
    }
}

/// The operating system's answer somewhere down the chain of causes.
fn source_kind(error: &(dyn std::error::Error + 'static)) -> Option<ErrorKind> {
    use std::io::ErrorKind as Io;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            // A look-up that failed has no kind of its own in the standard library.
            let lookup = io.raw_os_error().is_none() && io.to_string().contains("lookup");
            match io.kind() {
                Io::ConnectionRefused => return Some(ErrorKind::ConnectionRefused),
                Io::TimedOut => return Some(ErrorKind::Timeout),
                _ if lookup => return Some(ErrorKind::UnknownHost),
                _ => {}
            }
        }
        if error.is::<NoTls>() {
            return Some(ErrorKind::NoTls);
        }
        if error.is::<tonic::TimeoutExpired>() {
            return Some(ErrorKind::Timeout);
        }
        next = error.source();
    }
    None
}

impl ClientError {
    /// Whether the same request may well succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::ConnectionRefused
            | ErrorKind::Timeout
            | ErrorKind::Unreachable
            | ErrorKind::UnknownHost => true,
            ErrorKind::Refused(reason) => matches!(
                reason,
                ErrorReason::RateLimited
                    | ErrorReason::Draining
                    | ErrorReason::Internal
                    | ErrorReason::Overflow
                    | ErrorReason::HeartbeatLost
                    | ErrorReason::Sequence
                    | ErrorReason::HelloTimeout
            ),
            ErrorKind::BadAddress
            | ErrorKind::BadPin
            | ErrorKind::Certificate(_)
            | ErrorKind::NoTls
            | ErrorKind::NotCastle
            | ErrorKind::Protocol => false,
        }
    }

    /// What happened and what to do, for a person.
    pub fn sentence(&self) -> String {
        match self.kind {
            ErrorKind::Refused(reason) => self.refusal(reason),
            ErrorKind::BadAddress => {
                "That is not a server address. It looks like https://castle.example:50051, or is the link from your host."
                    .into()
            }
            ErrorKind::BadPin => {
                "The fingerprint is not whole: it is sha256: and 64 digits. Copy it again, or ask your host for the link."
                    .into()
            }
            ErrorKind::Certificate(why) => self.distrust(why),
            ErrorKind::NoTls => {
                "What answers at that address does not encrypt the connection. Check the port, or ask your host for \
                 the link."
                    .into()
            }
            ErrorKind::UnknownHost => {
                "There is no such server. Check the address for typing errors, and that you are online.".into()
            }
            ErrorKind::ConnectionRefused => {
                "The machine is there, but no Castle server answers on it. Check the port, or ask your host whether \
                 the server runs."
                    .into()
            }
            ErrorKind::Timeout => {
                "The server did not answer in time. Check your network, then try again.".into()
            }
            ErrorKind::Unreachable => {
                "The connection to the server broke. Check your network, then try again.".into()
            }
            ErrorKind::NotCastle => {
                "Something answers at that address, but it is not a Castle server. Check the address and port.".into()
            }
            ErrorKind::Protocol => {
                "The server said something this app does not understand. App and server may be of different \
                 versions: ask your host which one to use."
                    .into()
            }
        }
    }

    fn refusal(&self, reason: ErrorReason) -> String {
        use ErrorReason as R;
        let wait =
            self.retry_after.map_or_else(String::new, |wait| format!(" Try again in {}.", human(wait)));
        let text = match reason {
            R::InvalidField => return self.invalid_field(),
            R::InvitationUnknown => {
                "The server does not know this invitation. Check the code, or ask your host for a new one."
            }
            R::InvitationExpired => "This invitation is too old. Ask your host for a new one.",
            R::InvitationSpent => "This invitation was used already. Ask your host for a new one.",
            R::NameTaken => "Somebody else has this name. Choose another, or log in if it is yours.",
            R::BadCredentials => "Name and password do not match. Check both, then try again.",
            R::TokenMissing | R::TokenInvalid | R::TokenExpired | R::RefreshInvalid => {
                "Your login has ended. Please log in again."
            }
            R::RefreshReused => {
                "Your login was used from two places at once and was closed for safety. Please log in again."
            }
            R::RateLimited => return format!("That was too often in a short time.{wait}"),
            R::Superseded => "This session was taken over by another connection of yours.",
            R::SessionLimit => "You are logged in on too many devices. Close one of them, then try again.",
            R::NotInCall | R::CallTokenInvalid => "That call is over.",
            R::WrongState => "That is not possible at this point of the call.",
            R::AlreadyInCall => "You are in a call already. End it first.",
            R::PeerUnavailable => "This guest cannot be reached now. Try again later.",
            R::NobodyAvailable => "Nobody is free right now. Try again in a moment.",
            R::RingLimit => "You rang this guest several times without an answer. Wait ten minutes.",
            R::AlreadyQueued => "You are waiting for a match already.",
            R::QueueFull => "Too many people wait for a match right now. Try again in a moment.",
            R::InvitationRevoked => "The host has taken this invitation back. Ask for another one.",
            R::InvitationRequired => "You need an invitation to register here. Ask the host for one.",
            R::Banned => "The host has banned this account.",
            R::LoginEnded => "You were logged out. Log in again.",
            R::GuestUnknown => "There is no such guest any more.",
            R::DeviceUnknown => "That device is logged out already.",
            R::ReportUnknown => "There is no such report.",
            R::LastAdmin => "The hall needs an admin: make somebody else one first.",
            R::Deadline => "The server took too long to answer. Try again.",
            R::Draining => return format!("The server is being restarted.{wait}"),
            R::PermissionDenied => "Your account may not do this. Ask your host.",
            R::ProtocolVersion => {
                "App and server are of different versions. Ask your host which version of the app to use."
            }
            R::Internal => return format!("Something went wrong on the server.{}{wait}", self.log_id()),
            R::HeartbeatLost | R::Overflow | R::Sequence | R::HelloTimeout | R::NoSession => {
                "The connection to the server was lost and is being set up again."
            }
            R::FrameTooLarge | R::Limit => "That is more than the server takes. Try again with less.",
            R::Unspecified | R::RequestIdReused | R::HelloExpected | R::MalformedFrame => {
                return Self::from(ErrorKind::Protocol).sentence();
            }
        };
        text.into()
    }

    fn distrust(&self, why: Distrust) -> String {
        let shown = self.metadata.get(FINGERPRINT).map_or("unknown", String::as_str);
        match why {
            Distrust::Unknown => format!(
                "Nobody whom this computer trusts vouches for this server. Its certificate is {shown}. If your host \
                 confirms exactly that, open the link from your host, or start with --pin {shown}."
            ),
            Distrust::Changed => format!(
                "This server shows another certificate than the one you trust: {shown}. Somebody may stand between \
                 you and it. Go on only with a new link from your host."
            ),
            Distrust::Expired => {
                "The certificate of this server has expired, or the clock of this computer is wrong. Check the clock, \
                 then tell your host."
                    .into()
            }
            Distrust::OtherName => {
                "The certificate of this server belongs to another name. Check the address, or ask your host for the \
                 link."
                    .into()
            }
        }
    }

    fn invalid_field(&self) -> String {
        let field = self.field.as_deref().unwrap_or_default();
        match field.rsplit('.').next().unwrap_or_default() {
            "name" => {
                "This name cannot be used. Names have 3 to 32 letters, digits, dots, dashes or underscores."
                    .into()
            }
            "password" => {
                "This password cannot be used. It needs at least 8 characters and must not be a common one."
                    .into()
            }
            "invitation_code" => {
                "This is not an invitation code. Check it, or ask your host for a new one.".into()
            }
            "tags" | "languages" => "At most 8 tags of at most 32 characters each can be used.".into(),
            _ => "The server did not accept one of the entries. Check them, then try again.".into(),
        }
    }

    fn log_id(&self) -> String {
        self.metadata
            .get("log_id")
            .map_or_else(String::new, |id| format!(" Tell your host this number: {id}."))
    }
}

/// A wait in words: whole seconds, or minutes from two on.
fn human(wait: Duration) -> String {
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    match seconds {
        1 => "a second".into(),
        2..=119 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}
