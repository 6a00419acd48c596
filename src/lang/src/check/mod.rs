//! The checker: names, types, effects. Tree in, typed tree and diagnostics out.

pub mod approvals;
pub mod effects;
pub mod settings;
pub mod summary;
pub mod visit;

#[cfg(test)]
mod pass_tests;
