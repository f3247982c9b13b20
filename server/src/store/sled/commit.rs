//! How a write becomes durable: one thread decides the writes one after the other, a second one syncs the disk once
//! for all the writers that wait, and only then they are answered.
//!
//! Owns the order of writes and the promise that an answer is on disk. Never knows what is written.

use super::tables::Tx;
use crate::error::Error;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Writers that wait at once; more wait for a place. As many as can be hashing and refreshing.
const QUEUE: usize = 1024;

/// Decides one write. Its answer waits for the disk, unless nothing was changed.
type Job = Box<dyn FnOnce(&sled::Db) -> Option<Answer> + Send>;
/// Tells a writer that the disk has it, or why not.
type Answer = Box<dyn FnOnce(&Result<(), String>) + Send>;

/// The two threads. Dropping it waits for the writes that were taken.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Writer {
    /// Starts both. `sync` returns when all that was written to `db` before is on disk. `failed` is cancelled when
    /// it cannot, or a thread panics: nothing is acknowledged from then on.
    pub(super) fn start(
        db: sled::Db,
        sync: impl FnMut() -> Result<(), String> + Send + 'static,
        failed: &CancellationToken,
    ) -> std::io::Result<Self> {
        let (jobs, decided) = mpsc::channel(QUEUE);
        let (answers, waiting) = sync_channel(QUEUE);
        let (first, second) = (failed.clone(), failed.clone());
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let deciding = thread("store-write").spawn(move || decide(decided, &db, &answers, first))?;
        let syncing = thread("store-commit").spawn(move || commit(&waiting, sync, second))?;
        Ok(Self { jobs: Some(jobs), threads: vec![deciding, syncing] })
    }

    /// Runs `work` as one step and returns when what it changed is on disk. What refuses changes nothing and
    /// returns at once.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (writer, answer) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            let done = Tx::run(db, work);
            if done.as_ref().is_err_and(|error| !matches!(error, Error::Internal { .. })) {
                // A writer that was cancelled does not listen any more; nor below.
                let _ = writer.send(done);
                return None;
            }
            Some(Box::new(move |synced: &Result<(), String>| {
                let durable =
                    synced.clone().map_err(|cause| Error::internal("making a write durable", &cause));
                let _ = writer.send(durable.and(done));
            }))
        });
        let jobs = self.jobs.as_ref().expect("the writer runs until it is dropped");
        let gone = || Error::internal("writing to the store", &"it has failed before");
        jobs.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

fn decide(
    mut jobs: mpsc::Receiver<Job>,
    db: &sled::Db,
    answers: &SyncSender<Answer>,
    failed: CancellationToken,
) {
    let failed = failed.drop_guard();
    while let Some(job) = jobs.blocking_recv() {
        if let Some(answer) = job(db)
            && answers.send(answer).is_err()
        {
            return; // the disk has failed, and that was said
        }
    }
    failed.disarm();
}

/// One sync for all that wait. Ends when the store is dropped or the disk fails.
fn commit(
    waiting: &Receiver<Answer>,
    mut sync: impl FnMut() -> Result<(), String>,
    failed: CancellationToken,
) {
    let failed = failed.drop_guard();
    while let Ok(first) = waiting.recv() {
        let batch: Vec<Answer> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let synced = sync();
        for answer in batch {
            answer(&synced);
        }
        if let Err(cause) = synced {
            tracing::error!("the store cannot be written: {cause}");
            return;
        }
    }
    failed.disarm();
}

#[cfg(test)]
mod tests {
    use super::super::tables::Table;
    use super::*;
    use std::sync::mpsc::RecvTimeoutError;
    use std::time::Duration;
    use tokio::task::JoinSet;

    const ROWS: Table<u32> = Table::named("rows");

    /// A writer whose disk does what the test tells it, once for each sync; and says when it is asked to.
    fn writer(
        dir: &std::path::Path,
        failed: &CancellationToken,
    ) -> (Writer, SyncSender<Result<(), String>>, Receiver<()>) {
        let (told, tell) = sync_channel(0);
        let (asked, asks) = sync_channel(16);
        let sync = move || {
            asked.send(()).unwrap();
            tell.recv().unwrap()
        };
        (Writer::start(sled::open(dir).unwrap(), sync, failed).unwrap(), told, asks)
    }

    fn put(n: u32) -> impl FnOnce(&mut Tx<'_>) -> Result<(), Error> {
        move |tx| {
            tx.put(&ROWS, n.to_be_bytes(), &n);
            Ok(())
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_sync_serves_all_who_wait_and_nobody_is_answered_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let failed = CancellationToken::new();
        let (writer, disk, asks) = writer(dir.path(), &failed);
        let writer = std::sync::Arc::new(writer);
        let mut writers = JoinSet::new();
        let mut spawn = |n| {
            let writer = std::sync::Arc::clone(&writer);
            writers.spawn(async move { writer.write(put(n)).await });
        };
        spawn(0);
        asks.recv().unwrap();
        (1..=100).for_each(&mut spawn);
        // A write that refuses comes last through the queue, and needs no disk: all before it are decided now.
        while writer
            .write(|tx| {
                Err::<(), _>(if tx.scan(&ROWS, b"", None)?.count() == 101 {
                    Error::NameTaken
                } else {
                    Error::Banned
                })
            })
            .await
            != Err(Error::NameTaken)
        {}
        assert!(writers.try_join_next().is_none(), "nobody is answered while the disk works");
        disk.send(Ok(())).unwrap();
        assert_eq!(writers.join_next().await.unwrap().unwrap(), Ok(()));
        asks.recv().unwrap();
        assert!(writers.try_join_next().is_none(), "the first sync was for the first alone");
        disk.send(Ok(())).unwrap();
        while let Some(answered) = writers.join_next().await {
            assert_eq!(answered.unwrap(), Ok(()));
        }
        assert_eq!(
            asks.recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Timeout),
            "two syncs for 101 writers"
        );
        assert!(!failed.is_cancelled());
    }

    #[tokio::test]
    async fn a_disk_that_fails_is_said_and_nothing_is_acknowledged_from_then_on() {
        let dir = tempfile::tempdir().unwrap();
        let failed = CancellationToken::new();
        let (writer, disk, _asks) = writer(dir.path(), &failed);
        let told = std::thread::spawn(move || disk.send(Err("no space left".to_owned())));
        assert!(matches!(writer.write(put(1)).await, Err(Error::Internal { .. })));
        told.join().unwrap().unwrap();
        failed.cancelled().await;
        assert!(matches!(writer.write(put(2)).await, Err(Error::Internal { .. })));
        assert!(matches!(writer.write(put(3)).await, Err(Error::Internal { .. })));
    }

    #[tokio::test]
    async fn a_panic_in_a_step_ends_the_store_instead_of_hanging_it() {
        let dir = tempfile::tempdir().unwrap();
        let failed = CancellationToken::new();
        let (writer, _disk, _asks) = writer(dir.path(), &failed);
        let panics = writer.write(|_| -> Result<(), Error> { panic!("a broken invariant") });
        assert!(matches!(panics.await, Err(Error::Internal { .. })));
        failed.cancelled().await;
    }

    #[test]
    fn an_orderly_end_is_no_failure() {
        let dir = tempfile::tempdir().unwrap();
        let failed = CancellationToken::new();
        drop(writer(dir.path(), &failed));
        assert!(!failed.is_cancelled());
    }
}
