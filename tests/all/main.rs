//! What crosses rooms: one test binary, one module a question.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is all test code: a panic is how a test fails"
)]

mod asking;
mod branches;
mod canary;
mod connectors;
mod crash_points;
mod harness;
mod kill;
mod layering;
mod peers;
mod repeats;
mod rulebooks;
mod samples;
mod secrets;
