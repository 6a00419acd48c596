//! Runs that a person starts, and cancellations of runs that may not have begun.

use rrb_lang::diag::nearest;
use rrb_lang::hir::{Param, Runbook};
use rrb_lang::json::Json;
use rrb_lang::value::Value;

use super::admit::Origin;
use super::{Batch, Matcher};
use crate::api::{Actor, ApiError, StartRun};
use crate::code::Code;
use crate::store::RunStatus;

/// Characters of an id that a person gives to a run.
const MAX_ID: usize = 64;

impl Matcher {
    pub(super) async fn start(&mut self, start: StartRun, by: &Actor, batch: &mut Batch) -> Result<String, ApiError> {
        let book = self.book.clone().ok_or_else(|| ApiError::Overloaded("no program is loaded yet".to_owned()))?;
        if self.core.is_full() {
            return Err(ApiError::Overloaded("the store is full: nothing was started".to_owned()));
        }
        let Some(n) = book.index.named(&start.runbook) else {
            let hint = nearest(&start.runbook, book.index.names().iter().map(String::as_str)).map(str::to_owned);
            return Err(ApiError::NotFound { what: "runbook", id: start.runbook, hint });
        };
        if let Some(id) = &start.id {
            checked_id(id)?;
            if self.row(id).await.is_some() {
                return Err(ApiError::Exists(id.clone()));
            }
        }
        let runbook = book.runbook(n).ok_or_else(|| ApiError::Failed("the runbook is not loaded".to_owned()))?;
        let params = given(book.code(), runbook, &start)?;
        let shown = by.shown();
        let origin = Origin {
            at: self.core.now(),
            event: None,
            requester: by.person.as_ref().map_or_else(|| by.method.clone(), |p| format!("user:{p}")),
            actor: &shown,
            counted: false,
            id: start.id,
            parent: None,
        };
        let admitted = self.admit(&book, n, params, origin, batch).await;
        admitted.map(|a| a.run).map_err(|no| match no.verdict {
            "policy" => ApiError::Forbidden(no.why),
            "error" => ApiError::Invalid(no.why),
            "concurrency" => {
                let text = format!("`{}` was not started: its `concurrency` says no, {}", runbook.name, no.why);
                ApiError::Conflict(text).advised(&format!("`rrb runs list --runbook {} --open`", runbook.name))
            }
            _ => ApiError::Conflict(no.why),
        })
    }

    /// Cancels a run that waits in line. None when it is not one: then the run itself must be asked.
    pub(super) async fn cancel(
        &mut self,
        run: &str,
        why: &str,
        by: &str,
        batch: &mut Batch,
    ) -> Option<Result<(), ApiError>> {
        let Some(row) = self.row(run).await else {
            return Some(Err(ApiError::NotFound { what: "run", id: run.to_owned(), hint: None }));
        };
        match row.status {
            RunStatus::Queued => {
                self.end_unbegun(&row, why, by, batch);
                Some(Ok(()))
            }
            RunStatus::Done => Some(Err(ApiError::Conflict(format!("the run `{run}` is over")))),
            _ => None,
        }
    }
}

fn checked_id(id: &str) -> Result<(), ApiError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.len() > MAX_ID || !id.chars().all(fits) {
        let text = format!("`{id}` is no id of a run: 1 to {MAX_ID} letters, digits, `-`, `_` and `.`");
        return Err(ApiError::Invalid(text));
    }
    Ok(())
}

/// The parameters as given, defaults filled in.
fn given(code: &dyn Code, runbook: &Runbook, start: &StartRun) -> Result<Vec<Value>, ApiError> {
    for name in start.params.keys() {
        if !runbook.params.iter().any(|p| p.name == name.as_str()) {
            let known: Vec<&str> = runbook.params.iter().map(|p| p.name.as_str()).collect();
            let hint =
                nearest(name, known.iter().copied()).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            return Err(ApiError::Invalid(format!("`{}` has no parameter `{name}`{hint}", runbook.name)));
        }
    }
    runbook.params.iter().map(|p| param(code, runbook, p, start)).collect()
}

fn param(code: &dyn Code, runbook: &Runbook, param: &Param, start: &StartRun) -> Result<Value, ApiError> {
    let Some(raw) = start.params.get(param.name.as_str()) else {
        let default = param.default.and_then(|id| code.constant(id));
        let optional = || matches!(*param.ty, rrb_lang::types::Type::Optional(_)).then_some(Value::None);
        return default
            .or_else(optional)
            .ok_or_else(|| ApiError::Invalid(format!("`{}` needs the parameter `{}`", runbook.name, param.name)));
    };
    let json = Json::from(raw.clone());
    let answer = match (code.decode(&param.ty, &json), json.as_text()) {
        (Err(_), Some(text)) => code.literal(&param.ty, text),
        (answer, _) => answer,
    };
    answer.map_err(|why| ApiError::Invalid(format!("the parameter `{}` does not fit: {why}", param.name)))
}
