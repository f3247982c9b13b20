//! Peers that crash, talk rubbish or lose their camera: the call ends or goes on in words, and nothing else breaks.

use crate::programs::BotProcess;
use crate::support::{Guest, PASSWORD, TestServer, config};
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::signal_request::Frame as Ask;
use castle::v1::signal_response::Frame as Say;
use castle_desktop::view::{Command, Connection, EndReason, Stage};
use castle_server::config::MatchRoute;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

#[path = "../fake_camera/shim.rs"]
mod shim;

#[test]
fn a_camera_unplugged_in_a_call_is_told_in_a_sentence_and_the_call_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let ada = Guest::online(&server, "ada");
    let errand = ["--call", "ada", "--invite", &server.invitation, "--camera", "device:42", "--mic", "tone"];
    let library = shim::build();
    let bea = BotProcess::start_at(&server.url(), folder.path(), "bea", 4, &errand, |command| {
        command.env("LD_PRELOAD", library).env("FAKE_CAMERA_VANISH_AFTER", "60");
    });
    ada.until_ringing();
    ada.does(Command::Accept);
    ada.until_seeing();
    let (held, report) = bea.finish();
    assert!(held, "{report:#}");
    assert_eq!(report["ended"], "hung_up", "the call outlives the camera: {report:#}");
    let errors = report["errors"].to_string();
    assert!(errors.contains("camera"), "the bot says what became of its camera: {errors}");
    ada.until_ended(EndReason::PeerHungUp);
}

#[test]
fn a_peer_killed_in_a_call_is_missed_and_the_guest_can_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), MatchRoute::Relay);
    config.hub.sessions.resume_window = Duration::from_millis(500);
    let server = TestServer::start(config);
    let ada = Guest::online(&server, "ada");
    let invite = ["--answer", "--invite", &server.invitation];
    let bea = BotProcess::start_at(&server.url(), folder.path(), "bea", 60, &invite, |_| ());
    ada.until("seeing bea in the hall", |snapshot| snapshot.hall.iter().any(|row| row.name == "bea"));
    ada.calls("bea");
    ada.until_seeing();
    bea.kill();
    ada.until("told that bea is gone", |snapshot| snapshot.hall.iter().all(|row| row.name != "bea"));
    let ended = ada.until_stage("ended", |stage| matches!(stage, Stage::Ended { .. }));
    let stage = &ended.call.as_ref().unwrap().stage;
    assert!(
        matches!(stage, Stage::Ended { reason: EndReason::Disconnected | EndReason::Failed, .. }),
        "{stage:?}"
    );
    ada.does(Command::CloseCall);
    ada.until("back in the hall", |snapshot| {
        snapshot.call.is_none() && matches!(snapshot.connection, Connection::Online { .. })
    });
}

/// A client of no good will: takes the first call, and says `answer` for an answer.
async fn answer_with(url: String, invitation: String, answer: &str) {
    let mut client = CastleServiceClient::connect(url).await.expect("a server that answers");
    let registering = v1::RegisterRequest {
        invitation_code: invitation,
        name: "mallory".to_owned(),
        password: PASSWORD.to_owned(),
        ..Default::default()
    };
    let tokens = client
        .register(registering)
        .await
        .expect("a server that answers")
        .into_inner()
        .tokens
        .expect("a server that answers");
    let (outbox, frames) = mpsc::channel(8);
    let mut request = tonic::Request::new(ReceiverStream::new(frames));
    let bearer = format!("Bearer {}", tokens.access_token).parse().expect("a server that answers");
    request.metadata_mut().insert("authorization", bearer);
    let say = |frame| v1::SignalRequest { frame: Some(frame), ..Default::default() };
    let hello = v1::Hello { protocol_version: castle::PROTOCOL_VERSION, ..Default::default() };
    outbox.send(say(Ask::Hello(hello))).await.expect("a server that answers");
    let mut inbox = client.signal(request).await.expect("a server that answers").into_inner();
    while let Ok(Some(frame)) = inbox.message().await {
        match frame.frame {
            Some(Say::CallUpdate(update)) => {
                let call = update.call.expect("a server that answers");
                if call.state() == v1::CallState::Ringing {
                    outbox
                        .send(say(Ask::AcceptCall(v1::AcceptCall { call_id: call.call_id })))
                        .await
                        .expect("a server that answers");
                } else if call.state() == v1::CallState::Ended {
                    return;
                }
            }
            Some(Say::Offer(offer)) => {
                let answer = v1::Answer { call_id: offer.call_id, sdp: answer.to_owned() };
                outbox.send(say(Ask::Answer(answer))).await.expect("a server that answers");
            }
            _ => {}
        }
    }
}

#[test]
fn an_answer_that_is_rubbish_fails_the_call_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let ada = Guest::online(&server, "ada");
    let (url, invitation) = (server.url(), server.invitation.clone());
    let mallory = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(answer_with(url, invitation, "v=0\r\nthis is no session description\r\n"));
    });
    ada.until("seeing mallory in the hall", |snapshot| snapshot.hall.iter().any(|row| row.name == "mallory"));
    ada.calls("mallory");
    ada.until_ended(EndReason::Failed);
    mallory.join().expect("told that the call ended");
    ada.does(Command::CloseCall);
    let bea = Guest::online(&server, "bea");
    ada.calls("bea");
    bea.until_ringing();
}
