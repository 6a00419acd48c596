//! Runs: machines driven against a journal. As in the crate, modules look only at those that stand before them.

pub mod host;
pub mod journal;

pub mod cap;
pub mod votes;

pub mod driver;

pub mod mail;

pub mod ask;
pub mod children;
pub mod gate;
pub mod records;
pub mod rest;

pub mod perform;
mod replay;

pub mod local;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

#[cfg(any(test, feature = "testing"))]
pub mod conformance_local;
