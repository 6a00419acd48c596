//! The typed tree: what the checker makes and the compiler lowers. Everything is resolved and explicit here: names are ids,
//! defaults are filled in, conversions are nodes, every effect has a site.

pub mod testing;
pub mod visit;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{ConnectorId, ConstId, EventId, FnId, RunbookId, SettingId, SiteId, TypeId};
use crate::span::Span;
use crate::syntax::ast::{BinaryOp, ConcurrencyMode, Effect, Joint, Missed, UnaryOp};
use crate::types::{Ty, TypeTable};
use crate::value::Value;
use crate::windows::Window;

/// A checked project.
#[derive(Debug, Clone, Default)]
pub struct Program {
    pub types: TypeTable,
    pub functions: Vec<Function>,
    pub constants: Vec<Constant>,
    pub settings: Vec<Setting>,
    pub connectors: Vec<Connector>,
    pub events: Vec<Event>,
    pub runbooks: Vec<Runbook>,
    /// In the order of modules and of writing, which means nothing.
    pub policies: Vec<Policy>,
    pub sites: Vec<Site>,
    /// Every `trust` of a connector: what a reviewer has to believe.
    pub trusts: Vec<Trust>,
    /// In the order of modules and of writing; no part of what runs.
    pub tests: Vec<testing::Test>,
    /// The functions of the tests: their ids go on behind those of `functions`.
    pub test_functions: Vec<Function>,
    /// Users, groups and safety of `rrb.toml` that change meaning, by canonical text: part of the content address.
    pub project_digest: String,
}

/// A place that issues effects.
#[derive(Debug, Clone)]
pub struct Site {
    pub span: Span,
    /// The function it stands in.
    pub function: FnId,
}

/// `trust reads because "…" { … }`
#[derive(Debug, Clone)]
pub struct Trust {
    /// What the primitives in it count as.
    pub effect: Effect,
    /// The reason, as written where it has holes.
    pub because: SmolStr,
    pub span: Span,
}

/// A top-level `let`, or a default.
#[derive(Debug, Clone)]
pub struct Constant {
    /// `max_used`, or `DiskAlert.mount` for a default.
    pub name: SmolStr,
    pub ty: Ty,
    /// Pure and without locals of its surroundings; may read other constants.
    pub value: Body,
}

/// An expression with the locals it needs.
#[derive(Debug, Clone)]
pub struct Body {
    pub locals: Vec<Local>,
    pub expr: Expr,
}

/// A setting of a module or a connector.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setting {
    /// The module (`lib.paging`) or the connector (`slack`) that has it.
    pub owner: SettingOwner,
    pub name: SmolStr,
    pub docs: String,
    pub ty: Ty,
    pub default: Option<ConstId>,
    pub span: Span,
}

/// Who declares a setting: decides where `rrb.toml` and the environment give it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingOwner {
    /// `[settings.MODULE]`, `RRB_MODULE_NAME`
    Module(SmolStr),
    /// `[connectors.NAME]` or `[connectors.NAME.INSTANCE]`
    Connector(SmolStr),
}

/// A variable slot of a function.
#[derive(Debug, Clone)]
pub struct Local {
    pub name: SmolStr,
    pub ty: Ty,
    pub mutable: bool,
    pub span: Span,
}

/// A variable, by its slot in its function: captures first, then parameters, then the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub u32);

/// Code that can be called.
#[derive(Debug, Clone)]
pub struct Function {
    /// `percent`, `slack.post`, `relieve_disk_pressure`, `relieve_disk_pressure undo`
    pub name: SmolStr,
    /// The module it is declared in.
    pub module: SmolStr,
    pub docs: String,
    pub kind: FunctionKind,
    /// How many of the first locals are captured.
    pub captures: u32,
    /// How many locals after the captures are parameters.
    pub params: u32,
    pub locals: Vec<Local>,
    pub ret: Ty,
    pub effect: Effect,
    /// None for a native action.
    pub body: Option<Expr>,
    pub span: Span,
}

/// What a function is.
#[derive(Debug, Clone)]
pub enum FunctionKind {
    /// `fn`, a lambda, a condition, a key, an `emit`: pure, or reading where its effect says so.
    Plain,
    /// `action`
    Action(Action),
    /// The body of a runbook, `on failure`, `finally`, an `undo`.
    Handler,
}

/// What an action declares.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Action {
    /// The connector it belongs to; its calls are what plans, policies and tests see.
    pub connector: Option<ConnectorId>,
    /// `native action`: its name in Rust, e.g. `http.post`.
    pub native: Option<SmolStr>,
    pub class: Class,
    /// Takes the same parameters, gives a Text.
    pub target: Option<FnId>,
    pub on_busy_fail: bool,
    /// Takes the parameters and then the result, gives Nothing.
    pub undo: Option<FnId>,
}

/// What may be repeated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Class {
    /// Reads.
    Harmless,
    Idempotent,
    /// Milliseconds.
    Keyed(i64),
    /// Takes the parameters, gives `Bool?`.
    Probe(FnId),
    Once,
    /// An action of the project that says nothing: what it calls decides.
    Unsaid,
}

/// A connector.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connector {
    pub name: SmolStr,
    pub module: SmolStr,
    pub docs: String,
    pub settings: Vec<SettingId>,
    pub span: Span,
}

/// An event of a connector.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    pub connector: ConnectorId,
    /// `firing`; with the connector `alertmanager.firing`
    pub name: SmolStr,
    pub docs: String,
    /// What `emit` gives. In conditions the event is a record of these fields and `meta`.
    pub ty: Ty,
    pub source: EventSource,
    pub verify: Option<Verify>,
    /// Takes nothing and reads settings at most. Gives a `List<Text>`: who is told by `OPTIONS` that it may deliver.
    pub origins: Option<FnId>,
    /// Takes the three below. Gives a `Json?`: what a delivery that only asks is answered, and it is no event; none for every other.
    pub answer: Option<FnId>,
    /// All take `(body: Json, headers: Map<Text, Text>, query: Map<Text, Text>)` and are pure. Gives a `List<Json>`.
    pub each: Option<FnId>,
    /// Takes the three and the item of `each` (null without it). Gives a Text.
    pub id: Option<FnId>,
    /// Takes the four. Gives a Time.
    pub at: Option<FnId>,
    /// Takes the four. Gives the event; `skip` leaves the item out.
    pub emit: FnId,
    pub acknowledge: Option<Acknowledge>,
    pub span: Span,
}

/// What is done when a delivery is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledge {
    /// Takes `(body: Json, headers: Map<Text, Text>, query: Map<Text, Text>)` and gives nothing. It is called again when it failed.
    pub function: FnId,
    /// Whether it may change something, and not only read.
    pub changes: bool,
}

/// Where events come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum EventSource {
    /// The path below `/hooks`, e.g. `/alertmanager`.
    Webhook { path: SmolStr },
    /// The function takes nothing, at most reads, and gives Json: the `body`.
    Poll { every_ms: i64, function: FnId },
    /// One of [`crate::feeds::FEEDS`]. Each argument is a function that takes nothing and reads settings at most.
    Feed { kind: SmolStr, args: Vec<(SmolStr, FnId)> },
}

/// How a delivery shows who sent it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verify {
    /// `none`, or a name of `schemes::SCHEMES`.
    pub scheme: SmolStr,
    /// Named arguments; each function takes nothing and reads settings at most.
    pub args: Vec<(SmolStr, FnId)>,
}

/// A runbook with its header.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Runbook {
    pub name: SmolStr,
    pub module: SmolStr,
    pub docs: String,
    pub params: Vec<Param>,
    /// Takes the parameters.
    pub body: FnId,
    /// Takes the parameters and then the Failure.
    pub on_failure: Option<FnId>,
    /// Takes the parameters.
    pub finally: Option<FnId>,
    pub owner: Option<SmolStr>,
    /// Index in the built-in severities, `medium` unless written.
    pub severity: u32,
    pub tags: Vec<SmolStr>,
    pub controls: Vec<SmolStr>,
    pub triggers: Vec<Trigger>,
    /// The key takes the parameters.
    pub dedupe: Option<Dedupe>,
    pub limit: Limit,
    pub concurrency: Option<Concurrency>,
    pub timeout_ms: Option<i64>,
    pub give_up: Option<GiveUp>,
    pub cancel_when: Vec<CancelWhen>,
    pub rollback: bool,
    pub shadow: bool,
    pub span: Span,
}

/// A policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    pub name: SmolStr,
    pub module: SmolStr,
    pub docs: String,
    /// All must hold for the policy to apply.
    pub applies: Vec<PolicyCondition>,
    pub rules: Vec<PolicyRule>,
    /// As written, for its digest.
    pub text: String,
    pub span: Span,
}

/// A condition of a policy. Takes the `run`, the `runbook`, the `call`, the `time`, the `approvals` and the `waiver`; is pure and gives
/// a Bool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyCondition {
    pub function: FnId,
    /// As written.
    pub text: SmolStr,
    /// Reads the call, the approvals or the waiver: cannot be answered before there is a call.
    pub of_call: bool,
    /// Speaks of `call.rollback`: the author thought of undo calls.
    pub of_rollback: bool,
}

/// A rule of a policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyRule {
    pub kind: PolicyKind,
    /// Calls of this effect and above.
    pub effect: Effect,
    /// Holds in any of them; always when there are none.
    pub during: Vec<Window>,
    pub condition: Option<PolicyCondition>,
    pub unless: Option<PolicyCondition>,
    pub because: Option<SmolStr>,
    /// The first line as written, for people.
    pub text: SmolStr,
    /// Where it stands: `policies.rrb:4:3`.
    pub place: SmolStr,
    pub span: Span,
}

/// What a rule does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum PolicyKind {
    Forbid,
    /// Denies calls that stand under a waiver.
    ForbidWaive,
    Require(PolicyApproval),
    /// The key takes what conditions take.
    Limit {
        count: u32,
        per_ms: i64,
        key: Option<FnId>,
        /// Names its counter: stays the same when the count is changed.
        counter: SmolStr,
    },
    Delegate(Delegate),
}

/// The approval that a policy wants for a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyApproval {
    pub from: Vec<NamedPrincipal>,
    pub quorum: u32,
    pub allow_requester: bool,
    pub require_comment: bool,
    pub within_ms: i64,
    /// Where the clauses stand.
    pub quorum_span: Span,
}

/// Somebody named when the program is compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPrincipal {
    pub name: SmolStr,
    pub is_group: bool,
    pub span: Span,
}

/// A decision that another language makes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delegate {
    pub engine: DelegateEngine,
    /// Relative to the project.
    pub file: SmolStr,
    /// Its text, so that a program is whole.
    pub text: String,
    /// `data.rrb.deny`; empty for Cedar.
    pub query: SmolStr,
    pub query_span: Span,
}

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelegateEngine {
    Rego,
    Cedar,
}

/// A parameter of a runbook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Param {
    pub name: SmolStr,
    pub docs: String,
    pub ty: Ty,
    pub default: Option<ConstId>,
}

/// `dedupe by KEY for D`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dedupe {
    /// Takes the parameters; gives the key, any value. None: one key for the runbook.
    pub key: Option<FnId>,
    pub within_ms: i64,
}

/// `limit N per D by KEY`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limit {
    pub count: u32,
    pub per_ms: i64,
    pub key: Option<FnId>,
}

/// `concurrency N by KEY MODE`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Concurrency {
    pub count: u32,
    pub key: Option<FnId>,
    pub mode: ConcurrencyMode,
}

/// `give up after N ineffective in D by KEY`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GiveUp {
    pub count: u32,
    pub within_ms: i64,
    pub key: Option<FnId>,
}

/// `cancel when EVENT as r where C because "…"`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CancelWhen {
    pub event: EventId,
    pub instance: Option<SmolStr>,
    /// Takes the event and then the parameters.
    pub condition: Option<FnId>,
    pub because: Option<SmolStr>,
    pub span: Span,
}

/// What starts a runbook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trigger {
    pub kind: TriggerKind,
    pub span: Span,
}

/// A kind of trigger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum TriggerKind {
    Event {
        event: EventId,
        instance: Option<SmolStr>,
        /// The top-level conjuncts of `where`, in order.
        condition: Vec<Conjunct>,
        /// Takes the event; gives the record of parameters, or skips.
        with: FnId,
    },
    /// More than one event, or that one stays away.
    Several(Box<Correlation>),
    Every {
        every_ms: i64,
        missed: Missed,
        with: FnId,
    },
    Cron {
        cron: SmolStr,
        zone: Option<SmolStr>,
        missed: Missed,
        with: FnId,
    },
}

/// A trigger that looks at more than one event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Correlation {
    /// The trigger as written, without `with` and with one space between words: names its window across restarts and new versions of
    /// the program.
    pub text: SmolStr,
    pub shape: Shape,
    /// `within`, for silence `for`.
    pub within_ms: i64,
    /// Keys that its window holds, for pairs events that wait on either side.
    pub max_keys: u32,
    /// Count: takes the list of events. Pair: takes both. `without`: takes the first. Group: takes an event or a list for each term.
    /// Silence: takes the last event heard. Gives the record of parameters, or skips.
    pub with: FnId,
}

/// How the events of a correlation belong together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Shape {
    /// So many with one key; with `distinct`, all with another value of it.
    Count { count: u32, part: Part, key: Option<FnId>, distinct: Option<FnId> },
    /// Two that belong together.
    Pair {
        joint: Joint,
        first: Part,
        second: Part,
        /// `a.x == b.y`: takes the event of its own side and gives what must be equal.
        joins: Vec<Join>,
        /// What is said of both: takes the first and the second.
        both: Vec<Conjunct>,
    },
    /// Some of each term that belong together.
    Group {
        /// `then`: all of a term after all of the one before it. `and`: in any order.
        ordered: bool,
        terms: Vec<Term>,
        /// `a.x == b.y`: what the events of two terms are found by.
        links: Vec<Link>,
        /// What is said of several terms.
        across: Vec<Across>,
    },
    /// None any more of a key that was heard.
    Silence { part: Part, key: Option<FnId> },
}

/// Some events of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Term {
    pub part: Part,
    /// `with` gets a list when it is written.
    pub count: Option<u32>,
}

/// An equality between the events of two terms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    /// The two terms, the earlier one first; each function takes the event of its term.
    pub terms: [usize; 2],
    pub sides: Join,
}

/// A condition on the events of several terms: on each choice of one event a term.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Across {
    /// The terms whose events its function takes, in order.
    pub terms: Vec<usize>,
    pub condition: Conjunct,
}

/// One event of a correlation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    pub event: EventId,
    pub instance: Option<SmolStr>,
    /// What is said of this event alone.
    pub condition: Vec<Conjunct>,
}

/// An equality between the two events of a pair.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Join {
    pub first: FnId,
    pub second: FnId,
    /// As written.
    pub text: SmolStr,
}

impl Correlation {
    /// Its events: one, the first and the second, or those of its terms.
    pub fn parts(&self) -> Vec<&Part> {
        match &self.shape {
            Shape::Count { part, .. } | Shape::Silence { part, .. } => vec![part],
            Shape::Pair { first, second, .. } => vec![first, second],
            Shape::Group { terms, .. } => terms.iter().map(|t| &t.part).collect(),
        }
    }
}

impl TriggerKind {
    /// The events it listens to, each with the instance when only one is meant.
    pub fn events(&self) -> Vec<(EventId, Option<&SmolStr>)> {
        match self {
            Self::Event { event, instance, .. } => vec![(*event, instance.as_ref())],
            Self::Several(several) => several.parts().into_iter().map(|p| (p.event, p.instance.as_ref())).collect(),
            Self::Every { .. } | Self::Cron { .. } => Vec::new(),
        }
    }
}

/// One operand of the `and`s of a condition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conjunct {
    /// Takes the event; gives a Bool.
    pub function: FnId,
    /// As written, for dispositions.
    pub text: SmolStr,
    /// The parts whose values explain a no: text as written and a function of the event.
    pub operands: Vec<(SmolStr, FnId)>,
    /// When it has the form `event.a.b == literal`: what an index can use.
    pub equals: Option<(Vec<SmolStr>, Value)>,
    pub span: Span,
}

/// An expression with its type.
#[derive(Debug, Clone)]
pub struct Expr {
    pub kind: ExprKind,
    pub ty: Ty,
    pub span: Span,
}

/// A piece of a text.
#[derive(Debug, Clone)]
pub enum TextPart {
    Chars(SmolStr),
    /// A value that prints (see LANGUAGE-NOTES: "what a hole prints").
    Hole(Expr),
}

/// What an expression is.
#[derive(Debug, Clone)]
pub enum ExprKind {
    Literal(Value),
    Text(Vec<TextPart>),
    Local(LocalId),
    Constant(ConstId),
    /// A setting; a connector's is that of the instance of the current call.
    Setting(SettingId),
    /// A named function or lambda as a value; captures are read from these locals now.
    Closure {
        function: FnId,
        captures: Vec<LocalId>,
    },
    /// `true` for spread items.
    List(Vec<(bool, Expr)>),
    /// Values in the field order of the expression's type.
    Record(Vec<Expr>),
    /// `{ ..a, f: e }`: fields taken from `base` by name, then replaced. Gives the expression's type.
    RecordUpdate {
        base: Box<Expr>,
        fields: Vec<(SmolStr, Expr)>,
    },
    Map(Vec<MapEntry>),
    Variant {
        ty: TypeId,
        index: u32,
        name: SmolStr,
        payload: Vec<Expr>,
    },
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    /// Arithmetic, comparison, `in`, `matches`, ranges: both operand types decide which. Never And, Or, Coalesce.
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// `left ?? right`
    Coalesce(Box<Expr>, Box<Expr>),
    /// Field of a record by its index in the static type of `base`. With `optional`, absent gives absent.
    Field {
        base: Box<Expr>,
        index: u32,
        name: SmolStr,
        optional: bool,
    },
    /// `.name` on Json; with `optional` also on an optional Json.
    JsonField {
        base: Box<Expr>,
        name: SmolStr,
        optional: bool,
    },
    /// `m.key` and `m["key"]` on a Map: gives an optional.
    MapGet {
        base: Box<Expr>,
        key: Box<Expr>,
        optional: bool,
    },
    /// `xs[i]` on a List (fails out of range) or on Json (by number or text; gives null).
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    /// A pure or reading function that is no action.
    CallFn {
        function: FnId,
        args: Vec<Expr>,
    },
    /// A function value.
    CallValue {
        callee: Box<Expr>,
        args: Vec<Expr>,
    },
    /// An action, native or not; the arguments are in parameter order with defaults filled in.
    CallAction(Box<ActionCall>),
    /// A built-in method, by type and name: `Text.lower`, `List.map`; the receiver is the first argument. With `optional` (from `?.`), an absent receiver gives absent.
    Method {
        name: SmolStr,
        args: Vec<Expr>,
        optional: bool,
    },
    /// Changes how a value is held; never fails.
    Coerce {
        value: Box<Expr>,
        kind: Coercion,
    },
    /// `j as T`; the type of the expression is T.
    Decode(Box<Expr>),
    Is {
        value: Box<Expr>,
        pattern: Pattern,
    },
    /// Only as (part of) a condition: binds and gives a Bool.
    Let {
        pattern: Pattern,
        value: Box<Expr>,
    },
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    Match {
        value: Box<Expr>,
        arms: Vec<Arm>,
    },
    Block(Block),
    /// The expression is a Text, or a Failure that fails again as it is.
    Fail(Box<Expr>),
    Finish {
        outcome: Outcome,
        why: Option<Box<Expr>>,
    },
    Return(Option<Box<Expr>>),
    Break,
    Continue,
    Skip,
    Rollback {
        site: SiteId,
    },
    Step {
        name: Box<Expr>,
        body: Block,
        site: SiteId,
    },
    Approve(Box<Approve>),
    Waive(Box<Waive>),
    Verify(Box<Verification>),
    /// A duration.
    Wait {
        duration: Box<Expr>,
        site: SiteId,
    },
    /// Gives a Bool: whether it came true in time.
    WaitUntil {
        condition: Box<Expr>,
        every: Box<Expr>,
        within: Box<Expr>,
        site: SiteId,
    },
    WaitFor(Box<WaitFor>),
    During(Box<During>),
    /// Begins the block of the `during` around it anew; only in one of its handlers.
    Restart,
    RunChild(Box<RunChild>),
    /// Over a List, Set, Map (entries `{ key, value }`), range or Json list. Gives the list of the body's values when used.
    For {
        pattern: Pattern,
        items: Box<Expr>,
        body: Block,
    },
    /// `for` with clauses: the items run at the same time, or in waves.
    FanOut(Box<FanOut>),
    /// `parallel` and `race`
    Together(Box<Together>),
    /// `at most`: a failure of kind `denied` when there are more items than allowed.
    AtMost(Box<AtMost>),
    While {
        condition: Box<Expr>,
        max: u32,
        body: Block,
    },
    Try {
        body: Block,
        handler: Option<(Option<LocalId>, Block)>,
        site: SiteId,
    },
}

/// An entry of a map literal.
#[derive(Debug, Clone)]
pub enum MapEntry {
    Entry(Expr, Expr),
    Spread(Expr),
}

/// How a value changes its form.
#[derive(Debug, Clone, PartialEq)]
pub enum Coercion {
    IntToFloat,
    /// Any value without Secret and function to Json.
    ToJson,
    /// As `ToJson`, for people: a size keeps its unit.
    ToShown,
    /// To the exact shape of the expression's type: fewer fields, or a deeper conversion in a list, map or optional.
    Shape,
    /// Text to Url: holes were percent-encoded already, the whole is checked now and may fail with `invalid`.
    TextToUrl,
}

/// The outcome of `finish`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Resolved,
    Mitigated,
    NotNeeded,
    Escalated,
    Failed,
    /// Given by the engine from here on.
    RolledBack,
    Cancelled,
    Denied,
    Expired,
    /// The runbook is in `shadow`: nothing was done.
    Shadow,
}

/// A call of an action.
#[derive(Debug, Clone)]
pub struct ActionCall {
    pub function: FnId,
    pub args: Vec<Expr>,
    /// `k8s[cluster].drain`; None inside the same connector (the instance goes on) and for `default`.
    pub instance: Option<Expr>,
    /// Written with `do`.
    pub is_do: bool,
    pub retry: Option<Retry>,
    /// A Duration.
    pub timeout: Option<Expr>,
    /// A Text.
    pub key: Option<Expr>,
    /// `undo { … }` at the call: captures these locals, takes the result, gives Nothing.
    pub undo: Option<(FnId, Vec<LocalId>)>,
    /// `trust reads|changes`: the effect the block around lowers a primitive's to.
    pub trusted: Option<Effect>,
    pub site: SiteId,
}

/// `retry N times backoff A..B when C`
#[derive(Debug, Clone)]
pub struct Retry {
    /// Tries after the first.
    pub times: Expr,
    /// First and largest pause.
    pub backoff: Option<(Expr, Expr)>,
    /// The condition, with the Failure in this local.
    pub when: Option<(LocalId, Expr)>,
    pub unsafe_reason: Option<SmolStr>,
}

/// `for … in waves … pausing … parallel N collect failures { … } between { … }`. No branch assigns a variable that is declared outside of it.
#[derive(Debug, Clone)]
pub struct FanOut {
    pub pattern: Pattern,
    /// As for `For`.
    pub items: Expr,
    pub waves: Option<Waves>,
    /// An Int: how many items at a time.
    pub parallel: Expr,
    /// Gives `{ item, value: T?, failure: Failure? }` for each item; without `value` when the body gives nothing.
    pub collect: bool,
    pub body: Block,
    pub site: SiteId,
}

/// `in waves`
#[derive(Debug, Clone)]
pub struct Waves {
    /// Each an Int (a count) or a Float (a share), or one expression of a list of either. Cumulative.
    pub sizes: Vec<Expr>,
    /// `sizes` is one expression that gives the list.
    pub listed: bool,
    /// A Duration.
    pub pausing: Option<Expr>,
    pub between: Option<Block>,
    pub site: SiteId,
}

/// `parallel { … }`: a record of what the branches give; `race { … }`: what the first one gives.
#[derive(Debug, Clone)]
pub struct Together {
    pub race: bool,
    pub branches: Vec<Branch>,
    pub site: SiteId,
}

/// A branch of `parallel` or `race`.
#[derive(Debug, Clone)]
pub struct Branch {
    pub name: SmolStr,
    pub body: Expr,
    /// Its value is a field of the result.
    pub gives: bool,
}

/// `at most LIMIT of OF or FLOOR for ITEMS`
#[derive(Debug, Clone)]
pub struct AtMost {
    /// An Int (a count), or a Float (a share of `of`).
    pub limit: Expr,
    pub of: Option<Expr>,
    /// An Int.
    pub floor: Option<Expr>,
    pub items: Expr,
    /// `limit`, `of` and `items` as written.
    pub texts: [SmolStr; 3],
    pub site: SiteId,
}

/// `approve`
#[derive(Debug, Clone)]
pub struct Approve {
    pub question: Expr,
    pub from: Vec<Principal>,
    pub quorum: Expr,
    pub allow_requester: bool,
    pub within: Expr,
    pub escalate: Vec<(Vec<Principal>, Expr)>,
    pub remind: Option<Expr>,
    /// Calls of actions whose last argument is the `ApprovalRequest` in `request`.
    pub ask: Vec<Expr>,
    pub request: LocalId,
    /// Coerced to Json.
    pub showing: Option<Expr>,
    pub require_comment: bool,
    /// `approval` inside the block.
    pub approval: LocalId,
    pub body: Block,
    pub otherwise: Option<(Option<LocalId>, Block)>,
    pub site: SiteId,
}

/// Who may approve.
#[derive(Debug, Clone)]
pub enum Principal {
    User(Expr),
    Group(Expr),
}

/// `waive`
#[derive(Debug, Clone)]
pub struct Waive {
    pub reason: Expr,
    pub by: SmolStr,
    /// Where `by` stands.
    pub by_span: Span,
    /// Milliseconds since the epoch.
    pub until: i64,
    /// Where the date stands.
    pub until_span: Span,
    pub body: Block,
    pub site: SiteId,
}

/// `verify`
#[derive(Debug, Clone)]
pub struct Verification {
    pub name: Expr,
    pub within: Expr,
    pub every: Expr,
    pub settle: Option<Expr>,
    pub body: Block,
    /// The source of the condition and the operands whose last values the failure shows; each is re-evaluated after a no.
    pub operands: Vec<(SmolStr, Expr)>,
    pub site: SiteId,
}

/// An event that a run waits for.
#[derive(Debug, Clone)]
pub struct Watch {
    pub event: EventId,
    pub instance: Option<SmolStr>,
    /// Pure; captures these locals when the wait begins, takes the event, gives a Bool.
    pub condition: Option<(FnId, Vec<LocalId>)>,
    /// The event and its condition as written, for people.
    pub text: SmolStr,
    pub site: SiteId,
}

/// `wait for`; gives the event or none.
#[derive(Debug, Clone)]
pub struct WaitFor {
    pub watch: Watch,
    /// A Duration.
    pub within: Expr,
}

/// `during`; gives the value of its block.
#[derive(Debug, Clone)]
pub struct During {
    pub body: Block,
    pub handlers: Vec<DuringHandler>,
    pub site: SiteId,
}

/// A handler of `during`; falls through when its block gives Nothing, and never uses its value.
#[derive(Debug, Clone)]
pub struct DuringHandler {
    pub watch: Watch,
    /// The event.
    pub binder: LocalId,
    pub body: Block,
}

/// `run` and `start`: gives a `ChildRun`, or the id of the run.
#[derive(Debug, Clone)]
pub struct RunChild {
    pub runbook: RunbookId,
    /// In parameter order with defaults filled in.
    pub args: Vec<Expr>,
    /// `run`: waits for its end.
    pub awaited: bool,
    pub site: SiteId,
}

/// Statements and a value.
#[derive(Debug, Clone)]
pub struct Block {
    pub stmts: Vec<Stmt>,
    /// The last expression; None gives Nothing (or never gets there).
    pub value: Option<Box<Expr>>,
}

/// A statement.
#[derive(Debug, Clone)]
pub enum Stmt {
    Let { pattern: Pattern, value: Expr },
    Assign { local: LocalId, value: Expr },
    Evidence { name: Expr, value: Expr, site: SiteId },
    Log { text: Expr, site: SiteId },
    Expr(Expr),
}

/// `pattern if guard => body`
#[derive(Debug, Clone)]
pub struct Arm {
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Expr,
    /// The pattern's.
    pub span: Span,
}

/// A pattern against a value of a known type.
#[derive(Debug, Clone)]
pub enum Pattern {
    Any,
    Bind(LocalId),
    /// Absent, or Json null.
    None,
    Literal(Value),
    Range {
        start: Value,
        end: Value,
        inclusive: bool,
    },
    Variant {
        index: u32,
        payload: Vec<(u32, Pattern)>,
    },
    /// By field index of the static type.
    Record(Vec<(u32, Pattern)>),
    List {
        items: Vec<Pattern>,
        rest: bool,
    },
    Or(Vec<Pattern>),
    As(Box<Pattern>, LocalId),
    /// The value is there (an optional against a pattern of what is inside).
    Present(Box<Pattern>),
}
/// A runbook's id and its tree.
impl Program {
    /// The runbook `name`: bare when that is unique, or with its module (`lib.paging.page`).
    pub fn runbook(&self, name: &str) -> Option<(RunbookId, &Runbook)> {
        let mut hits = self.runbooks.iter().enumerate().filter(|(_, r)| {
            r.name == name || name.strip_suffix(r.name.as_str()).and_then(|m| m.strip_suffix('.')) == Some(&r.module)
        });
        let hit = hits.next()?;
        hits.next().is_none().then(|| (RunbookId(u32::try_from(hit.0).unwrap_or(u32::MAX)), hit.1))
    }
}
