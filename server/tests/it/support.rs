//! What the stories need: a server in this process at free ports, guests that speak to it, and the reason of a
//! refusal. Never decides what is right.

use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::{self, Tokens};
use castle_server::accounts::Accounts;
use castle_server::config::Config;
use castle_server::moderation::{AccountRef, Asking, Inviting, Moderation};
use castle_server::server::{Listening, RunError, Server};
use castle_server::store::Role;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

/// A password that is good enough for anybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A client of the service.
pub(crate) type Client = CastleServiceClient<Channel>;

/// A server in this process, on loopback at free ports.
pub(crate) struct TestServer {
    pub(crate) listening: Listening,
    accounts: Arc<Accounts>,
    pub(crate) moderation: Moderation,
    shutdown: CancellationToken,
    force: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
    data: DataDir,
}

/// Where its data is; gone with the last server that used it.
type DataDir = Arc<TempDir>;

impl TestServer {
    /// A fresh one.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A fresh one, with other settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(Arc::new(TempDir::new().expect("a temporary folder")), change).await
    }

    async fn start_in(data: DataDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::for_test(data.path());
        change(&mut config);
        let server = Server::bind(config).await.expect("the server starts");
        let (shutdown, force) = (CancellationToken::new(), CancellationToken::new());
        Self {
            listening: server.listening().clone(),
            accounts: Arc::clone(server.accounts()),
            moderation: server.moderation().clone(),
            running: tokio::spawn(server.run(shutdown.clone(), force.clone())),
            shutdown,
            force,
            data,
        }
    }

    /// Drains it and waits for its end. With its data, for the next one.
    pub(crate) async fn stop(self) -> StoppedServer {
        let Self { accounts, moderation, shutdown, running, data, .. } = self;
        shutdown.cancel();
        running.await.expect("the server does not panic").expect("the server drains");
        drop((accounts, moderation));
        StoppedServer { data }
    }

    /// Cuts its drain short, as a second signal does.
    pub(crate) fn force(&self) {
        self.force.cancel();
    }

    /// Begins its drain.
    pub(crate) fn begin_drain(&self) {
        self.shutdown.cancel();
    }

    /// A connection to it.
    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.listening.grpc))
            .expect("an address makes a URI")
            .connect()
            .await
            .expect("the server accepts")
    }

    /// A client with a connection of its own.
    pub(crate) async fn client(&self) -> Client {
        CastleServiceClient::new(self.channel().await)
    }

    /// An invitation for so many guests; its code.
    pub(crate) async fn invite(&self, uses: u32) -> String {
        self.invite_for(uses, Duration::from_hours(1)).await
    }

    /// An invitation that is good for so long; its code.
    pub(crate) async fn invite_for(&self, uses: u32, good_for: Duration) -> String {
        let inviting = Inviting { uses, good_for, note: String::new(), role: Role::Guest };
        let asking = Asking::of_host("CreateInvitation");
        self.moderation.invite(&asking, inviting).await.expect("an invitation").1
    }

    /// An invitation for one host; its code.
    pub(crate) async fn admin_invitation(&self) -> String {
        let inviting =
            Inviting { uses: 1, good_for: Duration::from_hours(1), note: String::new(), role: Role::Admin };
        let asking = Asking::of_host("CreateInvitation");
        self.moderation.invite(&asking, inviting).await.expect("an invitation").1
    }

    /// A code with which a guest may set a new password.
    pub(crate) async fn reset_code(&self, guest: &v1::Guest) -> String {
        let named = AccountRef::Id(guest.guest_id.parse().expect("an id"));
        let asking = Asking::of_host("CreateResetCode");
        self.moderation.create_reset_code(&asking, &named).await.expect("a code").code
    }

    /// A new guest with an invitation of their own, logged in.
    pub(crate) async fn guest(&self, name: &str) -> TestGuest {
        let invitation_code = self.invite(1).await;
        let mut client = self.client().await;
        let request = v1::RegisterRequest { invitation_code, ..registering(name) };
        let registered = client.register(request).await.expect("registers").into_inner();
        TestGuest {
            client,
            guest: registered.guest.expect("a guest"),
            tokens: registered.tokens.expect("tokens"),
        }
    }

    /// Where its data is.
    pub(crate) fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Its accounts.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// How many password hashes it computed.
    pub(crate) fn hashes_done(&self) -> u64 {
        self.accounts.hashes_done()
    }
}

/// What a stopped server leaves: its data.
pub(crate) struct StoppedServer {
    data: DataDir,
}

impl StoppedServer {
    /// Another server on the same data.
    pub(crate) async fn start(self) -> TestServer {
        self.start_with(|_| {}).await
    }

    /// Another server on the same data, with other settings.
    pub(crate) async fn start_with(self, change: impl FnOnce(&mut Config)) -> TestServer {
        TestServer::start_in(self.data, change).await
    }

    /// Where its data is.
    pub(crate) fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Where the store is.
    pub(crate) fn store_dir(&self) -> PathBuf {
        castle_server::admin::store_dir(self.data.path())
    }
}

/// A guest, logged in.
pub(crate) struct TestGuest {
    pub(crate) client: Client,
    pub(crate) guest: v1::Guest,
    pub(crate) tokens: Tokens,
}

impl TestGuest {
    /// The same login over another connection.
    pub(crate) fn clone_with(&self, client: Client) -> Self {
        Self { client, guest: self.guest.clone(), tokens: self.tokens.clone() }
    }

    /// A request with this guest's access token.
    pub(crate) fn asks<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.tokens.access_token)
    }
}

/// A request with an access token.
pub(crate) fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().expect("a token is ASCII");
    request.metadata_mut().insert("authorization", value);
    request
}

/// What a guest of this name sends to register, without the invitation.
pub(crate) fn registering(name: &str) -> v1::RegisterRequest {
    v1::RegisterRequest { name: name.to_owned(), password: PASSWORD.to_owned(), ..Default::default() }
}

/// What a guest of this name sends to log in.
pub(crate) fn logging_in(name: &str, password: &str) -> v1::LoginRequest {
    v1::LoginRequest { name: name.to_owned(), password: password.to_owned(), ..Default::default() }
}

/// The public reason and code of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (String, Code) {
    let status = answer.expect_err("a refusal");
    (reason(&status), status.code())
}

/// The public reason of a status; its text where it carries none.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map_or_else(|| format!("no reason: {status}"), |info| info.reason.clone())
}

/// The fields that a refusal names.
pub(crate) fn fields_at_fault<T: std::fmt::Debug>(answer: Result<T, Status>) -> Vec<String> {
    let status = answer.expect_err("a refusal");
    assert_eq!(reason(&status), "INVALID_FIELD");
    let details = status.get_error_details();
    let violations = &details.bad_request().expect("BadRequest").field_violations;
    violations.iter().map(|violation| violation.field.clone()).collect()
}
