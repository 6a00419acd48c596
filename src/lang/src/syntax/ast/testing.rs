//! Tests as written.

use super::{BinaryOp, Expr, Ident, NamedArg, Path, Pattern};
use crate::span::Span;

/// `test "NAME" { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    pub name: Expr,
    pub stmts: Vec<TestStmt>,
}

/// A statement of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct TestStmt {
    pub kind: TestStmtKind,
    pub span: Span,
}

/// What a statement of a test says.
#[derive(Debug, Clone, PartialEq)]
pub enum TestStmtKind {
    /// `given k8s.drain("n7", _) fails once with timeout, then returns`
    Given { call: TestCall, answers: Vec<TestAnswer> },
    /// `given group("sre") is ["ana"]`
    GivenGroup { group: Expr, people: Expr },
    /// `given settings { … }`, `given settings k8s["eu"] { … }`; the values are a record
    GivenSettings { of: Option<Path>, instance: Option<Expr>, values: Expr },
    /// `given now is time"…"`
    GivenNow(Expr),
    /// `when alertmanager.firing { … }`
    When { event: Path, instance: Option<Expr>, payload: Option<Expr> },
    /// `when "/alertmanager" { … } signed`, `when "/alertmanager" file "alert.json"`
    Deliver { path: Expr, file: Option<Expr>, body: Option<Expr>, signed: bool },
    /// `run NAME(args) by "ana"`
    Run { runbook: Path, args: Vec<NamedArg>, args_span: Span, by: Vec<Expr> },
    /// `approve by "ana", "bo" comment "…"`
    Approve { by: Vec<Expr>, comment: Option<Expr> },
    /// `deny by "ana" because "…"`
    Deny { by: Vec<Expr>, because: Option<Expr> },
    /// `advance 10m`
    Advance(Expr),
    /// `crash`
    Crash,
    /// `cancel NAME because "…"`
    Cancel { runbook: Option<Path>, because: Option<Expr> },
    /// `resolve happened returns E`
    Resolve { how: Ident, result: Option<Box<TestAnswer>> },
    /// `expect …`
    Expect(Expected),
    /// What could not be read.
    Bad,
}

/// An action, and maybe what is said of the arguments of its calls.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCall {
    pub action: Path,
    /// `k8s["eu"].drain`: the instance after the connector's name.
    pub instance: Option<Expr>,
    pub args: Option<Vec<TestArg>>,
    pub span: Span,
}

/// An argument of a call that is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct TestArg {
    pub name: Option<Ident>,
    pub value: TestValue,
    pub span: Span,
}

/// What a value is held against.
#[derive(Debug, Clone, PartialEq)]
pub enum TestValue {
    /// A pattern, in which names are values of the program.
    Pattern(Pattern),
    /// What can be no pattern.
    Expr(Expr),
}

impl TestValue {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Pattern(p) => p.span,
            Self::Expr(e) => e.span,
        }
    }
}

/// An answer to calls.
#[derive(Debug, Clone, PartialEq)]
pub struct TestAnswer {
    pub kind: TestAnswerKind,
    /// `after 30s`
    pub after: Option<Expr>,
    pub span: Span,
}

/// What is answered.
#[allow(clippy::large_enum_variant)] // a file has few
#[derive(Debug, Clone, PartialEq)]
pub enum TestAnswerKind {
    /// `returns`, `returns E, E`
    Returns(Vec<Expr>),
    /// `fails twice with timeout "message"`
    Fails { times: Option<TestTimes>, kind: Ident, message: Option<Expr> },
}

/// How often.
#[derive(Debug, Clone, PartialEq)]
pub enum TestTimes {
    /// `once`
    Once,
    /// `twice`
    Twice,
    /// `3 times`
    Times(Expr),
    /// `at least 3 times`
    AtLeast(Expr),
    /// `at most 3 times`
    AtMost(Expr),
}

/// What must be so.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// `k8s.drain not called`, `k8s.drain called twice with node: "n7"`
    Called { call: TestCall, not: bool, times: Option<TestTimes>, with: Vec<TestArg> },
    /// `k8s.cordon called before k8s.drain`
    Before { first: TestCall, second: TestCall, with: Vec<TestArg> },
    /// `evidence "disk" == 0.9`, `no evidence "disk"`
    Evidence { absent: bool, name: Expr, test: Option<EvidenceTest> },
    /// `outcome resolved "why" of NAME`, `no log "…"`, `runs 2`: what was seen, and what is said of it
    Seen { absent: bool, what: Seen, what_span: Span, word: Option<Path>, text: Option<Expr>, of: Option<Path> },
}

/// What is said of evidence.
#[derive(Debug, Clone, PartialEq)]
pub enum EvidenceTest {
    /// `is PATTERN`
    Is(Pattern),
    /// `== E`, `in E`, `matches E`
    Compare { op: BinaryOp, op_span: Span, value: Expr },
}

/// What can be seen of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Outcome,
    Failure,
    Log,
    Step,
    Approval,
    Disposition,
    DeadLetter,
    Runs,
    Running,
}

impl Seen {
    /// Each of them.
    pub const ALL: [Seen; 9] = [
        Self::Outcome,
        Self::Failure,
        Self::Log,
        Self::Step,
        Self::Approval,
        Self::Disposition,
        Self::DeadLetter,
        Self::Runs,
        Self::Running,
    ];

    /// As written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Failure => "failure",
            Self::Log => "log",
            Self::Step => "step",
            Self::Approval => "approval",
            Self::Disposition => "disposition",
            Self::DeadLetter => "dead letter",
            Self::Runs => "runs",
            Self::Running => "running",
        }
    }
}
