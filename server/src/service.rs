//! `castle.v1.CastleService`: each RPC authenticates where it must, converts, and hands over to the part that
//! owns it. No rules.

pub mod accounts;
pub mod calls;
pub mod export;
pub mod hall;
pub mod matching;
pub mod moderation;
pub mod signal;

use crate::accounts::Accounts;
use crate::auth::{Authenticator, Caller};
use crate::error::Error;
use crate::guest::Guest;
use crate::hub::HubHandle;
use crate::ice::IceVendor;
use crate::moderation::Moderation;
use crate::service::matching::MatchReplies;
use crate::session::Streams;
use crate::store::Store;
use crate::throttle::Pace;
use castle::ids::GuestId;
use castle::v1::{self, castle_service_server::CastleService};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

/// The service as tonic calls it.
pub struct CastleApi {
    /// Registering, logging in, refreshing.
    pub accounts: Arc<Accounts>,
    /// Blocks and reports.
    pub moderation: Moderation,
    /// Who calls.
    pub authenticator: Arc<Authenticator>,
    /// STUN and TURN servers.
    pub ice: Arc<IceVendor>,
    /// Hall, calls and queue.
    pub hub: HubHandle,
    /// The streams of sessions.
    pub streams: Streams,
    /// Unary calls, and the beginnings of streams, end after this.
    pub deadline: Duration,
    /// Call history and blocks.
    pub store: Arc<dyn Store>,
    /// The reading halves of streams run on it.
    pub tasks: TaskTracker,
    /// How often a guest may write.
    pub writes: Pace<GuestId>,
    /// How often a guest may read a list.
    pub reads: Pace<GuestId>,
}

impl CastleApi {
    /// Authenticates a unary call and does its work, both within the deadline.
    async fn unary<M, T, F>(
        &self,
        request: Request<M>,
        work: impl FnOnce(Caller, M) -> F + Send,
    ) -> Result<Response<T>, Status>
    where
        M: Send,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let (metadata, _, message) = request.into_parts();
        let done = async { work(self.authenticator.authenticate(&metadata).await?, message).await };
        Ok(Response::new(self.in_time(done).await?))
    }

    /// The same at the guest's pace: of writing, or of reading lists.
    ///
    /// Errors: `RateLimited`, besides those of the work.
    async fn paced<M, T, F>(
        &self,
        pace: &Pace<GuestId>,
        request: Request<M>,
        work: impl FnOnce(Caller, M) -> F + Send,
    ) -> Result<Response<T>, Status>
    where
        M: Send,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let paced = async |caller: Caller, asked| {
            pace.take(Instant::now(), caller.guest)?;
            work(caller, asked).await
        };
        self.unary(request, paced).await
    }

    /// Holds unary work to the deadline.
    ///
    /// Errors: `Deadline`, besides those of the work.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let done = tokio::time::timeout(self.deadline, work).await;
        done.unwrap_or(Err(Error::Deadline { limit: self.deadline }))
    }
}

#[tonic::async_trait]
impl CastleService for CastleApi {
    type SignalStream = NotYet<v1::SignalResponse>;
    type MatchStream = MatchReplies;
    type ExportAccountStream = export::Pieces;
    type SubscribeStream = NotYet<v1::SubscribeResponse>;

    async fn register(
        &self,
        request: Request<v1::RegisterRequest>,
    ) -> Result<Response<v1::RegisterResponse>, Status> {
        Ok(Response::new(self.in_time(accounts::register(&self.accounts, &self.ice, request)).await?))
    }

    async fn login(&self, request: Request<v1::LoginRequest>) -> Result<Response<v1::LoginResponse>, Status> {
        Ok(Response::new(self.in_time(accounts::login(&self.accounts, &self.ice, request)).await?))
    }

    async fn refresh(
        &self,
        request: Request<v1::RefreshRequest>,
    ) -> Result<Response<v1::RefreshResponse>, Status> {
        Ok(Response::new(self.in_time(accounts::refresh(&self.accounts, request)).await?))
    }

    async fn get_ice_servers(
        &self,
        request: Request<v1::GetIceServersRequest>,
    ) -> Result<Response<v1::GetIceServersResponse>, Status> {
        self.paced(&self.reads, request, async |caller, _| Ok(accounts::get_ice_servers(&self.ice, &caller)))
            .await
    }

    async fn signal(
        &self,
        _request: Request<Streaming<v1::SignalRequest>>,
    ) -> Result<Response<Self::SignalStream>, Status> {
        Err(answered_before("Signal"))
    }

    async fn r#match(
        &self,
        request: Request<v1::MatchRequest>,
    ) -> Result<Response<Self::MatchStream>, Status> {
        let begin =
            async |caller: Caller, asked| matching::begin(&self.hub, &self.tasks, &caller, asked).await;
        self.paced(&self.writes, request, begin).await
    }

    async fn reset_password(
        &self,
        request: Request<v1::ResetPasswordRequest>,
    ) -> Result<Response<v1::ResetPasswordResponse>, Status> {
        Ok(Response::new(self.in_time(accounts::reset_password(&self.accounts, &self.ice, request)).await?))
    }

    async fn logout(
        &self,
        request: Request<v1::LogoutRequest>,
    ) -> Result<Response<v1::LogoutResponse>, Status> {
        self.unary(request, async |caller, _| accounts::logout(&self.accounts, &caller).await).await
    }

    async fn change_password(
        &self,
        request: Request<v1::ChangePasswordRequest>,
    ) -> Result<Response<v1::ChangePasswordResponse>, Status> {
        self.unary(request, async |caller, asked| {
            accounts::change_password(&self.accounts, &caller, asked).await
        })
        .await
    }

    async fn set_display_name(
        &self,
        request: Request<v1::SetDisplayNameRequest>,
    ) -> Result<Response<v1::SetDisplayNameResponse>, Status> {
        self.paced(&self.writes, request, async |caller, asked| {
            accounts::set_display_name(&self.accounts, &caller, asked).await
        })
        .await
    }

    async fn delete_account(
        &self,
        request: Request<v1::DeleteAccountRequest>,
    ) -> Result<Response<v1::DeleteAccountResponse>, Status> {
        self.unary(request, async |caller, asked| {
            accounts::delete_account(&self.accounts, &caller, asked).await
        })
        .await
    }

    async fn export_account(
        &self,
        request: Request<v1::ExportAccountRequest>,
    ) -> Result<Response<Self::ExportAccountStream>, Status> {
        self.paced(&self.writes, request, async |caller, _| {
            self.hub.own_history_written(&guest(&caller)).await;
            Ok(export::document(Arc::clone(&self.accounts), Arc::clone(&self.store), caller))
        })
        .await
    }

    async fn list_devices(
        &self,
        request: Request<v1::ListDevicesRequest>,
    ) -> Result<Response<v1::ListDevicesResponse>, Status> {
        self.paced(&self.reads, request, async |caller, asked| {
            accounts::list_devices(&self.accounts, &caller, asked).await
        })
        .await
    }

    async fn revoke_device(
        &self,
        request: Request<v1::RevokeDeviceRequest>,
    ) -> Result<Response<v1::RevokeDeviceResponse>, Status> {
        self.paced(&self.writes, request, async |caller, asked| {
            accounts::revoke_device(&self.accounts, &caller, asked).await
        })
        .await
    }

    async fn list_guests(
        &self,
        request: Request<v1::ListGuestsRequest>,
    ) -> Result<Response<v1::ListGuestsResponse>, Status> {
        self.paced(&self.reads, request, async |caller, asked| {
            hall::list_guests(&self.hub, &*self.store, &caller, asked).await
        })
        .await
    }

    async fn list_calls(
        &self,
        request: Request<v1::ListCallsRequest>,
    ) -> Result<Response<v1::ListCallsResponse>, Status> {
        self.paced(&self.reads, request, async |caller, asked| {
            self.hub.own_history_written(&guest(&caller)).await;
            calls::list_calls(&*self.store, &caller, asked).await
        })
        .await
    }

    async fn erase_calls(
        &self,
        request: Request<v1::EraseCallsRequest>,
    ) -> Result<Response<v1::EraseCallsResponse>, Status> {
        self.paced(&self.writes, request, async |caller, asked| {
            self.hub.own_history_written(&guest(&caller)).await;
            calls::erase_calls(&*self.store, &caller, asked).await
        })
        .await
    }

    async fn block(&self, request: Request<v1::BlockRequest>) -> Result<Response<v1::BlockResponse>, Status> {
        self.paced(&self.writes, request, async |caller, asked| {
            moderation::block(&self.moderation, &caller, asked).await
        })
        .await
    }

    async fn unblock(
        &self,
        request: Request<v1::UnblockRequest>,
    ) -> Result<Response<v1::UnblockResponse>, Status> {
        self.paced(&self.writes, request, async |caller, asked| {
            moderation::unblock(&self.moderation, &caller, asked).await
        })
        .await
    }

    async fn list_blocked(
        &self,
        request: Request<v1::ListBlockedRequest>,
    ) -> Result<Response<v1::ListBlockedResponse>, Status> {
        self.paced(&self.reads, request, async |caller, asked| {
            moderation::list_blocked(&self.moderation, &caller, asked).await
        })
        .await
    }

    async fn report(
        &self,
        request: Request<v1::ReportRequest>,
    ) -> Result<Response<v1::ReportResponse>, Status> {
        self.paced(&self.writes, request, async |caller, asked| {
            moderation::report(&self.moderation, &caller, asked).await
        })
        .await
    }

    async fn subscribe(
        &self,
        _request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        Err(answered_before("Subscribe"))
    }

    async fn send(&self, request: Request<v1::SendRequest>) -> Result<Response<v1::SendResponse>, Status> {
        self.unary(request, async |caller, asked| signal::send(&self.streams, &caller, asked).await).await
    }
}

fn guest(caller: &Caller) -> Guest {
    let (name, display_name) = (caller.name.clone(), caller.display_name.clone());
    Guest { id: caller.guest, name, display_name }
}

/// The generated trait asks for the streams of sessions too; `signal::CastleStreams` takes them before they get here.
fn answered_before(rpc: &str) -> Status {
    Error::internal(rpc, &"the call came past CastleStreams").into()
}

type NotYet<T> = tokio_stream::Empty<Result<T, Status>>;
