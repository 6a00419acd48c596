//! A whole run ahead: what it would do, what people would be asked, what the policies say of it. For `rrb plan`; nothing is written, and
//! the world that answers needs nothing but reads.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use rrb_lang::ids::FnId;
use rrb_lang::program::Program;
use rrb_lang::vm::foresight::{Around, Foreseen, Foresight, Foretold};
use rrb_lang::vm::protocol::{
    ApprovalAsk, Command, Effect, Input, Millis, Plan, PlanEntry, Planned, PolicyAnswer, RunInput, Verdict,
};
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

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

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
    /// What policies would ask people first about a call, by its number; nothing where there are no policies. Times are from now on.
    pub policy_asks: Vec<Option<ApprovalAsk>>,
    /// What the runs that calls would begin would do.
    pub children: Vec<Child>,
}

/// A run that a call would begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// The call's number in the plan.
    pub entry: u32,
    pub runbook: String,
    /// None when runs nest too deep or there are too many.
    pub part: Option<Part>,
}

/// How deep child runs are looked into, and how many at most.
const MAX_CHILD_DEPTH: u32 = 3;
const MAX_CHILDREN: usize = 20;

impl Part {
    /// Whether a policy denies one of its calls as things stand.
    pub fn is_denied(&self) -> bool {
        let own = self.verdicts().any(|v| v.answer == PolicyAnswer::Deny);
        own || self.children.iter().filter_map(|c| c.part.as_ref()).any(Part::is_denied)
    }

    /// What policies say of its calls, but of those in a `catch`.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        let verdict = |i: &Foreseen| match i.what {
            Foretold::Call { entry } if !in_catch(i) => self.plan.verdicts.get(entry as usize),
            _ => None,
        };
        self.told.items.iter().filter_map(verdict)
    }

    /// What a call would begin.
    pub fn child(&self, entry: u32) -> Option<&Child> {
        self.children.iter().find(|c| c.entry == entry)
    }

    /// Whether the digest of what a policy asks about a call is the one that the approval would have: all of the call is known.
    pub fn is_sure(entry: &PlanEntry) -> bool {
        let known = |p: &Planned| *p != Planned::Unknown;
        known(&entry.target) && entry.args.iter().all(|(_, p)| known(p))
    }

    /// The calls that change or destroy, without those that would only undo others or stand in a `catch`.
    pub fn calls(&self) -> impl Iterator<Item = &PlanEntry> {
        let entry = |i: &Foreseen| match i.what {
            Foretold::Call { entry } if !i.rollback && !in_catch(i) => self.plan.entries.get(entry as usize),
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

fn in_catch(item: &Foreseen) -> bool {
    item.around.iter().any(|a| matches!(a, Around::Catch { .. }))
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
        let mut left = MAX_CHILDREN;
        let body = self.whole(&program, &book, &row, &input, None, &mut left).await?;
        let on_failure = match runbook.on_failure {
            Some(f) => Some(self.whole(&program, &book, &row, &input, Some(f), &mut left).await?),
            None => None,
        };
        let finally = match runbook.finally {
            Some(f) => Some(self.whole(&program, &book, &row, &input, Some(f), &mut left).await?),
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

    /// Runs an action that takes nothing ahead, as the run of `start` would do it: what somebody types is planned so before anybody runs it.
    ///
    /// # Errors
    /// As [`Engine::foresee`].
    pub async fn foresee_action(
        &self,
        program: Arc<Program>,
        start: &StartRun,
        action: FnId,
        by: &Actor,
    ) -> Result<Part, ApiError> {
        let loaded = self.programs.current();
        let loaded = loaded.ok_or_else(|| ApiError::Overloaded("no program is loaded yet".to_owned()))?;
        let book = Book::new(loaded).map_err(ApiError::Failed)?;
        let row = matcher::would_start(&book, start, by, self.core.fresh_id("plan"), self.core.now())?;
        let input = RunInput::deserialize(&row.input).map_err(|e| ApiError::Failed(e.to_string()))?;
        let mut left = MAX_CHILDREN;
        self.whole(&program, &book, &row, &input, Some(action), &mut left).await
    }

    /// A part with the runs that it would begin, and those that they would.
    async fn whole(
        &self,
        program: &Arc<Program>,
        book: &Book,
        row: &RunRow,
        input: &RunInput,
        of: Option<FnId>,
        left: &mut usize,
    ) -> Result<Part, ApiError> {
        let mut part = self.part(program, book, row, input, of).await?;
        self.children_of(&mut part, program, book, row, input, 1, left).await?;
        Ok(part)
    }

    #[expect(clippy::too_many_arguments, reason = "where the children begin, and the bounds that they share")]
    fn children_of<'a>(
        &'a self,
        part: &'a mut Part,
        program: &'a Arc<Program>,
        book: &'a Book,
        row: &'a RunRow,
        input: &'a RunInput,
        depth: u32,
        left: &'a mut usize,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            for begun in std::mem::take(&mut part.told.children) {
                let Some(runbook) = program.runbook(begun.runbook) else { continue };
                let mut child = Child { entry: begun.entry, runbook: runbook.name.to_string(), part: None };
                if depth <= MAX_CHILD_DEPTH && *left > 0 {
                    *left -= 1;
                    let input = RunInput { runbook: begun.runbook, params: begun.params, ..input.clone() };
                    let names = runbook.params.iter().map(|p| p.name.to_string());
                    let shown = input.params.iter().map(|v| serde_json::Value::from(&rrb_lang::vm::shown(v)));
                    let params = names.zip(shown).collect::<serde_json::Map<_, _>>().into();
                    let row = RunRow { runbook: child.runbook.clone(), params, ..row.clone() };
                    let mut own = self.part(program, book, &row, &input, None).await?;
                    self.children_of(&mut own, program, book, &row, &input, depth + 1, left).await?;
                    child.part = Some(own);
                }
                part.children.push(child);
            }
            Ok(())
        })
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
        let (plan, policy_asks) = perform::judge_asking(&self.core, book.code(), row, plan).await;
        let mut shown = Vec::with_capacity(told.questions.len());
        for question in &told.questions {
            // As the question itself would come by its plan: from a machine that stands before it, with reads of its own.
            let (plan, _) = self.explore(self::planner(program, &question.machine)?).await;
            shown.push(perform::judge(&self.core, book.code(), row, plan).await);
        }
        Ok(Part { plan, told, shown, policy_asks, children: Vec::new() })
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
