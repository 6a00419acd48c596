//! The questions of the protocol, one file for each kind: from a snapshot to an answer in the protocol's types. What they need to know of
//! the language is in [`crate::ide`].

pub mod diagnostics;
pub mod drawn;
pub mod format;
pub mod places;
pub mod symbols;
pub mod tokens;
pub mod typing;
