//! What ends a login ends its sessions and its waiting matches within a second, attached or not.

use crate::signaling::{Signal, Waiting, hello};
use crate::support::{PASSWORD, TestGuest, TestServer, logging_in, reason, refusal};
use castle::v1;
use castle::v1::signal_response::Frame as Response;
use std::time::{Duration, Instant};

/// Within this everything is over.
const SOON: Duration = Duration::from_secs(1);

/// What ends the login of a guest's tablet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Logout,
    Revoke,
    NewPassword,
    Code,
    Delete,
    StolenToken,
}

const ACTS: [Act; 6] = [Act::Logout, Act::Revoke, Act::NewPassword, Act::Code, Act::Delete, Act::StolenToken];

impl Act {
    /// Does it from the phone or the tablet; returns when it was acknowledged.
    async fn done(self, server: &TestServer, phone: &TestGuest, tablet: &TestGuest) -> Instant {
        let mut client = server.client().await;
        match self {
            Self::Logout => {
                client.logout(tablet.asks(v1::LogoutRequest {})).await.unwrap();
            }
            Self::Revoke => {
                let listing = tablet.asks(v1::ListDevicesRequest::default());
                let devices = client.list_devices(listing).await.unwrap().into_inner().devices;
                let device_id = devices.into_iter().find(|device| device.current).unwrap().device_id;
                let request = v1::RevokeDeviceRequest { device_id, ..Default::default() };
                client.revoke_device(phone.asks(request)).await.unwrap();
            }
            Self::NewPassword => {
                let request = v1::ChangePasswordRequest {
                    password: PASSWORD.to_owned(),
                    new_password: "staple of another horse".to_owned(),
                    ..Default::default()
                };
                client.change_password(phone.asks(request)).await.unwrap();
            }
            Self::Code => {
                let request = v1::ResetPasswordRequest {
                    name: phone.guest.name.clone(),
                    code: server.reset_code(&phone.guest).await,
                    new_password: "staple of another horse".to_owned(),
                    ..Default::default()
                };
                client.reset_password(request).await.unwrap();
            }
            Self::Delete => {
                let request = v1::DeleteAccountRequest { password: PASSWORD.to_owned() };
                client.delete_account(phone.asks(request)).await.unwrap();
            }
            Self::StolenToken => {
                let refresh_token = tablet.tokens.refresh_token.clone();
                let request = v1::RefreshRequest { refresh_token, ..Default::default() };
                client.refresh(request.clone()).await.unwrap();
                assert_eq!(refusal(client.refresh(request).await).0, "REFRESH_REUSED");
            }
        }
        Instant::now()
    }
}

/// A guest on two devices.
async fn phone_and_tablet(server: &TestServer) -> (TestGuest, TestGuest) {
    let phone = server.guest("alice").await;
    let mut client = server.client().await;
    let login = client.login(logging_in("alice", PASSWORD)).await.unwrap().into_inner();
    let tablet = TestGuest { client, guest: login.guest.unwrap(), tokens: login.tokens.unwrap() };
    (phone, tablet)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_and_its_waiting_match_end_with_their_login() {
    for act in ACTS {
        let server = TestServer::start().await;
        let (mut phone, mut tablet) = phone_and_tablet(&server).await;
        let mut kept = Signal::open(&mut phone).await;
        let mut signal = Signal::open(&mut tablet).await;
        let mut waits = Waiting::begin(&mut tablet, &signal, "w").await.expect("a place");
        waits.queued().await;
        let at = act.done(&server, &phone, &tablet).await;
        assert_eq!(signal.end().await, "LOGIN_ENDED", "{act:?}");
        assert_eq!(waits.outcome().await, Err(v1::MatchLeftReason::SessionEnded), "{act:?}");
        assert!(at.elapsed() < SOON, "{act:?} took {:?}", at.elapsed());
        let again = tablet.client.signal(tablet.asks(tokio_stream::empty())).await;
        assert_eq!(again.err().map(|status| reason(&status)).as_deref(), Some("LOGIN_ENDED"), "{act:?}");
        if matches!(act, Act::Code | Act::Delete) {
            assert_eq!(kept.end().await, "LOGIN_ENDED", "{act:?} ends all");
        } else {
            let asked = v1::GetIceServersRequest {};
            assert!(phone.client.get_ice_servers(phone.asks(asked)).await.is_ok(), "{act:?} ends one");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_lost_its_stream_ends_with_its_login() {
    for act in ACTS {
        let server = TestServer::start().await;
        let (phone, mut tablet) = phone_and_tablet(&server).await;
        let signal = Signal::open(&mut tablet).await;
        drop(signal);
        let mut bob = server.guest("bob").await;
        let mut watching = Signal::open(&mut bob).await;
        let present = |rows: &[v1::HallGuest]| {
            rows.iter().any(|row| row.guest.as_ref().is_some_and(|guest| guest.name == "alice"))
        };
        let hall = watching.welcome.hall.clone().expect("a hall");
        assert!(present(&hall.guests), "the session waits to be resumed");
        let at = act.done(&server, &phone, &tablet).await;
        let left = |frame: &v1::SignalResponse| match &frame.frame {
            Some(Response::HallDelta(delta)) => {
                delta.left_guest_ids.contains(&phone.guest.guest_id).then_some(())
            }
            _ => None,
        };
        watching.until(left).await;
        assert!(at.elapsed() < SOON, "{act:?} took {:?}", at.elapsed());
    }
}

#[tokio::test]
async fn a_stream_that_was_opened_before_its_login_ended_begins_no_session() {
    let server = TestServer::start().await;
    let (phone, mut tablet) = phone_and_tablet(&server).await;
    let mut silent = Signal::begin(&mut tablet).await;
    Act::Logout.done(&server, &phone, &tablet).await;
    silent.say(0, hello(None)).await;
    assert_eq!(silent.end().await, "LOGIN_ENDED");
}
