//! What a token allows.

use std::fmt;

use rrb_lang::diag::nearest;

/// A right. None contains another, but that who may answer an approval may see it ([`Scope::covers`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    RunsRead,
    RunsWrite,
    ApprovalsRead,
    /// Only in a token that speaks for a person.
    ApprovalsVote,
    EventsRead,
    EventsWrite,
    AuditRead,
    TokensWrite,
    /// Pausing, and giving away rights that one does not have.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 9] = [
        Self::RunsRead,
        Self::RunsWrite,
        Self::ApprovalsRead,
        Self::ApprovalsVote,
        Self::EventsRead,
        Self::EventsWrite,
        Self::AuditRead,
        Self::TokensWrite,
        Self::Admin,
    ];

    /// `runs:read`
    pub fn name(self) -> &'static str {
        match self {
            Self::RunsRead => "runs:read",
            Self::RunsWrite => "runs:write",
            Self::ApprovalsRead => "approvals:read",
            Self::ApprovalsVote => "approvals:vote",
            Self::EventsRead => "events:read",
            Self::EventsWrite => "events:write",
            Self::AuditRead => "audit:read",
            Self::TokensWrite => "tokens:write",
            Self::Admin => "admin",
        }
    }

    /// Whether a token with this right may do what needs `other`.
    pub fn covers(self, other: Self) -> bool {
        self == other || (self == Self::ApprovalsVote && other == Self::ApprovalsRead)
    }

    /// What it allows, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::RunsRead => "see runs, the timeline and the daemon's status",
            Self::RunsWrite => "start, cancel, resume and resolve runs",
            Self::ApprovalsRead => "see approvals with their plans",
            Self::ApprovalsVote => "see approvals with their plans, and answer them as the person the token speaks for",
            Self::EventsRead => "see events, what became of them, and dead letters",
            Self::EventsWrite => "hand in events as if their source had sent them",
            Self::AuditRead => "read and verify the audit log",
            Self::TokensWrite => "list, make and revoke tokens",
            Self::Admin => "pause runbooks, and make tokens with any scope",
        }
    }

    /// The scope of this name.
    ///
    /// # Errors
    /// Says what it is not, and what it may have been.
    pub fn parse(name: &str) -> Result<Self, String> {
        if let Some(scope) = Self::ALL.into_iter().find(|s| s.name() == name) {
            return Ok(scope);
        }
        let shown: String = name.chars().take(40).collect();
        Err(match nearest(&shown, Self::ALL.into_iter().map(Self::name)) {
            Some(near) => format!("there is no scope `{shown}`; did you mean `{near}`?"),
            None => {
                let all: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
                format!("there is no scope `{shown}`; there are {}", all.join(", "))
            }
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_slips_are_noticed() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.name()), Ok(scope));
            assert!(!scope.meaning().is_empty());
        }
        assert_eq!(Scope::parse("run:read").unwrap_err(), "there is no scope `run:read`; did you mean `runs:read`?");
        assert!(Scope::parse("everything").unwrap_err().contains("runs:write, approvals:read"));
        assert!(Scope::parse(&"x".repeat(10_000)).unwrap_err().len() < 300);
        for wrong in ["", "RUNS:READ", "runs:read ", "*"] {
            Scope::parse(wrong).unwrap_err();
        }
    }
}
