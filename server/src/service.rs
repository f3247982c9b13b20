//! `castle.v1.CastleService`: each RPC handed to the part that owns it.

pub mod accounts;

use crate::accounts::Accounts;
use crate::auth::Authenticator;
use crate::ice::IceVendor;
use castle::v1::{self, castle_service_server::CastleService};
use futures_util::stream::Empty;
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};

/// The service as tonic calls it.
pub struct CastleApi {
    /// Registering, logging in, refreshing.
    pub accounts: Arc<Accounts>,
    /// Who calls.
    pub authenticator: Arc<Authenticator>,
    /// STUN and TURN servers.
    pub ice: Arc<IceVendor>,
}

#[tonic::async_trait]
impl CastleService for CastleApi {
    type SignalStream = Empty<Result<v1::SignalResponse, Status>>;
    type MatchStream = Empty<Result<v1::MatchResponse, Status>>;

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
        accounts::in_time(self.authenticator.authenticate(request.metadata())).await?;
        Ok(accounts::get_ice_servers(&self.ice))
    }

    async fn signal(
        &self,
        _: Request<Streaming<v1::SignalRequest>>,
    ) -> Result<Response<Self::SignalStream>, Status> {
        Err(Status::unimplemented("Signal"))
    }

    async fn r#match(&self, _: Request<v1::MatchRequest>) -> Result<Response<Self::MatchStream>, Status> {
        Err(Status::unimplemented("Match"))
    }
}
