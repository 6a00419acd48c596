//! The store of a backtest: what the engine must find again is in memory, what is only written down is handed over and forgotten.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use rrb_engine::audit::AuditRecord;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::store::{
    ApprovalRow, Committed, DeliveryRow, DispositionRow, EventFilter, EventRow, JournalRow, Op, Recovered, Remembered,
    RunFilter, RunRow, SnapshotRow, Store, StoreError, TokenRow,
};
use rrb_lang::vm::protocol::Millis;

/// What was decided since it was last asked.
#[derive(Debug, Default)]
pub struct Decided {
    pub dispositions: Vec<DispositionRow>,
    pub runs: Vec<RunRow>,
    /// Firings of schedules, which are events too.
    pub fired: Vec<EventRow>,
}

/// Keeps what the engine needs, and collects decisions.
#[derive(Default)]
pub struct Ledger {
    kept: MemoryStore,
    decided: Mutex<Decided>,
}

impl Ledger {
    /// What was decided since the last time.
    pub fn take(&self) -> Decided {
        std::mem::take(&mut *self.decided.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets a run that is over: everything of it was taken.
    pub fn forget(&self, run: &str) {
        self.kept.forget(run);
    }

    fn collect(&self, ops: Vec<Op>) -> Vec<Op> {
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = Vec::with_capacity(ops.len());
        for op in ops {
            match op {
                // Nobody reads the log of what did not happen.
                Op::Audit(_) | Op::EventMatched { .. } => {}
                Op::PutDisposition(row) => decided.dispositions.push(row),
                Op::PutEvent(row) if row.source == rrb_engine::matcher::SCHEDULE => decided.fired.push(row),
                Op::PutEvent(_) => {}
                Op::PutRun(row) => {
                    decided.runs.push(row.clone());
                    rest.push(Op::PutRun(row));
                }
                other => rest.push(other),
            }
        }
        rest
    }
}

#[async_trait]
impl Store for Ledger {
    async fn commit(&self, ops: Vec<Op>) -> Result<Committed, StoreError> {
        let rest = self.collect(ops);
        self.kept.commit(rest).await
    }

    async fn recover(&self) -> Result<Recovered, StoreError> {
        self.kept.recover().await
    }

    async fn run(&self, id: &str) -> Result<Option<RunRow>, StoreError> {
        self.kept.run(id).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, StoreError> {
        self.kept.runs(filter).await
    }

    async fn journal(&self, run: &str, after: u64) -> Result<Vec<JournalRow>, StoreError> {
        self.kept.journal(run, after).await
    }

    async fn cursor(&self, source: &str, instance: &str) -> Result<Option<String>, StoreError> {
        self.kept.cursor(source, instance).await
    }

    async fn snapshot(&self, run: &str) -> Result<Option<SnapshotRow>, StoreError> {
        self.kept.snapshot(run).await
    }

    async fn program(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.kept.program(id).await
    }

    async fn event(&self, id: &str) -> Result<Option<EventRow>, StoreError> {
        self.kept.event(id).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, StoreError> {
        self.kept.events(filter).await
    }

    async fn events_since(
        &self,
        source: &str,
        since: Millis,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.kept.events_since(source, since, skip, limit).await
    }

    async fn history(&self, since: Millis, skip: u32, limit: u32) -> Result<Vec<Remembered>, StoreError> {
        self.kept.history(since, skip, limit).await
    }

    async fn seen(&self, source: &str, sender_id: &str, since: Millis) -> Result<Option<String>, StoreError> {
        self.kept.seen(source, sender_id, since).await
    }

    async fn dispositions(&self, event: &str) -> Result<Vec<DispositionRow>, StoreError> {
        self.kept.dispositions(event).await
    }

    async fn delivery(&self, id: &str) -> Result<Option<DeliveryRow>, StoreError> {
        self.kept.delivery(id).await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeliveryRow>, StoreError> {
        self.kept.dead_letters(limit).await
    }

    async fn approval(&self, id: &str) -> Result<Option<ApprovalRow>, StoreError> {
        self.kept.approval(id).await
    }

    async fn approvals(&self, open_only: bool, limit: u32) -> Result<Vec<ApprovalRow>, StoreError> {
        self.kept.approvals(open_only, limit).await
    }

    async fn audit(&self, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, StoreError> {
        self.kept.audit(after, limit, run).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.kept.tokens().await
    }
}
