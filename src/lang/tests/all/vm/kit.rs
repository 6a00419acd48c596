//! What the tests of the machine share: programs from source text, and a driver with a scripted world.

use std::collections::BTreeMap;
use std::sync::Arc;

use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::diag::plain;
use rrb_lang::program::{Program, compile};
use rrb_lang::project;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{
    Command, Effect, EffectId, EffectOutcome, Input, Limits, NativeCall, Note, Plan, RunEnd, RunInput,
};
use rrb_lang::vm::{EvalError, Machine, Planner, eval};

const PROJECT: &str = r#"
[project]
name = "test"
[users.ana]
name = "Ana"
[users.bo]
name = "Bo"
[users.cy]
name = "Cy"
[groups]
sre = ["ana", "bo", "cy"]
"#;

/// Compiles a module; fails the test with what the checker says.
pub fn program(text: &str) -> Arc<Program> {
    match try_program(text) {
        Ok(program) => program,
        Err(said) => panic!("{said}\n---\n{text}"),
    }
}

pub fn try_program(text: &str) -> Result<Arc<Program>, String> {
    let (project, _) = project::parse(PROJECT_FILE, PROJECT);
    let module = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let checked = check(CheckInput { modules: vec![module], project });
    let Some(tree) = checked.program else {
        return Err(plain::render(&checked.diagnostics, &checked.sources));
    };
    compile(&tree, &checked.sources).map(Arc::new).map_err(|all| plain::render(&all, &checked.sources))
}

/// Calls a function of the program by its name.
pub fn call(program: &Program, name: &str, args: Vec<Value>) -> Result<Value, EvalError> {
    call_with(program, name, args, 10_000_000)
}

pub fn call_with(program: &Program, name: &str, args: Vec<Value>, fuel: u64) -> Result<Value, EvalError> {
    let at = program.functions.iter().position(|f| f.name == name).unwrap_or_else(|| panic!("no function `{name}`"));
    let id = rrb_lang::ids::FnId(u32::try_from(at).unwrap());
    eval(program, id, args, &BTreeMap::new(), "", fuel)
}

/// The message of a failure.
pub fn message(result: Result<Value, EvalError>) -> String {
    match result {
        Err(EvalError::Failed(f) | EvalError::Limit(f)) => f.message,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// What a driver answers: given the call and how often this native was called before.
pub type Answer<'a> = dyn FnMut(&NativeCall, usize) -> EffectOutcome + 'a;

/// What a person answers to an approval or a question of what happened.
pub type Person<'a> = dyn FnMut(&EffectId, &Effect) -> Option<EffectOutcome> + 'a;

/// A run, driven to its end or to where it waits for something nobody gives.
pub struct Drive<'a> {
    pub machine: Machine,
    pub program: Arc<Program>,
    pub now: i64,
    pub pending: Vec<(EffectId, Effect)>,
    pub inputs: Vec<Input>,
    pub steps: Vec<Vec<Command>>,
    pub notes: Vec<Note>,
    /// Children that were asked to stop.
    pub stopped: Vec<EffectId>,
    /// `http.post` and its like, as performed, in order.
    pub performed: Vec<NativeCall>,
    pub gates: Vec<rrb_lang::vm::protocol::ActionInfo>,
    pub end: Option<RunEnd>,
    pub answer: Box<Answer<'a>>,
    pub person: Box<Person<'a>>,
    pub plans: Vec<Plan>,
    /// Restore from a snapshot before every input.
    pub restore: bool,
    /// Cancel before the n-th input.
    pub cancel_at: Option<usize>,
}

pub const START: i64 = 1_700_000_000_000;

pub fn done(value: Value) -> EffectOutcome {
    EffectOutcome::Done(value)
}

impl<'a> Drive<'a> {
    pub fn new(
        program: &Arc<Program>,
        runbook: &str,
        params: Vec<Value>,
        answer: impl FnMut(&NativeCall, usize) -> EffectOutcome + 'a,
    ) -> Self {
        Self::with_limits(program, runbook, params, Limits::default(), answer)
    }

    pub fn with_limits(
        program: &Arc<Program>,
        runbook: &str,
        params: Vec<Value>,
        limits: Limits,
        answer: impl FnMut(&NativeCall, usize) -> EffectOutcome + 'a,
    ) -> Self {
        let (id, _) = program.runbook_named(runbook).unwrap();
        let input = RunInput {
            run: "run-1".into(),
            runbook: id,
            params,
            settings: BTreeMap::new(),
            requester: "user:cy".into(),
            limits,
            instances: None,
            parent: None,
        };
        Self {
            machine: Machine::new(program.clone(), input),
            program: program.clone(),
            now: START,
            pending: Vec::new(),
            inputs: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            stopped: Vec::new(),
            performed: Vec::new(),
            gates: Vec::new(),
            end: None,
            answer: Box::new(answer),
            person: Box::new(|_, effect| match effect {
                Effect::Approval(ask) => {
                    Some(EffectOutcome::Approved { by: vec!["ana".into()], comments: vec![], at: ask.expires - 1 })
                }
                _ => None,
            }),
            plans: Vec::new(),
            restore: false,
            cancel_at: None,
        }
    }

    pub fn feed(&mut self, input: Input) {
        if self.restore {
            let bytes = self.machine.snapshot();
            let back = Machine::restore(self.program.clone(), &bytes).unwrap();
            assert_eq!(format!("{:?}", back.open_effects()), format!("{:?}", self.machine.open_effects()));
            self.machine = back;
        }
        self.inputs.push(input.clone());
        let commands = self.machine.step(input).unwrap();
        self.steps.push(commands.clone());
        for command in commands {
            assert!(self.end.is_none(), "a command after the last: {command:?}");
            match command {
                Command::Start { id, effect } => self.pending.push((id, effect)),
                Command::Abandon { id, .. } => self.pending.retain(|(open, _)| *open != id),
                Command::Note(note) => self.notes.push(note),
                Command::Stop { id, .. } => self.stopped.push(id),
                Command::Finish(end) => self.end = Some(end),
            }
        }
        let mut open: Vec<_> = self.machine.open_effects().into_iter().map(|(id, _)| id).collect();
        let mut mine: Vec<_> = self.pending.iter().map(|(id, _)| id.clone()).collect();
        open.sort();
        mine.sort();
        assert_eq!(open, mine);
    }

    /// Makes a plan as an engine does.
    pub fn plan(&mut self, machine: &[u8]) -> Plan {
        let mut planner = Planner::new(self.program.clone(), machine).unwrap();
        let mut commands = planner.step(Input::Start { at: self.now });
        while let Some(Command::Start { id, effect: Effect::Call(call) }) = commands.pop() {
            assert!(call.effect <= rrb_lang::types::Effect::Reads, "{call:?}");
            let outcome = (self.answer)(&call, usize::MAX);
            commands = planner.step(Input::Complete { effect: id, outcome, at: self.now });
        }
        assert!(planner.is_done());
        planner.into_plan()
    }

    /// What answers the pending effect; None when nobody does.
    pub fn outcome(&mut self, id: &EffectId, effect: &Effect) -> Option<EffectOutcome> {
        Some(match effect {
            Effect::Call(call) => {
                let before = self.performed.iter().filter(|c| c.native == call.native).count();
                self.performed.push(call.clone());
                self.now += 10;
                (self.answer)(call, before)
            }
            Effect::Gate(info) => {
                self.gates.push(info.clone());
                done(Value::Nothing)
            }
            Effect::Sleep { until } => {
                self.now = self.now.max(*until);
                done(Value::Nothing)
            }
            Effect::Plan(request) => {
                let plan = self.plan(&request.machine);
                self.plans.push(plan.clone());
                EffectOutcome::Planned(plan)
            }
            Effect::Approval(_) | Effect::Resolve(_) | Effect::Event(_) | Effect::Child(_) => {
                (self.person)(id, effect)?
            }
        })
    }

    /// The next effect to answer: the run's timer last.
    pub fn next(&self) -> Option<usize> {
        let order = |(id, effect): &(EffectId, Effect)| match effect {
            Effect::Sleep { until } => (1, *until),
            _ if id.site == EffectId::RUN_SITE => (2, 0),
            _ => (0, 0),
        };
        (0..self.pending.len()).min_by_key(|i| order(&self.pending[*i]))
    }

    pub fn run(mut self) -> Self {
        self.feed(Input::Start { at: self.now });
        for _ in 0..20_000 {
            if self.end.is_some() {
                break;
            }
            if self.cancel_at == Some(self.inputs.len()) {
                self.cancel_at = None;
                let at = self.now;
                self.feed(Input::Cancel { why: "told to".into(), at });
                continue;
            }
            let Some(next) = self.next() else { break };
            let (id, effect) = self.pending[next].clone();
            let Some(outcome) = self.outcome(&id, &effect) else { break };
            self.pending.remove(next);
            let at = self.now;
            self.feed(Input::Complete { effect: id, outcome, at });
        }
        self
    }

    /// `http.post /a` of every call that was performed.
    pub fn calls(&self) -> Vec<String> {
        self.performed.iter().map(short).collect()
    }

    pub fn end(&self) -> &RunEnd {
        self.end.as_ref().unwrap_or_else(|| panic!("the run waits: {:?}", self.pending))
    }

    /// The outcome's word and the reason.
    pub fn outcome_text(&self) -> String {
        let end = self.end();
        format!("{:?}: {}", end.outcome, end.why)
    }
}

/// The native and its first argument.
pub fn short(call: &NativeCall) -> String {
    let first = call.args.first().map(|(_, v)| rrb_lang::vm::display(v)).unwrap_or_default();
    format!("{} {}", call.native, first.trim_start_matches("http://h/"))
}
