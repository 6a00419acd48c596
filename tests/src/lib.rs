//! What the tests of the whole share: the built binary, projects in temporary folders, a sink that counts what it is sent.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is all test code: a panic is how a test fails"
)]

pub mod binary;
pub mod cases;
pub mod daemon;
pub mod double;
pub mod leaks;
pub mod openapi;
mod patterns;
mod peers;
pub mod scripted;
pub mod sink;
