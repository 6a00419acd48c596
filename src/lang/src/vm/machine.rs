//! The machine of a run: what goes in, what comes out, and the state between. What the parts of a run mean is in
//! `docs/semantics/calls-and-runs.md`; each part has a file beside this one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::budget::{Budget, Limit};
use super::code::{Code, Op};
use super::failure::invalid;
use super::fiber::{Fiber, FrameKind, Undo};
use super::foresight::{Foretold, planned};
use super::image::{Program, VM_VERSION};
use super::interp::{self, Context, Exit};
use super::limits;
use super::outbox::Outbox;
use super::protocol::{
    Command, Cover, Effect, EffectId, EffectOutcome, Failure, Input, Millis, Note, PlanRequest, Planned, RunInput,
};
use super::threads::{Branch, MAIN, Thread};
use crate::hir::Outcome;
use crate::ids::{FnId, SiteId};
use crate::value::Value;

/// A driver did something that it may not. The run itself is not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    #[error("the effect {0} is not open")]
    UnknownEffect(EffectId),
    #[error("a {outcome} is no answer to the {effect} {id}")]
    WrongOutcome { id: EffectId, effect: &'static str, outcome: &'static str },
    #[error("the run has not begun")]
    NotStarted,
    #[error("the run has begun already")]
    AlreadyStarted,
    #[error("the run is over")]
    Over,
    #[error("the program has no such runbook")]
    NoSuchRunbook,
    #[error("the runbook takes {wanted} parameters, not {given}")]
    WrongParameters { wanted: usize, given: usize },
    #[error("the snapshot belongs to the program {0}")]
    OtherProgram(SmolStr),
    #[error("the snapshot cannot be read: {0}")]
    BadSnapshot(String),
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    New,
    Body,
    Undoing,
    OnFailure,
    Finally,
    Over,
}

/// Why a run comes to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Cause {
    Finished { outcome: Outcome, why: String },
    Failed(Failure),
    TimedOut(Failure),
    Cancelled(String),
}

/// What the thread waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Wait {
    Gate,
    /// People whom a policy wants to agree to the call.
    PolicyApproval,
    Native,
    /// Before a retry.
    Pause,
    /// `wait`; true when the deadline of a call comes first.
    Sleep(bool),
    Poll,
    Plan,
    Approval,
    Resolve,
    /// `wait for`: where the event goes; late when the deadline of a call comes first.
    Event {
        d: u16,
        late: bool,
    },
    /// `run`, `start`: where its value goes.
    Child {
        d: u16,
    },
}

/// Somebody or something wants the run to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Stop {
    Cancel(String),
    Timeout,
    /// Another branch of the same group has decided.
    Sibling(String),
}

/// Where a plan ends: behind the block, in the frame that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlanEnd {
    pub site: SiteId,
    pub frames: u32,
    pub pc: u32,
}

/// Everything a machine remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub input: RunInput,
    pub phase: Phase,
    pub fiber: Fiber,
    /// The path of branches to the fiber; the main one's is empty.
    pub path: SmolStr,
    /// How many effects each site has issued.
    pub counters: BTreeMap<SiteId, u32>,
    pub wait: Option<(EffectId, Wait)>,
    pub open: BTreeMap<EffectId, Effect>,
    pub abandoned: BTreeSet<EffectId>,
    /// Since the beginning of the phase.
    pub effects: u32,
    pub undos: Vec<Undo>,
    /// An undo is at work, under this cover.
    pub rolling: Option<Option<Cover>>,
    /// The action whose undo is at work.
    pub undoing: SmolStr,
    pub stop: Option<Stop>,
    pub cause: Option<Cause>,
    pub undone: u32,
    pub ineffective: bool,
    pub remains: Vec<String>,
    /// Undo and handlers have to be done by then.
    pub phase_deadline: Option<Millis>,
    pub undo_deadline: Option<Millis>,
    /// When a person was asked what happened.
    pub parked_at: Millis,
    pub plan_end: Option<PlanEnd>,
    /// In a plan: inside code that runs only if something is undone.
    pub supposing: u32,
    /// The thread at hand, whose own state the fields above hold.
    pub current: u32,
    pub branch: Branch,
    /// The others.
    pub threads: BTreeMap<u32, Thread>,
    pub next_thread: u32,
    /// Bytes of threads that are set aside and of results of branches.
    pub held: u64,
    /// How many undos have been recorded.
    pub sequence: u64,
}

/// The machine of one run.
#[derive(Debug)]
pub struct Machine {
    pub(super) program: Arc<Program>,
    pub(super) state: State,
    pub(super) out: Outbox,
    pub(super) budget: Budget,
    /// In a plan: the condition that was met last is unknown.
    pub(super) fork: Option<(u32, u32)>,
    /// In a plan that tells: another way from here, which people take and not the code.
    pub(super) aside: Option<Box<State>>,
    /// Commands of this step whose notes are labelled.
    pub(super) noted: usize,
    /// The thread that the budget is about.
    pub(super) prepared: Option<u32>,
    /// What the entry gave: a runbook's body gives nothing, a function that is read something.
    pub(super) value: Option<Value>,
}

impl Machine {
    /// A machine that has not begun.
    pub fn new(program: Arc<Program>, input: RunInput) -> Self {
        let state = State {
            input,
            phase: Phase::New,
            fiber: Fiber::new(0),
            path: SmolStr::default(),
            counters: BTreeMap::new(),
            wait: None,
            open: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            effects: 0,
            undos: Vec::new(),
            rolling: None,
            undoing: SmolStr::default(),
            stop: None,
            cause: None,
            undone: 0,
            ineffective: false,
            remains: Vec::new(),
            phase_deadline: None,
            undo_deadline: None,
            parked_at: 0,
            plan_end: None,
            supposing: 0,
            current: MAIN,
            branch: Branch::default(),
            threads: BTreeMap::new(),
            next_thread: MAIN,
            held: 0,
            sequence: 0,
        };
        Self::with(program, state)
    }

    /// A machine in this state, with a fresh ration.
    fn with(program: Arc<Program>, state: State) -> Self {
        let limits = state.input.limits;
        let budget = Budget::new(limits.fuel, limits.memory, limits.depth);
        let out = Outbox::Live(Vec::new());
        Self { program, state, out, budget, fork: None, aside: None, noted: 0, prepared: None, value: None }
    }

    /// Takes what happened and says what is wanted next. The same inputs give the same commands, always.
    ///
    /// # Errors
    /// When the driver is wrong: the state is as before then.
    pub fn step(&mut self, input: Input) -> Result<Vec<Command>, MachineError> {
        self.noted = 0;
        self.refuel();
        match input {
            Input::Start { at } => self.begin(at)?,
            Input::Complete { effect, outcome, at } => {
                if self.state.phase == Phase::New {
                    return Err(MachineError::NotStarted);
                }
                if !self.complete(&effect, outcome, at)? {
                    return Ok(Vec::new());
                }
            }
            Input::Cancel { why, at } => {
                if self.state.phase == Phase::New {
                    return Err(MachineError::NotStarted);
                }
                self.tick(at);
                self.ask_to_stop(Stop::Cancel(why));
            }
        }
        Ok(self.proceed())
    }

    /// Runs until the machine waits, and gives what it said on the way.
    pub(super) fn proceed(&mut self) -> Vec<Command> {
        self.advance();
        match &mut self.out {
            Outbox::Live(commands) => std::mem::take(commands),
            Outbox::Plan(_) => Vec::new(),
        }
    }

    /// The whole state. Restoring it gives a machine that goes on as this one would.
    pub fn snapshot(&self) -> Vec<u8> {
        pack(&self.program, &self.state)
    }

    /// A machine as it was.
    ///
    /// # Errors
    /// When the bytes are no snapshot, or one of another program or version.
    pub fn restore(program: Arc<Program>, snapshot: &[u8]) -> Result<Self, MachineError> {
        let state = unpack(&program, snapshot)?;
        Ok(Self::with(program, state))
    }

    /// What the run started with.
    pub fn input(&self) -> &RunInput {
        &self.state.input
    }

    /// The program that the run keeps.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// What the machine waits for, in the order of the ids; as it was asked for, plans included.
    pub fn open_effects(&self) -> Vec<(EffectId, Effect)> {
        let complete = |of: (&EffectId, &Effect)| match of {
            (id, Effect::Plan(_)) => {
                let thread = self.waiter(id).unwrap_or(self.state.current);
                Effect::Plan(PlanRequest { machine: self.plan_copy(thread) })
            }
            (_, other) => other.clone(),
        };
        self.state.open.iter().map(|(id, effect)| (id.clone(), complete((id, effect)))).collect()
    }

    /// Whether the last command has been given.
    pub fn is_over(&self) -> bool {
        self.state.phase == Phase::Over
    }

    fn begin(&mut self, at: Millis) -> Result<(), MachineError> {
        if self.state.phase != Phase::New {
            return Err(MachineError::AlreadyStarted);
        }
        let program = self.program.clone();
        let runbook = program.runbook(self.state.input.runbook).ok_or(MachineError::NoSuchRunbook)?;
        let (wanted, given) = (runbook.params.len(), self.state.input.params.len());
        if wanted != given {
            return Err(MachineError::WrongParameters { wanted, given });
        }
        self.tick(at);
        self.state.fiber.since = self.now();
        self.state.phase = Phase::Body;
        if let Some(timeout) = runbook.timeout_ms {
            let id = self.next_id(EffectId::RUN_SITE);
            self.issue(id, Effect::Sleep { until: at.saturating_add(timeout) });
        }
        if runbook.shadow {
            self.begin_shadow();
            return Ok(());
        }
        let params = self.state.input.params.clone();
        self.enter(runbook.body, params, FrameKind::Entry);
        Ok(())
    }

    /// Takes an answer; false when nobody waits for it any more.
    fn complete(&mut self, id: &EffectId, outcome: EffectOutcome, at: Millis) -> Result<bool, MachineError> {
        if self.state.abandoned.remove(id) {
            self.tick(at);
            return Ok(false);
        }
        let Some(effect) = self.state.open.get(id) else {
            return Err(if self.is_over() { MachineError::Over } else { MachineError::UnknownEffect(id.clone()) });
        };
        if !answers(effect, &outcome) {
            let (effect, outcome) = (effect.kind(), outcome_kind(&outcome));
            return Err(MachineError::WrongOutcome { id: id.clone(), effect, outcome });
        }
        self.tick(at);
        let effect = self.state.open.remove(id);
        if id.site == EffectId::RUN_SITE {
            self.ask_to_stop(Stop::Timeout);
            return Ok(true);
        }
        if let Some(thread) = self.listener(id) {
            self.switch_to(thread);
            self.tick(at);
            let came = self.event_came(id, &outcome);
            if !came && let Some(effect) = &effect {
                self.came_meanwhile(id, effect, &outcome);
            }
            self.interrupt();
            return Ok(true);
        }
        if let (Some(thread), Some(effect)) = (self.waiter(id), effect) {
            self.switch_to(thread);
            self.tick(at);
            if let Some((_, wait)) = self.state.wait.take() {
                self.take_stock();
                self.deliver(wait, effect, id, outcome);
            }
        }
        Ok(true)
    }

    /// Time does not go back, whatever the driver's clock does.
    pub(super) fn tick(&mut self, at: Millis) {
        self.state.fiber.now = self.state.fiber.now.max(at);
    }

    pub(super) fn now(&self) -> Millis {
        self.state.fiber.now
    }

    fn refuel(&mut self) {
        let l = self.state.input.limits;
        self.budget = Budget::new(l.fuel, l.memory, l.depth);
        self.take_stock();
    }

    /// Measures what the thread at hand and everything beside it hold; the fuel goes on.
    pub(super) fn take_stock(&mut self) {
        let mut outside = self.state.held;
        for value in self.state.undos.iter().flat_map(|u| &u.args).chain(&self.state.input.params) {
            limits::measure(value, &mut outside, self.budget.memory);
        }
        // What the fiber holds counts from here on too.
        self.budget.move_to(outside, self.state.fiber.stack.iter());
    }

    /// Runs code until it stops, and does what it stopped for.
    pub(super) fn pump(&mut self) {
        let cx = Context { program: &self.program, settings: &self.state.input.settings };
        match interp::run(&mut self.state.fiber, cx, &mut self.budget) {
            Exit::Returned(kind, value) => self.returned(kind, value),
            Exit::Failed(f) => self.throw(f),
            Exit::Limit(limit) => self.limit(limit),
            Exit::Op(op) => self.instruction(op),
            Exit::Skip => self.throw(invalid("`skip` has no meaning in a run; this is a defect of rrb")),
            Exit::Fork { at, to } if self.out.is_plan() => self.fork = Some((at, to)),
            Exit::Fork { .. } => self.throw(invalid("a value is unknown outside a plan; this is a defect of rrb")),
        }
    }

    /// A ceiling was reached: what handles that gets a fresh ration.
    pub(super) fn limit(&mut self, limit: Limit) {
        self.refuel();
        self.throw_hard(limit.failure());
    }

    pub(super) fn returned(&mut self, kind: FrameKind, value: Value) {
        match kind {
            // A plain frame's value is in its register already.
            FrameKind::Plain => {}
            FrameKind::Entry => {
                self.value = Some(value);
                self.entry_done();
            }
            FrameKind::Action => self.call_done(value),
            FrameKind::Probe => self.probed(&value),
            FrameKind::Undo => self.undo_done(),
            FrameKind::Sub => self.sub_done(&value),
        }
    }

    pub(super) fn instruction(&mut self, op: Op) {
        match op {
            Op::Action { call } => self.begin_call(call),
            Op::Finish { outcome, s } => {
                self.foresee(None, |m| Foretold::Finish { outcome, why: planned(&m.state.fiber.register(s)) });
                let why = super::print::display(&self.state.fiber.register(s));
                self.finish(outcome, why);
            }
            Op::Rollback { .. } => self.rollback(),
            Op::StepBegin { s, site } => {
                let name = super::print::display(&self.state.fiber.register(s));
                // Its name is said again at its end.
                if !self.says(2 * name.len() as u64) {
                    return;
                }
                self.out.note(Note::StepBegan { site, name: name.clone() });
                let around = std::mem::replace(&mut self.state.fiber.since, self.state.fiber.now);
                self.state.fiber.open(super::fiber::ScopeKind::Step { site, name, around });
                self.foresee(Some(site), |_| Foretold::Step);
            }
            Op::ScopeExit { n } => {
                for _ in 0..n {
                    self.close();
                }
            }
            Op::RetScoped { s } => self.return_scoped(s),
            Op::Approve { approve } => self.begin_approve(approve),
            Op::Waive { waive } => self.begin_waive(waive),
            Op::Poll { poll } => self.begin_poll(poll),
            Op::PollCheck { poll: _, s } => self.poll_check(s),
            Op::PollReport { poll: _ } => self.poll_report(),
            Op::Sleep { s, site } => self.sleep(s, site),
            Op::WaitFor { wait } => self.wait_for(wait),
            Op::During { during } => self.begin_during(during),
            Op::DuringEnd { .. } => self.end_during(),
            Op::DuringMay { during, handler } => self.may_handle(during, handler),
            Op::HandlerEnd { during } => self.handler_done(during),
            Op::Restart => self.restart(),
            Op::Child { child } => self.begin_child(child),
            Op::Evidence { name, s, site } => {
                let name = super::print::display(&self.state.fiber.register(name));
                let value = self.state.fiber.register(s);
                self.foresee(Some(site), |_| Foretold::Evidence {
                    name: Planned::Known(name.as_str().into()),
                    value: planned(&value),
                });
                if !self.says(name.len() as u64 + limits::size(&value, limits::MAX_SAID)) {
                    return;
                }
                let value = super::print::shown(&value);
                self.out.note(Note::Evidence { site, name, value });
            }
            Op::Log { s, site } => {
                self.foresee(Some(site), |m| Foretold::Log { text: planned(&m.state.fiber.register(s)) });
                let text = super::print::display(&self.state.fiber.register(s));
                if !self.says(text.len() as u64) {
                    return;
                }
                self.out.note(Note::Log { site, text });
            }
            Op::Fork { fork } => self.begin_fork(fork),
            Op::Choose { to } => {
                let at = self.state.fiber.frames.last().map_or(0, |f| f.pc.saturating_sub(1));
                self.fork = Some((at, to));
            }
            Op::BranchEnd { fork, s } => self.end_branch(fork, s),
            Op::Join { fork } => self.join(fork),
            Op::Waves { waves } => self.waves(waves),
            Op::WaveBegin { waves } => self.wave_begins(waves),
            Op::WaveDone { waves } => self.wave_done(waves),
            Op::WavePause { waves } => self.wave_pause(waves),
            Op::WaveFailed { waves, s } => self.wave_failed(waves, s),
            Op::AtMost { most } => self.at_most(most),
            _ => self.throw(invalid("an instruction cannot stand here; this is a defect of rrb")),
        }
    }

    /// Counts what is said for the timeline. When that is too much the run fails, and nothing is said: `false`.
    pub(super) fn says(&mut self, bytes: u64) -> bool {
        /// What a note takes beside its text.
        const NOTE: u64 = 64;
        if self.out.is_plan() {
            return true;
        }
        self.budget.said = self.budget.said.saturating_add(bytes).saturating_add(NOTE);
        if self.budget.said <= limits::MAX_SAID {
            return true;
        }
        self.limit(Limit::Said(limits::MAX_SAID));
        false
    }

    /// The code of the innermost frame.
    pub(super) fn code(&self) -> Option<&Code> {
        self.program.code(self.state.fiber.frames.last()?.function)
    }

    /// Pushes a frame; at the depth limit the run fails instead.
    pub(super) fn enter(&mut self, function: FnId, inputs: Vec<Value>, kind: FrameKind) {
        let program = self.program.clone();
        match interp::enter(&mut self.state.fiber, &program, &self.budget, function, inputs, 0, kind) {
            Ok(()) => {}
            Err(limit) => self.limit(limit),
        }
    }

    /// A fresh id of an effect at this site.
    pub(super) fn next_id(&mut self, site: SiteId) -> EffectId {
        let counter = self.state.counters.entry(site).or_insert(0);
        let count = *counter;
        *counter = counter.saturating_add(1);
        EffectId { fiber: self.state.path.clone(), site, count }
    }

    /// Starts an effect, without waiting for it.
    pub(super) fn issue(&mut self, id: EffectId, effect: Effect) {
        let kept = match &effect {
            Effect::Plan(_) => Effect::Plan(PlanRequest::default()),
            other => other.clone(),
        };
        self.state.open.insert(id.clone(), kept);
        self.out.start(id, effect);
    }

    /// Starts an effect and waits: a suspension point. A pending stop arrives here instead.
    pub(super) fn suspend(&mut self, id: EffectId, effect: Effect, wait: Wait) {
        if self.state.stop.is_some() && self.stoppable() {
            self.stop_now();
            return;
        }
        let Some((id, effect, wait)) = self.interrupt_before(id, effect, wait) else { return };
        self.state.effects = self.state.effects.saturating_add(1);
        if self.state.effects > self.state.input.limits.effects {
            self.limit(Limit::Effects(self.state.input.limits.effects));
            return;
        }
        self.issue(id.clone(), effect);
        self.state.wait = Some((id, wait));
        self.interrupt();
    }

    /// A pending stop arrives at what the machine waits for.
    pub(super) fn stop_here(&mut self) -> bool {
        let arrives = self.state.stop.is_some() && self.stoppable();
        if arrives {
            let child = matches!(self.state.wait, Some((_, Wait::Child { .. })));
            if child {
                self.stop_waited_child();
            } else {
                let why = self.stop_reason();
                self.abandon_wait(&why);
                self.stop_now();
            }
        }
        arrives
    }

    /// Gives up what the thread waits for.
    pub(super) fn abandon_wait(&mut self, why: &str) {
        if let Some((id, _)) = self.state.wait.take() {
            self.abandon(id, why);
        }
    }

    pub(super) fn abandon(&mut self, id: EffectId, why: &str) {
        if self.state.open.remove(&id).is_some() {
            self.state.abandoned.insert(id.clone());
            self.out.push(Command::Abandon { id, why: why.to_owned() });
        }
    }

    /// Counts a value that came from outside.
    pub(super) fn charge(&mut self, value: &Value) -> bool {
        let bytes = limits::size(value, self.budget.memory);
        match self.budget.charge(&self.state.fiber.stack, bytes) {
            Ok(()) => true,
            Err(limit) => {
                self.limit(limit);
                false
            }
        }
    }
}

pub(super) fn pack(program: &Program, state: &State) -> Vec<u8> {
    // Nothing in the state has a condition for being serialised; a failure could only be one of memory.
    postcard::to_stdvec(&(VM_VERSION, &program.id, state)).unwrap_or_default()
}

pub(super) fn unpack(program: &Program, snapshot: &[u8]) -> Result<State, MachineError> {
    let bad = |e: postcard::Error| MachineError::BadSnapshot(e.to_string());
    let (version, rest) = postcard::take_from_bytes::<u32>(snapshot).map_err(bad)?;
    if version != VM_VERSION {
        return Err(MachineError::BadSnapshot(format!("it is of version {version}, this is {VM_VERSION}")));
    }
    let (id, rest) = postcard::take_from_bytes::<SmolStr>(rest).map_err(bad)?;
    if id != program.id {
        return Err(MachineError::OtherProgram(id));
    }
    postcard::from_bytes(rest).map_err(bad)
}

/// Whether an outcome can be the answer to an effect.
fn answers(effect: &Effect, outcome: &EffectOutcome) -> bool {
    use EffectOutcome as O;
    match effect {
        Effect::Call(_) => matches!(outcome, O::Done(_) | O::Failed(_) | O::Lost { .. }),
        Effect::Gate(_) => matches!(outcome, O::Done(_) | O::Gated(_) | O::Failed(_)),
        Effect::Sleep { .. } => matches!(outcome, O::Done(_)),
        Effect::Plan(_) => matches!(outcome, O::Planned(_) | O::Failed(_)),
        Effect::Approval(_) => matches!(outcome, O::Approved { .. } | O::Refused { .. } | O::Failed(_)),
        Effect::Resolve(_) => matches!(outcome, O::Resolved(_)),
        Effect::Event(_) => matches!(outcome, O::Event { .. } | O::Done(_) | O::Failed(_)),
        Effect::Child(child) => match outcome {
            O::Failed(_) => true,
            O::Ended(_) => child.awaited,
            O::Done(_) => !child.awaited,
            _ => false,
        },
    }
}

fn outcome_kind(outcome: &EffectOutcome) -> &'static str {
    match outcome {
        EffectOutcome::Done(_) => "result",
        EffectOutcome::Failed(_) => "failure",
        EffectOutcome::Lost { .. } => "loss",
        EffectOutcome::Planned(_) => "plan",
        EffectOutcome::Approved { .. } => "yes",
        EffectOutcome::Refused { .. } => "no",
        EffectOutcome::Resolved(_) => "resolution",
        EffectOutcome::Gated(_) => "verdict",
        EffectOutcome::Event { .. } => "event",
        EffectOutcome::Ended(_) => "end",
    }
}
