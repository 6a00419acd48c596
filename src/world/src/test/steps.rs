//! The statements that do something: people, times and runs by hand.

use std::collections::BTreeMap;

use rrb_engine::api::{Actor, ApiError, ControlPlane, StartRun, Vote};
use rrb_engine::code::runbook_names;
use rrb_engine::run::ask;
use rrb_engine::store::{RunFilter, RunRow, RunStatus};
use rrb_lang::hir::testing::{Expect, Resolve, Step, StepKind};
use rrb_lang::ids::{FnId, RunbookId};
use rrb_lang::span::Span;
use rrb_lang::value::Value;
use rrb_lang::vm;
use rrb_lang::vm::protocol::Resolution;
use smol_str::SmolStr;

use super::everywhere::MOST_RUNS;
use super::stage::{Broken, Last, Stage};
use super::trouble::Trouble;

/// What a statement came to.
pub type Done = Result<Vec<Trouble>, Broken>;

impl Stage {
    /// Plays a statement that is no expectation. `rest` is what follows it.
    ///
    /// # Errors
    /// When the test cannot go on.
    pub async fn play(&mut self, step: &Step, rest: &[Step]) -> Done {
        match &step.kind {
            StepKind::Given(_)
            | StepKind::GivenGroup { .. }
            | StepKind::GivenSettings { .. }
            | StepKind::GivenNow(_)
            | StepKind::Expect(_) => Ok(Vec::new()),
            StepKind::When(when) => self.when(when, step.span).await,
            StepKind::Run { runbook, params, by } => {
                self.run_by_hand(*runbook, *params, by.as_ref(), step.span, rest).await
            }
            StepKind::Approve { by, comment } => self.vote(by, *comment, true, step.span).await,
            StepKind::Deny { by, because } => self.vote(by, *because, false, step.span).await,
            StepKind::Advance(duration) => match self.functions.call(*duration, vec![]) {
                Ok(Value::Duration(ms)) => self.advance(ms).await.map(|()| Vec::new()),
                Ok(_) => Ok(vec![Trouble::new(step.span, "no Duration", "`advance` wants a Duration")]),
                Err(why) => Ok(vec![unmade(step.span, "the duration", &why)]),
            },
            StepKind::Crash => self.crash().await.map(|()| Vec::new()),
            StepKind::Cancel { runbook, because } => self.cancel(*runbook, *because, step.span).await,
            StepKind::Resolve(resolve) => self.resolve(resolve, step.span).await,
        }
    }

    async fn run_by_hand(
        &mut self,
        runbook: RunbookId,
        params: FnId,
        by: Option<&SmolStr>,
        span: Span,
        rest: &[Step],
    ) -> Done {
        let params = match self.functions.call(params, vec![]) {
            Ok(Value::Record(record)) => record,
            Ok(_) => return Ok(vec![unmade(span, "the parameters", "they are no record")]),
            Err(why) => return Ok(vec![unmade(span, "the parameters", &why)]),
        };
        let shown = |v: &Value| serde_json::Value::from(&vm::shown(v));
        let params: BTreeMap<String, serde_json::Value> =
            params.names.iter().zip(&params.values).map(|(n, v)| (n.to_string(), shown(v))).collect();
        let name = runbook_names(&*self.code).get(runbook.index()).cloned().unwrap_or_default();
        self.started += 1;
        // A name of its own makes it safe to ask again after a crash.
        let start = StartRun { runbook: name, params, id: Some(format!("run_by_hand_{}", self.started)) };
        let actor = person(by);
        self.last = Last::default();
        let answer = self.engine()?.start(start.clone(), &actor).await;
        let answer = match answer {
            Err(_) if self.store.crashed() => {
                self.settle().await?;
                self.engine()?.start(start, &actor).await
            }
            other => other,
        };
        self.settle().await?;
        let (verdict, why) = match answer {
            Ok(_) | Err(ApiError::Exists(_)) => return Ok(Vec::new()),
            Err(e) => (verdict(&e), e.line()),
        };
        self.last.not_started = Some((verdict, why.clone()));
        let spoken_of = |s: &Step| {
            let StepKind::Expect(expect) = &s.kind else { return false };
            matches!(expect, Expect::Disposition { .. } | Expect::Runs { count: 0, .. })
        };
        if rest.iter().any(spoken_of) {
            return Ok(Vec::new());
        }
        let trouble = Trouble::new(span, "not started", format!("the run was not started: {why}"));
        Ok(vec![trouble.help(format!("where that is what is tested: `expect disposition {verdict}`"))])
    }

    async fn vote(&mut self, by: &[SmolStr], comment: Option<FnId>, approve: bool, span: Span) -> Done {
        let comment = match comment.map(|c| self.functions.call(c, vec![])).transpose() {
            Ok(comment) => comment.map(|v| vm::display(&v)).unwrap_or_default(),
            Err(why) => return Ok(vec![unmade(span, "the comment", &why)]),
        };
        let open = self.engine()?.approvals(true).await?.into_iter().next();
        let Some(open) = open else {
            let verb = if approve { "approved" } else { "denied" };
            let trouble =
                Trouble::new(span, "nobody is asked", format!("no approval is open, so nothing can be {verb}"));
            let facts = self.facts().await?;
            return Ok(vec![facts.standing(self, None, trouble)]);
        };
        let mut troubles = Vec::new();
        for name in by {
            let vote = Vote { approve, comment: comment.clone(), digest: None };
            let answer = self.engine()?.vote(&open.id, vote.clone(), &person(Some(name))).await;
            let answer = match answer {
                Err(_) if self.store.crashed() => {
                    self.settle().await?;
                    let row = self.engine()?.approval(&open.id).await?;
                    match row.votes.iter().any(|v| v.person == *name) {
                        true => Ok(row),
                        false => self.engine()?.vote(&open.id, vote, &person(Some(name))).await,
                    }
                }
                other => other,
            };
            self.settle().await?;
            if let Err(e) = answer {
                let (what, help) = e.parts();
                let text = format!("the answer of `{name}` was not taken: {what}");
                let trouble = Trouble::new(span, "not taken", text);
                let trouble = trouble.note(format!("the question is: {}", ask::question(&open)));
                troubles.push(help.into_iter().filter(|h| !h.contains("rrb ")).fold(trouble, Trouble::help));
            }
        }
        Ok(troubles)
    }

    async fn cancel(&mut self, runbook: Option<RunbookId>, because: Option<FnId>, span: Span) -> Done {
        let why = match because.map(|b| self.functions.call(b, vec![])).transpose() {
            Ok(why) => why.map_or_else(|| "the test cancels it".to_owned(), |v| vm::display(&v)),
            Err(why) => return Ok(vec![unmade(span, "the reason", &why)]),
        };
        let Some(run) = self.oldest(runbook, |r| r.status != RunStatus::Done).await? else {
            let trouble = Trouble::new(span, "nothing to cancel", "no run is under way, so none can be cancelled");
            let facts = self.facts().await?;
            return Ok(vec![facts.standing(self, runbook, trouble)]);
        };
        let answer = self.engine()?.cancel(&run.id, &why, &person(None)).await;
        let answer = match answer {
            Err(_) if self.store.crashed() => {
                self.settle().await?;
                match self.engine()?.cancel(&run.id, &why, &person(None)).await {
                    // It was durable before the crash.
                    Err(ApiError::Conflict(_)) => Ok(()),
                    other => other,
                }
            }
            other => other,
        };
        self.settle().await?;
        Ok(answer.err().map(|e| Trouble::new(span, "not cancelled", e.line())).into_iter().collect())
    }

    async fn resolve(&mut self, resolve: &Resolve, span: Span) -> Done {
        let resolution = match resolve {
            Resolve::Happened(None) => Resolution::Happened { result: None },
            Resolve::Happened(Some(result)) => match self.functions.call(*result, vec![]) {
                Ok(value) => Resolution::Happened { result: vm::to_json(&value).ok() },
                Err(why) => return Ok(vec![unmade(span, "the result", &why)]),
            },
            Resolve::DidNotHappen => Resolution::DidNotHappen,
            Resolve::Unknown => Resolution::Unknown,
        };
        let Some(run) = self.oldest(None, |r| r.status == RunStatus::Parked).await? else {
            let trouble = Trouble::new(span, "nothing to resolve", "no run waits for a person to say what happened");
            let facts = self.facts().await?;
            return Ok(vec![facts.standing(self, None, trouble)]);
        };
        let why = "the test says so";
        let answer = self.engine()?.resolve(&run.id, resolution.clone(), why, &person(None)).await;
        let answer = match answer {
            Err(_) if self.store.crashed() => {
                self.settle().await?;
                match self.engine()?.resolve(&run.id, resolution, why, &person(None)).await {
                    Err(ApiError::Conflict(_)) => Ok(()),
                    other => other,
                }
            }
            other => other,
        };
        self.settle().await?;
        Ok(answer.err().map(|e| Trouble::new(span, "not resolved", e.line())).into_iter().collect())
    }

    async fn oldest(&self, of: Option<RunbookId>, is: impl Fn(&RunRow) -> bool) -> Result<Option<RunRow>, Broken> {
        let filter = RunFilter { limit: MOST_RUNS, ..RunFilter::default() };
        let rows = self.engine()?.runs(filter).await?;
        let names = runbook_names(&*self.code);
        let of = of.and_then(|id| names.get(id.index()));
        // Newest first.
        Ok(rows.into_iter().rev().find(|r| is(r) && of.is_none_or(|name| r.runbook == *name)))
    }
}

/// Who acts: a person of the test, or the test itself.
pub fn person(name: Option<&SmolStr>) -> Actor {
    Actor { person: name.map(ToString::to_string), method: "test".to_owned() }
}

pub fn unmade(span: Span, what: &str, why: &str) -> Trouble {
    Trouble::new(span, "here", format!("{what} cannot be made: {why}"))
}

/// What an event would be said to have become there.
fn verdict(e: &ApiError) -> &'static str {
    match e {
        ApiError::Forbidden(_) => "policy",
        ApiError::Conflict(text) if text.contains("`concurrency`") => "concurrency",
        ApiError::Conflict(text) if text.contains("paused") => "paused",
        ApiError::Conflict(_) => "limit",
        _ => "error",
    }
}
