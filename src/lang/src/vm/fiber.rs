//! The state of one thread of a run: registers, frames, and the scopes that are open.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::code::{Pc, Reg};
use super::during::{Handling, Interrupt};
use super::failure;
use super::fork::Forked;
use super::protocol::{ActionInfo, ApprovalAsk, Cover, EffectId, Failure, Millis, PlanEntry};
use crate::ids::{ConnectorId, FnId, SiteId};
use crate::syntax::ast::Effect;
use crate::value::Value;

/// What happens when a frame returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameKind {
    /// A function: its value goes to the caller's register.
    Plain,
    /// The bottom: a whole evaluation, the body of a run, a handler, an undo.
    Entry,
    /// The body of an action.
    Action,
    /// The probe of an action.
    Probe,
    /// A recorded undo.
    Undo,
    /// A piece of code of the frame below, on the same registers.
    Sub,
}

/// A function in progress.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub function: FnId,
    pub pc: Pc,
    /// Its first register on the stack.
    pub base: u32,
    /// How long the stack was before it.
    pub top: u32,
    /// Where its value goes, in the frame below.
    pub d: Reg,
    pub kind: FrameKind,
}

/// Something that is open and has to be closed, whatever happens inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// Frames and registers at the place that opened it.
    pub frames: u32,
    pub stack: u32,
    pub kind: ScopeKind,
}

/// What is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ScopeKind {
    Try {
        d: Reg,
        handler: Pc,
        /// How many undos were recorded when it began.
        undos: u32,
    },
    Catch {
        failure: Box<Failure>,
        /// The undos recorded by its `try`.
        undos: (u32, u32),
    },
    Step {
        site: SiteId,
        name: String,
        /// The beginning of the step around it.
        around: Millis,
    },
    Waive {
        cover: Cover,
    },
    Approve(Box<Approving>),
    Call(Box<Calling>),
    Poll(Box<Polling>),
    /// Branches that this thread waits for, or whose end it is about to take note of.
    Fork(Box<Forked>),
    During(Box<Handling>),
    /// A handler of a `during` is at work; what is open above the scope of its `during` is not around it.
    Interrupt(Box<Interrupt>),
    /// The `rollback` statement, or the undo of branches that lost, at work on these recorded undos, newest last.
    Rollback {
        left: Vec<Undo>,
        /// The connector and instance to go back to.
        back: (Option<ConnectorId>, SmolStr),
    },
}

/// An `approve` in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approving {
    /// Its function and its place in the function's table.
    pub function: FnId,
    pub approve: u32,
    pub stage: Asking,
    /// The effect that asks, chosen before so that `ask` can show it.
    pub ask: EffectId,
    /// How long people have, in milliseconds.
    pub within: i64,
    /// With the plan, once there is one.
    pub asked: ApprovalAsk,
    /// Asked once more for the call that is about to begin, and that call has not begun since.
    pub pressing: bool,
    /// Entries not yet used.
    pub entries: Vec<PlanEntry>,
    pub cover: Option<Cover>,
    /// In a branch that people are asked about again: where the branch ends. The block itself is that of a thread around.
    pub until: Option<Pc>,
}

/// Where an `approve` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asking {
    Planning,
    /// The `ask` calls are made.
    Telling,
    Waiting,
    Granted,
}

/// A call of an action in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calling {
    pub function: FnId,
    /// The calling function and the call in its table.
    pub caller: FnId,
    pub call: u32,
    pub args: Vec<Value>,
    /// Names the call, and is the default of its key.
    pub id: EffectId,
    pub began: Millis,
    pub effect: Effect,
    /// What to go back to.
    pub outer: (Option<ConnectorId>, SmolStr),
    /// Set at the seen level.
    pub info: Option<Box<ActionInfo>>,
    pub key: Option<SmolStr>,
    pub timeout: Option<i64>,
    /// Of this try.
    pub deadline: Option<Millis>,
    pub retry: Option<Retrying>,
    /// From 1.
    pub attempt: u32,
    /// A changing native of this try is done.
    pub acted: bool,
    /// The native with an unknown outcome: its name, its effect, and why nobody knows.
    pub lost: Option<(SmolStr, EffectId, String)>,
    pub stage: Stage,
    /// The failure that is being decided on.
    pub failure: Option<Box<Failure>>,
}

/// The evaluated `retry` clause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retrying {
    /// Tries after the first.
    pub times: u32,
    pub first: i64,
    pub largest: i64,
    /// Where the failure is bound and the code that decides.
    pub when: Option<(Reg, Pc)>,
    pub is_unsafe: bool,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    Gate,
    Running,
    /// The `when` clause runs.
    Deciding,
    Pausing,
    Probing,
    Resolving,
}

/// A `verify` or `wait until` in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Polling {
    pub function: FnId,
    pub poll: u32,
    pub name: String,
    pub deadline: Millis,
    pub every: i64,
    pub settle: Option<i64>,
    /// A yes was seen and its time to settle has passed or is passing.
    pub settling: bool,
    /// The failure of the last check, when it was one.
    pub last: Option<String>,
}

/// A recorded undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    pub function: FnId,
    pub args: Vec<Value>,
    /// The action that it undoes.
    pub action: SmolStr,
    pub connector: Option<ConnectorId>,
    pub instance: SmolStr,
    pub cover: Option<Cover>,
    /// The how manieth of the run, over all branches.
    pub seq: u64,
}

/// A thread of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fiber {
    pub stack: Vec<Value>,
    pub frames: Vec<Frame>,
    pub scopes: Vec<Scope>,
    /// The connector of the current call, and its instance.
    pub connector: Option<ConnectorId>,
    pub instance: SmolStr,
    /// How many undos are recorded.
    pub undos: u32,
    /// When the innermost step began, else the run.
    pub since: Millis,
    /// The time of the last input.
    pub now: Millis,
    /// Operations may meet unknown values.
    pub plan: bool,
}

impl Fiber {
    pub fn new(now: Millis) -> Self {
        Self {
            stack: Vec::new(),
            frames: Vec::new(),
            scopes: Vec::new(),
            connector: None,
            instance: SmolStr::new_static("default"),
            undos: 0,
            since: now,
            now,
            plan: false,
        }
    }

    /// Opens a scope here.
    pub fn open(&mut self, kind: ScopeKind) {
        let (frames, stack) = (self.frames.len() as u32, self.stack.len() as u32);
        self.scopes.push(Scope { frames, stack, kind });
    }

    /// Drops frames and registers above those of a scope.
    pub fn cut(&mut self, scope: &Scope) {
        self.frames.truncate(scope.frames as usize);
        self.stack.truncate(scope.stack as usize);
    }

    /// A register of the innermost frame.
    pub fn register(&self, r: Reg) -> Value {
        let base = self.frames.last().map_or(0, |f| f.base);
        self.stack.get(base as usize + r as usize).cloned().unwrap_or(Value::Nothing)
    }

    /// Sets a register of the innermost frame.
    pub fn set(&mut self, r: Reg, value: Value) {
        let base = self.frames.last().map_or(0, |f| f.base);
        if let Some(slot) = self.stack.get_mut(base as usize + r as usize) {
            *slot = value;
        }
    }

    pub fn jump(&mut self, pc: Pc) {
        if let Some(frame) = self.frames.last_mut() {
            frame.pc = pc;
        }
    }

    /// Ends the innermost frame and hands its value on, when the frame below waits for it.
    pub fn finish_frame(&mut self, value: Value) -> Option<FrameKind> {
        let frame = self.frames.pop()?;
        self.stack.truncate(frame.top as usize);
        if frame.kind == FrameKind::Plain {
            self.set(frame.d, value);
        }
        Some(frame.kind)
    }

    /// When the innermost scope is a `try`: goes on with its handler. Gives the failure back otherwise.
    pub fn catch(&mut self, mut failure: Box<Failure>) -> Option<Box<Failure>> {
        if !matches!(self.scopes.last().map(|s| &s.kind), Some(ScopeKind::Try { .. })) {
            return Some(failure);
        }
        let scope = self.scopes.pop()?;
        self.cut(&scope);
        let ScopeKind::Try { d, handler, undos } = scope.kind else { return Some(failure) };
        if failure.at == 0 {
            failure.at = self.now;
        }
        self.set(d, failure::to_value(&failure));
        self.jump(handler);
        let undos = (undos, self.undos);
        self.open(ScopeKind::Catch { failure, undos });
        None
    }
}
