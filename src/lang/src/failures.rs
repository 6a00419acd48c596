//! What kinds of failure there are.

use serde::{Deserialize, Serialize};

use crate::types::builtin;

/// The kinds of failure, in the order of the built-in enum `FailureKind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    Timeout,
    Unavailable,
    Throttled,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    Invalid,
    Denied,
    Cancelled,
    UnknownOutcome,
    Failed,
}

impl FailureKind {
    /// Every kind in order.
    pub const ALL: [FailureKind; 12] = [
        Self::Timeout,
        Self::Unavailable,
        Self::Throttled,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Invalid,
        Self::Denied,
        Self::Cancelled,
        Self::UnknownOutcome,
        Self::Failed,
    ];

    /// As the language writes it.
    pub fn name(self) -> &'static str {
        builtin::FAILURE_KINDS.get(self as usize).copied().unwrap_or("failed")
    }
}
