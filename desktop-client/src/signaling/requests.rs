//! What is asked beside the session, one answer for each: history, blocks, reports, one's own account, further pages of
//! the hall. Each runs as a task of its own, and is tried again under the same `request_id` while the way is broken.

use super::account::Client;
use super::wire;
use crate::backoff;
use crate::error::{ClientError, ErrorKind};
use crate::view::{Act, BlockedGuest, DeviceLogin, HallRow, PastCall, ReportReason, Secret};
use castle::ids::{CallId, GuestId, LoginId};
use castle::limits::UNARY_DEADLINE;
use castle::v1::{self, ErrorReason};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tonic::metadata::{Ascii, MetadataValue};

mod own;

pub use own::DocumentKeeper;

/// Calls of the history in one answer.
const CALLS_PAGE: u32 = 50;
/// Guests in one page of the hall: the most that the server gives.
const GUESTS_PAGE: u32 = 200;
/// Blocked guests are asked for in pages as large as the server gives, and there are at most a thousand.
const BLOCKED_PAGES_MAX: usize = 5;
/// A request that does not come through is given up after this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same where the answer may be long.
const PATIENCE_LONG: Duration = Duration::from_secs(60);

/// What can be asked.
#[derive(Debug, Clone)]
pub enum Request {
    /// My calls, newest first.
    Calls {
        /// From the last answer; empty for the newest.
        page: String,
    },
    /// Erase all of them.
    EraseCalls,
    /// Whom I blocked.
    Blocked,
    /// Block a guest.
    Block(GuestId),
    /// Take it back.
    Unblock(GuestId),
    /// Tell the host about a guest.
    Report {
        /// Whom.
        guest: GuestId,
        /// In which call.
        call: Option<CallId>,
        /// Why.
        reason: ReportReason,
        /// In the person's words.
        words: String,
    },
    /// Change the password.
    ChangePassword {
        /// The one until now.
        old: Secret,
        /// The new one.
        new: Secret,
    },
    /// Be shown by this name; empty: by the login name.
    Rename(String),
    /// Where I am logged in.
    Logins,
    /// End one of these logins.
    EndLogin(LoginId),
    /// All that is kept about me, for this keeper.
    Export(DocumentKeeper),
    /// Erase my account.
    Erase(Secret),
}

/// What a request is about, to know it again by its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// My account.
    Account(Act),
    /// My calls from this page on.
    Calls {
        /// Empty for the newest.
        page: String,
    },
    /// Whom I blocked.
    Blocked,
    /// Whether this guest is blocked.
    Block(GuestId),
    /// The end of all that is known of my calls.
    EraseCalls,
}

impl Request {
    /// What it is about.
    pub fn topic(&self) -> Topic {
        Topic::Account(match self {
            Self::ChangePassword { .. } => Act::ChangePassword,
            Self::Rename(_) => Act::Rename,
            Self::Logins => Act::List,
            Self::EndLogin(login) => Act::LogOut(*login),
            Self::Export(_) => Act::Export,
            Self::Erase(_) => Act::Erase,
            Self::Report { .. } => Act::Report,
            Self::Calls { page } => return Topic::Calls { page: page.clone() },
            Self::Blocked => return Topic::Blocked,
            Self::Block(guest) | Self::Unblock(guest) => return Topic::Block(*guest),
            Self::EraseCalls => return Topic::EraseCalls,
        })
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// My calls.
    Calls {
        /// They are the newest, not a further page.
        first: bool,
        /// Newest first.
        calls: Vec<PastCall>,
        /// When the newest of them ended, by the server's clock.
        until: Option<SystemTime>,
        /// For the next page; empty on the last.
        next: String,
    },
    /// All of them are erased.
    CallsErased,
    /// Whom I blocked.
    Blocked(Vec<BlockedGuest>),
    /// They are blocked now, or (false) no more.
    Blocks(GuestId, bool),
    /// The host will read it.
    Reported,
    /// The new password is good.
    PasswordChanged,
    /// This is what people see of me now.
    Renamed(String),
    /// Where I am logged in.
    Logins(Vec<DeviceLogin>),
    /// This login is over.
    LoginEnded(LoginId),
    /// Where the document is; or, where it could not be written, where it should have been.
    Exported(Result<PathBuf, PathBuf>),
    /// My account is no more.
    Erased,
}

/// A part of the hall beyond what is watched.
#[derive(Debug, Clone)]
pub(super) struct HallPages {
    pub(super) query: String,
    /// Where to begin; empty for the beginning.
    pub(super) after: String,
    pub(super) count: usize,
}

enum Wish {
    Request(Request),
    Page(v1::ListGuestsRequest),
}

impl Wish {
    fn patience(&self) -> Duration {
        if matches!(self, Self::Request(Request::Export(_))) { PATIENCE_LONG } else { PATIENCE }
    }

    /// Whether this refusal of a second try says that the first one did it, and only its answer was lost.
    fn was_done(&self, first: &ClientError, refusal: &ClientError) -> bool {
        matches!(self, Self::Request(Request::Erase(_)))
            && first.is_transient()
            && refusal.kind == ErrorKind::Refused(ErrorReason::LoginEnded)
    }
}

enum Given {
    Answer(Answer),
    Page(v1::ListGuestsResponse),
}

/// The service as one login may ask it.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) client: Client,
    pub(super) bearer: watch::Receiver<MetadataValue<Ascii>>,
}

impl Desk {
    /// Asks, and asks again while only the way is at fault.
    pub(super) async fn ask(mut self, request: Request) -> Result<Answer, ClientError> {
        match self.patiently(Wish::Request(request)).await? {
            Given::Answer(answer) => Ok(answer),
            Given::Page(_) => Err(ErrorKind::Protocol.into()),
        }
    }

    /// The rows of some pages, and the token of the page after them.
    pub(super) async fn pages(mut self, wanted: HallPages) -> Result<(Vec<HallRow>, String), ClientError> {
        let (mut rows, mut page_token) = (Vec::new(), wanted.after);
        for number in 0..wanted.count {
            if number > 0 && page_token.is_empty() {
                break;
            }
            let page =
                v1::ListGuestsRequest { query: wanted.query.clone(), page_size: GUESTS_PAGE, page_token };
            let Given::Page(page) = self.patiently(Wish::Page(page)).await? else {
                return Err(ErrorKind::Protocol.into());
            };
            rows.extend(page.guests.into_iter().filter_map(wire::hall_row));
            page_token = page.next_page_token;
        }
        Ok((rows, page_token))
    }

    async fn patiently(&mut self, wish: Wish) -> Result<Given, ClientError> {
        let id = wire::new_request_id();
        let mut last = ClientError::from(ErrorKind::Timeout);
        let asking = async {
            for attempt in 0.. {
                match self.ask_once(&wish, &id).await {
                    Err(error) if attempt > 0 && wish.was_done(&last, &error) => {
                        return Ok(Given::Answer(Answer::Erased));
                    }
                    Err(error) if error.kind == ErrorKind::Refused(ErrorReason::TokenExpired) => {
                        last = error;
                        // The session renews it; when that ends, nothing more is answered.
                        if self.bearer.changed().await.is_err() {
                            break;
                        }
                    }
                    Err(error) if error.is_transient() && error.retry_after.is_none() => {
                        last = error;
                        let pause = backoff::delay(attempt, &mut rand::rng());
                        tokio::time::sleep(pause).await;
                    }
                    done => return done,
                }
            }
            Err(ErrorKind::Unreachable.into())
        };
        match tokio::time::timeout(wish.patience(), asking).await {
            Ok(done) => done,
            Err(_) => Err(last),
        }
    }

    fn signed<T>(&mut self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(UNARY_DEADLINE);
        request.metadata_mut().insert("authorization", self.bearer.borrow_and_update().clone());
        request
    }

    async fn ask_once(&mut self, wish: &Wish, id: &str) -> Result<Given, ClientError> {
        match wish {
            Wish::Request(request) => self.ask_for(request, id).await.map(Given::Answer),
            Wish::Page(page) => {
                let request = self.signed(page.clone());
                Ok(Given::Page(self.client.list_guests(request).await?.into_inner()))
            }
        }
    }

    async fn ask_for(&mut self, request: &Request, id: &str) -> Result<Answer, ClientError> {
        let request_id = id.to_owned();
        Ok(match request {
            Request::Calls { page } => self.calls(page).await?,
            Request::EraseCalls => {
                let request = self.signed(v1::EraseCallsRequest { call_ids: Vec::new(), request_id });
                self.client.erase_calls(request).await?;
                Answer::CallsErased
            }
            Request::Blocked => Answer::Blocked(self.blocked().await?),
            Request::Block(guest) => {
                let request = self.signed(v1::BlockRequest { guest_id: guest.to_string(), request_id });
                self.client.block(request).await?;
                Answer::Blocks(*guest, true)
            }
            Request::Unblock(guest) => {
                let request = self.signed(v1::UnblockRequest { guest_id: guest.to_string(), request_id });
                self.client.unblock(request).await?;
                Answer::Blocks(*guest, false)
            }
            Request::Report { guest, call, reason, words } => {
                let request = self.signed(v1::ReportRequest {
                    guest_id: guest.to_string(),
                    call_id: call.map(|call| call.to_string()).unwrap_or_default(),
                    reason: wire::report_reason(*reason).into(),
                    text: words.clone(),
                    request_id,
                });
                self.client.report(request).await?;
                Answer::Reported
            }
            Request::ChangePassword { old, new } => self.change_password(old, new, request_id).await?,
            Request::Rename(name) => self.rename(name, request_id).await?,
            Request::Logins => self.logins().await?,
            Request::EndLogin(login) => self.end_login(*login, request_id).await?,
            Request::Export(keeper) => self.export(keeper).await?,
            Request::Erase(password) => self.erase(password).await?,
        })
    }

    async fn calls(&mut self, page: &str) -> Result<Answer, ClientError> {
        let request = self.signed(v1::ListCallsRequest {
            missed_only: false,
            page_size: CALLS_PAGE,
            page_token: page.to_owned(),
        });
        let response = self.client.list_calls(request).await?.into_inner();
        let ended = response.calls.iter().filter_map(|call| SystemTime::try_from(call.ended_at?).ok());
        Ok(Answer::Calls {
            first: page.is_empty(),
            until: ended.max(),
            calls: response.calls.into_iter().filter_map(wire::past_call).collect(),
            next: response.next_page_token,
        })
    }

    async fn blocked(&mut self) -> Result<Vec<BlockedGuest>, ClientError> {
        let (mut guests, mut page_token) = (Vec::new(), String::new());
        for _ in 0..BLOCKED_PAGES_MAX {
            let request = self.signed(v1::ListBlockedRequest { page_size: GUESTS_PAGE, page_token });
            let response = self.client.list_blocked(request).await?.into_inner();
            guests.extend(response.guests.into_iter().filter_map(wire::blocked_guest));
            page_token = response.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(guests)
    }
}
