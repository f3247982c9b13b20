//! Every field of every identity RPC: at its limit it is taken, one past it is named.

use crate::support::{PASSWORD, TestServer, fields_at_fault, logging_in, reason, registering};
use castle::v1;
use tonic::Status;

/// The fields that an answer names; none where it is no complaint about fields.
fn named<T: std::fmt::Debug>(answer: Result<T, Status>) -> Vec<String> {
    match answer {
        Err(status) if reason(&status) == "INVALID_FIELD" => fields_at_fault(Err::<T, _>(status)),
        _ => Vec::new(),
    }
}

/// `count` times a character that is no blank.
fn chars(count: usize) -> String {
    "é".repeat(count)
}

/// A password that is long and good.
fn password(bytes: usize) -> String {
    "Zq7 ".chars().cycle().take(bytes).collect()
}

#[tokio::test]
async fn register_names_what_is_past_its_limit() {
    let server = TestServer::start_with(|config| config.accounts.open_registration = true).await;
    let mut client = server.client().await;
    let base = registering("alice");
    let with = |change: &dyn Fn(&mut v1::RegisterRequest)| {
        let mut request = base.clone();
        change(&mut request);
        request
    };
    for (field, request) in [
        ("", with(&|r| r.invitation_code = "x".repeat(64))),
        ("invitation_code", with(&|r| r.invitation_code = "x".repeat(65))),
        ("", with(&|r| r.name = "n".repeat(32))),
        ("name", with(&|r| r.name = "n".repeat(33))),
        ("", with(&|r| r.name = "nam".to_owned())),
        ("name", with(&|r| r.name = "na".to_owned())),
        ("", with(&|r| (r.name, r.password) = ("long".to_owned(), password(1024)))),
        ("password", with(&|r| r.password = password(1025))),
        ("", with(&|r| (r.name, r.password) = ("short".to_owned(), password(8)))),
        ("password", with(&|r| r.password = password(7))),
        ("password", with(&|r| r.password = "Password1".to_owned())),
        ("", with(&|r| (r.name, r.display_name) = ("shown".to_owned(), chars(64)))),
        ("display_name", with(&|r| r.display_name = chars(65))),
        ("display_name", with(&|r| r.display_name = "a\nb".to_owned())),
        ("", with(&|r| (r.name, r.device_name) = ("device".to_owned(), chars(64)))),
        ("device_name", with(&|r| r.device_name = chars(65))),
        ("device_name", with(&|r| r.device_name = "\u{1b}[31m".to_owned())),
        ("", with(&|r| (r.name, r.request_id) = ("request".to_owned(), "r".repeat(64)))),
        ("request_id", with(&|r| r.request_id = "r".repeat(65))),
    ] {
        let expected: Vec<&str> = Some(field).filter(|field| !field.is_empty()).into_iter().collect();
        assert_eq!(named(client.register(request.clone()).await), expected, "{request:?}");
    }
}

#[tokio::test]
async fn the_others_that_need_no_token_name_what_is_past_its_limit() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let login = logging_in("alice", PASSWORD);
    for (field, request) in [
        (None, login.clone()),
        (Some("name"), v1::LoginRequest { name: "n".repeat(33), ..login.clone() }),
        (None, v1::LoginRequest { password: password(1024), ..login.clone() }),
        (Some("password"), v1::LoginRequest { password: password(1025), ..login.clone() }),
        (None, v1::LoginRequest { device_name: chars(64), ..login.clone() }),
        (Some("device_name"), v1::LoginRequest { device_name: chars(65), ..login.clone() }),
        (None, v1::LoginRequest { device_token: "t".repeat(256), ..login.clone() }),
        (Some("device_token"), v1::LoginRequest { device_token: "t".repeat(257), ..login }),
    ] {
        let expected: Vec<&str> = field.into_iter().collect();
        assert_eq!(named(client.login(request.clone()).await), expected, "{request:?}");
    }
    for (field, refresh_token, request_id) in [
        (None, "t".repeat(256), "r".repeat(64)),
        (Some("refresh_token"), "t".repeat(257), String::new()),
        (Some("request_id"), String::new(), "r".repeat(65)),
    ] {
        let expected: Vec<&str> = field.into_iter().collect();
        let request = v1::RefreshRequest { refresh_token, request_id };
        assert_eq!(named(client.refresh(request).await), expected, "{field:?}");
    }
    let reset = v1::ResetPasswordRequest {
        name: "alice".to_owned(),
        code: "c".repeat(64),
        new_password: password(1024),
        device_name: chars(64),
    };
    for (field, request) in [
        (None, reset.clone()),
        (Some("name"), v1::ResetPasswordRequest { name: "alice ".to_owned(), ..reset.clone() }),
        (Some("code"), v1::ResetPasswordRequest { code: "c".repeat(65), ..reset.clone() }),
        (Some("code"), v1::ResetPasswordRequest { code: String::new(), ..reset.clone() }),
        (Some("new_password"), v1::ResetPasswordRequest { new_password: password(1025), ..reset.clone() }),
        (
            Some("new_password"),
            v1::ResetPasswordRequest { new_password: "12345678".to_owned(), ..reset.clone() },
        ),
        (Some("device_name"), v1::ResetPasswordRequest { device_name: chars(65), ..reset }),
    ] {
        let expected: Vec<&str> = field.into_iter().collect();
        assert_eq!(named(client.reset_password(request.clone()).await), expected, "{request:?}");
    }
}

#[tokio::test]
async fn those_that_need_a_token_name_what_is_past_its_limit() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let mut client = alice.client.clone();
    let long = || "r".repeat(65);
    for (field, wrong, new_password, request_id) in [
        ("password", password(1025), password(20), String::new()),
        ("password", password(7), password(20), String::new()),
        ("new_password", PASSWORD.to_owned(), password(1025), String::new()),
        ("new_password", PASSWORD.to_owned(), "alice1".to_owned(), String::new()),
        ("request_id", PASSWORD.to_owned(), password(20), long()),
    ] {
        let request = v1::ChangePasswordRequest { password: wrong, new_password, request_id };
        assert_eq!(named(client.change_password(alice.asks(request)).await), [field]);
    }
    for (field, display_name, request_id) in [
        ("display_name", chars(65), String::new()),
        ("display_name", "a\u{202e}b".to_owned(), String::new()),
        ("request_id", chars(64), long()),
    ] {
        let request = v1::SetDisplayNameRequest { display_name, request_id };
        assert_eq!(named(client.set_display_name(alice.asks(request)).await), [field]);
    }
    let delete = v1::DeleteAccountRequest { password: password(1025) };
    assert_eq!(named(client.delete_account(alice.asks(delete)).await), ["password"]);
    for (field, page_size, page_token) in [
        ("page_size", 201, String::new()),
        ("page_token", 200, "rubbish".to_owned()),
        ("page_token", 200, "1".repeat(10_000)),
    ] {
        let request = v1::ListDevicesRequest { page_size, page_token };
        assert_eq!(named(client.list_devices(alice.asks(request)).await), [field]);
    }
    for (field, device_id, request_id) in [
        ("device_id", String::new(), String::new()),
        ("device_id", "lgn_12".to_owned(), String::new()),
        ("device_id", "x".repeat(10_000), String::new()),
        ("request_id", format!("lgn_{:032x}", 1), long()),
    ] {
        let request = v1::RevokeDeviceRequest { device_id, request_id };
        assert_eq!(named(client.revoke_device(alice.asks(request)).await), [field]);
    }
    let most = v1::ListDevicesRequest { page_size: 200, page_token: String::new() };
    assert!(client.list_devices(alice.asks(most)).await.is_ok());
    let shown = v1::SetDisplayNameRequest { display_name: chars(64), request_id: "r".repeat(64) };
    assert!(client.set_display_name(alice.asks(shown)).await.is_ok());
}
