//! The command line from outside: exit codes, and output as a reader sees it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod ahead;
mod command;
mod connectors;
mod daemon;
mod documents;
mod fmt;
mod guardrails;
mod handshakes;
mod import;
mod lsp;
mod operations;
mod queue;
mod render;
mod repl;
mod repl_terminal;
mod samples;
mod sources;
mod testing;
mod testing_rules;
mod written;
