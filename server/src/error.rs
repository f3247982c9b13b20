//! Every way a request can be refused, and the one table that says how each looks on the wire.
//!
//! Owns the mapping from `Error` to gRPC status (`google.rpc.ErrorInfo`, `BadRequest`, `RetryInfo`) and to the
//! in-band `castle.v1.Error`. Never decides whether something is refused.

use castle::v1::{self, ErrorReason};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// Path of the field in the request, such as `place_call.name`.
    pub field: String,
    /// What is wrong with it: one English phrase.
    pub description: String,
}

/// Why a request or a frame was refused: one variant for each `castle.v1.ErrorReason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Fields are missing, malformed or over their limits. Never empty.
    InvalidField(Vec<FieldFault>),
    /// No such invitation.
    InvitationUnknown,
    /// The invitation's time is over.
    InvitationExpired,
    /// The invitation has no uses left.
    InvitationSpent,
    /// Another guest has this name.
    NameTaken,
    /// Name and password do not match, or there is no such name.
    BadCredentials,
    /// No access token came with the call.
    TokenMissing,
    /// The token is not one of ours, or its login was ended.
    TokenInvalid,
    /// The access token's time is over.
    TokenExpired,
    /// The refresh token is unknown, expired or revoked.
    RefreshInvalid,
    /// The refresh token had been spent; its family is revoked now.
    RefreshReused,
    /// Too many requests.
    RateLimited {
        /// Of what: `writes`, `frames`, `wrong_passwords` …
        what: &'static str,
        /// How many at once are allowed.
        limit: u64,
        /// After which time there is one more; none: it is not counted so.
        refill: Option<Duration>,
        /// When to come again.
        retry_after: Duration,
    },
    /// The request id was used before with another payload.
    RequestIdReused,
    /// The first frame was not `Hello`, or `Hello` came twice.
    HelloExpected,
    /// `Hello` did not come in time.
    HelloTimeout,
    /// The protocol version is not spoken here.
    ProtocolVersion {
        /// What the client asked for.
        asked: u32,
    },
    /// The frame could not be understood.
    MalformedFrame {
        /// Which part of it.
        detail: &'static str,
    },
    /// The frame or a part of it is over its limit.
    FrameTooLarge {
        /// Which part: `frame`, `sdp`, `candidate` …
        what: &'static str,
        /// Bytes allowed.
        limit: usize,
    },
    /// Sequence numbers that no replay explains.
    Sequence {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// Too much is unacknowledged: the stream ends, resumably.
    Overflow {
        /// Frames kept at most.
        limit: usize,
    },
    /// The session lives on a newer stream.
    Superseded,
    /// The named session does not exist or is another guest's.
    NoSession,
    /// This guest has too many sessions.
    SessionLimit {
        /// Sessions allowed.
        limit: usize,
    },
    /// No such call, or the session is not one of its two.
    NotInCall,
    /// The call is in another state than this needs.
    WrongState {
        /// The state it is in, as `ringing`.
        state: &'static str,
    },
    /// The guest is in a call already.
    AlreadyInCall,
    /// The called guest cannot be reached.
    PeerUnavailable,
    /// Nobody is free.
    NobodyAvailable,
    /// Too many unanswered rings for this pair.
    RingLimit {
        /// Rings allowed.
        limit: u32,
        /// When the next ring is allowed.
        retry_after: Duration,
    },
    /// The session waits already, under another request id.
    AlreadyQueued,
    /// The server is going down.
    Draining {
        /// When to reconnect.
        retry_after: Duration,
    },
    /// The account may not do this.
    PermissionDenied,
    /// Something failed here. Made by [`Error::internal`], which logs the cause.
    Internal {
        /// Finds the cause in the log.
        log_id: String,
    },
    /// The session did not answer a heartbeat.
    HeartbeatLost,
    /// Too many streams, frames or requests at once.
    Limit {
        /// Of what: `frames_per_second`, `streams` …
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// The match queue is full.
    QueueFull {
        /// Tickets allowed.
        limit: usize,
    },
    /// The host has taken the invitation back.
    InvitationRevoked,
    /// Registration is by invitation, and none was given.
    InvitationRequired,
    /// The host has banned this account.
    Banned,
    /// The login behind the token was ended.
    LoginEnded,
    /// The call took too long.
    Deadline {
        /// Time allowed.
        limit: Duration,
    },
    /// No such guest.
    GuestUnknown,
    /// No such device of the caller.
    DeviceUnknown,
    /// No such report.
    ReportUnknown,
    /// The hall would be left without an admin.
    LastAdmin,
    /// Not a call token of this server, or its call is over.
    CallTokenInvalid,
    /// Not served here.
    Unsupported {
        /// What: `method`, `service`, `content_type`, `encoding`.
        what: &'static str,
    },
    /// Pages of this origin may not call.
    OriginRefused,
}

/// One row of the table: how an error looks on the wire.
struct Row {
    reason: ErrorReason,
    code: Code,
    message: &'static str,
    metadata: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
}

impl Error {
    /// One field at fault.
    pub fn field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::InvalidField(vec![FieldFault { field: field.into(), description: description.into() }])
    }

    /// A failure of ours: logs `doing` and the source under a fresh `log_id`, and shows the caller the id alone.
    pub fn internal(doing: &str, source: &dyn fmt::Display) -> Self {
        let log_id = format!("{:016x}", rand::random::<u64>());
        tracing::error!(%log_id, "{doing}: {source}");
        Self::Internal { log_id }
    }

    /// The public reason.
    pub fn reason(&self) -> ErrorReason {
        self.row().reason
    }

    /// The gRPC code a unary call ends with.
    pub fn code(&self) -> Code {
        self.row().code
    }

    /// Whether a fault of this kind on a stream ends the stream; all others are answered in band.
    pub fn ends_stream(&self) -> bool {
        use ErrorReason as R;
        matches!(
            self.reason(),
            R::TokenMissing
                | R::TokenInvalid
                | R::TokenExpired
                | R::HelloExpected
                | R::HelloTimeout
                | R::ProtocolVersion
                | R::Sequence
                | R::Overflow
                | R::Superseded
                | R::SessionLimit
                | R::HeartbeatLost
                | R::Banned
                | R::LoginEnded
                | R::Internal
        )
    }

    /// The fault as a frame for the stream that caused it.
    pub fn to_frame(&self) -> v1::Error {
        let row = self.row();
        v1::Error {
            reason: row.reason.into(),
            message: row.message.to_owned(),
            metadata: row.metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            field_violations: self
                .field_faults()
                .iter()
                .map(|fault| v1::FieldViolation {
                    field: fault.field.clone(),
                    description: fault.description.clone(),
                })
                .collect(),
            retry_after_ms: row.retry_after.map_or(0, |wait| wait.as_millis().try_into().unwrap_or(u64::MAX)),
        }
    }

    fn field_faults(&self) -> &[FieldFault] {
        match self {
            Self::InvalidField(faults) => faults,
            _ => &[],
        }
    }

    /// The table. Exhaustive: a new variant does not compile without its row.
    #[expect(clippy::too_many_lines, reason = "one table, one row per reason, read as a table")]
    fn row(&self) -> Row {
        use ErrorReason as R;
        let row = |reason, code, message| Row { reason, code, message, metadata: vec![], retry_after: None };
        match self {
            Self::InvalidField(_) => row(R::InvalidField, Code::InvalidArgument, "a field is not valid"),
            Self::InvitationUnknown => row(R::InvitationUnknown, Code::NotFound, "no such invitation"),
            Self::InvitationExpired => {
                row(R::InvitationExpired, Code::FailedPrecondition, "the invitation has expired")
            }
            Self::InvitationSpent => {
                row(R::InvitationSpent, Code::FailedPrecondition, "the invitation has no uses left")
            }
            Self::NameTaken => row(R::NameTaken, Code::AlreadyExists, "this name is taken"),
            Self::BadCredentials => {
                row(R::BadCredentials, Code::Unauthenticated, "name and password do not match")
            }
            Self::TokenMissing => {
                row(R::TokenMissing, Code::Unauthenticated, "an access token is needed: log in first")
            }
            Self::TokenInvalid => {
                row(R::TokenInvalid, Code::Unauthenticated, "the access token is not valid")
            }
            Self::TokenExpired => row(R::TokenExpired, Code::Unauthenticated, "the access token has expired"),
            Self::RefreshInvalid => {
                row(R::RefreshInvalid, Code::Unauthenticated, "the refresh token is not valid: log in again")
            }
            Self::RefreshReused => row(
                R::RefreshReused,
                Code::Unauthenticated,
                "the refresh token was used twice, its login is revoked: log in again",
            ),
            Self::RateLimited { what, limit, refill, retry_after } => Row {
                metadata: [("what", (*what).to_owned()), ("limit", limit.to_string())]
                    .into_iter()
                    .chain(refill.map(|refill| ("refill_ms", refill.as_millis().to_string())))
                    .collect(),
                retry_after: Some(*retry_after),
                ..row(R::RateLimited, Code::ResourceExhausted, "too many requests: try again later")
            },
            Self::RequestIdReused => row(
                R::RequestIdReused,
                Code::InvalidArgument,
                "this request_id was used before with another payload",
            ),
            Self::HelloExpected => {
                row(R::HelloExpected, Code::FailedPrecondition, "the first frame must be Hello, once")
            }
            Self::HelloTimeout => row(R::HelloTimeout, Code::DeadlineExceeded, "Hello did not come in time"),
            Self::ProtocolVersion { asked } => Row {
                metadata: vec![
                    ("asked", asked.to_string()),
                    ("supported", castle::PROTOCOL_VERSION.to_string()),
                ],
                ..row(
                    R::ProtocolVersion,
                    Code::FailedPrecondition,
                    "this protocol version is not spoken here",
                )
            },
            Self::MalformedFrame { detail } => Row {
                metadata: vec![("detail", (*detail).to_owned())],
                ..row(R::MalformedFrame, Code::InvalidArgument, "the frame could not be understood")
            },
            Self::FrameTooLarge { what, limit } => Row {
                metadata: vec![("what", (*what).to_owned()), ("limit", limit.to_string())],
                ..row(R::FrameTooLarge, Code::ResourceExhausted, "the frame is over its limit")
            },
            Self::Sequence { expected, got } => Row {
                metadata: vec![("expected", expected.to_string()), ("got", got.to_string())],
                ..row(R::Sequence, Code::InvalidArgument, "the sequence numbers do not fit")
            },
            Self::Overflow { limit } => Row {
                metadata: vec![("limit", limit.to_string())],
                ..row(R::Overflow, Code::ResourceExhausted, "too much is unacknowledged: resume the session")
            },
            Self::Superseded => row(R::Superseded, Code::Aborted, "the session lives on a newer stream"),
            Self::NoSession => row(R::NoSession, Code::NotFound, "no such session"),
            Self::SessionLimit { limit } => Row {
                metadata: vec![("limit", limit.to_string())],
                ..row(R::SessionLimit, Code::ResourceExhausted, "this guest has too many sessions")
            },
            Self::NotInCall => row(R::NotInCall, Code::NotFound, "no such call of yours"),
            Self::WrongState { state } => Row {
                metadata: vec![("state", (*state).to_owned())],
                ..row(R::WrongState, Code::FailedPrecondition, "the call is in another state than this needs")
            },
            Self::AlreadyInCall => {
                row(R::AlreadyInCall, Code::FailedPrecondition, "you are in a call already")
            }
            Self::PeerUnavailable => {
                row(R::PeerUnavailable, Code::Unavailable, "that guest cannot be reached now")
            }
            Self::NobodyAvailable => row(R::NobodyAvailable, Code::Unavailable, "nobody is free now"),
            Self::RingLimit { limit, retry_after } => Row {
                metadata: vec![("limit", limit.to_string())],
                retry_after: Some(*retry_after),
                ..row(R::RingLimit, Code::ResourceExhausted, "you rang this guest often without an answer")
            },
            Self::AlreadyQueued => {
                row(R::AlreadyQueued, Code::AlreadyExists, "this session waits for a match already")
            }
            Self::Draining { retry_after } => Row {
                retry_after: Some(*retry_after),
                ..row(R::Draining, Code::Unavailable, "the server is going down: reconnect")
            },
            Self::PermissionDenied => {
                row(R::PermissionDenied, Code::PermissionDenied, "the account may not do this")
            }
            Self::Internal { log_id } => Row {
                metadata: vec![("log_id", log_id.clone())],
                ..row(R::Internal, Code::Internal, "something failed here")
            },
            Self::HeartbeatLost => {
                row(R::HeartbeatLost, Code::DeadlineExceeded, "the session did not answer a heartbeat")
            }
            Self::Limit { what, limit } => Row {
                metadata: vec![("what", (*what).to_owned()), ("limit", limit.to_string())],
                ..row(R::Limit, Code::ResourceExhausted, "too many at once")
            },
            Self::QueueFull { limit } => Row {
                metadata: vec![("limit", limit.to_string())],
                ..row(R::QueueFull, Code::ResourceExhausted, "the queue for a match is full")
            },
            Self::InvitationRevoked => {
                row(R::InvitationRevoked, Code::FailedPrecondition, "the invitation was taken back")
            }
            Self::InvitationRequired => {
                row(R::InvitationRequired, Code::FailedPrecondition, "registration needs an invitation here")
            }
            Self::Banned => row(R::Banned, Code::PermissionDenied, "the host has banned this account"),
            Self::LoginEnded => {
                row(R::LoginEnded, Code::Unauthenticated, "this login was ended: log in again")
            }
            Self::Deadline { limit } => Row {
                metadata: vec![("limit_ms", limit.as_millis().to_string())],
                ..row(R::Deadline, Code::DeadlineExceeded, "the call took too long: try again")
            },
            Self::GuestUnknown => row(R::GuestUnknown, Code::NotFound, "no such guest"),
            Self::DeviceUnknown => row(R::DeviceUnknown, Code::NotFound, "no such device of yours"),
            Self::ReportUnknown => row(R::ReportUnknown, Code::NotFound, "no such report"),
            Self::LastAdmin => {
                row(R::LastAdmin, Code::FailedPrecondition, "the hall would be left without an admin")
            }
            Self::CallTokenInvalid => row(
                R::CallTokenInvalid,
                Code::InvalidArgument,
                "the call token is not valid, or its call is over",
            ),
            Self::Unsupported { what } => Row {
                metadata: vec![("what", (*what).to_owned())],
                ..row(R::Unsupported, Code::Unimplemented, "this server does not serve that")
            },
            Self::OriginRefused => {
                row(R::OriginRefused, Code::PermissionDenied, "pages of this origin may not call")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.row();
        write!(f, "{}: {}", row.reason.info_reason(), row.message)?;
        for fault in self.field_faults() {
            write!(f, "; {}: {}", fault.field, fault.description)?;
        }
        for (key, value) in row.metadata {
            write!(f, "; {key} {value}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let row = error.row();
        let metadata: HashMap<String, String> =
            row.metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut details =
            ErrorDetails::with_error_info(row.reason.info_reason(), castle::ERROR_DOMAIN, metadata);
        for fault in error.field_faults() {
            details.add_bad_request_violation(&fault.field, &fault.description);
        }
        if let Some(wait) = row.retry_after {
            details.set_retry_info(Some(wait));
        }
        Self::with_error_details(row.code, row.message, details)
    }
}

#[cfg(test)]
mod tests;
