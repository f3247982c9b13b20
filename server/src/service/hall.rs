//! `CastleService.ListGuests`: from wire types to a page of the hall and back.

use crate::auth::Caller;
use crate::error::Error;
use crate::hub::{HubHandle, Listing};
use crate::session::wire;
use crate::store::{BlocksOf, Store};
use castle::limits::HALL_PAGE;
use castle::v1;

const PAGE_DEFAULT: u32 = 100;

/// Who is there, as the caller may see it.
///
/// Errors: `InvalidField`, `Draining`.
pub async fn list_guests(
    hub: &HubHandle,
    store: &dyn Store,
    caller: &Caller,
    asked: v1::ListGuestsRequest,
) -> Result<v1::ListGuestsResponse, Error> {
    let v1::ListGuestsRequest { query, page_size, page_token } = asked;
    let size = page_size_of(page_size, PAGE_DEFAULT, HALL_PAGE)?;
    let watch = wire::watch("", v1::WatchHall { watch: 0, query, page_token })?;
    let BlocksOf { blocked, blocked_by } = store.blocks_of(caller.guest).await?;
    let blocked = blocked.into_iter().chain(blocked_by).collect();
    let listing = Listing { guest: caller.guest, watch, size, blocked };
    let page = hub.list_guests(listing).await?;
    Ok(v1::ListGuestsResponse {
        guests: page.rows.iter().map(wire::hall_guest).collect(),
        guest_count: wire::count(page.guest_count),
        next_page_token: page.next.unwrap_or_default(),
    })
}

/// How many rows are asked for; 0 is `default`.
///
/// Errors: `InvalidField`.
pub(super) fn page_size_of(asked: u32, default: u32, max: usize) -> Result<usize, Error> {
    let size = if asked == 0 { default } else { asked } as usize;
    if size > max {
        return Err(Error::field("page_size", format!("is more than {max}")));
    }
    Ok(size)
}
