//! What a run ahead tells beside the calls of its plan: steps, questions, waivers, verifies, waits, evidence, reads, ends, and the
//! conditions that only the run itself will decide. None of it is part of the digest. Only whole runs collect it (`rrb plan`).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::code::{Op, Pc};
use super::fiber::{Asking, ScopeKind};
use super::image::Program;
use super::limits::has_unknown;
use super::machine::{Machine, State};
use super::print;
use super::protocol::{
    ApprovalAsk, Certainty, Cover, EffectId, EffectOutcome, Failure, FailureKind, Millis, NativeCall, Planned,
};
use crate::hir::Outcome;
use crate::ids::{FnId, RunbookId, SiteId};
use crate::json::Json;
use crate::value::Value;

/// The most that is told.
pub const MAX_TOLD: usize = 5_000;
/// Characters of a condition.
const CONDITION: usize = 100;
/// Bytes of an answer to a read that are kept.
const ANSWER: usize = 2_000;

/// All of it, in the order of the code.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Foresight {
    pub items: Vec<Foreseen>,
    pub questions: Vec<Question>,
    /// The runs that calls would begin.
    #[serde(skip)]
    pub children: Vec<Begun>,
    /// `catch` blocks that were left out, or left before their end, because there is too much of them.
    pub unexplored: u32,
    /// There is more than [`MAX_TOLD`].
    pub cut: bool,
}

/// A run that would begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun {
    /// Its call: a number in the plan's entries.
    pub entry: u32,
    pub runbook: RunbookId,
    pub params: Vec<Value>,
}

/// Something that would happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foreseen {
    pub site: Option<SiteId>,
    pub certainty: Certainty,
    /// Only if what was done is undone.
    pub rollback: bool,
    /// Outermost first.
    pub around: Vec<Around>,
    pub what: Foretold,
}

/// What something stands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Around {
    Step {
        site: SiteId,
        name: String,
    },
    /// The block that people agree to.
    Approval {
        question: String,
    },
    Waiver {
        reason: String,
        by: SmolStr,
        until: Millis,
    },
    /// One side of a decision that the plan cannot make. `id` tells two decisions of the same text apart.
    If {
        id: u32,
        text: String,
        holds: bool,
    },
    /// Once for each item of something that is not known.
    Each {
        id: u32,
        text: String,
    },
    /// What a `catch` would do, if a call before it failed.
    Catch {
        id: u32,
        text: String,
    },
    /// A branch of `parallel` or `race`, or a wave.
    Branch {
        name: SmolStr,
    },
}

/// What would happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Foretold {
    /// The innermost step begins.
    Step,
    /// A call that changes or destroys: its number in the plan's entries.
    Call {
        entry: u32,
    },
    /// A read that was made.
    Read {
        action: SmolStr,
        native: SmolStr,
        instance: SmolStr,
        args: Vec<(SmolStr, Json)>,
        answer: Option<Answer>,
    },
    /// People are asked: the number of the question.
    Approval {
        question: u32,
    },
    Verify {
        name: String,
        condition: String,
        within_ms: Option<i64>,
        every_ms: Option<i64>,
    },
    WaitUntil {
        condition: String,
        within_ms: Option<i64>,
        every_ms: Option<i64>,
    },
    Wait {
        ms: Option<i64>,
    },
    WaitFor {
        event: SmolStr,
        within_ms: Option<i64>,
    },
    Evidence {
        name: Planned,
        value: Planned,
    },
    Log {
        text: Planned,
    },
    /// `finish`
    Finish {
        outcome: Outcome,
        why: Planned,
    },
    /// The end of the body.
    Ends,
    Fails {
        message: String,
    },
}

/// What a read was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Gave(Json),
    /// It was more than is kept: so many bytes as JSON.
    GaveMuch(u64),
    Failed(String),
}

/// A question that people would be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Without its plan; `expires` and the times of `escalate` are milliseconds from when it is asked.
    pub ask: ApprovalAsk,
    /// It is asked whatever the calls before it answer, and from values that are all known.
    pub sure: bool,
    /// The machine as the question finds it: its plan is made from this.
    #[serde(skip)]
    pub machine: Vec<u8>,
}

/// Conditions that a path stands under: the innermost, which knows the one around it.
pub(super) type Under = Option<Arc<Condition>>;

/// One of them.
#[derive(Debug)]
pub(super) struct Condition {
    around: Under,
    depth: u32,
    /// Scopes that were open around it.
    scopes: usize,
    id: u32,
    what: Decided,
}

#[derive(Debug, Clone)]
enum Decided {
    If { text: Arc<str>, holds: bool },
    Each { text: Arc<str>, frames: usize, start: Pc },
    Catch { text: Arc<str> },
}

/// What collects.
#[derive(Debug, Default)]
pub struct Collector {
    told: Foresight,
    pub(super) under: Under,
    next: u32,
    /// The read that is under way.
    reading: Option<usize>,
    /// A call that was met where a `catch` stands around it: its name, the place of the handler, and the machine as the handler
    /// would find it.
    pub(super) supposed: Option<Supposed>,
}

/// A failure that is supposed.
#[derive(Debug)]
pub(super) struct Supposed {
    pub state: Box<State>,
    pub action: SmolStr,
    pub handler: (FnId, Pc),
}

impl Collector {
    pub(super) fn take(&mut self) -> Foresight {
        std::mem::take(&mut self.told)
    }

    fn push(&mut self, item: Foreseen) -> Option<usize> {
        if self.told.items.len() >= MAX_TOLD {
            self.told.cut = true;
            return None;
        }
        self.told.items.push(item);
        Some(self.told.items.len() - 1)
    }

    /// The answer to the read that is under way.
    pub(super) fn answered(&mut self, outcome: &EffectOutcome) {
        let Some(item) = self.reading.take().and_then(|n| self.told.items.get_mut(n)) else { return };
        let Foretold::Read { answer, .. } = &mut item.what else { return };
        *answer = match outcome {
            EffectOutcome::Done(value) => {
                let json = print::shown(value);
                let bytes = print::json_text(&json).len();
                Some(if bytes > ANSWER { Answer::GaveMuch(bytes as u64) } else { Answer::Gave(json) })
            }
            EffectOutcome::Failed(f) => Some(Answer::Failed(f.message.clone())),
            _ => None,
        };
    }

    /// What people decide: what the way that they take stands under.
    pub(super) fn refused(&mut self, under: &Under, scopes: usize) -> Under {
        self.next += 1;
        let depth = under.as_ref().map_or(0, |u| u.depth) + 1;
        let what = Decided::If { text: "people do not agree".into(), holds: true };
        Some(Arc::new(Condition { around: under.clone(), depth, scopes, id: self.next, what }))
    }

    /// What the handler of a `catch` stands under: `before` are the calls that may have failed.
    pub(super) fn caught(&mut self, under: &Under, action: &str, scopes: usize) -> Under {
        self.next += 1;
        let depth = under.as_ref().map_or(0, |u| u.depth) + 1;
        let what = Decided::Catch { text: action.into() };
        Some(Arc::new(Condition { around: under.clone(), depth, scopes, id: self.next, what }))
    }

    /// Something of the `catch` blocks is not told.
    pub(super) fn leave_out(&mut self) {
        self.told.unexplored = self.told.unexplored.saturating_add(1);
    }

    /// Both sides of a decision: what the path that goes on stands under, and the one that jumps.
    pub(super) fn decide(&mut self, program: &Program, at: Spot, under: &Under, round: Option<Pc>) -> (Under, Under) {
        let text = text_of(program, at, round.is_some());
        let Some(text) = text else { return (under.clone(), under.clone()) };
        self.next += 1;
        let side = |what: Decided| {
            let depth = under.as_ref().map_or(0, |u| u.depth) + 1;
            Some(Arc::new(Condition { around: under.clone(), depth, scopes: at.scopes, id: self.next, what }))
        };
        match round {
            Some(start) => (side(Decided::Each { text, frames: at.frames, start }), under.clone()),
            None => (side(Decided::If { text: text.clone(), holds: true }), side(Decided::If { text, holds: false })),
        }
    }
}

/// Where a decision is met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub function: FnId,
    pub pc: Pc,
    pub scopes: usize,
    pub frames: usize,
}

/// The condition as written; none where nothing is decided that people would see.
fn text_of(program: &Program, at: Spot, round: bool) -> Option<Arc<str>> {
    let code = program.code(at.function)?;
    let place = || program.debug.as_ref().and_then(|d| d.place(at.function, at.pc));
    let text = match code.ops.get(at.pc as usize)? {
        Op::Choose { .. } => return None,
        Op::DuringMay { during, handler } => {
            let site = code.durings.get(*during as usize)?.handlers.get(*handler as usize)?;
            format!("{} comes", site.watch.text)
        }
        Op::IterNext { .. } | Op::RangeNext { .. } if round => match place() {
            Some(place) => place.short(CONDITION).split(" {").next().unwrap_or_default().to_owned(),
            None => "for each item".to_owned(),
        },
        _ if round => place().map_or_else(|| "while".to_owned(), |p| format!("while {}", p.short(CONDITION))),
        _ => place().map_or_else(|| "something that only the run will know".to_owned(), |p| p.short(CONDITION)),
    };
    Some(text.into())
}

/// What two paths that meet both stand under.
pub(super) fn common(a: &Under, b: &Under) -> Under {
    let (mut a, mut b) = (a.clone(), b.clone());
    loop {
        let (x, y) = match (&a, &b) {
            (Some(x), Some(y)) => (x.clone(), y.clone()),
            _ => return None,
        };
        if x.alike(&y) {
            return a;
        }
        if x.depth >= y.depth {
            a.clone_from(&x.around);
        }
        if y.depth >= x.depth {
            b.clone_from(&y.around);
        }
    }
}

impl Condition {
    /// Whether it is the same decision with the same answer.
    fn alike(&self, other: &Self) -> bool {
        let holds = |c: &Self| if let Decided::If { holds, .. } = c.what { Some(holds) } else { None };
        self.id == other.id && holds(self) == holds(other)
    }
}

/// As seen where fewer scopes are open: what was decided inside of one that is closed holds outside of it from then on.
pub(super) fn lowered(under: &Under, open: usize) -> Option<Arc<Condition>> {
    let condition = under.as_ref()?;
    if condition.scopes <= open {
        return under.clone();
    }
    let (id, depth, what) = (condition.id, condition.depth, condition.what.clone());
    Some(Arc::new(Condition { around: lowered(&condition.around, open), depth, scopes: open, id, what }))
}

/// Without the rounds of loops that were left.
pub(super) fn without_rounds(under: &Under, open: &dyn Fn(usize, Pc) -> bool) -> Under {
    let condition = under.as_ref()?;
    let around = without_rounds(&condition.around, open);
    match &condition.what {
        Decided::Each { frames, start, .. } if !open(*frames, *start) => around,
        _ if same(&around, &condition.around) => under.clone(),
        what => {
            let depth = around.as_ref().map_or(0, |u| u.depth) + 1;
            let (scopes, id, what) = (condition.scopes, condition.id, what.clone());
            Some(Arc::new(Condition { around, depth, scopes, id, what }))
        }
    }
}

fn same(a: &Under, b: &Under) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// A value as a plan shows it.
pub(super) fn planned(value: &Value) -> Planned {
    if has_unknown(value) { Planned::Unknown } else { Planned::Known(print::shown(value)) }
}

impl Machine {
    /// Whether somebody listens.
    pub(super) fn listens(&mut self) -> bool {
        self.out.plan().is_some_and(|p| p.ahead.is_some())
    }

    /// Tells something, in a plan of a whole run.
    pub(super) fn foresee(&mut self, site: Option<SiteId>, what: impl FnOnce(&Self) -> Foretold) {
        if self.listens() {
            let what = what(self);
            self.tell(site, what);
        }
    }

    fn tell(&mut self, site: Option<SiteId>, what: Foretold) -> Option<usize> {
        let place = self.place();
        let rollback = self.state.supposing > 0;
        let scopes: Vec<(usize, Around)> =
            self.state.fiber.scopes.iter().enumerate().filter_map(|(i, s)| Some((i, around(&s.kind)?))).collect();
        let plan = self.out.plan()?;
        let certainty = plan.certainty.unwrap_or(Certainty::May);
        let ahead = plan.ahead.as_mut()?;
        let mut conditions = Vec::new();
        let mut next = ahead.under.clone();
        while let Some(condition) = next.take() {
            let (id, text) = (condition.id, |t: &Arc<str>| t.to_string());
            conditions.push(match &condition.what {
                Decided::If { text: t, holds } => (condition.scopes, Around::If { id, text: text(t), holds: *holds }),
                Decided::Each { text: t, .. } => (condition.scopes, Around::Each { id, text: text(t) }),
                Decided::Catch { text: t } => (condition.scopes, Around::Catch { id, text: text(t) }),
            });
            next = condition.around.clone();
        }
        // A condition met inside of n scopes stands behind the n-th of them.
        let mut all: Vec<(usize, bool, Around)> = scopes.into_iter().map(|(i, a)| (i + 1, false, a)).collect();
        all.extend(conditions.into_iter().rev().map(|(n, a)| (n, true, a)));
        all.sort_by_key(|(n, condition, _)| (*n, *condition));
        let mut around: Vec<Around> = all.into_iter().map(|(_, _, a)| a).collect();
        if !place.is_empty() {
            around.push(Around::Branch { name: place });
        }
        ahead.push(Foreseen { site, certainty, rollback, around, what })
    }

    /// A read begins.
    pub(super) fn foresee_read(&mut self, id: &EffectId, call: &NativeCall) {
        if !self.listens() {
            return;
        }
        let args = call.args.iter().map(|(n, v)| (n.clone(), print::shown(v))).collect();
        let (action, native, instance) = (call.action.clone(), call.native.clone(), call.instance.clone());
        let n = self.tell(Some(id.site), Foretold::Read { action, native, instance, args, answer: None });
        if let Some(ahead) = self.out.plan().and_then(|p| p.ahead.as_mut()) {
            ahead.reading = n;
        }
    }

    /// A call is met that would begin a run.
    pub(super) fn foresee_child(&mut self, entry: u32, runbook: RunbookId, params: Vec<Value>) {
        if let Some(ahead) = self.out.plan().and_then(|p| p.ahead.as_mut()) {
            ahead.told.children.push(Begun { entry, runbook, params });
        }
    }

    /// A call is met that may fail: what stands in a `catch` around it, with nothing but scopes in between that a failure leaves
    /// without a word, is another way to go on.
    pub(super) fn suppose_failure(&mut self, action: &SmolStr) {
        if !self.listens() || self.state.supposing > 0 {
            return;
        }
        let passed = |k: &ScopeKind| {
            matches!(
                k,
                ScopeKind::Step { .. } | ScopeKind::Waive { .. } | ScopeKind::Approve(_) | ScopeKind::Catch { .. }
            )
        };
        let inner = self.state.fiber.scopes.iter().rev().take_while(|s| passed(&s.kind)).count();
        let scopes = self.state.fiber.scopes.len() - inner;
        let around = scopes.checked_sub(1).and_then(|n| self.state.fiber.scopes.get(n)).map(|s| s.kind.clone());
        let Some(ScopeKind::Try { d, handler, .. }) = around else { return };
        let mut state = Box::new(self.state.clone());
        state.fiber.scopes.truncate(scopes);
        let failure = Failure::new(FailureKind::Failed, format!("`{action}` failed"));
        if state.fiber.catch(Box::new(failure)).is_some() {
            return;
        }
        // Why it failed is not known.
        state.fiber.set(d, Value::Unknown);
        let Some(function) = state.fiber.frames.last().map(|f| f.function) else { return };
        if let Some(ahead) = self.out.plan().and_then(|p| p.ahead.as_mut()) {
            ahead.supposed = Some(Supposed { state, action: action.clone(), handler: (function, handler) });
        }
    }

    /// A question is met; `ask` says what it asks.
    pub(super) fn foresee_question(&mut self, site: SiteId, ask: ApprovalAsk) {
        if !self.listens() {
            return;
        }
        let machine = self.plan_copy(self.state.current);
        let clear = !self.knows_too_little();
        let Some(plan) = self.out.plan() else { return };
        let sure = clear && plan.certainty == Some(Certainty::Will);
        let Some(ahead) = plan.ahead.as_mut() else { return };
        let question = u32::try_from(ahead.told.questions.len()).unwrap_or(u32::MAX);
        ahead.told.questions.push(Question { ask, sure, machine });
        self.tell(Some(site), Foretold::Approval { question });
    }

    /// Whether a variable in scope depends on what only a change would tell.
    fn knows_too_little(&self) -> bool {
        let Some(debug) = &self.program.debug else { return true };
        let unknown = |r: usize| self.state.fiber.stack.get(r).is_some_and(has_unknown);
        self.state.fiber.frames.iter().any(|frame| {
            let mut locals = debug.locals(frame.function, frame.pc.saturating_sub(1));
            locals.any(|l| unknown(frame.base as usize + l.register as usize))
        })
    }

    /// Milliseconds in a register; none when they are not known.
    pub(super) fn known_span(&self, r: u16) -> Option<i64> {
        match self.state.fiber.register(r) {
            Value::Duration(ms) => Some(ms),
            _ => None,
        }
    }

    /// The code of the innermost frame from `pc` to the instruction that looks at its result, as written.
    pub(super) fn condition_at(&self, pc: Pc) -> String {
        let place = || {
            let frame = self.state.fiber.frames.last()?;
            let ops = self.program.code(frame.function)?.ops.get(pc as usize..)?;
            let length = ops.iter().position(|op| matches!(op, Op::PollCheck { .. }))?;
            let end = pc.saturating_add(u32::try_from(length).ok()?);
            self.program.debug.as_ref()?.stretch(frame.function, pc, end)
        };
        place().map(|p| p.short(CONDITION)).unwrap_or_default()
    }
}

/// What a scope is to people.
fn around(kind: &ScopeKind) -> Option<Around> {
    match kind {
        ScopeKind::Step { site, name, .. } => Some(Around::Step { site: *site, name: name.clone() }),
        ScopeKind::Waive { cover: Cover::Waiver { reason, by, until } } => {
            Some(Around::Waiver { reason: reason.clone(), by: by.clone(), until: *until })
        }
        ScopeKind::Approve(a) if a.stage == Asking::Granted => {
            Some(Around::Approval { question: a.asked.question.clone() })
        }
        _ => None,
    }
}
