//! Failures in the same words everywhere.

use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

/// The call cannot be carried out as it is written; nothing happened.
pub fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Invalid, message).happened(Happened::No)
}

/// It may not be done; nothing happened.
pub fn forbidden(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Forbidden, message).happened(Happened::No)
}

/// There is no such thing; nothing happened.
pub fn not_found(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::NotFound, message).happened(Happened::No)
}

/// Something stands in the way; nothing happened.
pub fn conflict(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Conflict, message).happened(Happened::No)
}

/// It cannot be reached; nothing happened.
pub fn unavailable(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unavailable, message).happened(Happened::No)
}

/// It took too long, and may have happened.
pub fn timeout(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Timeout, message).happened(Happened::Maybe)
}

/// This build has no client for it; nothing happened.
#[allow(dead_code)]
pub fn left_out(native: &str, feature: &str) -> Failure {
    invalid(format!("this build of rrb cannot carry out `{native}`: it was built without the feature `{feature}`"))
}
