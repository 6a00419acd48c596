//! Exit codes, and the one place where an error gets one.

use std::fmt;
use std::process::ExitCode;

use rrb_engine::api::ApiError;

/// What a command says by the number it ends with. Programs rely on it: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    /// The thing asked about is not well: the check found errors, the run ended badly, the audit chain is broken.
    Failed = 1,
    /// The command line, or what it hands over, is wrong.
    Usage = 2,
    NotFound = 3,
    /// Not allowed, or too late.
    Refused = 4,
    /// No daemon answers, or it takes nothing more now.
    Unreachable = 5,
    /// A run waits for people or is parked, and the command was told not to wait.
    Waiting = 6,
    /// A mistake in rrb itself, or a broken machine below it.
    Internal = 70,
}

impl Exit {
    /// Every code with its name and meaning, as `rrb help exit-codes` and `docs/cli.md` print them.
    pub const ALL: [(Exit, &'static str, &'static str); 8] = [
        (Exit::Ok, "ok", "it is done, and what was asked about is well"),
        (
            Exit::Failed,
            "failed",
            "what was asked about is not well: errors found, a run that ended badly, a broken audit",
        ),
        (Exit::Usage, "usage", "the command line, or a value it hands over, is wrong"),
        (Exit::NotFound, "not found", "there is no such file, project, runbook, run, approval or event"),
        (
            Exit::Refused,
            "refused",
            "not allowed, or too late: a missing right, a closed approval, a taken state folder",
        ),
        (Exit::Unreachable, "unreachable", "the daemon does not answer, or is overloaded; try again later"),
        (
            Exit::Waiting,
            "waiting",
            "a run waits for people, a time or its turn, or is parked, and the command was told not to wait",
        ),
        (Exit::Internal, "internal", "a mistake in rrb, or the machine below it failed (disk, memory)"),
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Why a command did not do it: one line, advice, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    pub exit: Exit,
    /// Lower case, no full stop.
    pub message: String,
    /// What to do, one line each.
    pub help: Vec<String>,
    /// Everything was said already; only the code counts.
    pub silent: bool,
}

impl CliError {
    /// An error with this code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: Vec::new(), silent: false }
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, message)
    }

    /// It may not be.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    /// Nobody answers.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, message)
    }

    /// Something below broke.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }

    /// The code alone: the reader has seen why.
    pub fn silent(exit: Exit) -> Self {
        Self { silent: true, ..Self::new(exit, "") }
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

impl From<ApiError> for CliError {
    fn from(error: ApiError) -> Self {
        let exit = match &error {
            ApiError::NotFound { .. } => Exit::NotFound,
            ApiError::Invalid(_) => Exit::Usage,
            ApiError::Forbidden(_) | ApiError::Conflict(_) | ApiError::Exists(_) => Exit::Refused,
            ApiError::Overloaded(_) => Exit::Unreachable,
            ApiError::Failed(_) => Exit::Internal,
        };
        let (message, help) = error.parts();
        Self { help: help.into_iter().collect(), ..Self::new(exit, message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_error_has_its_code() {
        let code = |e: ApiError| CliError::from(e).exit;
        assert_eq!(code(ApiError::NotFound { what: "run", id: "x".into(), hint: None }), Exit::NotFound);
        assert_eq!(code(ApiError::Invalid(String::new())), Exit::Usage);
        assert_eq!(code(ApiError::Forbidden(String::new())), Exit::Refused);
        assert_eq!(code(ApiError::Conflict(String::new())), Exit::Refused);
        assert_eq!(code(ApiError::Exists(String::new())), Exit::Refused);
        assert_eq!(code(ApiError::Overloaded(String::new())), Exit::Unreachable);
        assert_eq!(code(ApiError::Failed(String::new())), Exit::Internal);
    }

    #[test]
    fn the_table_names_each_code_once_in_order() {
        let numbers: Vec<u8> = Exit::ALL.iter().map(|(e, ..)| e.code()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 70]);
    }
}
