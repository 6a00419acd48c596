//! What a run's entries say to the audit log and to the live timeline.

use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::vm::protocol::{
    ActionInfo, ChildStart, EffectOutcome, EventWait, Failure, Millis, NativeCall, Note, RunEnd, Verdict,
};
use serde_json::{Value, json};

use super::cap;
use crate::api::{TimelineItem, What};
use crate::audit::AuditDraft;
use crate::code::Code;
use crate::store::{Op, RunRow};

/// A record of this run.
pub fn draft(run: &RunRow, at: Millis, kind: &str, actor: &str, body: Value) -> Op {
    Op::Audit(AuditDraft {
        at,
        kind: kind.to_owned(),
        actor: actor.to_owned(),
        run: Some(run.id.clone()),
        event: run.event.clone(),
        body,
    })
}

/// A line of this run in the live timeline.
pub fn item(run: &RunRow, at: Millis, what: What) -> TimelineItem {
    TimelineItem { at, run: Some(run.id.clone()), runbook: Some(run.runbook.clone()), event: run.event.clone(), what }
}

/// Whether the audit tells of calls of this class one by one.
pub fn audited(effect: EffectClass) -> bool {
    effect >= EffectClass::Changes
}

fn args(code: &dyn Code, call: &NativeCall) -> Value {
    let args: serde_json::Map<String, Value> =
        call.args.iter().map(|(name, v)| (name.to_string(), Value::from(&code.to_json(v)))).collect();
    cap::audited(Value::Object(args))
}

/// `call.intent`
pub fn call_intent(code: &dyn Code, id: &str, call: &NativeCall) -> Value {
    json!({
        "effect": id, "action": call.action, "native": call.native, "instance": call.instance, "class": call.effect,
        "attempt": call.attempt, "key": call.key, "args": args(code, call),
    })
}

/// `call.outcome`
pub fn call_outcome(id: &str, call: &NativeCall, outcome: &EffectOutcome) -> Value {
    let mut body = json!({
        "effect": id, "action": call.action, "native": call.native, "instance": call.instance, "attempt": call.attempt,
    });
    let result = match outcome {
        EffectOutcome::Failed(failure) => json!({ "failed": failure_body(failure) }),
        EffectOutcome::Lost { why } => json!({ "unknown": why }),
        other => {
            let text = serde_json::to_vec(other).unwrap_or_default();
            json!({ "done": { "bytes": text.len(), "sha256": cap::digest(&text) } })
        }
    };
    if let (Value::Object(body), Value::Object(result)) = (&mut body, result) {
        body.extend(result);
    }
    body
}

/// A failure without its place in the program.
pub fn failure_body(failure: &Failure) -> Value {
    json!({
        "kind": failure.kind, "message": failure.message, "action": failure.action, "attempts": failure.attempts,
        "happened": failure.happened,
    })
}

fn action_body(info: &ActionInfo) -> Value {
    let args: serde_json::Map<String, Value> = info.args.iter().map(|(n, v)| (n.to_string(), Value::from(v))).collect();
    json!({
        "action": info.action, "instance": info.instance, "target": info.target, "class": info.effect,
        "rollback": info.rollback, "cover": info.cover, "args": cap::audited(Value::Object(args)),
    })
}

/// `policy.asked`
pub fn verdict_body(call: &ActionInfo, verdict: &Verdict) -> Value {
    json!({
        "action": call.action, "instance": call.instance, "target": call.target, "class": call.effect,
        "rollback": call.rollback, "answer": verdict.answer, "policies": verdict.policies, "program": verdict.program,
        "rules": verdict.rules,
    })
}

/// The audit record of a note, for those that the audit keeps.
pub fn of_note(note: &Note) -> Option<(&'static str, Value)> {
    Some(match note {
        Note::Evidence { name, value, .. } => {
            ("evidence", json!({ "name": name, "value": cap::audited(Value::from(value)) }))
        }
        Note::ActionBegan { info } if audited(info.effect) => ("action.began", action_body(info)),
        Note::ActionEnded { action, instance, target, effect, attempts, rollback, failure } if audited(*effect) => {
            let failure = failure.as_ref().map(failure_body);
            let body = json!({
                "action": action, "instance": instance, "target": target, "class": effect, "attempts": attempts,
                "rollback": rollback, "failed": failure,
            });
            ("action.ended", body)
        }
        Note::Waived { reason, by, until } => ("waiver.used", json!({ "reason": reason, "by": by, "until": until })),
        Note::Verified { name, ok, last } => ("verified", json!({ "name": name, "ok": ok, "last": last })),
        Note::Failed { failure } => ("run.failed", failure_body(failure)),
        Note::UndoBegan { count } => ("undo.began", json!({ "count": count })),
        Note::UndoFailed { action, failure } => {
            ("undo.failed", json!({ "action": action, "failed": failure_body(failure) }))
        }
        Note::HandlerFailed { handler, failure } => {
            ("handler.failed", json!({ "handler": handler, "failed": failure_body(failure) }))
        }
        Note::Shadowed { plan } => {
            ("run.shadowed", json!({ "plan": cap::audited(serde_json::to_value(plan).unwrap_or_default()) }))
        }
        Note::OffPlan { action, target } => ("plan.left", json!({ "action": action, "target": target })),
        Note::In { branch, inner } => {
            let (kind, mut body) = of_note(inner)?;
            if let Value::Object(body) = &mut body {
                body.insert("branch".to_owned(), json!(branch));
            }
            (kind, body)
        }
        Note::WaveBegan { wave, of, count, items } => {
            ("wave.began", json!({ "wave": wave, "of": of, "count": count, "items": items }))
        }
        Note::RaceWon { branch } => ("race.won", json!({ "winner": branch })),
        Note::Handling { event, .. } => ("during.handling", json!({ "event": event })),
        Note::Restarted { count, .. } => ("during.restarted", json!({ "count": count })),
        Note::Forked { .. }
        | Note::BranchEnded { .. }
        | Note::Handled { .. }
        | Note::StepBegan { .. }
        | Note::StepEnded { .. }
        | Note::Log { .. }
        | Note::ActionBegan { .. }
        | Note::ActionEnded { .. }
        | Note::Retrying { .. } => return None,
    })
}

/// The timeline's line for a child run that is to begin.
pub fn child_began(child: &ChildStart) -> What {
    What::ChildBegan { child: child.child.to_string(), runbook: child.name.to_string(), awaited: child.awaited }
}

/// The timeline's line for a child that came to its end, or could not begin; none for one that nobody waits for.
pub fn child_ended(child: &ChildStart, outcome: &EffectOutcome) -> Option<What> {
    let (ok, message) = match outcome {
        EffectOutcome::Failed(failure) => (false, failure.message.clone()),
        EffectOutcome::Ended(end) if end.why.is_empty() => (true, outcome_word(end)),
        EffectOutcome::Ended(end) => (true, format!("{}: {}", outcome_word(end), end.why)),
        _ => return None,
    };
    Some(What::ChildEnded { child: child.child.to_string(), runbook: child.name.to_string(), ok, message })
}

/// `child.outcome`
pub fn child_body(child: &ChildStart, outcome: &EffectOutcome) -> Value {
    let mut body = json!({ "child": child.child, "runbook": child.name, "awaited": child.awaited });
    let result = match outcome {
        EffectOutcome::Failed(failure) => json!({ "failed": failure_body(failure) }),
        EffectOutcome::Ended(end) => json!({ "ended": end.outcome }),
        _ => json!({ "started": true }),
    };
    if let (Value::Object(body), Value::Object(result)) = (&mut body, result) {
        body.extend(result);
    }
    body
}

/// The timeline's line for an event that a run took.
pub fn event_taken(wait: &EventWait, outcome: &EffectOutcome) -> Option<What> {
    match outcome {
        EffectOutcome::Event { id, .. } => {
            Some(What::EventTaken { id: id.to_string(), source: wait.event.to_string() })
        }
        _ => None,
    }
}

/// `run.ended`
pub fn end_body(end: &RunEnd) -> Value {
    json!({
        "outcome": end.outcome, "why": end.why, "failed": end.failure.as_ref().map(failure_body),
        "ineffective": end.ineffective, "remains": end.remains,
    })
}

/// The word for an outcome: `rolled_back`.
pub fn outcome_word(end: &RunEnd) -> String {
    serde_json::to_value(end.outcome).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The end in the timeline.
pub fn ended(end: &RunEnd) -> What {
    What::RunEnded {
        outcome: outcome_word(end),
        why: end.why.clone(),
        ineffective: end.ineffective,
        remains: end.remains.clone(),
    }
}

/// The timeline's line for a call that began.
pub fn intent_item(call: &NativeCall) -> What {
    What::CallIntent { action: call.action.to_string(), native: call.native.to_string(), attempt: call.attempt }
}

/// The timeline's line for a call that ended `millis` after it began.
pub fn outcome_item(call: &NativeCall, outcome: &EffectOutcome, millis: i64) -> What {
    let (ok, message) = match outcome {
        EffectOutcome::Failed(failure) => (false, format!("{}: {}", failure.kind.name(), failure.message)),
        EffectOutcome::Lost { why } => (false, format!("outcome unknown: {why}")),
        _ => (true, String::new()),
    };
    What::CallOutcome { action: call.action.to_string(), native: call.native.to_string(), ok, message, millis }
}
