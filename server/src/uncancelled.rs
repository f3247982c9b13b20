//! Work that goes on when nobody waits for it any more.
//!
//! A client may reset its call, or its deadline may pass, between a write and what follows from it: sessions to end,
//! a hall to tell. Owns that both happen or neither begins. Bounds nothing: who runs work here has bounded how much of
//! it one client can ask for.

use crate::error::Error;
use tokio_util::task::TaskTracker;

/// Runs work in tasks that a drain waits for.
#[derive(Debug, Clone, Default)]
pub struct Uncancelled(TaskTracker);

impl Uncancelled {
    /// On these tasks.
    pub fn on(tasks: TaskTracker) -> Self {
        Self(tasks)
    }

    /// Does `work` to its end, also where the returned future is dropped.
    ///
    /// Errors: those of `work`; `Internal` where it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let done = self.0.spawn(work).await;
        done.unwrap_or_else(|panicked| Err(Error::internal("carrying out a write", &panicked)))
    }
}

#[cfg(test)]
mod tests;
