//! Who blocked whom, on disk: each block once for either end, so that both are found by a short scan.

use super::accounts::{ACCOUNTS, guest_key};
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::store::{Account, BlocksOf};
use castle::ids::GuestId;

/// By who blocked and whom.
const BLOCKS: Table<()> = Table::named("blocks");
/// By whom and who blocked.
const BLOCKED_BY: Table<()> = Table::named("blocked_by");

fn pair(a: GuestId, b: GuestId) -> Vec<u8> {
    [guest_key(a), guest_key(b)].concat()
}

impl View<'_> {
    fn others(&self, table: &Table<()>, guest: GuestId) -> Result<Vec<GuestId>, Error> {
        let rows = self.scan(table, &guest_key(guest), None)?;
        rows.map(|row| {
            let other = row?.0[16..].try_into().expect("every key of this table has 32 bytes");
            Ok(GuestId::from_bits(u128::from_be_bytes(other)))
        })
        .collect()
    }

    pub(super) fn blocks_of(&self, guest: GuestId) -> Result<BlocksOf, Error> {
        let blocked = self.others(&BLOCKS, guest)?;
        Ok(BlocksOf { blocked, blocked_by: self.others(&BLOCKED_BY, guest)? })
    }

    pub(super) fn blocked_accounts(&self, guest: GuestId) -> Result<Vec<Account>, Error> {
        let blocked = self.others(&BLOCKS, guest)?;
        let accounts: Result<Vec<_>, Error> = blocked.into_iter().map(|other| self.account(other)).collect();
        let mut accounts: Vec<Account> = accounts?.into_iter().flatten().collect();
        accounts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(accounts)
    }
}

impl Tx<'_> {
    pub(super) fn block(&mut self, by: GuestId, whom: GuestId, limit: usize) -> Result<(), Error> {
        if !self.has(&ACCOUNTS, guest_key(whom))? {
            return Err(Error::GuestUnknown);
        }
        if self.has(&BLOCKS, pair(by, whom))? {
            return Ok(());
        }
        if self.others(&BLOCKS, by)?.len() >= limit {
            return Err(Error::Limit { what: "blocked_guests", limit: limit as u64 });
        }
        self.put(&BLOCKS, pair(by, whom), &());
        self.put(&BLOCKED_BY, pair(whom, by), &());
        Ok(())
    }

    pub(super) fn unblock(&mut self, by: GuestId, whom: GuestId) {
        self.remove(&BLOCKS, pair(by, whom));
        self.remove(&BLOCKED_BY, pair(whom, by));
    }

    /// Forgets the blocks that concern a guest, when the guest is erased.
    pub(super) fn forget_blocks_of(&mut self, guest: GuestId) -> Result<(), Error> {
        let BlocksOf { blocked, blocked_by } = self.blocks_of(guest)?;
        for other in blocked {
            self.unblock(guest, other);
        }
        for other in blocked_by {
            self.unblock(other, guest);
        }
        Ok(())
    }
}
