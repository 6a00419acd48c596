//! A whole run ahead: what it would do, what people would be asked, what the policies say of it. For `rrb plan`; nothing is written, and
//! the world that answers needs nothing but reads.

use std::sync::Arc;

use rrb_lang::ids::FnId;
use rrb_lang::program::Program;
use rrb_lang::vm::foresight::{Foreseen, Foresight, Foretold};
use rrb_lang::vm::protocol::{Command, Effect, Input, Millis, Plan, PlanEntry, PolicyAnswer, RunInput};
use rrb_lang::vm::{Machine, Planner};
use serde::Deserialize;

use crate::api::{Actor, ApiError, StartRun};
use crate::engine::Engine;
use crate::matcher;
use crate::matcher::book::Book;
use crate::policy::{Facts, MARK, StartJudged};
use crate::run::perform;
use crate::shared::lock;
use crate::store::{MarkRow, RunRow};

/// What a run would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Ahead {
    pub runbook: String,
    /// The content address of its program.
    pub program: String,
    pub params: serde_json::Value,
    pub at: Millis,
    /// A policy would not let the run begin.
    pub refused: Option<String>,
    pub body: Part,
    /// What runs if the body fails.
    pub on_failure: Option<Part>,
    /// What runs at the end, however it ends.
    pub finally: Option<Part>,
}

/// A piece of a run: its calls, and what is told beside them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    pub plan: Plan,
    pub told: Foresight,
    /// What people would be shown, by the number of the question.
    pub shown: Vec<Plan>,
}

impl Part {
    /// Whether a policy denies one of its calls as things stand.
    pub fn is_denied(&self) -> bool {
        self.plan.verdicts.iter().any(|v| v.answer == PolicyAnswer::Deny)
    }

    /// The calls that change or destroy, without those that would only undo others.
    pub fn calls(&self) -> impl Iterator<Item = &PlanEntry> {
        let entry = |i: &Foreseen| match i.what {
            Foretold::Call { entry } if !i.rollback => self.plan.entries.get(entry as usize),
            _ => None,
        };
        self.told.items.iter().filter_map(entry)
    }

    /// Why it may do more than it says.
    pub fn incomplete(&self) -> Option<&str> {
        let more = || self.told.cut.then_some("it does more than is told");
        self.plan.incomplete.as_deref().or_else(more)
    }
}

impl Ahead {
    /// Every part there is.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        std::iter::once(&self.body).chain(&self.on_failure).chain(&self.finally)
    }
}

impl Engine {
    /// Counts what the policies of another store have counted: their limits are part of what they say.
    pub fn count_for_policies(&self, marks: &[MarkRow]) {
        let mut counts = lock(&self.core.policy_counts);
        marks.iter().filter(|m| m.kind == MARK).for_each(|m| counts.add(m));
    }

    /// Runs a runbook of the loaded program ahead. `program` is that program.
    ///
    /// # Errors
    /// When there is no such runbook or the parameters do not fit.
    pub async fn foresee(&self, program: Arc<Program>, start: StartRun, by: &Actor) -> Result<Ahead, ApiError> {
        let loaded = self.programs.current();
        let loaded = loaded.ok_or_else(|| ApiError::Overloaded("no program is loaded yet".to_owned()))?;
        let book = Book::new(loaded).map_err(ApiError::Failed)?;
        let at = self.core.now();
        let row = matcher::would_start(&book, &start, by, self.core.fresh_id("plan"), at)?;
        let input = RunInput::deserialize(&row.input).map_err(|e| ApiError::Failed(e.to_string()))?;
        let runbook = program.runbook(input.runbook).ok_or_else(|| ApiError::Failed("no such runbook".to_owned()))?;
        let facts = Facts {
            run: &row.id,
            requester: &row.requester,
            started: at,
            event: None,
            params: &row.params,
            runbook,
            approvals: &[],
        };
        let refused = match self.core.policies().start(&facts, book.code().changes(runbook), at) {
            StartJudged::Denied(why) => Some(why),
            StartJudged::Open => None,
        };
        let part = |of: Option<FnId>| self.part(&program, &book, &row, &input, of);
        let body = part(None).await?;
        let on_failure = match runbook.on_failure {
            Some(f) => Some(part(Some(f)).await?),
            None => None,
        };
        let finally = match runbook.finally {
            Some(f) => Some(part(Some(f)).await?),
            None => None,
        };
        let (runbook, params) = (row.runbook.clone(), row.params.clone());
        Ok(Ahead { runbook, program: row.program.clone(), params, at, refused, body, on_failure, finally })
    }

    /// Runs a run ahead that was created, in shadow or not: its body alone.
    ///
    /// # Errors
    /// When its row is not one of this program.
    pub async fn foresee_run(&self, program: &Arc<Program>, row: &RunRow) -> Result<Part, ApiError> {
        let loaded = self.programs.current();
        let loaded = loaded.ok_or_else(|| ApiError::Overloaded("no program is loaded yet".to_owned()))?;
        let book = Book::new(loaded).map_err(ApiError::Failed)?;
        let input = RunInput::deserialize(&row.input).map_err(|e| ApiError::Failed(e.to_string()))?;
        self.part(program, &book, row, &input, None).await
    }

    async fn part(
        &self,
        program: &Arc<Program>,
        book: &Book,
        row: &RunRow,
        input: &RunInput,
        of: Option<FnId>,
    ) -> Result<Part, ApiError> {
        let fresh = Machine::new(program.clone(), input.clone()).snapshot();
        let mut planner = planner(program, &fresh)?.telling();
        if let Some(function) = of {
            planner = planner.of(function);
        }
        let (plan, told) = self.explore(planner).await;
        let plan = perform::judge(&self.core, book.code(), row, plan).await;
        let mut shown = Vec::with_capacity(told.questions.len());
        for question in &told.questions {
            // As the question itself would come by its plan: from a machine that stands before it, with reads of its own.
            let (plan, _) = self.explore(self::planner(program, &question.machine)?).await;
            shown.push(perform::judge(&self.core, book.code(), row, plan).await);
        }
        Ok(Part { plan, told, shown })
    }

    async fn explore(&self, mut planner: Planner) -> (Plan, Foresight) {
        let mut next = planner.step(Input::Start { at: self.core.now() });
        // A planner asks for one read after another, and for no more than its bound.
        while let Some(Command::Start { id, effect: Effect::Call(call) }) = next.pop() {
            let outcome = perform::call_once(&self.core, &call, true).await;
            next = planner.step(Input::Complete { effect: id, outcome, at: self.core.now() });
        }
        planner.into_parts()
    }
}

fn planner(program: &Arc<Program>, machine: &[u8]) -> Result<Planner, ApiError> {
    Planner::new(program.clone(), machine).map_err(|e| ApiError::Failed(e.to_string()))
}
