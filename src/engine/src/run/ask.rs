//! An open approval as its run looks at it: people agreed, refused, or did not answer in time. Decided here, at the moment of use,
//! with the people the project has now.

use rrb_lang::project::ProjectConfig;
use rrb_lang::vm::protocol::{ApprovalAsk, EffectOutcome, Millis};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cap;
use super::votes::{self, Tally};
use crate::audit::AuditDraft;
use crate::store::{ApprovalRow, ApprovalState, Op};

/// What the run sees.
#[derive(Debug, PartialEq)]
pub enum Look {
    /// Still open; for what it waits, in words.
    Wait(String),
    /// People agreed, and too few of them still may: open again.
    Again(Vec<Op>),
    /// Over: the outcome, what to write with it, and the state when it changes only now.
    Done { outcome: EffectOutcome, ops: Vec<Op>, state: Option<ApprovalState> },
}

/// The question.
///
/// # Errors
/// When the row is not one this version wrote.
pub fn read(row: &ApprovalRow) -> Result<ApprovalAsk, String> {
    ApprovalAsk::deserialize(&row.ask).map_err(|e| format!("the approval `{}` cannot be read: {e}", row.id))
}

/// The question as people read it.
pub fn question(row: &ApprovalRow) -> &str {
    row.ask.get("question").and_then(Value::as_str).unwrap_or_default()
}

/// Looks at `row` at `at`.
///
/// # Errors
/// When the row is not one this version wrote.
pub fn look(row: &ApprovalRow, people: &ProjectConfig, at: Millis) -> Result<Look, String> {
    let ask = read(row)?;
    Ok(match row.state {
        ApprovalState::Approved => match votes::tally(&ask, &row.requester, &row.votes, people) {
            Tally::Approved(by) => {
                let names = by.iter().map(|v| v.person.as_str().into()).collect();
                let comments = by.iter().map(|v| v.comment.clone()).filter(|c| !c.is_empty()).collect();
                let outcome = EffectOutcome::Approved { by: names, comments, at: row.closed.unwrap_or(at) };
                Look::Done { outcome, ops: Vec::new(), state: None }
            }
            _ if at >= row.expires => expire(row, &ask, people, at),
            _ => {
                let open = ApprovalRow { state: ApprovalState::Open, closed: None, ..row.clone() };
                let body = json!({ "approval": row.id, "why": "a person who agreed may no longer do so" });
                Look::Again(vec![Op::PutApproval(open), audit(row, at, "approval.reopened", body)])
            }
        },
        ApprovalState::Denied => {
            let no = row.votes.iter().rev().find(|v| !v.approve);
            let reason = no.map(|v| v.comment.clone()).unwrap_or_default();
            let by = no.map(|v| v.person.as_str().into()).into_iter().collect();
            let outcome = EffectOutcome::Refused { reason, by, expired: false, at: row.closed.unwrap_or(at) };
            Look::Done { outcome, ops: Vec::new(), state: None }
        }
        ApprovalState::Open if at < row.expires => Look::Wait(format!("people: {}", ask.question)),
        ApprovalState::Open | ApprovalState::Expired | ApprovalState::Void => expire(row, &ask, people, at),
    })
}

fn expire(row: &ApprovalRow, ask: &ApprovalAsk, people: &ProjectConfig, at: Millis) -> Look {
    let agreed = match votes::tally(ask, &row.requester, &row.votes, people) {
        Tally::Open(n) => n,
        _ => 0,
    };
    let reason = format!("{agreed} of {} agreed in time", ask.quorum.max(1));
    let outcome = EffectOutcome::Refused { reason: reason.clone(), by: Vec::new(), expired: true, at };
    if matches!(row.state, ApprovalState::Expired | ApprovalState::Void) {
        return Look::Done { outcome, ops: Vec::new(), state: None };
    }
    let state = ApprovalState::Expired;
    let body = json!({ "approval": row.id, "state": state, "why": reason });
    let ops = vec![Op::CloseApproval { id: row.id.clone(), state, at }, audit(row, at, "approval.closed", body)];
    Look::Done { outcome, ops, state: Some(state) }
}

fn audit(row: &ApprovalRow, at: Millis, kind: &str, body: Value) -> Op {
    let (kind, actor) = (kind.to_owned(), "engine".to_owned());
    Op::Audit(AuditDraft { at, kind, actor, run: Some(row.run.clone()), event: None, body })
}

/// `approval.asked`
pub fn asked_body(row: &ApprovalRow, ask: &ApprovalAsk) -> Value {
    let from: Vec<String> = ask.from.iter().map(ToString::to_string).collect();
    json!({
        "approval": row.id, "question": ask.question, "from": from, "quorum": ask.quorum, "expires": ask.expires,
        "digest": row.digest, "requester": row.requester, "again": ask.again,
        "plan": cap::audited(serde_json::to_value(&ask.plan).unwrap_or_default()),
    })
}
