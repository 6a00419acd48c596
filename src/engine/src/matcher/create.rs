//! A run as it comes into being: its row, the first entry of its journal, and what the audit says.

use rrb_lang::hir::Runbook;
use rrb_lang::ids::RunbookId;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Millis, ParentRun, RunEnd, RunInput};
use serde_json::json;

use super::book::Book;
use crate::api::{ApiError, What};
use crate::run::journal::{self, Act};
use crate::run::records;
use crate::runs::shown_params;
use crate::store::{Op, RunRow, RunStatus};

/// What a run is made of.
pub struct NewRun<'a> {
    pub id: String,
    pub runbook: usize,
    pub params: Vec<Value>,
    pub requester: String,
    pub event: Option<String>,
    pub concurrency_key: Option<String>,
    pub queued: bool,
    /// Who the audit names: `trigger:alertmanager.firing`, `user:ana (terminal)`.
    pub actor: &'a str,
    pub parent: Option<ParentRun>,
    /// Gates that do not apply, for the audit.
    pub skipped: &'a [&'a str],
}

/// The row of a new run and what to write with it.
///
/// # Errors
/// When the input has no form in JSON.
pub fn run(book: &Book, new: NewRun<'_>, at: Millis) -> Result<(RunRow, Vec<Op>), ApiError> {
    let failed = |e: String| ApiError::Failed(e);
    let runbook: &Runbook = book.runbook(new.runbook).ok_or_else(|| failed("the runbook is not loaded".to_owned()))?;
    let name = book.index.name(new.runbook).to_owned();
    let params = shown_params(book.code(), runbook, &new.params);
    let input = RunInput {
        run: new.id.as_str().into(),
        runbook: RunbookId(u32::try_from(new.runbook).unwrap_or(u32::MAX)),
        params: new.params,
        settings: book.loaded.settings.clone(),
        instances: Some(book.loaded.project.named_instances()),
        requester: new.requester.as_str().into(),
        limits: book.loaded.project.limits,
        parent: new.parent,
    };
    let row = RunRow {
        id: new.id,
        runbook: name,
        program: book.code().id().to_owned(),
        status: if new.queued { RunStatus::Queued } else { RunStatus::Running },
        requester: new.requester,
        event: new.event,
        input: serde_json::to_value(&input).map_err(|e| failed(e.to_string()))?,
        params: crate::run::cap::audited(params),
        concurrency_key: new.concurrency_key,
        created: at,
        updated: at,
        end: None,
    };
    let mut body = json!({
        "runbook": row.runbook, "program": row.program, "requester": row.requester, "params": row.params,
        "queued": new.queued, "skipped": new.skipped,
    });
    if let (Some(parent), Some(body)) = (&input.parent, body.as_object_mut()) {
        let linked = json!({ "run": parent.run, "effect": parent.effect, "awaited": parent.awaited });
        body.insert("parent".to_owned(), linked);
    }
    let mut ops = vec![Op::PutRun(row.clone()), records::draft(&row, at, "run.created", new.actor, body)];
    if !new.queued {
        ops.extend(start(&row, at).map_err(failed)?);
    }
    Ok((row, ops))
}

/// The run begins: what its journal and the audit say.
///
/// # Errors
/// When an entry has no form in JSON.
pub fn start(row: &RunRow, at: Millis) -> Result<Vec<Op>, String> {
    let entry = journal::row(&row.id, 1, at, Vec::new(), Act::Start { at })?;
    let body = json!({ "runbook": row.runbook, "program": row.program });
    Ok(vec![Op::AppendJournal(entry), records::draft(row, at, "run.started", "engine", body)])
}

/// A run that never began ends.
///
/// # Errors
/// When an entry has no form in JSON.
pub fn end_unbegun(row: &RunRow, end: &RunEnd, by: &str, at: Millis) -> Result<Vec<Op>, String> {
    let entry = journal::row(&row.id, 1, at, Vec::new(), Act::End(end.clone()))?;
    let body = serde_json::to_value(end).map_err(|e| e.to_string())?;
    Ok(vec![
        Op::AppendJournal(entry),
        Op::SetRun { id: row.id.clone(), status: RunStatus::Done, at, end: Some(body) },
        records::draft(row, at, "run.cancelled", by, json!({ "why": end.why })),
        records::draft(row, at, "run.ended", "engine", records::end_body(end)),
    ])
}

/// The timeline's line for a run that began.
pub fn started(row: &RunRow) -> What {
    What::RunStarted { requester: row.requester.clone(), params: row.params.clone() }
}
