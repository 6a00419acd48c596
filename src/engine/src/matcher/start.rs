//! Runs that a person starts, and cancellations of runs that may not have begun.

use rrb_lang::diag::nearest;
use rrb_lang::hir::{Param, Runbook};
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Millis;

use super::admit::Origin;
use super::book::Book;
use super::create::{self, NewRun};
use super::{Batch, Matcher};
use crate::api::{Actor, ApiError, StartRun};
use crate::code::Code;
use crate::store::{RunRow, RunStatus, SHADOW, is_shadow};

/// Characters of an id that a person gives to a run.
const MAX_ID: usize = 64;

impl Matcher {
    pub(super) async fn start(
        &mut self,
        mut start: StartRun,
        by: &Actor,
        batch: &mut Batch,
    ) -> Result<String, ApiError> {
        let book = self.book.clone().ok_or_else(|| ApiError::Overloaded("no program is loaded yet".to_owned()))?;
        if self.core.is_full() {
            return Err(ApiError::Overloaded("the store is full: nothing was started".to_owned()));
        }
        let (n, runbook) = named(&book, &start.runbook)?;
        if let Some(id) = &mut start.id {
            checked_id(id)?;
            // By its id everybody sees that a run did nothing.
            if self.core.shadow && !is_shadow(id) {
                *id = format!("{SHADOW}_{id}");
                checked_id(id)?;
            }
            if self.row(id).await.is_some() {
                return Err(ApiError::Exists(id.clone()));
            }
        }
        let params = given(book.code(), runbook, &start)?;
        let shown = by.shown();
        let origin = Origin {
            at: self.core.now(),
            event: None,
            requester: requester(by),
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

/// The row that a run started by hand would have. Nothing is written, and no gate is asked.
///
/// # Errors
/// When there is no such runbook or the parameters do not fit.
pub fn would_start(book: &Book, start: &StartRun, by: &Actor, id: String, at: Millis) -> Result<RunRow, ApiError> {
    let (n, runbook) = named(book, &start.runbook)?;
    let params = given(book.code(), runbook, start)?;
    let new = NewRun {
        id,
        runbook: n,
        params,
        requester: requester(by),
        event: None,
        concurrency_key: None,
        queued: false,
        actor: "",
        parent: None,
        skipped: &[],
    };
    create::run(book, new, at).map(|(row, _)| row)
}

/// The runbook of this name, with its place.
fn named<'a>(book: &'a Book, name: &str) -> Result<(usize, &'a Runbook), ApiError> {
    let Some(n) = book.index.named(name) else {
        let hint = nearest(name, book.index.names().iter().map(String::as_str)).map(str::to_owned);
        return Err(ApiError::NotFound { what: "runbook", id: name.to_owned(), hint });
    };
    let runbook = book.runbook(n).ok_or_else(|| ApiError::Failed("the runbook is not loaded".to_owned()))?;
    Ok((n, runbook))
}

/// As the run shows who asked for it.
fn requester(by: &Actor) -> String {
    by.person.as_ref().map_or_else(|| by.method.clone(), |p| format!("user:{p}"))
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
