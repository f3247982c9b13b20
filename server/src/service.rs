//! `castle.v1.CastleService`: each RPC authenticates where it must, converts, and hands over to the part that
//! owns it. No rules.

pub mod accounts;
pub mod calls;
pub mod hall;
pub mod matching;
pub mod signal;

use crate::accounts::Accounts;
use crate::auth::Authenticator;
use crate::hub::HubHandle;
use crate::ice::IceVendor;
use crate::service::accounts::in_time;
use crate::service::matching::MatchReplies;
use crate::session::{Replies, SessionConfig};
use crate::store::Store;
use castle::v1::{self, castle_service_server::CastleService};
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

/// The service as tonic calls it.
pub struct CastleApi {
    /// Registering, logging in, refreshing.
    pub accounts: Arc<Accounts>,
    /// Who calls.
    pub authenticator: Arc<Authenticator>,
    /// STUN and TURN servers.
    pub ice: Arc<IceVendor>,
    /// Hall, calls and queue.
    pub hub: HubHandle,
    /// Call history.
    pub store: Arc<dyn Store>,
    /// Times and bounds of streams.
    pub session: SessionConfig,
    /// The reading halves of streams run on it.
    pub tasks: TaskTracker,
}

#[tonic::async_trait]
impl CastleService for CastleApi {
    type SignalStream = Replies;
    type MatchStream = MatchReplies;
    type ExportAccountStream = NotYet<v1::ExportAccountResponse>;
    type SubscribeStream = NotYet<v1::SubscribeResponse>;

    async fn register(
        &self,
        request: Request<v1::RegisterRequest>,
    ) -> Result<Response<v1::RegisterResponse>, Status> {
        accounts::register(&self.accounts, &self.ice, request).await
    }

    async fn login(&self, request: Request<v1::LoginRequest>) -> Result<Response<v1::LoginResponse>, Status> {
        accounts::login(&self.accounts, &self.ice, request).await
    }

    async fn refresh(
        &self,
        request: Request<v1::RefreshRequest>,
    ) -> Result<Response<v1::RefreshResponse>, Status> {
        accounts::refresh(&self.accounts, request).await
    }

    async fn get_ice_servers(
        &self,
        request: Request<v1::GetIceServersRequest>,
    ) -> Result<Response<v1::GetIceServersResponse>, Status> {
        in_time(self.authenticator.authenticate(request.metadata())).await?;
        Ok(accounts::get_ice_servers(&self.ice))
    }

    async fn signal(
        &self,
        request: Request<Streaming<v1::SignalRequest>>,
    ) -> Result<Response<Self::SignalStream>, Status> {
        let caller = in_time(self.authenticator.authenticate(request.metadata())).await?;
        let frames = request.into_inner();
        Ok(signal::signal(self.session.clone(), self.hub.clone(), &self.tasks, caller, frames))
    }

    async fn r#match(
        &self,
        request: Request<v1::MatchRequest>,
    ) -> Result<Response<Self::MatchStream>, Status> {
        let caller = in_time(self.authenticator.authenticate(request.metadata())).await?;
        Ok(in_time(matching::begin(&self.hub, &caller, request.into_inner())).await?)
    }

    async fn reset_password(
        &self,
        _request: Request<v1::ResetPasswordRequest>,
    ) -> Result<Response<v1::ResetPasswordResponse>, Status> {
        Err(not_yet("ResetPassword"))
    }

    async fn logout(
        &self,
        _request: Request<v1::LogoutRequest>,
    ) -> Result<Response<v1::LogoutResponse>, Status> {
        Err(not_yet("Logout"))
    }

    async fn change_password(
        &self,
        _request: Request<v1::ChangePasswordRequest>,
    ) -> Result<Response<v1::ChangePasswordResponse>, Status> {
        Err(not_yet("ChangePassword"))
    }

    async fn set_display_name(
        &self,
        _request: Request<v1::SetDisplayNameRequest>,
    ) -> Result<Response<v1::SetDisplayNameResponse>, Status> {
        Err(not_yet("SetDisplayName"))
    }

    async fn delete_account(
        &self,
        _request: Request<v1::DeleteAccountRequest>,
    ) -> Result<Response<v1::DeleteAccountResponse>, Status> {
        Err(not_yet("DeleteAccount"))
    }

    async fn export_account(
        &self,
        _request: Request<v1::ExportAccountRequest>,
    ) -> Result<Response<Self::ExportAccountStream>, Status> {
        Err(not_yet("ExportAccount"))
    }

    async fn list_devices(
        &self,
        _request: Request<v1::ListDevicesRequest>,
    ) -> Result<Response<v1::ListDevicesResponse>, Status> {
        Err(not_yet("ListDevices"))
    }

    async fn revoke_device(
        &self,
        _request: Request<v1::RevokeDeviceRequest>,
    ) -> Result<Response<v1::RevokeDeviceResponse>, Status> {
        Err(not_yet("RevokeDevice"))
    }

    async fn list_guests(
        &self,
        request: Request<v1::ListGuestsRequest>,
    ) -> Result<Response<v1::ListGuestsResponse>, Status> {
        let caller = in_time(self.authenticator.authenticate(request.metadata())).await?;
        let asked = request.into_inner();
        Ok(Response::new(in_time(hall::list_guests(&self.hub, &caller, asked)).await?))
    }

    async fn list_calls(
        &self,
        request: Request<v1::ListCallsRequest>,
    ) -> Result<Response<v1::ListCallsResponse>, Status> {
        let caller = in_time(self.authenticator.authenticate(request.metadata())).await?;
        let asked = request.into_inner();
        Ok(Response::new(in_time(calls::list_calls(&*self.store, &caller, asked)).await?))
    }

    async fn erase_calls(
        &self,
        request: Request<v1::EraseCallsRequest>,
    ) -> Result<Response<v1::EraseCallsResponse>, Status> {
        let caller = in_time(self.authenticator.authenticate(request.metadata())).await?;
        let asked = request.into_inner();
        Ok(Response::new(in_time(calls::erase_calls(&*self.store, &caller, asked)).await?))
    }

    async fn block(
        &self,
        _request: Request<v1::BlockRequest>,
    ) -> Result<Response<v1::BlockResponse>, Status> {
        Err(not_yet("Block"))
    }

    async fn unblock(
        &self,
        _request: Request<v1::UnblockRequest>,
    ) -> Result<Response<v1::UnblockResponse>, Status> {
        Err(not_yet("Unblock"))
    }

    async fn list_blocked(
        &self,
        _request: Request<v1::ListBlockedRequest>,
    ) -> Result<Response<v1::ListBlockedResponse>, Status> {
        Err(not_yet("ListBlocked"))
    }

    async fn report(
        &self,
        _request: Request<v1::ReportRequest>,
    ) -> Result<Response<v1::ReportResponse>, Status> {
        Err(not_yet("Report"))
    }

    async fn subscribe(
        &self,
        _request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        Err(not_yet("Subscribe"))
    }

    async fn send(&self, _request: Request<v1::SendRequest>) -> Result<Response<v1::SendResponse>, Status> {
        Err(not_yet("Send"))
    }
}

type NotYet<T> = tokio_stream::Empty<Result<T, Status>>;

pub(crate) fn not_yet(rpc: &str) -> Status {
    Status::unimplemented(format!("{rpc} is being built"))
}
