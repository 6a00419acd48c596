//! The rrb language server, over standard input and output.

pub mod disk;
pub mod ide;
mod server;

pub use server::{serve, serve_stdio};
