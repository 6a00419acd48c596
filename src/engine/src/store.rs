//! What the engine keeps, as operations on a store. One [`Store::commit`] is one atomic, durable transaction.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod memory;
pub mod told;

use std::fmt;

use async_trait::async_trait;
use rrb_lang::vm::protocol::Millis;
use serde::{Deserialize, Serialize};

use crate::audit::{AuditDraft, AuditRecord};

/// Keeps the engine's state. Implementations: SQLite (`rrb-store`), memory (`rrb_engine::store::memory`, for tests and simulation).
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Applies all operations in one transaction, with the audit records sealed into the chain in the same one. Durable when it
    /// returns `Ok`. Commits of several callers may share one flush; each is all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the queue of waiting commits or the disk is full and nothing was written;
    /// [`StoreError::TooLarge`] when this one is too large, and nothing was written;
    /// [`StoreError::Failed`] when the store can no longer be trusted: the process must stop issuing effects and be restarted.
    async fn commit(&self, ops: Vec<Op>) -> Result<Committed, StoreError>;

    /// Whatever the engine must know to go on after a start.
    async fn recover(&self) -> Result<Recovered, StoreError>;

    async fn run(&self, id: &str) -> Result<Option<RunRow>, StoreError>;
    /// Newest first.
    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, StoreError>;
    /// Entries of a run with `seq > after`, in order.
    async fn journal(&self, run: &str, after: u64) -> Result<Vec<JournalRow>, StoreError>;
    /// Where a source that rrb reads by itself is to go on.
    async fn cursor(&self, source: &str, instance: &str) -> Result<Option<String>, StoreError>;
    /// The latest snapshot of a run.
    async fn snapshot(&self, run: &str) -> Result<Option<SnapshotRow>, StoreError>;
    async fn program(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError>;
    async fn event(&self, id: &str) -> Result<Option<EventRow>, StoreError>;
    /// Newest first.
    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, StoreError>;
    /// The events of a source received since `since`, oldest first, without the first `skip` of them.
    async fn events_since(
        &self,
        source: &str,
        since: Millis,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError>;
    /// The events received since `since`, oldest first, each with what became of it in the order in which that was written; without the
    /// first `skip` of them.
    async fn history(&self, since: Millis, skip: u32, limit: u32) -> Result<Vec<Remembered>, StoreError>;
    /// Whether an event of this source with this sender's id came since `since`.
    async fn seen(&self, source: &str, sender_id: &str, since: Millis) -> Result<Option<String>, StoreError>;
    async fn dispositions(&self, event: &str) -> Result<Vec<DispositionRow>, StoreError>;
    async fn delivery(&self, id: &str) -> Result<Option<DeliveryRow>, StoreError>;
    /// Dead letters, newest first.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeliveryRow>, StoreError>;
    async fn approval(&self, id: &str) -> Result<Option<ApprovalRow>, StoreError>;
    /// Oldest first; all, or just the open ones.
    async fn approvals(&self, open_only: bool, limit: u32) -> Result<Vec<ApprovalRow>, StoreError>;
    /// Records with `seq > after`, in order.
    async fn audit(&self, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, StoreError>;
    /// Number and hash of the last audit record, kept apart from the log, so that records cut off its end are missed. None when a
    /// store keeps no such mark.
    async fn audit_head(&self) -> Result<Option<(u64, String)>, StoreError> {
        Ok(None)
    }
    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError>;
}

/// An event with what became of it.
pub type Remembered = (EventRow, Vec<DispositionRow>);

/// What a commit gave back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    /// The audit number after this transaction.
    pub audit_seq: u64,
}

/// Why a store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written; the caller may try again later or refuse its own caller (503).
    #[error("the store is full: {0}")]
    Full(String),
    /// One commit is larger than the store takes; nothing was written, and to try the same again is of no use.
    #[error("{0}")]
    TooLarge(String),
    /// The store failed and must not be used any more.
    #[error("the store failed: {0}")]
    Failed(String),
    /// What was read is not what was written.
    #[error("the store holds something this version cannot read: {0}")]
    Corrupt(String),
}

/// One change of state.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Keeps a program under its content address; again is fine.
    PutProgram {
        id: String,
        bytes: Vec<u8>,
    },
    PutDelivery(DeliveryRow),
    /// An event, not yet matched.
    PutEvent(EventRow),
    /// The matcher has seen this event; `PutDisposition`s stand in the same commit.
    EventMatched {
        id: String,
    },
    PutDisposition(DispositionRow),
    PutRun(RunRow),
    /// Changes status, and end when given.
    SetRun {
        id: String,
        status: RunStatus,
        at: Millis,
        end: Option<serde_json::Value>,
    },
    /// Refused as [`StoreError::Failed`] when `seq` is not the next of its run.
    AppendJournal(JournalRow),
    /// Replaces the run's snapshot.
    PutSnapshot(SnapshotRow),
    DropSnapshot {
        run: String,
    },
    /// A new approval, or an old one anew: then the votes it has stay.
    PutApproval(ApprovalRow),
    PutVote(VoteRow),
    CloseApproval {
        id: String,
        state: ApprovalState,
        at: Millis,
    },
    /// Something counted by `dedupe`, `limit` or `give up`, or a run that is to be cancelled.
    PutMark(MarkRow),
    /// Forgets marks older than this.
    DropMarks {
        before: Millis,
    },
    /// An event waits in a window of a trigger; again is fine.
    PutWait(WaitRow),
    /// It waits there no longer, in whatever role.
    DropWait {
        window: String,
        event: String,
    },
    HoldTarget {
        target: String,
        run: String,
        at: Millis,
    },
    ReleaseTargets {
        run: String,
    },
    /// Replaces the place of a source that rrb reads by itself.
    PutCursor {
        source: String,
        instance: String,
        cursor: String,
    },
    /// When a schedule last fired, by its nominal time.
    PutSchedule {
        key: String,
        fired: Millis,
    },
    PutToken(TokenRow),
    RevokeToken {
        id: String,
        at: Millis,
    },
    /// New runs stop, running ones hold at the next effect (`None`: all runbooks).
    SetPaused {
        runbook: Option<String>,
        paused: bool,
    },
    Audit(AuditDraft),
}

/// What [`Store::recover`] gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovered {
    /// Runs that are not over, oldest first.
    pub runs: Vec<RunRow>,
    /// Events whose matching did not commit, oldest first.
    pub unmatched: Vec<EventRow>,
    pub approvals: Vec<ApprovalRow>,
    pub marks: Vec<MarkRow>,
    /// Events that wait in windows, in the order in which they began to.
    pub waits: Vec<(WaitRow, EventRow)>,
    /// `(target, run)`
    pub targets: Vec<(String, String)>,
    pub schedules: Vec<(String, Millis)>,
    pub paused: Vec<Option<String>>,
    /// The latest time the store has seen: the engine's clock never reads less.
    pub latest: Millis,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Waits for its place (`concurrency … queue`).
    Queued,
    Running,
    /// Waits for time, people, or a target.
    Waiting,
    /// A call's outcome is unknown; a person must say.
    Parked,
    /// Cancelled or timed out; undo or handlers are at work.
    Ending,
    Done,
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Ending => "ending",
            Self::Done => "done",
        })
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    pub id: String,
    pub runbook: String,
    /// Content address of its program.
    pub program: String,
    pub status: RunStatus,
    pub requester: String,
    pub event: Option<String>,
    /// `RunInput` as JSON, for the engine alone: no answer has it, and it changes from version to version.
    #[serde(default, skip_serializing)]
    pub input: serde_json::Value,
    /// Parameters by name: records and maps as objects, sizes and durations with their unit, a secret as its reference.
    pub params: serde_json::Value,
    /// The key of `concurrency`, if the runbook has one.
    pub concurrency_key: Option<String>,
    pub created: Millis,
    pub updated: Millis,
    /// `RunEnd` as JSON.
    pub end: Option<serde_json::Value>,
}

/// How the id of a run begins that a daemon in shadow started.
pub const SHADOW: &str = "shadow";

/// Whether this is the id of a run that a daemon in shadow started: it says what it would do, and does none of it.
pub fn is_shadow(run: &str) -> bool {
    run.strip_prefix(SHADOW).is_some_and(|rest| rest.starts_with('_'))
}

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFilter {
    pub runbook: Option<String>,
    pub status: Option<RunStatus>,
    pub event: Option<String>,
    /// Only those that are not done.
    pub open_only: bool,
    /// 0 means 100.
    pub limit: u32,
}

/// An entry of a run's journal: an intent, an outcome, a cancellation, the start or the end, with the notes before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalRow {
    pub run: String,
    /// From 1, without gaps.
    pub seq: u64,
    pub at: Millis,
    /// `start intent outcome abandon cancel note attempt resume end`
    pub kind: String,
    /// The effect's id as text; empty where there is none.
    pub effect: String,
    /// What it says, as JSON (see `run::journal`).
    pub body: serde_json::Value,
}

/// A machine put to rest.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotRow {
    pub run: String,
    /// The last journal entry it contains.
    pub seq: u64,
    pub bytes: Vec<u8>,
}

/// What a sender delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRow {
    pub id: String,
    pub at: Millis,
    /// `alertmanager`: the connector.
    pub source: String,
    pub instance: String,
    pub path: String,
    #[serde(with = "serde_bytes_text")]
    pub body: Vec<u8>,
    pub headers: serde_json::Value,
    /// Why nothing could be read from it; none when it was read.
    pub dead: Option<String>,
}

/// A typed event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    pub id: String,
    pub delivery: Option<String>,
    /// `alertmanager.firing`
    pub source: String,
    pub instance: String,
    /// The sender's id, by which repeats are known.
    pub sender_id: Option<String>,
    /// The source's time, never later than `received`.
    pub at: Millis,
    pub received: Millis,
    /// The value of `emit` as JSON.
    pub payload: serde_json::Value,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFilter {
    pub source: Option<String>,
    pub since: Option<Millis>,
    /// 0 means 100.
    pub limit: u32,
}

/// What a runbook's triggers made of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispositionRow {
    pub event: String,
    pub runbook: String,
    /// `started queued cancelled taken where with dedupe give_up limit policy concurrency paused error duplicate no_trigger`, and of
    /// triggers on several events `waiting answered joined expired max_keys`.
    pub verdict: String,
    pub run: Option<String>,
    /// The clause and the values that decided, for people.
    pub detail: String,
    pub at: Millis,
}

/// An approval that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRow {
    pub id: String,
    pub run: String,
    pub runbook: String,
    /// The effect's id as text.
    pub effect: String,
    /// `ApprovalAsk` as JSON.
    pub ask: serde_json::Value,
    pub digest: String,
    pub requester: String,
    pub asked: Millis,
    pub expires: Millis,
    pub state: ApprovalState,
    pub closed: Option<Millis>,
    pub votes: Vec<VoteRow>,
}

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    Open,
    Approved,
    Denied,
    Expired,
    /// The run no longer waits for it.
    Void,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoteRow {
    pub approval: String,
    /// The user of the project, not the account or token.
    pub person: String,
    pub approve: bool,
    pub comment: String,
    /// How they showed who they are: `token:ana-laptop`, `terminal`.
    pub method: String,
    pub at: Millis,
}

/// Something counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MarkRow {
    /// `dedupe limit ineffective cancel`
    pub kind: String,
    pub runbook: String,
    pub key: String,
    pub at: Millis,
    pub run: String,
}

/// An event that waits in a window of a trigger for others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WaitRow {
    /// The runbook and the trigger as written.
    pub window: String,
    pub event: String,
    /// `first`, `second`, or `one` where a trigger has one event.
    pub role: String,
}

/// An API token; the secret itself is nowhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenRow {
    pub id: String,
    pub name: String,
    /// SHA-256, hex, of the secret part.
    pub hash: String,
    pub scopes: Vec<String>,
    /// The person it speaks for, if any.
    pub user: Option<String>,
    pub created: Millis,
    pub expires: Option<Millis>,
    pub revoked: Option<Millis>,
}

mod serde_bytes_text {
    //! Bytes as text where they are text, so that a person can read a stored delivery.
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&String::from_utf8_lossy(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        String::deserialize(d).map(String::into_bytes)
    }
}
