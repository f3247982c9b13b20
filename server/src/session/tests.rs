//! Stories of one stream's reading half.

use super::*;
use crate::history::History;
use crate::hub::{Around, Body, Hub, HubConfig, OutboxReader};
use crate::ice::IceVendor;
use crate::metrics::Metrics;
use crate::store::sled::SledStore;
use crate::store::{AccountStore as _, KeyStore as _, Login, Registration};
use crate::token::Signers;
use castle::ids::{GuestId, LoginId};
use futures_util::{StreamExt as _, stream};
use std::task::Poll;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use v1::signal_request::Frame;

const PATIENCE: Duration = Duration::from_millis(100);

/// A guest, and all that their streams need.
async fn streams(dir: &TempDir, stop: &CancellationToken) -> (Streams, Caller) {
    let now = SystemTime::now();
    let store = Arc::new(SledStore::open(dir.path(), now, stop.clone()).expect("opens"));
    let keys = store.signing_keys(now).await.expect("reads");
    let signers = Arc::new(Signers::new(&store.secrets().await.expect("reads"), keys));
    let (guest, login) = (GuestId::from_bits(1), LoginId::from_bits(2));
    let kept = Login {
        id: login,
        guest,
        device: 3,
        device_name: String::new(),
        created_at: now,
        last_used_at: now,
        refresh_hash: [4; 32],
        refresh_expires_at: now + Duration::from_hours(1),
    };
    let registration = Registration {
        code_hash: None,
        id: guest,
        name: "alice".to_owned(),
        display_name: "Alice".to_owned(),
        password_hash: "hash".to_owned(),
        login: kept,
        now,
    };
    store.register(registration).await.expect("registers");
    let around = Around {
        ice: Arc::new(IceVendor::new(vec![])),
        signer: Arc::clone(&signers.call),
        metrics: Arc::new(Metrics::new()),
    };
    let history = History::new(Arc::<SledStore>::clone(&store), Arc::clone(&signers.call));
    let hub = Hub::spawn(HubConfig::default(), around, history, [1; 32], &TaskTracker::new(), stop.clone());
    let config = SessionConfig { heartbeat_timeout: PATIENCE, ..SessionConfig::default() };
    let authenticator = Arc::new(Authenticator::new(store, signers));
    let caller = Caller {
        guest,
        login,
        name: "alice".to_owned(),
        display_name: "Alice".to_owned(),
        admin: false,
        expires_at: now + Duration::from_hours(1),
    };
    (Streams { config, hub, authenticator, alive: Arc::default() }, caller)
}

fn says(frame: Frame) -> Poll<Option<Result<v1::SignalRequest, Status>>> {
    Poll::Ready(Some(Ok(v1::SignalRequest { frame: Some(frame), ..Default::default() })))
}

#[tokio::test]
async fn a_server_that_did_not_listen_for_long_reads_what_waits_before_it_takes_a_client_for_gone() {
    let (dir, stop) = (TempDir::new().expect("a folder"), CancellationToken::new());
    let _stop = stop.clone().drop_guard();
    let (streams, caller) = streams(&dir, &stop).await;
    let mut polled = 0;
    let frames = stream::poll_fn(move |context| {
        polled += 1;
        match polled {
            1 => says(Frame::Hello(v1::Hello { protocol_version: PROTOCOL_VERSION, ..Default::default() })),
            2 => {
                // This whole server does nothing for a while; the ping comes in the meantime.
                std::thread::sleep(2 * PATIENCE);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            3 => says(Frame::Ping(v1::Ping { nonce: 7 })),
            _ => Poll::Pending,
        }
    });
    let (outbox, reader) = Outbox::new(256);
    tokio::spawn(streams.reader(caller, Incoming::of(frames), &outbox).run(outbox, None));
    let OutboxReader { mut items, end, .. } = reader;
    let welcome = items.recv().await.expect("it is answered");
    assert!(matches!(welcome.item, Item::Welcome(_)));
    let pong = items.recv().await.expect("it is answered");
    assert!(matches!(pong.item, Item::Pong(7)), "the ping was there");
    assert_eq!(end.await, Ok(Error::HeartbeatLost), "and after that there was nothing");
}

#[tokio::test]
async fn who_was_renamed_while_the_hello_was_on_its_way_is_shown_under_the_new_name() {
    let (dir, stop) = (TempDir::new().expect("a folder"), CancellationToken::new());
    let _stop = stop.clone().drop_guard();
    let (streams, caller) = streams(&dir, &stop).await;
    let before = Caller { display_name: "Alice as she was".to_owned(), ..caller };
    let hello = v1::Hello { protocol_version: PROTOCOL_VERSION, ..Default::default() };
    let (outbox, reader) = Outbox::new(256);
    let hello = v1::SignalRequest { frame: Some(Frame::Hello(hello)), ..Default::default() };
    let frames = stream::iter([Ok(hello)]).chain(stream::pending());
    tokio::spawn(streams.reader(before, Incoming::of(frames), &outbox).run(outbox, None));
    let OutboxReader { mut items, .. } = reader;
    let mut shown = Vec::new();
    // Until it is taken for gone.
    while let Some(Outgoing { item, .. }) = items.recv().await {
        match item {
            Item::Welcome(welcome) => shown.push(welcome.me.guest.display_name.clone()),
            Item::Frame(frame) => {
                if let Body::Me(me) = &frame.body {
                    shown.push(me.guest.display_name.clone());
                }
            }
            _ => {}
        }
    }
    assert_eq!(shown, ["Alice as she was", "Alice"]);
}
