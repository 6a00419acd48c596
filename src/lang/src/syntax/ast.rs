//! The tree of one module as written, with the span of every node. Nothing is resolved here.
//!
//! A file with mistakes still has a tree: what could not be read is an `ExprKind::Missing`, `ItemKind::Bad` or `StmtKind::Bad`,
//! and a diagnostic says why.

mod testing;

use std::sync::Arc;

use smol_str::SmolStr;

use crate::span::Span;
pub use testing::*;

/// A name with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    /// The name; empty where the parser put a hole.
    pub name: SmolStr,
    /// Where it stands.
    pub span: Span,
}

/// A dotted name: `std.kubernetes`, `http.get`.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// At least one part.
    pub parts: Vec<Ident>,
    /// From the first part to the last.
    pub span: Span,
}

/// A comment, kept for the formatter.
#[derive(Debug, Clone, PartialEq)]
pub struct Comment {
    /// With its slashes.
    pub text: SmolStr,
    /// Where it stands.
    pub span: Span,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Module {
    /// The `//!` lines, joined, without their marks.
    pub docs: String,
    /// Declarations in order.
    pub items: Vec<Item>,
    /// Plain comments in order of place (doc comments are in the nodes).
    pub comments: Vec<Comment>,
    /// Line starts (byte offsets) of blank lines, in order, for the formatter.
    pub blank_lines: Vec<u32>,
}

/// A top-level declaration, or one inside a connector.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The `///` lines, joined, without their marks.
    pub docs: String,
    /// What it is.
    pub kind: ItemKind,
    /// From its first keyword to its end, without docs.
    pub span: Span,
}

/// What a declaration is.
#[allow(clippy::large_enum_variant)] // a file has few
#[derive(Debug, Clone, PartialEq)]
pub enum ItemKind {
    /// `use std.kubernetes as k8s`, `use lib.paging.{page, Rotation}`
    Use(Use),
    /// `let max_used = 80%`
    Const(Const),
    /// `settings { … }`
    Settings(Settings),
    /// `type DiskAlert = { … }`
    Type(TypeDecl),
    /// `enum Severity { info, warning }`
    Enum(EnumDecl),
    /// `fn percent(x: Float) -> Text { … }`
    Fn(Arc<FnDecl>),
    /// `action wipe(node: Text) destroys { … }`; also `native action …` in the embedded library
    Action(Arc<ActionDecl>),
    /// `runbook name(…) { … }`
    Runbook(Arc<Runbook>),
    /// `connector slack { … }`
    Connector(Connector),
    /// `event click: Click from webhook "/x" { … }` (in a connector)
    Event(Arc<Event>),
    /// `policy production_guardrails { … }`
    Policy(Arc<Policy>),
    /// `test "it drains the node" { … }`
    Test(Arc<Test>),
    /// What could not be read.
    Bad,
}

/// `use PATH`, `use PATH as NAME`, `use PATH.{a, B}`
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// The module.
    pub path: Path,
    /// `as NAME`
    pub alias: Option<Ident>,
    /// `.{a, B}`
    pub names: Option<Vec<Ident>>,
}

/// `let NAME: TYPE = EXPR` at the top level.
#[derive(Debug, Clone, PartialEq)]
pub struct Const {
    pub name: Ident,
    pub ty: Option<Type>,
    pub value: Expr,
}

/// The settings of a module or a connector.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub fields: Vec<FieldDecl>,
}

/// A field of a record type, of settings or of a variant's payload, or a parameter: `name: Type = default`.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDecl {
    pub docs: String,
    pub name: Ident,
    pub ty: Type,
    pub default: Option<Expr>,
    pub span: Span,
}

/// `type NAME<T> = TYPE`
#[derive(Debug, Clone, PartialEq)]
pub struct TypeDecl {
    pub name: Ident,
    pub generics: Vec<Ident>,
    pub ty: Type,
}

/// `enum NAME { a, b(x: Int) }`
#[derive(Debug, Clone, PartialEq)]
pub struct EnumDecl {
    pub name: Ident,
    pub variants: Vec<Variant>,
}

/// One variant of an enum.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    pub docs: String,
    pub name: Ident,
    pub payload: Vec<FieldDecl>,
    pub span: Span,
}

/// `fn NAME<T>(…) -> TYPE { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct FnDecl {
    pub name: Ident,
    pub generics: Vec<Ident>,
    pub params: Vec<FieldDecl>,
    pub ret: Option<Type>,
    pub body: Block,
}

/// `pure < reads < changes < destroys`, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    Pure,
    Reads,
    Changes,
    Destroys,
}

/// `action NAME(…) -> TYPE EFFECT CLASS target "…" { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct ActionDecl {
    pub name: Ident,
    pub generics: Vec<Ident>,
    pub params: Vec<FieldDecl>,
    pub ret: Option<Type>,
    /// `none` when it is missing (an error the checker reports).
    pub effect: Option<(Effect, Span)>,
    pub class: Option<(RepeatClass, Span)>,
    /// `target "node/${node}"`
    pub target: Option<Expr>,
    /// Where `on busy fail` stands.
    pub on_busy_fail: Option<Span>,
    /// `undo { … }` in the header of a connector's action: its default.
    pub undo: Option<Block>,
    /// None for `native action`, whose body is Rust.
    pub body: Option<Block>,
    /// `native action`
    pub native: bool,
}

/// What may be repeated.
#[derive(Debug, Clone, PartialEq)]
pub enum RepeatClass {
    /// `idempotent`
    Idempotent,
    /// `keyed within 24h`
    Keyed(Box<Expr>),
    /// `probe { … }`
    Probe(Block),
    /// `once`
    Once,
}

/// `connector NAME { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Connector {
    pub name: Ident,
    /// Settings, Type, Enum, Const, Fn, Action and Event items.
    pub items: Vec<Item>,
}

/// `event NAME: TYPE from SOURCE { verify … origins … answer … each … id … at … emit … acknowledge { … } }`
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: Ident,
    pub ty: Type,
    pub source: EventSource,
    pub verify: Option<Verification>,
    /// `origins EXPR`: who is told that it may deliver, when it asks first.
    pub origins: Option<Expr>,
    /// `answer EXPR`: what a delivery that only asks is answered.
    pub answer: Option<Expr>,
    /// `each EXPR as NAME`
    pub each: Option<(Expr, Ident)>,
    pub id: Option<Expr>,
    /// `at EXPR`: the source's time of the event.
    pub at: Option<Expr>,
    pub emit: Option<Expr>,
    /// `acknowledge { … }`: what is done when a delivery is durable.
    pub acknowledge: Option<Block>,
}

/// Where events come from.
#[derive(Debug, Clone, PartialEq)]
pub enum EventSource {
    /// `webhook "/path"`
    Webhook { path: Expr, span: Span },
    /// `poll every D { … }`
    Poll { every: Expr, body: Block, span: Span },
    /// `file("/var/log/app.log")`, `stream nats(url, subject: "alerts.>")`: a call whose name the checker knows.
    Feed { stream: bool, call: Expr, span: Span },
}

/// How a delivery shows who sent it.
#[derive(Debug, Clone, PartialEq)]
pub enum Verification {
    /// `verify none because "…"`
    None { because: Option<Expr>, span: Span },
    /// `verify scheme(args)`, e.g. `verify bearer(token)`; the checker knows the schemes.
    Scheme(Expr),
}

/// `policy NAME { rules }`
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub name: Ident,
    /// In written order, which means nothing.
    pub rules: Vec<PolicyRule>,
}

/// A rule of a policy: its head and its clauses.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyRule {
    pub kind: PolicyRuleKind,
    pub clauses: RuleClauses,
    pub span: Span,
}

/// How a rule begins. Effects are words: the checker knows which there are.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyRuleKind {
    /// `applies where C`
    Applies(Expr),
    /// `forbid destroys …`
    Forbid(Ident),
    /// `forbid waive …`
    ForbidWaive,
    /// `require approval from … for destroys …`; the effect stands in `for`
    Require(Option<Ident>),
    /// `limit changes to 20 per 1h …`
    Limit { effect: Ident, count: Expr, per: Expr },
    /// `delegate rego "policies/guard.rego" …`
    Delegate { engine: Ident, file: Expr },
}

/// The clauses behind a rule's head. Which of them a rule takes the checker knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleClauses {
    /// `during weekly("Fri 17:00" to "Mon 07:00" in "Europe/Berlin"), daily(…)`
    pub during: Vec<Window>,
    /// `where C`
    pub condition: Option<Expr>,
    /// `unless C`
    pub unless: Option<Expr>,
    /// `because "…"`
    pub because: Option<Expr>,
    /// `by E`
    pub by: Option<Expr>,
    /// `from group("sre"), user("ana")`
    pub from: Vec<Expr>,
    pub quorum: Option<Expr>,
    /// `allow requester` or `not requester`, with its place
    pub requester: Option<(bool, Span)>,
    /// `require comment`
    pub require_comment: Option<Span>,
    pub within: Option<Expr>,
    /// `query "data.rrb.deny"`
    pub query: Option<Expr>,
}

/// A span of time, once or again and again.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// `weekly("Fri 17:00" to "Mon 07:00" in "Europe/Berlin")`, `daily("22:00" to "06:00" in …)`
    Hours { kind: Ident, from: Expr, to: Expr, zone: Option<Box<Expr>>, span: Span },
    /// `between time"…" and time"…"`
    Between { from: Expr, to: Expr, span: Span },
}

/// `runbook NAME(…) { header… statements… on failure… finally… }`
#[derive(Debug, Clone, PartialEq)]
pub struct Runbook {
    pub name: Ident,
    pub params: Vec<FieldDecl>,
    /// Header clauses in written order.
    pub header: Vec<HeaderClause>,
    pub body: Vec<Stmt>,
    /// `on failure as f { … }`
    pub on_failure: Option<(Option<Ident>, Block)>,
    /// `finally { … }`
    pub finally: Option<Block>,
}

/// A clause of a runbook's header with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderClause {
    pub kind: HeaderKind,
    pub span: Span,
}

/// What may stand in a runbook's header.
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderKind {
    /// `owner "platform"`
    Owner(Expr),
    /// `severity high`
    Severity(Ident),
    /// `tags ["prod"]`
    Tags(Expr),
    /// `controls ["…"]`
    Controls(Expr),
    /// `on EVENT as e where C with a: x`
    On(OnTrigger),
    /// `on 3 of EVENT …`, `on A … and B …`, `on silence of EVENT …`: what several events, or their absence, mean together
    OnSeveral(Box<Correlation>),
    /// `every 5m missed run once`
    Every { every: Expr, missed: Option<Missed>, with: Vec<NamedArg> },
    /// `at cron"…" in "Europe/Berlin" missed skip`
    At { cron: Expr, zone: Option<Expr>, missed: Option<Missed>, with: Vec<NamedArg> },
    /// `dedupe by E for D`; the key may be a list
    Dedupe { by: Option<Expr>, within: Expr },
    /// `limit 3 per 1h by E`
    Limit { count: Expr, per: Expr, by: Option<Expr> },
    /// `concurrency 1 by E queue`
    Concurrency { count: Expr, by: Option<Expr>, mode: Option<ConcurrencyMode> },
    /// `timeout 4h`
    Timeout(Expr),
    /// `give up after 3 ineffective in 24h by E`
    GiveUp { count: Expr, within: Expr, by: Option<Expr> },
    /// `cancel when EVENT as r where C because "…"`
    CancelWhen { on: OnTrigger, because: Option<Expr> },
    /// `no rollback`
    NoRollback,
    /// `shadow`
    Shadow,
}

/// `on EVENT as e where C with a: x, b: y`
#[derive(Debug, Clone, PartialEq)]
pub struct OnTrigger {
    /// `alertmanager.firing`
    pub event: Path,
    /// `k8s["prod"].warning`: the instance after the connector's name.
    pub instance: Option<Expr>,
    pub binder: Option<Ident>,
    pub condition: Option<Expr>,
    pub with: Vec<NamedArg>,
}

/// A trigger that looks at more than one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    pub kind: CorrelationKind,
    /// `where C`
    pub condition: Option<Expr>,
    /// `by K`: what is counted or heard apart
    pub by: Option<Expr>,
    /// `distinct V`: what must differ between the events that are counted
    pub distinct: Option<Expr>,
    /// `within D`, for silence `for D`
    pub within: Option<Expr>,
    /// `max keys N`
    pub max_keys: Option<Expr>,
    pub with: Vec<NamedArg>,
    /// The trigger from its first event to its last clause.
    pub span: Span,
}

/// How its events belong together.
#[derive(Debug, Clone, PartialEq)]
pub enum CorrelationKind {
    /// `3 of EVENT as e`
    Count { count: Expr, event: HeardEvent },
    /// `A as a and B as b`
    Pair { first: HeardEvent, joint: Joint, second: HeardEvent },
    /// `5 of A as a then B as b`, `A as a and B as b and C as c`: at least three, or some of one kind.
    Group { joint: Joint, terms: Vec<Term> },
    /// `silence of EVENT as e`
    Silence { event: HeardEvent },
}

/// Some events of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// `5 of`; one without it.
    pub count: Option<Expr>,
    pub event: HeardEvent,
}

/// How two events follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joint {
    /// Both, in any order.
    And,
    /// The first, then the second.
    Then,
    /// The first, and the second does not follow.
    Without,
    /// The first, and the second did not come before it.
    WithoutEarlier,
    /// The first, and the second neither came before nor follows.
    WithoutAny,
}

impl Joint {
    /// As written.
    pub fn word(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Then => "then",
            Self::Without => "without",
            Self::WithoutEarlier => "without earlier",
            Self::WithoutAny => "without earlier or later",
        }
    }

    /// Whether the second event is one that stays away.
    pub fn is_absence(self) -> bool {
        matches!(self, Self::Without | Self::WithoutEarlier | Self::WithoutAny)
    }
}

/// `alertmanager.firing as a`
#[derive(Debug, Clone, PartialEq)]
pub struct HeardEvent {
    pub event: Path,
    pub instance: Option<Expr>,
    pub binder: Option<Ident>,
}

/// What a restart does with a missed tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    RunOnce,
    Skip,
}

/// What happens when the places are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcurrencyMode {
    Queue,
    Skip,
    Replace,
}

/// `name: value`, or a bare `name` that stands for `name: name`, or a positional value (no name).
#[derive(Debug, Clone, PartialEq)]
pub struct NamedArg {
    pub name: Option<Ident>,
    pub value: Expr,
}

/// A type as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    pub kind: TypeKind,
    pub span: Span,
}

/// What a written type is.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// `Text`, `List<T>`, `k8s.Pod`
    Named { path: Path, args: Vec<Type> },
    /// `T?`
    Optional(Box<Type>),
    /// `{ name: Text, port: Int = 80 }`
    Record(Vec<FieldDecl>),
    /// `(A, B) => C reads`
    Function { params: Vec<Type>, ret: Box<Type>, effect: Effect },
    /// What could not be read.
    Missing,
}

/// `{ … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub stmts: Vec<Stmt>,
    pub span: Span,
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

/// What a statement is. Most forms are expressions; the last expression of a block is the block's value.
#[derive(Debug, Clone, PartialEq)]
pub enum StmtKind {
    /// `let PATTERN: TYPE = EXPR`
    Let { pattern: Pattern, ty: Option<Type>, value: Expr },
    /// `var NAME: TYPE = EXPR`
    Var { name: Ident, ty: Option<Type>, value: Expr },
    /// `x = e`, `x += e`, `x -= e`; the target is a name (anything else is the checker's error)
    Assign { target: Expr, op: AssignOp, value: Expr },
    /// `evidence "name" = value`
    Evidence { name: Expr, value: Expr },
    /// `log "…"`
    Log(Expr),
    /// `at most 10% of nodes or 1 for xs`
    AtMost(Box<AtMost>),
    /// Any expression.
    Expr(Expr),
    /// What could not be read.
    Bad,
}

/// `at most LIMIT of OF or FLOOR for ITEMS`
#[derive(Debug, Clone, PartialEq)]
pub struct AtMost {
    pub limit: Expr,
    pub of: Option<Expr>,
    pub floor: Option<Expr>,
    pub items: Expr,
}

/// `=`, `+=`, `-=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignOp {
    Set,
    Add,
    Sub,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

/// A piece of a text literal.
#[derive(Debug, Clone, PartialEq)]
pub enum TextPart {
    /// Text with its escapes resolved and common indentation removed.
    Chars(SmolStr),
    /// `${expr}`
    Hole(Expr),
}

/// Which tagged literal: `re"…"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Re,
    Cron,
    Url,
    Cidr,
    Ip,
    Time,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    Bool(bool),
    Int(i64),
    /// Also `85%`, whose value is 0.85 and `percent` true, so that it prints as written.
    Float {
        value: f64,
        percent: bool,
    },
    /// Whole milliseconds.
    Duration(i64),
    /// Whole bytes.
    Size(i64),
    /// Any text literal; raw ones have one `Chars`.
    Text(Vec<TextPart>),
    /// `re"…"`: the content, and the place of its first character for exact errors.
    Tagged {
        tag: Tag,
        text: SmolStr,
        content: Span,
    },
    None,
    /// A bare name: variable, constant, function, variant, module, connector.
    Name(Ident),
    /// `[a, ..xs]`
    List(Vec<ListItem>),
    /// `{ a: 1, b, ..r }`, `{ "k": v, [e]: v }`; which of both the checker decides by the keys.
    Record(Vec<RecordEntry>),
    /// `-x`, `not x`
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    /// `a + b`, `a and b`, `a ?? b`, `a..b`, …
    Binary {
        op: BinaryOp,
        op_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `x is PATTERN`, `x is not PATTERN`
    Is {
        value: Box<Expr>,
        negated: bool,
        pattern: Pattern,
    },
    /// `let PATTERN = EXPR` inside a condition.
    Let {
        pattern: Pattern,
        value: Box<Expr>,
    },
    /// `j as T`
    As {
        value: Box<Expr>,
        ty: Type,
    },
    /// `x.f`, `x?.f`; the name may be a hole
    Field {
        base: Box<Expr>,
        name: Ident,
        optional: bool,
    },
    /// `x[i]`
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    /// `f(a, name: b)` with its modifiers (`retry`, `timeout`, …)
    Call {
        callee: Box<Expr>,
        args: Vec<NamedArg>,
        args_span: Span,
        modifiers: Modifiers,
    },
    /// `x => e`, `(a, b) => e`
    Lambda {
        params: Vec<Ident>,
        body: Box<Expr>,
    },
    /// `if c { } else { }`
    If {
        condition: Box<Expr>,
        then: Block,
        otherwise: Option<Box<Expr>>,
    },
    /// `match x { p if g => e, … }`
    Match {
        value: Box<Expr>,
        arms: Vec<Arm>,
    },
    Block(Block),
    /// `do ACTION(…) modifiers`: the operand is a `Call` (anything else is an error already reported)
    Do(Box<Expr>),
    Fail(Box<Expr>),
    /// `finish OUTCOME "why"`
    Finish {
        outcome: Ident,
        why: Option<Box<Expr>>,
    },
    Return(Option<Box<Expr>>),
    Break,
    Continue,
    Skip,
    /// `rollback`
    Rollback,
    /// `step "Name" { … }`
    Step {
        name: Box<Expr>,
        body: Block,
    },
    Approve(Box<Approve>),
    /// `waive "reason" by "who" until TIME { … }`
    Waive {
        reason: Box<Expr>,
        by: Option<Box<Expr>>,
        until: Option<Box<Expr>>,
        body: Block,
    },
    /// `verify "…" within D every D settle D { cond }`
    Verify {
        name: Box<Expr>,
        within: Option<Box<Expr>>,
        every: Option<Box<Expr>>,
        settle: Option<Box<Expr>>,
        body: Block,
    },
    /// `wait D`
    Wait(Box<Expr>),
    /// `wait until C every D within D`
    WaitUntil {
        condition: Box<Expr>,
        every: Option<Box<Expr>>,
        within: Option<Box<Expr>>,
    },
    /// `wait for E as e where C within D`
    WaitFor {
        event: Box<Awaited>,
        within: Option<Box<Expr>>,
    },
    /// `during { … } on E as e where C { … }`
    During {
        body: Block,
        handlers: Vec<DuringHandler>,
    },
    /// `restart`, in a handler of `during`
    Restart,
    /// `run other(args)`, `start other(args)`
    RunChild {
        /// `run`: the run waits for the end of its child.
        awaited: bool,
        runbook: Path,
        args: Vec<NamedArg>,
        args_span: Span,
    },
    /// `for x in xs { … }`
    For {
        pattern: Pattern,
        items: Box<Expr>,
        body: Block,
    },
    /// `for x in xs parallel 10 { … }`, and the other loops with clauses
    FanOut(Box<FanOut>),
    /// `parallel { a = f(), b { … } }`, `race { … }`
    Together {
        race: bool,
        branches: Vec<Branch>,
    },
    /// `while c max N { … }`
    While {
        condition: Box<Expr>,
        max: Option<Box<Expr>>,
        body: Block,
    },
    /// `try { … } catch f { … }`
    Try {
        body: Block,
        binder: Option<Ident>,
        handler: Option<Block>,
    },
    /// `trust reads because "…" { … }`
    Trust {
        effect: Effect,
        because: Option<Box<Expr>>,
        body: Block,
    },
    /// `( e )`, kept so that printing gives the same text
    Paren(Box<Expr>),
    /// What could not be read.
    Missing,
}

/// `E as e where C`: an event that a run waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Awaited {
    /// `alertmanager.resolved`
    pub event: Path,
    /// `k8s["prod"].warning`: the instance after the connector's name.
    pub instance: Option<Expr>,
    pub binder: Option<Ident>,
    pub condition: Option<Expr>,
    pub span: Span,
}

/// `on E as e where C { … }` behind a `during { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct DuringHandler {
    pub event: Awaited,
    pub body: Block,
    pub span: Span,
}

/// An item of a list literal.
#[derive(Debug, Clone, PartialEq)]
pub enum ListItem {
    Item(Expr),
    Spread(Expr),
}

/// An entry of a record or map literal.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordEntry {
    /// `name: value`
    Field { name: Ident, value: Expr },
    /// `name`
    Shorthand(Ident),
    /// `"text": value`
    TextKey { key: SmolStr, key_span: Span, value: Expr },
    /// `[e]: value`
    Computed { key: Expr, value: Expr },
    /// `..e`
    Spread(Expr),
}

/// Prefix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    Neg,
    Not,
}

/// Infix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    Matches,
    Coalesce,
    /// `..`
    Range,
    /// `..=`
    RangeInclusive,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Matches => "matches",
            Self::Coalesce => "??",
            Self::Range => "..",
            Self::RangeInclusive => "..=",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "mod",
        }
    }
}

/// `pattern if guard => body`
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Expr,
    pub span: Span,
}

/// A pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    pub kind: PatternKind,
    pub span: Span,
}

/// What a pattern is.
#[derive(Debug, Clone, PartialEq)]
pub enum PatternKind {
    /// `_`
    Any,
    /// `none`
    None,
    /// A literal; `-3` is a literal here.
    Literal(Box<Expr>),
    /// `1..5`, `1..=5`
    Range { start: Box<Expr>, end: Box<Expr>, inclusive: bool },
    /// A bare name: a variant or a binding, by the type.
    Name(Ident),
    /// `variant(p, limit: q, ..)`, `Cause.out_of_memory(..)`
    Variant { path: Path, args: Vec<(Option<Ident>, Pattern)>, rest: bool },
    /// `{ name, port: 80, .. }`
    Record { fields: Vec<(Ident, Option<Pattern>)>, rest: bool },
    /// `[a, b, ..]`
    List { items: Vec<Pattern>, rest: bool },
    /// `a | b`
    Or(Vec<Pattern>),
    /// `p as name`
    As { pattern: Box<Pattern>, name: Ident },
    /// What could not be read.
    Missing,
}

/// `for x in xs in waves W pausing D parallel N collect failures { … } between { … }`, with at least one of the clauses.
#[derive(Debug, Clone, PartialEq)]
pub struct FanOut {
    pub pattern: Pattern,
    pub items: Expr,
    pub waves: Option<Expr>,
    pub pausing: Option<Expr>,
    /// How many at a time; a hole when the number was left out.
    pub parallel: Option<Expr>,
    /// Where `collect failures` stands.
    pub collect: Option<Span>,
    pub body: Block,
    pub between: Option<Block>,
}

/// `name = e` or `name { … }` of a `parallel` or `race`.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    pub name: Ident,
    /// A block is an `ExprKind::Block`.
    pub body: Expr,
    pub span: Span,
}

/// The modifiers of a call, each with its place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Modifiers {
    pub retry: Option<Retry>,
    pub timeout: Option<Box<Expr>>,
    pub key: Option<Box<Expr>>,
    pub undo: Option<Block>,
    /// Modifiers written twice.
    pub repeated: Vec<(SmolStr, Span)>,
}

/// `retry 5 times backoff 1s..1m when C`, `retry unsafe "reason" 5 times …`
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    pub times: Box<Expr>,
    /// `backoff 1s..1m` (a range) or `backoff 5s` (constant)
    pub backoff: Option<Box<Expr>>,
    pub when: Option<Box<Expr>>,
    pub unsafe_reason: Option<Box<Expr>>,
    pub span: Span,
}

/// `approve "…" from … quorum N … { … } otherwise d { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Approve {
    pub question: Expr,
    /// `group("sre")`, `user("ana")`
    pub from: Vec<Expr>,
    pub quorum: Option<Expr>,
    /// `not requester`, also the default, or `allow requester` (true)
    pub requester: Option<(bool, Span)>,
    pub within: Option<Expr>,
    /// `escalate to group("leads") after 15m`, any number
    pub escalate: Vec<(Vec<Expr>, Expr)>,
    /// `remind every D`
    pub remind: Option<Expr>,
    /// `ask slack.ask("#ops")`
    pub ask: Vec<Expr>,
    /// `showing { … }`
    pub showing: Option<Expr>,
    /// Where `require comment` stands.
    pub require_comment: Option<Span>,
    pub body: Block,
    /// `otherwise d { … }`
    pub otherwise: Option<(Option<Ident>, Block)>,
}
