//! Calls that are dropped between their write and what follows from it, and repeats that make up for it.

use super::*;
use crate::config::PublicUrl;
use crate::history::History;
use crate::host::HostApi;
use crate::hub::{Around, Hub, HubConfig, HubHandle, Opening, Outbox};
use crate::ice::IceVendor;
use crate::metrics::Metrics;
use crate::moderation::{AccountRef, Asking, Moderation};
use crate::server::Listening;
use crate::store::sled::SledStore;
use crate::store::{
    AccountStore as _, Act, Actor, Ban, Caller, KeyStore as _, Login, ModerationStore as _, Once,
    Registration, Role, SigningKey,
};
use crate::token::{ACCESS_TTL, Signers};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use castle::ids::{GuestId, LoginId};
use castle::v1;
use castle::v1::host_service_server::HostService as _;
use futures_util::FutureExt as _;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tonic::Request;

const ALICE: GuestId = GuestId::from_bits(1);
const LOGIN: LoginId = LoginId::from_bits(2);

#[tokio::test]
async fn what_follows_from_a_write_happens_though_nobody_waits_for_the_answer() {
    let tasks = TaskTracker::new();
    let (written, on_disk) = oneshot::channel();
    let told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&told);
    let uncancelled = Uncancelled::on(tasks.clone());
    let call = uncancelled.run(async move {
        on_disk.await.expect("the disk answers");
        tell.store(true, Ordering::SeqCst);
        Ok(())
    });
    assert!(call.now_or_never().is_none(), "nobody waits any more");
    written.send(()).expect("somebody still waits for the disk");
    tasks.close();
    tasks.wait().await;
    assert!(told.load(Ordering::SeqCst));
}

/// A store and a hub, with one account.
struct Bench {
    store: Arc<SledStore>,
    hub: HubHandle,
    tasks: TaskTracker,
    stop: CancellationToken,
    _dir: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let dir = TempDir::new().expect("a folder");
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let store = SledStore::open(dir.path(), SystemTime::now(), stop.clone()).expect("opens");
        let store = Arc::new(store);
        let signers = signers(&store).await;
        let history = History::new(Arc::<SledStore>::clone(&store), Arc::clone(&signers.call));
        let around = Around {
            ice: Arc::new(IceVendor::new(vec![])),
            signer: Arc::clone(&signers.call),
            metrics: Arc::new(Metrics::new()),
        };
        let hub = Hub::spawn(HubConfig::default(), around, history, [1; 32], &tasks, stop.clone());
        let now = SystemTime::now();
        let login = Login {
            id: LOGIN,
            guest: ALICE,
            device: 3,
            device_name: String::new(),
            created_at: now,
            last_used_at: now,
            refresh_hash: [4; 32],
            refresh_expires_at: now + Duration::from_hours(1),
        };
        let alice = Registration {
            code_hash: None,
            id: ALICE,
            name: "alice".to_owned(),
            display_name: "Alice".to_owned(),
            password_hash: "hash".to_owned(),
            login,
            now,
        };
        store.register(alice).await.expect("registers");
        Self { store, hub, tasks, stop, _dir: dir }
    }

    fn host(&self, signers: &Arc<Signers>) -> HostApi {
        let anywhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        HostApi {
            store: Arc::<SledStore>::clone(&self.store),
            signers: Arc::clone(signers),
            rotating: Arc::default(),
            uncancelled: Uncancelled::on(self.tasks.clone()),
            hub: self.hub.clone(),
            ice: Arc::new(IceVendor::new(vec![])),
            listening: Listening {
                grpc: anywhere,
                turn: vec![],
                turn_tls: None,
                http: None,
                fingerprint: None,
                url: PublicUrl::of(anywhere, false),
            },
            started_at: SystemTime::now(),
        }
    }

    async fn newest_key(&self) -> String {
        self.store.signing_keys(SystemTime::now()).await.expect("reads").remove(0).id
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn signers(store: &SledStore) -> Arc<Signers> {
    let keys = store.signing_keys(SystemTime::now()).await.expect("reads");
    Arc::new(Signers::new(&store.secrets().await.expect("reads"), keys))
}

fn signs_with(signers: &Signers, kid: &str) -> bool {
    let (token, _) = signers.access.issue(SystemTime::now(), ALICE, LOGIN, Role::Guest);
    let header = token.split('.').next().and_then(|header| BASE64_URL_SAFE_NO_PAD.decode(header).ok());
    String::from_utf8(header.expect("a header")).expect("is text").contains(kid)
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

async fn soon(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect(what);
}

#[tokio::test]
async fn a_key_that_was_rotated_signs_though_the_owner_is_gone() {
    let bench = Bench::new().await;
    let signers = signers(&bench.store).await;
    let host = bench.host(&signers);
    let first = bench.newest_key().await;
    let call = host.rotate_signing_key(Request::new(v1::RotateSigningKeyRequest::default()));
    dropped_once(call, async || bench.newest_key().await != first).await;
    let second = bench.newest_key().await;
    soon("the new key signs", async || signs_with(&signers, &second)).await;
}

#[tokio::test]
async fn a_repeat_makes_up_for_a_rotation_of_which_the_server_never_heard() {
    let bench = Bench::new().await;
    let signers = signers(&bench.store).await;
    let host = bench.host(&signers);
    let now = SystemTime::now();
    let once = Once::new(now, Caller::Host, "RotateSigningKey", "r", b"");
    let made = bench.store.rotate_signing_key(SigningKey::generate(now), now + ACCESS_TTL, once).await;
    let made = made.expect("rotates").made;
    assert!(!signs_with(&signers, &made), "the first run got no further");
    let repeat = Request::new(v1::RotateSigningKeyRequest { request_id: "r".to_owned() });
    let answer = host.rotate_signing_key(repeat).await.expect("is answered").into_inner().key;
    assert_eq!(answer.map(|key| (key.key_id, key.signs)), Some((made.clone(), true)));
    assert!(signs_with(&signers, &made));
    assert_eq!(bench.newest_key().await, made, "and no other was made");
}

#[tokio::test]
async fn a_repeat_makes_up_for_a_ban_whose_sessions_were_never_ended() {
    let bench = Bench::new().await;
    let (outbox, _stream) = Outbox::new(256);
    let guest = crate::guest::Guest { id: ALICE, name: "alice".to_owned(), display_name: "Alice".to_owned() };
    let opening = Opening {
        guest: Arc::new(guest),
        login: LOGIN,
        resume: None,
        call_token: String::new(),
        wish: crate::guest::Wish::default(),
        access_expires_at: SystemTime::now() + Duration::from_hours(1),
    };
    bench.hub.open(opening, outbox).await.expect("a session begins");
    let asking = Asking {
        by: Actor::Host,
        action: "BanGuest",
        request_id: "r".to_owned(),
        payload: b"alice".to_vec(),
    };
    let now = SystemTime::now();
    let act = Act {
        by: Actor::Host,
        once: Once::new(now, Caller::Host, "BanGuest", "r", b"alice"),
        action: "BanGuest",
        target: ALICE.to_string(),
        detail: String::new(),
    };
    bench.store.ban(act, ALICE, Ban { at: now, reason: String::new() }).await.expect("bans");
    assert_eq!(bench.hub.sessions_of(ALICE).await, 1, "the first run got no further");
    let uncancelled = Uncancelled::on(bench.tasks.clone());
    let moderation = Moderation::new(Arc::<SledStore>::clone(&bench.store), bench.hub.clone(), uncancelled);
    moderation.ban(&asking, &AccountRef::Id(ALICE), String::new()).await.expect("is answered");
    soon("the session is over", async || bench.hub.sessions_of(ALICE).await == 0).await;
}
