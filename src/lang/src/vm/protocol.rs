//! What the machine and its driver say to each other. This is the seam of the house: live runs, plans, tests, replays and other
//! durable engines are drivers that speak it. Everything here serialises and is kept in the journal.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use crate::failures::FailureKind;
use crate::hir::{Class, Outcome};
use crate::ids::{FnId, RunbookId, SettingId, SiteId};
use crate::json::Json;
use crate::syntax::ast::Effect as EffectClass;
use crate::types::Ty;
use crate::value::Value;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// Names an effect of a run: a pure function of the program's position and its loop counters, the same in every attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EffectId {
    /// Which fiber: empty for the main one, else the path of branches to it.
    pub fiber: SmolStr,
    /// Where in the program. The run's own effects (its timeout) have [`EffectId::RUN_SITE`].
    pub site: SiteId,
    /// The how manieth effect of this site in this fiber, from 0.
    pub count: u32,
}

impl EffectId {
    /// The site of effects that belong to the run as a whole.
    pub const RUN_SITE: SiteId = SiteId(u32::MAX);
    /// The site of the plan that is all that a run in `shadow` makes.
    pub const SHADOW_SITE: SiteId = SiteId(u32::MAX - 1);
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.site == Self::RUN_SITE {
            return write!(f, "run:{}", self.count);
        }
        if self.site == Self::SHADOW_SITE {
            return write!(f, "shadow:{}", self.count);
        }
        write!(f, "{}{}s{}:{}", self.fiber, if self.fiber.is_empty() { "" } else { "/" }, self.site.0, self.count)
    }
}

/// Values of settings by setting and connector instance (`""` for a module's).
pub type SettingValues = BTreeMap<(SettingId, SmolStr), Value>;

/// What a run starts with; journaled first, so that a run is a function of it and of the answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInput {
    pub run: SmolStr,
    pub runbook: RunbookId,
    /// In the order of the runbook's parameters, defaults filled in.
    pub params: Vec<Value>,
    #[serde(with = "crate::json::pairs")]
    pub settings: SettingValues,
    /// The instances of the connectors that have some of their own; every other one has `default` alone. None in the journals of
    /// versions that did not look at run time.
    #[serde(default)]
    pub instances: Option<BTreeMap<SmolStr, Vec<SmolStr>>>,
    /// The person or trigger that started it, as shown: `user:ana`, `event:01J…`, `schedule`.
    pub requester: SmolStr,
    /// Ceilings of this run.
    pub limits: Limits,
    /// The run that runs this one.
    #[serde(default)]
    pub parent: Option<ParentRun>,
}

/// Who runs a child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParentRun {
    pub run: SmolStr,
    /// The effect that began the child, as text.
    pub effect: SmolStr,
    /// The parent waits for the child: it is cancelled with it, and they hold targets together.
    pub awaited: bool,
    /// How many runs stand above the child.
    pub depth: u32,
    /// The outermost of the runs that hold targets together, and when it was created.
    pub root: SmolStr,
    pub root_created: Millis,
}

/// Ceilings of a run. Reaching one ends the run with a failure of kind `invalid` that names it; handlers and undo get a fresh ration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Instructions between two effects.
    pub fuel: u64,
    /// Estimated bytes of all live values.
    pub memory: u64,
    /// Nested calls.
    pub depth: u32,
    /// Effects of a run.
    pub effects: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fuel: 10_000_000, memory: 64 << 20, depth: 128, effects: 100_000 }
    }
}

/// What a driver tells the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// Begin.
    Start { at: Millis },
    /// An effect came to an end. `at` is the time it was journaled; the machine knows no other clock.
    Complete { effect: EffectId, outcome: EffectOutcome, at: Millis },
    /// Somebody or something wants the run to stop. Counts once.
    Cancel { why: String, at: Millis },
}

/// What the machine tells a driver. Commands are carried out in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Journal the intent, then perform; answer with [`Input::Complete`].
    Start { id: EffectId, effect: Effect },
    /// Nobody waits for this effect any more; a completion that still comes is ignored. What it began is asked to stop.
    Abandon { id: EffectId, why: String },
    /// The child run of this effect is to stop; its end is still waited for.
    Stop { id: EffectId, why: String },
    /// For the timeline and the audit; kept with the journal entry that follows.
    Note(Note),
    /// The run is over; the last command.
    Finish(RunEnd),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    pub outcome: Outcome,
    /// The reason given to `finish`, or what went wrong.
    pub why: String,
    /// The failure that ended it, if one did.
    pub failure: Option<Failure>,
    /// The last `verify` failed.
    pub ineffective: bool,
    /// Undo calls that failed, by action: what remains to be put right by hand.
    pub remains: Vec<String>,
}

/// Something the machine wants done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Perform a native primitive.
    Call(NativeCall),
    /// Before a call that changes or destroys: ask the policies, take hold of the target, check the waiver's date.
    /// Answered `Done(Nothing)`, `Gated`, or `Failed` (`denied`, `conflict`).
    Gate(ActionInfo),
    /// Answer `Done(Nothing)` at this time.
    Sleep { until: Millis },
    /// Run the block of an approval ahead: answer `Done(Unknown)`-free [`EffectOutcome::Planned`].
    Plan(PlanRequest),
    /// Ask people: answer `Approved` or `Refused`.
    Approval(ApprovalAsk),
    /// A call may or may not have happened and nothing can tell: answer `Resolved` by a person.
    Resolve(UnknownCall),
    /// Answer `Event` with the first event that fits and that this run has not used, `Done(None)` when the time is over.
    Event(EventWait),
    /// Begin another run, once. Answer `Done(Nothing)` when it exists, or `Ended` when it is over, as it says.
    Child(ChildStart),
}

impl Effect {
    /// A word for journals and messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Effect::Call(_) => "call",
            Effect::Gate(_) => "gate",
            Effect::Sleep { .. } => "sleep",
            Effect::Plan(_) => "plan",
            Effect::Approval(_) => "approval",
            Effect::Resolve(_) => "resolve",
            Effect::Event(_) => "event",
            Effect::Child(_) => "child",
        }
    }
}

/// What may be done again when nobody knows whether it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Repeat {
    /// Reads, and `idempotent`: perform it again.
    Always,
    /// Perform it again with the same key before this time.
    KeyedUntil(Millis),
    /// Answer [`EffectOutcome::Lost`]: the machine probes or asks.
    Never,
}

/// A call of a native primitive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NativeCall {
    /// `http.post`
    pub native: SmolStr,
    /// In parameter order.
    pub args: Vec<(SmolStr, Value)>,
    pub effect: EffectClass,
    pub repeat: Repeat,
    /// Sent to targets that know idempotency keys, when the action is `keyed`.
    pub key: Option<SmolStr>,
    /// From 1.
    pub attempt: u32,
    /// Give up then, with `timeout`.
    pub deadline: Option<Millis>,
    /// The connector's action it is a part of, else the primitive itself: `slack.post`.
    pub action: SmolStr,
    /// The setting `egress` and friends are per connector instance.
    pub instance: SmolStr,
}

/// A call as plans, policies, limits, tests and the audit see it: a connector's action, or a primitive called outside connectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionInfo {
    /// `kubernetes.drain`
    pub action: SmolStr,
    /// `kubernetes`, or `http`, `exec`, … for a primitive
    pub connector: SmolStr,
    pub instance: SmolStr,
    /// `node/n7`
    pub target: Option<SmolStr>,
    pub on_busy_fail: bool,
    pub effect: EffectClass,
    pub args: Vec<(SmolStr, Json)>,
    /// The call undoes another.
    pub rollback: bool,
    /// The approval or waiver it stands under.
    pub cover: Option<Cover>,
    pub site: SiteId,
    pub class: CallClass,
    /// Every approval held for it: those of the blocks around it, and those that policies asked for.
    pub approvals: Vec<EffectId>,
}

/// What of a call may be repeated, in the order of the built-in enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallClass {
    Idempotent,
    Keyed,
    Probe,
    Once,
}

impl From<&Class> for CallClass {
    fn from(class: &Class) -> Self {
        match class {
            Class::Harmless | Class::Idempotent => Self::Idempotent,
            Class::Keyed(_) => Self::Keyed,
            Class::Probe(_) => Self::Probe,
            Class::Once | Class::Unsaid => Self::Once,
        }
    }
}

/// What the policies say of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub answer: PolicyAnswer,
    /// The digest of the policies that were asked.
    pub policies: String,
    /// The program whose policies they are.
    pub program: SmolStr,
    /// The rules that caused it; of an agreement those that an approval met.
    pub rules: Vec<RuleSaid>,
}

/// Deny beats ask beats allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAnswer {
    Allow,
    Ask,
    Deny,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleSaid {
    pub policy: SmolStr,
    /// As written, in one line.
    pub rule: SmolStr,
    /// `policies.rrb:4:3`
    pub place: SmolStr,
    pub answer: PolicyAnswer,
    pub because: String,
}

/// The answer to a gate when there are policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gated {
    pub verdict: Verdict,
    /// People to ask before the gate is asked again; none when the way is free.
    pub ask: Option<ApprovalAsk>,
}

/// What allows a destroying call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Cover {
    /// The effect of the approval.
    Approval {
        effect: EffectId,
        digest: String,
    },
    Waiver {
        reason: String,
        by: SmolStr,
        until: Millis,
    },
}

/// Where the planner starts: a copy of the machine at the start of the approved block. Not journaled; after a crash it is made again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PlanRequest {
    /// [`super::Machine::snapshot`] of the copy.
    #[serde(skip)]
    pub machine: Vec<u8>,
}

impl PartialEq for PlanRequest {
    /// Two plan requests of one effect are the same request.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What a block would do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    pub entries: Vec<PlanEntry>,
    /// SHA-256, hex, of program, block and entries: what an approval binds to.
    pub digest: String,
    /// The plan was cut at this bound, or a read failed, and says less than the block may do.
    pub incomplete: Option<String>,
    /// What the policies say of each entry when the plan is shown; empty without policies. Not part of the digest: policies and
    /// times change, and each call is asked about anew.
    #[serde(default)]
    pub verdicts: Vec<Verdict>,
}

/// One call that a block would make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanEntry {
    pub site: SiteId,
    /// The counters of the loops around it.
    pub count: u32,
    pub certainty: Certainty,
    pub action: SmolStr,
    pub instance: SmolStr,
    pub effect: EffectClass,
    pub target: Planned,
    /// By parameter.
    pub args: Vec<(SmolStr, Planned)>,
    /// Which branch or wave it stands in: `wave 2 of 4`, `race a`; empty outside of all.
    #[serde(default)]
    pub place: SmolStr,
    pub class: CallClass,
}

/// How sure it is that a planned call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    Will,
    /// On one side of a branch that depends on a simulated result.
    May,
    /// In a loop over something only a simulated result gives.
    Each,
}

/// A value in a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Planned {
    /// There is none (a call without a target).
    Absent,
    Known(Json),
    Unknown,
}

/// A question to people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalAsk {
    pub question: String,
    pub from: Vec<Asked>,
    pub quorum: u32,
    pub allow_requester: bool,
    pub require_comment: bool,
    pub expires: Millis,
    /// Who else may answer, from when on.
    pub escalate: Vec<(Millis, Vec<Asked>)>,
    pub remind_every_ms: Option<i64>,
    pub showing: Json,
    pub plan: Plan,
    /// The block already had an approval, and then wanted more than its plan showed.
    pub again: bool,
}

/// A user or a group of the project.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    User(SmolStr),
    Group(SmolStr),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::User(u) => write!(f, "{u}"),
            Asked::Group(g) => write!(f, "group {g}"),
        }
    }
}

/// A call nobody knows the outcome of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnknownCall {
    pub action: ActionInfo,
    /// The primitive that was lost.
    pub native: SmolStr,
    pub call: EffectId,
    pub why: String,
    /// What the action gives back: a result that a person says must fit. None in journals of versions before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ret: Option<Ty>,
}

/// An event that a run waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventWait {
    /// `alertmanager.resolved`
    pub event: SmolStr,
    pub instance: Option<SmolStr>,
    /// Takes the captures and the event; gives a Bool. One that fails is a no.
    pub condition: Option<FnId>,
    pub captures: Vec<Value>,
    /// Events received before this are not looked at.
    pub since: Millis,
    pub until: Option<Millis>,
    /// As written, for people.
    pub text: SmolStr,
}

/// A child run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildStart {
    /// The id of the child: a function of the run and the effect.
    pub child: SmolStr,
    pub runbook: RunbookId,
    pub name: SmolStr,
    /// In the order of the runbook's parameters.
    pub params: Vec<Value>,
    /// Whether its end is the answer.
    pub awaited: bool,
    /// Ask it to stop then, and fail with `timeout`.
    pub deadline: Option<Millis>,
}

impl ChildStart {
    /// The id of the child that this effect of this run begins.
    pub fn id(run: &str, effect: &EffectId) -> SmolStr {
        use sha2::{Digest, Sha256};
        let hash = super::image::hex(&Sha256::digest(format!("{run}\0{effect}").as_bytes()));
        format!("run_{}", hash.get(..24).unwrap_or(&hash)).into()
    }
}

/// How an effect ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EffectOutcome {
    Done(Value),
    Failed(Failure),
    /// The intent is in the journal, the outcome is not, and it may not be repeated.
    Lost {
        why: String,
    },
    Planned(Plan),
    Approved {
        by: Vec<SmolStr>,
        comments: Vec<String>,
        at: Millis,
    },
    Refused {
        reason: String,
        by: Vec<SmolStr>,
        expired: bool,
        at: Millis,
    },
    Resolved(Resolution),
    Gated(Box<Gated>),
    Event {
        id: SmolStr,
        value: Value,
    },
    /// The child run is over.
    Ended(Box<RunEnd>),
}

/// What a person says of a call with an unknown outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It happened. The result is null unless given, and decoded as the primitive's result.
    Happened { result: Option<Json> },
    /// It did not; the call fails with `unavailable`, and is retried where `retry` says so.
    DidNotHappen,
    /// Nobody will find out: the call fails with `unknown_outcome`.
    Unknown,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
    /// The action that failed, empty for `fail`.
    pub action: SmolStr,
    pub attempts: u32,
    pub at: Millis,
    pub detail: Json,
    /// Whether the target can have acted.
    pub happened: Happened,
    /// Where the program stood: sites, innermost first.
    pub trace: Vec<SiteId>,
}

/// Whether a failed call can have had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Proved not: refused before the first byte of the request, or the target said it did nothing (429, 503).
    No,
    /// Nobody can say: time-out or broken connection after that.
    Maybe,
    /// The target answered: it acted, or refused, and the failure says which.
    Answered,
}

impl Failure {
    /// A failure of `kind`; the machine fills in action, attempts and time.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            action: SmolStr::default(),
            attempts: 1,
            at: 0,
            detail: Json::Null,
            happened: Happened::Answered,
            trace: Vec::new(),
        }
    }

    /// Says whether the target can have acted.
    #[must_use]
    pub fn happened(mut self, happened: Happened) -> Self {
        self.happened = happened;
        self
    }

    /// Adds what the target said.
    #[must_use]
    pub fn detail(mut self, detail: Json) -> Self {
        self.detail = detail;
        self
    }
}

/// How a branch of `parallel`, `race` or a parallel loop ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum BranchEnd {
    Done,
    Failed {
        failure: Failure,
    },
    /// It ended the run, with `finish`.
    Finished,
    /// Another one decided, or the run was stopped.
    Stopped,
}

/// What happens inside a run, for the timeline and the audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    StepBegan {
        site: SiteId,
        name: String,
    },
    StepEnded {
        site: SiteId,
        name: String,
        ok: bool,
    },
    Log {
        site: SiteId,
        text: String,
    },
    Evidence {
        site: SiteId,
        name: String,
        value: Json,
    },
    /// A call that plans and policies see begins its first try.
    ActionBegan {
        info: ActionInfo,
    },
    ActionEnded {
        action: SmolStr,
        instance: SmolStr,
        target: Option<SmolStr>,
        effect: EffectClass,
        attempts: u32,
        rollback: bool,
        failure: Option<Failure>,
    },
    /// A try failed and another follows at this time.
    Retrying {
        action: SmolStr,
        attempt: u32,
        at: Millis,
        failure: Failure,
    },
    Waived {
        reason: String,
        by: SmolStr,
        until: Millis,
    },
    Verified {
        name: String,
        ok: bool,
        last: String,
    },
    /// Something failed and nothing caught it: undo begins.
    Failed {
        failure: Failure,
    },
    UndoBegan {
        count: u32,
    },
    UndoFailed {
        action: SmolStr,
        failure: Failure,
    },
    /// A failure in `on failure` or `finally`: recorded, changes nothing.
    HandlerFailed {
        handler: SmolStr,
        failure: Failure,
    },
    /// What a run in `shadow` would have done.
    Shadowed {
        plan: Plan,
    },
    /// An event came that a `during` handles: its handler begins.
    Handling {
        site: SiteId,
        event: SmolStr,
    },
    /// The handler is done and the block goes on.
    Handled {
        site: SiteId,
    },
    /// The block of a `during` begins anew, for the how manieth time.
    Restarted {
        site: SiteId,
        count: u32,
    },
    /// A changing call that the plan did not show, or showed otherwise.
    OffPlan {
        action: SmolStr,
        target: Option<SmolStr>,
    },
    /// What happened in a branch: its name or its item, outer ones before, as in `n7 › check`.
    In {
        branch: SmolStr,
        inner: Box<Note>,
    },
    /// `parallel` or `race` begins.
    Forked {
        race: bool,
        branches: Vec<SmolStr>,
    },
    BranchEnded {
        #[serde(flatten)]
        end: BranchEnd,
    },
    /// The others have stopped, and what they did is undone.
    RaceWon {
        branch: SmolStr,
    },
    /// A wave of a loop begins.
    WaveBegan {
        wave: u32,
        of: u32,
        /// How many items it has, and the first of them.
        count: u32,
        items: Vec<String>,
    },
}

impl Note {
    /// The note itself, and the branch it comes from (empty for the main thread).
    pub fn parts(&self) -> (&str, &Note) {
        match self {
            Note::In { branch, inner } => (branch, inner),
            other => ("", other),
        }
    }
}
