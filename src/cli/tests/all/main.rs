//! The command line from outside: exit codes, and output as a reader sees it.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod command;
mod render;
mod samples;
