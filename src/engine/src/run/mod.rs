//! Runs: machines driven against a journal.

pub mod host;
