//! Every failure has a sentence of its own kind, and none of it is for machines.

use super::*;
use tonic_types::{ErrorDetails, FieldViolation};

fn reasons() -> impl Iterator<Item = ErrorReason> {
    (0..1000).filter_map(|number| ErrorReason::try_from(number).ok())
}

#[test]
fn every_reason_of_the_contract_has_a_sentence_for_people() {
    assert!(reasons().count() > 30);
    for reason in reasons() {
        let text = ClientError::from(reason).sentence();
        assert!(text.ends_with('.') && text.len() > 15, "{reason:?}: {text}");
        let forbidden = ["_", "{", "Status", "Error", "::", "  "];
        assert!(forbidden.iter().all(|part| !text.contains(part)), "{reason:?}: {text}");
    }
}

#[test]
fn a_refusal_carries_its_reason_field_and_wait() {
    let mut details =
        ErrorDetails::with_error_info("RATE_LIMITED", "castle", [("limit".to_owned(), "5".to_owned())]);
    details.set_retry_info(Some(Duration::from_secs(90)));
    let status = tonic::Status::with_error_details(tonic::Code::ResourceExhausted, "server text", details);
    let error = ClientError::from(status);
    assert_eq!(error.kind, ErrorKind::Refused(ErrorReason::RateLimited));
    assert_eq!(error.metadata["limit"], "5");
    assert!(error.sentence().contains("90 seconds"), "{error}");
    assert!(!error.sentence().contains("server text"));

    let mut details =
        ErrorDetails::with_error_info("INVALID_FIELD", "castle", [(String::new(), String::new())]);
    details.set_bad_request(vec![FieldViolation::new("password", "too short")]);
    let status = tonic::Status::with_error_details(tonic::Code::InvalidArgument, "", details);
    assert!(ClientError::from(status).sentence().contains("password"));
}

#[test]
fn each_field_at_fault_is_told_in_words_of_its_own() {
    let sentence = |field: &str| {
        let refused = ClientError::from(ErrorReason::InvalidField);
        ClientError { field: Some(field.into()), ..refused }.sentence()
    };
    let fields = ["name", "password", "invitation_code", "tags", "code", "display_name", "something_else"];
    let told: std::collections::BTreeSet<_> = fields.map(sentence).into();
    assert_eq!(told.len(), fields.len(), "{told:?}");
    assert_eq!(sentence("new_password"), sentence("password"));
    assert_eq!(sentence("code"), ClientError::from(ErrorKind::CodeRefused).sentence());
}

#[test]
fn a_reason_of_another_domain_is_not_ours() {
    let details =
        ErrorDetails::with_error_info("NAME_TAKEN", "elsewhere.example", [(String::new(), String::new())]);
    let status = tonic::Status::with_error_details(tonic::Code::AlreadyExists, "", details);
    assert_eq!(ClientError::from(status).kind, ErrorKind::Protocol);
}

#[test]
fn a_server_without_our_service_is_not_a_castle() {
    let status = tonic::Status::unimplemented("");
    assert_eq!(ClientError::from(status).kind, ErrorKind::NotCastle);
}

#[test]
fn a_stream_that_breaks_is_no_other_kind_of_server() {
    let broken = tonic::Status::from_error("h2 protocol error".into());
    assert_eq!(broken.code(), tonic::Code::Unknown);
    assert!(ClientError::from(broken).is_transient());
    assert_eq!(ClientError::from(tonic::Status::unknown("")).kind, ErrorKind::NotCastle);
}

#[test]
fn no_server_can_make_a_client_wait_for_ever() {
    let mut details =
        ErrorDetails::with_error_info("RATE_LIMITED", "castle", [(String::new(), String::new())]);
    details.set_retry_info(Some(Duration::MAX));
    let status = tonic::Status::with_error_details(tonic::Code::ResourceExhausted, "", details);
    assert_eq!(ClientError::from(status).retry_after, Some(RETRY_MAX));
    let in_band = v1::Error { retry_after_ms: u64::MAX, ..Default::default() };
    assert_eq!(ClientError::from(in_band).retry_after, Some(RETRY_MAX));
}
