//! The engine as its users see it: over the memory store, a world that only counts, and a clock that moves when told. Machines and
//! conditions are made for the test, so that what is tested here is the engine alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod approvals;
mod backlog;
mod children;
mod classes;
mod correlation;
mod crash;
mod feeding;
mod foresee;
mod gates;
mod groups;
mod intake;
mod lives;
mod policies;
mod retrace;
mod rig;
mod script;
mod source;
mod targets;
mod waiting;
