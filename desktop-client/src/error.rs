//! What can go wrong between this client and the server, and the sentence a person reads about it.
//!
//! Owns the mapping from what arrives (`tonic::Status` with its `google.rpc.ErrorInfo`, or `castle.v1.Error` in
//! band) to [`ClientError`]. Decisions are made by [`ErrorKind`], never by text. Nothing of the server's own text
//! is ever shown.

use crate::signaling::{CertificateRefused, Distrust, NoTls};
use crate::words::{say, say_with};
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
    /// Name and one-time code do not fit, or the code is good no more.
    CodeRefused,
    /// The one-time code was spent a moment ago, with another password.
    CodeSpent,
    /// The keyring did not open, so that the key to the login is not known.
    KeyringClosed,
    /// There is no key to the login on this machine.
    NoKey,
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
            | ErrorKind::Protocol
            | ErrorKind::CodeRefused
            | ErrorKind::CodeSpent
            | ErrorKind::KeyringClosed
            | ErrorKind::NoKey => false,
        }
    }

    /// Whether this is the word of something that is not the server: where that was there before, it will be back.
    pub fn is_of_another(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Certificate(_) | ErrorKind::NoTls | ErrorKind::NotCastle | ErrorKind::Protocol
        )
    }

    /// What happened and what to do, for a person.
    pub fn sentence(&self) -> String {
        match self.kind {
            ErrorKind::Refused(reason) => self.refusal(reason),
            ErrorKind::BadAddress => say("error-bad-address").into(),
            ErrorKind::BadPin => say("error-bad-pin").into(),
            ErrorKind::Certificate(why) => self.distrust(why),
            ErrorKind::NoTls => say("error-no-tls").into(),
            ErrorKind::UnknownHost => say("error-unknown-host").into(),
            ErrorKind::ConnectionRefused => say("error-connection-refused").into(),
            ErrorKind::Timeout => say("error-timeout").into(),
            ErrorKind::Unreachable => say("error-unreachable").into(),
            ErrorKind::NotCastle => say("error-not-castle").into(),
            ErrorKind::Protocol => say("error-protocol").into(),
            ErrorKind::CodeRefused => say("error-code-refused").into(),
            ErrorKind::CodeSpent => say("error-code-spent").into(),
            ErrorKind::KeyringClosed => say("error-keyring-closed").into(),
            ErrorKind::NoKey => say("error-no-key").into(),
        }
    }

    fn refusal(&self, reason: ErrorReason) -> String {
        use ErrorReason as R;
        let wait = self.retry_after.map_or_else(String::new, |wait| {
            format!(" {}", say_with("error-try-again-in", &[("time", human(wait).into())]))
        });
        let text = match reason {
            R::InvalidField => return self.invalid_field(),
            R::InvitationUnknown => say("error-invitation-unknown"),
            R::InvitationExpired => say("error-invitation-expired"),
            R::InvitationSpent => say("error-invitation-spent"),
            R::NameTaken => say("error-name-taken"),
            R::BadCredentials => say("error-bad-credentials"),
            R::TokenMissing | R::TokenInvalid | R::TokenExpired | R::RefreshInvalid => {
                say("error-login-over")
            }
            R::RefreshReused => say("error-refresh-reused"),
            R::RateLimited => return format!("{}{wait}", say("error-rate-limited")),
            R::Superseded => say("error-superseded"),
            R::SessionLimit => say("error-session-limit"),
            R::NotInCall | R::CallTokenInvalid => say("error-call-over"),
            R::WrongState => say("error-wrong-state"),
            R::AlreadyInCall => say("error-already-in-call"),
            R::PeerUnavailable => say("error-peer-unavailable"),
            R::NobodyAvailable => say("error-nobody-available"),
            R::RingLimit => say("error-ring-limit"),
            R::AlreadyQueued => say("error-already-queued"),
            R::QueueFull => say("error-queue-full"),
            R::InvitationRevoked => say("error-invitation-revoked"),
            R::InvitationRequired => say("error-invitation-required"),
            R::Banned => say("error-banned"),
            R::LoginEnded => say("error-login-ended"),
            R::GuestUnknown => say("error-guest-unknown"),
            R::DeviceUnknown => say("error-device-unknown"),
            R::ReportUnknown => say("error-report-unknown"),
            R::LastAdmin => say("error-last-admin"),
            R::Deadline => say("error-deadline"),
            R::Draining => return format!("{}{wait}", say("error-draining")),
            R::PermissionDenied => say("error-permission"),
            R::ProtocolVersion | R::Unsupported => say("error-version"),
            R::Internal => return format!("{}{}{wait}", say("error-internal"), self.log_id()),
            R::HeartbeatLost | R::Overflow | R::Sequence | R::HelloTimeout | R::NoSession => {
                say("error-reconnects")
            }
            R::FrameTooLarge | R::Limit => say("error-too-much"),
            R::Unspecified | R::RequestIdReused | R::HelloExpected | R::MalformedFrame | R::OriginRefused => {
                return Self::from(ErrorKind::Protocol).sentence();
            }
        };
        text.into()
    }

    fn distrust(&self, why: Distrust) -> String {
        let shown = self.metadata.get(FINGERPRINT).map_or("?", String::as_str);
        match why {
            Distrust::Unknown => say_with("error-certificate-unknown", &[("shown", shown.into())]),
            Distrust::Changed => say_with("error-certificate-changed", &[("shown", shown.into())]),
            Distrust::Expired => say("error-certificate-expired").into(),
            Distrust::OtherName => say("error-certificate-other-name").into(),
        }
    }

    fn invalid_field(&self) -> String {
        let field = self.field.as_deref().unwrap_or_default();
        match field.rsplit('.').next().unwrap_or_default() {
            "name" => say("error-field-name").into(),
            "password" | "new_password" => say("error-field-password").into(),
            "code" => say("error-code-refused").into(),
            "display_name" => say("error-field-display-name").into(),
            "invitation_code" => say("error-field-invitation").into(),
            "tags" | "languages" => say("error-field-tags").into(),
            _ => say("error-field-other").into(),
        }
    }

    fn log_id(&self) -> String {
        self.metadata
            .get("log_id")
            .map_or_else(String::new, |id| format!(" {}", say_with("error-log-id", &[("id", id.into())])))
    }
}

/// A wait in words: whole seconds, or minutes from two on.
fn human(wait: Duration) -> String {
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    match seconds {
        ..=119 => say_with("time-seconds", &[("count", seconds.into())]),
        _ => say_with("time-minutes", &[("count", seconds.div_ceil(60).into())]),
    }
}
