//! The HTTP face as its callers meet it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod api;
mod description;
mod durable;
mod fake;
mod handshakes;
mod hooks;
mod matrix;
mod network;
mod timeline;
mod whole;
