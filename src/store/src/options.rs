//! How a store is opened, why it cannot be, and what it tells of itself.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The oldest SQLite that is safe: before 3.51.3 a checkpoint racing with a writer could lose committed pages (the WAL-reset bug).
pub const MIN_SQLITE: i32 = 3_051_003;

/// A hook that the writer calls at each [`Phase`] of its n-th transaction. It may end the thread (panic) or the process: that is a
/// crash at this place.
pub type CommitHook = Arc<dyn Fn(u64, Phase) + Send + Sync>;

/// Ceilings of a store. The defaults are those of the daemon.
#[derive(Clone)]
pub struct Options {
    /// Commits that wait for the writer; more are refused as full.
    pub queue: usize,
    /// Bytes of all waiting commits; more are refused as full, but one alone is always taken.
    pub queue_bytes: usize,
    /// Commits that share one transaction, at most.
    pub group_commits: usize,
    /// Operations in one transaction, at most; a single commit may have more.
    pub group_ops: usize,
    /// Bytes of one commit (a program, a snapshot, a delivery, an outcome); a larger one is refused as full.
    pub max_commit: usize,
    /// A database up to this many bytes is checked page by page when opened.
    pub check_up_to: u64,
    /// How long to wait for another process that holds the database.
    pub busy: Duration,
    /// For tests of crashes.
    pub on_commit: Option<CommitHook>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue: 1024,
            queue_bytes: 256 << 20,
            group_commits: 128,
            group_ops: 1000,
            max_commit: 512 << 20,
            check_up_to: 64 << 20,
            busy: Duration::from_secs(5),
            on_commit: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("queue", &self.queue)
            .field("queue_bytes", &self.queue_bytes)
            .field("group_commits", &self.group_commits)
            .field("group_ops", &self.group_ops)
            .field("max_commit", &self.max_commit)
            .field("check_up_to", &self.check_up_to)
            .field("busy", &self.busy)
            .field("on_commit", &self.on_commit.is_some())
            .finish()
    }
}

/// Where the writer stands in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing is written yet.
    Begun,
    /// Every operation is applied, nothing is committed.
    Applied,
    /// The transaction is durable, nobody knows yet.
    Committed,
    /// The callers have their answers.
    Answered,
}

impl Phase {
    /// Every phase in order.
    pub const ALL: [Phase; 4] = [Self::Begun, Self::Applied, Self::Committed, Self::Answered];
}

/// What the writer has done since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions, each with one flush.
    pub groups: u64,
    /// Commits that became durable.
    pub commits: u64,
    /// Their operations.
    pub ops: u64,
    /// Microseconds spent in transactions.
    pub micros: u64,
    /// Commits refused because the queue was full.
    pub refused: u64,
    /// Commits that wait now.
    pub waiting: u64,
}

/// Why a store could not be opened. Nothing on disk was changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the linked SQLite is {found}, which can lose committed data when a checkpoint races with a writer; 3.51.3 or newer is needed"
    )]
    OldSqlite { found: String },
    #[error(
        "the state folder `{}` is in use by another rrb ({holder}); stop that one, or choose another folder with `state` in `[serve]`",
        folder.display()
    )]
    Held { folder: PathBuf, holder: String },
    #[error(
        "the state folder `{}` is on a network file system ({kind}), where locks and flushes cannot be relied on; choose a local folder with `state` in `[serve]`",
        folder.display()
    )]
    Network { folder: PathBuf, kind: &'static str },
    #[error("the state folder `{}` can be written by every user of this machine; `chmod go-w` it", folder.display())]
    Exposed { folder: PathBuf },
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("there is no state in `{}`; `rrb serve` and `rrb run` create it", folder.display())]
    Missing { folder: PathBuf },
    #[error(
        "`{}` is not a database of rrb; it was left as it is: move it away, or choose another folder with `state` in `[serve]`",
        path.display()
    )]
    Foreign { path: PathBuf },
    #[error(
        "the database `{}` was written by a newer rrb (its schema is version {found}, this one knows up to {known}); update rrb, or choose another state folder",
        path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error(
        "the database `{}` has schema version {found}, this rrb reads version {known}; start `rrb serve` once to bring it up to date",
        path.display()
    )]
    Older { path: PathBuf, found: i64, known: i64 },
    #[error(
        "the database `{}` is damaged: {reason}; it was left as it is: keep a copy of the whole folder, then put a backup in its place",
        path.display()
    )]
    Corrupt { path: PathBuf, reason: String },
    #[error(
        "the audit log in `{}` does not hold together: {reason}; somebody or something changed it outside rrb. Look at it with `rrb audit verify`, or put a backup in its place",
        path.display()
    )]
    Audit { path: PathBuf, reason: String },
    #[error("SQLite did not accept `{pragma}`: it answered `{answer}`, expected `{expected}`")]
    Pragma { pragma: &'static str, answer: String, expected: String },
    #[error("cannot open the database `{}`: {reason}", path.display())]
    Sqlite { path: PathBuf, reason: String },
}
