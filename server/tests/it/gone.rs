//! Who asks for something and is gone before the answer, and who asks without end.

use crate::moderation::blocking;
use crate::signaling::{PATIENCE, Signal, in_call, two};
use crate::support::{PASSWORD, TestGuest, TestServer, logging_in, reason};
use castle::v1;
use castle_server::accounts::Resetting;
use castle_server::auth::Caller;
use castle_server::error::Error;
use castle_server::moderation::{AccountRef, Asking};
use castle_server::store::{self, Once};
use castle_server::throttle::Allowance;
use futures_util::FutureExt as _;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tonic_types::StatusExt as _;

#[tokio::test]
async fn a_block_whose_guest_is_gone_before_the_answer_ends_the_call_all_the_same() {
    let server = TestServer::start().await;
    let [(alice, mut hers), (bob, mut his)] = two(&server).await;
    let _call = in_call(&mut hers, (&bob, &mut his)).await;
    let [by, whom] = [&alice, &bob].map(|guest| guest.guest.guest_id.parse().unwrap());
    let once = Once::unnamed(SystemTime::now(), store::Caller::Guest(by));
    let answered = server.moderation.block(by, whom, once).now_or_never();
    assert!(answered.is_none(), "the disk takes longer than that");
    hers.ended().await;
    his.ended().await;
}

#[tokio::test]
async fn a_session_is_ended_though_the_admin_is_gone_before_the_answer() {
    let server = TestServer::start().await;
    let asking = Asking::of_host("story");
    for (name, reason_given) in [("alice", "BANNED"), ("bob", "LOGIN_ENDED"), ("carol", "LOGIN_ENDED")] {
        let mut guest = server.guest(name).await;
        let mut signal = Signal::open(&mut guest).await;
        let named = AccountRef::Id(guest.guest.guest_id.parse().unwrap());
        let answered = match name {
            "alice" => server.moderation.ban(&asking, &named, String::new()).now_or_never().is_some(),
            "bob" => server.moderation.delete(&asking, &named).now_or_never().is_some(),
            _ => server.accounts().logout(&caller(&guest).await).now_or_never().is_some(),
        };
        assert!(!answered, "the disk takes longer than that");
        let ended = loop {
            if let Err(status) = signal.next().await {
                break status;
            }
        };
        assert_eq!(reason(&ended), reason_given);
    }
}

/// Polls `call` only until its write `happened`, and drops it then: it learns of nothing that comes after.
async fn dropped_once<T>(call: impl Future<Output = T>, happened: impl AsyncFn() -> bool) {
    let mut call = pin!(call);
    while !happened().await {
        let mut polled = false;
        let answered = poll_fn(|context| {
            if polled {
                return Poll::Ready(false);
            }
            polled = true;
            call.as_mut().poll(context).map(|_| true)
        });
        assert!(!answered.await, "the answer came before the write was seen");
    }
}

/// What ends the login of a second device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Password,
    Code,
    Deletion,
    Ban,
}

#[tokio::test]
async fn sessions_end_wherever_the_call_that_ended_their_login_was_dropped() {
    const NEW: &str = "staple of another horse";
    for ends in [Ends::Password, Ends::Code, Ends::Deletion, Ends::Ban] {
        let server = TestServer::start().await;
        let phone = server.guest("alice").await;
        let login = server.client().await.login(logging_in("alice", PASSWORD)).await.unwrap().into_inner();
        let client = server.client().await;
        let mut tablet = TestGuest { client, guest: login.guest.unwrap(), tokens: login.tokens.unwrap() };
        let mut signal = Signal::open(&mut tablet).await;
        let named = AccountRef::Id(phone.guest.guest_id.parse().unwrap());
        let kept = async || server.moderation.account(&named).await.map(|details| details.account);
        let before = kept().await.unwrap().password_hash;
        let by = caller(&phone).await;
        let (accounts, asking) = (server.accounts(), Asking::of_host("story"));
        let resetting = Resetting {
            name: "alice".to_owned(),
            code: server.reset_code(&phone.guest).await,
            new_password: NEW.to_owned(),
            device_name: String::new(),
            request_id: String::new(),
        };
        let call: Pin<Box<dyn Future<Output = Result<(), Error>>>> = match ends {
            Ends::Password => {
                Box::pin(accounts.change_password(&by, PASSWORD.to_owned(), NEW.to_owned(), ""))
            }
            Ends::Code => Box::pin(async {
                let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
                accounts.reset_password(from, resetting).await.map(drop)
            }),
            Ends::Deletion => Box::pin(accounts.delete(&by, PASSWORD.to_owned())),
            Ends::Ban => Box::pin(server.moderation.ban(&asking, &named, String::new())),
        };
        let happened = async || match kept().await {
            Ok(account) => account.password_hash != before || account.ban.is_some(),
            Err(_) => true,
        };
        dropped_once(call, happened).await;
        let why = if ends == Ends::Ban { "BANNED" } else { "LOGIN_ENDED" };
        // Pings go on where it does not end.
        let ended = tokio::time::timeout(PATIENCE, signal.end()).await;
        assert_eq!(ended.expect("the session ends"), why, "{ends:?}");
    }
}

/// The guest, as the server knows who calls.
async fn caller(guest: &TestGuest) -> Caller {
    let asked = guest.asks(v1::ListDevicesRequest::default());
    let devices = guest.client.clone().list_devices(asked).await.unwrap().into_inner().devices;
    let device = devices.iter().find(|device| device.current).unwrap();
    Caller {
        guest: guest.guest.guest_id.parse().unwrap(),
        login: device.device_id.parse().unwrap(),
        name: guest.guest.name.clone(),
        display_name: guest.guest.display_name.clone(),
        admin: false,
        expires_at: SystemTime::now() + Duration::from_secs(60),
    }
}

#[tokio::test]
async fn a_guest_who_blocks_without_end_is_told_to_wait_and_others_are_not() {
    let server = TestServer::start_with(|config| {
        config.writes = Allowance { burst: 3, refill: Duration::from_hours(1) };
    })
    .await;
    let [alice, bob] = [server.guest("alice").await, server.guest("bob").await];
    let block =
        async |by: &TestGuest, whom: &TestGuest| by.client.clone().block(by.asks(blocking(whom))).await;
    let refused = loop {
        if let Err(status) = block(&alice, &bob).await {
            break status;
        }
    };
    assert_eq!(reason(&refused), "RATE_LIMITED");
    let details = refused.get_error_details();
    assert!(details.retry_info().is_some());
    let metadata = &details.error_info().unwrap().metadata;
    let said = ["what", "limit", "refill_ms"].map(|key| metadata[key].as_str());
    assert_eq!(said, ["writes", "3", "3600000"], "the settings that it goes by");
    assert!(block(&bob, &alice).await.is_ok());
}

#[tokio::test]
async fn a_guest_who_reads_lists_without_end_is_told_to_wait_and_others_are_not() {
    let server = TestServer::start_with(|config| {
        config.reads = Allowance { burst: 4, refill: Duration::from_hours(1) };
    })
    .await;
    let [mut alice, mut bob] = [server.guest("alice").await, server.guest("bob").await];
    let asked = alice.asks(v1::ListGuestsRequest { query: "a".to_owned(), ..Default::default() });
    alice.client.list_guests(asked).await.unwrap();
    let asked = alice.asks(v1::ListCallsRequest { missed_only: true, ..Default::default() });
    alice.client.list_calls(asked).await.unwrap();
    let asked = alice.asks(v1::ListDevicesRequest::default());
    alice.client.list_devices(asked).await.unwrap();
    let asked = alice.asks(v1::ListBlockedRequest::default());
    alice.client.list_blocked(asked).await.unwrap();
    let asked = alice.asks(v1::ListGuestsRequest::default());
    let refused = alice.client.list_guests(asked).await.unwrap_err();
    assert_eq!(reason(&refused), "RATE_LIMITED");
    assert_eq!(refused.get_error_details().error_info().unwrap().metadata["what"], "reads");
    let asked = bob.asks(v1::ListGuestsRequest::default());
    assert!(bob.client.list_guests(asked).await.is_ok());
}

#[tokio::test]
async fn a_login_that_refreshes_without_end_is_told_to_wait_and_not_ended() {
    let server = TestServer::start_with(|config| {
        config.accounts.refreshes = Allowance { burst: 3, refill: Duration::from_hours(1) };
    })
    .await;
    let [mut alice, mut bob] = [server.guest("alice").await, server.guest("bob").await];
    let refreshing = |refresh_token: String| v1::RefreshRequest { refresh_token, ..Default::default() };
    let mut token = alice.tokens.refresh_token.clone();
    for _ in 0..3 {
        let renewed = alice.client.refresh(refreshing(token)).await.unwrap().into_inner();
        token = renewed.tokens.unwrap().refresh_token;
    }
    let refused = alice.client.refresh(refreshing(token)).await.unwrap_err();
    assert_eq!(reason(&refused), "RATE_LIMITED");
    let asked = alice.asks(v1::GetIceServersRequest::default());
    assert!(alice.client.get_ice_servers(asked).await.is_ok(), "the login goes on");
    assert!(bob.client.refresh(refreshing(bob.tokens.refresh_token.clone())).await.is_ok());
}
