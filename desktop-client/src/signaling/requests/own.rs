//! What is asked about my own account: the name that people see, the password, the logins, all that is kept, its end.

use super::{Answer, Desk, GUESTS_PAGE};
use crate::error::{ClientError, ErrorKind};
use crate::signaling::wire;
use crate::view::Secret;
use castle::ids::LoginId;
use castle::v1;
use std::path::PathBuf;
use std::sync::Arc;

/// The largest document about one account that is taken, bytes: far more than a server keeps.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Writes the document about an account down. Tells where it is; or, where it could not be written, where it should
/// have been. May block.
#[derive(Clone)]
pub struct DocumentKeeper(Arc<Keep>);

type Keep = dyn Fn(&[u8]) -> Result<PathBuf, PathBuf> + Send + Sync;

impl DocumentKeeper {
    /// One that keeps by this.
    pub fn new(keep: impl Fn(&[u8]) -> Result<PathBuf, PathBuf> + Send + Sync + 'static) -> Self {
        Self(Arc::new(keep))
    }
}

impl std::fmt::Debug for DocumentKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DocumentKeeper(…)")
    }
}

impl Desk {
    pub(super) async fn change_password(
        &mut self,
        old: &Secret,
        new: &Secret,
        request_id: String,
    ) -> Result<Answer, ClientError> {
        let request = self.signed(v1::ChangePasswordRequest {
            password: old.0.clone(),
            new_password: new.0.clone(),
            request_id,
        });
        self.client.change_password(request).await?;
        Ok(Answer::PasswordChanged)
    }

    pub(super) async fn rename(&mut self, name: &str, request_id: String) -> Result<Answer, ClientError> {
        let request = self.signed(v1::SetDisplayNameRequest { display_name: name.to_owned(), request_id });
        let response = self.client.set_display_name(request).await?.into_inner();
        Ok(Answer::Renamed(response.guest.ok_or(ErrorKind::Protocol)?.display_name))
    }

    /// One page holds them all: a guest has no more logins than that.
    pub(super) async fn logins(&mut self) -> Result<Answer, ClientError> {
        let page_token = String::new();
        let request = self.signed(v1::ListDevicesRequest { page_size: GUESTS_PAGE, page_token });
        let response = self.client.list_devices(request).await?.into_inner();
        Ok(Answer::Logins(response.devices.into_iter().filter_map(wire::device_login).collect()))
    }

    pub(super) async fn end_login(
        &mut self,
        login: LoginId,
        request_id: String,
    ) -> Result<Answer, ClientError> {
        let request = self.signed(v1::RevokeDeviceRequest { device_id: login.to_string(), request_id });
        self.client.revoke_device(request).await?;
        Ok(Answer::LoginEnded(login))
    }

    pub(super) async fn export(&mut self, keeper: &DocumentKeeper) -> Result<Answer, ClientError> {
        let request = self.signed(v1::ExportAccountRequest {});
        let mut pieces = self.client.export_account(request).await?.into_inner();
        let mut document = Vec::new();
        while let Some(piece) = pieces.message().await? {
            document.extend_from_slice(&piece.json);
            if document.len() > DOCUMENT_BYTES_MAX {
                return Err(ErrorKind::Protocol.into());
            }
        }
        let keeper = keeper.clone();
        let kept = tokio::task::spawn_blocking(move || (keeper.0)(&document)).await;
        Ok(Answer::Exported(kept.map_err(|_| ErrorKind::Protocol)?))
    }

    pub(super) async fn erase(&mut self, password: &Secret) -> Result<Answer, ClientError> {
        let request = self.signed(v1::DeleteAccountRequest { password: password.0.clone() });
        self.client.delete_account(request).await?;
        Ok(Answer::Erased)
    }
}
