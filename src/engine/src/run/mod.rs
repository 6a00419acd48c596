//! Runs: machines driven against a journal.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

pub mod local;

mod perform;
mod replay;

pub mod mail;

pub mod ask;
pub mod gate;
pub mod records;
pub mod rest;

pub mod driver;

pub mod cap;
pub mod host;
pub mod journal;
pub mod votes;
