//! The one writer: takes the commits that wait, applies each under a savepoint, flushes once, then answers all.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rrb_engine::store::{Committed, Op, StoreError};
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use crate::fault::Fault;
use crate::open::Opened;
use crate::ops::{self, Head};
use crate::options::{Options, Phase, Stats};

/// Operations between two checkpoints of the write-ahead log.
const CHECKPOINT_OPS: usize = 2_000;

/// Bytes between two checkpoints.
const CHECKPOINT_BYTES: usize = 4 << 20;

/// A commit that waits.
pub(crate) struct Job {
    pub ops: Vec<Op>,
    pub bytes: usize,
    pub answer: oneshot::Sender<Result<Committed, StoreError>>,
}

/// What the writer shares with its callers.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Why the store is at its end, once it is.
    pub failed: OnceLock<String>,
    pub bytes: AtomicUsize,
    pub groups: AtomicU64,
    pub commits: AtomicU64,
    pub ops: AtomicU64,
    pub micros: AtomicU64,
    pub refused: AtomicU64,
    pub waiting: AtomicU64,
}

impl Shared {
    pub fn stats(&self) -> Stats {
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Stats {
            groups: get(&self.groups),
            commits: get(&self.commits),
            ops: get(&self.ops),
            micros: get(&self.micros),
            refused: get(&self.refused),
            waiting: get(&self.waiting),
        }
    }

    fn taken(&self, job: &Job) {
        self.bytes.fetch_sub(job.bytes, Ordering::AcqRel);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Marks the store failed when the thread ends by a panic.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.failed.set("its writer stopped".to_owned());
        }
    }
}

/// Runs until every sender is gone or the store fails.
pub(crate) fn run(opened: Opened, options: &Options, shared: &Arc<Shared>, mut jobs: mpsc::Receiver<Job>) {
    let Opened { db, head, lock } = opened;
    let _guard = Guard(Arc::clone(shared));
    let mut writer = Writer { db, head, options, shared, number: 0, since: (0, 0) };
    while let Some(first) = jobs.blocking_recv() {
        let group = writer.gather(first, &mut jobs);
        if let Err(why) = writer.group(group) {
            fail(shared, &why, &mut jobs);
            // Closing would checkpoint: move pages that nobody knows to be on disk.
            std::mem::forget(writer.db);
            drop(lock);
            return;
        }
    }
    if let Err(e) = writer.db.wal_checkpoint_v2(Some("main"), CheckpointMode::TRUNCATE) {
        tracing::warn!(error = %e, "the write-ahead log was not folded in at the end; the next start does it");
    }
    drop(writer);
    drop(lock);
}

fn fail(shared: &Shared, why: &str, jobs: &mut mpsc::Receiver<Job>) {
    tracing::error!(why, "the store failed: no effect is started any more; restart rrb");
    let _ = shared.failed.set(why.to_owned());
    jobs.close();
    while let Some(job) = jobs.blocking_recv() {
        shared.taken(&job);
        let _ = job.answer.send(Err(StoreError::Failed(why.to_owned())));
    }
}

struct Writer<'a> {
    db: Connection,
    head: Head,
    options: &'a Options,
    shared: &'a Shared,
    /// Transactions so far.
    number: u64,
    /// Operations and bytes since the last checkpoint.
    since: (usize, usize),
}

/// A caller and what its commit will be answered when the transaction is durable.
type Pending = (oneshot::Sender<Result<Committed, StoreError>>, Result<Committed, StoreError>);

impl Writer<'_> {
    /// The first job and those that wait behind it, up to the size of a group.
    fn gather(&self, first: Job, jobs: &mut mpsc::Receiver<Job>) -> Vec<Job> {
        self.shared.taken(&first);
        let mut ops = first.ops.len();
        let mut group = vec![first];
        while group.len() < self.options.group_commits && ops < self.options.group_ops {
            let Ok(job) = jobs.try_recv() else { break };
            self.shared.taken(&job);
            ops += job.ops.len();
            group.push(job);
        }
        group
    }

    /// One transaction.
    ///
    /// # Errors
    /// Why the store is at its end; everybody in the group has an answer.
    fn group(&mut self, group: Vec<Job>) -> Result<(), String> {
        let began = Instant::now();
        self.number += 1;
        self.phase(Phase::Begun);
        let before = self.head.clone();
        let (ops, bytes) = group.iter().fold((0, 0), |(o, b), j| (o + j.ops.len(), b + j.bytes));
        let mut pending: Vec<Pending> = Vec::with_capacity(group.len());
        let mut jobs = group.into_iter();
        let done = self.transact(&before, &mut jobs, &mut pending);
        let answer = match done {
            Ok(()) => {
                self.phase(Phase::Committed);
                self.count(&pending, ops, began);
                self.since = (self.since.0 + ops, self.since.1 + bytes);
                pending.into_iter().for_each(|(caller, answer)| drop(caller.send(answer)));
                self.phase(Phase::Answered);
                return self.checkpoint();
            }
            Err(fault) => {
                self.head = before;
                self.undo(fault)
            }
        };
        // A commit refused for its own sake keeps its reason.
        for (caller, own) in pending {
            let _ = caller.send(own.and_then(|_| Err(answer.clone())));
        }
        jobs.for_each(|job| drop(job.answer.send(Err(answer.clone()))));
        match answer {
            StoreError::Full(_) | StoreError::TooLarge(_) => Ok(()),
            StoreError::Failed(why) | StoreError::Corrupt(why) => Err(why),
        }
    }

    fn transact(
        &mut self,
        before: &Head,
        jobs: &mut impl Iterator<Item = Job>,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Fault> {
        self.db.execute_batch("BEGIN IMMEDIATE")?;
        for job in jobs {
            match self.batch(job.ops) {
                Ok(committed) => pending.push((job.answer, Ok(committed))),
                Err(Fault::Caller(why)) => pending.push((job.answer, Err(StoreError::Failed(why)))),
                Err(fault) => {
                    pending.push((job.answer, Ok(Committed::default())));
                    return Err(fault);
                }
            }
        }
        if self.head != *before {
            self.db
                .prepare_cached("UPDATE head SET audit_seq = ?1, audit_hash = ?2, latest = ?3")?
                .execute(params![crate::codec::signed(self.head.chain.seq)?, self.head.chain.hash, self.head.latest])?;
        }
        self.phase(Phase::Applied);
        self.db.execute_batch("COMMIT")?;
        Ok(())
    }

    /// One caller's operations: all or none.
    fn batch(&mut self, ops: Vec<Op>) -> Result<Committed, Fault> {
        let before = self.head.clone();
        self.db.execute_batch("SAVEPOINT batch")?;
        match ops.into_iter().try_for_each(|op| ops::apply(&self.db, op, &mut self.head)) {
            Ok(()) => {
                self.db.execute_batch("RELEASE batch")?;
                Ok(Committed { audit_seq: self.head.chain.seq })
            }
            Err(Fault::Caller(why)) => {
                self.head = before;
                self.db.execute_batch("ROLLBACK TO batch; RELEASE batch")?;
                Err(Fault::Caller(why))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Rolls a failed transaction back; the answer is what the fault means for everybody in it.
    fn undo(&self, fault: Fault) -> StoreError {
        let clean = self.db.is_autocommit() || self.db.execute_batch("ROLLBACK").is_ok();
        match fault {
            Fault::Full(why) if clean && self.db.is_autocommit() => StoreError::Full(why),
            Fault::Full(why) | Fault::Caller(why) | Fault::Fatal(why) | Fault::Unreadable(why) => {
                StoreError::Failed(why)
            }
        }
    }

    fn checkpoint(&mut self) -> Result<(), String> {
        if self.since.0 < CHECKPOINT_OPS && self.since.1 < CHECKPOINT_BYTES {
            return Ok(());
        }
        self.since = (0, 0);
        match self.db.wal_checkpoint_v2(Some("main"), CheckpointMode::PASSIVE).map_err(Fault::from) {
            Ok(_) => Ok(()),
            // The log keeps everything; a later checkpoint does the rest.
            Err(Fault::Full(why)) => {
                tracing::warn!(why, "the write-ahead log could not be folded in yet");
                Ok(())
            }
            Err(fault) => Err(StoreError::from(fault).to_string()),
        }
    }

    fn count(&self, pending: &[Pending], ops: usize, began: Instant) {
        let add = |n: &AtomicU64, by: u64| {
            n.fetch_add(by, Ordering::Relaxed);
        };
        let done = pending.iter().filter(|(_, answer)| answer.is_ok()).count();
        add(&self.shared.groups, 1);
        add(&self.shared.commits, u64::try_from(done).unwrap_or(u64::MAX));
        add(&self.shared.ops, u64::try_from(ops).unwrap_or(u64::MAX));
        add(&self.shared.micros, u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
    }

    fn phase(&self, phase: Phase) {
        if let Some(hook) = &self.options.on_commit {
            hook(self.number, phase);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Files;
    use crate::open;

    /// A writer on a database that may have `pages` more pages than it has.
    fn with_room(dir: &std::path::Path, pages: i64) -> (mpsc::Sender<Job>, Arc<Shared>, std::thread::JoinHandle<()>) {
        let options = Options::default();
        let opened = open::writing(&Files::of(dir), &options).unwrap();
        let now: i64 = opened.db.query_row("PRAGMA page_count", [], |r| r.get(0)).unwrap();
        let most: i64 =
            opened.db.query_row(&format!("PRAGMA max_page_count = {}", now + pages), [], |r| r.get(0)).unwrap();
        assert_eq!(most, now + pages);
        let shared = Arc::new(Shared::default());
        let (jobs, waiting) = mpsc::channel(8);
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || run(opened, &options, &shared, waiting)
        });
        (jobs, shared, thread)
    }

    fn commit(jobs: &mpsc::Sender<Job>, shared: &Shared, id: &str, bytes: usize) -> Result<Committed, StoreError> {
        let (answer, answered) = oneshot::channel();
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        shared.bytes.fetch_add(bytes, Ordering::AcqRel);
        let ops = vec![Op::PutProgram { id: id.to_owned(), bytes: vec![1; bytes] }];
        jobs.blocking_send(Job { ops, bytes, answer }).unwrap();
        answered.blocking_recv().unwrap()
    }

    #[test]
    fn a_full_disk_refuses_and_what_fits_still_goes() {
        let dir = tempfile::tempdir().unwrap();
        let (jobs, shared, thread) = with_room(&dir.path().join("state"), 20);
        commit(&jobs, &shared, "small", 100).unwrap();
        for _ in 0..3 {
            let full = commit(&jobs, &shared, "large", 200_000);
            assert!(matches!(&full, Err(StoreError::Full(why)) if why.contains("disk is full")), "{full:?}");
        }
        commit(&jobs, &shared, "fits", 4_000).unwrap();
        assert_eq!(shared.failed.get(), None);
        drop(jobs);
        thread.join().unwrap();
        let db = open::reading(&Files::of(&dir.path().join("state")), &Options::default()).unwrap();
        let kept: String =
            db.query_row("SELECT group_concat(id, ',' ORDER BY id) FROM programs", [], |r| r.get(0)).unwrap();
        assert_eq!(kept, "fits,small");
    }
}
