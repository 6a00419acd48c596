//! The store's face.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use async_trait::async_trait;
use rrb_engine::audit::AuditRecord;
use rrb_engine::store::{
    ApprovalRow, Committed, DeliveryRow, DispositionRow, EventFilter, EventRow, JournalRow, Op, Recovered, Remembered,
    RunFilter, RunRow, SnapshotRow, Store, StoreError, TokenRow,
};
use rrb_lang::vm::protocol::Millis;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use crate::audit::Chain;
use crate::codec::signed;
use crate::fault::Fault;
use crate::files::Files;
use crate::options::{OpenError, Options, Stats};
use crate::readers::{self, Readers};
use crate::rows::{self, APPROVAL, DELIVERY, EVENT, RUN};
use crate::writer::{self, Job, Shared};
use crate::{open, ops, queries};

/// The state of one rrb in a folder. Dropping it lets what waits be written, and lets go of the folder.
#[derive(Debug)]
pub struct SqliteStore {
    /// None when it was opened for reading.
    writer: Option<Writer>,
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    options: Options,
}

#[derive(Debug)]
struct Writer {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

impl SqliteStore {
    /// Opens the state in `folder`, and makes it (0700, its files 0600) when there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong and what to do; nothing was deleted.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        let files = Files::of(folder);
        let opened = open::writing(&files, &options)?;
        let shared = Arc::new(Shared::default());
        let (jobs, waiting) = mpsc::channel(options.queue.max(1));
        let thread = std::thread::Builder::new()
            .name("rrb-store".to_owned())
            .spawn({
                let (options, shared) = (options.clone(), Arc::clone(&shared));
                move || writer::run(opened, &options, &shared, waiting)
            })
            .map_err(crate::files::io_error("start the writer for", folder))?;
        let readers = Readers::new(files, options.clone());
        Ok(Self { writer: Some(Writer { jobs, thread }), shared, readers, options })
    }

    /// Opens the state in `folder` for reading alone, beside a daemon or without one. Every commit is refused.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_reading(folder: &Path, options: Options) -> Result<Self, OpenError> {
        let files = Files::of(folder);
        open::reading(&files, &options)?;
        let readers = Readers::new(files, options.clone());
        Ok(Self { writer: None, shared: Arc::default(), readers, options })
    }

    /// What the writer has done so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.alive()?;
        self.readers.ask(question).await.map_err(readers::for_caller)
    }

    fn alive(&self) -> Result<(), StoreError> {
        match self.shared.failed.get() {
            Some(why) => Err(StoreError::Failed(why.clone())),
            None => Ok(()),
        }
    }

    /// Hands a commit to the writer unless too much waits already.
    fn enqueue(&self, ops: Vec<Op>) -> Result<oneshot::Receiver<Result<Committed, StoreError>>, StoreError> {
        self.alive()?;
        let Some(writer) = &self.writer else {
            return Err(StoreError::Failed("it was opened for reading".to_owned()));
        };
        let bytes = ops.iter().map(ops::size).sum();
        if bytes > self.options.max_commit {
            let most = self.options.max_commit;
            // Not the store's end: whoever asked for too much is refused.
            return Err(StoreError::TooLarge(format!("a commit of {bytes} bytes is larger than the {most} allowed")));
        }
        let full = |what: String| {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            Err(StoreError::Full(what))
        };
        let Ok(place) = writer.jobs.try_reserve() else {
            if writer.jobs.is_closed() {
                self.alive()?;
                return Err(StoreError::Failed("its writer stopped".to_owned()));
            }
            return full(format!("{} commits wait already", self.options.queue));
        };
        let before = self.shared.bytes.fetch_add(bytes, Ordering::AcqRel);
        // A large one that nothing waits before is let through.
        if before > 0 && before.saturating_add(bytes) > self.options.queue_bytes {
            self.shared.bytes.fetch_sub(bytes, Ordering::AcqRel);
            return full(format!("commits of {} bytes wait already", self.options.queue_bytes));
        }
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        let (answer, answered) = oneshot::channel();
        place.send(Job { ops, bytes, answer });
        Ok(answered)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Some(Writer { jobs, thread }) = self.writer.take() {
            drop(jobs);
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, ops: Vec<Op>) -> Result<Committed, StoreError> {
        match self.enqueue(ops)?.await {
            Ok(answer) => answer,
            Err(_) => {
                self.alive()?;
                Err(StoreError::Failed("its writer stopped before it answered".to_owned()))
            }
        }
    }

    async fn recover(&self) -> Result<Recovered, StoreError> {
        self.ask(queries::recover).await
    }

    async fn run(&self, id: &str) -> Result<Option<RunRow>, StoreError> {
        let id = id.to_owned();
        self.ask(move |db| rows::first(db, &format!("SELECT {RUN} FROM runs WHERE id = ?1"), [id], rows::run)).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, StoreError> {
        self.ask(move |db| queries::runs(db, filter)).await
    }

    async fn journal(&self, run: &str, after: u64) -> Result<Vec<JournalRow>, StoreError> {
        let run = run.to_owned();
        let sql = "SELECT run, seq, at, kind, effect, body FROM journal WHERE run = ?1 AND seq > ?2 ORDER BY seq";
        self.ask(move |db| rows::all(db, sql, params![run, signed(after)?], rows::journal)).await
    }

    async fn cursor(&self, source: &str, instance: &str) -> Result<Option<String>, StoreError> {
        let (source, instance) = (source.to_owned(), instance.to_owned());
        let sql = "SELECT cursor FROM cursors WHERE source = ?1 AND instance = ?2";
        self.ask(move |db| rows::first(db, sql, [source, instance], |r| r.get(0))).await
    }

    async fn snapshot(&self, run: &str) -> Result<Option<SnapshotRow>, StoreError> {
        let run = run.to_owned();
        let sql = "SELECT run, seq, bytes FROM snapshots WHERE run = ?1";
        self.ask(move |db| rows::first(db, sql, [run], rows::snapshot)).await
    }

    async fn program(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let id = id.to_owned();
        self.ask(move |db| rows::first(db, "SELECT bytes FROM programs WHERE id = ?1", [id], |r| r.get(0))).await
    }

    async fn event(&self, id: &str) -> Result<Option<EventRow>, StoreError> {
        let id = id.to_owned();
        self.ask(move |db| rows::first(db, &format!("SELECT {EVENT} FROM events WHERE id = ?1"), [id], rows::event))
            .await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, StoreError> {
        self.ask(move |db| queries::events(db, filter)).await
    }

    async fn events_since(
        &self,
        source: &str,
        since: Millis,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let source = source.to_owned();
        let sql = format!(
            "SELECT {EVENT} FROM events WHERE source = ?1 AND received >= ?2 ORDER BY received, n LIMIT ?3 OFFSET ?4"
        );
        self.ask(move |db| rows::all(db, &sql, params![source, since, limit, skip], rows::event)).await
    }

    async fn history(&self, since: Millis, skip: u32, limit: u32) -> Result<Vec<Remembered>, StoreError> {
        self.ask(move |db| queries::history(db, since, skip, limit)).await
    }

    async fn seen(&self, source: &str, sender_id: &str, since: Millis) -> Result<Option<String>, StoreError> {
        let (source, sender) = (source.to_owned(), sender_id.to_owned());
        let sql = "SELECT id FROM events WHERE source = ?1 AND sender_id = ?2 AND received >= ?3 ORDER BY received, n LIMIT 1";
        self.ask(move |db| rows::first(db, sql, params![source, sender, since], |r| r.get(0))).await
    }

    async fn dispositions(&self, event: &str) -> Result<Vec<DispositionRow>, StoreError> {
        let event = event.to_owned();
        let sql = "SELECT event, runbook, verdict, run, detail, at FROM dispositions WHERE event = ?1 ORDER BY n";
        self.ask(move |db| rows::all(db, sql, [event], rows::disposition)).await
    }

    async fn delivery(&self, id: &str) -> Result<Option<DeliveryRow>, StoreError> {
        let id = id.to_owned();
        let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE id = ?1");
        self.ask(move |db| rows::first(db, &sql, [id], rows::delivery)).await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeliveryRow>, StoreError> {
        self.ask(move |db| queries::dead_letters(db, limit)).await
    }

    async fn approval(&self, id: &str) -> Result<Option<ApprovalRow>, StoreError> {
        let id = id.to_owned();
        let sql = format!("SELECT {APPROVAL} FROM approvals WHERE id = ?1");
        self.ask(move |db| Ok(rows::approvals(db, &sql, [id])?.into_iter().next())).await
    }

    async fn approvals(&self, open_only: bool, limit: u32) -> Result<Vec<ApprovalRow>, StoreError> {
        self.ask(move |db| queries::approvals(db, open_only, limit)).await
    }

    async fn audit(&self, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, StoreError> {
        let run = run.map(str::to_owned);
        self.ask(move |db| rows::audit(db, after, queries::limit(limit), run.as_deref())).await
    }

    async fn audit_head(&self) -> Result<Option<(u64, String)>, StoreError> {
        self.ask(|db| Chain::load(db).map(|chain| Some((chain.seq, chain.hash)))).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let sql = "SELECT id, name, hash, scopes, user, created, expires, revoked FROM tokens ORDER BY n";
        self.ask(move |db| rows::all(db, sql, [], rows::token)).await
    }
}
