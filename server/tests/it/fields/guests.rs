//! The requests of `CastleService`, field by field.

use super::Expected::{Named, Reason, Taken};
use super::{Case, Cast, chars, id, long, password, unnumbered};
use crate::signaling::hello;
use crate::support::{PASSWORD, logging_in, registering};
use castle::v1;
use castle::v1::signal_request::Frame;
use prost::Message as _;

pub(super) fn cases(cast: &Cast) -> Vec<Case> {
    let mut cases = coming_in();
    cases.extend(owning());
    cases.extend(lists());
    cases.extend(others(cast));
    cases.extend(subscribing());
    cases.extend(sending(cast));
    cases.extend(matching(cast));
    cases
}

fn coming_in() -> Vec<Case> {
    let mut cases = Vec::new();
    let base = registering("carol");
    let named = |name: &str| v1::RegisterRequest { name: name.to_owned(), ..base.clone() };
    for (field, request, expected) in [
        ("invitation_code", v1::RegisterRequest { invitation_code: long(64), ..base.clone() }, Taken),
        (
            "invitation_code",
            v1::RegisterRequest { invitation_code: long(65), ..base.clone() },
            Named("invitation_code"),
        ),
        ("name", named(&"n".repeat(32)), Taken),
        ("name", named(&"n".repeat(33)), Named("name")),
        ("name", named("nam"), Taken),
        ("name", named("na"), Named("name")),
        ("password", v1::RegisterRequest { password: password(1024), ..named("most") }, Taken),
        ("password", v1::RegisterRequest { password: password(1025), ..base.clone() }, Named("password")),
        ("password", v1::RegisterRequest { password: password(8), ..named("least") }, Taken),
        ("password", v1::RegisterRequest { password: password(7), ..base.clone() }, Named("password")),
        (
            "password",
            v1::RegisterRequest { password: "Password1".to_owned(), ..base.clone() },
            Named("password"),
        ),
        ("display_name", v1::RegisterRequest { display_name: chars(64), ..named("shown") }, Taken),
        (
            "display_name",
            v1::RegisterRequest { display_name: chars(65), ..base.clone() },
            Named("display_name"),
        ),
        (
            "display_name",
            v1::RegisterRequest { display_name: "a\nb".to_owned(), ..base.clone() },
            Named("display_name"),
        ),
        ("device_name", v1::RegisterRequest { device_name: chars(64), ..named("device") }, Taken),
        ("device_name", v1::RegisterRequest { device_name: chars(65), ..base.clone() }, Named("device_name")),
        (
            "device_name",
            v1::RegisterRequest { device_name: "\u{1b}[31m".to_owned(), ..base.clone() },
            Named("device_name"),
        ),
        ("request_id", v1::RegisterRequest { request_id: long(64), ..named("request") }, Taken),
        ("request_id", v1::RegisterRequest { request_id: long(65), ..base.clone() }, Named("request_id")),
    ] {
        cases.push(Case::new("CastleService/Register", field, &request, expected));
    }
    cases.extend(logging_in_again());
    cases
}

fn logging_in_again() -> Vec<Case> {
    let mut cases = Vec::new();
    let login = logging_in("alice", PASSWORD);
    for (field, request, expected) in [
        ("name", v1::LoginRequest { name: "n".repeat(32), ..login.clone() }, Taken),
        ("name", v1::LoginRequest { name: "n".repeat(33), ..login.clone() }, Named("name")),
        ("password", v1::LoginRequest { password: password(1024), ..login.clone() }, Taken),
        ("password", v1::LoginRequest { password: password(1025), ..login.clone() }, Named("password")),
        ("device_name", v1::LoginRequest { device_name: chars(64), ..login.clone() }, Taken),
        ("device_name", v1::LoginRequest { device_name: chars(65), ..login.clone() }, Named("device_name")),
        ("device_token", v1::LoginRequest { device_token: long(256), ..login.clone() }, Taken),
        ("device_token", v1::LoginRequest { device_token: long(257), ..login }, Named("device_token")),
    ] {
        cases.push(Case::new("CastleService/Login", field, &request, expected));
    }
    for (field, refresh_token, request_id, expected) in [
        ("refresh_token", long(257), String::new(), Named("refresh_token")),
        ("request_id", String::new(), long(65), Named("request_id")),
    ] {
        let request = v1::RefreshRequest { refresh_token, request_id };
        cases.push(Case::new("CastleService/Refresh", field, &request, expected));
    }
    let most = v1::RefreshRequest { refresh_token: long(256), request_id: long(64) };
    cases.push(Case::most("CastleService/Refresh", &["refresh_token", "request_id"], &most));
    cases.extend(resetting());
    cases
}

fn resetting() -> Vec<Case> {
    let mut cases = Vec::new();
    let reset = v1::ResetPasswordRequest {
        name: "n".repeat(32),
        code: "c".repeat(64),
        new_password: password(1024),
        device_name: chars(64),
        request_id: long(64),
    };
    let all = &["name", "code", "new_password", "device_name", "request_id"];
    cases.push(Case::most("CastleService/ResetPassword", all, &reset));
    for (field, request, expected) in [
        ("name", v1::ResetPasswordRequest { name: "alice ".to_owned(), ..reset.clone() }, Named("name")),
        ("code", v1::ResetPasswordRequest { code: long(65), ..reset.clone() }, Named("code")),
        ("code", v1::ResetPasswordRequest { code: String::new(), ..reset.clone() }, Named("code")),
        (
            "new_password",
            v1::ResetPasswordRequest { new_password: password(1025), ..reset.clone() },
            Named("new_password"),
        ),
        (
            "new_password",
            v1::ResetPasswordRequest { new_password: "12345678".to_owned(), ..reset.clone() },
            Named("new_password"),
        ),
        (
            "device_name",
            v1::ResetPasswordRequest { device_name: chars(65), ..reset.clone() },
            Named("device_name"),
        ),
        ("request_id", v1::ResetPasswordRequest { request_id: long(65), ..reset }, Named("request_id")),
    ] {
        cases.push(Case::new("CastleService/ResetPassword", field, &request, expected));
    }
    cases
}

fn owning() -> Vec<Case> {
    let mut cases = Vec::new();
    // And back, so that the rows below find the password they know.
    let [anew, back] = [
        (PASSWORD.to_owned(), password(1024), long(64)),
        (password(1024), PASSWORD.to_owned(), String::new()),
    ]
    .map(|(password, new_password, request_id)| v1::ChangePasswordRequest {
        password,
        new_password,
        request_id,
    });
    cases.push(Case::most("CastleService/ChangePassword", &["new_password", "request_id"], &anew));
    cases.push(Case::most("CastleService/ChangePassword", &["password"], &back));
    for (field, old, new_password, request_id) in [
        ("password", password(1025), password(20), String::new()),
        ("password", password(7), password(20), String::new()),
        ("new_password", PASSWORD.to_owned(), password(1025), String::new()),
        ("new_password", PASSWORD.to_owned(), "alice1".to_owned(), String::new()),
        ("request_id", PASSWORD.to_owned(), password(20), long(65)),
    ] {
        let request = v1::ChangePasswordRequest { password: old, new_password, request_id };
        cases.push(Case::new("CastleService/ChangePassword", field, &request, Named(field)));
    }
    for (field, display_name, request_id, expected) in [
        ("display_name", chars(65), String::new(), Named("display_name")),
        ("display_name", "a\u{202e}b".to_owned(), String::new(), Named("display_name")),
        ("request_id", chars(64), long(65), Named("request_id")),
    ] {
        let request = v1::SetDisplayNameRequest { display_name, request_id };
        cases.push(Case::new("CastleService/SetDisplayName", field, &request, expected));
    }
    let most = v1::SetDisplayNameRequest { display_name: chars(64), request_id: long(64) };
    cases.push(Case::most("CastleService/SetDisplayName", &["display_name", "request_id"], &most));
    for (length, expected) in [(1024, Taken), (1025, Named("password"))] {
        let delete = v1::DeleteAccountRequest { password: password(length) };
        cases.push(Case::new("CastleService/DeleteAccount", "password", &delete, expected));
    }
    let most = v1::RevokeDeviceRequest { device_id: id("lgn"), request_id: long(64) };
    cases.push(Case::most("CastleService/RevokeDevice", &["device_id", "request_id"], &most));
    for (field, device_id, request_id) in [
        ("device_id", String::new(), String::new()),
        ("device_id", "lgn_12".to_owned(), String::new()),
        ("device_id", long(10_000), String::new()),
        ("request_id", id("lgn"), long(65)),
    ] {
        let request = v1::RevokeDeviceRequest { device_id, request_id };
        cases.push(Case::new("CastleService/RevokeDevice", field, &request, Named(field)));
    }
    for (field, call_ids, request_id, expected) in [
        ("call_ids", vec![id("cal"); 201], String::new(), Named("call_ids")),
        ("call_ids", vec![id("cal"), "cal_1".to_owned()], String::new(), Named("call_ids[1]")),
        ("request_id", vec![], long(65), Named("request_id")),
    ] {
        let request = v1::EraseCallsRequest { call_ids, request_id };
        cases.push(Case::new("CastleService/EraseCalls", field, &request, expected));
    }
    let most = v1::EraseCallsRequest { call_ids: vec![id("cal"); 200], request_id: long(64) };
    cases.push(Case::most("CastleService/EraseCalls", &["call_ids", "request_id"], &most));
    cases
}

fn lists() -> Vec<Case> {
    let mut cases = Vec::new();
    let tokens = [
        (201, String::new(), "page_size"),
        (0, "rubbish, and no token".to_owned(), "page_token"),
        (0, "1".repeat(10_000), "page_token"),
    ];
    for (page_size, token, field) in tokens {
        let page_token = || token.clone();
        let devices = v1::ListDevicesRequest { page_size, page_token: page_token() };
        cases.push(Case::new("CastleService/ListDevices", field, &devices, Named(field)));
        let calls = v1::ListCallsRequest { missed_only: false, page_size, page_token: page_token() };
        cases.push(Case::new("CastleService/ListCalls", field, &calls, Named(field)));
        let blocked = v1::ListBlockedRequest { page_size, page_token: page_token() };
        cases.push(Case::new("CastleService/ListBlocked", field, &blocked, Named(field)));
    }
    let most = 200;
    // The greatest that each could give out.
    let (device, call, name) = (format!("{}.{}", u64::MAX, id("lgn")), "f".repeat(48), "n".repeat(32));
    let both: &[&str] = &["page_size", "page_token"];
    cases.extend([
        Case::most(
            "CastleService/ListDevices",
            both,
            &v1::ListDevicesRequest { page_size: most, page_token: device },
        ),
        Case::most(
            "CastleService/ListCalls",
            both,
            &v1::ListCallsRequest { missed_only: false, page_size: most, page_token: call },
        ),
        Case::most(
            "CastleService/ListBlocked",
            both,
            &v1::ListBlockedRequest { page_size: most, page_token: name },
        ),
        Case::most(
            "CastleService/ListGuests",
            &["query", "page_size", "page_token"],
            &v1::ListGuestsRequest { query: chars(64), page_size: most, page_token: long(32) },
        ),
    ]);
    for (field, query, page_size, page_token, expected) in [
        ("query", chars(65), 0, String::new(), Named("query")),
        ("page_size", String::new(), most + 1, String::new(), Named("page_size")),
        // Any name may be where a page begins.
        ("page_token", String::new(), 0, long(33), Named("page_token")),
    ] {
        let request = v1::ListGuestsRequest { query, page_size, page_token };
        cases.push(Case::new("CastleService/ListGuests", field, &request, expected));
    }
    cases
}

fn others(cast: &Cast) -> Vec<Case> {
    let mut cases = Vec::new();
    let (mine, theirs) = (cast.alice.guest.guest_id.clone(), cast.bob.guest.guest_id.clone());
    for (field, guest_id, request_id) in [
        ("guest_id", String::new(), String::new()),
        ("guest_id", long(37), String::new()),
        ("guest_id", mine.clone(), String::new()),
        ("request_id", theirs.clone(), long(65)),
    ] {
        let block = v1::BlockRequest { guest_id: guest_id.clone(), request_id: request_id.clone() };
        cases.push(Case::new("CastleService/Block", field, &block, Named(field)));
        let unblock = v1::UnblockRequest { guest_id, request_id };
        cases.push(Case::new("CastleService/Unblock", field, &unblock, Named(field)));
    }
    let both: &[&str] = &["guest_id", "request_id"];
    let block = v1::BlockRequest { guest_id: theirs.clone(), request_id: long(64) };
    cases.push(Case::most("CastleService/Block", both, &block));
    let unblock = v1::UnblockRequest { guest_id: theirs.clone(), request_id: long(64) };
    cases.push(Case::most("CastleService/Unblock", both, &unblock));
    let most = v1::ReportRequest {
        guest_id: theirs.clone(),
        call_id: String::new(),
        reason: v1::ReportReason::Other.into(),
        text: chars(2_000),
        request_id: long(64),
    };
    cases.push(Case::most("CastleService/Report", &["guest_id", "reason", "text", "request_id"], &most));
    let reason = v1::ReportReason::Spam.into();
    let report = v1::ReportRequest { guest_id: theirs, reason, ..Default::default() };
    for (field, request, expected) in [
        ("guest_id", v1::ReportRequest { guest_id: mine, ..report.clone() }, Named("guest_id")),
        ("call_id", v1::ReportRequest { call_id: id("cal"), ..report.clone() }, Taken),
        ("call_id", v1::ReportRequest { call_id: long(37), ..report.clone() }, Named("call_id")),
        ("reason", v1::ReportRequest { reason: 0, ..report.clone() }, Named("reason")),
        ("reason", v1::ReportRequest { reason: 99, ..report.clone() }, Named("reason")),
        ("text", v1::ReportRequest { text: chars(2_001), ..report.clone() }, Named("text")),
        ("request_id", v1::ReportRequest { request_id: long(65), ..report }, Named("request_id")),
    ] {
        cases.push(Case::new("CastleService/Report", field, &request, expected));
    }
    cases
}

fn subscribing() -> Vec<Case> {
    let Frame::Hello(good) = hello(None) else { panic!("hello says hello") };
    let resume = v1::Resume { resume_token: long(257), ..Default::default() };
    let most = v1::SubscribeRequest {
        hello: Some(v1::Hello {
            client_name: chars(64),
            client_version: chars(64),
            current_call: long(256),
            availability: v1::Availability::Invisible.into(),
            resume: Some(v1::Resume { resume_token: long(256), ..Default::default() }),
            ..good.clone()
        }),
    };
    let all = &[
        "hello.protocol_version",
        "hello.client_name",
        "hello.client_version",
        "hello.current_call",
        "hello.availability",
        "hello.resume.resume_token",
    ];
    let most = Case::most("CastleService/Subscribe", all, &most);
    let cases = [
        (
            "hello.protocol_version",
            v1::Hello { protocol_version: 2, ..good.clone() },
            Reason("PROTOCOL_VERSION"),
        ),
        (
            "hello.client_name",
            v1::Hello { client_name: chars(65), ..good.clone() },
            Named("hello.client_name"),
        ),
        (
            "hello.client_version",
            v1::Hello { client_version: chars(65), ..good.clone() },
            Named("hello.client_version"),
        ),
        (
            "hello.current_call",
            v1::Hello { current_call: long(257), ..good.clone() },
            Named("hello.current_call"),
        ),
        ("hello.availability", v1::Hello { availability: 2, ..good.clone() }, Named("hello.availability")),
        ("hello.availability", v1::Hello { availability: 5, ..good.clone() }, Named("hello.availability")),
        (
            "hello.resume.resume_token",
            v1::Hello { resume: Some(resume), ..good },
            Named("hello.resume.resume_token"),
        ),
    ];
    cases
        .into_iter()
        .map(|(field, hello, expected)| {
            let request = v1::SubscribeRequest { hello: Some(hello) };
            Case::new("CastleService/Subscribe", field, &request, expected)
        })
        .chain([most])
        .collect()
}

fn sending(cast: &Cast) -> Vec<Case> {
    let session_id = cast.session.welcome.session_id.clone();
    let pings = |count| vec![unnumbered(Frame::Ping(v1::Ping { nonce: 1 })); count];
    let sends =
        |session_id: &str, frames| v1::SendRequest { session_id: session_id.to_owned(), epoch: 1, frames };
    let of_bytes = |bytes| {
        let offer = |sdp| unnumbered(Frame::Offer(v1::Offer { call_id: String::new(), sdp: long(sdp) }));
        let mut frames = (bytes - 64..).map(|sdp| v1::SignalRequest { seq: 1, ..offer(sdp) });
        frames.find(|frame| frame.encoded_len() == bytes).expect("each byte of the SDP is one of the frame")
    };
    let (whole, large) = (of_bytes(64 * 1024), of_bytes(64 * 1024 + 1));
    [
        ("session_id", sends(&session_id, vec![]), Taken),
        ("session_id", sends(&long(37), vec![]), Named("session_id")),
        ("frames", sends(&session_id, vec![whole]), Taken),
        ("frames", sends(&session_id, pings(32)), Taken),
        ("frames", sends(&session_id, pings(33)), Named("frames")),
        ("frames", sends(&session_id, vec![large]), Reason("FRAME_TOO_LARGE")),
    ]
    .into_iter()
    .map(|(field, request, expected)| Case::new("CastleService/Send", field, &request, expected))
    .collect()
}

fn matching(cast: &Cast) -> Vec<Case> {
    let base = v1::MatchRequest {
        session_id: cast.session.welcome.session_id.clone(),
        request_id: "r".to_owned(),
        ..Default::default()
    };
    let most = v1::MatchRequest {
        tags: vec![chars(32); 8],
        languages: vec![chars(32); 8],
        tags_required: true,
        languages_required: true,
        request_id: long(64),
        ..base.clone()
    };
    let all = &["session_id", "request_id", "tags", "languages", "tags_required", "languages_required"];
    let most = Case::most("CastleService/Match", all, &most);
    [
        ("session_id", v1::MatchRequest { session_id: long(37), ..base.clone() }, Named("session_id")),
        ("request_id", v1::MatchRequest { request_id: String::new(), ..base.clone() }, Named("request_id")),
        ("request_id", v1::MatchRequest { request_id: long(65), ..base.clone() }, Named("request_id")),
        ("tags", v1::MatchRequest { tags: vec![chars(2); 9], ..base.clone() }, Named("tags")),
        ("tags", v1::MatchRequest { tags: vec![chars(2), chars(33)], ..base.clone() }, Named("tags[1]")),
        ("tags", v1::MatchRequest { tags: vec!["  ".to_owned()], ..base.clone() }, Named("tags[0]")),
        ("languages", v1::MatchRequest { languages: vec![chars(2); 9], ..base.clone() }, Named("languages")),
        ("languages", v1::MatchRequest { languages: vec![long(33)], ..base.clone() }, Named("languages[0]")),
        ("tags_required", v1::MatchRequest { tags_required: true, ..base.clone() }, Named("tags_required")),
        (
            "languages_required",
            v1::MatchRequest { languages_required: true, ..base.clone() },
            Named("languages_required"),
        ),
    ]
    .into_iter()
    .map(|(field, request, expected)| Case::new("CastleService/Match", field, &request, expected))
    .chain([most])
    .collect()
}
