//! The tests of the language that go over fixtures: one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

mod bounds;
mod check;
mod corpus;
mod explanations;
mod flow;
mod guide;
mod mistakes;
mod mutations;
mod reference;
mod vm;
mod words;
