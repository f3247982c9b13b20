//! The error table as clients see it.

use super::*;

/// One of each variant, in the order of `castle.v1.ErrorReason`.
fn one_of_each() -> Vec<Error> {
    let wait = Duration::from_millis(1500);
    vec![
        Error::field("name", "must have 3 to 32 characters"),
        Error::InvitationUnknown,
        Error::InvitationExpired,
        Error::InvitationSpent,
        Error::NameTaken,
        Error::BadCredentials,
        Error::TokenMissing,
        Error::TokenInvalid,
        Error::TokenExpired,
        Error::RefreshInvalid,
        Error::RefreshReused,
        Error::RateLimited {
            what: "writes",
            limit: 100,
            refill: Some(Duration::from_millis(500)),
            retry_after: wait,
        },
        Error::RequestIdReused,
        Error::HelloExpected,
        Error::HelloTimeout,
        Error::ProtocolVersion { asked: 2 },
        Error::MalformedFrame { detail: "no payload" },
        Error::FrameTooLarge { what: "sdp", limit: 32768 },
        Error::Sequence { expected: 3, got: 5 },
        Error::Overflow { limit: 256 },
        Error::Superseded,
        Error::NoSession,
        Error::SessionLimit { limit: 5 },
        Error::NotInCall,
        Error::WrongState { state: "ringing" },
        Error::AlreadyInCall,
        Error::PeerUnavailable,
        Error::NobodyAvailable,
        Error::RingLimit { limit: 3, retry_after: wait },
        Error::AlreadyQueued,
        Error::Draining { retry_after: wait },
        Error::PermissionDenied,
        Error::Internal { log_id: "0123456789abcdef".to_owned() },
        Error::HeartbeatLost,
        Error::Limit { what: "streams", limit: 100 },
        Error::QueueFull { limit: 10_000 },
        Error::InvitationRevoked,
        Error::InvitationRequired,
        Error::Banned,
        Error::LoginEnded,
        Error::Deadline { limit: Duration::from_secs(10) },
        Error::GuestUnknown,
        Error::DeviceUnknown,
        Error::ReportUnknown,
        Error::LastAdmin,
        Error::CallTokenInvalid,
        Error::Unsupported { what: "method" },
        Error::OriginRefused,
    ]
}

const TABLE: &str = "\
INVALID_FIELD InvalidArgument {} violations name
INVITATION_UNKNOWN NotFound {}
INVITATION_EXPIRED FailedPrecondition {}
INVITATION_SPENT FailedPrecondition {}
NAME_TAKEN AlreadyExists {}
BAD_CREDENTIALS Unauthenticated {}
TOKEN_MISSING Unauthenticated {}
TOKEN_INVALID Unauthenticated {}
TOKEN_EXPIRED Unauthenticated {}
REFRESH_INVALID Unauthenticated {}
REFRESH_REUSED Unauthenticated {}
RATE_LIMITED ResourceExhausted {limit=100 refill_ms=500 what=writes} retry 1500
REQUEST_ID_REUSED InvalidArgument {}
HELLO_EXPECTED FailedPrecondition {}
HELLO_TIMEOUT DeadlineExceeded {}
PROTOCOL_VERSION FailedPrecondition {asked=2 supported=1}
MALFORMED_FRAME InvalidArgument {detail=no payload}
FRAME_TOO_LARGE ResourceExhausted {limit=32768 what=sdp}
SEQUENCE InvalidArgument {expected=3 got=5}
OVERFLOW ResourceExhausted {limit=256}
SUPERSEDED Aborted {}
NO_SESSION NotFound {}
SESSION_LIMIT ResourceExhausted {limit=5}
NOT_IN_CALL NotFound {}
WRONG_STATE FailedPrecondition {state=ringing}
ALREADY_IN_CALL FailedPrecondition {}
PEER_UNAVAILABLE Unavailable {}
NOBODY_AVAILABLE Unavailable {}
RING_LIMIT ResourceExhausted {limit=3} retry 1500
ALREADY_QUEUED AlreadyExists {}
DRAINING Unavailable {} retry 1500
PERMISSION_DENIED PermissionDenied {}
INTERNAL Internal {log_id=0123456789abcdef}
HEARTBEAT_LOST DeadlineExceeded {}
LIMIT ResourceExhausted {limit=100 what=streams}
QUEUE_FULL ResourceExhausted {limit=10000}
INVITATION_REVOKED FailedPrecondition {}
INVITATION_REQUIRED FailedPrecondition {}
BANNED PermissionDenied {}
LOGIN_ENDED Unauthenticated {}
DEADLINE DeadlineExceeded {limit_ms=10000}
GUEST_UNKNOWN NotFound {}
DEVICE_UNKNOWN NotFound {}
REPORT_UNKNOWN NotFound {}
LAST_ADMIN FailedPrecondition {}
CALL_TOKEN_INVALID InvalidArgument {}
UNSUPPORTED Unimplemented {what=method}
ORIGIN_REFUSED PermissionDenied {}
";

/// One line of the table, read back from the status a client receives.
fn line(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().expect("every error carries ErrorInfo");
    assert_eq!(info.domain, "castle");
    let mut metadata: Vec<String> =
        info.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
    metadata.sort();
    let mut line = format!("{} {:?} {{{}}}", info.reason, status.code(), metadata.join(" "));
    if let Some(bad) = details.bad_request() {
        line += " violations";
        for violation in &bad.field_violations {
            line.push(' ');
            line.push_str(&violation.field);
        }
    }
    if let Some(retry) = details.retry_info() {
        let wait = retry.retry_delay.expect("RetryInfo carries a delay");
        line.push_str(" retry ");
        line.push_str(&wait.as_millis().to_string());
    }
    line + "\n"
}

#[test]
fn the_table_is_what_clients_were_promised() {
    let table: String = one_of_each().into_iter().map(|error| line(&error.into())).collect();
    assert_eq!(table, TABLE);
}

#[test]
fn every_public_reason_has_an_error() {
    let reasons: Vec<i32> = one_of_each().iter().map(|error| error.reason().into()).collect();
    let public: Vec<i32> = (1..1000).take_while(|&n| ErrorReason::try_from(n).is_ok()).collect();
    assert_eq!(reasons, public);
}

#[test]
fn a_frame_says_the_same_as_a_status() {
    for error in one_of_each() {
        let frame = error.to_frame();
        let status = Status::from(error);
        let details = status.get_error_details();
        let info = details.error_info().expect("every error carries ErrorInfo");
        assert_eq!(frame.reason().info_reason(), info.reason);
        assert_eq!(frame.message, status.message());
        assert_eq!(frame.metadata, info.metadata);
        let wait = details.retry_info().and_then(|retry| retry.retry_delay).unwrap_or_default();
        assert_eq!(u128::from(frame.retry_after_ms), wait.as_millis());
        let fields = details.bad_request().map(|bad| bad.field_violations.len()).unwrap_or_default();
        assert_eq!(frame.field_violations.len(), fields);
    }
}

#[test]
fn an_internal_error_shows_its_log_id_and_not_its_source() {
    let error = Error::internal("reading the store", &"/secret/path: no space left");
    let status = Status::from(error.clone());
    let shown = format!("{status:?} {} {error}", status.message());
    assert!(!shown.contains("secret"), "{shown}");
    let Error::Internal { log_id } = error else { panic!("not internal: {error}") };
    assert_eq!(log_id.len(), 16);
}
