//! What brings events.

pub mod webhook;
