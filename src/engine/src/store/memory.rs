//! A store that forgets with its process: for tests, simulation and runs that nobody resumes. It keeps the rules of the durable
//! ones, and can be told to fail: [`MemoryStore::crash_at`] and [`MemoryStore::set_full`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use indexmap::IndexMap;
use rrb_lang::vm::protocol::Millis;

use super::told::{Told, told};
use super::{
    ApprovalRow, ApprovalState, Committed, DeliveryRow, DispositionRow, EventFilter, EventRow, JournalRow, MarkRow, Op,
    Recovered, Remembered, RunFilter, RunRow, RunStatus, SnapshotRow, Store, StoreError, TokenRow, WaitRow,
};
use crate::audit::{AuditRecord, GENESIS};

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

/// On which side of a commit the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Nothing of it was written.
    Before,
    /// All of it was written, nobody was told.
    After,
}

#[derive(Debug, Default)]
struct Inner {
    data: Data,
    commits: u64,
    rows_read: u64,
    crash: Option<(u64, Side)>,
    full: bool,
    dead: bool,
    /// What each commit held, when somebody wants to know.
    told: Option<Vec<Told>>,
}

#[derive(Debug, Clone, Default)]
struct Data {
    programs: HashMap<String, Vec<u8>>,
    deliveries: IndexMap<String, DeliveryRow>,
    events: IndexMap<String, EventRow>,
    senders: HashMap<(String, String), Vec<(Millis, String)>>,
    unmatched: IndexMap<String, ()>,
    dispositions: HashMap<String, Vec<DispositionRow>>,
    runs: IndexMap<String, RunRow>,
    open: IndexMap<String, ()>,
    journals: HashMap<String, Vec<JournalRow>>,
    snapshots: HashMap<String, SnapshotRow>,
    approvals: IndexMap<String, ApprovalRow>,
    marks: Vec<MarkRow>,
    waits: Vec<WaitRow>,
    targets: BTreeMap<String, String>,
    schedules: BTreeMap<String, Millis>,
    cursors: HashMap<(String, String), String>,
    tokens: IndexMap<String, TokenRow>,
    paused: HashSet<Option<String>>,
    audit: Vec<AuditRecord>,
    latest: Millis,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Dies at the commit number `commit`, from 1: this one and everything later answers [`StoreError::Failed`].
    pub fn crash_at(&self, commit: u64, side: Side) {
        self.lock().crash = Some((commit, side));
    }

    /// Remembers what each commit from now on holds.
    pub fn tell(&self) {
        self.lock().told = Some(Vec::new());
    }

    /// What the commits held since [`MemoryStore::tell`].
    pub fn told(&self) -> Vec<Told> {
        self.lock().told.clone().unwrap_or_default()
    }

    /// From now on commits answer [`StoreError::Full`], or no longer.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Forgets a run that is over, with its journal: for those who keep of it what they want.
    pub fn forget(&self, run: &str) {
        let data = &mut self.lock().data;
        if data.runs.get(run).is_some_and(|r| r.status == RunStatus::Done) {
            data.runs.shift_remove(run);
            data.journals.remove(run);
            data.snapshots.remove(run);
        }
    }

    /// How many commits were tried.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// How many entries of journals were given out.
    pub fn rows_read(&self) -> u64 {
        self.lock().rows_read
    }

    /// Whether the planned crash has happened.
    pub fn crashed(&self) -> bool {
        self.lock().dead
    }

    /// What was durable, in a new store. The old one is dead from here on.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let mut inner = self.lock();
        inner.dead = true;
        let data = inner.data.clone();
        Self { inner: Mutex::new(Inner { data, ..Inner::default() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, look: impl FnOnce(&Data) -> T) -> Result<T, StoreError> {
        let inner = self.lock();
        if inner.dead {
            return Err(gone());
        }
        Ok(look(&inner.data))
    }
}

fn gone() -> StoreError {
    StoreError::Failed("it was closed by a crash".to_owned())
}

impl Inner {
    fn commit(&mut self, ops: Vec<Op>) -> Result<Committed, StoreError> {
        if self.dead {
            return Err(gone());
        }
        if self.full {
            return Err(StoreError::Full("the disk is full".to_owned()));
        }
        self.commits += 1;
        if let Some(all) = &mut self.told {
            all.push(told(&ops));
        }
        let side = self.crash.filter(|(at, _)| *at == self.commits).map(|(_, side)| side);
        if side == Some(Side::Before) {
            self.dead = true;
            return Err(gone());
        }
        self.data.check(&ops)?;
        for op in ops {
            self.data.apply(op);
        }
        if side == Some(Side::After) {
            self.dead = true;
            return Err(gone());
        }
        Ok(Committed { audit_seq: self.data.audit.len() as u64 })
    }
}

impl Data {
    /// Refuses the whole batch before anything is applied.
    fn check(&self, ops: &[Op]) -> Result<(), StoreError> {
        let mut next: HashMap<&str, u64> = HashMap::new();
        let mut put: HashSet<&str> = HashSet::new();
        for op in ops {
            match op {
                Op::PutRun(run) => {
                    put.insert(&run.id);
                }
                Op::SetRun { id, .. } if !put.contains(id.as_str()) && !self.runs.contains_key(id) => {
                    return Err(StoreError::Failed(format!("there is no run `{id}` to change")));
                }
                Op::AppendJournal(row) => {
                    let stored = self.journals.get(&row.run).map_or(0, |j| j.len() as u64);
                    let expected = next.entry(&row.run).or_insert(stored + 1);
                    if row.seq != *expected {
                        let text = format!("entry {} of run `{}` is not the next one, {expected}", row.seq, row.run);
                        return Err(StoreError::Failed(text));
                    }
                    *expected += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn saw(&mut self, at: Millis) {
        self.latest = self.latest.max(at);
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::PutProgram { id, bytes } => {
                self.programs.insert(id, bytes);
            }
            Op::PutDelivery(row) => {
                self.saw(row.at);
                self.deliveries.insert(row.id.clone(), row);
            }
            Op::PutEvent(row) => self.put_event(row),
            Op::EventMatched { id } => {
                self.unmatched.shift_remove(&id);
            }
            Op::PutDisposition(row) => {
                self.saw(row.at);
                self.dispositions.entry(row.event.clone()).or_default().push(row);
            }
            Op::PutRun(row) => self.put_run(row),
            Op::SetRun { id, status, at, end } => self.set_run(&id, status, at, end),
            Op::AppendJournal(row) => {
                self.saw(row.at);
                self.journals.entry(row.run.clone()).or_default().push(row);
            }
            Op::PutSnapshot(row) => {
                self.snapshots.insert(row.run.clone(), row);
            }
            Op::DropSnapshot { run } => {
                self.snapshots.remove(&run);
            }
            Op::PutMark(mark) => {
                self.saw(mark.at);
                self.marks.push(mark);
            }
            Op::DropMarks { before } => self.marks.retain(|m| m.at >= before),
            Op::PutWait(row) => {
                if !self.waits.contains(&row) {
                    self.waits.push(row);
                }
            }
            Op::DropWait { window, event } => self.waits.retain(|w| w.window != window || w.event != event),
            Op::HoldTarget { target, run, at } => {
                self.saw(at);
                self.targets.insert(target, run);
            }
            Op::ReleaseTargets { run } => self.targets.retain(|_, holder| *holder != run),
            Op::PutCursor { source, instance, cursor } => {
                self.cursors.insert((source, instance), cursor);
            }
            Op::PutSchedule { key, fired } => {
                self.schedules.insert(key, fired);
            }
            Op::SetPaused { runbook, paused } => {
                if paused {
                    self.paused.insert(runbook);
                } else {
                    self.paused.remove(&runbook);
                }
            }
            Op::Audit(draft) => {
                self.saw(draft.at);
                let prev = self.audit.last().map_or(GENESIS, |r| r.hash.as_str());
                let record = AuditRecord::seal(self.audit.len() as u64 + 1, prev, draft);
                self.audit.push(record);
            }
            people => self.apply_people(people),
        }
    }

    fn apply_people(&mut self, op: Op) {
        match op {
            Op::PutApproval(row) => {
                self.saw(row.asked);
                let votes = self.approvals.get(&row.id).map(|old| old.votes.clone());
                let votes = votes.unwrap_or_else(|| row.votes.clone());
                self.approvals.insert(row.id.clone(), ApprovalRow { votes, ..row });
            }
            Op::PutVote(vote) => {
                self.saw(vote.at);
                if let Some(row) = self.approvals.get_mut(&vote.approval) {
                    row.votes.push(vote);
                }
            }
            Op::CloseApproval { id, state, at } => {
                self.saw(at);
                if let Some(row) = self.approvals.get_mut(&id) {
                    row.state = state;
                    row.closed = (state != ApprovalState::Open).then_some(at);
                }
            }
            Op::PutToken(row) => {
                self.tokens.insert(row.id.clone(), row);
            }
            Op::RevokeToken { id, at } => {
                if let Some(row) = self.tokens.get_mut(&id) {
                    row.revoked = Some(at);
                }
            }
            _ => {}
        }
    }

    fn put_event(&mut self, row: EventRow) {
        self.saw(row.received);
        if let Some(sender) = &row.sender_id {
            let known = self.senders.entry((row.source.clone(), sender.clone())).or_default();
            known.push((row.received, row.id.clone()));
        }
        self.unmatched.insert(row.id.clone(), ());
        self.events.insert(row.id.clone(), row);
    }

    fn put_run(&mut self, row: RunRow) {
        self.saw(row.updated);
        if row.status == RunStatus::Done {
            self.open.shift_remove(&row.id);
        } else {
            self.open.insert(row.id.clone(), ());
        }
        self.runs.insert(row.id.clone(), row);
    }

    fn set_run(&mut self, id: &str, status: RunStatus, at: Millis, end: Option<serde_json::Value>) {
        self.saw(at);
        if let Some(run) = self.runs.get_mut(id) {
            run.status = status;
            run.updated = at;
            if end.is_some() {
                run.end = end;
            }
        }
        if status == RunStatus::Done {
            self.open.shift_remove(id);
        }
    }

    fn recovered(&self) -> Recovered {
        Recovered {
            runs: self.open.keys().filter_map(|id| self.runs.get(id).cloned()).collect(),
            unmatched: self.unmatched.keys().filter_map(|id| self.events.get(id).cloned()).collect(),
            approvals: self.approvals.values().filter(|a| a.state == ApprovalState::Open).cloned().collect(),
            marks: self.marks.clone(),
            waits: self.waits.iter().filter_map(|w| Some((w.clone(), self.events.get(&w.event)?.clone()))).collect(),
            targets: self.targets.iter().map(|(t, r)| (t.clone(), r.clone())).collect(),
            schedules: self.schedules.iter().map(|(k, at)| (k.clone(), *at)).collect(),
            paused: self.paused.iter().cloned().collect(),
            latest: self.latest,
        }
    }
}

fn at_most(limit: u32) -> usize {
    if limit == 0 { 100 } else { limit as usize }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, ops: Vec<Op>) -> Result<Committed, StoreError> {
        self.lock().commit(ops)
    }

    async fn recover(&self) -> Result<Recovered, StoreError> {
        self.read(Data::recovered)
    }

    async fn run(&self, id: &str) -> Result<Option<RunRow>, StoreError> {
        self.read(|d| d.runs.get(id).cloned())
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, StoreError> {
        let fits = |r: &RunRow| {
            filter.runbook.as_ref().is_none_or(|b| *b == r.runbook)
                && filter.status.is_none_or(|s| s == r.status)
                && filter.event.as_ref().is_none_or(|e| Some(e) == r.event.as_ref())
                && (!filter.open_only || r.status != RunStatus::Done)
        };
        self.read(|d| d.runs.values().rev().filter(|r| fits(r)).take(at_most(filter.limit)).cloned().collect())
    }

    async fn journal(&self, run: &str, after: u64) -> Result<Vec<JournalRow>, StoreError> {
        let rows: Vec<JournalRow> =
            self.read(|d| d.journals.get(run).into_iter().flatten().filter(|r| r.seq > after).cloned().collect())?;
        self.lock().rows_read += rows.len() as u64;
        Ok(rows)
    }

    async fn cursor(&self, source: &str, instance: &str) -> Result<Option<String>, StoreError> {
        self.read(|d| d.cursors.get(&(source.to_owned(), instance.to_owned())).cloned())
    }

    async fn snapshot(&self, run: &str) -> Result<Option<SnapshotRow>, StoreError> {
        self.read(|d| d.snapshots.get(run).cloned())
    }

    async fn program(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|d| d.programs.get(id).cloned())
    }

    async fn event(&self, id: &str) -> Result<Option<EventRow>, StoreError> {
        self.read(|d| d.events.get(id).cloned())
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, StoreError> {
        let fits = |e: &EventRow| {
            filter.source.as_ref().is_none_or(|s| *s == e.source) && filter.since.is_none_or(|at| e.received >= at)
        };
        self.read(|d| d.events.values().rev().filter(|e| fits(e)).take(at_most(filter.limit)).cloned().collect())
    }

    async fn events_since(
        &self,
        source: &str,
        since: Millis,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let fits = |e: &&EventRow| e.received >= since && e.source == source;
        self.read(|d| {
            let mut rows: Vec<&EventRow> = d.events.values().filter(fits).collect();
            rows.sort_by_key(|e| e.received);
            rows.into_iter().skip(skip as usize).take(limit as usize).cloned().collect()
        })
    }

    async fn history(&self, since: Millis, skip: u32, limit: u32) -> Result<Vec<Remembered>, StoreError> {
        let became = |d: &Data, id: &str| d.dispositions.get(id).cloned().unwrap_or_default();
        self.read(|d| {
            let mut rows: Vec<&EventRow> = d.events.values().filter(|e| e.received >= since).collect();
            rows.sort_by_key(|e| e.received);
            let page = rows.into_iter().skip(skip as usize).take(limit as usize);
            page.map(|e| (e.clone(), became(d, &e.id))).collect()
        })
    }

    async fn seen(&self, source: &str, sender_id: &str, since: Millis) -> Result<Option<String>, StoreError> {
        let key = (source.to_owned(), sender_id.to_owned());
        self.read(|d| {
            d.senders.get(&key).and_then(|known| known.iter().rev().find(|(at, _)| *at >= since)).map(|k| k.1.clone())
        })
    }

    async fn dispositions(&self, event: &str) -> Result<Vec<DispositionRow>, StoreError> {
        self.read(|d| d.dispositions.get(event).cloned().unwrap_or_default())
    }

    async fn delivery(&self, id: &str) -> Result<Option<DeliveryRow>, StoreError> {
        self.read(|d| d.deliveries.get(id).cloned())
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeliveryRow>, StoreError> {
        let dead =
            |d: &Data| d.deliveries.values().rev().filter(|r| r.dead.is_some()).take(at_most(limit)).cloned().collect();
        self.read(dead)
    }

    async fn approval(&self, id: &str) -> Result<Option<ApprovalRow>, StoreError> {
        self.read(|d| d.approvals.get(id).cloned())
    }

    async fn approvals(&self, open_only: bool, limit: u32) -> Result<Vec<ApprovalRow>, StoreError> {
        let fits = |a: &&ApprovalRow| !open_only || a.state == ApprovalState::Open;
        self.read(|d| d.approvals.values().filter(fits).take(at_most(limit)).cloned().collect())
    }

    async fn audit(&self, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, StoreError> {
        let fits = |r: &&AuditRecord| r.seq > after && run.is_none_or(|id| r.draft.run.as_deref() == Some(id));
        self.read(|d| d.audit.iter().filter(fits).take(at_most(limit)).cloned().collect())
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.read(|d| d.tokens.values().cloned().collect())
    }
}

/// Stores in memory, for the suites that hold stores to their rules.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug, Clone, Copy)]
pub struct Memory;

#[cfg(any(test, feature = "testing"))]
#[async_trait]
impl super::conformance::Subject for Memory {
    type Store = MemoryStore;

    async fn fresh(&self) -> MemoryStore {
        MemoryStore::new()
    }

    async fn reopen(&self, store: MemoryStore) -> MemoryStore {
        store.reopen()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[tokio::test]
    async fn conforms() {
        conformance::all(&Memory).await;
    }

    #[tokio::test]
    async fn dies_on_either_side_of_a_commit() {
        for (side, kept) in [(Side::Before, false), (Side::After, true)] {
            let store = MemoryStore::new();
            store.crash_at(2, side);
            let put = |id: &str| vec![Op::PutProgram { id: id.to_owned(), bytes: vec![1] }];
            store.commit(put("a")).await.unwrap();
            assert!(matches!(store.commit(put("b")).await, Err(StoreError::Failed(_))));
            assert!(matches!(store.commit(put("c")).await, Err(StoreError::Failed(_))));
            assert!(store.program("a").await.is_err());
            let store = store.reopen();
            assert!(store.program("a").await.unwrap().is_some());
            assert_eq!(store.program("b").await.unwrap().is_some(), kept);
            assert_eq!(store.program("c").await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn refuses_while_full_and_goes_on_after() {
        let store = MemoryStore::new();
        let put = || vec![Op::PutProgram { id: "a".to_owned(), bytes: vec![1] }];
        store.set_full(true);
        assert!(matches!(store.commit(put()).await, Err(StoreError::Full(_))));
        assert_eq!(store.program("a").await.unwrap(), None);
        store.set_full(false);
        store.commit(put()).await.unwrap();
    }
}
