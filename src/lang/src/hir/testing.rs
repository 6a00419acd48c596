//! Tests as the checker makes them: what a runner plays, step by step. They stand beside the program and never change its content
//! address; the functions they need are appended to those of the program when it is compiled for testing.

use smol_str::SmolStr;

use crate::failures::FailureKind;
use crate::ids::{EventId, FnId, RunbookId, SettingId};
use crate::span::Span;

use super::Outcome;

/// `test "NAME" { … }`
#[derive(Debug, Clone)]
pub struct Test {
    /// Unique in its module.
    pub name: SmolStr,
    pub module: SmolStr,
    pub docs: String,
    /// In the order in which they are played.
    pub steps: Vec<Step>,
    pub span: Span,
}

/// One statement of a test.
#[derive(Debug, Clone)]
pub struct Step {
    pub kind: StepKind,
    /// As written, in one line.
    pub text: SmolStr,
    pub span: Span,
}

/// What a statement does. Functions take nothing unless something else is said, and are pure.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// `given k8s.drain("n7", _) fails once with timeout, then returns`
    Given(Given),
    /// `given group("sre") is ["ana"]`: else everyone who is named is in every group.
    GivenGroup { group: SmolStr, people: Vec<SmolStr> },
    /// `given settings { channel: "#x" }`, `given settings slack { … }`, `given settings k8s["eu"] { … }`
    GivenSettings { instance: Option<SmolStr>, values: Vec<(SettingId, FnId)> },
    /// `given now is time"2026-11-20T17:30:00Z"`; gives a Time. Only before the first `when`, `run` and `advance`.
    GivenNow(FnId),
    /// `when …`
    When(When),
    /// `run NAME(args) by "ana"`: the function gives the record of parameters.
    Run { runbook: RunbookId, params: FnId, by: Option<SmolStr> },
    /// `approve by "ana", "bo" comment "…"`; the comment is a Text. Votes on the oldest open approval.
    Approve { by: Vec<SmolStr>, comment: Option<FnId> },
    /// `deny by "ana" because "…"`
    Deny { by: Vec<SmolStr>, because: Option<FnId> },
    /// `advance 10m`; gives a Duration.
    Advance(FnId),
    /// `crash`
    Crash,
    /// `cancel NAME because "…"`: the oldest run that is not over, of this runbook if one is named.
    Cancel { runbook: Option<RunbookId>, because: Option<FnId> },
    /// `resolve happened returns E`, `resolve did_not_happen`, `resolve unknown`: of the oldest run that is parked.
    Resolve(Resolve),
    /// `expect …`
    Expect(Expect),
}

/// An answer to calls.
#[derive(Debug, Clone)]
pub struct Given {
    pub call: CallPattern,
    /// In turn; the last one stays. Never empty.
    pub answers: Vec<Answer>,
}

/// Some calls of one action.
#[derive(Debug, Clone)]
pub struct CallPattern {
    pub action: FnId,
    /// `k8s["eu"].drain(…)`: calls of this instance only.
    pub instance: Option<SmolStr>,
    /// Takes the parameters of the action, gives a Bool. None matches every call.
    pub matches: Option<FnId>,
    /// As written: `k8s.drain("n7", _)`.
    pub text: SmolStr,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub kind: AnswerKind,
    /// How often before the next one's turn; None: once when another follows, else for ever.
    pub times: Option<u32>,
    /// `after 30s`: the answer takes so long. Gives a Duration.
    pub after: Option<FnId>,
}

/// What a call is answered.
#[derive(Debug, Clone)]
pub enum AnswerKind {
    /// `returns E`, or nothing: a neutral value of the action's type. Takes the parameters of the action.
    Returns(FnId),
    /// `fails with timeout "message"`. Takes the parameters, gives a Text.
    Fails { kind: FailureKind, message: Option<FnId> },
}

/// What comes in.
#[derive(Debug, Clone)]
pub enum When {
    /// `when alertmanager.firing { … }`: gives the event; what is not written has a neutral value.
    Event { event: EventId, instance: Option<SmolStr>, payload: FnId },
    /// `when "/alertmanager" { … } signed`, `when "/alertmanager" file "alert.json"`
    Delivery { path: SmolStr, instance: Option<SmolStr>, body: Body, signed: bool },
}

/// What a delivery holds.
#[derive(Debug, Clone)]
pub enum Body {
    /// Gives Json.
    Value(FnId),
    /// A file of the project, relative to `rrb.toml`.
    File { path: SmolStr, span: Span },
}

/// What a person says of a call nobody knows the outcome of.
#[derive(Debug, Clone)]
pub enum Resolve {
    /// The function gives the result as Json.
    Happened(Option<FnId>),
    DidNotHappen,
    Unknown,
}

/// What must be so at this point.
#[derive(Debug, Clone)]
pub enum Expect {
    /// `expect k8s.drain called 2 times with node: "n7"`; attempts are counted.
    Called { call: CallPattern, count: Count },
    /// `expect k8s.cordon called before k8s.drain`: the first call of one before the first of the other, and both were made.
    Before { first: CallPattern, second: CallPattern },
    /// `expect outcome resolved "why" of NAME`
    Outcome { outcome: Outcome, why: Option<TextMatch>, of: Option<RunbookId> },
    /// `expect failure timeout "message" of NAME`; `expect no failure`
    Failure { kind: Option<FailureKind>, message: Option<TextMatch>, of: Option<RunbookId> },
    /// `expect evidence "disk before" == 0.93`: takes the value as Json and gives a Bool. Without a test it must be there, with `not` it must not.
    Evidence { name: SmolStr, test: Option<FnId>, absent: bool },
    /// `expect log "…"`, `expect no log "…"`
    Log { text: TextMatch, absent: bool },
    /// `expect step "…"`, `expect no step "…"`: it began.
    Step { name: TextMatch, absent: bool },
    /// `expect approval "question"`, `expect no approval`: one is open.
    Approval { question: Option<TextMatch>, absent: bool },
    /// `expect disposition dedupe of NAME`: what became of the last event there, by one of [`DISPOSITIONS`].
    Disposition { verdict: SmolStr, of: Option<RunbookId> },
    /// `expect dead letter "reason"`: the last delivery could not be read.
    DeadLetter { reason: Option<TextMatch> },
    /// `expect runs 2 of NAME`: how many were started, children not counted unless named.
    Runs { count: u32, of: Option<RunbookId> },
    /// `expect running NAME`: it is not over (it waits, or is parked).
    Running { of: Option<RunbookId> },
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Exactly(u32),
    AtLeast(u32),
    AtMost(u32),
}

/// A text that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextMatch {
    /// All of it.
    Is(SmolStr),
    /// `re"…"`, anywhere in it.
    Matches(SmolStr),
}

/// What can become of an event at a runbook, as dispositions say it.
pub const DISPOSITIONS: [&str; 20] = [
    "started",
    "queued",
    "cancelled",
    "taken",
    "where",
    "with",
    "dedupe",
    "give_up",
    "limit",
    "policy",
    "concurrency",
    "paused",
    "error",
    "duplicate",
    "no_trigger",
    "waiting",
    "answered",
    "joined",
    "expired",
    "max_keys",
];
