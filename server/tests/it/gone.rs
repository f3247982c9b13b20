//! Who asks for something and is gone before the answer, and who asks without end.

use crate::moderation::blocking;
use crate::signaling::{Signal, in_call, two};
use crate::support::{TestGuest, TestServer, reason};
use castle::v1;
use castle_server::auth::Caller;
use castle_server::moderation::{AccountRef, Asking};
use castle_server::store::{self, Once};
use castle_server::throttle::Allowance;
use futures_util::FutureExt as _;
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

/// The guest, as the server knows who calls.
async fn caller(guest: &TestGuest) -> Caller {
    let asked = guest.asks(v1::ListDevicesRequest::default());
    let devices = guest.client.clone().list_devices(asked).await.unwrap().into_inner().devices;
    Caller {
        guest: guest.guest.guest_id.parse().unwrap(),
        login: devices[0].device_id.parse().unwrap(),
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
