//! `castle.v1.CastleService`: each RPC authenticates where it must, converts, and hands over to the part that
//! owns it. No rules.

pub mod accounts;
pub mod matching;
pub mod signal;

use crate::accounts::Accounts;
use crate::auth::Authenticator;
use crate::hub::HubHandle;
use crate::ice::IceVendor;
use crate::service::accounts::in_time;
use crate::service::matching::MatchReplies;
use crate::session::{Replies, SessionConfig};
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
    /// Times and bounds of streams.
    pub session: SessionConfig,
    /// The reading halves of streams run on it.
    pub tasks: TaskTracker,
}

#[tonic::async_trait]
impl CastleService for CastleApi {
    type SignalStream = Replies;
    type MatchStream = MatchReplies;

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
}
