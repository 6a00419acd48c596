//! The questions of the protocol, one file for each kind: from a snapshot to an answer in the protocol's types. What they need to know of
//! the language is in [`crate::ide`].

pub mod actions;
pub mod complete;
pub mod diagnostics;
pub mod drawn;
pub mod edits;
pub mod format;
pub mod navigate;
pub mod places;
pub mod symbols;
pub mod tokens;
pub mod typing;
