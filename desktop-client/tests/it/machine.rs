//! Who has the machine. Calls whose sound and pictures are measured have it for themselves: beside another call, two
//! cores starve both, and the measure would be of that. All other calls share it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Users {
    sharing: usize,
    alone: bool,
}

static USERS: Mutex<Users> = Mutex::new(Users { sharing: 0, alone: false });
static LEFT: Condvar = Condvar::new();

/// A failed test leaves nothing half done here.
fn users() -> MutexGuard<'static, Users> {
    USERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A share of the machine, until dropped.
pub(crate) struct Share(());

/// All of the machine, until dropped.
pub(crate) struct All(());

/// Waits while another test has the machine for itself.
pub(crate) fn shared() -> Share {
    let mut users = LEFT.wait_while(users(), |users| users.alone).unwrap_or_else(PoisonError::into_inner);
    users.sharing += 1;
    Share(())
}

/// Waits until no other test uses the machine.
pub(crate) fn alone() -> All {
    let free = |users: &mut Users| users.alone || users.sharing > 0;
    LEFT.wait_while(users(), free).unwrap_or_else(PoisonError::into_inner).alone = true;
    All(())
}

impl Drop for Share {
    fn drop(&mut self) {
        users().sharing -= 1;
        LEFT.notify_all();
    }
}

impl Drop for All {
    fn drop(&mut self) {
        users().alone = false;
        LEFT.notify_all();
    }
}
