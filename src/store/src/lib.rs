//! The SQLite store of rrb: one writer thread with group commit, WAL, `synchronous=FULL`, and read-only connections beside it.
//!
//! What is acknowledged is on disk. The first I/O error ends the store for good: after a failed `fsync` nobody knows what the
//! disk holds, so the process must stop, start again and read what is really there.
//!
//! Modules only look down, in the order of the list below.

mod options;

mod fault;

mod codec;
mod files;

mod lock;
mod rows;
mod schema;

mod audit;
mod queries;

mod ops;

mod open;

mod readers;
mod writer;

mod sqlite;

pub use options::{MIN_SQLITE, OpenError, Options, Phase, Stats};
pub use sqlite::SqliteStore;
