//! `castle.v1.AdminService`: each RPC finds out who asks, converts, and hands over to `moderation`.
//!
//! Owns who may ask: on the owner-only socket everybody, over the network accounts that are admins now, whatever
//! their token says; all others learn nothing, not even whether what they named is there. Decides nothing else.

mod socket;
pub(crate) mod wire;

pub use socket::{
    Admin, Hand, REACHED_AT, ReachError, listen, make_data_dir, note_reached_at, reach, remove_socket,
    running, store_dir,
};

use crate::auth::Authenticator;
use crate::config::PublicUrl;
use crate::error::Error;
use crate::moderation::{Asking, Moderation};
use crate::store::Actor;
use castle::limits::UNARY_DEADLINE;
use castle::v1::{self, admin_service_server::AdminService};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use wire::Checked;

/// The service as tonic calls it.
pub struct AdminApi {
    moderation: Moderation,
    url: PublicUrl,
    gate: Gate,
    deadline: Duration,
}

/// Who may ask.
enum Gate {
    /// Whoever gets here: the way here is the owner's alone.
    Owner,
    /// Accounts of role admin.
    Admins(Arc<Authenticator>),
}

/// A request that may ask for a change.
trait Asked: Message {
    /// Its `request_id`, if requests of its kind have one.
    fn request_id(&self) -> Option<&str>;
}

macro_rules! asked {
    (once: $($once:ident)*; often: $($often:ident)*) => {
        $(impl Asked for v1::$once { fn request_id(&self) -> Option<&str> { Some(&self.request_id) } })*
        $(impl Asked for v1::$often { fn request_id(&self) -> Option<&str> { None } })*
    };
}

asked! {
    once: CreateInvitationRequest RevokeInvitationRequest BanGuestRequest UnbanGuestRequest
        DisconnectGuestRequest DeleteGuestRequest CreateResetCodeRequest SetRoleRequest ResolveReportRequest;
    often: ListInvitationsRequest ListAccountsRequest GetAccountRequest ListReportsRequest
        ListAuditEntriesRequest
}

impl AdminApi {
    /// For the owner of the machine; `url` is what links carry.
    pub fn for_host(moderation: Moderation, url: PublicUrl) -> Self {
        Self { moderation, url, gate: Gate::Owner, deadline: UNARY_DEADLINE }
    }

    /// For admins, by access token; each call ends after `deadline`.
    pub fn for_admins(
        moderation: Moderation,
        url: PublicUrl,
        authenticator: Arc<Authenticator>,
        deadline: Duration,
    ) -> Self {
        Self { moderation, url, gate: Gate::Admins(authenticator), deadline }
    }

    async fn actor(&self, metadata: &MetadataMap) -> Result<Actor, Error> {
        match &self.gate {
            Gate::Owner => Ok(Actor::Host),
            Gate::Admins(authenticator) => {
                let caller = authenticator.authenticate(metadata).await?;
                if !caller.admin {
                    return Err(Error::PermissionDenied);
                }
                Ok(Actor::Admin { id: caller.guest, name: caller.name })
            }
        }
    }

    /// Does `work` for who may ask, within the deadline.
    async fn serve<'a, Q: Asked + Clone, A, F>(
        &'a self,
        action: &'static str,
        request: Request<Q>,
        work: impl FnOnce(&'a Moderation, Asking, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<A, Error>>,
    {
        let answer = async {
            let by = self.actor(request.metadata()).await?;
            let asked = request.into_inner();
            let asking = Asking {
                by,
                action,
                request_id: wire::request_id(asked.request_id().unwrap_or_default())?,
                payload: asked.encode_to_vec(),
            };
            work(&self.moderation, asking, asked).await
        };
        let done = tokio::time::timeout(self.deadline, answer).await;
        Ok(Response::new(done.unwrap_or(Err(Error::Deadline { limit: self.deadline }))?))
    }
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    async fn create_invitation(
        &self,
        request: Request<v1::CreateInvitationRequest>,
    ) -> Result<Response<v1::CreateInvitationResponse>, Status> {
        let url = &self.url;
        self.serve("CreateInvitation", request, async move |moderation, asking, asked| {
            let (invitation, code) = moderation.invite(&asking, wire::inviting(asked)).await?;
            Ok(wire::created(invitation, code, url))
        })
        .await
    }

    async fn list_invitations(
        &self,
        request: Request<v1::ListInvitationsRequest>,
    ) -> Result<Response<v1::ListInvitationsResponse>, Status> {
        self.serve("ListInvitations", request, async |moderation, _, asked| {
            let page = wire::Page::of(asked.page_size, &asked.page_token)?;
            let found = moderation.invitations(page.after, page.ask_for()).await?;
            let (invitations, next_page_token) = page.cut(found, |last| last.id.to_string());
            let invitations = wire::invitations(invitations);
            Ok(v1::ListInvitationsResponse { invitations, next_page_token })
        })
        .await
    }

    async fn revoke_invitation(
        &self,
        request: Request<v1::RevokeInvitationRequest>,
    ) -> Result<Response<v1::RevokeInvitationResponse>, Status> {
        self.serve("RevokeInvitation", request, async |moderation, asking, asked| {
            let id = wire::id("invitation_id", &asked.invitation_id)?;
            moderation.revoke_invitation(&asking, id).await?;
            Ok(v1::RevokeInvitationResponse {})
        })
        .await
    }

    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        self.serve("ListAccounts", request, async |moderation, _, asked| {
            let page = wire::Page::<wire::Name>::of(asked.page_size, &asked.page_token)?;
            let after = page.after.clone().map(|wire::Name(name)| name);
            let found = moderation.accounts(after, page.ask_for()).await?;
            let (found, next_page_token) = page.cut(found, |(last, _)| last.name.clone());
            let accounts =
                found.into_iter().map(|(account, online)| wire::account(account, online)).collect();
            Ok(v1::ListAccountsResponse { accounts, next_page_token })
        })
        .await
    }

    async fn get_account(
        &self,
        request: Request<v1::GetAccountRequest>,
    ) -> Result<Response<v1::GetAccountResponse>, Status> {
        self.serve("GetAccount", request, async |moderation, _, asked| {
            let details = moderation.account(&asked.account.checked()?).await?;
            Ok(wire::details(details))
        })
        .await
    }

    async fn ban_guest(
        &self,
        request: Request<v1::BanGuestRequest>,
    ) -> Result<Response<v1::BanGuestResponse>, Status> {
        self.serve("BanGuest", request, async |moderation, asking, asked| {
            let named = asked.account.checked()?;
            moderation.ban(&asking, &named, wire::note("reason", asked.reason)?).await?;
            Ok(v1::BanGuestResponse {})
        })
        .await
    }

    async fn unban_guest(
        &self,
        request: Request<v1::UnbanGuestRequest>,
    ) -> Result<Response<v1::UnbanGuestResponse>, Status> {
        self.serve("UnbanGuest", request, async |moderation, asking, asked| {
            moderation.unban(&asking, &asked.account.checked()?).await?;
            Ok(v1::UnbanGuestResponse {})
        })
        .await
    }

    async fn disconnect_guest(
        &self,
        request: Request<v1::DisconnectGuestRequest>,
    ) -> Result<Response<v1::DisconnectGuestResponse>, Status> {
        self.serve("DisconnectGuest", request, async |moderation, asking, asked| {
            let sessions_ended = moderation.disconnect(&asking, &asked.account.checked()?).await?;
            Ok(v1::DisconnectGuestResponse { sessions_ended })
        })
        .await
    }

    async fn delete_guest(
        &self,
        request: Request<v1::DeleteGuestRequest>,
    ) -> Result<Response<v1::DeleteGuestResponse>, Status> {
        self.serve("DeleteGuest", request, async |moderation, asking, asked| {
            moderation.delete(&asking, &asked.account.checked()?).await?;
            Ok(v1::DeleteGuestResponse {})
        })
        .await
    }

    async fn create_reset_code(
        &self,
        request: Request<v1::CreateResetCodeRequest>,
    ) -> Result<Response<v1::CreateResetCodeResponse>, Status> {
        self.serve("CreateResetCode", request, async |moderation, asking, asked| {
            let made = moderation.create_reset_code(&asking, &asked.account.checked()?).await?;
            Ok(v1::CreateResetCodeResponse { code: made.code, expires_at: Some(made.expires_at.into()) })
        })
        .await
    }

    async fn set_role(
        &self,
        request: Request<v1::SetRoleRequest>,
    ) -> Result<Response<v1::SetRoleResponse>, Status> {
        self.serve("SetRole", request, async |moderation, asking, asked| {
            let role = wire::role(asked.role)?;
            moderation.set_role(&asking, &asked.account.checked()?, role).await?;
            Ok(v1::SetRoleResponse {})
        })
        .await
    }

    async fn list_reports(
        &self,
        request: Request<v1::ListReportsRequest>,
    ) -> Result<Response<v1::ListReportsResponse>, Status> {
        self.serve("ListReports", request, async |moderation, _, asked| {
            let page = wire::Page::of(asked.page_size, &asked.page_token)?;
            let found = moderation.reports(asked.include_resolved, page.after, page.ask_for()).await?;
            let (found, next_page_token) = page.cut(found, |last| last.report.id.to_string());
            let reports = found.into_iter().map(wire::report).collect();
            Ok(v1::ListReportsResponse { reports, next_page_token })
        })
        .await
    }

    async fn resolve_report(
        &self,
        request: Request<v1::ResolveReportRequest>,
    ) -> Result<Response<v1::ResolveReportResponse>, Status> {
        self.serve("ResolveReport", request, async |moderation, asking, asked| {
            let id = wire::id("report_id", &asked.report_id)?;
            moderation.resolve_report(&asking, id, wire::resolution(asked.resolution)?).await?;
            Ok(v1::ResolveReportResponse {})
        })
        .await
    }

    async fn list_audit_entries(
        &self,
        request: Request<v1::ListAuditEntriesRequest>,
    ) -> Result<Response<v1::ListAuditEntriesResponse>, Status> {
        self.serve("ListAuditEntries", request, async |moderation, _, asked| {
            let page = wire::Page::of(asked.page_size, &asked.page_token)?;
            let found = moderation.audit_entries(page.after, page.ask_for()).await?;
            let (found, next_page_token) = page.cut(found, |last| last.key.to_string());
            let entries = found.into_iter().map(wire::audit_entry).collect();
            Ok(v1::ListAuditEntriesResponse { entries, next_page_token })
        })
        .await
    }
}
