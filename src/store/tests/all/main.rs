//! The store as the engine meets it, and as a crash leaves it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod commits;
mod conformance;
mod crashes;
mod limits;
mod opening;
mod support;
mod syscalls;
