//! The bytecode: register code with typed fast paths, and the tables of the places that the machine handles itself.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::hir::{Action, Outcome};
use crate::ids::{EventId, FnId, RunbookId, SettingId, SiteId, TypeId};
use crate::syntax::ast::Effect;
use crate::types::Ty;

/// A register of a frame: locals first (captures, parameters, the rest), then temporaries.
pub type Reg = u16;

/// A place in a function's code.
pub type Pc = u32;

/// Comparison of whole numbers in the fused operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// The operators that look at both operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bin {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    Matches,
    Range,
    RangeInclusive,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

/// One instruction. `d` is the destination, `s`, `a` and `b` are sources, `to` is where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Op {
    Move {
        d: Reg,
        s: Reg,
    },
    /// As `Move` from a temporary that is not read again: what it holds stays the only one of its kind and can be changed in place.
    Take {
        d: Reg,
        s: Reg,
    },
    Const {
        d: Reg,
        k: u32,
    },
    Int {
        d: Reg,
        v: i32,
    },
    Bool {
        d: Reg,
        v: bool,
    },
    None {
        d: Reg,
    },
    Nothing {
        d: Reg,
    },
    /// A constant of the program.
    Global {
        d: Reg,
        id: u32,
    },
    Setting {
        d: Reg,
        id: SettingId,
    },
    /// Captures are the `n` registers from `a`.
    Closure {
        d: Reg,
        a: Reg,
        n: u16,
        function: FnId,
    },

    Jump {
        to: Pc,
    },
    JumpIf {
        s: Reg,
        to: Pc,
    },
    JumpIfNot {
        s: Reg,
        to: Pc,
    },
    JumpIfAbsent {
        s: Reg,
        to: Pc,
    },
    JumpIfPresent {
        s: Reg,
        to: Pc,
    },
    JumpUnlessInt {
        cmp: Cmp,
        a: Reg,
        b: Reg,
        to: Pc,
    },
    JumpUnlessIntK {
        cmp: Cmp,
        a: Reg,
        k: i16,
        to: Pc,
    },
    /// Compares with a constant of the pool, on the right of the operator.
    JumpUnlessK {
        op: Bin,
        a: Reg,
        k: u16,
        to: Pc,
    },
    JumpUnlessVariant {
        a: Reg,
        index: u16,
        to: Pc,
    },
    /// With `rest`, at least `len` items.
    JumpUnlessLen {
        a: Reg,
        len: u16,
        rest: bool,
        to: Pc,
    },

    AddInt {
        d: Reg,
        a: Reg,
        b: Reg,
    },
    AddIntK {
        d: Reg,
        a: Reg,
        k: i16,
    },
    SubInt {
        d: Reg,
        a: Reg,
        b: Reg,
    },
    MulInt {
        d: Reg,
        a: Reg,
        b: Reg,
    },
    ModInt {
        d: Reg,
        a: Reg,
        b: Reg,
    },
    AddFloat {
        d: Reg,
        a: Reg,
        b: Reg,
    },
    SubFloat {
        d: Reg,
        a: Reg,
        b: Reg,
    },
    MulFloat {
        d: Reg,
        a: Reg,
        b: Reg,
    },
    CmpInt {
        cmp: Cmp,
        d: Reg,
        a: Reg,
        b: Reg,
    },
    Binary {
        op: Bin,
        d: Reg,
        a: Reg,
        b: Reg,
    },
    Not {
        d: Reg,
        s: Reg,
    },
    Neg {
        d: Reg,
        s: Reg,
    },

    List {
        d: Reg,
        a: Reg,
        n: u16,
    },
    ListPush {
        d: Reg,
        s: Reg,
    },
    ListExtend {
        d: Reg,
        s: Reg,
    },
    Record {
        d: Reg,
        a: Reg,
        names: u32,
    },
    MapNew {
        d: Reg,
    },
    MapInsert {
        d: Reg,
        k: Reg,
        v: Reg,
    },
    MapExtend {
        d: Reg,
        s: Reg,
    },
    Variant {
        d: Reg,
        a: Reg,
        n: u16,
        variant: u32,
    },
    /// The printed values of the `n` registers from `a`, in one text.
    Text {
        d: Reg,
        a: Reg,
        n: u16,
    },
    Field {
        d: Reg,
        s: Reg,
        index: u16,
    },
    /// A field of a field.
    Field2 {
        d: Reg,
        s: Reg,
        first: u16,
        second: u16,
    },
    /// `Field` and then a comparison with a constant of the pool, on the right of the operator.
    JumpUnlessFieldK {
        op: Bin,
        s: Reg,
        index: u16,
        k: u16,
        to: Pc,
    },
    JsonField {
        d: Reg,
        s: Reg,
        name: u32,
    },
    /// A field of a field; the names are in the pool.
    JsonField2 {
        d: Reg,
        s: Reg,
        first: u32,
        second: u32,
    },
    MapGet {
        d: Reg,
        s: Reg,
        k: Reg,
    },
    Index {
        d: Reg,
        s: Reg,
        i: Reg,
    },
    Payload {
        d: Reg,
        s: Reg,
        index: u16,
    },
    Item {
        d: Reg,
        s: Reg,
        index: u16,
    },
    Coerce {
        d: Reg,
        s: Reg,
        shape: u32,
    },
    Decode {
        d: Reg,
        s: Reg,
        ty: u32,
    },

    /// Fails when the value nests too deep; stands where a type that contains itself is built.
    CheckDepth {
        s: Reg,
    },

    /// Arguments are taken from the registers from `a`.
    Call {
        d: Reg,
        a: Reg,
        function: FnId,
    },
    CallValue {
        d: Reg,
        f: Reg,
        a: Reg,
        n: u16,
    },
    Method {
        d: Reg,
        a: Reg,
        n: u8,
        id: u16,
    },
    /// As `Method`, with the receiver taken from `d` so that it is changed in place; the other arguments from `a`.
    Update {
        d: Reg,
        a: Reg,
        n: u8,
        id: u16,
    },
    Ret {
        s: Reg,
    },
    /// Ends the scopes of this function first.
    RetScoped {
        s: Reg,
    },
    /// Ends a piece of code that shares its frame's registers (`when`, `ask`).
    RetSub {
        s: Reg,
    },

    /// Prepares `d` (the items) and `d + 1` (the place).
    Iter {
        d: Reg,
        s: Reg,
    },
    IterNext {
        it: Reg,
        d: Reg,
        to: Pc,
    },
    /// Prepares `d` (the next) and `d + 1` (behind the last) of a range of whole numbers.
    RangeIter {
        d: Reg,
        s: Reg,
    },
    RangeNext {
        it: Reg,
        d: Reg,
        to: Pc,
    },

    FailText {
        s: Reg,
    },
    /// A failure of kind `invalid` with a text of the pool.
    FailInvalid {
        k: u32,
    },
    FailValue {
        s: Reg,
    },
    TryEnter {
        /// Where the failure is bound.
        d: Reg,
        handler: Pc,
    },
    /// Ends the `n` innermost scopes of this function.
    ScopeExit {
        n: u16,
    },
    Skip,
    /// No arm fits: the checker excludes it.
    NoMatch,

    // From here on the machine does it; in pure code they cannot stand.
    Action {
        call: u32,
    },
    Finish {
        outcome: Outcome,
        s: Reg,
    },
    Rollback {
        site: SiteId,
    },
    StepBegin {
        s: Reg,
        site: SiteId,
    },
    Approve {
        approve: u32,
    },
    Waive {
        waive: u32,
    },
    Poll {
        poll: u32,
    },
    PollCheck {
        poll: u32,
        s: Reg,
    },
    PollReport {
        poll: u32,
    },
    Sleep {
        s: Reg,
        site: SiteId,
    },
    WaitFor {
        wait: u32,
    },
    During {
        during: u32,
    },
    /// The block is at its end: what came in it is handled first.
    DuringEnd {
        during: u32,
    },
    /// In a plan: the handler may run. Else nothing.
    DuringMay {
        during: u32,
        handler: u16,
    },
    HandlerEnd {
        during: u32,
    },
    Restart,
    Child {
        child: u32,
    },
    Evidence {
        name: Reg,
        s: Reg,
        site: SiteId,
    },
    Log {
        s: Reg,
        site: SiteId,
    },
    /// Starts the branches; the frame goes on at their `Join`. In a plan it goes on with the first branch.
    Fork {
        fork: u32,
    },
    /// In a plan of a race: any of its branches may be the one.
    Choose {
        to: Pc,
    },
    /// The end of a branch.
    BranchEnd {
        fork: u32,
        s: Reg,
    },
    /// Puts the results into their registers.
    Join {
        fork: u32,
    },
    /// Divides the items of a loop into its waves.
    Waves {
        waves: u32,
    },
    WaveBegin {
        waves: u32,
    },
    WaveDone {
        waves: u32,
    },
    WavePause {
        waves: u32,
    },
    /// Fails as caught, with who was done.
    WaveFailed {
        waves: u32,
        s: Reg,
    },
    AtMost {
        most: u32,
    },

    /// Counts that this place was reached; only in programs that are compiled to be tested.
    Cover {
        n: u32,
    },
}

/// A compiled function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Code {
    pub name: SmolStr,
    pub module: SmolStr,
    pub effect: Effect,
    /// Captures and parameters.
    pub inputs: u16,
    pub captures: u16,
    pub registers: u16,
    /// Names of the parameters.
    pub params: Vec<SmolStr>,
    pub ret: Ty,
    /// Set for an action.
    pub action: Option<ActionCode>,
    /// Empty for a native.
    pub ops: Vec<Op>,
    pub calls: Vec<CallSite>,
    pub approves: Vec<ApproveSite>,
    pub waives: Vec<WaiveSite>,
    pub polls: Vec<PollSite>,
    pub forks: Vec<ForkSite>,
    pub waves: Vec<WavesSite>,
    pub mosts: Vec<MostSite>,
    pub waits: Vec<WaitSite>,
    pub durings: Vec<DuringSite>,
    pub children: Vec<ChildSite>,
    pub loop_tests: Vec<LoopTest>,
}

/// What the name of a primitive begins with that was an action; behind it stands the number of the function.
pub const GIVEN: &str = "given:";

/// What an action declares.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActionCode(pub Action);

impl PartialEq for ActionCode {
    /// Actions are compared by the bytes of their program, never one by one.
    fn eq(&self, other: &Self) -> bool {
        self.0.native == other.0.native && self.0.connector == other.0.connector
    }
}

/// Where a loop decides whether to go round. In a plan, a decision that is unknown goes round once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopTest {
    pub start: Pc,
    pub end: Pc,
    pub exit: Pc,
}

/// A call of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallSite {
    pub function: FnId,
    pub site: SiteId,
    /// Where the result goes.
    pub d: Reg,
    /// The first argument; as many as the function has inputs.
    pub args: Reg,
    pub instance: Option<Reg>,
    pub retry: Option<RetrySite>,
    pub timeout: Option<Reg>,
    pub key: Option<Reg>,
    /// The function and what it captures when the call succeeds.
    pub undo: Option<(FnId, Vec<Reg>)>,
    pub trusted: Option<Effect>,
}

/// `retry`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrySite {
    pub times: Reg,
    pub backoff: Option<(Reg, Reg)>,
    /// Where the failure is bound, and the code that decides.
    pub when: Option<(Reg, Pc)>,
    pub is_unsafe: bool,
}

/// Users and groups in registers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PrincipalReg {
    User(Reg),
    Group(Reg),
}

/// `approve`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApproveSite {
    pub site: SiteId,
    pub question: Reg,
    pub from: Vec<PrincipalReg>,
    pub quorum: Reg,
    pub allow_requester: bool,
    pub within: Reg,
    pub escalate: Vec<(Vec<PrincipalReg>, Reg)>,
    pub remind: Option<Reg>,
    pub showing: Option<Reg>,
    pub require_comment: bool,
    /// Where the request for `ask` goes.
    pub request: Reg,
    pub ask: Option<Pc>,
    /// `approval` in the block.
    pub approval: Reg,
    pub denial: Option<Reg>,
    pub body: Pc,
    /// The instruction that ends the block's scope.
    pub end: Pc,
    pub otherwise: Option<Pc>,
}

/// `waive`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaiveSite {
    pub site: SiteId,
    pub reason: Reg,
    pub by: SmolStr,
    pub until: i64,
}

/// `verify` and `wait until`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PollSite {
    pub site: SiteId,
    /// None for `wait until`, whose failures are not tolerated and which gives a Bool.
    pub verify: Option<VerifySite>,
    pub within: Reg,
    pub every: Reg,
    pub d: Reg,
    pub check: Pc,
    pub report: Pc,
    pub end: Pc,
}

/// What only `verify` has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifySite {
    pub name: Reg,
    pub settle: Option<Reg>,
    /// The operands as written, and where their last values are.
    pub operands: Vec<(SmolStr, Reg)>,
}

/// `parallel`, `race`, and a loop whose items run at the same time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForkSite {
    pub site: SiteId,
    pub kind: ForkKind,
    /// One for a loop.
    pub branches: Vec<BranchSite>,
    /// The variables around that the branches read.
    pub uses: Vec<Reg>,
    pub join: Pc,
}

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ForkKind {
    /// Results in a row from here, one for each branch.
    Parallel {
        results: Reg,
    },
    Race {
        result: Reg,
    },
    Each(EachSite),
}

/// What only a loop has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EachSite {
    /// What it goes through, as `Iter` made it.
    pub items: Reg,
    pub width: Reg,
    /// Where a branch finds its item.
    pub item: Reg,
    /// Where the list of values goes.
    pub results: Reg,
    /// The values are used.
    pub gives: bool,
    /// `collect failures`: the names of the record.
    pub collect: Option<u32>,
}

/// A branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchSite {
    /// Empty for a loop.
    pub name: SmolStr,
    pub start: Pc,
    /// Its `BranchEnd`.
    pub end: Pc,
}

/// `in waves`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WavesSite {
    pub site: SiteId,
    pub items: Reg,
    /// A list of counts and shares.
    pub sizes: Reg,
    /// The list of the waves, each a list of items; the number of the next one is behind it.
    pub chunks: Reg,
    /// The wave at work.
    pub chunk: Reg,
    /// The items of all waves that are done.
    pub done: Reg,
    pub pausing: Option<Reg>,
    /// There is a `between`.
    pub between: bool,
    pub start: Pc,
    pub end: Pc,
}

/// `at most`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MostSite {
    pub site: SiteId,
    pub limit: Reg,
    pub of: Option<Reg>,
    pub floor: Option<Reg>,
    pub items: Reg,
    /// Limit, whole and items as written.
    pub texts: [SmolStr; 3],
}

/// An event that is watched for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchSite {
    pub site: SiteId,
    pub event: EventId,
    pub instance: Option<SmolStr>,
    /// The function and what it captures.
    pub condition: Option<(FnId, Vec<Reg>)>,
    pub text: SmolStr,
}

/// `wait for`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitSite {
    pub watch: WatchSite,
    pub within: Reg,
    pub d: Reg,
}

/// `during`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DuringSite {
    pub site: SiteId,
    pub handlers: Vec<HandlerSite>,
    /// Where the block begins.
    pub body: Pc,
    /// Behind all of it.
    pub end: Pc,
}

/// A handler of `during`. Its registers are its own: it runs while those of the block are in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandlerSite {
    pub watch: WatchSite,
    /// The event.
    pub binder: Reg,
    pub pc: Pc,
}

/// `run` and `start`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildSite {
    pub site: SiteId,
    pub runbook: RunbookId,
    /// The first argument; as many as the runbook has parameters.
    pub args: Reg,
    pub awaited: bool,
    pub d: Reg,
}

/// A variant as it is built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantCode {
    pub ty: TypeId,
    pub index: u32,
    pub name: SmolStr,
}

/// How a value is brought into another shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// As it is.
    Same,
    IntToFloat,
    ToJson,
    /// Json for people: a size keeps its unit.
    ToShown,
    TextToUrl,
    /// Absent stays absent.
    Optional(Box<Shape>),
    List(Box<Shape>),
    Set(Box<Shape>),
    Map(Box<Shape>, Box<Shape>),
    Range(Box<Shape>),
    /// The names of the result, and for each the field of the source.
    Record(u32, Vec<(u32, Shape)>),
}
