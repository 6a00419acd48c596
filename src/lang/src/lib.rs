//! The rrb language: text in, diagnostics and a runnable program out.
//!
//! ```text
//! text ──syntax──▶ AST ──check──▶ typed tree (hir) ──program──▶ bytecode ──vm──▶ commands
//! ```
//!
//! This crate performs nothing: it has no I/O, no clock and no randomness, and depends on nothing that has.
//! Modules only look down, in the order of the list below; a test reads the `use crate::` lines and holds them to it.

// Blank lines keep the formatter from sorting them.

pub mod ids;

pub mod span;

pub mod diag;

pub mod json;

pub mod schemes;

pub mod feeds;

pub mod syntax;

pub mod types;

pub mod failures;

pub mod value;

pub mod windows;

pub mod hir;

pub mod methods;

pub mod stdlib;

pub mod reference;

pub mod vm;

pub mod program;

pub mod project;

pub mod check;

pub mod outline;
