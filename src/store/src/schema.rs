//! The tables, and how they came to be: a list of migrations that is only ever added to.

use rusqlite::Connection;

use crate::fault::Fault;

/// Marks a database as one of rrb's: `rrb` and 1.
pub(crate) const APPLICATION_ID: i64 = 0x7272_6201;

/// Statements by version, from 1. A version that was released is never changed.
pub(crate) const MIGRATIONS: &[&str] = &[V1, WAITS, CURSORS];

/// The version this program writes.
pub(crate) fn version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Brings a database from `from` to [`version`], one transaction per step.
pub(crate) fn migrate(db: &mut Connection, from: i64) -> Result<(), Fault> {
    for (n, sql) in (1_i64..).zip(MIGRATIONS) {
        if n <= from {
            continue;
        }
        let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute_batch(sql)?;
        tx.execute(
            "INSERT INTO schema_versions (version, applied, rrb) VALUES (?1, unixepoch() * 1000, ?2)",
            rusqlite::params![n, env!("CARGO_PKG_VERSION")],
        )?;
        tx.pragma_update(None, "user_version", n)?;
        tx.commit()?;
    }
    Ok(())
}

/// Times are milliseconds since 1970; JSON is text; `seq` counts from 1 without gaps.
const V1: &str = "
CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL, rrb TEXT NOT NULL) STRICT;

-- one row: what every transaction brings up to date
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  audit_seq INTEGER NOT NULL,
  audit_hash TEXT NOT NULL,
  latest INTEGER NOT NULL
) STRICT;
INSERT INTO head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0);

CREATE TABLE programs (id TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

CREATE TABLE deliveries (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  source TEXT NOT NULL,
  instance TEXT NOT NULL,
  path TEXT NOT NULL,
  body BLOB NOT NULL,
  headers TEXT NOT NULL,
  dead TEXT
) STRICT;
CREATE INDEX deliveries_dead ON deliveries (n) WHERE dead IS NOT NULL;

CREATE TABLE events (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  delivery TEXT,
  source TEXT NOT NULL,
  instance TEXT NOT NULL,
  sender_id TEXT,
  at INTEGER NOT NULL,
  received INTEGER NOT NULL,
  payload TEXT NOT NULL,
  matched INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX events_received ON events (received, n);
CREATE INDEX events_source ON events (source, received, n);
CREATE INDEX events_sender ON events (source, sender_id, received) WHERE sender_id IS NOT NULL;
CREATE INDEX events_unmatched ON events (n) WHERE matched = 0;

CREATE TABLE dispositions (
  n INTEGER PRIMARY KEY,
  event TEXT NOT NULL,
  runbook TEXT NOT NULL,
  verdict TEXT NOT NULL,
  run TEXT,
  detail TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX dispositions_event ON dispositions (event, n);

CREATE TABLE runs (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  runbook TEXT NOT NULL,
  program TEXT NOT NULL,
  status TEXT NOT NULL,
  requester TEXT NOT NULL,
  event TEXT,
  input TEXT NOT NULL,
  params TEXT NOT NULL,
  concurrency_key TEXT,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  ended TEXT
) STRICT;
CREATE INDEX runs_created ON runs (created, n);
CREATE INDEX runs_open ON runs (created, n) WHERE status <> 'done';
CREATE INDEX runs_runbook ON runs (runbook, created, n);
CREATE INDEX runs_event ON runs (event) WHERE event IS NOT NULL;

CREATE TABLE journal (
  run TEXT NOT NULL REFERENCES runs (id),
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  effect TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT;

CREATE TABLE snapshots (run TEXT PRIMARY KEY REFERENCES runs (id), seq INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;

CREATE TABLE approvals (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  run TEXT NOT NULL,
  runbook TEXT NOT NULL,
  effect TEXT NOT NULL,
  ask TEXT NOT NULL,
  digest TEXT NOT NULL,
  requester TEXT NOT NULL,
  asked INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  state TEXT NOT NULL,
  closed INTEGER
) STRICT;
CREATE INDEX approvals_open ON approvals (asked, n) WHERE state = 'open';
CREATE INDEX approvals_run ON approvals (run);

CREATE TABLE votes (
  n INTEGER PRIMARY KEY,
  approval TEXT NOT NULL REFERENCES approvals (id),
  person TEXT NOT NULL,
  approve INTEGER NOT NULL,
  comment TEXT NOT NULL,
  method TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX votes_approval ON votes (approval, n);

CREATE TABLE marks (
  n INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  runbook TEXT NOT NULL,
  key TEXT NOT NULL,
  at INTEGER NOT NULL,
  run TEXT NOT NULL
) STRICT;
CREATE INDEX marks_at ON marks (at);

CREATE TABLE targets (target TEXT PRIMARY KEY, run TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX targets_run ON targets (run);

CREATE TABLE schedules (key TEXT PRIMARY KEY, fired INTEGER NOT NULL) STRICT;

-- '' stands for all runbooks: a runbook always has a name
CREATE TABLE paused (runbook TEXT PRIMARY KEY) STRICT;

CREATE TABLE tokens (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  scopes TEXT NOT NULL,
  user TEXT,
  created INTEGER NOT NULL,
  expires INTEGER,
  revoked INTEGER
) STRICT;

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  run TEXT,
  event TEXT,
  body TEXT NOT NULL,
  prev TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_run ON audit (run, seq) WHERE run IS NOT NULL;

-- the log is only ever added to
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit log is only added to'); END;
";

/// Events that wait in windows of triggers.
const WAITS: &str = "
CREATE TABLE waits (
  n INTEGER PRIMARY KEY,
  window TEXT NOT NULL,
  event TEXT NOT NULL REFERENCES events (id),
  role TEXT NOT NULL,
  UNIQUE (window, event, role)
) STRICT;
";

/// Where sources that rrb reads by itself are to go on.
const CURSORS: &str = "
CREATE TABLE cursors (
  source TEXT NOT NULL,
  instance TEXT NOT NULL,
  cursor TEXT NOT NULL,
  PRIMARY KEY (source, instance)
) STRICT;
";
