//! The tests of a project, with what all of them share.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rrb_lang::hir::testing::{Expect, Step, StepKind, Test};
use rrb_lang::hir::{FunctionKind, TriggerKind};
use rrb_lang::ids::{FnId, RunbookId};
use rrb_lang::program::{CoverPoint, Program, TestProgram};
use rrb_lang::project::ProjectConfig;
use rrb_lang::types::Ty;
use smol_str::SmolStr;

use super::surroundings::{AtHand, at_hand};
use super::world::natives;

/// Every test of a project.
pub struct Suite {
    pub program: Arc<Program>,
    pub tests: Vec<Test>,
    /// What is counted where; empty when nothing is.
    pub points: Vec<CoverPoint>,
    pub config: ProjectConfig,
    /// How many of the first functions belong to the program; the others to its tests.
    pub functions: usize,
    /// Where files of deliveries are read.
    pub root: PathBuf,
    pub(super) settings: AtHand,
    pub(super) natives: Arc<HashMap<SmolStr, FnId>>,
    /// The types of parameters, to read again what a journal tells of a call.
    pub(super) params: HashMap<FnId, Vec<Ty>>,
    /// The actions of connectors with the primitives that each can call.
    connectors: Vec<(FnId, BTreeSet<FnId>)>,
    answered: Mutex<HashMap<BTreeSet<FnId>, Arc<Program>>>,
}

impl Suite {
    /// The tests of a compiled project; `typed` is what they were compiled from.
    pub fn new(typed: &rrb_lang::hir::Program, tested: TestProgram, config: ProjectConfig, root: PathBuf) -> Self {
        let TestProgram { program, tests, points } = tested;
        let settings = at_hand(&program, &config);
        let natives = Arc::new(natives(&program));
        let (mut params, mut connectors) = (HashMap::new(), Vec::new());
        for (n, function) in typed.functions.iter().enumerate() {
            let FunctionKind::Action(action) = &function.kind else { continue };
            let id = FnId(u32::try_from(n).unwrap_or(u32::MAX));
            let own = function.locals.iter().skip(function.captures as usize).take(function.params as usize);
            params.insert(id, own.map(|l| l.ty.clone()).collect());
            if action.connector.is_some() && action.native.is_none() {
                connectors.push((id, program.primitives_of(id)));
            }
        }
        let (program, answered) = (Arc::new(program), Mutex::default());
        let functions = typed.functions.len();
        Self { program, tests, points, config, functions, root, settings, natives, params, connectors, answered }
    }

    /// The program of a test: what the test answers is a primitive in it.
    pub(super) fn program_of(&self, test: &Test) -> Arc<Program> {
        let actions = self.answered_in(test);
        let mut known = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = known.get(&actions) {
            return Arc::clone(program);
        }
        let program = Arc::new(self.program.answered(&actions));
        known.insert(actions, Arc::clone(&program));
        program
    }

    /// The actions that a test answers whole: those it gives, and those of connectors whose primitives it does not give.
    fn answered_in(&self, test: &Test) -> BTreeSet<FnId> {
        let given: BTreeSet<FnId> = test.steps.iter().filter_map(given).map(|g| g.call.action).collect();
        let is_native = |id: &FnId| self.natives.values().any(|n| n == id);
        let open = |primitives: &BTreeSet<FnId>| primitives.iter().any(|p| given.contains(p));
        let whole = self.connectors.iter().filter(|(_, primitives)| !open(primitives)).map(|(id, _)| *id);
        whole.chain(given.iter().copied()).filter(|id| !is_native(id)).collect()
    }

    /// Which runbooks time starts in a test: those that it names, and all when nothing else happens in it.
    pub(super) fn by_clock(&self, test: &Test) -> Option<BTreeSet<RunbookId>> {
        let timed = |k: &TriggerKind| matches!(k, TriggerKind::Every { .. } | TriggerKind::Cron { .. });
        if !self.program.runbooks.iter().any(|r| r.triggers.iter().any(|t| timed(&t.kind))) {
            return None;
        }
        let begins = |s: &Step| matches!(s.kind, StepKind::When(_) | StepKind::Run { .. });
        if !test.steps.iter().any(begins) {
            return None;
        }
        Some(test.steps.iter().filter_map(named).collect())
    }
}

fn given(step: &Step) -> Option<&rrb_lang::hir::testing::Given> {
    match &step.kind {
        StepKind::Given(given) => Some(given),
        _ => None,
    }
}

/// The runbook that a step speaks of.
fn named(step: &Step) -> Option<RunbookId> {
    match &step.kind {
        StepKind::Cancel { runbook, .. } => *runbook,
        StepKind::Expect(
            Expect::Outcome { of, .. }
            | Expect::Failure { of, .. }
            | Expect::Disposition { of, .. }
            | Expect::Runs { of, .. }
            | Expect::Running { of },
        ) => *of,
        _ => None,
    }
}
