//! Running ahead: the block of an approval, or a whole runbook, with live reads and simulated changes.
//!
//! A change gives an unknown value. Where code decides on one, both sides are run and meet again: of all paths the one that
//! stands earliest in the code goes on, one instruction at a time, and two that stand at the same place become one, with
//! what differs between them unknown. That needs no knowledge of the code's structure, only that jumps back stand at the end of loops.
//! Why a plan cannot touch anything: see [`super::outbox`].

use std::sync::Arc;

use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::budget::{Budget, Limit};
use super::calls::names;
use super::code::{CallSite, Code};
use super::fiber::{Fiber, FrameKind, ScopeKind};
use super::foresight::{Foresight, Foretold, Spot, Under, common, lowered, without_rounds};
use super::image::{Program, hex};
use super::limits::has_unknown;
use super::machine::{Machine, MachineError, Phase, State, unpack};
use super::outbox::Outbox;
use super::print;
use super::protocol::{CallClass, Certainty, Command, EffectOutcome, Input, Plan, PlanEntry, Planned};
use crate::ids::{FnId, SiteId};
use crate::syntax::ast::Effect as EffectClass;
use crate::value::Value;

/// The most calls that a plan shows.
pub const MAX_ENTRIES: usize = 1_000;
/// The most reads that making a plan takes.
pub const MAX_READS: u32 = 200;
/// The most paths that are open at one time.
const MAX_PATHS: usize = 64;
/// The most instructions.
const MAX_STEPS: u64 = 2_000_000;
/// The most handlers of failures that are looked into, the reads that they may make, their instructions, and how deep they nest.
const MAX_CAUGHT: usize = 32;
const MAX_CAUGHT_READS: u32 = 20;
const MAX_CAUGHT_STEPS: u64 = 100_000;
const MAX_CAUGHT_DEPTH: u32 = 2;
/// The weight of what is sure; a decision on an unknown value halves it.
const SURE: u64 = 1 << 62;

/// Makes a plan: give it the answers to its reads, then take the plan.
#[derive(Debug)]
pub struct Planner {
    machine: Machine,
    /// The one that runs is in the machine; its own state here is a stand-in.
    paths: Vec<Path>,
    active: Option<Path>,
    /// The block's, when it is one.
    site: Option<SiteId>,
    reads: u32,
    steps: u64,
    incomplete: Option<String>,
    done: bool,
    /// What is run in the place of the body.
    entry: Option<FnId>,
    /// Handlers of failures that were looked into; what they took of their bounds.
    caught: Vec<(FnId, u32)>,
    caught_reads: u32,
    caught_steps: u64,
}

/// One way through the code.
#[derive(Debug, Clone)]
struct Path {
    state: State,
    weight: u64,
    /// Loops whose test was unknown: the frame's depth and where the test begins.
    rounds: Vec<(usize, u32)>,
    /// What was decided on the way, for people.
    under: Under,
    /// It stands in a handler of a failure that is only supposed.
    aside: Option<Aside>,
}

/// A way that is looked into for people alone: it ends with its handler and never meets the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Aside {
    id: usize,
    /// Handlers in handlers.
    depth: u32,
    /// Where its scope stands.
    scopes: usize,
    frames: u32,
}

impl Planner {
    /// A planner for what a machine's plan request holds, or for the whole run of a machine that has not begun.
    ///
    /// # Errors
    /// When the bytes are no snapshot, or one of another program.
    pub fn new(program: Arc<Program>, machine: &[u8]) -> Result<Self, MachineError> {
        let mut state = unpack(&program, machine)?;
        state.fiber.plan = true;
        let site = state.plan_end.map(|end| end.site);
        let limits = state.input.limits;
        let machine = Machine {
            program,
            state: state.clone(),
            out: Outbox::Plan(Box::default()),
            budget: Budget::new(limits.fuel, limits.memory, limits.depth),
            fork: None,
            aside: None,
            noted: 0,
            prepared: None,
            value: None,
        };
        let first = Path { state, weight: SURE, rounds: Vec::new(), under: None, aside: None };
        Ok(Self {
            machine,
            paths: vec![first],
            active: None,
            site,
            reads: 0,
            steps: 0,
            incomplete: None,
            done: false,
            entry: None,
            caught: Vec::new(),
            caught_reads: 0,
            caught_steps: 0,
        })
    }

    /// Also collects what is told beside the calls: for plans of whole runs.
    #[must_use]
    pub fn telling(mut self) -> Self {
        if let Some(plan) = self.machine.out.plan() {
            plan.ahead = Some(Box::default());
        }
        self
    }

    /// Runs a handler of the runbook (`on failure`, `finally`) ahead in the place of its body. What it takes beyond the parameters
    /// is not known.
    #[must_use]
    pub fn of(mut self, function: FnId) -> Self {
        self.entry = Some(function);
        self
    }

    /// Takes [`Input::Start`] first, then the answers. Gives the next read; none when the plan is made.
    pub fn step(&mut self, input: Input) -> Vec<Command> {
        match input {
            Input::Start { at } => {
                for path in &mut self.paths {
                    path.state.fiber.now = path.state.fiber.now.max(at);
                }
                self.begin_run();
            }
            Input::Complete { effect, outcome, at } => self.answer(&effect, outcome, at),
            Input::Cancel { why, .. } => self.stop(format!("planning was cancelled: {why}")),
        }
        self.explore()
    }

    /// Whether [`Planner::into_plan`] gives the whole plan.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The plan. Before it is done, what is known so far.
    pub fn into_plan(self) -> Plan {
        self.into_parts().0
    }

    /// The plan, and what is told beside it (see [`Planner::telling`]).
    pub fn into_parts(mut self) -> (Plan, Foresight) {
        if !self.done && self.incomplete.is_none() {
            self.incomplete = Some("the plan was not made to its end".into());
        }
        let (entries, told) = match &mut self.machine.out {
            Outbox::Plan(plan) => {
                (std::mem::take(&mut plan.entries), plan.ahead.as_mut().map(|a| a.take()).unwrap_or_default())
            }
            Outbox::Live(_) => (Vec::new(), Foresight::default()),
        };
        let bound = (&self.machine.program.id, self.site, &entries, &self.incomplete);
        let bytes = postcard::to_stdvec(&bound).unwrap_or_default();
        let digest = hex(&Sha256::digest(bytes));
        (Plan { entries, digest, incomplete: self.incomplete, verdicts: Vec::new() }, told)
    }

    /// A whole runbook: its body begins now.
    fn begin_run(&mut self) {
        let program = self.machine.program.clone();
        let Some(path) = self.paths.first_mut().filter(|p| p.state.phase == Phase::New) else { return };
        path.state.phase = Phase::Body;
        let mut params = path.state.input.params.clone();
        let Some(runbook) = program.runbook(path.state.input.runbook) else {
            return self.stop("the program has no such runbook".into());
        };
        if runbook.params.len() != params.len() {
            return self.stop(format!("the runbook takes {} parameters", runbook.params.len()));
        }
        let limits = path.state.input.limits;
        let budget = Budget::new(limits.fuel, limits.memory, limits.depth);
        let body = self.entry.unwrap_or(runbook.body);
        let inputs = program.code(body).map_or(0, |c| c.inputs as usize);
        params.resize(inputs.max(params.len()), Value::Unknown);
        let entered = super::interp::enter(&mut path.state.fiber, &program, &budget, body, params, 0, FrameKind::Entry);
        if entered.is_err() {
            self.stop("calls nest too deep".into());
        }
    }

    fn answer(&mut self, id: &super::protocol::EffectId, outcome: EffectOutcome, at: i64) {
        let Some(mut path) = self.active.take() else { return };
        std::mem::swap(&mut self.machine.state, &mut path.state);
        self.machine.tick(at);
        if let Some(ahead) = self.machine.out.plan().and_then(|p| p.ahead.as_mut()) {
            ahead.answered(&outcome);
            ahead.under.clone_from(&path.under);
        }
        let waited = self.machine.state.wait.take();
        match (waited, self.machine.state.open.remove(id)) {
            (Some((expected, wait)), Some(effect)) if expected == *id => {
                self.rearm();
                self.machine.deliver(wait, effect, id, outcome);
                self.take_back(path);
            }
            _ => {
                self.incomplete.get_or_insert_with(|| format!("the read {id} was answered wrongly"));
            }
        }
    }

    /// Runs paths until one reads, or all are at their end.
    fn explore(&mut self) -> Vec<Command> {
        loop {
            self.check();
            if self.done {
                return Vec::new();
            }
            if let Some(aside) = self.active.as_ref().map(|path| path.aside.is_some()) {
                match self.pending_read(aside) {
                    Some(read) => return read,
                    None => continue,
                }
            }
            let Some(path) = self.earliest() else {
                self.done = true;
                return Vec::new();
            };
            self.advance(path);
        }
    }

    /// The read that the active path waits for; none when that path is given up.
    fn pending_read(&mut self, aside: bool) -> Option<Vec<Command>> {
        let Some((id, call)) = self.machine.out.plan().and_then(|plan| plan.read.take()) else {
            self.stop("a read was lost; this is a defect of rrb".into());
            return Some(Vec::new());
        };
        if aside {
            self.caught_reads += 1;
            if self.caught_reads > MAX_CAUGHT_READS {
                self.active = None;
                self.leave_out();
                return None;
            }
            return Some(vec![call.command(id)]);
        }
        self.reads += 1;
        if self.reads > MAX_READS {
            self.stop(format!("it reads more than {MAX_READS} times"));
            return Some(Vec::new());
        }
        Some(vec![call.command(id)])
    }

    fn leave_out(&mut self) {
        if let Some(ahead) = self.machine.out.plan().and_then(|p| p.ahead.as_mut()) {
            ahead.leave_out();
        }
    }

    /// Holds the plan to its bounds.
    fn check(&mut self) {
        if let Some(what) = self.machine.out.plan().and_then(|plan| plan.refused.take()) {
            self.stop(format!("a plan wanted a {what}; this is a defect of rrb"));
        }
        if self.machine.out.plan().is_some_and(|plan| plan.entries.len() > MAX_ENTRIES) {
            if let Some(plan) = self.machine.out.plan() {
                plan.entries.truncate(MAX_ENTRIES);
            }
            self.stop(format!("it makes more than {MAX_ENTRIES} calls"));
        }
        if self.steps > MAX_STEPS {
            self.stop("it takes too much work".into());
        }
        if self.paths.iter().filter(|p| p.aside.is_none()).count() > MAX_PATHS {
            self.stop("too much of it depends on what only its changes would tell".into());
        }
    }

    /// Ends the plan where it is.
    fn stop(&mut self, why: String) {
        self.incomplete.get_or_insert(why);
        self.paths.clear();
        self.active = None;
        self.done = true;
    }

    /// Takes out the path that stands earliest, merged with all that stand at the same place.
    fn earliest(&mut self) -> Option<Path> {
        let first = (0..self.paths.len()).min_by(|a, b| match (self.paths.get(*a), self.paths.get(*b)) {
            (Some(a), Some(b)) => order(&a.state.fiber, &b.state.fiber),
            _ => std::cmp::Ordering::Equal,
        })?;
        let mut path = self.paths.swap_remove(first);
        let mut i = 0;
        while let Some(other) = self.paths.get(i) {
            if path.aside == other.aside && same_place(&path.state.fiber, &other.state.fiber) {
                let other = self.paths.swap_remove(i);
                merge(&mut path, other);
            } else {
                i += 1;
            }
        }
        Some(path)
    }

    /// Runs one path for one instruction, or on and on while it is the only one.
    fn advance(&mut self, mut path: Path) {
        std::mem::swap(&mut self.machine.state, &mut path.state);
        loop {
            if self.at_end() || path.aside.is_some_and(|aside| self.has_left(aside)) {
                return;
            }
            if path.aside.is_some() {
                self.caught_steps += 1;
                if self.caught_steps > MAX_CAUGHT_STEPS || self.paths.len() > MAX_PATHS {
                    return self.leave_out();
                }
            }
            let rounds = path.rounds.len();
            path.rounds.retain(|(depth, start)| in_loop(&self.machine, *depth, *start));
            if path.rounds.len() < rounds {
                path.under = without_rounds(&path.under, &|depth, start| in_loop(&self.machine, depth, start));
            }
            path.under = lowered(&path.under, self.machine.state.fiber.scopes.len());
            self.rearm();
            if let Some(plan) = self.machine.out.plan() {
                if let Some(ahead) = &mut plan.ahead {
                    ahead.under.clone_from(&path.under);
                }
                plan.certainty = Some(match (path.rounds.is_empty(), path.weight == SURE) {
                    (false, _) => Certainty::Each,
                    (true, true) if self.machine.state.supposing == 0 => Certainty::Will,
                    _ => Certainty::May,
                });
            }
            self.steps += 1;
            self.machine.step_once();
            self.set_aside(&path);
            if let Some((at, to)) = self.machine.fork.take() {
                return self.fork(path, at, to);
            }
            if self.is_over(path.aside.is_none()) {
                return;
            }
            if self.machine.state.wait.is_some() {
                std::mem::swap(&mut self.machine.state, &mut path.state);
                self.active = Some(path);
                return;
            }
            let plan = self.machine.out.plan();
            let stop = plan.is_some_and(|p| p.refused.is_some() || p.entries.len() > MAX_ENTRIES);
            if !self.paths.is_empty() || stop || self.steps > MAX_STEPS {
                std::mem::swap(&mut self.machine.state, &mut path.state);
                self.paths.push(path);
                return;
            }
        }
    }

    /// Another way that the step opened: nothing makes it less sure that the path itself goes on.
    fn set_aside(&mut self, path: &Path) {
        self.suppose(path);
        let Some(state) = self.machine.aside.take() else { return };
        let scopes = state.fiber.scopes.len();
        let Some(ahead) = self.machine.out.plan().and_then(|p| p.ahead.as_mut()) else { return };
        let under = ahead.refused(&path.under, scopes);
        let (rounds, aside) = (path.rounds.clone(), path.aside);
        self.paths.push(Path { state: *state, weight: 0, rounds, under, aside });
    }

    /// A call that a `catch` stands around: its handler is looked into once, as if the call had failed.
    fn suppose(&mut self, path: &Path) {
        let Some(ahead) = self.machine.out.plan().and_then(|p| p.ahead.as_mut()) else { return };
        let Some(supposed) = ahead.supposed.take() else { return };
        if self.caught.contains(&supposed.handler) {
            return;
        }
        let depth = path.aside.map_or(0, |a| a.depth) + 1;
        if self.caught.len() >= MAX_CAUGHT || depth > MAX_CAUGHT_DEPTH {
            return ahead.leave_out();
        }
        let (scopes, frames) = (supposed.state.fiber.scopes.len(), supposed.state.fiber.frames.len());
        let under = ahead.caught(&lowered(&path.under, scopes.saturating_sub(1)), &supposed.action, scopes);
        self.caught.push(supposed.handler);
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        let aside = Some(Aside { id: self.caught.len(), depth, scopes, frames });
        self.paths.push(Path { state: *supposed.state, weight: 0, rounds: path.rounds.clone(), under, aside });
    }

    /// Whether the path in the machine has left its handler.
    fn has_left(&self, aside: Aside) -> bool {
        let own = self.machine.state.fiber.scopes.get(aside.scopes.saturating_sub(1));
        !own.is_some_and(|s| s.frames == aside.frames && matches!(s.kind, ScopeKind::Catch { .. }))
    }

    fn take_back(&mut self, mut path: Path) {
        if let Some((at, to)) = self.machine.fork.take() {
            return self.fork(path, at, to);
        }
        if self.is_over(path.aside.is_none()) {
            return;
        }
        std::mem::swap(&mut self.machine.state, &mut path.state);
        if path.state.wait.is_some() { self.active = Some(path) } else { self.paths.push(path) }
    }

    fn rearm(&mut self) {
        if let Some(plan) = self.machine.out.plan() {
            plan.over = None;
        }
        let limits = self.machine.state.input.limits;
        self.machine.budget = Budget::new(1, limits.memory, limits.depth);
    }

    /// Whether the path in the machine has left the block.
    fn at_end(&self) -> bool {
        let fiber = &self.machine.state.fiber;
        match self.machine.state.plan_end {
            None => fiber.frames.is_empty(),
            Some(end) => {
                let depth = fiber.frames.len();
                let owner = end.frames as usize;
                // Below the block's frame, or in it and no longer inside its scope.
                depth < owner
                    || (depth == owner
                        && (fiber.frames.last().is_some_and(|f| f.pc == end.pc) || !inside(fiber, end.frames)))
            }
        }
    }

    /// Whether the path in the machine is over; a failure makes the plan say so, where the path `counts`.
    fn is_over(&mut self, counts: bool) -> bool {
        match self.machine.out.plan().and_then(|plan| plan.over.take()) {
            None => false,
            Some(None) => true,
            Some(Some(message)) => {
                if counts {
                    self.incomplete.get_or_insert_with(|| format!("it fails: {message}"));
                }
                true
            }
        }
    }

    /// A condition is unknown: both sides go on.
    fn fork(&mut self, mut path: Path, at: u32, to: u32) {
        std::mem::swap(&mut self.machine.state, &mut path.state);
        let state = &path.state;
        let depth = state.fiber.frames.len();
        let scopes = state.fiber.scopes.len();
        let test = state
            .fiber
            .frames
            .last()
            .and_then(|f| self.machine.program.code(f.function))
            .and_then(|code| code.loop_tests.iter().find(|t| (t.start..t.end).contains(&at)));
        let round = test.map(|t| t.start);
        let function = state.fiber.frames.last().map(|f| f.function);
        if let Some(test) = test {
            if path.rounds.contains(&(depth, test.start)) {
                // Once round is shown; more would be the same again.
                path.rounds.retain(|r| *r != (depth, test.start));
                let exit = test.exit;
                path.state.fiber.jump(exit);
                return self.paths.push(path);
            }
            path.rounds.push((depth, test.start));
        }
        let mut elsewhere = path.under.clone();
        let ahead = self.machine.out.plan().and_then(|p| p.ahead.as_mut());
        if let (Some(ahead), Some(function)) = (ahead, function) {
            let spot = Spot { function, pc: at, scopes, frames: depth };
            (path.under, elsewhere) = ahead.decide(&self.machine.program, spot, &elsewhere, round);
        }
        let half = path.weight / 2;
        let (rounds, aside) = (path.rounds.clone(), path.aside);
        let mut other = Path { state: path.state.clone(), weight: half, rounds, under: elsewhere, aside };
        other.state.fiber.jump(to);
        path.weight -= half;
        self.paths.push(path);
        self.paths.push(other);
    }
}

/// Whether the block's scope is still open in the frame that has it.
fn inside(fiber: &Fiber, frames: u32) -> bool {
    fiber.scopes.iter().any(|s| s.frames == frames && matches!(s.kind, ScopeKind::Approve(_)))
}

/// Whether the frame at `depth` is still in the loop whose test begins at `start`.
fn in_loop(machine: &Machine, depth: usize, start: u32) -> bool {
    let Some(frame) = depth.checked_sub(1).and_then(|i| machine.state.fiber.frames.get(i)) else { return false };
    let Some(code) = machine.program.code(frame.function) else { return false };
    code.loop_tests.iter().any(|t| t.start == start && (t.start..t.exit).contains(&frame.pc))
}

/// Which of two paths stands earlier in the code: by the outermost frame that differs, and inside a call before behind it.
fn order(a: &Fiber, b: &Fiber) -> std::cmp::Ordering {
    for (x, y) in a.frames.iter().zip(&b.frames) {
        let by = x.pc.cmp(&y.pc);
        if by.is_ne() {
            return by;
        }
    }
    b.frames.len().cmp(&a.frames.len())
}

fn same_place(a: &Fiber, b: &Fiber) -> bool {
    a.frames == b.frames && a.stack.len() == b.stack.len() && a.scopes.len() == b.scopes.len()
}

/// Two paths that stand at one place become one: what differs is unknown.
fn merge(path: &mut Path, other: Path) {
    path.weight = path.weight.saturating_add(other.weight).min(SURE);
    for (slot, value) in path.state.fiber.stack.iter_mut().zip(other.state.fiber.stack) {
        if *slot != value {
            *slot = Value::Unknown;
        }
    }
    for (site, count) in other.state.counters {
        let counter = path.state.counters.entry(site).or_insert(0);
        *counter = (*counter).max(count);
    }
    path.rounds.retain(|r| other.rounds.contains(r));
    path.under = common(&path.under, &other.under);
    path.state.fiber.now = path.state.fiber.now.max(other.state.fiber.now);
}

impl Machine {
    /// One instruction, for a planner.
    fn step_once(&mut self) {
        use super::interp::{self, Context, Exit};
        let cx = Context { program: &self.program, settings: &self.state.input.settings };
        match interp::run(&mut self.state.fiber, cx, &mut self.budget) {
            // One instruction is all that there was fuel for.
            Exit::Limit(Limit::Fuel(_)) => {}
            Exit::Returned(kind, value) => self.returned(kind, value),
            Exit::Failed(f) => self.throw(f),
            Exit::Limit(limit) => self.throw_hard(limit.failure()),
            Exit::Op(op) => self.instruction(op),
            Exit::Skip => self.broken(),
            Exit::Fork { at, to } => self.fork = Some((at, to)),
        }
    }

    /// A call that changes, in a plan: it is written down, and its result is unknown.
    pub(super) fn plan_call(
        &mut self,
        site: &CallSite,
        callee: &Code,
        effect: EffectClass,
        instance: SmolStr,
        args: Vec<Value>,
    ) {
        let planned = |v: &Value| if has_unknown(v) { Planned::Unknown } else { Planned::Known(print::shown(v)) };
        let target = match callee.action.as_ref().and_then(|a| a.0.target) {
            None => Planned::Absent,
            Some(f) => match self.pure_call(f, args.clone(), &instance) {
                Ok(value) if !has_unknown(&value) => Planned::Known(print::display(&value).as_str().into()),
                _ => Planned::Unknown,
            },
        };
        let args = callee.params.iter().cloned().zip(args.iter().map(planned)).collect();
        let action = names(&self.program, callee).0;
        let place = self.place();
        let class = callee.action.as_ref().map_or(CallClass::Once, |a| (&a.0.class).into());
        let Some(plan) = self.out.plan() else { return self.broken() };
        let count = plan.entries.iter().filter(|e| e.site == site.site).count() as u32;
        let certainty = plan.certainty.unwrap_or(Certainty::May);
        plan.entries.push(PlanEntry {
            site: site.site,
            count,
            certainty,
            action: action.clone(),
            instance,
            effect,
            target,
            args,
            place,
            class,
        });
        let entry = u32::try_from(plan.entries.len() - 1).unwrap_or(u32::MAX);
        self.foresee(Some(site.site), |_| Foretold::Call { entry });
        self.suppose_failure(&action);
        self.state.fiber.set(site.d, Value::Unknown);
        if let Some((undo, captures)) = &site.undo {
            // What would put it right again: it destroys under the same approval, so people see it.
            let mut inputs: Vec<Value> = captures.iter().map(|r| self.state.fiber.register(*r)).collect();
            inputs.push(Value::Unknown);
            self.state.supposing += 1;
            self.enter(*undo, inputs, FrameKind::Undo);
        }
    }
}

/// A plan in words, one call a line.
pub fn describe(plan: &Plan) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let mut place = "";
    for e in &plan.entries {
        let certainty = match e.certainty {
            Certainty::Will => "will",
            Certainty::May => "may",
            Certainty::Each => "each",
        };
        let effect = match e.effect {
            EffectClass::Destroys => " (destroys)",
            _ => "",
        };
        let instance = if e.instance == "default" { String::new() } else { format!("[{}]", e.instance) };
        let target = match &e.target {
            Planned::Absent => String::new(),
            Planned::Known(json) => format!(" on {}", json.as_text().unwrap_or_default()),
            Planned::Unknown => " on something not known yet".into(),
        };
        let args: Vec<String> = e
            .args
            .iter()
            .map(|(name, value)| match value {
                Planned::Known(json) => format!("{name}: {}", print::json_text(json)),
                Planned::Unknown | Planned::Absent => format!("{name}: not known yet"),
            })
            .collect();
        if e.place != place {
            place = e.place.as_str();
            let _ = writeln!(out, "{}:", if place.is_empty() { "then" } else { place });
        }
        let _ = writeln!(out, "{certainty:4} {}{instance}({}){target}{effect}", e.action, args.join(", "));
    }
    if let Some(why) = &plan.incomplete {
        let _ = writeln!(out, "The plan is not complete: {why}.");
    }
    out
}
